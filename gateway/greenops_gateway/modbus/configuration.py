"""A Modbus TCP device in gateway.yml, and the sources that its points resolve to."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import combinations
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from greenops_core.errors import ConfigError, DecodeError
from greenops_core.sample import Reason
from greenops_gateway.modbus.address import Style, located
from greenops_gateway.modbus.codec import FLOATS, Meaning, Order, Type, decode, encode, words
from greenops_gateway.modbus.plan import BITS_PER_WORD, MOST_BITS, MOST_WORDS, Limits, Span, Table, plan
from greenops_gateway.modbus.reader import place
from greenops_gateway.modbus.source import Source, Status
from greenops_gateway.point import Device, Point
from greenops_telemetry.configuration import Section

BIT_TABLES = ("coil", "discrete")


class StatusWord(Section, frozen=True, kw_only=True):
    """A 16-bit register whose set bits make values unusable, and why."""

    at: int | str
    bits: dict[int, Literal["calibration", "maintenance", "device_fault"]]
    table: Table | None = None


class Defaults(Section, frozen=True, kw_only=True):
    """What a point is when it does not say so itself."""

    table: Table | None = None
    type: Type | None = None
    order: Order = "ABCD"


class ModbusPoint(Point, frozen=True, kw_only=True):
    """A number in a device's registers. *value* = number * scale + offset, in the point's unit."""

    at: int | str
    table: Table | None = None
    type: Type | None = None
    order: Order | None = None
    bit: int | None = None
    scale: float = 1.0
    offset: float = 0.0
    enum: dict[int, float] | None = None
    sentinel: int | float | list[int | float] | None = None
    quality_from: StatusWord | None = None


class ModbusDevice(Device, frozen=True, kw_only=True):
    """A Modbus TCP device. *unit* is its unit identifier, *gap* how many unused registers a block may read along."""

    points: tuple[ModbusPoint, ...]
    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 502
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    address_style: Style = "zero"
    defaults: Defaults = msgspec.field(default_factory=Defaults)
    quality_from: StatusWord | None = None
    max_words: Annotated[int, Meta(ge=1, le=MOST_WORDS)] = MOST_WORDS
    max_bits: Annotated[int, Meta(ge=1, le=MOST_BITS)] = MOST_BITS
    gap: Annotated[int, Meta(ge=0, le=MOST_WORDS)] = 8

    def limits(self) -> Limits:
        return Limits(self.max_words, self.max_bits, self.gap)

    def check(self) -> None:
        super().check()
        _check_host(self.host)
        self.sources()

    def sources(self) -> tuple[Source, ...]:
        """One source per point, in their order.

        Raises:
            ConfigError: with the path from the device to the key.
        """
        shared = _status(self, self.quality_from, ())
        return tuple(_source(self, point, shared, ("points", index)) for index, point in enumerate(self.points))

    def explain(self) -> Iterator[str]:
        yield f"host {self.host}, port {self.port}, unit id {self.unit}"
        sources = self.sources()
        for point, source in zip(self.points, sources, strict=True):
            yield ", ".join([f"{point.name}: {point.unit} from {place(source.span)}", *_explained(point, source)])
        yield from dict.fromkeys(_meanings(source.status) for source in sources if source.status is not None)
        read = sorted((source.span, point.name) for point, source in zip(self.points, sources, strict=True))
        for (one, name), (other, also) in combinations(read, 2):
            if one != other and one.table == other.table and other.address < one.address + one.count:
                yield f"note: {name} and {also} overlap at {place(Span(other.table, other.address, 1))}"
        for block in plan(spans(sources), self.limits()):
            yield f"request: {place(block.span)}"

    def hint(self, point: str, reason: Reason) -> str:
        for known, source in zip(self.points, self.sources(), strict=True):
            if known.name == point and reason is Reason.DECODE and source.type in FLOATS:
                return f"no {source.type} that an instrument gives; is the word order right? It is {source.order}"
        return super().hint(point, reason)


def spans(sources: tuple[Source, ...]) -> Iterator[Span]:
    """Everything that must be read, status words included; some may come twice."""
    for source in sources:
        yield from source.spans()


def _source(device: ModbusDevice, point: ModbusPoint, shared: Status | None, path: tuple[str | int, ...]) -> Source:
    modicon = device.address_style == "modicon"
    try:
        table, address = located(
            point.at, device.address_style, point.table if modicon else point.table or device.defaults.table
        )
    except ConfigError as error:
        raise error.under(*path, "at") from None
    type_ = _type(device, point, table, path)
    count = 1 if table in BIT_TABLES else words(type_)
    if count > device.max_words and table not in BIT_TABLES:
        raise ConfigError(f"{type_} takes {count} registers, but max_words is {device.max_words}", (*path, "type"))
    if address + count - 1 > 65535:
        raise ConfigError(f"{type_} takes {count} registers, which go beyond the last one", (*path, "at"))
    _check_meaning(point, type_, path)
    status = _status(device, point.quality_from, path) or shared
    span = Span(table, address, count)
    meaning = Meaning(
        scale=point.scale,
        offset=point.offset,
        bit=point.bit,
        enum=point.enum,
        sentinels=_sentinels(point, type_, path),
    )
    # The point that shows the status word itself stays readable while that says calibration.
    return Source(
        span,
        type_,
        point.order or device.defaults.order,
        meaning,
        None if status is None or status.span == span else status,
    )


def _type(device: ModbusDevice, point: ModbusPoint, table: Table, path: tuple[str | int, ...]) -> Type:
    if table in BIT_TABLES:
        if point.type not in {None, "bit"}:
            raise ConfigError(f"the table {table} holds bits, not {point.type}", (*path, "type"))
        if point.bit is not None:
            raise ConfigError(f"an entry of the table {table} is one bit already", (*path, "bit"))
        return "bit"
    type_: Type = point.type or ("bit" if point.bit is not None else device.defaults.type or "u16")
    if type_ != "bit" and point.bit is not None:
        raise ConfigError(f"bit goes with type: bit, not with type: {type_}", (*path, "bit"))
    if type_ == "bit" and point.bit is None:
        raise ConfigError(f"which bit of the register? Write bit: 0 to {BITS_PER_WORD - 1}", (*path, "type"))
    if point.bit is not None and not 0 <= point.bit < BITS_PER_WORD:
        raise ConfigError(f"a register has bits 0 to {BITS_PER_WORD - 1}, not {point.bit}", (*path, "bit"))
    return type_


def _check_host(host: str) -> None:
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return
    if not re.fullmatch(r"[\w.-]+", host):
        raise ConfigError(
            f"'{host}' is no host; write a name or an address here, and the port apart, as port: 502", ("host",)
        )
    try:
        host.encode("idna")
    except UnicodeError:
        raise ConfigError(
            f"'{host}' is no host; between its dots stand 1 to 63 letters, digits and hyphens", ("host",)
        ) from None


def _check_meaning(point: ModbusPoint, type_: Type, path: tuple[str | int, ...]) -> None:
    for key, number in (("scale", point.scale), ("offset", point.offset)):
        if not math.isfinite(number):
            raise ConfigError(f"{number} makes no number of any value", (*path, key))
    if point.scale == 0:
        raise ConfigError("scale 0 makes a false zero of every value", (*path, "scale"))
    if point.enum is None:
        return
    if not point.enum:
        raise ConfigError("an empty enum makes every value bad", (*path, "enum"))
    for state, value in point.enum.items():
        if not math.isfinite(value):
            raise ConfigError(f"{value} makes no number of any value", (*path, "enum", state))
    if type_ in FLOATS:
        raise ConfigError(f"enum lists whole numbers; {type_} is none", (*path, "enum"))
    if point.scale != 1 or point.offset != 0:
        key = "scale" if point.scale != 1 else "offset"
        raise ConfigError(f"{key} does nothing beside enum, which gives the value itself", (*path, key))


def _explained(point: ModbusPoint, source: Source) -> Iterator[str]:
    """What is set for *point*, for a comparison with the device's manual."""
    if not source.span.is_bits:
        which = "" if point.bit is None else f" {point.bit}"
        yield f"{source.type}{which} {source.order}"
    if point.scale != 1:
        yield f"scale {point.scale:g}"
    if point.offset != 0:
        yield f"offset {point.offset:g}"
    if point.enum is not None:
        yield "enum " + " ".join(f"{number}={value:g}" for number, value in sorted(point.enum.items()))
    if point.sentinel is not None:
        given = point.sentinel if isinstance(point.sentinel, list) else [point.sentinel]
        yield "sentinel " + " ".join(str(number) for number in given)
    if point.range is not None:
        yield f"range [{point.range[0]:g}, {point.range[1]:g}]"
    if source.status is not None:
        yield f"quality from {place(source.status.span)}"


def _meanings(word: Status) -> str:
    meanings = ", ".join(f"bit {bit} {reason}" for bit, reason in sorted(word.bits.items()))
    return f"status word at {place(word.span)}, {word.order}: {meanings}"


def _status(device: ModbusDevice, word: StatusWord | None, path: tuple[str | int, ...]) -> Status | None:
    if word is None:
        return None
    path = (*path, "quality_from")
    modicon = device.address_style == "modicon"
    try:
        table, address = located(
            word.at, device.address_style, word.table if modicon else word.table or device.defaults.table
        )
    except ConfigError as error:
        raise error.under(*path, "at") from None
    if table in BIT_TABLES:
        raise ConfigError(f"a status word is a register; the table {table} holds bits", (*path, "table"))
    if not word.bits:
        raise ConfigError("no bit means anything; write for example {3: calibration}", (*path, "bits"))
    for bit in word.bits:
        if not 0 <= bit < BITS_PER_WORD:
            raise ConfigError(f"a register has bits 0 to {BITS_PER_WORD - 1}, not {bit}", (*path, "bits"))
    bits: Mapping[int, Reason] = {bit: Reason(reason) for bit, reason in word.bits.items()}
    return Status(Span(table, address, 1), device.defaults.order, bits)


def _sentinels(point: ModbusPoint, type_: Type, path: tuple[str | int, ...]) -> frozenset[int | float]:
    """The sentinels as the type spells them: -999.9 is another number in 32 bits."""
    given = point.sentinel if isinstance(point.sentinel, list) else [point.sentinel]
    try:
        return frozenset(decode(encode(number, type_, "ABCD"), type_, "ABCD") for number in given if number is not None)
    except DecodeError as error:
        raise ConfigError(f"{error}, so it can never be read", (*path, "sentinel")) from None
