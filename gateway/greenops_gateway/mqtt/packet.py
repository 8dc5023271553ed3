"""Control packets of MQTT 3.1.1 and 5, as bytes and back. Pure.

What a client needs of them: to send at most QoS 1, no enhanced authentication, no topic alias of the broker's. Levels
are those of the wire: 4 is MQTT 3.1.1 and 5 is MQTT 5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from greenops_core.errors import DecodeError
from greenops_gateway.mqtt.property import NONE, Properties, Property, properties_at, text, varint
from greenops_gateway.mqtt.reason import Level

LONGEST_TEXT = 65535
LONGEST_PACKET = 268_435_455
MOST_TOPICS = 10_000
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


class Will(NamedTuple):
    """What the broker publishes for a client that vanishes."""

    topic: str
    payload: bytes
    retain: bool = False


class Connack(NamedTuple):
    present: bool
    """The broker kept the session of before."""
    code: int
    properties: Properties = NONE


class Publish(NamedTuple):
    """A message; *id* is 0 with QoS 0. *again*: it may have been sent before."""

    topic: str
    payload: bytes
    qos: int = 0
    retained: bool = False
    again: bool = False
    id: int = 0


class Puback(NamedTuple):
    id: int
    code: int = 0


class Pubrel(NamedTuple):
    """The third packet of a message with QoS 2."""

    id: int


class Suback(NamedTuple):
    id: int
    codes: bytes
    properties: Properties = NONE


class Grant(NamedTuple):
    """What the broker makes of a subscription: the *qos* that it gives of what was *asked*, or why it was *refused*."""

    filter: str
    asked: int
    qos: int
    refused: str = ""


class Pingresp(NamedTuple):
    pass


class Disconnect(NamedTuple):
    code: int = 0
    properties: Properties = NONE


Packet: TypeAlias = Connack | Publish | Puback | Pubrel | Suback | Pingresp | Disconnect

_PUBREL = 0x62
_MESSAGES = frozenset({0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D})
_FROM_BROKER = {
    4: _MESSAGES | {0x20, 0x40, _PUBREL, 0x90, 0xD0},
    5: _MESSAGES | {0x20, 0x40, _PUBREL, 0x90, 0xD0, 0xE0},
}
"""The first bytes of what a broker may send, by level."""


class Decoder:
    """What a broker sends, packet by packet, from a stream of bytes cut anywhere.

    A packet of more than *largest* bytes is none that is waited for.
    """

    def __init__(self, level: Level, largest: int = LONGEST_PACKET) -> None:
        self._level, self._largest = level, largest
        self._rest = b""
        self._topics: dict[bytes, str] = {}
        self._known = _FROM_BROKER[level]

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that *data* completes.

        Raises:
            DecodeError: no broker of this level sends this.
        """
        if self._rest:
            data = self._rest + data
        found: list[Packet] = []
        start, end = 0, len(data)
        while start < end:
            first = data[start]
            if first not in self._known:
                raise DecodeError(f"no packet for a client begins with 0x{first:02x}")
            measured = varint(data, start + 1, end)
            if measured is None:
                break
            size, body = measured
            if size > self._largest:
                raise DecodeError(f"a packet of {size} bytes; the largest that is taken has {self._largest}")
            stop = body + size
            if stop > end:
                break
            found.append(
                self._publish(first, data, body, stop) if first & 0xF0 == 0x30 else self._answer(first, data[body:stop])
            )
            start = stop
        self._rest = data[start:]
        return found

    def _publish(self, first: int, data: bytes, at: int, stop: int) -> Publish:
        named = at + 2
        if named > stop:
            raise DecodeError("a message without a topic")
        at = named + (data[at] << 8 | data[at + 1])
        if at > stop:
            raise DecodeError("a message that ends within its topic")
        topic = self._topics.get(data[named:at]) or self._topic(data[named:at])
        qos = first >> 1 & 3
        id_ = 0
        if qos:
            if at + 2 > stop:
                raise DecodeError("a message that ends within its packet identifier")
            id_ = data[at] << 8 | data[at + 1]
            at += 2
            if not id_:
                raise DecodeError("packet identifier 0")
        if self._level == 5:
            if at < stop and not data[at]:
                at += 1
            else:
                properties, at = properties_at(data, at, stop)
                if Property.TOPIC_ALIAS in properties:
                    raise DecodeError("a topic alias, though none was allowed")
        return Publish(topic, data[at:stop], qos, first & 1 == 1, first & 8 == 8, id_)

    def _topic(self, raw: bytes) -> str:
        topic = text(raw)
        if not topic or "+" in topic or "#" in topic:
            raise DecodeError(f"'{topic}' is no topic of a message")
        if len(self._topics) >= MOST_TOPICS:
            self._topics.clear()
        self._topics[raw] = topic
        return topic

    def _answer(self, first: int, body: bytes) -> Packet:
        if first == 0x40:
            return self._puback(body)
        if first == 0x20:
            return self._connack(body)
        if first == 0x90:
            return self._suback(body)
        if first == _PUBREL:
            return Pubrel(_id(body))
        if first == 0xE0:
            return Disconnect(*_reason(body, 0))
        if body:
            raise DecodeError("an answer to a ping with a body")
        return Pingresp()

    def _connack(self, body: bytes) -> Connack:
        if len(body) < 2 or body[0] > 1:
            raise DecodeError("malformed CONNACK")
        # A broker that does not know level 5 answers in the words of the level before.
        if len(body) == 2 and (self._level == 4 or body[1]):
            return Connack(body[0] == 1, body[1])
        if self._level == 4:
            raise DecodeError("malformed CONNACK")
        properties, end = properties_at(body, 2, len(body))
        if end != len(body):
            raise DecodeError("malformed CONNACK")
        return Connack(body[0] == 1, body[1], properties)

    def _puback(self, body: bytes) -> Puback:
        if len(body) < 2 or (self._level == 4 and len(body) != 2):
            raise DecodeError("malformed PUBACK")
        id_ = _id(body)
        return Puback(id_, _reason(body, 2)[0] if self._level == 5 else 0)

    def _suback(self, body: bytes) -> Suback:
        id_, at, properties = _id(body), 2, NONE
        if self._level == 5:
            properties, at = properties_at(body, 2, len(body))
        if at == len(body):
            raise DecodeError("malformed SUBACK")
        return Suback(id_, body[at:], properties)


def connect(
    level: Level,
    client_id: str,
    keep_alive: int,
    *,
    resume: bool,
    expiry: int = 0,
    receive_maximum: int = LONGEST_TEXT,
    largest: int = LONGEST_PACKET,
    user: str | None = None,
    password: str | None = None,
    will: Will | None = None,
) -> bytes:
    """CONNECT. *keep_alive* and *expiry*, how long the broker keeps the session, are in seconds."""
    flags = (not resume) << 1
    properties = b""
    if level == 5:
        properties = struct.pack(">BBIBHBI", 13, 0x11, expiry, 0x21, receive_maximum, 0x27, largest)
    content = [_field(client_id.encode())]
    if will is not None:
        flags |= 0x0C | will.retain << 5
        content += [b"\0"] if level == 5 else []
        content += [_field(will.topic.encode()), _field(will.payload)]
    if user is not None:
        flags |= 0x80
        content.append(_field(user.encode()))
    if password is not None:
        flags |= 0x40
        content.append(_field(password.encode()))
    head = b"\0\4MQTT" + struct.pack(">BBH", level, flags, keep_alive)
    return _packet(0x10, head + properties + b"".join(content))


def subscribe(level: Level, id_: int, filters: Iterable[tuple[str, int]]) -> bytes:
    """SUBSCRIBE to topic filters, each with the highest QoS."""
    asked = b"".join(_field(topic.encode()) + bytes([qos]) for topic, qos in filters)
    return _packet(0x82, id_.to_bytes(2, "big") + (b"\0" if level == 5 else b"") + asked)


def publish(level: Level, message: Publish) -> bytes:
    """PUBLISH."""
    first = 0x30 | message.again << 3 | message.qos << 1 | message.retained
    id_ = message.id.to_bytes(2, "big") if message.qos else b""
    head = _field(message.topic.encode()) + id_ + (b"\0" if level == 5 else b"")
    return _packet(first, head + message.payload)


def pubacks(ids: Sequence[int]) -> bytes:
    """One PUBACK for each packet identifier.

    >>> pubacks([1, 258]).hex(" ", 4)
    '40020001 40020102'
    """
    return struct.pack(f">{len(ids)}I", *[0x40020000 | id_ for id_ in ids])


def _packet(first: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes([first]) + length + body


def _field(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def _id(body: bytes) -> int:
    id_ = int.from_bytes(body[:2], "big")
    if len(body) < 2 or not id_:
        raise DecodeError("no packet identifier")
    return id_


def _reason(body: bytes, at: int) -> tuple[int, Properties]:
    """The reason code at *at* and the properties behind it; both may be left out."""
    if len(body) <= at:
        return 0, NONE
    if len(body) == at + 1:
        return body[at], NONE
    properties, end = properties_at(body, at + 1, len(body))
    if end != len(body):
        raise DecodeError("bytes behind the properties")
    return body[at], properties
