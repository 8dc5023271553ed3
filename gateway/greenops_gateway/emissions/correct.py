"""Revisions that a person asks for: hours once more by the present plan, with a reason, into the ledger and the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from greenops_core.errors import ConfigError, nearest
from greenops_gateway.cems.hour import written
from greenops_gateway.configuration import load
from greenops_gateway.emissions.calibrations import Calibrations
from greenops_gateway.emissions.collect import Collector, Window
from greenops_gateway.emissions.entry import Entry, values
from greenops_gateway.emissions.follow import UNTESTED, Stack, Task, kept, work
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.recompute import changes
from greenops_gateway.emissions.section import sources
from greenops_gateway.journal.look import Look
from greenops_gateway.point import Owner
from greenops_telemetry.audit import Audit, Kind, timestamp

_HOUR = 3600.0


class Why(NamedTuple):
    """The *reason* of a revision, *who* wants it, by which *version* of the program, and the Unix time.

    *out_of_control* are the parameters whose analyser had failed a test; unless it is given, what was recorded since
    counts, and without a record what was known.
    """

    reason: str
    who: str
    version: str
    now: float
    out_of_control: frozenset[str] | None = None


def corrected(config: Path, ledger: Ledger, look: Look, asked: range, why: Why) -> Iterator[Entry]:
    """Revise those of the hours *asked* that the plan in *config* gives another result for; gives the revisions.

    Each is a record of the audit log first.

    Raises:
        ConfigError: the configuration has no such stack, or samples of an hour are gone from the journal.
        OSError: the journal cannot be read, or the ledger or the log not written.
    """
    stack = _stack(config, ledger.stack)
    for name in sorted((why.out_of_control or frozenset()) - stack.plan.measured.keys()):
        told = f"'{ledger.stack}' does not measure '{name}'{nearest(name, stack.plan.measured)}"
        raise ConfigError(told, ("--out-of-control",))
    plan = ledger.keep_plan(kept(stack))
    collector, audit = Collector(stack.sources, look.store.series), Audit.open(look.directory / "audit")
    calibrations = Calibrations(look.directory / "audit", ledger, stack.plan.standard_time)
    with closing(Window(look.store.reader())) as window:
        for before in list(ledger.hours(asked)):
            hour, sequences = before.closed.hour, before.inputs.sequences
            if sequences and sequences[0][0] < look.store.oldest:
                raise ConfigError(f"samples of {ledger.stack} {written(hour)} are gone from the journal")
            tests = calibrations.of(hour)
            if tests == UNTESTED:
                tests = before.tests
            if why.out_of_control is not None:
                tests = tests._replace(out_of_control=why.out_of_control)
            worked = work(Task(stack, hour, sequences, tests), collector, window)
            if not list(changes(before.closed, worked.closed)):
                continue
            after = before._replace(
                reason=why.reason,
                closed_at=timestamp(why.now),
                version=why.version,
                plan=plan,
                inputs=worked.inputs,
                tests=tests,
                workings=tuple(each.digest for each in worked.workings),
                closed=worked.closed,
            )
            audit.append(Kind.CORRECTION, why.who, correction(before, after, stack))
            yield from ledger.append([after])


def correction(before: Entry, after: Entry, stack: Stack) -> dict[str, object]:
    """What the audit log says of a revision: which values are others now, and why."""
    begin = float(stack.plan.standard_time.begins(after.closed.hour))
    old, new = (
        {name: None if value is None else str(value) for name, value in values(each.closed).items()}
        for each in (before, after)
    )
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {
        "point": f"{after.stack}/hour",
        "interval": [timestamp(begin), timestamp(begin + _HOUR)],
        "old": {name: old.get(name) for name in changed},
        "new": {name: new.get(name) for name in changed},
        "reason": after.reason,
    }


def _stack(config: Path, name: str) -> Stack:
    """Raises ConfigError: the file is wrong, or does not close the hours of this stack."""
    gateway = load(config)
    owners: Iterable[Owner] = (*gateway.devices, *gateway.derived)
    plans = {plan.stack: plan for plan in gateway.emissions.stacks} if gateway.emissions else {}
    if name not in plans:
        raise ConfigError(f"{config}: emissions.stacks has no '{name}'")
    return Stack(plans[name], sources(plans[name], {owner.name: owner for owner in owners}))
