"""What makes room: the oldest segment goes when there is none left, and what receivers have is compressed.

A segment goes only after the state says so: which sequences, and of each series how much and from when to when.
"""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, RLock

from greenops_telemetry.failpoint import pass_point
from greenops_telemetry.journal.account import MISSING, Eviction, Lost
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.compress import Compressor, StoppedError
from greenops_telemetry.journal.contents import received_last
from greenops_telemetry.journal.reader import Damaged, Reader
from greenops_telemetry.journal.recovery import HALF
from greenops_telemetry.journal.segment import Segment, archive_of, sync_directory
from greenops_telemetry.journal.shelf import Shelf
from greenops_telemetry.journal.state import State

log = logging.getLogger(__name__)

_AT_ONCE = 10_000
_AHEAD = 32
"""The part of its bytes that housekeeping leaves free, so that no commit has to wait for an eviction."""
_RESERVES = (2**20, 2**18, 2**16)
_A_DAY = 86400
_YEAR = 365.25 * 86400


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large the journal may grow: bytes of one segment and of all. Nothing is deleted while there is room.

    *keep_named*: the configuration names *keep*, in seconds, so nothing younger is ever deleted, and commits fail.
    """

    segment: int = 16 * 2**20
    size: int = 10 * 2**30
    keep: float = 10 * _YEAR
    keep_named: bool = False


class House:
    """Evicts and archives. For one thread at a time; it waits for the other."""

    def __init__(self, shelf: Shelf, state: State, bounds: Bounds, directory: Path, damaged: Damaged) -> None:
        self.active: Segment | None = None
        """The segment that is written; it stays."""
        self._shelf, self._state, self._bounds = shelf, state, bounds
        self._reserve, self._archives, self._damaged = directory / "reserve", directory / "archive", damaged
        self._unfit: set[Segment] = set()
        self._unrecorded: list[Eviction] = []
        self._stops = False
        self._compressor = Compressor()
        self._evicting, self._archiving = RLock(), Lock()

    def has_room(self, ahead: float = 0) -> bool:
        """Whether the journal is not as large as it may be, less *ahead* bytes."""
        return self._shelf.size + ahead <= self._bounds.size

    def evict_ahead(self, now: float) -> None:
        """Make room before a commit needs it. Raises what ``evict`` does."""
        self.evict(now, ahead=self._bounds.size / _AHEAD)

    def evict(self, now: float, *, full: bool = False, ahead: float = 0) -> None:
        """Let the oldest segments go until there is room, and one when the disk is *full*, as far as they may.

        Raises:
            OSError: the state cannot be written, or a file not be removed.
        """
        with self._evicting:
            while not self._stops and (full or not self.has_room(ahead)):
                oldest = next(iter(self._shelf.all), None)
                if oldest is None or oldest is self.active or not self._may_go(oldest, now):
                    break
                self._let_go(oldest, now, full=full)
                full = False
            if not self._stops:
                self._record()  # what a full disk did not take
                self._save_reserve()

    def archive(self, now: float) -> bool:
        """Compress the oldest segment that all receivers have, or that lies a day. Whether there is another one.

        Raises:
            OSError: the disk does not allow it; the segment stays as it is.
        """
        with self._archiving, suppress(StoppedError):
            if self._stops:
                return False
            ready = self._ready(now)
            segment = next(ready, None)
            if segment is None or _free(self._archives) < segment.size:
                return False
            self._compress(segment)
            return next(ready, None) is not None
        return False

    def stop(self) -> None:
        """Wait for what cannot be broken off, and do no more."""
        self._stops = True
        self._compressor.stop()
        with self._archiving, self._evicting:
            pass

    def _ready(self, now: float) -> Iterator[Segment]:
        """What is to be archived, the oldest first."""
        accounts = list(self._state.accounts().values())
        lies_a_day = True
        for segment in self._shelf.all:
            if segment.archived or segment.stop == segment.first or segment in {self.active, *self._unfit}:
                continue
            owed = (each.done.missing(max(segment.first, each.start), segment.stop) for each in accounts)
            if all(next(missing, None) is None for missing in owed):
                yield segment
            elif lies_a_day:  # what comes behind one that does not is younger still, and need not be read
                lies_a_day = now - (received_last(segment) or now) > _A_DAY
                if lies_a_day:
                    yield segment

    def _compress(self, segment: Segment) -> None:
        """Put an archive in the place of *segment*, once it is durable and proven."""
        path = self._archives / f"{segment.first:020}-{segment.stop:020}.goa"
        half = path.with_name(path.name + HALF)
        try:
            why = self._compressor.compress(segment, half)
        except (OSError, StoppedError):
            half.unlink(missing_ok=True)
            raise
        if why:
            log.error("%s stays as it is: %s", segment.path, why)
            self._unfit.add(segment)
            half.unlink(missing_ok=True)
            return
        with self._evicting:
            if segment.gone:
                half.unlink()
                return
            half.rename(path)
            sync_directory(self._archives)
            pass_point("before swap")
            archived = archive_of(segment)
            if archived is not None:
                self._shelf.replace(segment, archived)
            segment.path.unlink(missing_ok=True)

    def _may_go(self, segment: Segment, now: float) -> bool:
        """Whether the configuration does not keep *segment*."""
        newest = received_last(segment) if self._bounds.keep_named else None
        return newest is None or now - newest > self._bounds.keep

    def _let_go(self, segment: Segment, now: float, *, full: bool) -> None:
        """Record that *segment* goes, and remove it; on a *full* disk the other way round if there is no other."""
        owed = len(self._unrecorded)
        why = "the disk is full" if full else "the journal is as large as it may be"
        parts = tally(self._runs(segment))
        if segment.stop > segment.first:
            self._unrecorded.append(Eviction(segment.first, segment.stop, now, why, parts))
            log.warning("samples %d to %d deleted: %s", segment.first, segment.stop - 1, why)
        self._reserve.unlink(missing_ok=True)
        try:
            self._record()
        except OSError:
            if not full:
                del self._unrecorded[owed:]
                raise
        pass_point("after eviction")
        segment.path.unlink(missing_ok=True)
        self._shelf.remove(segment)
        self._record()

    def _record(self) -> None:
        """Put down what is not yet."""
        while self._unrecorded:
            self._state.evict(self._unrecorded[0])
            del self._unrecorded[0]

    def mend(self, now: float) -> None:
        """Record what is missing before the oldest segment, if a stop came in the way of that.

        Raises:
            OSError: the state cannot be written.
        """
        start = min((each.start for each in self._state.accounts().values()), default=self._shelf.oldest)
        for missing in self._state.evicted().missing(start, self._shelf.oldest):
            self._state.evict(Eviction(*missing, now, MISSING))
        self._save_reserve()

    def _save_reserve(self) -> None:
        """Hold some room back, with which a full disk can be cleared: the state has to be written for that."""
        for size in _RESERVES:
            if self._reserve.exists():
                return
            try:
                with self._reserve.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, size)
            except OSError:
                self._reserve.unlink(missing_ok=True)

    def _runs(self, segment: Segment) -> Iterator[Columns]:
        """All that can be read of *segment*."""
        reader = Reader(Shelf([segment], segment.stop), self._damaged)
        at = segment.first
        while (run := reader.read(at, segment.stop, _AT_ONCE)) is not None:
            at = run[0] + len(run[1])
            yield run[1]
        reader.close()


def _free(directory: Path) -> int:
    """Bytes that the disk has left for us."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def tally(runs: Iterable[Columns]) -> tuple[Lost, ...]:
    """How much there is of each series, and from when to when by source time."""
    counts: Counter[int] = Counter()
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    for columns in runs:
        counts.update(columns.series)
        for series, at in zip(columns.series, columns.at, strict=True):
            if at < starts.get(series, math.inf):
                starts[series] = at
            if at > ends.get(series, -math.inf):
                ends[series] = at
    return tuple(
        Lost(each, starts.get(each, math.nan), ends.get(each, math.nan), counts[each]) for each in sorted(counts)
    )
