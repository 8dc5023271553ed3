"""Properties of MQTT 5 packets, and the text and numbers that all packets are made of (MQTT 5, 1.5 and 2.2.2). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TypeAlias

from greenops_core.errors import DecodeError


class Property(IntEnum):
    """Properties of MQTT 5 that somebody here asks for (MQTT 5, 2.2.2.2)."""

    SESSION_EXPIRY = 0x11
    SERVER_KEEP_ALIVE = 0x13
    REASON = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARDS_AVAILABLE = 0x28


Properties: TypeAlias = Mapping[int, int | str | bytes]
NONE: Properties = {}
_BYTE, _U16, _U32, _VARINT, _TEXT, _BINARY, _PAIR = range(7)
_KINDS: Mapping[int, int] = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _BYTE),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), _U16),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), _U32),
    **dict.fromkeys((0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F), _TEXT),
    **dict.fromkeys((0x09, 0x16), _BINARY),
    0x0B: _VARINT,
    0x26: _PAIR,
}
_MAY_REPEAT = frozenset({0x0B, 0x26})
_WIDTHS: Mapping[int, int] = {_BYTE: 1, _U16: 2, _U32: 4}


def varint(data: bytes, at: int, stop: int) -> tuple[int, int] | None:
    """A number of variable length and where it ends; None when *data* ends before."""
    number = shift = 0
    for place in range(at, min(stop, at + 4)):
        number |= (data[place] & 127) << shift
        if data[place] < 128:
            return number, place + 1
        shift += 7
    if stop - at >= 4:
        raise DecodeError("a length of more than four bytes")
    return None


def text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise DecodeError("text that is not UTF-8") from None
    if "\0" in text:
        raise DecodeError("text with a null character")
    return text


def properties_at(data: bytes, at: int, stop: int) -> tuple[Properties, int]:
    """The properties at *at*, and where they end. User properties are read over."""
    measured = varint(data, at, stop)
    if measured is None or sum(measured) > stop:
        raise DecodeError("a packet that ends within its properties")
    size, at = measured
    end = at + size
    found: dict[int, int | str | bytes] = {}
    while at < end:
        name = data[at]
        kind = _KINDS.get(name)
        if kind is None:
            raise DecodeError(f"unknown property 0x{name:02x}")
        if name in found and name not in _MAY_REPEAT:
            raise DecodeError(f"property 0x{name:02x} comes twice")
        found[name], at = _value(kind, data, at + 1, end)
    return found, end


def _value(kind: int, data: bytes, at: int, end: int) -> tuple[int | str | bytes, int]:
    if kind == _VARINT:
        measured = varint(data, at, end)
        if measured is None:
            raise DecodeError("a property that is cut off")
        return measured
    if width := _WIDTHS.get(kind):
        stop = at + width
        if stop > end:
            raise DecodeError("a property that is cut off")
        return int.from_bytes(data[at:stop], "big"), stop
    if kind == _PAIR:
        _, at = _value(_TEXT, data, at, end)
        kind = _TEXT
    start = at + 2
    stop = start + int.from_bytes(data[at:start], "big")
    if start > end or stop > end:
        raise DecodeError("a property that is cut off")
    return (text(data[start:stop]) if kind == _TEXT else data[start:stop]), stop
