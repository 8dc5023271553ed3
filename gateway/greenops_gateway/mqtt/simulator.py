"""The device side of MQTT: what the devices of a link would publish to its broker. The broker itself must be there.

Each JSON or plain device is a client of its own, with its own last will; each Sparkplug edge node is one too. A pulled
cable is a socket that is cut without a word.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from greenops_core.errors import ConfigError, DeviceError
from greenops_core.sample import Reason
from greenops_gateway.mqtt import payload
from greenops_gateway.mqtt.client import Client, Identity, connected
from greenops_gateway.mqtt.configuration import MqttDevice, MqttLink, MqttPoint, MqttQuality, State
from greenops_gateway.mqtt.packet import Will
from greenops_gateway.mqtt.sparkplug_node import Message, Simulation
from greenops_gateway.mqtt.topic import has_wildcard
from greenops_gateway.tools import Plant

log = logging.getLogger(__name__)


class Side(Protocol):
    """Who publishes over one connection."""

    name: str
    poll: float

    def there(self, now: float) -> bool:
        """Whether its cable is plugged."""
        ...

    def will(self) -> Will | None: ...

    def listens(self) -> list[tuple[str, int]]: ...

    def first(self, now: float) -> list[tuple[Message, bool]]:
        """What a connection begins with; True: retained."""
        ...

    def next(self, now: float) -> list[tuple[Message, bool]]:
        """What is to be sent at a poll."""
        ...

    def answer(self, topic: str, content: bytes, now: float) -> list[tuple[Message, bool]]: ...


class Publisher:
    """A JSON or plain device."""

    def __init__(self, device: MqttDevice, plant: Plant) -> None:
        self.name, self.poll = device.name, float(device.poll)
        self._device, self._plant = device, plant

    def there(self, now: float) -> bool:
        return self._plant.answers(self._device, now)

    def will(self) -> Will | None:
        alive, topic = self._device.alive, self._device.alive_topic()
        return None if alive is None or topic is None else Will(topic, alive.down.encode(), retain=True)

    def listens(self) -> list[tuple[str, int]]:
        return []

    def first(self, now: float) -> list[tuple[Message, bool]]:  # noqa: ARG002  # a birth depends on it, this does not
        alive, topic = self._device.alive, self._device.alive_topic()
        return [] if alive is None or topic is None else [(Message(topic, alive.up.encode(), 1), True)]

    def next(self, now: float) -> list[tuple[Message, bool]]:
        values = self._plant.values(self._device, now)
        state = self._plant.state(self._device, now)
        return [(Message(topic, content, 1), False) for topic, content in messages(self._device, values, state, now)]

    def answer(self, topic: str, content: bytes, now: float) -> list[tuple[Message, bool]]:  # noqa: ARG002  # it listens to nothing
        return []


class Node:
    """A Sparkplug edge node with its devices."""

    def __init__(self, devices: Sequence[MqttDevice], plant: Plant) -> None:
        self._simulation = Simulation(devices, plant)
        self.name = f"{devices[0].group}-{devices[0].node}"
        self.poll = min(float(device.poll) for device in devices)

    def there(self, now: float) -> bool:
        return self._simulation.connected(now)

    def will(self) -> Will | None:
        self._simulation.node.renew()
        last = self._simulation.node.will()
        return Will(last.topic, last.payload)

    def listens(self) -> list[tuple[str, int]]:
        return [(self._simulation.node.commands, 1)]

    def first(self, now: float) -> list[tuple[Message, bool]]:
        return [(each, False) for each in self._simulation.birth(now)]

    def next(self, now: float) -> list[tuple[Message, bool]]:
        return [(each, False) for each in self._simulation.tick(now)]

    def answer(self, topic: str, content: bytes, now: float) -> list[tuple[Message, bool]]:
        return [(each, False) for each in self._simulation.take(topic, content, now)]


@asynccontextmanager
async def simulate(link: MqttLink, devices: Sequence[MqttDevice], plant: Plant) -> AsyncIterator[str]:
    """The devices of *link*, publishing to its broker for as long as the context lasts.

    Raises:
        ConfigError: there is no broker.
    """
    where = link.where
    try:
        async with connected(link, Identity("greenops-simulator", resume=False)):
            pass
    except DeviceError as error:
        raise ConfigError(
            f"no broker to publish to: {error}. Start one there, for example: mosquitto -p {link.at_port}", ("host",)
        ) from None
    nodes: dict[tuple[str | None, str | None], list[MqttDevice]] = {}
    for device in devices:
        if device.payload == "sparkplug":
            nodes.setdefault((device.group, device.node), []).append(device)
    sides: list[Side] = [Publisher(device, plant) for device in devices if device.payload != "sparkplug"]
    sides += [Node(members, plant) for members in nodes.values()]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_play(link, side)) for side in sides]
        try:
            yield f"publishing to the broker at {where}"
        finally:
            for task in tasks:
                task.cancel()


async def _play(link: MqttLink, side: Side, clock: Callable[[], float] = time.time) -> None:
    """Publish for ever; a broker that is gone is tried again at the next poll."""
    while True:
        if side.there(clock()):
            try:
                await _session(link, side, clock)
            except DeviceError as error:
                log.warning("simulated %s: %s", side.name, error)
        await asyncio.sleep(side.poll)


async def _session(link: MqttLink, side: Side, clock: Callable[[], float]) -> None:
    """One connection, until the cable is pulled. Raises DeviceError: it failed."""
    who = Identity(f"greenops-simulator-{side.name}", resume=False, will=side.will())
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(link, who))
        stack.callback(client.abort)  # never a goodbye, which would keep the last will from being told
        if side.listens():
            for grant in await client.subscribe(side.listens()):
                if grant.refused:
                    raise DeviceError(grant.refused)
        await _send(client, side.first(clock()))
        loop = asyncio.get_running_loop()
        due = loop.time()
        while side.there(clock()):
            await _send(client, side.next(clock()))
            due = max(due + side.poll, loop.time())
            while (left := due - loop.time()) > 0:
                arrived = await client.received(left)
                for _, heard in arrived or ():
                    for message in heard:
                        await _send(client, side.answer(message.topic, message.payload, clock()))
                client.acknowledge(arrived or ())


async def _send(client: Client, batch: Sequence[tuple[Message, bool]]) -> None:
    for message, retain in batch:
        client.publish(message.topic, message.payload, message.qos, retain=retain)
        if message.qos:
            await client.settled()


def messages(device: MqttDevice, values: Any, state: Reason, now: float) -> list[tuple[str, bytes]]:  # noqa: ANN401  # a mapping of numbers
    """What *device* publishes at Unix time *now*: topic and payload."""
    by_topic: dict[str, list[MqttPoint]] = {}
    for point in device.points:
        by_topic.setdefault(_concrete(device.filter_of(point)), []).append(point)
    if device.payload == "plain":
        return [
            (topic, json.dumps(raw).strip('"').encode())
            for topic, (point,) in by_topic.items()
            if (raw := _raw(point, values[point.name])) is not None
        ]
    return [(topic, _json(device, points, values, state, now)) for topic, points in by_topic.items()]


def _json(device: MqttDevice, points: Sequence[MqttPoint], values: Any, state: Reason, now: float) -> bytes:  # noqa: ANN401  # as above
    whole: list[Any] = [None]
    for point in points:
        _put(whole, (0, *payload.path(point.path or "$")), _raw(point, values[point.name]))
        if point.quality is not None:
            _put(whole, (0, *payload.path(point.quality.path)), _word(point.quality, state))
    if device.quality is not None:
        _put(whole, (0, *payload.path(device.quality.path)), _word(device.quality, state))
    if device.time is not None:
        stamps = {"unix": now, "unix_ms": round(now * 1000), "rfc3339": datetime.fromtimestamp(now, UTC).isoformat()}
        _put(whole, (0, *payload.path(device.time.path)), stamps[device.time.format])
    return json.dumps(whole[0], separators=(",", ":")).encode()


def _put(inside: Any, steps: payload.Path, value: object) -> None:  # noqa: ANN401  # JSON
    """Put *value* where *steps* lead to, and make what is missing on the way."""
    for place, step in enumerate(steps):
        if isinstance(step, int):
            while not -len(inside) <= step < len(inside):
                inside.append(None)
        if place == len(steps) - 1:
            inside[step] = value
            return
        below = inside.get(step) if isinstance(inside, dict) else inside[step]
        if below is None:
            below = inside[step] = [] if isinstance(steps[place + 1], int) else {}
        inside = below


def _raw(point: MqttPoint, value: float) -> float | str | None:
    """What the device writes so that the point has *value*; None when there is nothing that means it."""
    if not math.isfinite(value):
        return None
    if point.enum is not None:
        return next((key for key, means in point.enum.items() if means == value), None)
    number = (value - point.offset) / point.scale
    return int(number != 0) << point.bit if point.bit is not None else number


def _word(quality: MqttQuality, state: Reason) -> State:
    """The word for *state*, or the first one that is not good when there is none for it."""
    if state is Reason.NONE:
        return quality.good[0]
    listed = {Reason(reason): words for reason, words in quality.reasons.items() if words}
    return next(iter(listed.get(state) or next(iter(listed.values()), ["bad"])))


def _concrete(filter_: str) -> str:
    """A topic that the filter matches."""
    if not has_wildcard(filter_):
        return filter_
    return "/".join("simulated" if level in {"+", "#"} else level for level in filter_.split("/"))
