"""What gateway.yml says of an MQTT broker and of the devices behind it."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from greenops_core.duration import Duration, Size, size
from greenops_core.errors import ConfigError, within
from greenops_core.sample import Reason
from greenops_gateway.meaning import Meaning
from greenops_gateway.mqtt import payload, topic
from greenops_gateway.mqtt.packet import LONGEST_PACKET, LONGEST_TEXT
from greenops_gateway.mqtt.reason import Level
from greenops_gateway.mqtt.sparkplug_payload import NAMESPACE
from greenops_gateway.number import Number
from greenops_gateway.point import Device, Link
from greenops_gateway.tcp import Port, check_host, place
from greenops_telemetry.configuration import Secret, Section, lasting
from greenops_telemetry.tls import Tls

PORT, TLS_PORT = 1883, 8883
LARGEST_PACKET = size("1MiB")
LONGEST_KEEP_ALIVE = 65535

State = str | int | float | bool
StateReason = Literal[
    "device_fault",
    "maintenance",
    "calibration",
    "blowback",
    "out_of_control",
    "forced",
    "warm_up",
    "device_uncertain",
]


class MqttLink(Link, frozen=True, kw_only=True):
    """A broker. *session_expiry* is how long it is asked to keep QoS 1 messages while we are away; null: not at all."""

    host: str
    port: Port | None = None
    version: Literal[5, "5", "3.1.1"] = 5
    client_id: str | None = None
    user: str | None = None
    password: Secret | None = None
    tls: Tls | None = None
    keep_alive: Duration = lasting("30s")
    session_expiry: Duration | None = lasting("1h")
    receive_maximum: Annotated[int, Meta(ge=1, le=LONGEST_TEXT)] = 1000
    max_packet: Size = msgspec.field(default_factory=lambda: LARGEST_PACKET)
    timeout: Duration = lasting("5s")
    connect_timeout: Duration = lasting("5s")

    @property
    def at_port(self) -> int:
        """The TCP port, as written or the usual one."""
        return self.port or (TLS_PORT if self.tls is not None else PORT)

    @property
    def where(self) -> str:
        """The broker, for a message."""
        return place(self.host, self.at_port)

    def level(self) -> Level:
        return 4 if self.version == "3.1.1" else 5

    def client(self, name: str) -> str:
        """The client identifier, the same after every start; *name* is the link's."""
        return self.client_id or f"greenops-{name}-{socket.gethostname()}"

    def guest(self) -> Self:
        """With the gateway's own client_id the broker would cut the gateway off, and its messages would be taken."""
        look = f"{self.client_id or f'greenops-{socket.gethostname()}'}-look-{secrets.token_hex(4)}"
        return msgspec.structs.replace(self, client_id=look, session_expiry=None)

    def check(self) -> None:
        super().check()
        check_host(self.host, PORT)
        if self.client_id is not None and not 0 < len(self.client_id.encode()) <= LONGEST_TEXT:
            raise ConfigError("a client_id has 1 to 65535 bytes", ("client_id",))
        if self.password is not None and self.user is None:
            raise ConfigError("a password goes with a user; write user:", ("password",))
        if not 1 <= self.keep_alive <= LONGEST_KEEP_ALIVE:
            raise ConfigError(f"{self.keep_alive} is not between 1s and 18h", ("keep_alive",))
        if not 1 <= self.max_packet <= LONGEST_PACKET:
            raise ConfigError(f"{self.max_packet} bytes are not between 1B and {LONGEST_PACKET}B", ("max_packet",))
        if self.tls is not None:
            with within("tls"):
                self.tls.check()

    def destination(self, devices: tuple[MqttDevice, ...]) -> str:  # noqa: ARG002  # whoever publishes there
        return self.where

    def explain(self, devices: tuple[MqttDevice, ...]) -> Iterator[str]:
        secured = "" if self.tls is None else " with TLS"
        yield f"broker {self.where}{secured}, MQTT {self.version}, keep alive {self.keep_alive}"
        if self.password is not None and self.tls is None:
            yield "note: without tls the password goes over the network as it is"
        if devices:
            kept = f"kept {self.session_expiry} for us" if self.session_expiry else "not kept when we are away"
            yield f"client_id {self.client(devices[0].link)}, QoS 1 messages {kept}"
        subscribed = topic.fewest([each for device in devices for each in device.filters()])
        for filter_, qos in subscribed:
            yield f"subscribes to {filter_} with QoS {qos}"
        for device in devices:
            yield from device.doubts(subscribed)


class MqttTime(Section, frozen=True, kw_only=True):
    """Where in a JSON payload its own time stands, and how it is written."""

    path: str
    format: payload.TimeFormat = "unix_ms"


class MqttQuality(Section, frozen=True, kw_only=True):
    """Where in a JSON payload the state of the values stands, which states are good, and what others mean."""

    path: str
    good: list[State]
    reasons: dict[StateReason, list[State]] = {}  # noqa: RUF012  # msgspec copies it for each

    def states(self) -> dict[tuple[bool, object], Reason]:
        """The reason of each state, by ``payload.state``; a good one's is NONE."""
        listed = {payload.state(each): Reason.NONE for each in self.good}
        listed |= {payload.state(each): Reason(reason) for reason, states in self.reasons.items() for each in states}
        return {key: reason for key, reason in listed.items() if key is not None}


class MqttAlive(Section, frozen=True, kw_only=True):
    """The topic that says whether the device is there, such as its last will, and in which words."""

    topic: str
    up: str = "online"
    down: str = "offline"


class MqttPoint(Number[int | str], frozen=True, kw_only=True):
    """A number in the messages of a device; *enum* lists words, too.

    *path* leads to it in a JSON payload; of a Sparkplug device it is the metric's name. *topic* stands below the
    device's topic, or for itself when it begins with ``/``.
    """

    path: str | None = None
    topic: str | None = None
    bit: Annotated[int, Meta(ge=0, le=63)] | None = None
    text: bool = False
    quality: MqttQuality | None = None

    def meaning(self) -> Meaning:
        return replace(super().meaning(), bit=self.bit)

    def words(self) -> dict[str, float]:
        """The states that *enum* lists by their name."""
        return {key: to for key, to in (self.enum or {}).items() if isinstance(key, str)}


class MqttDevice(Device, frozen=True, kw_only=True):
    """A device that publishes to a broker. *topic* may have wildcards: each message is then asked for every point.

    *partial*: a message may lack points. Without *time*, a value is of when it came, and *qos* is 0: a message that
    comes late would be taken for a new one. *group*, *node* and *sparkplug_device* say where a Sparkplug device stands;
    without the last its points are metrics of the edge node itself.
    """

    points: tuple[MqttPoint, ...]
    topic: str = ""
    payload: Literal["json", "plain", "sparkplug"] = "json"
    time: MqttTime | None = None
    quality: MqttQuality | None = None
    partial: bool = False
    qos: Literal[0, 1] | None = None
    alive: MqttAlive | None = None
    group: str | None = None
    node: str | None = None
    sparkplug_device: str | None = None

    def quality_of_service(self) -> int:
        """The highest QoS that messages are asked for with."""
        return self.qos if self.qos is not None else int(self.time is not None or self.payload == "sparkplug")

    def filter_of(self, point: MqttPoint) -> str:
        """The topic filter of the messages that *point* is in."""
        return self.topic if point.topic is None else topic.joined(self.topic, point.topic)

    def alive_topic(self) -> str | None:
        return None if self.alive is None else topic.joined(self.topic, self.alive.topic)

    def filters(self) -> list[tuple[str, int]]:
        """What must be subscribed to, each with its highest QoS.

        Of Sparkplug, all that an edge node and all its devices say, for they share one sequence (6.4.5).
        """
        if self.payload == "sparkplug":
            return [(f"{NAMESPACE}/{self.group}/+/{self.node}/#", 1)]
        asked = [(each, self.quality_of_service()) for each in dict.fromkeys(map(self.filter_of, self.points))]
        alive = self.alive_topic()
        return asked if alive is None else [*asked, (alive, 1)]

    def doubts(self, subscribed: Iterable[tuple[str, int]]) -> Iterator[str]:
        """Lines on topics without a time of their own that come with QoS 1 all the same, as all is *subscribed* to.

        A broker sends with the highest QoS of all that match (MQTT 5, 3.3.4): a second subscription with QoS 0 helps
        nothing.
        """
        if self.time is not None or self.payload == "sparkplug":
            return
        late = "comes late with QoS 1, and without time: its values are uncertain then"
        for filter_ in dict.fromkeys(map(self.filter_of, self.points)):
            if self.qos == 1:
                yield f"warning: {self.name}: what waits at the broker {late}; write time: or qos: 0"
                return
            wide = next((each for each, qos in subscribed if qos and topic.covers(each, filter_)), None)
            if wide is not None:
                yield f"warning: {self.name}: {filter_} is in {wide}, so what waits at the broker {late}; write time:"

    def check(self) -> None:
        super().check()
        for key, section in (("time", self.time), ("quality", self.quality)):
            if section is None:
                continue
            if self.payload != "json":
                raise ConfigError(f"{key} is read from a JSON payload, and this one is {self.payload}", (key,))
            with within(key, "path"):
                payload.path(section.path)
        _check_states(self.quality, ())
        if self.payload == "sparkplug":
            self._check_sparkplug()
            return
        for key, given in (("group", self.group), ("node", self.node), ("sparkplug_device", self.sparkplug_device)):
            if given is not None:
                raise ConfigError(f"{key} goes with payload: sparkplug, not with {self.payload}", (key,))
        self._check_topics()
        for index, point in enumerate(self.points):
            with within("points", index):
                self._check_source(point)

    def _check_sparkplug(self) -> None:
        for key, given in (("group", self.group), ("node", self.node)):
            if given is None:
                raise ConfigError(
                    f"a Sparkplug device is found by its group and its edge node; {key} is missing", ("payload",)
                )
        for key, given in (("group", self.group), ("node", self.node), ("sparkplug_device", self.sparkplug_device)):
            if given is not None and (not given or set(given) & set("+/#")):
                raise ConfigError(f"'{given}' is no name in Sparkplug: it has no '+', '/' or '#'", (key,))
        for key, set_ in (
            ("topic", bool(self.topic)),
            ("alive", self.alive is not None),
            ("qos", self.qos is not None),
        ):
            if set_:
                raise ConfigError(f"Sparkplug has its own rules for that; leave {key} out", (key,))
        for index, point in enumerate(self.points):
            for key, set_ in (("topic", point.topic is not None), ("quality", point.quality is not None)):
                if set_:
                    raise ConfigError(f"Sparkplug has its own rules for that; leave {key} out", ("points", index, key))

    def _check_topics(self) -> None:
        if self.topic:
            with within("topic"):
                topic.check(self.topic)
        for index, point in enumerate(self.points):
            with within("points", index, "topic"):
                topic.check(self.filter_of(point))
        alive = self.alive_topic()
        if alive is not None:
            with within("alive", "topic"):
                topic.check(alive)
                if topic.has_wildcard(alive):
                    raise ConfigError(f"'{alive}' may be the topic of many devices; write one without wildcards")

    def _check_source(self, point: MqttPoint) -> None:
        if self.payload == "json":
            with within("path"):
                if point.path is None:
                    raise ConfigError("where in the JSON payload does it stand? Write path: gas.so2.value, or path: $")
                payload.path(point.path)
            _check_states(point.quality, ())
            return
        for key, given in (("path", point.path), ("quality", point.quality)):
            if given is not None:
                raise ConfigError(f"a plain payload is the number itself and has no {key}", (key,))
        same = [other.name for other in self.points if self.filter_of(other) == self.filter_of(point)]
        if len(same) > 1:
            raise ConfigError(f"{' and '.join(same)} would be the same number; give each its own topic", ("topic",))

    def explain(self) -> Iterator[str]:
        if self.payload != "sparkplug":
            stamped = "their own time" if self.time is not None else "the time of their arrival"
            yield f"{self.payload} messages with {stamped}, QoS {self.quality_of_service()}"
        for point in self.points:
            at = f" at {point.path}" if point.path is not None else ""
            bit = f", bit {point.bit}" if point.bit is not None else ""
            from_ = "" if self.payload == "sparkplug" else f" from {self.filter_of(point)}"
            yield ", ".join([f"{point.name}: {point.unit}{from_}{at}{bit}", *point.settings()])

    def hint(self, point: str, reason: Reason) -> str:
        if reason is Reason.DECODE:
            return "no number there in the last message; greenops-gateway probe shows it and the nearest path"
        if reason is Reason.CLOCK:
            return (
                "the message has no time that can be trusted; give the device's clock, or write time: where it stands"
            )
        return super().hint(point, reason)


def _check_states(quality: MqttQuality | None, path: tuple[str | int, ...]) -> None:
    if quality is None:
        return
    with within(*path, "quality", "path"):
        payload.path(quality.path)
    if not quality.good:
        raise ConfigError("no state is good, so no value ever would be", (*path, "quality", "good"))
    good = {payload.state(each) for each in quality.good}
    for reason, states in quality.reasons.items():
        for each in states:
            if payload.state(each) in good:
                raise ConfigError(f"{each!r} is listed as good too", (*path, "quality", "reasons", reason))
