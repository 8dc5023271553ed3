"""Frames: what a segment file is made of. Pure; bytes in, frames out.

A frame is a mark, a head and a payload under one CRC-32. A frame that was cut, or has a wrong bit, is passed over: the
next mark with a right checksum is where reading goes on, so damage costs what it hit and nothing else.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

MARK = b"\xf7GJ1"
_HEAD = struct.Struct("<4sBIQII")  # mark, kind, samples, first, length of the payload, CRC-32 of all but itself
HEAD = _HEAD.size
LONGEST = 16 * 2**20
"""Bytes of payload; a length beyond it is damage, not a frame to wait for."""


class Kind(IntEnum):
    """What a frame holds. The numbers are on disk."""

    SAMPLES = 1
    """``columns.pack``; *first* is the sequence of the first sample, *samples* how many there are."""
    SERIES = 2
    """JSON: series by their number, so that a segment can be read alone."""
    GAP = 3
    """JSON: a time for which there are no samples, and why."""
    CONFIGURATION = 4
    """JSON: what the gateway works by from here on."""


class Frame(NamedTuple):
    """One frame. *first* is the sequence of its first sample, or of the next one after it when it holds none."""

    kind: Kind
    first: int
    samples: int
    payload: bytes

    @property
    def end(self) -> int:
        """The sequence after its last sample."""
        return self.first + self.samples


class Damage(NamedTuple):
    """Bytes of a file that are no frame."""

    start: int
    stop: int


def encode(frame: Frame) -> bytes:
    """The bytes of *frame* on disk."""
    head = _HEAD.pack(MARK, frame.kind, frame.samples, frame.first, len(frame.payload), 0)[:-4]
    return b"".join((head, zlib.crc32(frame.payload, zlib.crc32(head)).to_bytes(4, "little"), frame.payload))


def span(data: bytes, offset: int = 0) -> int:
    """Bytes of the frame whose head stands at *offset* of *data*, by what the head says; 0 when no head does."""
    if len(data) - offset < HEAD or not data.startswith(MARK, offset):
        return 0
    length: int = _HEAD.unpack_from(data, offset)[4]
    return HEAD + length if length <= LONGEST else 0


def frame_at(data: bytes, offset: int) -> tuple[Frame, int] | None:
    """The whole and sound frame that begins at *offset* of *data*, and where it ends; nothing when there is none."""
    if len(data) - offset < HEAD or not data.startswith(MARK, offset):
        return None
    _, kind, samples, first, length, told = _HEAD.unpack_from(data, offset)
    start = offset + HEAD
    if length > LONGEST or len(data) - start < length:
        return None
    payload = data[start : start + length]
    if zlib.crc32(payload, zlib.crc32(data[offset : start - 4])) != told:
        return None
    try:
        return Frame(Kind(kind), first, samples, payload), start + length
    except ValueError:  # of a later version of this program
        return None


def frames(data: bytes, offset: int = 0) -> Iterator[tuple[int, Frame | Damage]]:
    """Everything in *data* from *offset* on, with where it begins; *data* is a whole file.

    >>> good = encode(Frame(Kind.SAMPLES, 1, 0, b"abc"))
    >>> [type(each).__name__ for _, each in frames(good + b"xyz" + good[:-1])]
    ['Frame', 'Damage']
    """
    while offset < len(data):
        found = frame_at(data, offset)
        if found is not None:
            yield offset, found[0]
            offset = found[1]
            continue
        start = offset
        while found is None and offset >= 0:
            offset = data.find(MARK, offset + 1)
            found = frame_at(data, offset) if offset >= 0 else None
        stop = offset if found is not None else len(data)
        yield start, Damage(start, stop)
        offset = stop
