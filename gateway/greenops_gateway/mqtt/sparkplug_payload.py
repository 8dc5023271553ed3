"""What a Sparkplug B message says: its topic and its payload, to and from bytes (Eclipse Sparkplug 3.0.0).

The payload is Protocol Buffers (6.4.1). Read is what makes a value: metadata, data sets and templates are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from greenops_core.errors import DecodeError

NAMESPACE = "spBv1.0"
BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"
QUALITY = "Quality"

FROM_NODE = frozenset({"NBIRTH", "NDATA", "NDEATH"})
FROM_DEVICE = frozenset({"DBIRTH", "DDATA", "DDEATH"})
COMMANDS = frozenset({"NCMD", "DCMD"})

_VARINT, _BYTES = 0, 2
_SIZES = {1: 8, 5: 4}
"""Bytes by wire type."""
_CONTINUED = 0x80
_LONGEST_VARINT = 10
_LAST_FIELD = 19


class Datatype(IntEnum):
    """How the value of a metric is to be understood (6.4.16); those that can be numbers."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    """Milliseconds since 1970."""


class Holder(IntEnum):
    """Which field of a metric holds the value: its number in the schema (6.4.1)."""

    NOTHING = 0
    INT = 10
    LONG = 11
    FLOAT = 12
    DOUBLE = 13
    BOOLEAN = 14
    STRING = 15
    OTHER = 16
    """Bytes, a data set, a template or an extension: never a number."""


_FLOATS = {Holder.FLOAT: struct.Struct("<f"), Holder.DOUBLE: struct.Struct("<d")}
_HELD = {
    0x50: Holder.INT,
    0x58: Holder.LONG,
    0x65: Holder.FLOAT,
    0x69: Holder.DOUBLE,
    0x70: Holder.BOOLEAN,
    0x7A: Holder.STRING,
    **dict.fromkeys((0x82, 0x8A, 0x92, 0x9A), Holder.OTHER),
}
_METRIC_KEYS = frozenset({0x0A, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x42, 0x4A, *_HELD})
"""Each field's number and wire type in one, as they are written."""
_BITS = {Holder.INT: 32, Holder.LONG: 64}
_SIGNED: Mapping[int, int] = {Datatype.INT8: 8, Datatype.INT16: 16, Datatype.INT32: 32, Datatype.INT64: 64}
_UNSIGNED: Mapping[int, int] = {
    Datatype.UINT8: 8,
    Datatype.UINT16: 16,
    Datatype.UINT32: 32,
    Datatype.UINT64: 64,
    Datatype.DATE_TIME: 64,
    Datatype.BOOLEAN: 1,
}
_HOLDERS = {
    **dict.fromkeys((1, 2, 3, 5, 6, 7), Holder.INT),
    **dict.fromkeys((4, 8, 13), Holder.LONG),
    Datatype.FLOAT: Holder.FLOAT,
    Datatype.DOUBLE: Holder.DOUBLE,
    Datatype.BOOLEAN: Holder.BOOLEAN,
}


class Address(NamedTuple):
    """Who a message is from or to (4.1). *device* is None where it concerns the edge node itself."""

    group: str
    kind: str
    node: str
    device: str | None = None

    @property
    def topic(self) -> str:
        parts = (NAMESPACE, self.group, self.kind, self.node)
        return "/".join(parts if self.device is None else (*parts, self.device))


class Metric(NamedTuple):
    """One metric (6.4.6). *at* is Unix seconds; *raw* is what *holder* holds, not yet understood by its datatype."""

    name: str | None = None
    alias: int | None = None
    at: float | None = None
    datatype: int | None = None
    holder: Holder = Holder.NOTHING
    raw: int | float | str | None = None
    historical: bool = False
    null: bool = False
    quality: int | None = None


class Payload(NamedTuple):
    """A message (6.4.5). *at* is when it was published, in Unix seconds."""

    metrics: Sequence[Metric] = ()
    at: float | None = None
    seq: int | None = None


def address(topic: str) -> Address:
    """Who the message under *topic* is from.

    >>> address("spBv1.0/plant/DDATA/shelter-1/nox")
    Address(group='plant', kind='DDATA', node='shelter-1', device='nox')

    Raises:
        DecodeError: no message of an edge node or a device, or a command to one.
    """
    parts = topic.split("/")
    if len(parts) in {4, 5} and parts[0] == NAMESPACE:
        _, group, kind, node, *device = parts
        if kind in FROM_DEVICE or kind == "DCMD" if device else kind in FROM_NODE or kind == "NCMD":
            return Address(group, kind, node, device[0] if device else None)
    raise DecodeError(f"'{topic}' is no topic of a Sparkplug B edge node or device")


def decode(data: bytes) -> Payload:
    """The message that *data* spells.

    Raises:
        DecodeError: it is no payload of Sparkplug B.
    """
    at: float | None = None
    seq: int | None = None
    metrics: list[Metric] = []
    for key, value in _fields(data):
        match key, value:
            case 0x12, bytes():
                metrics.append(_metric(value))
            case 0x08, int():
                at = value / 1000
            case 0x18, int():
                seq = value
            case _ if 0 < key >> 3 <= 3:
                raise DecodeError(f"field {key >> 3} of a payload has wire type {key & 7}")
    return Payload(tuple(metrics), at, seq)


def encode(payload: Payload) -> bytes:
    """The bytes of *payload*, whose times must be 1970 or later."""
    head = b"" if payload.at is None else b"\x08" + _varint(round(payload.at * 1000))
    body = b"".join(_part(0x12, _encoded(metric)) for metric in payload.metrics)
    return head + body + (b"" if payload.seq is None else b"\x18" + _varint(payload.seq))


def rebirth(at: float) -> bytes:
    """The payload of a request to an edge node for a new birth (5.17); it goes with QoS 0, not retained (6.4.23)."""
    metric = Metric(REBIRTH, at=at, datatype=Datatype.BOOLEAN, holder=Holder.BOOLEAN, raw=1)
    return encode(Payload((metric,), at))


def number(metric: Metric, declared: int | None = None) -> float:
    """The number that *metric* holds, by its own datatype or else the one *declared* by its birth.

    Signed integers travel as two's complement in unsigned fields, as wide as the datatype or as the field (6.4.17).

    >>> number(Metric(holder=Holder.INT, raw=0xFFFF), Datatype.INT16)
    -1
    >>> number(Metric(holder=Holder.INT, raw=0xFFFFFFFF), Datatype.INT16)
    -1

    Raises:
        DecodeError: no value, one that is no number, or one that its datatype cannot have.
    """
    datatype = metric.datatype or declared or 0
    match metric.holder, metric.raw:
        case (Holder.INT | Holder.LONG) as holder, int(raw):
            return _integer(raw, _BITS[holder], datatype)
        case Holder.BOOLEAN, int(raw) if datatype in {0, Datatype.BOOLEAN}:
            return int(raw != 0)
        case ((Holder.FLOAT | Holder.DOUBLE), float(raw)) if datatype in {0, Datatype.FLOAT, Datatype.DOUBLE}:
            return raw
        case Holder.NOTHING, _:
            raise DecodeError("the metric has no value and does not say that it is null")
    raise DecodeError(f"a {metric.holder.name.lower()} value is no number of datatype {datatype}")


def valued(metric: Metric, value: float, datatype: Datatype) -> Metric:
    """*metric* with *value*, as an edge node writes it in a message of data.

    Raises:
        DecodeError: the datatype cannot have such a value.
    """
    holder = _HOLDERS.get(datatype)
    if holder is None:
        raise DecodeError(f"datatype {datatype} holds no number")
    if holder in _FLOATS:
        try:
            _FLOATS[holder].pack(value)
        except OverflowError:
            raise DecodeError(f"{value} is no {datatype.name}") from None
        return metric._replace(holder=holder, raw=float(value))
    whole = round(value)
    width = _SIGNED.get(datatype)
    low, high = (-1 << width - 1, 1 << width - 1) if width else (0, 1 << _UNSIGNED[datatype])
    if not low <= whole < high:
        raise DecodeError(f"{whole} is no {datatype.name}")
    return metric._replace(holder=holder, raw=whole & (1 << (width or 64)) - 1)


def _integer(raw: int, bits: int, datatype: int) -> int:
    if raw >> bits:  # a negative number may have been written as 64 bits
        if raw < (1 << 64) - (1 << bits - 1):
            raise DecodeError(f"{raw} does not fit {bits} bits")
        raw &= (1 << bits) - 1
    if datatype in _UNSIGNED:
        if raw >> _UNSIGNED[datatype]:
            raise DecodeError(f"{raw} is beyond datatype {datatype}")
        return raw
    if datatype and datatype not in _SIGNED:
        raise DecodeError(f"an integer is no number of datatype {datatype}")
    width = _SIGNED[datatype] if datatype else bits + 1  # without a datatype a high bit may be a sign or not
    if raw >> min(width, bits) - 1 == 0:
        return raw
    if width <= bits and not raw >> width:
        return raw - (1 << width)
    if width <= bits and raw >= (1 << bits) - (1 << width - 1):
        return raw - (1 << bits)
    raise DecodeError(f"{raw} in {bits} bits is beyond datatype {datatype}")


def _metric(data: bytes) -> Metric:
    whole: dict[int, int] = {}
    parts: dict[int, bytes] = {}
    for key, value in _fields(data):
        if isinstance(value, int):
            whole[key] = value
        else:
            parts[key] = value
    for key in (whole.keys() | parts.keys()) - _METRIC_KEYS:
        if key >> 3 <= _LAST_FIELD:
            raise DecodeError(f"field {key >> 3} of a metric has wire type {key & 7}")
    at, name, properties = whole.get(0x18), parts.get(0x0A), parts.get(0x4A)
    holder, raw = _value(whole, parts)
    return Metric(
        name=None if name is None else _text(name),
        alias=whole.get(0x10),
        at=None if at is None else at / 1000,
        datatype=whole.get(0x20),
        holder=holder,
        raw=raw,
        historical=bool(whole.get(0x28)),
        null=bool(whole.get(0x38)),
        quality=None if properties is None else _quality(properties),
    )


def _value(whole: dict[int, int], parts: dict[int, bytes]) -> tuple[Holder, int | float | str | None]:
    held = [key for fields in (whole, parts) for key in fields if key in _HELD]
    if not held:
        return Holder.NOTHING, None
    if len(held) > 1:
        raise DecodeError("a metric has two values")
    key = held[0]
    holder = _HELD[key]
    if key in whole:
        return holder, whole[key]
    if holder in _FLOATS:
        return holder, float(_FLOATS[holder].unpack(parts[key])[0])
    return holder, parts[key].decode(errors="replace") if holder is Holder.STRING else None


def _quality(properties: bytes) -> int | None:
    """The value of the property Quality (6.4.9), -1 when it cannot be read, None without one."""
    if QUALITY.encode() not in properties:
        return None
    keys: list[bytes] = []
    values: list[bytes] = []
    for key, value in _fields(properties):
        if isinstance(value, bytes) and key in {0x0A, 0x12}:
            (keys if key == 0x0A else values).append(value)
    if QUALITY.encode() not in keys:
        return None
    if len(keys) != len(values):
        return -1
    said = -1
    for key, value in _fields(values[keys.index(QUALITY.encode())]):
        if key in {0x18, 0x20} and isinstance(value, int):
            said = value
    return said


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field's key (number and wire type) and content: an integer, or bytes."""
    place, end = 0, len(data)
    while place < end:
        key, place = _read_varint(data, place)
        if not key >> 3:
            raise DecodeError("a field has number 0")
        wire = key & 7
        if wire == _VARINT:
            content, place = _read_varint(data, place)
            yield key, content
            continue
        if wire == _BYTES:
            size, place = _read_varint(data, place)
        elif wire in _SIZES:
            size = _SIZES[wire]
        else:
            raise DecodeError(f"field {key >> 3} has wire type {wire}")
        if size > end - place:
            raise DecodeError(f"field {key >> 3} ends beyond the payload")
        yield key, data[place : place + size]
        place += size


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    if place < len(data) and (byte := data[place]) < _CONTINUED:
        return byte, place + 1
    value = shift = 0
    for after, byte in enumerate(data[place : place + _LONGEST_VARINT], place + 1):
        value |= (byte & 0x7F) << shift
        if byte < _CONTINUED:
            if value >> 64:
                raise DecodeError("a number is longer than 64 bits")
            return value, after
        shift += 7
    raise DecodeError("a number has no end")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DecodeError("a name is no UTF-8") from None


def _encoded(metric: Metric) -> bytes:
    parts: list[bytes] = []
    if metric.name is not None:
        parts.append(_part(0x0A, metric.name.encode()))
    whole = {
        0x10: metric.alias,
        0x18: None if metric.at is None else round(metric.at * 1000),
        0x20: metric.datatype,
        0x28: 1 if metric.historical else None,
        0x38: 1 if metric.null else None,
    }
    parts += [bytes([key]) + _varint(value) for key, value in whole.items() if value is not None]
    if metric.quality is not None:
        said = b"\x08\x03\x18" + _varint(metric.quality & 0xFFFFFFFF)
        parts.append(_part(0x4A, _part(0x0A, QUALITY.encode()) + _part(0x12, said)))
    return b"".join([*parts, _held(metric)])


def _held(metric: Metric) -> bytes:
    match metric.holder, metric.raw:
        case (Holder.INT | Holder.LONG | Holder.BOOLEAN) as holder, int(raw):
            return bytes([holder << 3]) + _varint(raw)
        case Holder.FLOAT | Holder.DOUBLE as holder, float(raw):
            packed = _FLOATS[holder].pack(raw)
            return bytes([holder << 3 | (5 if holder is Holder.FLOAT else 1)]) + packed
        case Holder.STRING, str(raw):
            return _part(0x7A, raw.encode())
    return b""


def _part(key: int, content: bytes) -> bytes:
    return bytes([key]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | _CONTINUED)
        value >>= 7
    out.append(value)
    return bytes(out)
