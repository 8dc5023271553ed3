"""MQTT over the wire: what a broker sends for the devices of a link becomes samples.

A batch is what came since the last one, of at most ``MOST_AT_ONCE`` messages. They are acknowledged when the next batch
is asked for: whatever was not taken over comes again, after a crash too, for the session at the broker outlives us.
Read-only: the one message that is ever sent is Sparkplug's request for a new birth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress

from greenops_core.errors import DeviceError
from greenops_core.sample import Sample
from greenops_gateway.mqtt import complaint, trouble
from greenops_gateway.mqtt.client import Arrived, Client, Identity, connected
from greenops_gateway.mqtt.configuration import MqttDevice, MqttLink
from greenops_gateway.mqtt.reception import Hub
from greenops_gateway.mqtt.sparkplug import Edge
from greenops_gateway.mqtt.sparkplug_payload import NAMESPACE
from greenops_gateway.mqtt.subscription import Subscriptions
from greenops_gateway.plugin import Batch, Desk, Event, Plugin, Result, telling
from greenops_gateway.point import patience

log = logging.getLogger(__name__)

TICK = 1.0
MOST_AT_ONCE = 1000
"""Messages that are decoded in one go; some 25 ms in which nothing else is done."""
PINGS = 3
"""How often a silent broker is asked for a sign of life before the supervisor would give it up."""


@asynccontextmanager
async def connect(link: MqttLink, desks: Sequence[Desk[MqttDevice]]) -> AsyncIterator[AsyncIterator[Batch]]:
    """A broker's stream of samples for all devices of the link."""
    first = desks[0]
    interval = patience(link, [desk.device for desk in desks]) / PINGS
    async with AsyncExitStack() as stack:
        try:
            who = Identity(link.client(first.device.link))
            opening = connected(link, who, interval=interval, clock=first.clock, told=telling(desks))
            client = await stack.enter_async_context(opening)
            reader = Reader(client, link, desks)
            await reader.begin()
        except DeviceError:
            for desk in desks:
                desk.count(Result.CONNECT)
            raise
        yield await stack.enter_async_context(aclosing(reader.batches()))


PLUGIN = Plugin("mqtt", MqttLink, MqttDevice, connect)


class Reader:
    """Takes what a client receives, for all devices of its link."""

    def __init__(self, client: Client, link: MqttLink, desks: Sequence[Desk[MqttDevice]]) -> None:
        self._client, self._link, self._desks = client, link, desks
        self._clock = asyncio.get_running_loop().time
        self._ticked = self._clock()
        self._subscriptions = Subscriptions(client, link, desks)
        sparkplug = [desk for desk in desks if desk.device.payload == "sparkplug"]
        self._behind = client.is_behind
        others = [desk for desk in desks if desk.device.payload != "sparkplug"]
        self._hub = Hub(others, self._ticked, resumed=self._behind)
        self._edge = Edge(sparkplug, self._publish, self._clock) if sparkplug else None
        self._strange = False

    async def begin(self) -> None:
        """Subscribe.

        Raises:
            DeviceError: the broker allows it for no device, or does not answer.
        """
        down = await self._subscriptions.begin(self._ticked)
        for desk in self._desks:
            if (why := down.get(desk.device.name)) is None:
                continue
            if self._edge is not None and desk.device.payload == "sparkplug":
                self._edge.refused(desk, why)
            else:
                self._hub.refused(desk, why)
        first = self._desks[0]
        short = trouble.forgetful(self._link, self._client.connack)
        if short and complaint.is_new(complaint.told(first.kept), "session", first.clock()):
            log.warning("%s: %s", first.device.link, short)

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Raises DeviceError: the connection is lost."""
        if self._edge is not None:
            self._edge.tick(self._ticked)
        while True:
            arrived = await self._client.received(TICK)
            if arrived:
                for part in _parts(arrived):
                    yield self._samples(part)
                    self._client.acknowledge(part)
                    if part is not arrived:
                        self._tick()
                        await asyncio.sleep(0)  # others have their turn
            elif arrived is not None:
                yield ()
            self._tick()
            if self._subscriptions.refused:
                await self._subscriptions.tick(self._ticked)

    def _samples(self, arrived: Iterable[Arrived]) -> list[Sample]:
        batch: list[Sample] = []
        if self._behind and not self._client.is_behind:
            self._behind = False
            self._hub.caught_up()
        for at, messages in arrived:
            for message in messages:
                wanted = self._hub.take(message, at, batch)
                if self._edge is not None and message.topic.startswith(NAMESPACE):
                    batch += self._edge.take(message.topic, message.payload, message.retained, at)
                elif not wanted:
                    self._stranger(message.topic)
        return batch

    def _publish(self, topic: str, content: bytes, qos: int) -> None:
        """What came before a connection was lost is still to be taken: whoever reads on is told of that."""
        with suppress(DeviceError):
            self._client.publish(topic, content, qos)

    def _tick(self) -> None:
        now = self._clock()
        if now - self._ticked < TICK:
            return
        self._ticked = now
        self._hub.tick(now)
        if self._edge is not None:
            self._edge.tick(now)

    def _stranger(self, name: str) -> None:
        self._desks[0].event(Event.STRANGER)
        if not self._strange:
            self._strange = True
            log.warning(
                "%s: the broker sends topic %s, which no device asks for: it keeps a subscription of before for this "
                "client_id; give the link another client_id to be rid of it",
                self._desks[0].device.link,
                name,
            )


def _parts(arrived: Sequence[Arrived]) -> Iterator[Sequence[Arrived]]:
    """The same messages in the same order, few at once."""
    if sum([len(messages) for _, messages in arrived]) <= MOST_AT_ONCE:
        yield arrived
        return
    part: list[Arrived] = []
    room = MOST_AT_ONCE
    for at, messages in arrived:
        rest = messages
        while len(rest) > room:
            yield [*part, (at, rest[:room])]
            part, rest, room = [], rest[room:], MOST_AT_ONCE
        part.append((at, rest))
        room -= len(rest)
    if part:
        yield part
