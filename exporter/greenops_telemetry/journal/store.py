"""The journal as one thing: one process writes samples to it, and they are durable before anybody sees them.

directory/            only its owner may enter; ``lock`` is held by the process that writes
  segments/           <first sequence>.log: frames, only ever added to
  archive/            <first>-<stop>.goa: what all receivers have, compressed
  damaged/            <name>.<Unix time>: copies of files in which damage was found
  state.db            cursors, quarantine, evictions, series
  reserve             room with which a full disk can be cleared
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Lock
from typing import Any, Self

from greenops_core.errors import ConfigError
from greenops_telemetry.failpoint import pass_point
from greenops_telemetry.journal.account import MISSING, UNREADABLE
from greenops_telemetry.journal.columns import Columns, pack
from greenops_telemetry.journal.contents import definitions_of, notes_of, received_last
from greenops_telemetry.journal.damage import Damages
from greenops_telemetry.journal.frame import Frame, Kind, encode
from greenops_telemetry.journal.house import Bounds, House
from greenops_telemetry.journal.reader import Reader, Run
from greenops_telemetry.journal.recovery import Recovered, definitions, recover
from greenops_telemetry.journal.segment import Appender, Segment
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.shelf import Shelf
from greenops_telemetry.journal.state import State

__all__ = ["Bounds", "Reader", "Store"]

log = logging.getLogger(__name__)

_IN_A_FRAME = 1000
"""Samples; what one damaged byte can cost."""
_SEGMENTS_ON_A_DISK = 32
"""At least; on a small disk they are smaller than the bounds say, so that the oldest can go by little."""


class Store:
    """One process commits, from one thread; any thread reads. *damage* counts what went wrong, by name, since ever."""

    def __init__(self, directory: Path, bounds: Bounds, clock: Callable[[], float], state: State, lock: int) -> None:
        self.state = state
        self.directory, self._clock, self._lock = directory, clock, lock
        self._began = clock()
        damages = Damages(directory / "damaged", state, clock, writes=lock >= 0)
        self.damage: Mapping[str, int] = damages.counters
        self._damages = damages
        found = recover(directory, state.evicted(UNREADABLE, MISSING), damages, writes=lock >= 0)
        self._shelf = Shelf(found.segments, max(found.following, state.high_water()))
        self._segment_size = min(bounds.segment, _disk(directory) // _SEGMENTS_ON_A_DISK)
        self.house = House(self._shelf, state, bounds, directory, damages.found)
        self._unkept: dict[int, Series] = {}
        self._series = self._all_series(found)
        self._numbers = {series: number for number, series in self._series.items()}
        self._unused = max(self._series, default=0) + 1
        self._naming, self._committing = Lock(), Lock()
        last = (received_last(segment) for segment in reversed(found.segments))
        self._silent_since = next((each for each in last if each is not None), None)
        self._end: Appender | None = None
        self._state_fails = False
        self._defined: set[int] = set()
        self._used: set[int] = set()
        self._repeated: set[int] = set()
        if lock >= 0:
            self._go_on(found)

    @classmethod
    def open(cls, directory: Path, bounds: Bounds, clock: Callable[[], float] = time.time) -> Store:
        """The journal in *directory*, for the one process that writes it.

        Raises:
            ConfigError: it cannot be used, or another process has it.
        """
        with ExitStack() as otherwise:
            try:
                for each in (directory, *(directory / part for part in ("segments", "archive", "damaged"))):
                    each.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = _locked(directory)
                otherwise.callback(os.close, lock)
                if _is_full(directory):
                    (directory / "reserve").unlink(missing_ok=True)
                state = otherwise.enter_context(closing(State.open(directory / "state.db", clock)))
                store = cls(directory, bounds, clock, state, lock)
            except OSError as error:
                raise ConfigError(f"the journal in {directory} cannot be used: {error.strerror or error}") from None
            otherwise.pop_all()
        return store

    @classmethod
    def visit(cls, directory: Path, clock: Callable[[], float] = time.time) -> Store:
        """The journal as it is at this moment, to read only; another process may be writing it, and nothing is mended.

        Raises:
            ConfigError: there is none, or it cannot be read.
        """
        state = State.visit(directory / "state.db")
        try:
            return cls(directory, Bounds(), clock, state, -1)
        except OSError as error:
            state.close()
            raise ConfigError(f"the journal in {directory} cannot be read: {error.strerror or error}") from None

    @property
    def next(self) -> int:
        """The sequence after the last that is committed."""
        return self._shelf.next

    @property
    def oldest(self) -> int:
        """The first sequence that is still there, or ``next``."""
        return self._shelf.oldest

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return self._shelf.size

    def number(self, series: Series) -> int:
        """The number of *series*, for good; durable with the next commit. Quick, in any thread."""
        number = self._numbers.get(series)
        if number is None:
            with self._naming:
                number = self._numbers.get(series)
                if number is not None:
                    return number
                number = self._unused
                self._unused += 1
                self._series[number] = self._unkept[number] = series
                self._numbers[series] = number
        return number

    def series(self, number: int) -> Series:
        """What *number* means. Raises KeyError: nothing."""
        return self._series[number]

    def commit(self, columns: Columns, notes: Sequence[tuple[Kind, Mapping[str, Any]]] = ()) -> int:
        """The sequence of the first of *columns*, which are durable, with *notes* before them, when this returns.

        Raises:
            OSError: none of them is there, and the same can be committed again: that goes to another file.
        """
        with self._committing:
            try:
                return self._commit(columns, notes)
            except OSError as error:
                self._abandon()
                if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                    self._make_room()
                raise

    def reader(self) -> Reader:
        """A new reader, which remembers where it was."""
        return Reader(self._shelf, self._damages.found)

    def read(self, start: int, stop: int, most: int) -> Run | None:
        """``Reader.read`` for who reads once."""
        reader = self.reader()
        try:
            return reader.read(start, stop, most)
        finally:
            reader.close()

    def notes(self, kind: Kind, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """The notes of *kind* before samples *start* to before *stop*, each with the sequence that comes next."""
        for segment in self._shelf.all:
            if segment.stop >= start and (stop is None or segment.first < stop):
                for sequence, note in notes_of(segment, kind):
                    if start <= sequence and (stop is None or sequence < stop):
                        yield sequence, note

    def keep_house(self, now: float) -> bool:
        """Make room if there is little left, and archive one segment. Whether there is more to archive.

        In any thread; a commit waits for it only when there is no room at all. *now* says what is old enough to go.

        Raises:
            OSError: the disk does not allow it; nothing is lost by it.
        """
        self.house.evict_ahead(now)
        return self.house.archive(now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write no more, and let others have it; what is being archived is broken off."""
        self.house.stop()
        with self._committing:
            if self._end is not None:
                self._end.close()
                self._end = None
        self._keep_high_water()
        self.state.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _commit(self, columns: Columns, notes: Sequence[tuple[Kind, Mapping[str, Any]]]) -> int:
        first = self._shelf.next
        if self._lock < 0:
            raise OSError(errno.EROFS, "the journal is not open for writing")
        if not columns and not notes:
            return first
        self._keep_series()
        end = self._end or self._begin(first)
        segment = self._shelf.all[-1]
        used = set(columns.series)
        new = sorted((used | self._repeated) - self._defined)
        frames = self._frames(
            first, columns, [*self._silence(columns), *notes], {each: self._series[each] for each in new}
        )
        data = b"".join(map(encode, frames))
        pass_point("after encode")
        end.append(data)
        self._defined.update(new)
        self._used |= used
        self._silent_since, self._repeated = None, set()
        if columns:
            segment.newest = max(columns.received)
        # Readers look at them in the reverse order.
        segment.stop = first + len(columns)
        segment.size = end.size
        self._shelf.next = segment.stop
        if end.size >= self._segment_size:
            self._rotate()
        return first

    def _frames(
        self, first: int, columns: Columns, notes: list[tuple[Kind, Mapping[str, Any]]], new: dict[int, Series]
    ) -> Iterator[Frame]:
        """What a commit writes: what comes first explains what follows."""
        if new:
            yield Frame(Kind.SERIES, first, 0, definitions(new))
        for kind, note in notes:
            yield Frame(kind, first, 0, json.dumps(note, separators=(",", ":")).encode())
        for at in range(0, len(columns), _IN_A_FRAME):
            part = columns.part(at, at + _IN_A_FRAME)
            yield Frame(Kind.SAMPLES, first + at, len(part), pack(part))

    def _silence(self, columns: Columns) -> list[tuple[Kind, Mapping[str, Any]]]:
        """The time for which this program did not run, once after it starts."""
        if self._silent_since is None:
            return []
        # A sample that is already on its way was received before now.
        until = min(columns.received, default=self._began)
        return [(Kind.GAP, {"why": "not running", "from": self._silent_since, "to": until})]

    def _keep_series(self) -> None:
        """Make new numbers durable, before anything refers to them."""
        if self._unkept:
            with self._naming:
                new = dict(self._unkept)
            self.state.keep_series(new)
            with self._naming:
                for number in new:
                    del self._unkept[number]

    def _begin(self, first: int) -> Appender:
        """A new segment."""
        if not self.house.has_room():
            self.house.evict(self._clock())
        if not self.house.has_room():
            self._damages.count("refused")
            why = "the journal is as large as it may be, and nothing in it is older than the configuration keeps it"
            raise OSError(errno.ENOSPC, f"{why}; allow it more bytes")
        self._keep_high_water()
        end = Appender.create(self.directory / "segments", first)
        segment = Segment(end.path, first, first, 0)
        self._shelf.add(segment)
        self._end, self.house.active, self._defined = end, segment, set()
        self._repeated |= self._used  # so that the beginnings of all segments tell of all series
        self._used = set()
        return end

    def _rotate(self) -> None:
        """Write no more to this segment."""
        if self._end is not None:
            self._end.close()
        self._end = self.house.active = None

    def _abandon(self) -> None:
        """The same after an error."""
        if self._end is None:
            return
        self._end.abandon()
        segment = self._shelf.all[-1]
        if segment.size == 0:
            self._shelf.remove(segment)
        self._end = self.house.active = None

    def _make_room(self) -> None:
        """Let the oldest segment go, for the disk is full."""
        try:
            self.house.evict(self._clock(), full=True)
        except OSError as error:
            log.warning("the disk is full, and the oldest samples cannot be deleted: %s", error)

    def _all_series(self, found: Recovered) -> dict[int, Series]:
        """What the state knows; of a state that is new, what the segments tell."""
        series = self.state.series()
        told = dict(found.defined)
        if self.state.high_water() <= 1:
            for segment in found.segments:
                told.update(definitions_of(segment))
        new = {number: each for number, each in told.items() if number not in series}
        self._unkept = dict(new)
        return {**series, **new}

    def _go_on(self, found: Recovered) -> None:
        """Write where the last run of this program stopped."""
        if self.state.set_aside is not None:
            self._damages.count("state_set_aside")
        try:
            self._keep_series()
            self.house.mend(self._clock())
            self.state.keep_high_water(self._shelf.next)
        except OSError as error:
            log.warning("the journal's state cannot be written: %s", error)
        last = found.last
        if found.segments:
            self._used = set(found.defined or definitions_of(found.segments[-1])) & self._series.keys()
        if last is None or last.size >= self._segment_size:
            return
        try:
            self._end = Appender.resume(last.path, last.size)
        except OSError as error:
            log.warning("%s: %s; samples go to a new file", last.path, error)
            return
        self.house.active, self._defined = last, set(found.defined)

    def _keep_high_water(self) -> None:
        if self._lock < 0:
            return
        try:
            self.state.keep_high_water(self._shelf.next)
            self._state_fails = False
        except OSError as error:  # it is a second line behind the segments themselves
            if not self._state_fails:
                log.warning("the journal's state cannot be written: %s", error)
            self._state_fails = True


def _locked(directory: Path) -> int:
    """The lock of the journal in *directory*, held. Raises ConfigError: another process holds it."""
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise ConfigError(f"the journal in {directory} is written by process {owner}; stop that first") from None
    except OSError:  # a file system without locks
        os.close(lock)
        raise
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except OSError as error:
        log.warning("%s: %s", directory / "lock", error)
    return lock


def _disk(directory: Path) -> int:
    """Bytes of the disk, all in all."""
    disk = os.statvfs(directory)
    return disk.f_blocks * disk.f_frsize


def _is_full(directory: Path) -> bool:
    """Whether the state could not be opened for want of room."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize < 2**18
