"""Whether registers look like numbers that an instrument gives, in one word order or another. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from greenops_core.sample import Reason
from greenops_gateway.modbus.codec import FLOATS, Order, Type, decode, words
from greenops_gateway.modbus.source import Source

ORDERS: tuple[Order, ...] = get_args(Order)
LARGEST = 1e12
"""No instrument gives more, in any unit."""
TINY = 1e-6
"""Less, but for 0, is hardly a measurement: the words of a float in the wrong order often spell such a number."""
ORDINARY = (1e-4, 1e7)
"""Nearly every number that an instrument gives, but for 0, lies here."""
CONVINCING = 0.6
"""Share of the numbers that must be ordinary before registers are taken for floats."""


class Spelling(NamedTuple):
    """What the same registers are in one order: the value in the point's unit, and whether it can be one."""

    order: Order
    value: float
    plausible: bool


def spellings(raw: bytes, source: Source, range_: tuple[float, float] | None) -> tuple[Spelling, ...]:
    """*raw*, the registers of a point with *source*, in all four orders.

    >>> from greenops_gateway.meaning import Meaning
    >>> from greenops_gateway.modbus.plan import Span
    >>> source = Source(Span("input", 0, 2), "f32", "ABCD", Meaning())
    >>> [spelling.order for spelling in spellings(bytes.fromhex("0000 42c8"), source, (0, 200)) if spelling.plausible]
    ['CDAB']
    """
    return tuple(_spelling(raw, source, order, range_) for order in ORDERS)


def _spelling(raw: bytes, source: Source, order: Order, range_: tuple[float, float] | None) -> Spelling:
    number = decode(raw, source.type, order)
    value, reason = source.meaning.of(number)
    if reason is Reason.SENTINEL and math.isfinite(number):
        return Spelling(order, number, plausible=True)  # the device says that it has no value, in the right order
    if reason is not Reason.NONE:
        return Spelling(order, float(number), plausible=False)
    low, high = (-LARGEST, LARGEST) if range_ is None else range_
    tiny = source.type in FLOATS and 0 < abs(number) < TINY
    return Spelling(order, value, plausible=low <= value <= high and not tiny)


class Guess(NamedTuple):
    """Numbers that registers seem to hold: their type and order, the first one's place, and what they are."""

    type: Type
    order: Order
    first: int
    numbers: tuple[float, ...]


def guess(raw: bytes) -> Guess:
    """What *raw*, neighbouring registers, seem to hold: floats in some order where most look like some, else words.

    >>> guess(bytes.fromhex("0000 42c8 0000 4248"))
    Guess(type='f32', order='CDAB', first=0, numbers=(100.0, 50.0))
    >>> guess(bytes.fromhex("0001 0002")).type
    'u16'
    """
    best: tuple[float, int] = (CONVINCING, 0)
    found: Guess | None = None
    for first in (0, 1):
        for order in ORDERS:
            numbers = tuple(_numbers(raw[2 * first :], "f32", order))
            told = [number for number in numbers if number != 0]
            weight = sum(map(_ordinary, told)) / max(len(told), 1), len(told)
            if weight > best:
                best, found = weight, Guess("f32", order, first, numbers)
    return found or Guess("u16", "ABCD", 0, tuple(_numbers(raw, "u16", "ABCD")))


def _numbers(raw: bytes, type_: Type, order: Order) -> Iterator[float]:
    size = 2 * words(type_)
    return (float(decode(raw[at : at + size], type_, order)) for at in range(0, len(raw) - size + 1, size))


def _ordinary(number: float) -> bool:
    return math.isfinite(number) and ORDINARY[0] <= abs(number) <= ORDINARY[1]


def shown(found: Sequence[Spelling], unit: str) -> str:
    """All spellings in one line, the plausible ones marked."""
    told = (
        f"{each.order} {each.value:.6g}{'' if unit == '1' else f' {unit}'}{' *' * each.plausible}" for each in found
    )
    return ", ".join(told) + " (* plausible)" * any(each.plausible for each in found)
