"""One chunk of an archive: samples of many series, series by series, as bytes. Pure; written down in ``archive``."""

from __future__ import annotations

import lzma
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from operator import sub
from typing import TypeVar

from greenops_telemetry.journal import columns as live
from greenops_telemetry.journal.archive_column import (
    STREAMS,
    Streams,
    bits_of,
    decode,
    encode,
    from_little,
    little,
)
from greenops_telemetry.journal.columns import Columns

_Item = TypeVar("_Item", int, float)
_LONGEST = 2**15
_AS_LIVE, _BY_SERIES = b"\0", b"\1"
_PLAIN, _LZMA = 0, 1
_COUNTS = struct.Struct("<IIB")  # series, moments, how the source time is given
_LENGTH = struct.Struct("<BII")  # how, bytes as they stand, bytes when unpacked
_SERIES, _PLACES, _STATES, _RUNS = range(STREAMS, STREAMS + 4)
_FILTERS = (
    {
        "id": lzma.FILTER_LZMA2,
        "dict_size": 2**18,
        "lc": 0,
        "lp": 0,
        "pb": 0,
        "mode": lzma.MODE_NORMAL,
        "mf": lzma.MF_BT4,
        "nice_len": 32,
        "depth": 16,
    },
)
_LARGEST = 100  # bytes of one stream for a sample: 37 a column's head, and 8
_SAME, _LATER, _OWN, _OF_SERIES = range(4)
"""The source time is the receive time; that less a column; a column by moments; a column for each series."""


def pack(columns: Columns) -> bytes:
    """*columns*, which is not empty, as bytes that ``unpack`` makes into the same, bit for bit."""
    packed = _BY_SERIES + _packed(columns)
    try:
        proven = len(packed) <= 29 * len(columns) and unpack(packed, len(columns)) == columns
    except ValueError:
        proven = False
    return packed if proven else _AS_LIVE + live.pack(columns)


def unpack(data: bytes, count: int) -> Columns:
    """The *count* samples that ``pack`` made into *data*.

    Raises:
        ValueError: it did not.
    """
    if data[:1] == _AS_LIVE:
        return live.unpack(data[1:], count)
    if data[:1] != _BY_SERIES:
        raise ValueError("packed by a later version of this program")
    try:
        return _unpacked(memoryview(data)[1:], count)
    except (IndexError, KeyError, OverflowError, ZeroDivisionError, struct.error, lzma.LZMAError) as error:
        raise ValueError(f"not a chunk of an archive: {error!r}") from None


def _packed(columns: Columns) -> bytes:
    streams = Streams(bytes(0) for _ in range(_RUNS + 1))
    numbers = sorted(set(columns.series))
    places = {number: place for place, number in enumerate(numbers)}
    local = array("I", map(places.__getitem__, columns.series))
    order, sizes = _by_series(local, len(numbers))
    streams.parts[_SERIES] += little(array("I", numbers))
    streams.parts[_PLACES] += _planes(local, len(numbers))
    streams.parts[_STATES] += bytes(map(columns.states.__getitem__, order))
    _encode_parts(array("d", map(columns.values.__getitem__, order)), sizes, streams)
    starts = _moments(bits_of(columns.received), bits_of(columns.at))
    received, at = (array("d", map(column.__getitem__, starts)) for column in (columns.received, columns.at))
    runs = array("I", map(sub, chain(starts[1:], [len(columns)]), starts))
    streams.parts[_RUNS] += _planes(runs, 2**32)
    _encode_parts(received, [len(starts)], streams)
    by_series = array("d", map(columns.at.__getitem__, order)) if len(starts) * 4 > len(columns) else None
    how, times = min(_source_times(received, at, by_series, sizes), key=lambda each: each[1].size())
    for place, part in enumerate(times.parts):
        streams.parts[place] += part
    return _COUNTS.pack(len(numbers), len(starts), how) + b"".join(map(_squeezed, streams.parts))


def _source_times(
    received: array[float], at: array[float], by_series: array[float] | None, sizes: Sequence[int]
) -> Iterator[tuple[int, Streams]]:
    """The ways in which the source times can be given."""
    if bits_of(received) == bits_of(at):
        yield _SAME, Streams()
        return
    later = array("d", [one - other for one, other in zip(received, at, strict=True)])
    if bits_of([one - other for one, other in zip(received, later, strict=True)]) == bits_of(at):
        streams = Streams()
        _encode_parts(later, [len(at)], streams)
        yield _LATER, streams
    streams = Streams()
    _encode_parts(at, [len(at)], streams)
    yield _OWN, streams
    if by_series is not None:
        streams = Streams()
        _encode_parts(by_series, sizes, streams)
        yield _OF_SERIES, streams


def _unpacked(data: memoryview, count: int) -> Columns:
    series, moments, how = _COUNTS.unpack_from(data)
    streams = Streams(_streams(data[_COUNTS.size :], count))
    columns = Columns()
    numbers = from_little("I", streams.take(_SERIES, 4 * series))
    local = _joined(streams.take(_PLACES, _width(series) * count), count)
    columns.series = array("I", map(numbers.__getitem__, local))
    order, sizes = _by_series(local, series)
    columns.states = bytearray(_in_rows(order, array("B", streams.take(_STATES, count))))
    columns.values = _in_rows(order, _decode_parts(streams, sizes))
    runs = _joined(streams.take(_RUNS, 4 * moments), moments)
    if sum(runs) != count:
        raise ValueError("times are not those of the samples")
    received = _decode_parts(streams, [moments])
    columns.received = _repeated(received, runs)
    if how == _OF_SERIES:
        columns.at = _in_rows(order, _decode_parts(streams, sizes))
    elif how == _SAME:
        columns.at = columns.received[:]
    else:
        at = _decode_parts(streams, [moments])
        if how == _LATER:
            at = array("d", [one - other for one, other in zip(received, at, strict=True)])
        columns.at = _repeated(at, runs)
    for state in set(columns.states):
        columns.verdict(columns.states.index(state))
    return columns


def _moments(received: array[int], at: array[int]) -> array[int]:
    """The places of samples whose times are not those of the one before."""
    pairs = zip(received, received[1:], at, at[1:], strict=False)
    return array("I", [0, *(place for place, (a, b, c, d) in enumerate(pairs, 1) if a != b or c != d)])


def _encode_parts(values: array[float], sizes: Iterable[int], streams: Streams) -> None:
    start = 0
    for size in _columns(sizes):
        encode(values[start : start + size], streams)
        start += size


def _decode_parts(streams: Streams, sizes: Iterable[int]) -> array[float]:
    values = array("d")
    for size in _columns(sizes):
        values.extend(decode(streams, size))
    return values


def _columns(sizes: Iterable[int]) -> Iterator[int]:
    """How long columns are that hold these many values; a long one would take much memory on its way."""
    for size in sizes:
        yield from repeat(_LONGEST, size // _LONGEST)
        if size % _LONGEST:
            yield size % _LONGEST


def _by_series(local: Sequence[int], series: int) -> tuple[list[int], list[int]]:
    """The places of samples, series by series, and how many each has; a sort would keep other threads out for long."""
    places: list[list[int]] = [[] for _ in range(series)]
    for place, number in enumerate(local):
        places[number].append(place)
    return list(chain.from_iterable(places)), list(map(len, places))


def _in_rows(order: Sequence[int], column: array[_Item]) -> array[_Item]:
    """A column that stood series by series, in the order in which the samples came."""
    rows = column[:]
    for place, item in zip(order, column, strict=True):
        rows[place] = item
    return rows


def _repeated(values: array[float], runs: Sequence[int]) -> array[float]:
    return array("d", chain.from_iterable(map(repeat, values, runs)))


def _width(numbers: int) -> int:
    """How many bytes a number takes that is less than *numbers*."""
    return ((numbers - 1).bit_length() + 7) // 8


def _planes(column: array[int], numbers: int) -> bytes:
    """The bytes of a column whose items are less than *numbers*: the lowest of each item, then the next of each."""
    data = little(column)
    return b"".join(data[place::4] for place in range(_width(numbers)))


def _joined(planes: bytes, count: int) -> array[int]:
    """The column of *count* items whose planes these are."""
    data = bytearray(4 * count)
    for place in range(len(planes) // count):
        data[place::4] = planes[place * count : (place + 1) * count]
    return from_little("I", bytes(data))


def _squeezed(stream: bytes | bytearray) -> bytes:
    """A stream behind its length, packed if that makes it shorter."""
    data = lzma.compress(stream, lzma.FORMAT_RAW, filters=_FILTERS)
    how = _LZMA if len(data) < len(stream) else _PLAIN
    data = data if how == _LZMA else bytes(stream)
    return _LENGTH.pack(how, len(data), len(stream)) + data


def _streams(data: memoryview, count: int) -> Iterator[bytes]:
    """The streams of a chunk of *count* samples."""
    while data:
        how, length, size = _LENGTH.unpack_from(data)
        start, stop = _LENGTH.size, _LENGTH.size + length
        if stop > len(data) or size > _LARGEST * count:
            raise ValueError("a stream ends early")
        if how == _PLAIN:
            yield bytes(data[start:stop])
        else:
            unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
            yield unpacker.decompress(bytes(data[start:stop]), size)
        data = data[stop:]
