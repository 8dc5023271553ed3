"""Closed hours once more, from the journal, by the plan that they were closed by: what differs from the ledger.

Nothing is written here. A difference means that the program computes something else now, or that samples are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import NamedTuple

from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.emissions.collect import Collector, Window
from greenops_gateway.emissions.entry import Entry, result, values
from greenops_gateway.emissions.follow import Stack, Task, Worked, stack_of, work
from greenops_gateway.emissions.ledger import Ledger
from greenops_telemetry.journal.store import Store


class Recomputed(NamedTuple):
    """An hour of the ledger, the same computed anew, and what differs, in words."""

    entry: Entry
    worked: Worked
    differences: tuple[str, ...]


class Recomputation:
    """Computes hours of *ledger* anew from the journal *store*."""

    def __init__(self, ledger: Ledger, store: Store) -> None:
        self._ledger, self._store = ledger, store
        self._known: dict[str, tuple[Stack, Collector]] = {}

    def of(self, entries: Iterable[Entry]) -> Iterator[Recomputed]:
        """Each of *entries* anew.

        Raises:
            ConfigError: the plan of an hour cannot be read.
            OSError: the journal cannot be read.
        """
        with closing(Window(self._store.reader())) as window:
            for entry in entries:
                stack, collector = self.by(entry)
                worked = work(Task(stack, entry.closed.hour, entry.inputs.sequences, entry.tests), collector, window)
                yield Recomputed(entry, worked, tuple(differences(entry, worked)))

    def by(self, entry: Entry) -> tuple[Stack, Collector]:
        """The stack as *entry* was closed by it, and what finds its samples. Raises ConfigError: it cannot be read."""
        if entry.plan not in self._known:
            stack = stack_of(self._ledger.plan(entry.plan))
            self._known[entry.plan] = stack, Collector(stack.sources, self._store.series)
        return self._known[entry.plan]


def differences(entry: Entry, worked: Worked) -> Iterator[str]:
    """What *worked* has otherwise than *entry*."""
    if worked.inputs.hash != entry.inputs.hash:
        yield f"its inputs are others: {worked.inputs.readings} readings, {entry.inputs.readings} when it was closed"
    yield from changes(entry.closed, worked.closed)
    if tuple(each.digest for each in worked.workings) != entry.workings:
        yield "it is worked out in another way: the digests differ"


def changes(before: ClosedHour, after: ClosedHour) -> Iterator[str]:
    """What differs between two results of one hour, in words.

    >>> from decimal import Decimal
    >>> one = ClosedHour(27, Decimal("1.00"), None, "", False, {}, {})
    >>> list(changes(one, one._replace(load=Decimal(7))))
    ['LOAD: none, now 7']
    """
    old, new = values(before), values(after)
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            yield f"{name}: {_told(old.get(name))}, now {_told(new.get(name))}"
    if old == new and result(before) != result(after):
        yield "methods, reasons or units differ, values do not"


def _told(value: object) -> str:
    return "none" if value is None else str(value)
