"""The lookback: the last 720 or 2160 quality-assured hours, no older than three years, sorted within each load bin."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.hour import Hour


class Entry(NamedTuple):
    """A quality-assured *value*, bias-adjusted and rounded. *load_bin* is absent when the load is not known."""

    hour: Hour
    value: Decimal
    load_bin: int | None
    fuel: str
    is_controlled: bool


def percentile(ordered: Sequence[Decimal], percent: int) -> Decimal:
    """The value at the nearest rank: the smallest that *percent* in a hundred of the values do not exceed.

    40 CFR 75.33 has no method for percentiles. Nearest rank gives a value that was measured; it awaits confirmation.

    >>> percentile([Decimal(n) for n in range(1, 12)], 90), percentile([Decimal(n) for n in range(1, 12)], 10)
    (Decimal('10'), Decimal('2'))
    """
    return ordered[-(-percent * len(ordered) // 100) - 1]


class Lookback:
    """Holds the last *depth* entries; one costs the same however many went before."""

    def __init__(self, depth: int, entries: Iterable[Entry] = ()) -> None:
        self._depth = depth
        self._entries: deque[Entry] = deque()
        self._bins: dict[int | None, list[Decimal]] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Take the entry of an hour later than any before."""
        self._entries.append(entry)
        insort(self._bins.setdefault(entry.load_bin, []), entry.value)
        if len(self._entries) > self._depth:
            self._drop()

    def forget_before(self, hour: Hour) -> None:
        """Drop what was measured before *hour*."""
        while self._entries and self._entries[0].hour < hour:
            self._drop()

    def values(self, load_bin: int) -> Sequence[Decimal]:
        """What *load_bin* holds, ascending."""
        return self._bins.get(load_bin, ())

    def higher(self, load_bin: int) -> Sequence[Decimal]:
        """What the next higher bin that holds anything does, ascending; nothing where there is none."""
        held = [other for other, values in self._bins.items() if values and other is not None and other > load_bin]
        return self._bins[min(held)] if held else ()

    def controlled(self, load_bin: int) -> Sequence[Decimal]:
        """What *load_bin* holds of hours in which the add-on controls were at work."""
        return [entry.value for entry in self._entries if entry.is_controlled and entry.load_bin == load_bin]

    def entries(self) -> tuple[Entry, ...]:
        """What the lookback is made again from, oldest first."""
        return tuple(self._entries)

    def _drop(self) -> None:
        oldest = self._entries.popleft()
        values = self._bins[oldest.load_bin]
        del values[bisect_left(values, oldest.value)]
