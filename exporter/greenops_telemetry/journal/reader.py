"""Reads samples by their sequence. Who reads on where it stopped pays for the new samples only."""

from __future__ import annotations

import errno
from collections.abc import Callable

from greenops_telemetry.journal.archive import Archive
from greenops_telemetry.journal.columns import Columns, unpack
from greenops_telemetry.journal.frame import Damage, Frame, Kind
from greenops_telemetry.journal.segment import Cursor, Segment, archive_of
from greenops_telemetry.journal.shelf import Shelf

Run = tuple[int, Columns]
"""The first sequence, and the samples from there on without a hole."""
Damaged = Callable[[Segment, Damage], None]
"""Told of each stretch of a segment that is no frame, each time that somebody comes by."""


class Reader:
    """Remembers where it was. For one thread at a time."""

    def __init__(self, shelf: Shelf, damaged: Damaged) -> None:
        self._shelf, self._damaged = shelf, damaged
        self._place: _Place | _ArchivedPlace | None = None

    def read(self, start: int, stop: int, most: int) -> Run | None:
        """At most *most* samples without a hole, from the first readable of *start* to before *stop* on.

        What lies between *start* and that sequence is lost. Nothing: there is nothing readable.
        """
        stop = min(stop, self._shelf.next)
        while start < stop and (segment := self._shelf.holding(start)) is not None and segment.first < stop:
            behind = segment.stop
            try:
                found = self._at(segment, start).read(max(start, segment.first), min(stop, behind), most)
            except FileNotFoundError:  # it was evicted or archived meanwhile, perhaps by another process
                self.close()
                if not segment.gone:
                    archived = archive_of(segment)
                    if archived is not None:
                        self._shelf.replace(segment, archived)
                    else:
                        start = behind
                continue
            if found is not None:
                return found
            start = behind
        return None

    def close(self) -> None:
        """Give the file back."""
        if self._place is not None:
            self._place.close()
        self._place = None

    def _at(self, segment: Segment, start: int) -> _Place | _ArchivedPlace:
        """A place in *segment* from which *start* can still be found."""
        place = self._place
        if place is None or place.segment is not segment or start < place.sought:
            self.close()
            kind = _ArchivedPlace if segment.archived else _Place
            place = self._place = kind(segment, start, self._damaged)
        return place


class _Place:
    """A position in a live segment. Everything from *sought* on can be found from here."""

    def __init__(self, segment: Segment, sought: int, damaged: Damaged) -> None:
        self.segment, self.sought = segment, sought
        self._cursor, self._damaged = Cursor(segment.path), damaged
        self._held: Run = (0, Columns())

    def close(self) -> None:
        self._cursor.close()

    def read(self, start: int, stop: int, most: int) -> Run | None:
        """As ``Reader.read``."""
        held = self._reaching(start)
        if held is None or held[0] >= stop:
            return None
        first, columns = held
        start = max(start, first)
        end = min(stop, start + most)
        if start == first and end >= first + len(columns):
            found = columns.part(0, len(columns))
        else:
            found = columns.part(start - first, end - first)
        while (at := start + len(found)) < end:
            more = self._reaching(at)
            if more is None or more[0] != at:
                break
            found.extend(more[1].part(0, end - at))
        return start, found

    def _reaching(self, start: int) -> Run | None:
        """The samples of the first frame that ends after *start*."""
        while (passed := self._held[0] + len(self._held[1])) <= start:
            frame = self._next()
            if frame is None:
                return None
            self.sought = max(self.sought, passed)
            if frame.end <= start:
                self.sought = max(self.sought, frame.end)
                continue
            try:
                self._held = (frame.first, unpack(frame.payload, frame.samples))
            except ValueError:  # of a later version of this program
                continue
        return self._held

    def _next(self) -> Frame | None:
        """The next frame with samples."""
        while (found := self._cursor.next(self.segment.size)) is not None:
            if isinstance(found, Damage):
                self._damaged(self.segment, found)
            elif found.kind is Kind.SAMPLES:
                return found
        return None


class _ArchivedPlace:
    """The same for an archived segment."""

    def __init__(self, segment: Segment, sought: int, damaged: Damaged) -> None:
        self.segment, self.sought = segment, min(sought, segment.first)
        self._damaged = damaged
        try:
            self._archive: Archive | None = Archive.open(segment.path)
        except ValueError:
            self._archive = None
            damaged(segment, Damage(0, segment.size))

    def close(self) -> None:
        """Nothing is open."""

    def read(self, start: int, stop: int, most: int) -> Run | None:
        """As ``Reader.read``."""
        if self._archive is None:
            return None
        try:
            found = self._archive.read(start, stop, most)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._damaged(self.segment, Damage(0, self.segment.size))
            return None
        if self._archive.lost:
            self._damaged(self.segment, Damage(0, self.segment.size))
        return found
