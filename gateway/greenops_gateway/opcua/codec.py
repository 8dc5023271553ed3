"""The two answers that carry values, Read and Publish, from their bytes (OPC UA part 6, 5.2). Pure.

What an instrument gives all day is read here: numbers, arrays of numbers, no value at all. Anything else is a
DecodeError, and whoever called asks the library's own decoder, which knows every type and is some twenty times slower.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from greenops_core.errors import DecodeError

UNIX_EPOCH = 11_644_473_600.0
"""Unix time 0 in seconds since 1601-01-01, where OPC UA counts from."""
TICKS = 1e7
"""OPC UA counts time in tenths of a microsecond."""

Number = int | float
Value = Number | tuple[Number, ...] | None


Item = tuple[Value, int, int, int]
"""What a server says of a node: value, status code, source and server time in ticks since 1601, 0 for no time.

The value is None where there is no number: null, a text, a structure.
"""
Placed = tuple[int, Item]
"""A client handle, which is a place, and what belongs there."""


class Publication(NamedTuple):
    """What one publish answer brought."""

    subscription: int
    available: tuple[int, ...]
    """What the server still holds for a republish."""
    more: bool
    """More is waiting on the server."""
    sequence: int
    items: list[Placed]
    """In the order they came; empty in a keep-alive."""
    status: int = 0
    """What became of the subscription itself, when the server told."""
    alive: bool = False
    """Nothing was to be told: *sequence* is the number of the next message."""


def unix(ticks: int) -> float:
    """Unix seconds from ticks since 1601.

    >>> unix(133_000_000_000_000_000)
    1655526400.0
    """
    return ticks / TICKS - UNIX_EPOCH


def ticks(unix: float) -> int:
    """Ticks since 1601 from Unix seconds."""
    return round((unix + UNIX_EPOCH) * TICKS)


_NUMBERS = {1: "?", 2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 10: "f", 11: "d"}
"""The built-in types Boolean to Double, and how struct spells them."""
_VALUE, _STATUS, _SOURCE, _SERVER, _SOURCE_FRACTION, _SERVER_FRACTION = 1, 2, 4, 8, 16, 32
_ARRAY = 0x80
LARGEST_ARRAY = 100_000


def _tail(mask: int) -> str:
    """What follows the value; the fractions of a tick are skipped."""
    return (
        ("I" if mask & _STATUS else "")
        + ("q" if mask & _SOURCE else "")
        + ("2x" if mask & _SOURCE_FRACTION else "")
        + ("q" if mask & _SERVER else "")
        + ("2x" if mask & _SERVER_FRACTION else "")
    )


_SPREAD: dict[int, Callable[..., Item]] = {
    0: lambda value: (value, 0, 0, 0),
    _STATUS: lambda value, status: (value, status, 0, 0),
    _SOURCE: lambda value, source: (value, 0, source, 0),
    _SERVER: lambda value, server: (value, 0, 0, server),
    _STATUS | _SOURCE: lambda value, status, source: (value, status, source, 0),
    _STATUS | _SERVER: lambda value, status, server: (value, status, 0, server),
    _SOURCE | _SERVER: lambda value, source, server: (value, 0, source, server),
    _STATUS | _SOURCE | _SERVER: lambda value, status, source, server: (value, status, source, server),
}
_GIVEN = _STATUS | _SOURCE | _SERVER

Layout = tuple[Callable[[bytes, int], tuple[Number, ...]], int, Callable[..., Item]]


def _layouts() -> dict[int, Layout]:
    """How a datum with a scalar number is laid out, by its first two bytes: the mask, and the type of the value."""
    found: dict[int, Layout] = {}
    for mask in range(64):
        if mask & _VALUE:
            for kind, letter in _NUMBERS.items():
                shape = struct.Struct("<2x" + letter + _tail(mask))
                found[mask | kind << 8] = (shape.unpack_from, shape.size, _SPREAD[mask & _GIVEN])
    return found


_SCALARS = _layouts()
_TAILS = {mask: struct.Struct("<" + _tail(mask)) for mask in range(64)}
_COUNT = struct.Struct("<i")
_KEY = struct.Struct("<H")
_KEYED = struct.Struct("<IH")
_RESPONSE = struct.Struct("<4sqIIBi3s")
_PUBLISHED = struct.Struct("<?Iqi")
_EXTENSION = struct.Struct("<4sBi")
_NO_EXTENSION = bytes(3)
READ_RESPONSE = b"\x01\x00" + struct.pack("<H", 634)
PUBLISH_RESPONSE = b"\x01\x00" + struct.pack("<H", 829)
DATA_CHANGE = b"\x01\x00" + struct.pack("<H", 811)
STATUS_CHANGE = b"\x01\x00" + struct.pack("<H", 820)


def read_answer(body: bytes) -> list[Item]:
    """The data of a Read response, in the order they were asked for.

    Raises:
        DecodeError: it is something else, damaged, or holds what only the library can read.
    """
    try:
        at = _header(body, READ_RESPONSE)
        count, at = _counted(body, at)
        items: list[Item] = []
        append, layouts, key = items.append, _SCALARS, _KEY.unpack_from
        for _ in range(count):
            layout = layouts.get(key(body, at)[0]) if at + 2 <= len(body) else None
            if layout is None:
                item, at = _unusual(body, at)
                append(item)
            else:
                unpack, size, spread = layout
                append(spread(*unpack(body, at)))
                at += size
        _end(body, _nothing(body, at))
    except (struct.error, IndexError, KeyError) as error:
        raise DecodeError(f"no Read response that can be read here: {error}") from None
    return items


def publication(body: bytes) -> Publication:
    """What a Publish response brought.

    Raises:
        DecodeError: it is something else, damaged, or holds what only the library can read.
    """
    try:
        at = _header(body, PUBLISH_RESPONSE)
        subscription = int.from_bytes(body[at : at + 4], "little")
        available, at = _numbers(body, at + 4)
        more, sequence, _, parts = _PUBLISHED.unpack_from(body, at)
        at += _PUBLISHED.size
        items: list[Placed] = []
        status = 0
        for _ in range(parts):
            kind, encoding, length = _EXTENSION.unpack_from(body, at)
            at += _EXTENSION.size
            if encoding != 1 or length < 0 or at + length > len(body):
                raise DecodeError("a notification that is not binary")
            if kind == DATA_CHANGE:
                _data_change(body, at, at + length, items)
            elif kind == STATUS_CHANGE and length >= 5 and body[at + 4 : at + length] == b"\0":
                status = int.from_bytes(body[at : at + 4], "little")
            else:
                raise DecodeError("a notification of another kind")
            at += length
        _, at = _numbers(body, at)
        _end(body, _nothing(body, at))
    except (struct.error, IndexError, KeyError) as error:
        raise DecodeError(f"no Publish response that can be read here: {error}") from None
    return Publication(subscription, available, more, sequence, items, status, parts <= 0)


def _data_change(body: bytes, at: int, end: int, items: list[Placed]) -> None:
    count, at = _counted(body, at)
    append, layouts, keyed = items.append, _SCALARS, _KEYED.unpack_from
    for _ in range(count):
        handle, key = keyed(body, at)
        at += 4
        layout = layouts.get(key)
        if layout is None:
            item, at = _unusual(body, at)
            append((handle, item))
        else:
            unpack, size, spread = layout
            append((handle, spread(*unpack(body, at))))
            at += size
        if at > end:
            raise DecodeError("a notification that is longer than it says")
    if _nothing(body, at) != end:
        raise DecodeError("a notification that is shorter than it says")


def _unusual(body: bytes, at: int) -> tuple[Item, int]:
    """A datum without a value, or with an array of numbers; and where it ends."""
    mask = body[at]
    tail = _TAILS[mask]
    at += 1
    value: Value = None
    if mask & _VALUE:
        kind = body[at]
        at += 1
        if kind & _ARRAY:
            value, at = _array(body, at, _NUMBERS[kind & ~_ARRAY])
        elif kind:
            raise DecodeError(f"a value of the built-in type {kind}")
    item = _SPREAD[mask & _GIVEN](value, *tail.unpack_from(body, at))
    return item, at + tail.size


def _array(body: bytes, at: int, letter: str) -> tuple[tuple[Number, ...] | None, int]:
    (count,) = _COUNT.unpack_from(body, at)
    if not -1 <= count <= LARGEST_ARRAY:
        raise DecodeError(f"an array of {count}")
    if count == -1:
        return None, at + 4
    shape = struct.Struct(f"<{count}{letter}")
    return shape.unpack_from(body, at + 4), at + 4 + shape.size


def _header(body: bytes, wanted: bytes) -> int:
    """Where the answer begins behind its header."""
    kind, _, _, result, diagnostics, texts, more = _RESPONSE.unpack_from(body)
    if kind != wanted or diagnostics or texts not in {-1, 0} or more != _NO_EXTENSION:
        raise DecodeError("another kind of answer, or one with diagnostics")
    if result:
        raise DecodeError(f"the service's result is {result:#010x}")
    return _RESPONSE.size


def _counted(body: bytes, at: int) -> tuple[int, int]:
    (count,) = _COUNT.unpack_from(body, at)
    if not -1 <= count <= len(body):
        raise DecodeError(f"{count} values in {len(body)} bytes")
    return max(0, count), at + 4


def _numbers(body: bytes, at: int) -> tuple[tuple[int, ...], int]:
    count, at = _counted(body, at)
    return struct.unpack_from(f"<{count}I", body, at), at + 4 * count


def _nothing(body: bytes, at: int) -> int:
    """Behind an empty list; one of diagnostics is left to the library."""
    if _COUNT.unpack_from(body, at)[0] not in {-1, 0}:
        raise DecodeError("an answer with diagnostics")
    return at + 4


def _end(body: bytes, at: int) -> None:
    if at != len(body):
        raise DecodeError(f"{len(body) - at} bytes too many")
