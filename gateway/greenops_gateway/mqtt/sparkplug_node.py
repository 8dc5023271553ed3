"""The other side of Sparkplug B: what an edge node sends, as a simulator is one (Eclipse Sparkplug 3.0.0). Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from greenops_core.errors import DecodeError
from greenops_core.sample import Reason
from greenops_gateway.mqtt.configuration import MqttDevice, MqttPoint
from greenops_gateway.mqtt.sparkplug_payload import (
    BD_SEQ,
    REBIRTH,
    Address,
    Datatype,
    Holder,
    Metric,
    Payload,
    decode,
    encode,
    valued,
)
from greenops_gateway.mqtt.sparkplug_scope import metric_of
from greenops_gateway.tools import Plant

SEQUENCE = 256
BAD = 0
"""The quality code of a value that is none (6.4.9.1)."""

Values = Mapping[str, float | None]
"""A number by metric name; None where there is none."""


class Message(NamedTuple):
    """What to publish, never retained."""

    topic: str
    payload: bytes
    qos: int = 0


class EdgeNode:
    """One edge node in one session after another: it counts, and gives each metric an alias."""

    def __init__(self, group: str, name: str, metrics: Mapping[str | None, Mapping[str, Datatype]]) -> None:
        """*metrics*: datatypes by metric name, by device; those of the node itself are under None."""
        self.metrics = metrics
        self.bd_seq = SEQUENCE - 1
        self._group, self._name = group, name
        self._seq = 0
        names = ((device, metric) for device, listed in metrics.items() for metric in listed)
        self._aliases = {key: alias for alias, key in enumerate(names, start=1)}

    @property
    def commands(self) -> str:
        """The topic of commands to the node; to be subscribed to with QoS 1 before the birth (5.4)."""
        return self._topic("NCMD")

    def will(self) -> Message:
        """The death that the broker is to tell of when the connection is lost (6.4.25)."""
        return Message(self._topic("NDEATH"), encode(Payload((self._session(None),))), 1)

    def renew(self) -> None:
        """Call before each connection: it has the next number, the first one 0 (6.4.25)."""
        self.bd_seq = (self.bd_seq + 1) % SEQUENCE

    def birth(self, values: Values, at: float, quality: int | None = None) -> Message:
        """Begin a session (6.4.19); every device must be born after it."""
        self._seq = 0
        rebirth = Metric(REBIRTH, at=at, datatype=Datatype.BOOLEAN, holder=Holder.BOOLEAN, raw=0)
        metrics = [self._session(at), rebirth, *self._metrics(None, values, at, quality, named=True)]
        return self._message("NBIRTH", None, metrics, at)

    def device_birth(self, device: str, values: Values, at: float, quality: int | None = None) -> Message:
        """A device is there (6.4.20)."""
        return self._message("DBIRTH", device, self._metrics(device, values, at, quality, named=True), at)

    def data(self, device: str | None, values: Values, at: float, quality: int | None = None) -> Message:
        """New values, under their aliases and without their datatypes (6.4.21, 6.4.22)."""
        kind = "NDATA" if device is None else "DDATA"
        return self._message(kind, device, self._metrics(device, values, at, quality, named=False), at)

    def device_death(self, device: str, at: float) -> Message:
        """A device is gone (6.4.26)."""
        return self._message("DDEATH", device, (), at)

    def asked(self, topic: str, payload: bytes) -> bool:
        """Whether a message is the request for a new birth (5.17)."""
        if topic != self.commands:
            return False
        try:
            metrics = decode(payload).metrics
        except DecodeError:
            return False
        return any(metric.name == REBIRTH and metric.holder is Holder.BOOLEAN and metric.raw for metric in metrics)

    def _metrics(
        self, device: str | None, values: Values, at: float, quality: int | None, *, named: bool
    ) -> Iterator[Metric]:
        for name, value in values.items():
            datatype = self.metrics[device][name]
            metric = Metric(alias=self._aliases[device, name], at=at, quality=quality)
            if named:
                metric = metric._replace(name=name, datatype=datatype)
            yield metric._replace(null=True) if value is None else valued(metric, value, datatype)

    def _session(self, at: float | None) -> Metric:
        return Metric(BD_SEQ, at=at, datatype=Datatype.INT64, holder=Holder.LONG, raw=self.bd_seq)

    def _message(
        self, kind: str, device: str | None, metrics: Sequence[Metric] | Iterator[Metric], at: float
    ) -> Message:
        payload = encode(Payload(tuple(metrics), at, self._seq))
        self._seq = (self._seq + 1) % SEQUENCE
        return Message(self._topic(kind, device), payload)

    def _topic(self, kind: str, device: str | None = None) -> str:
        return Address(self._group, kind, self._name, device).topic


class Simulation:
    """One edge node with the configured devices behind it, which measure what a plant says.

    A device whose cable is pulled is reported dead by its node; the cable of the node itself is the connection.
    """

    def __init__(self, devices: Sequence[MqttDevice], plant: Plant) -> None:
        """*devices* are all of the same group and node."""
        self._plant = plant
        self._devices: dict[str | None, list[MqttDevice]] = {}
        for device in devices:
            self._devices.setdefault(device.sparkplug_device, []).append(device)
        metrics = {name: dict(_datatypes(members)) for name, members in self._devices.items()}
        self.node = EdgeNode(str(devices[0].group), str(devices[0].node), metrics)
        self._alive: set[str] = set()

    def connected(self, now: float) -> bool:
        """Whether the node's own cable is plugged."""
        return all(self._plant.answers(device, now) for device in self._devices.get(None, ()))

    def birth(self, now: float) -> list[Message]:
        """All that begins a session."""
        messages = [self.node.birth(self._values(None, now), now, self._quality(None, now))]
        self._alive = set()
        return messages + self._births(now)

    def tick(self, now: float) -> list[Message]:
        """Deaths, births and data since the last call."""
        messages: list[Message] = []
        for name, members in self._devices.items():
            if name is not None and not self._there(members, now):
                if name in self._alive:
                    self._alive.discard(name)
                    messages.append(self.node.device_death(name, now))
            elif name is None or name in self._alive:
                messages.append(self.node.data(name, self._values(name, now), now, self._quality(name, now)))
        return messages + self._births(now)

    def take(self, topic: str, payload: bytes, now: float) -> list[Message]:
        """The answer to a message: a new birth when one was asked for."""
        return self.birth(now) if self.node.asked(topic, payload) else []

    def _births(self, now: float) -> list[Message]:
        born = [
            name
            for name, members in self._devices.items()
            if name is not None and name not in self._alive and self._there(members, now)
        ]
        self._alive.update(born)
        return [self.node.device_birth(name, self._values(name, now), now, self._quality(name, now)) for name in born]

    def _there(self, members: Sequence[MqttDevice], now: float) -> bool:
        return all(self._plant.answers(device, now) for device in members)

    def _quality(self, name: str | None, now: float) -> int | None:
        states = [self._plant.state(device, now) for device in self._devices.get(name, ())]
        return None if all(state is Reason.NONE for state in states) else BAD

    def _values(self, name: str | None, now: float) -> Values:
        values: dict[str, float | None] = {}
        for device in self._devices.get(name, ()):
            given = self._plant.values(device, now)
            for point in device.points:
                number = _number(point, given[point.name])
                path = metric_of(point)
                bits = int(values.get(path) or 0)
                values[path] = bits | int(number or 0) if point.bit is not None else number
        return values


def _datatypes(devices: Sequence[MqttDevice]) -> Iterator[tuple[str, Datatype]]:
    for device in devices:
        for point in device.points:
            whole = point.bit is not None or point.enum is not None
            yield metric_of(point), Datatype.INT64 if whole else Datatype.DOUBLE


def _number(point: MqttPoint, value: float) -> float | None:
    """What a device gives when the point is to have *value*; None when nothing it could give means that."""
    if not math.isfinite(value):
        return None
    meaning = point.meaning()
    if meaning.enum is not None:
        return next((key for key, means in meaning.enum.items() if means == value), None)
    number = (value - meaning.offset) / meaning.scale
    return int(number != 0) << meaning.bit if meaning.bit is not None else number
