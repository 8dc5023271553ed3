"""Closes the hours of one stack as the journal grows: in order, once, and once more when samples came late.

Where it is follows from the ledger alone: the last hour says from which sample on to look. So a start after any end
goes on as if there had been none, and an hour that was being closed when the power failed is closed then.

Only the place of an hour's samples is remembered, not the samples: an hour is read when it is closed, and read again
for a revision, from the same stretch of the journal and what came since. That bounds memory by one hour.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from greenops_gateway.cems.closing import close
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.reading import HourInputs
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cems.working import Working
from greenops_gateway.emissions.collect import AT_ONCE, Collector, Window, merged
from greenops_gateway.emissions.entry import AnalyserTests, Entry, Inputs, Sequences
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.unit import Source, Sources
from greenops_gateway.journal.description import plain
from greenops_telemetry.audit import timestamp
from greenops_telemetry.configuration import convert
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.store import Store

log = logging.getLogger(__name__)

FURTHEST = 400 * 24
"""Hours before now that a first start goes back: a clock that showed 1970 must not make half a million of them."""
UNTESTED = AnalyserTests()


class Stack(NamedTuple):
    """A plan, and where its readings come from."""

    plan: StackPlan
    sources: Sources


class Task(NamedTuple):
    """*hour* of *stack*, its samples in *sequences* of the journal, and what *tests* say of it."""

    stack: Stack
    hour: Hour
    sequences: Sequences
    tests: AnalyserTests


class Worked(NamedTuple):
    """An hour with all that was computed for it."""

    closed: ClosedHour
    workings: tuple[Working, ...]
    inputs: Inputs


class _Late(NamedTuple):
    """Samples of a closed hour that came after: of which stretch, how many, and when they were noticed."""

    first: int
    samples: int
    noticed: float


def kept(stack: Stack) -> dict[str, Any]:
    """*stack* as the ledger keeps it.

    The units of points are in it: without them nobody could read a plan years later.
    """
    found = {name: plain({**each._asdict(), "full_scale": None}) for name, each in stack.sources.items()}
    return {"plan": plain(stack.plan), "sources": found}


def stack_of(content: Mapping[str, Any]) -> Stack:
    """The stack that ``kept`` made *content* of.

    Raises:
        ConfigError: it is of another version of this program.
    """
    plan = convert(content["plan"], StackPlan)
    found = {
        str(name): Source(
            each["point"], each["unit"], plan.measured[name].full_scale if name in plan.measured else None
        )
        for name, each in content["sources"].items()
    }
    return Stack(plan, found)


def work(task: Task, collector: Collector, reader: Window) -> Worked:
    """*task* done, by the samples that *collector* finds with *reader*. Raises OSError: they cannot be read."""
    stack, hour, sequences, tests = task
    found = collector.collected(reader, sequences, stack.plan.standard_time, hour)
    inputs = HourInputs(hour, found.readings, out_of_control=tests.out_of_control, calibrations=tests.calibrations)
    closed, workings = close(stack.plan, inputs)
    return Worked(closed, workings, found.inputs)


class Follower:
    """One stack: reads on, closes, revises. For one thread."""

    def __init__(
        self,
        stack: Stack,
        ledger: Ledger,
        store: Store,
        *,
        grace: float,
        version: str,
        tests: Callable[[Hour], AnalyserTests] = lambda _: UNTESTED,
    ) -> None:
        """*grace* is how many seconds after its end an hour is closed; *tests* what is known of an hour's tests.

        Raises:
            OSError: the ledger cannot be read or written.
        """
        self.stack, self.ledger = stack, ledger
        self._store, self._grace, self._version, self._tests = store, grace, version, tests
        self._zone = stack.plan.standard_time
        self._collector = Collector(stack.sources, store.series)
        self._plan = ledger.keep_plan(kept(stack))
        self._ahead, self._behind = store.reader(), Window(store.reader())
        last = ledger.last
        self._next: Hour | None = None if last is None else Hour(last.closed.hour + 1)
        self._at = store.oldest if last is None else max(last.resume, store.oldest)
        self._first: dict[Hour, int] = {}
        self._late: dict[Hour, _Late] = {}

    @property
    def next(self) -> Hour | None:
        """The first hour that is not closed; none when there was no sample yet."""
        return self._next

    @property
    def behind(self) -> int:
        """Samples of the journal that were not looked at yet."""
        return self._store.next - self._at

    def advance(self, now: float, stop: Callable[[], bool] = lambda: False) -> Iterator[list[Entry]]:
        """Read on, and give what was closed or revised each time that it lies in the ledger; until *stop* says so.

        Hours are closed by the clock *now*; while old samples are read, by the time at which these came, so that an
        hour is closed from the same samples as if somebody had been there.

        Raises:
            OSError: the journal cannot be read, or the ledger not written; the same can be tried again.
        """
        newest = 0.0
        while not stop() and (run := self._ahead.read(self._at, self._store.next, AT_ONCE)) is not None:
            first, columns = run
            self._look(first, columns, now)
            self._at = first + len(columns)
            newest = max(newest, *columns.received)
            if newest + self._grace < now:
                yield from self._closed(newest, now)
        if not stop():
            yield from self._closed(now, now)
            yield from self._revised(now)

    def close(self) -> None:
        """Give the files back."""
        self._ahead.close()
        self._behind.close()

    def _look(self, first: int, columns: Columns, now: float) -> None:
        """Note of which hours the samples are."""
        covered: dict[Hour, Sequences | None] = {}
        for place in self._collector.wanted(columns):
            hour, sequence = self._zone.hour(columns.at[place]), first + place
            if self._next is None:
                self._next = Hour(max(hour, self._zone.hour(now) - FURTHEST))
                log.info("%s: the first hour is %s", self.stack.plan.stack, written(self._next))
            if hour >= self._next:
                self._first.setdefault(hour, sequence)
                continue
            if hour not in covered:
                known = self.ledger.place(hour)
                covered[hour] = None if known is None else known.sequences
            sequences = covered[hour]
            if sequences is not None and not any(start <= sequence < stop for start, stop in sequences):
                late = self._late.get(hour, _Late(sequence, 0, now))
                self._late[hour] = _Late(late.first, late.samples + 1, now)

    def _closed(self, until: float, now: float) -> Iterator[list[Entry]]:
        """Close what has ended *grace* before *until*."""
        while self._next is not None and self._zone.begins(Hour(self._next + 1)) + self._grace <= until:
            hour = self._next
            sequences = merged((self._first.get(hour, self._at), self._at))
            tests = self._tests(hour)
            worked = work(Task(self.stack, hour, sequences, tests), self._collector, self._behind)
            first = self._first.pop(hour, None)
            try:
                done = self._write(worked, tests, "", self._plan, now)
            except OSError:
                if first is not None:
                    self._first[hour] = first
                raise
            self._next = Hour(hour + 1)
            yield done

    def _revised(self, now: float) -> Iterator[list[Entry]]:
        """Close once more what samples came late for, *grace* after the last of them."""
        for hour, late in sorted(self._late.items()):
            if now - late.noticed < self._grace:
                continue
            before = self.ledger.entry(hour)
            if before is not None:
                done = self._again(before, late, now)
                if done:
                    yield done
            del self._late[hour]

    def _again(self, before: Entry, late: _Late, now: float) -> list[Entry]:
        """A revision of *before*; none when what came is there already."""
        stack = self.stack if before.plan == self._plan else stack_of(self.ledger.plan(before.plan))
        collector = self._collector if before.plan == self._plan else Collector(stack.sources, self._store.series)
        sequences = merged(*before.inputs.sequences, (late.first, self._at))
        tests = self._tests(before.closed.hour)
        worked = work(Task(stack, before.closed.hour, sequences, tests), collector, self._behind)
        if worked.inputs.hash == before.inputs.hash:
            return []
        if worked.inputs.readings < before.inputs.readings:
            name = f"{self.stack.plan.stack} {written(before.closed.hour)}"
            log.error("%s: samples came late, but those of before are gone from the journal; it stays as it was", name)
            return []
        return self._write(worked, tests, f"{late.samples} samples came late", before.plan, now)

    def _write(self, worked: Worked, tests: AnalyserTests, reason: str, plan: str, now: float) -> list[Entry]:
        """Put *worked* into the ledger. Raises OSError: it is not there."""
        open_ = [*self._first.values(), *(late.first for late in self._late.values()), self._at]
        entry = Entry(
            0,
            self.stack.plan.stack,
            0,
            reason,
            timestamp(now),
            self._version,
            plan,
            worked.inputs,
            tests,
            min(open_),
            tuple(each.digest for each in worked.workings),
            worked.closed,
        )
        return self.ledger.append([entry])
