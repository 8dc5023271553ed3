"""The tables of a simulated device: registers and bits as its manual has them, filled from a plant. Pure.

Written from the wire up, without the reader's codec, so that a mistake there is no mistake here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise

from greenops_core.sample import Reason
from greenops_gateway.modbus.codec import Order, Type
from greenops_gateway.modbus.plan import FUNCTIONS, Limits, Span, Table
from greenops_gateway.modbus.source import Source, Status

FLOATS: Mapping[Type, str] = {"f16": ">e", "f32": ">f", "f64": ">d"}
WORD = 16
ALL = 0xFFFF

Image = Mapping[int, int]
"""What stands at each address that exists."""


def spelt(number: float, type_: Type, order: Order) -> list[int]:
    """The registers, in order of address, that spell *number*; a whole number that does not fit becomes the nearest.

    >>> [f"{word:04x}" for word in spelt(123.456, "f32", "CDAB")]
    ['e979', '42f6']
    """
    if type_ in FLOATS:
        raw = _float(number, FLOATS[type_])
    else:
        size = WORD if type_ == "bit" else int(type_[1:])
        least, most = (-(1 << size - 1), (1 << size - 1) - 1) if type_.startswith("i") else (0, (1 << size) - 1)
        raw = round(min(max(number, least), most)).to_bytes(size // 8, "big", signed=least < 0)
    words = [raw[at] << 8 | raw[at + 1] for at in range(0, len(raw), 2)]
    if order in {"BADC", "DCBA"}:
        words = [word >> 8 | (word & 0xFF) << 8 for word in words]
    return words[::-1] if order in {"CDAB", "DCBA"} else words


def status_word(status: Status, state: Reason) -> tuple[int, int]:
    """What *status* reads while the device is in *state*, and the bits that it says something by."""
    if status.values is not None:
        said = next((word for word, reason in status.values.items() if reason is state), None)
        well = next((word for word, reason in status.values.items() if reason is Reason.NONE), 0)
        return (well if said is None else said), ALL
    word = sum(1 << bit for bit in status.clear)
    mask = word | sum(1 << bit for bit in status.bits)
    set_ = next((bit for bit, reason in status.bits.items() if reason is state), None)
    cleared = next((bit for bit, reason in status.clear.items() if reason is state), None)
    if set_ is not None:
        word |= 1 << set_
    elif cleared is not None:
        word &= ~(1 << cleared)
    return word, mask


class Memory:
    """What a device with *sources*, named *names*, holds.

    Between entries over which *limits* allow a request to read on, the addresses exist too and hold 0.
    """

    def __init__(self, sources: Sequence[Source], names: Sequence[str], limits: Limits) -> None:
        self._points = list(zip(sources, names, strict=True))
        self._status = list({id(status): status for source in sources for status in source.status}.values())
        spans = sorted({span for source in sources for span in source.spans()})
        self._exists: dict[Table, list[int]] = {
            table: _addresses(table, [span for span in spans if span.table == table], limits) for table in FUNCTIONS
        }

    def image(self, values: Mapping[str, float], state: Reason) -> Mapping[Table, Image]:
        """All tables where the points have *values* and the device is in *state*."""
        tables: dict[Table, dict[int, int]] = {table: dict.fromkeys(all_, 0) for table, all_ in self._exists.items()}
        for source, name in self._points:
            _write(tables[source.span.table], source, values[name])
        for status in self._status:
            word, mask = status_word(status, state)
            table = tables[status.span.table]
            if status.span.is_bits:
                table[status.span.address] = word & 1
                continue
            for address, spelling, covers in zip(
                range(status.span.address, status.span.end),
                _spelt_in(status, word),
                _spelt_in(status, mask),
                strict=True,
            ):
                table[address] = table[address] & ~covers & ALL | spelling
        return tables


def _write(table: dict[int, int], source: Source, value: float) -> None:
    if source.span.is_bits:
        table[source.span.address] = int(value > 0.5)
        return
    number = _number(source, value)
    if source.meaning.bit is not None:
        number = 1 << source.meaning.bit if value > 0.5 else 0
    for address, word in zip(
        range(source.span.address, source.span.end), spelt(number, source.type, source.order), strict=True
    ):
        table[address] |= word


def _number(source: Source, value: float) -> float:
    """The number that means *value*: a listed state, or the scale turned round; a sentinel where there is no value."""
    meaning = source.meaning
    if not math.isfinite(value):
        return next(iter(meaning.sentinels), math.nan if source.type in FLOATS else 0)
    if meaning.enum is not None:
        return min(meaning.enum, key=lambda number: abs(meaning.enum[number] - value) if meaning.enum else 0.0)
    number = (value - meaning.offset) / meaning.scale
    return round(number) if source.type not in FLOATS else number


def _spelt_in(status: Status, word: int) -> list[int]:
    types: dict[int, Type] = {1: "u16", 2: "u32", 4: "u64"}
    return spelt(word, types[status.span.count], status.order)


def _float(number: float, code: str) -> bytes:
    try:
        return struct.pack(code, float(number))
    except OverflowError:
        return struct.pack(code, math.copysign(math.inf, number))


def _addresses(table: Table, spans: Sequence[Span], limits: Limits) -> list[int]:
    found = {address for span in spans for address in range(span.address, span.end)}
    for low, high in pairwise(sorted(found)):
        if limits.bridged(table, low + 1, high):
            found.update(range(low + 1, high))
    return sorted(found)
