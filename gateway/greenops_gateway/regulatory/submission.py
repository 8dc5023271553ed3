"""What became of each report on its way to the authority: prepared, approved by a person, sent. Pure.

The steps are records of the audit log (kind ``report``), so they are durable, chained by hashes, and signed with a name
and a reason. Nothing goes from prepared to sent but through a person's approval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from greenops_core.errors import ConfigError, nearest
from greenops_telemetry.audit_chain import GATEWAY, Kind, Record


class State(StrEnum):
    """Where a submission stands. A closed set: it is on disk."""

    PREPARED = "prepared"
    APPROVED = "approved"
    REJECTED = "rejected"
    SENT = "sent"
    FAILED = "failed"


AFTER: Mapping[State, frozenset[State]] = {
    State.APPROVED: frozenset({State.PREPARED}),
    State.REJECTED: frozenset({State.PREPARED, State.APPROVED, State.FAILED}),
    State.SENT: frozenset({State.APPROVED, State.FAILED}),
    State.FAILED: frozenset({State.APPROVED, State.FAILED}),
}
"""From which states one can be reached. A failed sending is tried again under the approval that it had."""
WAITING = frozenset({State.PREPARED, State.APPROVED, State.FAILED})
PENDING = frozenset({State.PREPARED, State.APPROVED})


class Step(NamedTuple):
    """What *who* did, *at* (RFC 3339 in UTC), and *why*."""

    state: State
    at: str
    who: str
    why: str


class Submission(NamedTuple):
    """A *report* on *period*, due on *deadline*; *files* are names and SHA-256. *steps* are all, the first first."""

    name: str
    report: str
    period: str
    deadline: date
    files: Mapping[str, str]
    steps: tuple[Step, ...]

    @property
    def state(self) -> State:
        return self.steps[-1].state

    @property
    def since(self) -> float:
        """When it was prepared, Unix seconds."""
        return datetime.fromisoformat(self.steps[0].at).timestamp()

    @property
    def due(self) -> float:
        """The end of the last day (UTC) on which it is in time, Unix seconds."""
        end = datetime.combine(self.deadline + timedelta(days=1), datetime.min.time(), UTC)
        return end.timestamp()


class Waiting(NamedTuple):
    """What is not sent: how many *pending* and *failed*; *age* of the oldest (s), nearest *due* (Unix seconds)."""

    pending: int
    failed: int
    age: float | None
    due: float | None


def submissions(records: Iterable[Record]) -> dict[str, Submission]:
    """The submissions that *records* tell of, by name; steps that cannot follow one another are not taken over."""
    found: dict[str, Submission] = {}
    for record in records:
        if record.kind is not Kind.REPORT:
            continue
        match record.what:
            case {"submission": str(name), "state": State.PREPARED, "why": str(why), **told} if name not in found:
                if made := _prepared(name, told, Step(State.PREPARED, record.at, record.who, why)):
                    found[name] = made
            case {"submission": str(name), "state": str(state), "why": str(why)} if name in found:
                step = _step(state, record, why)
                if step is not None and found[name].state in AFTER.get(step.state, ()):
                    found[name] = found[name]._replace(steps=(*found[name].steps, step))
    return found


def _prepared(name: str, told: Mapping[str, object], step: Step) -> Submission | None:
    match told:
        case {"report": str(report), "period": str(period), "deadline": str(deadline), "files": dict(files)}:
            try:
                day = date.fromisoformat(deadline)
            except ValueError:
                return None
            return Submission(name, report, period, day, {str(key): str(files[key]) for key in files}, (step,))
    return None


def _step(state: str, record: Record, why: str) -> Step | None:
    return Step(State(state), record.at, record.who, why) if state in set(State) else None


def named(found: Mapping[str, Submission], name: str) -> Submission:
    """The one of that name. Raises ConfigError: there is none."""
    if name not in found:
        raise ConfigError(f"there is no submission '{name}'{nearest(name, found)}")
    return found[name]


def check(submission: Submission, state: State, who: str, why: str) -> None:
    """That *submission* can come to *state* now.

    Raises:
        ConfigError: it cannot, nobody says why, or it was no person.
    """
    if not why.strip():
        raise ConfigError("say why; whoever asks in ten years reads it")
    if not who.strip() or (state is State.APPROVED and who == GATEWAY):
        raise ConfigError("a person approves; say who with --who")
    if submission.state not in AFTER[state]:
        could = ", ".join(sorted(AFTER[state]))
        raise ConfigError(
            f"{submission.name} is {submission.state.value}; only one that is {could} can be {state.value}"
        )


def waiting(found: Iterable[Submission], now: float) -> Waiting:
    """What waits at the Unix time *now*."""
    open_ = [each for each in found if each.state in WAITING]
    return Waiting(
        sum(each.state in PENDING for each in open_),
        sum(each.state is State.FAILED for each in open_),
        max((max(0.0, now - each.since) for each in open_), default=None),
        min((each.due for each in open_), default=None),
    )
