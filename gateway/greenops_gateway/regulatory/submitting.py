"""``greenops-gateway report submissions``: what became of each report, and the step that a person takes."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from greenops_core.errors import ConfigError, within
from greenops_core.table import aligned
from greenops_gateway.journal.audit import login, plain
from greenops_gateway.journal.words import where
from greenops_gateway.regulatory.period import period
from greenops_gateway.regulatory.submission import WAITING, State, Submission
from greenops_gateway.regulatory.submission_queue import Queue

Say = Callable[[str], None]
STEPS = {"approve": State.APPROVED, "reject": State.REJECTED, "sent": State.SENT, "failed": State.FAILED}


def submissions(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks; ``list`` gives exit code 1 when one is overdue or failed."""
    queue = Queue(where(given.config, given.directory).directory)
    if given.submissions == "list":
        return _list(given, say, queue)
    who = login() if given.who is None else given.who
    if given.submissions == "prepare":
        return _prepare(given, say, queue, who)
    done = queue.take(given.name, STEPS[given.submissions], who, given.why)
    say(json.dumps(told(done), indent=2) if given.json else f"{done.name}: {done.state.value} by {plain(who)}")
    return 0


def told(submission: Submission) -> dict[str, object]:
    """*submission* as JSON takes it."""
    return {
        "name": submission.name,
        "report": submission.report,
        "period": submission.period,
        "deadline": submission.deadline.isoformat(),
        "state": submission.state.value,
        "files": dict(submission.files),
        "steps": [{**step._asdict(), "state": step.state.value} for step in submission.steps],
    }


def _prepare(given: argparse.Namespace, say: Say, queue: Queue, who: str) -> int:
    with within("--period"):
        of = period(given.period)
    name = queue.prepare(given.report_kind, of.name, _day(given.deadline) or of.deadline, given.file, (who, given.why))
    if given.json:
        say(json.dumps(told(queue.all()[name]), indent=2))
    else:
        say(f"{name}: prepared; it waits for approval: greenops-gateway report submissions approve {name} --why ...")
    return 0


def _list(given: argparse.Namespace, say: Say, queue: Queue) -> int:
    found = list(queue.all().values())
    shown = found if given.all else [each for each in found if each.state in WAITING]
    now = time.time()
    if given.json:
        say(json.dumps([told(each) for each in shown], indent=2))
    elif shown:
        say("\n".join(aligned(("name", "state", "due", "since", "by", "why"), *(_row(each, now) for each in shown))))
    else:
        say("nothing waits" if found else "no report was prepared yet")
    late = [each for each in found if each.state is State.FAILED or (each.state in WAITING and each.due < now)]
    return 1 if late else 0


def _row(submission: Submission, now: float) -> tuple[str, ...]:
    last = submission.steps[-1]
    due = submission.deadline.isoformat()
    if submission.state in WAITING and submission.due < now:
        due += " (overdue)"
    since = datetime.fromisoformat(last.at).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return submission.name, submission.state.value, due, since, plain(last.who), plain(last.why)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--deadline: '{text}' is no day; write it as 2026-04-30") from None
