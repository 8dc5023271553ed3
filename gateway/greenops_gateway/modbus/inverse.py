"""From a value back to the registers that spelled it: what ``source`` does the other way round, and proven. Pure.

The journal keeps values, not registers. Where a scale rounds, or a bit was taken out of a word, several contents of the
registers give the same value; how many is said.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from greenops_core.errors import DecodeError
from greenops_core.sample import Reason
from greenops_core.unit import Linear
from greenops_gateway.modbus.codec import FLOATS, FORMATS, Type, decode, encode, words
from greenops_gateway.modbus.source import Source

Gives = Callable[[float], bool | None]
"""Whether a number gives the value; nothing when it stands for no value at all."""

MOST = 1000
"""Contents on each side of one that gives the value that are counted at most."""
ROUNDED, NEAR = 8, 16
"""So many values on each side, and contents on each side of what each of them would be, are tried."""


class Spelling(NamedTuple):
    """Registers that give a value. *number* is what they spell, *raw* their words in hex as they came; a bit is 0 or 1.

    *alike* is how many contents give the same value, of which this is one; *at_least*: there may be more.
    """

    number: int | float
    raw: tuple[str, ...]
    alike: int
    at_least: bool = False


def spelling(value: float, source: Source, to_base: Linear) -> Spelling | None:
    """What the registers of *source* held when they gave *value*, in the base unit to which *to_base* leads.

    Nothing: no content of these registers gives this value.
    """
    meaning = source.meaning

    def gives(number: float) -> bool | None:
        own, reason = meaning.of(number)
        return _same(to_base.to_base(own), value) if reason is Reason.NONE else None

    if source.span.is_bits:
        return _only(source, filter(gives, (0, 1)))
    if meaning.bit is not None:
        known = [number for number in (0, 1 << meaning.bit) if gives(number)]
        found = _only(source, known)
        return None if found is None else found._replace(alike=found.alike << 15)
    if meaning.enum is not None:
        return _only(source, filter(gives, meaning.enum))
    likely = _likely(to_base.from_base(value), source)
    nearest = next((each for each in likely if _gives(gives, each, source.type)), None)
    if nearest is None:
        return None
    below, more_below = _run(gives, nearest, -1, source.type)
    above, more_above = _run(gives, nearest, 1, source.type)
    number = _number(nearest, source.type)
    assert number is not None  # noqa: S101  # it gives the value
    raw = _raw(source, number)
    return None if raw is None else Spelling(number, raw, below + 1 + above, at_least=more_below or more_above)


def _only(source: Source, numbers: Iterable[int]) -> Spelling | None:
    """The first of *numbers* that the type can spell, and how many there are."""
    found = [(number, raw) for number in numbers if (raw := _raw(source, number)) is not None]
    return Spelling(*found[0], len(found)) if found else None


def _raw(source: Source, number: float) -> tuple[str, ...] | None:
    """The words that spell *number*, proven by decoding them; nothing when none do."""
    if source.span.is_bits:
        return (str(int(number)),)
    with suppress(DecodeError):
        data = encode(number, source.type, source.order)
        if _same(decode(data, source.type, source.order), number):
            return tuple(data[at : at + 2].hex() for at in range(0, len(data), 2))
    return None


def _gives(gives: Gives, place: int, type_: Type) -> bool:
    number = _number(place, type_)
    return number is not None and gives(number) is True


def _run(gives: Gives, start: int, step: int, type_: Type) -> tuple[int, bool]:
    """How many of the ``MOST`` contents next to the one at *start* give the same value; whether there may be more."""
    count = 0
    for distance in range(1, MOST + 1):
        number = _number(start + step * distance, type_)
        verdict = False if number is None else gives(number)
        if verdict is False:
            return count, False
        count += verdict is True
    return count, True


def _likely(own: float, source: Source) -> Iterator[int]:
    """The places of contents that may give *own* or what lies beside it: each step on the way may have rounded."""
    scale, offset = source.meaning.scale, source.meaning.offset
    low = high = own
    for _ in range(ROUNDED):
        for each in {low: None, high: None}:
            number = each if scale == 1 and offset == 0 else (each - offset) / scale
            if not math.isfinite(number):
                continue
            place = _place(number, source.type)
            # Whole numbers that a float does not tell apart give the same value.
            stride = 1 if source.type in FLOATS else max(1, int(math.ulp(number)) // 2)
            for distance in range(NEAR):
                yield from dict.fromkeys((place - stride * distance, place + stride * distance))
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)


def _place(number: float, type_: Type) -> int:
    """The place of the content nearest to *number* when all contents stand in the order of what they spell."""
    if type_ not in FLOATS:
        return round(number)
    width = 16 * words(type_)
    try:
        (bits,) = struct.unpack(f">{_WHOLE[width]}", struct.pack(f">{FORMATS[type_]}", number))
    except OverflowError:  # beyond the largest, which may round to it
        bits = 0
    sign = 1 << width - 1
    return int(bits if bits < sign else sign - 1 - bits)


def _number(place: int, type_: Type) -> int | float | None:
    """What the content at *place* spells; nothing beyond the last."""
    width = 16 * words(type_)
    if type_ not in FLOATS:
        low = -(1 << width - 1) if type_.startswith("i") else 0
        return place if low <= place < low + (1 << width) else None
    sign = 1 << width - 1
    if not -sign <= place < sign:
        return None
    bits = place if place >= 0 else sign - 1 - place
    number: float = struct.unpack(f">{FORMATS[type_]}", struct.pack(f">{_WHOLE[width]}", bits))[0]
    return number


_WHOLE = {16: "H", 32: "I", 64: "Q"}


def _same(one: float, other: float) -> bool:
    return struct.pack("<d", one) == struct.pack("<d", other)
