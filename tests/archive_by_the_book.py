"""A second reader of archives, written from the docstring of ``archive`` alone; slow, and without any of its code."""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import accumulate

Sample = tuple[int, ...]
"""Sequence, series, bits of the value, of the source time and of the receive time, state."""


def read(data: bytes) -> list[Sample]:
    """All samples of the archive that *data* is."""
    mark, _, _, entries, _, told = struct.unpack("<4sQQIII", data[-32:])
    assert mark == b"\xf7GAI"
    index = data[-32 - 25 * entries : -32]
    assert told == zlib.crc32(index + data[-32:-4])
    samples: list[Sample] = []
    for kind, first, count, offset, length in struct.iter_unpack("<BQIQI", index):
        if kind == 1:
            payload = data[offset + 25 : offset + length]
            rows = as_live(payload[1:], count) if payload[0] == 0 else by_series(payload[1:], count)
            samples += [(first + place, *row) for place, row in enumerate(rows)]
    return samples


def as_live(payload: bytes, count: int) -> Iterator[tuple[int, ...]]:
    raw = zlib.decompress(payload)
    series, raw = planes(raw, count, 4), raw[4 * count :]
    values, at, received = (planes(raw[8 * count * place :], count, 8) for place in range(3))
    return zip(series, values, at, received, raw[24 * count :], strict=True)


def by_series(payload: bytes, count: int) -> Iterator[tuple[int, ...]]:
    series, moments, how = struct.unpack_from("<IIB", payload)
    payload = payload[9:]
    streams = []
    for _ in range(16):
        packed, length, size = struct.unpack_from("<BII", payload)
        stream, payload = payload[9 : 9 + length], payload[9 + length :]
        if packed:
            filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**18, "lc": 0, "lp": 0, "pb": 0}]
            stream = lzma.decompress(stream, lzma.FORMAT_RAW, filters=filters)
        assert len(stream) == size
        streams.append(stream)
    numbers = struct.unpack(f"<{series}I", streams[12])
    local = planes(streams[13], count, len(streams[13]) // count)
    order = sorted(range(count), key=lambda place: local[place])
    sizes = [local.count(place) for place in range(series)]
    position = [0] * 12

    def take(stream: int, size: int) -> bytes:
        start = position[stream]
        position[stream] += size
        return streams[stream][start : start + size]

    def of_series(column: list[int]) -> list[int]:
        return [number for _, number in sorted(zip(order, column, strict=True))]

    def of_moments(column: list[int]) -> list[int]:
        return [number for number, run in zip(column, runs, strict=True) for _ in range(run)]

    runs = planes(streams[15], moments, 4)
    values = of_series([bits for size in sizes for bits in whole(take, size)])
    moment = whole(take, moments)
    received = of_moments(moment)
    if how == 0:
        at = received
    elif how == 1:
        less = zip(moment, whole(take, moments), strict=True)
        at = of_moments([bits_of(double(one) - double(other)) for one, other in less])
    elif how == 2:
        at = of_moments(whole(take, moments))
    else:
        at = of_series([bits for size in sizes for bits in whole(take, size)])
    states = of_series(list(streams[14]))
    return zip((numbers[place] for place in local), values, at, received, states, strict=True)


def whole(take: Callable[[int, int], bytes], count: int) -> list[int]:
    sizes = [min(32768, count - start) for start in range(0, count, 32768)]
    return [bits for size in sizes for bits in column(take, size)]


def column(take: Callable[[int, int], bytes], count: int) -> list[int]:
    """The bits of the next column."""
    form, order, width, odd, divisor, middle, factor, offset = struct.unpack("<BBBIQQdd", take(8, 39))
    steps = planes(b"".join(take(place, count) for place in range(width)), count, width)
    integers: list[int] = steps
    if order != 3:
        integers = [-(step + 1) // 2 if step % 2 else step // 2 for step in steps]
        for _ in range(order):
            integers = list(accumulate(integers))
        middle -= 2**64 if form & 0x7F and middle >= 2**63 else 0
        integers = [number * divisor + middle for number in integers]
    stands_for: dict[int, Callable[[int], int]] = {
        0: lambda i: i - 2**63 if i >= 2**63 else ~i & (2**64 - 1),
        1: lambda i: bits_of(single(i - 2**31 if i >= 2**31 else ~i & (2**32 - 1)) * factor),
        2: lambda i: bits_of(i / factor),
        3: lambda i: bits_of(i * factor + offset),
        4: lambda i: bits_of(struct.unpack("<f", struct.pack("<f", i / factor))[0]),
    }
    bits = list(map(stands_for[form & 0x7F], integers))
    if form & 0x80:
        different = list(dict.fromkeys(integers))
        more = [-(each + 1) // 2 if each % 2 else each // 2 for each in take(9, len(different))]
        added = dict(zip(different, more, strict=True))
        bits = [each + added[number] for each, number in zip(bits, integers, strict=True)]
    places = accumulate(struct.unpack(f"<{odd}I", take(10, 4 * odd)))
    for place, real in zip(places, struct.unpack(f"<{odd}Q", take(11, 8 * odd)), strict=True):
        bits[place] = real
    return bits


def planes(data: bytes, count: int, width: int) -> list[int]:
    return [sum(data[place + plane * count] << 8 * plane for plane in range(width)) for place in range(count)]


def bits_of(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


def double(bits: int) -> float:
    (value,) = struct.unpack("<d", bits.to_bytes(8, "little"))
    return float(value)


def single(bits: int) -> float:
    (value,) = struct.unpack("<f", bits.to_bytes(4, "little"))
    return float(value)
