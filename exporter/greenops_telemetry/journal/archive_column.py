"""A column of doubles as small integers: the numbers of an archive. Pure; what is written down in ``archive``.

Instruments give few different numbers: codes of a converter times a factor, decimals, float32. A ``Form`` says which
double an integer stands for; where rounding on the way left the value some units in the last place (ulp) away, that
correction stands once for each different integer. What fits no form ("odd") is kept as its bits.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import accumulate, pairwise
from operator import sub
from typing import NamedTuple

PLANES = 8
"""Streams 0 to 7 hold the bytes of the steps, the lowest first."""
HEADS, CORRECTIONS, PLACES, ODD = range(PLANES, PLANES + 4)
STREAMS = PLANES + 4

_HEAD = struct.Struct("<BBBIQQdd")  # form, order, width, odd values, divisor, middle, factor, offset
HEAD = _HEAD.size
_TOP, _ALL = 1 << 63, (1 << 64) - 1
_TOP32, _ALL32 = 1 << 31, (1 << 32) - 1
_WHOLE = 1.5 * 2**52  # added and taken away again, it leaves the nearest integer
_LARGEST = 2.0**51
_MOST = 1e15  # no instrument gives more: with what is no number, or infinite, it is odd
_FARTHEST = 127  # ulp that a correction may have
_ODD_SHARE = 2  # a form is refused when more than one in so many values is odd
_LOOK = 16  # values at two places, by which forms are compared
_MOST_DECIMALS = 9
_UNITS = (1e2, 1e3, 1e6, 3.6e6, 1e-2, 1e-3, 1e-6)  # by which float32 readings are brought to the base unit


class FormKind(IntEnum):
    """What an integer i stands for. The numbers are on disk."""

    BITS = 0
    """The i-th double, when all are sorted by size with the sign first."""
    FLOAT32 = 1
    """The i-th float32, times *factor*."""
    DECIMAL = 2
    """i / *factor*."""
    FACTOR = 3
    """i * *factor* + *offset*."""
    DECIMAL32 = 4
    """i / *factor*, rounded to float32."""


class Form(NamedTuple):
    """Which double an integer stands for."""

    kind: FormKind
    factor: float = 1.0
    offset: float = 0.0

    def integers(self, values: Sequence[float]) -> list[int] | None:
        """The integer of the double next to each of *values*; nothing when they are too large for it."""
        if self.kind is FormKind.BITS:
            return [bits ^ _ALL if bits & _TOP else bits | _TOP for bits in bits_of(values)]
        if self.kind is FormKind.FLOAT32:
            scaled = [value / self.factor if -_MOST < value < _MOST else 0.0 for value in values]
            words = array("I", array("f", scaled).tobytes())
            return [word ^ _ALL32 if word & _TOP32 else word | _TOP32 for word in words]
        usable = [value if -_MOST < value < _MOST else 0.0 for value in values]
        largest = max(map(abs, usable))
        if self.kind is FormKind.FACTOR:
            if (largest + abs(self.offset)) / abs(self.factor) >= _LARGEST:
                return None
            factor, offset = self.factor, self.offset
            return [int((value - offset) / factor + _WHOLE - _WHOLE) for value in usable]
        if largest * self.factor >= _LARGEST:
            return None
        factor = self.factor
        return [int(value * factor + _WHOLE - _WHOLE) for value in usable]

    def doubles(self, integers: Sequence[int]) -> array[float]:
        """What *integers* stand for."""
        if self.kind is FormKind.BITS:
            return doubles_of([number ^ _TOP if number & _TOP else number ^ _ALL for number in integers])
        if self.kind is FormKind.FLOAT32:
            words = array("I", [number ^ _TOP32 if number & _TOP32 else number ^ _ALL32 for number in integers])
            singles = array("f", words.tobytes())
            return array("d", singles if self.factor == 1 else [single * self.factor for single in singles])
        factor, offset = self.factor, self.offset
        if self.kind is FormKind.FACTOR:
            return array("d", [number * factor + offset for number in integers])
        quotients = array("d", [number / factor for number in integers])
        return array("d", array("f", quotients)) if self.kind is FormKind.DECIMAL32 else quotients


BITS = Form(FormKind.BITS)


class Streams:
    """Byte streams, to which each column of a chunk adds and from which it is taken again in the same order."""

    def __init__(self, streams: Iterable[bytes] = ()) -> None:
        self.parts = [bytearray(each) for each in streams] or [bytearray() for _ in range(STREAMS)]
        self._at = [0] * len(self.parts)

    def size(self) -> int:
        """About how many bytes they take when they are packed."""
        return sum(len(zlib.compress(part)) for part in self.parts)

    def take(self, stream: int, size: int) -> bytes:
        """The next *size* bytes of a stream. Raises ValueError: there are less."""
        at = self._at[stream]
        self._at[stream] = at + size
        if len(self.parts[stream]) < at + size:
            raise ValueError(f"stream {stream} ends early")
        return bytes(self.parts[stream][at : at + size])


class _Fit(NamedTuple):
    """The integers of a column in a form, and what is needed to come back to its bits."""

    integers: list[int]
    corrections: list[int]
    odd: list[int]


def encode(values: array[float], streams: Streams) -> None:
    """Add the column *values*, which is not empty, to *streams*."""
    bits = bits_of(values)
    form, fit = BITS, None
    if min(bits) != max(bits):
        form = _best(values)
        fit = _fit(form, values, bits) if form != BITS else None
    if fit is None:
        form, fit = BITS, _Fit(BITS.integers(values) or [], [], [])
    middle = sorted(fit.integers)[len(fit.integers) // 2]
    away = [number - middle for number in fit.integers]
    divisor = math.gcd(*away) or 1
    if divisor != 1:
        away = [number // divisor for number in away]
    order, steps = _steps(away)
    width = (max(steps).bit_length() + 7) // 8
    if width > PLANES:
        order, steps, width = 3, fit.integers, PLANES
    planes = little(array("Q", steps))
    for place in range(width):
        streams.parts[place] += planes[place::8]
    corrected = any(fit.corrections)
    if corrected:
        streams.parts[CORRECTIONS] += bytes(map(_folded, fit.corrections))
    streams.parts[PLACES] += little(array("I", map(sub, fit.odd, [0, *fit.odd])))
    streams.parts[ODD] += little(array("Q", [bits[place] for place in fit.odd]))
    streams.parts[HEADS] += _HEAD.pack(
        form.kind | corrected << 7, order, width, len(fit.odd), divisor, middle & _ALL, form.factor, form.offset
    )


def decode(streams: Streams, count: int) -> array[float]:
    """The next column of *count* values from *streams*. Raises ValueError: they are not what ``encode`` made."""
    kind, order, width, odd, divisor, middle, factor, offset = _HEAD.unpack(streams.take(HEADS, HEAD))
    form = Form(FormKind(kind & 0x7F), factor, offset)
    if width > PLANES or order not in _ORDERS:
        raise ValueError("a column's head makes no sense")
    planes = bytearray(8 * count)
    for place in range(width):
        planes[place::8] = streams.take(place, count)
    steps = array("Q", bytes(planes))
    if sys.byteorder == "big":
        steps.byteswap()
    if form.kind is not FormKind.BITS and middle & _TOP:
        middle -= _ALL + 1
    integers: Sequence[int] = steps
    if order != 3:
        away = _undone(steps, order)
        integers = [number * divisor + middle for number in away] if divisor != 1 or middle else away
    if form.kind is FormKind.BITS:
        values = form.doubles(integers)
    else:
        table = dict.fromkeys(integers, 0.0)
        doubles = form.doubles(list(table))
        if kind & 0x80:
            told = streams.take(CORRECTIONS, len(table))
            doubles = doubles_of([bits + _unfolded(each) for bits, each in zip(bits_of(doubles), told, strict=True)])
        table = dict(zip(table, doubles, strict=True))
        values = array("d", map(table.__getitem__, integers))
    places = accumulate(from_little("I", streams.take(PLACES, 4 * odd)))
    for place, double in zip(places, doubles_of(from_little("Q", streams.take(ODD, 8 * odd))), strict=True):
        values[place] = double
    return values


def bits_of(values: Sequence[float]) -> array[int]:
    """The bits of doubles."""
    return array("Q", (values if isinstance(values, array) else array("d", values)).tobytes())


def doubles_of(bits: Sequence[int]) -> array[float]:
    """The doubles that have these bits."""
    return array("d", (bits if isinstance(bits, array) else array("Q", bits)).tobytes())


def little(column: array[int]) -> bytes:
    """The bytes of a column, the lowest of each item first."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def from_little(code: str, data: bytes) -> array[int]:
    """The column that ``little`` made into *data*."""
    column: array[int] = array(code, data)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _fit(form: Form, values: Sequence[float], bits: array[int]) -> _Fit | None:
    """*values* in a form, or nothing when too many are odd."""
    integers = form.integers(values)
    if integers is None:
        return None
    table = dict(zip(integers, bits, strict=True))
    doubles = bits_of(form.doubles(list(table)))
    corrections = list(map(sub, table.values(), doubles))
    near = max(corrections) <= _FARTHEST and min(corrections) >= -_FARTHEST
    if near and array("Q", map(table.__getitem__, integers)) == bits:
        return _Fit(integers, corrections, [])
    return _with_odd(integers, bits, dict(zip(table, doubles, strict=True)))


def _with_odd(integers: list[int], bits: array[int], doubles: dict[int, int]) -> _Fit | None:
    """The same when some values are odd; in the place of each stands the integer before it."""
    real: dict[int, int] = {}
    odd = [
        place
        for place, (number, told) in enumerate(zip(integers, bits, strict=True))
        if abs(told - doubles[number]) > _FARTHEST or real.setdefault(number, told) != told
    ]
    if len(odd) * _ODD_SHARE > len(integers):
        return None
    filled = integers[:]
    last = next(iter(real))
    for place in odd:
        filled[place] = filled[place - 1] if place else last
    return _Fit(filled, [real[number] - doubles[number] for number in dict.fromkeys(filled)], odd)


def _best(values: array[float]) -> Form:
    """The form in which *values* probably take the least."""
    middle = len(values) // 2
    look = values[:_LOOK] + values[max(middle, _LOOK) : max(middle, _LOOK) + _LOOK]
    bits = bits_of(look)
    best, least = BITS, _cost(BITS, look, bits)
    for form in _candidates(values):
        cost = _cost(form, look, bits)
        if cost < least:
            best, least = form, cost
    return best


def _cost(form: Form, values: Sequence[float], bits: array[int]) -> float:
    """About how many bits *values* take in a form."""
    fit = _fit(form, values, bits)
    if fit is None:
        return math.inf
    integers, corrections, odd = fit
    divisor = math.gcd(*[number - integers[0] for number in integers]) or 1
    steps = sum(((after - before) // divisor).bit_length() for before, after in pairwise(integers))
    odd_bits = 8 * len(odd) + 16 * len({bits[place] for place in odd})
    return steps + sum(each.bit_length() for each in corrections) / 2 + odd_bits


def _candidates(values: array[float]) -> Iterator[Form]:
    for decimals in range(_MOST_DECIMALS + 1):
        yield Form(FormKind.DECIMAL, 10.0**decimals)
    singles = array("d", array("f", values))
    if singles == values:
        yield Form(FormKind.FLOAT32)
        for decimals in range(1, 6):
            yield Form(FormKind.DECIMAL32, 10.0**decimals)
    else:
        for unit in _UNITS:
            yield Form(FormKind.FLOAT32, unit)
    yield from _factors(values)


def _factors(values: array[float]) -> Iterator[Form]:
    """Forms with a factor that is found from the smallest step between two of *values*."""
    different = sorted({value for value in values if -_MOST < value < _MOST})
    if len(different) < 2:
        return
    step = min(after - before for before, after in pairwise(different))
    largest = max(different[-1], -different[0])
    if step * 2**30 < largest:
        return
    sharp = largest / max(1, round(largest / step))  # of -1 and 1 the step is larger than both
    for factor in dict.fromkeys([float(f"{sharp:.9g}"), sharp]):
        yield Form(FormKind.FACTOR, factor)
    wide = (different[-1] - different[0]) / round((different[-1] - different[0]) / step)
    for factor in dict.fromkeys([float(f"{wide:.9g}"), wide]):
        yield Form(FormKind.FACTOR, factor, different[0])


_ORDERS = range(4)


def _steps(away: list[int]) -> tuple[int, list[int]]:
    """The order, how many times differences are taken, that makes *away* smallest; and the differences, folded."""
    first = list(map(sub, away, [0, *away]))
    second = list(map(sub, first, [0, *first]))
    order, steps = min(enumerate((away, first, second)), key=lambda each: sum(map(abs, each[1])))
    return order, [step + step if step >= 0 else ~(step + step) for step in steps]


def _undone(steps: Iterable[int], order: int) -> list[int]:
    numbers: Iterable[int] = [step >> 1 ^ -(step & 1) for step in steps]
    for _ in range(order):
        numbers = accumulate(numbers)
    return list(numbers)


def _folded(number: int) -> int:
    """A number without its sign: 0, -1, 1, -2 … become 0, 1, 2, 3 …."""
    return number + number if number >= 0 else ~(number + number)


def _unfolded(number: int) -> int:
    return number >> 1 ^ -(number & 1)
