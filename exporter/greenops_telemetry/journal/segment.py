"""Segment files: frames are only ever added to them, and are durable before anybody hears of them.

What a file holds counts up to the first sequence of the next one: after a write that failed, the same sequences are
given again in a new file, whatever the old one still says of them.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from greenops_telemetry.failpoint import pass_point
from greenops_telemetry.journal.frame import HEAD, MARK, Damage, Frame, frame_at, span

_WINDOW = 2**18
_SECTOR = 4096
_MODE = 0o600


class Segment:
    """One file of the journal, live or archived, with the samples from *first* to before *stop*.

    *size* is in bytes, of a live one as far as it is sound. *newest* is the receive time of its last samples in Unix
    seconds, once somebody had to know. *gone*: it was evicted, or an archive took its place.
    """

    __slots__ = ("first", "gone", "newest", "path", "size", "stop")

    def __init__(self, path: Path, first: int, stop: int, size: int) -> None:
        self.path, self.first, self.stop, self.size = path, first, stop, size
        self.newest: float | None = None
        self.gone = False

    @property
    def archived(self) -> bool:
        """Whether it is compressed, and will never grow again."""
        return self.path.suffix == ".goa"


def archive_of(segment: Segment) -> Segment | None:
    """What took the place of a live segment that is no longer there, if anything did.

    It may have more samples than were known: another process may have written on.
    """
    folder = segment.path.parent.parent / "archive"
    path = None if segment.archived else next(folder.glob(f"{segment.first:020}-*.goa"), None)
    if path is None:
        return None
    try:
        archived = Segment(path, segment.first, int(path.stem.partition("-")[2]), path.stat().st_size)
    except FileNotFoundError:  # evicted in the meantime
        return None
    archived.newest = segment.newest
    return archived


class Cursor:
    """Goes through the frames of a live segment, one after the other.

    It keeps the file open, even if that is unlinked, for as long as it lives or until ``close``.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.offset = 0
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._end = weakref.finalize(self, os.close, self._file)
        self._data, self._at = b"", 0

    def close(self) -> None:
        """Give the file back; more than once does no harm."""
        self._file = -1
        self._end()

    def next(self, size: int) -> Frame | Damage | None:
        """What comes next of the first *size* bytes, nothing at their end."""
        if self.offset >= size:
            return None
        found = self._frame(self.offset, size)
        if found is not None:
            self.offset += span(self._data, self.offset - self._at)
            return found
        start = self.offset
        self.offset = self._next_mark(start + 1, size)
        while self.offset < size and self._frame(self.offset, size) is None:
            self.offset = self._next_mark(self.offset + 1, size)
        return Damage(start, self.offset)

    def _frame(self, offset: int, size: int) -> Frame | None:
        """The sound frame at *offset*."""
        self._want(offset, HEAD, size)
        self._want(offset, span(self._data, offset - self._at), size)
        found = frame_at(self._data, offset - self._at)
        return found[0] if found else None

    def _next_mark(self, offset: int, size: int) -> int:
        """Where at or after *offset* a frame may begin; *size* when nowhere."""
        while offset < size:
            self._want(offset, len(MARK), size)
            place = self._data.find(MARK, offset - self._at)
            if place >= 0:
                return self._at + place
            offset = max(self._at + len(self._data) - len(MARK) + 1, offset + 1)
        return size

    def _want(self, offset: int, length: int, size: int) -> None:
        """Have *length* bytes from *offset* on in memory, or what there is of them."""
        have = self._at + len(self._data)
        if self._at <= offset <= have and min(offset + length, size) <= have:
            return
        self._at = offset
        self._data = self._bytes(min(max(length, _WINDOW), size - offset), offset)

    def _bytes(self, length: int, offset: int) -> bytes:
        """What the disk gives of these bytes; zeros where it cannot read a sector any more."""
        try:
            return os.pread(self._file, length, offset)
        except OSError:
            return b"".join(self._sector(min(_SECTOR, length - at), offset + at) for at in range(0, length, _SECTOR))

    def _sector(self, length: int, offset: int) -> bytes:
        try:
            return os.pread(self._file, length, offset)
        except OSError:
            return bytes(length)


def frames_of(path: Path, size: int) -> Iterator[tuple[int, Frame | Damage]]:
    """Everything in the first *size* bytes of a live segment, with where it ends.

    Raises:
        OSError: the file cannot be opened.
    """
    cursor = Cursor(path)
    try:
        while (found := cursor.next(size)) is not None:
            yield cursor.offset, found
    finally:
        cursor.close()


class Appender:
    """The growing end of a live segment. After an OSError it must be abandoned: what is not durable never will be."""

    def __init__(self, path: Path, file: int, size: int) -> None:
        self.path, self.size = path, size
        self._file = file

    @classmethod
    def create(cls, directory: Path, first: int) -> Appender:
        """A new file in *directory* for what begins with *first*; its name is durable.

        Raises:
            OSError: there is no room, or no right to.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        attempt = 0
        while True:
            path = directory / (f"{first:020}.{attempt}.log" if attempt else f"{first:020}.log")
            try:
                file = os.open(path, flags, _MODE)
                break
            except FileExistsError:  # one that was abandoned, and could not be removed
                attempt += 1
        try:
            pass_point("during rotate")
            sync_directory(directory)
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        return cls(path, file, 0)

    @classmethod
    def resume(cls, path: Path, size: int) -> Appender:
        """The end of a file of which the first *size* bytes are sound; the others are cut off.

        Raises:
            OSError: it cannot be written.
        """
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if os.fstat(file).st_size != size:
                os.ftruncate(file, size)
            os.fdatasync(file)
        except OSError:
            os.close(file)
            raise
        return cls(path, file, size)

    def append(self, data: bytes) -> None:
        """Add *data*; it is durable when this returns.

        Raises:
            OSError: it is not.
        """
        rest = memoryview(data)
        at = self.size
        while rest:
            written = os.pwrite(self._file, rest, at)
            rest, at = rest[written:], at + written
        pass_point("after write")
        pass_point("before fsync")
        os.fdatasync(self._file)
        self.size = at
        pass_point("after fsync")

    def abandon(self) -> None:
        """Cut off what is not sound, as far as the disk lets us, and write no more."""
        try:
            os.ftruncate(self._file, self.size)
            if self.size == 0:
                self.path.unlink(missing_ok=True)
        except OSError:
            pass  # the next segment begins with the same sequence, and its word counts
        self.close()

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)


def sync_directory(directory: Path) -> None:
    """Make the names in *directory* durable.

    Raises:
        OSError: they may not be.
    """
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
