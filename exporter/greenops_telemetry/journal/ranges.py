"""Sets of sequences as few ranges: what a receiver has is one of them, or two while it catches up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""From the first, to before the second."""


class Ranges:
    """A set of integers, kept as ranges in ascending order that do not touch.

    >>> done = Ranges([(1, 5)])
    >>> done.add(7, 9)
    2
    >>> done.add(4, 7)
    2
    >>> list(done), len(done), 8 in done
    ([(1, 9)], 8, True)
    """

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in ranges:
            self.add(start, stop)

    def __iter__(self) -> Iterator[Range]:
        return iter(list(zip(self._starts, self._stops, strict=True)))

    def __len__(self) -> int:
        """How many integers there are, not how many ranges."""
        return sum(self._stops) - sum(self._starts)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._starts, number) - 1
        return place >= 0 and number < self._stops[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def add(self, start: int, stop: int) -> int:
        """Put *start* to before *stop* in; how many of them were new."""
        if stop <= start:
            return 0
        low = bisect_right(self._stops, start - 1)  # the first that touches
        high = bisect_right(self._starts, stop)
        known = sum(
            max(0, min(stop, to) - max(start, since))
            for since, to in zip(self._starts[low:high], self._stops[low:high], strict=True)
        )
        first = min([start, *self._starts[low:high]])
        last = max([stop, *self._stops[low:high]])
        self._starts[low:high], self._stops[low:high] = [first], [last]
        return stop - start - known

    def missing(self, start: int, stop: int) -> Iterator[Range]:
        """What of *start* to before *stop* is not in the set, in ascending order."""
        for since, to in self:
            if to <= start:
                continue
            if since >= stop:
                break
            if start < since:
                yield start, since
            start = max(start, to)
        if start < stop:
            yield start, stop
