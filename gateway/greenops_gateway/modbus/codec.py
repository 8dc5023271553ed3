"""Numbers from register bytes, and back. Pure.

The four orders name where the bytes of a 32-bit number ABCD stand on the wire; for other widths they mean the same two
things: whether the words come lowest first (CDAB, DCBA) and whether the bytes within a word are swapped (BADC, DCBA).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from greenops_core.errors import DecodeError
from greenops_core.sample import Reason

SMALLEST = 1e-20
"""No instrument gives less but zero; the words of a float in the wrong order often spell such a number."""

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


def _turned(raw: bytes) -> bytes:
    return b"".join(raw[start : start + 2] for start in range(len(raw) - 2, -1, -2))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a decoded number stands for: one of its bits, a listed state, or a linear scale; and which numbers are none.

    *sentinels* are numbers, as decoded, by which the device says that it has no value.
    """

    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    enum: Mapping[int, float] | None = None
    sentinels: frozenset[int | float] = frozenset()

    def of(self, number: float) -> tuple[float, Reason]:
        """The value in the point's unit and ``Reason.NONE``, or no number and why.

        >>> Meaning(scale=0.1, sentinels=frozenset({-32768})).of(215)
        (21.5, <Reason.NONE: 'none'>)
        >>> Meaning(sentinels=frozenset({-32768})).of(-32768)
        (nan, <Reason.SENTINEL: 'sentinel'>)
        """
        if number in self.sentinels or not math.isfinite(number):
            return math.nan, Reason.SENTINEL
        if 0 < abs(number) < SMALLEST:
            return math.nan, Reason.DECODE
        if self.bit is not None:
            number = int(number) >> self.bit & 1
        if self.enum is not None:
            listed = self.enum.get(int(number)) if number == int(number) else None
            return (math.nan, Reason.DECODE) if listed is None else (listed, Reason.NONE)
        value = float(number) if self.scale == 1 and self.offset == 0 else number * self.scale + self.offset
        return (value, Reason.NONE) if math.isfinite(value) else (math.nan, Reason.DECODE)
