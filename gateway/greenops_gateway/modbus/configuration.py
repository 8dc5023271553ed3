"""A Modbus device in gateway.yml, and the sources that its points resolve to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from greenops_core.errors import ConfigError, DecodeError, Mistakes, within
from greenops_core.sample import Reason
from greenops_gateway.modbus.address import Style, located
from greenops_gateway.modbus.codec import FLOATS, Order, Type, decode, encode, words
from greenops_gateway.modbus.plan import BITS_PER_WORD, Block, Limits, Span, Table, fewest, plan
from greenops_gateway.modbus.quirk import Quirks
from greenops_gateway.modbus.reader import place
from greenops_gateway.modbus.source import Source, Status
from greenops_gateway.number import Number
from greenops_gateway.point import Device
from greenops_telemetry.configuration import Section

BIT_TABLES = ("coil", "discrete")
NO_SENTINELS: frozenset[int | float] = frozenset()
TINY = 1e-6
"""The share of a range below which no instrument measures; the words of a float in the wrong order often spell such."""
SHORT_FLOATS: tuple[Type, ...] = ("f16", "f32")
LARGEST_SPAN = 1e9
"""Where a range ends that is a counter's: a young counter stands far below."""
KINDS = 32
"""Of so many kinds of devices at a time is remembered what their points resolve to."""
Said = Literal[
    "calibration", "maintenance", "device_fault", "blowback", "warm_up", "out_of_control", "device_uncertain"
]
"""What a device can say about its values; all but the last make them unusable."""


class StatusWord(Section, frozen=True, kw_only=True):
    """What judges values: *bits* of a register that say something when set, others when *clear*, or its *values*.

    In a table of bits, bit n is the entry n places behind *at*.
    """

    at: int | str
    bits: dict[int, Said] = msgspec.field(default_factory=dict)
    clear: dict[int, Said] = msgspec.field(default_factory=dict)
    values: dict[int, Said | Literal["none"]] | None = None
    table: Table | None = None


class Defaults(Section, frozen=True, kw_only=True):
    """What a point is when it does not say so itself."""

    table: Table | None = None
    type: Type | None = None
    order: Order = "ABCD"


class ModbusPoint(Number[int], frozen=True, kw_only=True):
    """A number in a device's registers, or one *bit* of them.

    Its own *quality_from* goes before the device's; an empty list is for a point that nothing judges.
    """

    at: int | str
    table: Table | None = None
    type: Type | None = None
    order: Order | None = None
    bit: int | None = None
    quality_from: StatusWord | list[StatusWord] | None = None


class ModbusDevice(Device, frozen=True, kw_only=True):
    """A Modbus device. *unit* is its unit identifier, *address_style* how its manual counts."""

    points: tuple[ModbusPoint, ...]
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    address_style: Style = "zero"
    defaults: Defaults = msgspec.field(default_factory=Defaults)
    quality_from: StatusWord | list[StatusWord] | None = None
    quirks: Quirks = msgspec.field(default_factory=Quirks)

    def limits(self) -> Limits:
        """What the planner must keep to.

        Raises:
            ConfigError: with the path from the device to the key.
        """
        try:
            return self.quirks.limits(self.address_style)
        except ConfigError as error:
            raise error.under("quirks") from None

    def check(self) -> None:
        mistakes = Mistakes()
        for look in (super().check, self.sources):
            with mistakes.within():
                look()
        mistakes.tell()

    def sources(self) -> tuple[Source, ...]:
        """One source per point, in their order.

        Raises:
            ConfigError: with the path from the device to the key; ConfigErrors: of several points.
        """
        return _sources(_Kind(self))

    def blocks(self) -> tuple[Block, ...]:
        """The requests of one poll: as few as can be, and a value beside what judges it, where that goes."""
        return _blocks(_Kind(self))

    def fewest(self) -> int:
        """The fewest requests of one poll if any gap might be read along."""
        return fewest(spans(self.sources()), self.limits())

    def explain(self) -> Iterator[str]:
        yield f"unit id {self.unit}, address_style {self.address_style}"
        sources = self.sources()
        for point, source in zip(self.points, sources, strict=True):
            yield ", ".join([f"{point.name}: {point.unit} from {place(source.span)}", *_explained(point, source)])
        yield from dict.fromkeys(_meanings(status) for source in sources for status in source.status)
        read = sorted((source.span, point.name) for point, source in zip(self.points, sources, strict=True))
        for index, (one, name) in enumerate(read):
            for other, also in read[index + 1 :]:
                if other >= Span(one.table, one.end, 0):
                    break
                if other != one:
                    yield f"note: {name} and {also} overlap at {place(Span(other.table, other.address, 1))}"
        blocks = self.blocks()
        for block in blocks:
            yield f"request: {place(block.span)}"
        for bad in self.limits().never:
            yield f"never read: {place(bad)}"
        of = {span: block for block in blocks for span in block.spans}
        apart = [
            point.name
            for point, source in zip(self.points, sources, strict=True)
            if any(of[status.span] != of[source.span] for status in source.status)
        ]
        if apart:
            yield f"note: not in one request with all that judges them: {', '.join(apart)}"

    def hint(self, point: str, reason: Reason) -> str:
        for known, source in zip(self.points, self.sources(), strict=True):
            if known.name == point and source.type in FLOATS:
                if reason is Reason.DECODE:
                    return f"no {source.type} that an instrument gives; is the word order right? It is {source.order}"
                if reason is Reason.RANGE:
                    return f"if the device itself shows another value, is the word order right? It is {source.order}"
        return super().hint(point, reason)

    def doubt(self, point: str, value: float) -> str:
        for known, source in zip(self.points, self.sources(), strict=True):
            if known.name != point or source.type not in SHORT_FLOATS or known.range is None:
                continue
            if known.range[1] >= LARGEST_SPAN:
                continue
            if 0 < abs(value) < TINY * (known.range[1] - known.range[0]):
                return f"{value:.2g} is next to nothing in its range; is the word order right? It is {source.order}"
        return super().doubt(point, value)


class _Kind:
    """A device as far as its sources depend on it: devices that share the points of one profile mostly are one."""

    __slots__ = ("_rest", "device")

    def __init__(self, device: ModbusDevice) -> None:
        self.device = device
        self._rest = (device.address_style, device.defaults, device.quality_from, device.quirks)

    def __hash__(self) -> int:
        return id(self.device.points)  # which nothing else has while this is kept

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Kind) and self.device.points is other.device.points and self._rest == other._rest


@lru_cache(KINDS)
def _sources(kind: _Kind) -> tuple[Source, ...]:
    device = kind.device
    limits, mistakes = device.limits(), Mistakes()
    shared = _statuses(device, limits, device.quality_from)
    found = []
    for index, point in enumerate(device.points):
        with mistakes.within():
            found.append(_source(device, limits, point, shared, ("points", index)))
    mistakes.tell()
    return tuple(found)


@lru_cache(KINDS)
def _blocks(kind: _Kind) -> tuple[Block, ...]:
    sources = _sources(kind)
    pairs = [(source.span, status.span) for source in sources for status in source.status]
    return plan(spans(sources), kind.device.limits(), pairs)


def spans(sources: tuple[Source, ...]) -> Iterator[Span]:
    """Everything that must be read, status words included; some may come twice."""
    for source in sources:
        yield from source.spans()


def _located(device: ModbusDevice, at: int | str, table: Table | None) -> tuple[Table, int]:
    """Raises ConfigError: no such address; its path is ``at``."""
    modicon = device.address_style == "modicon"
    try:
        return located(at, device.address_style, table if modicon else table or device.defaults.table)
    except ConfigError as error:
        raise error.under("at") from None


def _checked(span: Span, limits: Limits) -> Span:
    """Raises ConfigError: beyond the last address, or where nothing must ever be read; its path is ``at``."""
    if span.end > 65536:
        what = "the status bits" if span.is_bits else f"{span.count} registers"
        raise ConfigError(f"{what} go beyond the last address", ("at",))
    for bad in limits.never:
        if bad.table == span.table and bad.address < span.end and span.address < bad.end:
            raise ConfigError(f"{place(span)}, lies where quirks.never says that nothing must be read", ("at",))
    return span


def _source(
    device: ModbusDevice, limits: Limits, point: ModbusPoint, shared: tuple[Status, ...], path: tuple[str | int, ...]
) -> Source:
    with within(*path):
        table, address = _located(device, point.at, point.table)
        type_ = _type(device, point, table)
        count = 1 if table in BIT_TABLES else words(type_)
        if count > device.quirks.max_words and table not in BIT_TABLES:
            raise ConfigError(
                f"{type_} takes {count} registers, but quirks.max_words is {device.quirks.max_words}", ("type",)
            )
        if address + count > 65536:
            raise ConfigError(f"{type_} takes {count} registers, which go beyond the last one", ("at",))
        if point.enum is not None and type_ in FLOATS:
            raise ConfigError(f"enum lists whole numbers; {type_} is none", ("enum",))
        span = _checked(Span(table, address, count), limits)
        own = _statuses(device, limits, point.quality_from)
        meaning = replace(point.meaning(), bit=point.bit, sentinels=_sentinels(point, type_))
    # The point that shows the status word itself stays readable while that says calibration.
    status = tuple(each for each in (shared if point.quality_from is None else own) if each.span != span)
    return Source(span, type_, point.order or device.defaults.order, meaning, status)


def _statuses(device: ModbusDevice, limits: Limits, given: StatusWord | list[StatusWord] | None) -> tuple[Status, ...]:
    """Raises ConfigError: with the path from ``quality_from`` on."""
    words_ = [] if given is None else given if isinstance(given, list) else [given]
    found: list[Status] = []
    for index, word in enumerate(words_):
        with within("quality_from", *([index] if isinstance(given, list) else [])):
            found += _status(device, limits, word)
    return tuple(found)


def _status(device: ModbusDevice, limits: Limits, word: StatusWord) -> Iterator[Status]:
    table, address = _located(device, word.at, word.table)
    if not (word.bits or word.clear or word.values):
        raise ConfigError("nothing in it means anything; write for example bits: {3: calibration}")
    highest = 65535 if table in BIT_TABLES else BITS_PER_WORD - 1
    for key, bits in (("bits", word.bits), ("clear", word.clear)):
        for bit in bits:
            if not 0 <= bit <= highest:
                what = f"the table {table}" if table in BIT_TABLES else "a register"
                raise ConfigError(f"{what} has bits 0 to {highest}, not {bit}", (key,))
    order = device.defaults.order
    set_, clear = _reasons(word.bits), _reasons(word.clear)
    if table not in BIT_TABLES:
        values = None if word.values is None else _reasons(word.values)
        yield Status(_checked(Span(table, address, 1), limits), order, set_, clear, values)
        return
    if word.values is not None:
        raise ConfigError(f"values are for a register; for the table {table} write bits and clear", ("values",))
    for bit in sorted({*set_, *clear}):
        span = _checked(Span(table, address + bit, 1), limits)
        yield Status(span, order, *({0: each[bit]} if bit in each else {} for each in (set_, clear)))


def _reasons(said: Mapping[int, str]) -> dict[int, Reason]:
    return {which: Reason(what) for which, what in said.items()}


def _type(device: ModbusDevice, point: ModbusPoint, table: Table) -> Type:
    if table in BIT_TABLES:
        if point.type not in {None, "bit"}:
            raise ConfigError(f"the table {table} holds bits, not {point.type}", ("type",))
        if point.bit is not None:
            raise ConfigError(f"an entry of the table {table} is one bit already", ("bit",))
        return "bit"
    type_: Type = point.type or ("bit" if point.bit is not None else device.defaults.type or "u16")
    if type_ != "bit" and point.bit is not None:
        raise ConfigError(f"bit goes with type: bit, not with type: {type_}", ("bit",))
    if type_ == "bit" and point.bit is None:
        raise ConfigError(f"which bit of the register? Write bit: 0 to {BITS_PER_WORD - 1}", ("type",))
    if point.bit is not None and not 0 <= point.bit < BITS_PER_WORD:
        raise ConfigError(f"a register has bits 0 to {BITS_PER_WORD - 1}, not {point.bit}", ("bit",))
    return type_


def _explained(point: ModbusPoint, source: Source) -> Iterator[str]:
    """What is set for *point*, for a comparison with the device's manual."""
    if not source.span.is_bits:
        which = "" if point.bit is None else f" {point.bit}"
        yield f"{source.type}{which} {source.order}"
    yield from point.settings()
    if source.status:
        yield f"quality from {' and '.join(place(status.span) for status in source.status)}"


def _meanings(status: Status) -> str:
    said = [f"bit {bit} {reason}" for bit, reason in sorted(status.bits.items())]
    said += [f"bit {bit} clear {reason}" for bit, reason in sorted(status.clear.items())]
    said += [f"{value:#x} {reason}" for value, reason in sorted((status.values or {}).items())]
    if status.span.is_bits:
        said = [each.replace("bit 0", "set").replace("set clear", "clear") for each in said]
        return f"status at {place(status.span)}: {', '.join(said)}"
    return f"status word at {place(status.span)}, {status.order}: {', '.join(said)}"


def _sentinels(point: ModbusPoint, type_: Type) -> frozenset[int | float]:
    """The sentinels as the type spells them: -999.9 is another number in 32 bits."""
    if point.sentinel is None:
        return NO_SENTINELS
    try:
        return frozenset(decode(encode(number, type_, "ABCD"), type_, "ABCD") for number in point.sentinels())
    except DecodeError as error:
        raise ConfigError(f"{error}, so it can never be read", ("sentinel",)) from None
