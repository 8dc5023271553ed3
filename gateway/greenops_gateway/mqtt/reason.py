"""Why a broker refuses or ends something, in words (MQTT 3.1.1, 3.2.2.3; MQTT 5, 2.4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from greenops_gateway.mqtt.property import NONE, Properties, Property

Level = Literal[4, 5]
"""As on the wire: 4 is MQTT 3.1.1 and 5 is MQTT 5."""
FAILED = 0x80
"""The first reason code that is a refusal."""
BAD_LEVEL, BAD_LEVEL_3 = 0x84, 1
TAKEN_OVER = 0x8E

REFUSALS_3: Mapping[int, str] = {
    1: "unacceptable protocol version",
    2: "client identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}
"""Return codes of CONNACK (MQTT 3.1.1, table 3.1)."""

REASONS_5: Mapping[int, str] = {
    0x00: "normal",
    0x04: "disconnect with will message",
    0x10: "no matching subscribers",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8C: "bad authentication method",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x8F: "topic filter invalid",
    0x90: "topic name invalid",
    0x93: "receive maximum exceeded",
    0x94: "topic alias invalid",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x99: "payload format invalid",
    0x9A: "retain not supported",
    0x9B: "QoS not supported",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9E: "shared subscriptions not supported",
    0x9F: "connection rate exceeded",
    0xA0: "maximum connect time",
    0xA1: "subscription identifiers not supported",
    0xA2: "wildcard subscriptions not supported",
}
"""Reason codes (MQTT 5, 2.4)."""


def said(code: int, level: Level, properties: Properties = NONE) -> str:
    """A reason code in words, with what the broker adds.

    >>> said(0x86, 5), said(5, 4), said(0x77, 5)
    ('bad user name or password', 'not authorized', 'reason code 0x77')
    """
    words = (REASONS_5 if level == 5 else REFUSALS_3).get(code, f"reason code 0x{code:02x}")
    added = properties.get(Property.REASON)
    return f"{words} ({added})" if isinstance(added, str) and added else words
