"""Archives: closed segments for the years, a fifth of their size and the same bit for bit.

This is enough to write another reader. All numbers are little-endian; IEEE 754 doubles are meant by their 64 bits.

**File**: frames as in a segment (``frame``: mark, kind, samples, first, length, CRC-32, payload), then the index. The
frames of samples are chunks in the order of their sequences, each of consecutive ones; where the next does not follow
on, the samples between were not in the segment. Every other frame stands here as it stood there.
The index has 25 bytes for each frame (kind u8, first u64, samples u32, offset in the file u64, bytes with the head u32)
and ends in 32 bytes: ``F7 "GAI"``, first u64, stop u64 (the sequences that the segment had, the second is not one of
them), entries u32, zero u32, CRC-32 of the index and of these before itself. Without it the frames are found by mark.

**Chunk**: a byte 0 and the payload of a segment's frame (``columns.pack``), or a byte 1 and then: how many series u32,
how many moments u32, how source times are given u8, and 16 streams. A stream is: how u8 (0 as it is, 1 raw LZMA2 with
a dictionary of 256 KiB, lc = lp = pb = 0), its bytes u32, its bytes when unpacked u32, and the bytes. They are:

- 0 to 11: columns of doubles one after the other, see below. One of more than 32 768 values is cut into columns of
  that many and one of the rest.
- 12: the numbers of the series, u32 in ascending order.
- 13: for each sample, as they came, the place of its series in 12. The lowest bytes of all, then the next of all; as
  many as the largest place needs. Sorted by it (stably), samples stand "by series".
- 14: for each sample by series, the byte of its quality and reason (``columns``).
- 15: a moment is samples that came one after the other with the same two times: how many, u32 in four planes as in 13.

The columns are: for each series of 12, the values of its samples; for all moments, the receive times; then, by how
source times are given: 0 they are the receive times, nothing follows; 1 a column of moments, to be taken from the
receive times; 2 a column of moments; 3 for each series of 12, a column of its samples.

**Column**: from stream 8 its head: form u8, order u8, width u8, odd u32, divisor u64, middle u64, factor f64, offset
f64. From each of the streams 0 to *width* - 1 a byte for each value: from the lowest, the bytes of its step. Order 3:
the steps are the integers. Otherwise unfold them (0, 1, 2, 3, 4 … are 0, -1, 1, -2, 2 …), sum them up *order* times,
times *divisor*, plus *middle* (signed, but for form 0). The form without its highest bit says what an integer i is:

- 0: the i-th double from below: bits i - 2^63 if i >= 2^63, else all bits of i turned.
- 1: the i-th float32 in the same way with 32 bits; times *factor*.
- 2: i / *factor*. 4: that rounded to float32. 3: i * *factor* + *offset*, rounded after each.

If the highest bit of the form is set, stream 9 has a byte for each different integer, in the order of their first
appearance: unfolded, what is to be added to the bits of its double. Last, stream 10 has *odd* places u32, each as
the distance from the one before, and stream 11 the bits u64 of the values that really stand there.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from greenops_telemetry.journal import columns as live
from greenops_telemetry.journal.archive_codec import pack, unpack
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.frame import Damage, Frame, Kind, encode, frame_at
from greenops_telemetry.journal.frame import frames as frames_in
from greenops_telemetry.journal.ranges import Range, Ranges
from greenops_telemetry.journal.recovery import HALF, defined_in
from greenops_telemetry.journal.segment import sync_directory
from greenops_telemetry.journal.series import Series

CHUNK = 2**18
"""Samples. Twice as many save 2 %, and take twice the memory to read any of them."""
_MARK = b"\xf7GAI"
_ENTRY = struct.Struct("<BQIQI")
_END = struct.Struct("<4sQQIII")


class ArchiveInfo(NamedTuple):
    """What was written: *samples* of the sequences *first* to before *stop*, in *size* bytes."""

    path: Path
    first: int
    stop: int
    samples: int
    size: int


class Verified(NamedTuple):
    """What an archive still holds: *samples*, all proven. *lost* is what its index names but is damaged."""

    samples: int
    lost: tuple[Range, ...]
    damage: tuple[Damage, ...]
    """Where in the file; its end when only the index is damaged, which costs no sample."""

    @property
    def sound(self) -> bool:
        return not self.damage and not self.lost


class _Entry(NamedTuple):
    kind: int
    first: int
    samples: int
    offset: int
    length: int


def write(path: Path, first: int, frames: Iterable[Frame]) -> ArchiveInfo:
    """Archive the *frames* of one or more segments, the oldest of which begins with the sequence *first*.

    The file is there whole and durable, or not at all. Each chunk was unpacked again and compared before.

    Raises:
        OSError: it could not be written.
        ValueError: a frame of samples begins before the end of the one before it, or does not unpack.
    """
    new = path.with_name(path.name + HALF)
    try:
        with new.open("wb") as file:
            info = ArchiveInfo(path, *write_to(file, first, frames))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)
    sync_directory(path.parent)
    return info


class Archive:
    """An archive to read from, in any thread. It holds one unpacked chunk (29 bytes a sample), and no open file."""

    def __init__(self, path: Path, first: int, stop: int, entries: Iterable[_Entry]) -> None:
        self.path, self.first, self.stop = path, first, stop
        entries = sorted(entries, key=lambda entry: entry.first)
        self._chunks = [entry for entry in entries if entry.kind == Kind.SAMPLES]
        self._others = [entry for entry in entries if entry.kind != Kind.SAMPLES]
        self._held: tuple[_Entry, Columns] | None = None
        self.lost = Ranges()
        """The sequences of chunks that were found damaged so far."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """The archive at *path*; with a damaged index, what its frames say.

        Raises:
            OSError: it cannot be read.
            ValueError: nothing in it is whole.
        """
        with path.open("rb") as file:
            found = _index(file)
        if found is not None:
            return cls(path, *found)
        entries = [
            _Entry(frame.kind, frame.first, frame.samples, offset, len(encode(frame)))
            for offset, frame in frames_in(path.read_bytes())
            if isinstance(frame, Frame)
        ]
        if not entries:
            raise ValueError(f"{path}: not an archive, or damaged from its beginning to its end")
        first, stop = min(entry.first for entry in entries), max(entry.first + entry.samples for entry in entries)
        return cls(path, first, stop, entries)

    @cached_property
    def series(self) -> Mapping[int, Series]:
        """The series that are defined in it, by number. Raises OSError: the file cannot be read."""
        defined: dict[int, Series] = {}
        for frame in self._frames(self._others):
            if frame.kind is Kind.SERIES:
                defined.update(defined_in(frame))
        return defined

    @property
    def notes(self) -> Iterator[Frame]:
        """Its gaps and configurations as they stood in the segment. Raises OSError."""
        return (frame for frame in self._frames(self._others) if frame.kind is not Kind.SERIES)

    def read(self, start: int, stop: int, most: int) -> tuple[int, Columns] | None:
        """At most *most* consecutive samples, beginning with the first readable of *start* to before *stop*.

        The number is the sequence of the first; what is before it cannot be read. Nothing: neither can the rest.

        Raises:
            OSError: the file cannot be read.
        """
        place = bisect_right(self._chunks, start, key=lambda entry: entry.first) - 1
        for entry in self._chunks[max(place, 0) :]:
            low, high = max(start, entry.first), min(stop, entry.first + entry.samples)
            if entry.first >= stop:
                return None
            if low >= high:
                continue
            columns = self._chunk(entry)
            if columns is not None:
                return low, columns.part(low - entry.first, min(high, low + most) - entry.first)
        return None

    def frames(self) -> Iterator[Frame]:
        """All that stood in the segment, by sequence, with samples in the frames of a segment. Raises OSError."""
        yield from self._frames(self._others)
        for entry in self._chunks:
            columns = self._chunk(entry)
            if columns is not None:
                yield Frame(Kind.SAMPLES, entry.first, entry.samples, live.pack(columns))

    def _chunk(self, entry: _Entry) -> Columns | None:
        """The samples of a chunk; nothing when it is damaged."""
        held = self._held
        if held is not None and held[0] is entry:
            return held[1]
        try:
            frame = next(self._frames([entry]), None)
            columns = None if frame is None else unpack(frame.payload, frame.samples)
        except ValueError:
            columns = None
        if columns is None:
            self.lost.add(entry.first, entry.first + entry.samples)
            return None
        self._held = entry, columns
        return columns

    def _frames(self, entries: Iterable[_Entry]) -> Iterator[Frame]:
        """Those of *entries* that are sound."""
        with self.path.open("rb") as file:
            for entry in entries:
                file.seek(entry.offset)
                found = frame_at(file.read(entry.length), 0)
                if found is not None and found[0][:3] == entry[:3]:
                    yield found[0]


def verify(path: Path) -> Verified:
    """Read all of the archive at *path*, and unpack it.

    Raises:
        OSError: it cannot be read.
        ValueError: nothing in it is whole.
    """
    archive = Archive.open(path)
    samples, at = 0, archive.first
    while (found := archive.read(at, archive.stop, CHUNK)) is not None:
        samples += len(found[1])
        at = found[0] + len(found[1])
    data = path.read_bytes()
    with path.open("rb") as file:
        known = _index(file)
    end = len(data) if known is None else len(data) - _END.size - _ENTRY.size * len(known[2])
    damage = [found for _, found in frames_in(data[:end]) if isinstance(found, Damage)]
    return Verified(samples, tuple(archive.lost), tuple(damage))


def write_to(file: BinaryIO, first: int, source: Iterable[Frame]) -> tuple[int, int, int, int]:
    """``write`` into *file*, which may be a pipe; gives the fields of ``ArchiveInfo`` but its path. Raises as that."""
    entries: list[_Entry] = []
    held, at, samples, offset = Columns(), first, 0, 0

    def put(frame: Frame) -> None:
        nonlocal offset
        data = encode(frame)
        entries.append(_Entry(frame.kind, frame.first, frame.samples, offset, len(data)))
        file.write(data)
        offset += len(data)

    def chunk(columns: Columns) -> None:
        put(Frame(Kind.SAMPLES, at - len(held), len(columns), pack(columns)))

    for frame in source:
        if frame.kind is not Kind.SAMPLES:
            put(frame)
            continue
        if frame.first < at:
            raise ValueError(f"samples {frame.first} to {at} are there twice")
        if frame.first > at and held:
            chunk(held)
            held = Columns()
        held.extend(live.unpack(frame.payload, frame.samples))
        at = frame.end
        samples += frame.samples
        while len(held) >= CHUNK:
            chunk(held.part(0, CHUNK))
            held = held.part(CHUNK, len(held))
    if held:
        chunk(held)
    index = b"".join(_ENTRY.pack(*entry) for entry in entries)
    end = _END.pack(_MARK, first, at, len(entries), 0, 0)[:-4]
    file.write(index + end + zlib.crc32(end, zlib.crc32(index)).to_bytes(4, "little"))
    return first, at, samples, offset + len(index) + _END.size


def _index(file: BinaryIO) -> tuple[int, int, list[_Entry]] | None:
    """First, stop and entries of the file; nothing when its index is damaged."""
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        return None
    file.seek(size - _END.size)
    end = file.read(_END.size)
    mark, first, stop, count, _, told = _END.unpack(end)
    start = size - _END.size - count * _ENTRY.size
    if mark != _MARK or start < 0:
        return None
    file.seek(start)
    index = file.read(count * _ENTRY.size)
    if zlib.crc32(end[:-4], zlib.crc32(index)) != told:
        return None
    return first, stop, [_Entry(*fields) for fields in _ENTRY.iter_unpack(index)]
