"""One connection to an MQTT broker: the thin edge around ``packet``. It never connects again by itself.

What comes is held until it is taken with ``received``, and nothing is acknowledged but by ``acknowledge``. When more is
held than ``MOST_HELD`` bytes, the socket is no longer read, so that a slow taker costs the broker memory and not us.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from greenops_core.errors import DecodeError, DeviceError
from greenops_gateway import tcp
from greenops_gateway.mqtt import packet, trouble
from greenops_gateway.mqtt.backlog import Backlog
from greenops_gateway.mqtt.configuration import MqttLink
from greenops_gateway.mqtt.packet import Connack, Disconnect, Grant, Pingresp, Puback, Publish, Pubrel, Suback, Will
from greenops_gateway.mqtt.property import Property
from greenops_gateway.mqtt.reason import FAILED, Level

MOST_HELD = 4 * 1024 * 1024
MESSAGE_COST = 200
"""Bytes that a held message takes beside its payload."""
FILTERS_AT_ONCE = 8
"""Some brokers take no more in one SUBSCRIBE."""
FAREWELL = 1.0
"""Seconds that a goodbye may take."""

T = TypeVar("T")

Arrived = tuple[float, list[Publish]]
"""Messages, and the Unix time when they came."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who connects. *resume*: the broker is asked for the session of before and to keep this one."""

    client_id: str
    resume: bool = True
    will: Will | None = None


class Client(asyncio.Protocol):
    """An open connection; ``connected`` makes one."""

    def __init__(self, link: MqttLink, who: Identity, interval: float, clock: Callable[[], float]) -> None:
        self._link, self._who, self._interval, self._clock = link, who, interval, clock
        self._level: Level = link.level()
        self._keep_alive = float(link.keep_alive)
        self._decoder = packet.Decoder(self._level, link.max_packet)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._welcome: asyncio.Future[Connack] = self._loop.create_future()
        self._subscriptions: dict[int, asyncio.Future[Suback]] = {}
        self._sent: set[int] = set()
        self._settled: asyncio.Future[None] | None = None
        self._last_id = 0
        self._inbox: list[Arrived] = []
        self._held = 0
        self._paused = False
        self._wake: asyncio.Future[None] | None = None
        self._alive = False
        self._failure: Exception | None = None
        self._heard = self._said = self._loop.time()
        self._pinged: float | None = None
        self._backlog = Backlog()
        self._timer: asyncio.TimerHandle | None = None
        self.connack = Connack(present=False, code=0)
        """What the broker answered, with its limits in MQTT 5."""

    @property
    def where(self) -> str:
        return self._link.where

    @property
    def transport(self) -> asyncio.Transport:
        """Raises DeviceError: the connection is lost."""
        if self._transport is None:
            raise self._failure or DeviceError("not connected")
        return self._transport

    @property
    def is_behind(self) -> bool:
        """Whether a message with QoS 1 may have waited at the broker while nobody was here."""
        return self._backlog.lasts(self._loop.time())

    async def received(self, patience: float | None = None) -> list[Arrived] | None:
        """What came since the last call; waits for the first, at most *patience* seconds.

        Empty: nothing but a sign that the broker is there. None: not even that.

        Raises:
            DeviceError: the connection is lost, and all that came before has been taken.
        """
        if not self._inbox and not self._alive:
            if self._failure is not None:
                raise self._failure
            await self._come(patience)
            if not self._inbox and not self._alive:
                if self._failure is not None:
                    raise self._failure
                return None
        found, self._inbox, self._held, self._alive = self._inbox, [], 0, False
        if self._paused and self._transport is not None:
            self._paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()
        return found

    async def _come(self, patience: float | None) -> None:
        self._wake = self._loop.create_future()
        timer = None if patience is None else self._loop.call_later(patience, self._rouse)
        try:
            await self._wake
        finally:
            if timer is not None:
                timer.cancel()

    def acknowledge(self, arrived: Iterable[Arrived]) -> None:
        """Tell the broker that these messages are taken over: it forgets them."""
        ids = [message.id for _, messages in arrived for message in messages if message.id]
        if ids and self._transport is not None:
            self._write(packet.pubacks(ids))
            self._backlog.acknowledged(len(ids))
            if self._backlog.until:
                self._ask_if_done()

    async def subscribe(self, filters: Sequence[tuple[str, int]]) -> list[Grant]:
        """Subscribe to topic filters, each with the highest QoS; what the broker makes of each.

        Raises:
            DeviceError: the broker does not answer.
        """
        granted: list[Grant] = []
        waiting = []
        for start in range(0, len(filters), FILTERS_AT_ONCE):
            asked = filters[start : start + FILTERS_AT_ONCE]
            id_ = self._id()
            answer: asyncio.Future[Suback] = self._loop.create_future()
            self._subscriptions[id_] = answer
            self._write(packet.subscribe(self._level, id_, asked))
            waiting.append((asked, answer))
        for asked, answer in waiting:
            suback = await self._within(answer, self._link.timeout, "SUBSCRIBE")
            if len(suback.codes) != len(asked):
                raise DeviceError(f"{self.where} answers {len(suback.codes)} of {len(asked)} subscriptions")
            for (filter_, qos), code in zip(asked, suback.codes, strict=True):
                why = trouble.unsubscribed(self._link, filter_, code, suback) if code >= FAILED else ""
                granted.append(Grant(filter_, qos, code, why))
        return granted

    def publish(self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False) -> None:
        """Send a message.

        Raises:
            DeviceError: the connection is lost, or the broker acknowledges nothing.
        """
        id_ = 0
        if qos:
            limit = self.connack.properties.get(Property.RECEIVE_MAXIMUM, packet.LONGEST_TEXT)
            if len(self._sent) >= int(limit):
                raise DeviceError(f"{self.where} did not acknowledge {len(self._sent)} messages")
            id_ = self._id()
            self._sent.add(id_)
        self._write(packet.publish(self._level, Publish(topic, payload, qos, retain, id=id_)))

    async def settled(self) -> None:
        """Wait until the broker has acknowledged all that was sent with QoS 1.

        Raises:
            DeviceError: it does not in time.
        """
        if self._sent:
            self._settled = self._loop.create_future()
            await self._within(self._settled, self._link.timeout, "PUBLISH")

    async def end(self) -> None:
        """Say goodbye, if there is still somebody; a session that was asked for stays."""
        self._fail(DeviceError("the connection was closed here"))
        if self._transport is None:
            return
        self._transport.write(packet.DISCONNECT)
        self._transport.close()
        try:
            async with asyncio.timeout(FAREWELL):
                await self._gone
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Vanish, as if the cable were pulled."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(DeviceError("the connection was cut here"))

    async def greet(self) -> None:
        """Raises DeviceError: the broker refuses us, or does not answer."""
        expiry = int(self._link.session_expiry or 0) if self._who.resume else 0
        self._write(
            packet.connect(
                self._level,
                self._who.client_id,
                int(self._link.keep_alive),
                resume=expiry > 0,
                expiry=expiry,
                receive_maximum=self._link.receive_maximum,
                largest=self._link.max_packet,
                user=self._link.user,
                password=self._link.password,
                will=self._who.will,
            )
        )
        self.connack = await self._within(self._welcome, self._link.connect_timeout, "CONNECT")
        if self.connack.code:
            raise DeviceError(trouble.refused(self._link, self._who.client_id, self.connack))
        ordered = self.connack.properties.get(Property.SERVER_KEEP_ALIVE)
        if isinstance(ordered, int) and ordered:
            self._keep_alive = float(ordered)  # instead of ours (MQTT 5, 3.2.2.3.14)
        self._watch()
        if self.connack.present:
            self._backlog.begin(self._loop.time())
            self._ask_if_done()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport!r} is no stream")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard, self._pinged = self._loop.time(), None
        try:
            packets = self._decoder.feed(data)
        except DecodeError as error:
            self._end(DeviceError(trouble.unreadable(self._link, error)))
            return
        messages = [each for each in packets if type(each) is Publish]
        levels = [message.qos for message in messages]
        if any(levels):
            self._backlog.came(sum(levels))
        if len(messages) != len(packets):
            for each in packets:
                if type(each) is not Publish:
                    self._answer(each)
        if 2 in levels:
            self._end(DeviceError(trouble.foreign(self._link, self._who.client_id)))
        elif messages:
            self._hold(messages, len(data))
        if self._inbox or self._alive:
            self._rouse()

    def _hold(self, messages: list[Publish], size: int) -> None:
        if not self._welcome.done():
            self._end(DeviceError(f"{self.where} breaks the rules of MQTT: a message that nobody asked for"))
            return
        self._inbox.append((self._clock(), messages))
        self._held += size + MESSAGE_COST * len(messages)
        if self._held > MOST_HELD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._gone.done():
            self._gone.set_result(None)
        if self._welcome.done():
            self._fail(
                DeviceError(trouble.closed(self._link, self._who.client_id, "" if exc is None else tcp.said(exc)))
            )
        else:
            self._fail(DeviceError(trouble.unwelcome(self._link)))

    def _answer(self, answer: packet.Packet) -> None:
        match answer:
            case Connack() if not self._welcome.done():
                self._welcome.set_result(answer)
            case Pingresp():
                self._alive = True
                self._backlog.answered()
            case Pubrel():
                self._end(DeviceError(trouble.foreign(self._link, self._who.client_id)))
            case Suback() if answer.id in self._subscriptions:
                found = self._subscriptions.pop(answer.id)
                if not found.done():
                    found.set_result(answer)
            case Puback():
                self._sent.discard(answer.id)
                if not self._sent and self._settled is not None and not self._settled.done():
                    self._settled.set_result(None)
            case Disconnect():
                self._end(DeviceError(trouble.ended(self._link, self._who.client_id, answer)))
            case _:
                self._end(DeviceError(f"{self.where} breaks the rules of MQTT: {type(answer).__name__} out of turn"))

    def _watch(self) -> None:
        """Ping when nothing was heard, or nothing said, for a while; give up when that has no answer."""
        now = self._loop.time()
        if self._transport is None:
            return
        if self._paused:
            self._heard, self._pinged = now, None
        if self._pinged is not None and now - self._pinged >= self._link.timeout:
            self._end(DeviceError(f"{self.where} is silent: no answer within {self._link.timeout} to a ping"))
            return
        quiet = now - self._heard >= self._interval or now - self._said >= self._keep_alive / 2
        if quiet and self._pinged is None:
            self._ping()
        self._timer = self._loop.call_later(
            min(self._interval, self._link.timeout, self._keep_alive / 2) / 2, self._watch
        )

    def _ping(self) -> None:
        self._write(packet.PINGREQ)
        self._pinged = self._said
        self._backlog.pinged()

    def _ask_if_done(self) -> None:
        """Whether the broker has sent all that it kept."""
        if self._backlog.is_due(self._loop.time()):
            self._backlog.ask()
            self._ping()

    def _write(self, data: bytes) -> None:
        self.transport.write(data)
        self._said = self._loop.time()

    def _id(self) -> int:
        self._last_id = self._last_id % packet.LONGEST_TEXT + 1
        while self._last_id in self._sent or self._last_id in self._subscriptions:
            self._last_id = self._last_id % packet.LONGEST_TEXT + 1
        return self._last_id

    async def _within(self, answer: asyncio.Future[T], seconds: float, to: str) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise DeviceError(
                f"{self.where} took the connection but gives no answer to {to} within {seconds}"
            ) from None

    def _end(self, failure: DeviceError) -> None:
        self._fail(failure)
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, failure: DeviceError) -> None:
        """The first failure is the one that is told."""
        self._failure = self._failure or failure
        if self._timer is not None:
            self._timer.cancel()
        for waiting in (self._welcome, self._settled, *self._subscriptions.values()):
            if waiting is not None and not waiting.done():
                waiting.set_exception(self._failure)
                waiting.exception()  # whoever waits gets it; whoever does not is not reminded of it
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


@asynccontextmanager
async def connected(
    link: MqttLink,
    who: Identity,
    *,
    interval: float = 3.0,
    clock: Callable[[], float] = time.time,
    told: tcp.Told | None = None,
) -> AsyncIterator[Client]:
    """A connection that the broker has accepted; it is closed in good order at the end.

    *interval* is after how many seconds of silence the broker is asked whether it is there; *told* takes when
    certificates end.

    Raises:
        DeviceError: nobody is there, the broker refuses us, or does not answer.
    """
    client = Client(link, who, interval, clock)
    await tcp.connect(lambda: client, link.host, link.at_port, link.connect_timeout, link.tls, told=told)
    try:
        await client.greet()
        yield client
    finally:
        await client.end()
