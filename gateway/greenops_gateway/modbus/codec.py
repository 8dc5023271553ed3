"""Numbers from register bytes, and back. Pure.

The four orders name where the bytes of a 32-bit number ABCD stand on the wire; for other widths they mean the same two
things: whether the words come lowest first (CDAB, DCBA) and whether the bytes within a word are swapped (BADC, DCBA).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Literal, NamedTuple

from greenops_core.errors import DecodeError

Type = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f16", "f32", "f64", "bit"]
Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]

FORMATS: Mapping[Type, str] = {
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "u64": "Q",
    "i64": "q",
    "f16": "e",
    "f32": "f",
    "f64": "d",
    "bit": "H",
}
FLOATS: tuple[Type, ...] = ("f16", "f32", "f64")
# Byte order given to struct, and whether the words are turned round before. Swapping the bytes of each word is the same
# as turning everything round and then the words back.
_ORDERS: Mapping[Order, tuple[str, bool]] = {
    "ABCD": (">", False),
    "CDAB": (">", True),
    "BADC": ("<", True),
    "DCBA": ("<", False),
}


def words(type_: Type) -> int:
    """How many registers a number takes.

    >>> words("f32"), words("u64"), words("bit")
    (2, 4, 1)
    """
    return struct.calcsize(">" + FORMATS[type_]) // 2


def decode(raw: bytes, type_: Type, order: Order) -> int | float:
    """The number that *raw*, register bytes as they came, spells.

    >>> decode(bytes.fromhex("0000 42c8"), "f32", "CDAB")
    100.0

    Raises:
        DecodeError: there are not as many bytes as the type needs.
    """
    if len(raw) != 2 * words(type_):
        raise DecodeError(f"{type_} needs {2 * words(type_)} bytes, got {len(raw)}")
    endian, turned = _ORDERS[order]
    number: int | float = struct.unpack(endian + FORMATS[type_], _turned(raw) if turned else raw)[0]
    return number


def encode(number: float, type_: Type, order: Order) -> bytes:
    """The register bytes that spell *number*.

    >>> encode(100.0, "f32", "CDAB").hex()
    '000042c8'

    Raises:
        DecodeError: the type cannot hold the number.
    """
    endian, turned = _ORDERS[order]
    try:
        raw = struct.pack(endian + FORMATS[type_], number)
    except (struct.error, OverflowError):
        raise DecodeError(f"{type_} cannot hold {number!r}") from None
    return _turned(raw) if turned else raw


class Field(NamedTuple):
    """A number among the registers of an answer: *at* counts registers from the first one."""

    at: int
    type: Type
    order: Order


class Layout:
    """Where the numbers lie in an answer of *count* registers; all are read at once.

    >>> layout = Layout([Field(0, "u16", "ABCD"), Field(1, "f32", "CDAB")], 3)
    >>> layout.numbers(bytes.fromhex("0007 0000 42c8"))
    (7, 100.0)
    """

    def __init__(self, fields: Sequence[Field], count: int) -> None:
        self._size = 2 * count
        self._parts: list[tuple[struct.Struct, bool]] = []
        places: list[int] = []
        for order, (endian, turned) in _ORDERS.items():
            # With all words of the answer turned round, each number's words stand highest first again.
            starts = sorted(
                (count - field.at - words(field.type) if turned else field.at, index)
                for index, field in enumerate(fields)
                if field.order == order
            )
            for layer in _layers(starts, [words(field.type) for field in fields]):
                codes, end = [endian], 0
                for start, index in layer:
                    codes.append(f"{2 * (start - end)}x{FORMATS[fields[index].type]}")
                    end = start + words(fields[index].type)
                    places.append(index)
                codes.append(f"{2 * (count - end)}x")
                self._parts.append((struct.Struct("".join(codes)), turned))
        in_order = sorted(range(len(places)), key=places.__getitem__)
        self._sort = None if in_order == list(range(len(places))) else itemgetter(*in_order)

    def numbers(self, data: bytes) -> tuple[int | float, ...]:
        """The numbers in the order of the fields.

        Raises:
            DecodeError: there are not as many bytes as the registers have.
        """
        if len(data) != self._size:
            raise DecodeError(f"{self._size // 2} registers are {self._size} bytes, got {len(data)}")
        found: tuple[int | float, ...] = ()
        for part, turned in self._parts:
            found += part.unpack(_turned(data) if turned else data)
        return found if self._sort is None else self._sort(found)


def _layers(starts: Iterable[tuple[int, int]], lengths: Sequence[int]) -> list[list[tuple[int, int]]]:
    """Fields by start, in as few lists as it takes that none overlaps another in the same list."""
    layers: list[list[tuple[int, int]]] = []
    for start, index in starts:
        for layer in layers:
            last, before = layer[-1]
            if last + lengths[before] <= start:
                layer.append((start, index))
                break
        else:
            layers.append([(start, index)])
    return layers


def _turned(raw: bytes) -> bytes:
    """*raw* with the last word first; the bytes of each word stay as they are."""
    swapped = array("H", raw)
    swapped.reverse()
    return swapped.tobytes()
