"""Which segments there are, in their order. Readers look while the writer changes it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from threading import Lock

from greenops_telemetry.journal.segment import Segment


class Shelf:
    """The segments of a journal, oldest first. *next* is the sequence after the last sample that is durable."""

    def __init__(self, segments: Iterable[Segment], following: int) -> None:
        self.next = following
        self._all = tuple(segments)
        self._changing = Lock()

    @property
    def all(self) -> tuple[Segment, ...]:
        """All of them at this moment."""
        return self._all

    @property
    def oldest(self) -> int:
        """The first sequence that may still be there; ``next`` when nothing is."""
        return next((segment.first for segment in self._all if segment.stop > segment.first), self.next)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(segment.size for segment in self._all)

    def holding(self, sequence: int) -> Segment | None:
        """The one with *sequence*, or else the first behind it."""
        segments = self._all
        place = max(bisect_right(segments, sequence, key=_first) - 1, 0)
        return next((segment for segment in segments[place:] if segment.stop > sequence), None)

    def add(self, segment: Segment) -> None:
        """Put *segment* behind the others."""
        with self._changing:
            self._all = (*self._all, segment)

    def remove(self, segment: Segment) -> None:
        """Take *segment* away."""
        with self._changing:
            segment.gone = True
            self._all = tuple(each for each in self._all if each is not segment)

    def replace(self, segment: Segment, other: Segment) -> None:
        """Put *other* in the place of *segment*."""
        with self._changing:
            segment.gone = True
            self._all = tuple(other if each is segment else each for each in self._all)


def _first(segment: Segment) -> int:
    return segment.first
