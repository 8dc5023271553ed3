"""OPC UA over the wire, read-only: one session for all devices of a link, polled and subscribed, in one stream."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TypeVar

from greenops_core.errors import DeviceError
from greenops_core.sample import Sample
from greenops_gateway.opcua import feed, history, trust
from greenops_gateway.opcua.channel import RefusedError
from greenops_gateway.opcua.codec import Placed, Publication
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink
from greenops_gateway.opcua.feed import Feed
from greenops_gateway.opcua.poll import Batches, Place
from greenops_gateway.opcua.session import Session, opened
from greenops_gateway.opcua.source import FUTURE
from greenops_gateway.opcua.subscription import Subscription
from greenops_gateway.plugin import Batch, Desk, Event, Plugin, Result
from greenops_gateway.schedule import Agenda

log = logging.getLogger(__name__)

T = TypeVar("T")

LEARNT = "most nodes in one request"
STARTED = "start of the server"
WARNED = "warnings that were given"
TRY_REFUSED_EVERY = 30.0
NODE_UNKNOWN = 0x80340000


@asynccontextmanager
async def connect(link: OpcUaLink, desks: Sequence[Desk[OpcUaDevice]]) -> AsyncIterator[AsyncIterator[Batch]]:
    """A session with the link's server, and the stream of all its devices' samples."""
    for warning in _warnings(link):
        if warning not in desks[0].kept.setdefault(WARNED, set()):  # once, not at every try
            desks[0].kept[WARNED].add(warning)
            log.warning("%s: %s", link.url, warning)
    learnt: dict[str, int] = {}
    for desk in desks:
        learnt = desk.kept.setdefault(LEARNT, learnt)
    async with AsyncExitStack() as stack:
        try:
            session = await stack.enter_async_context(opened(link, learnt))
        except (OSError, DeviceError):
            for desk in desks:
                desk.count(Result.CONNECT)
            raise
        reader = Reader(session, desks)
        stack.push_async_callback(reader.close)
        yield await stack.enter_async_context(aclosing(reader.stream()))


PLUGIN = Plugin("opcua", OpcUaLink, OpcUaDevice, connect, acknowledges=False)


def _warnings(link: OpcUaLink) -> Iterator[str]:
    """What is less safe than it could be. Raises DeviceError: a key cannot be read."""
    if link.secured is not None and link.secured.accept_any_server:
        yield "accept_any_server: whoever answers there is believed"
    if link.secured is None and link.identity is not None and link.identity.user is not None:
        yield "without security the password may be read on the way"
    keys = [part.key for part in (link.secured, link.identity) if part is not None and part.key is not None]
    for key in keys:
        try:
            if trust.open_to_others(key):
                yield f"others may read the private key; run: chmod 600 {key}"
        except OSError as error:
            raise DeviceError(f"{key} cannot be read: {error.strerror or error}") from None


class Reader:
    """Everything that is read over one session."""

    def __init__(self, session: Session, desks: Sequence[Desk[OpcUaDevice]]) -> None:
        self._session, self._desks = session, desks
        self._feeds: list[Feed] = [one for desk in desks for one in feed.feeds(desk)]
        self._nodes: list[Place] = []
        self._unknown: list[Feed] = []
        for place, one in enumerate(self._feeds):
            node = session.node(one.point.address)
            if node is None:
                self._unknown.append(one)
            else:
                self._nodes.append((place, node))
        how = {id(desk): desk.device.how(session.link) for desk in desks}
        self._polled = [desk for desk in desks if how[id(desk)] == "poll"]
        polled = {id(desk) for desk in self._polled}
        self._batches = {
            id(desk): Batches(session, [found for found in self._nodes if self._feeds[found[0]].desk is desk])
            for desk in self._polled
        }
        listened = [found for found in self._nodes if id(self._feeds[found[0]].desk) not in polled]
        self._subscription = Subscription(session, listened) if listened else None
        self._listening = list(feed.by_desk(self._feeds[place] for place, _ in listened))
        self._agenda = Agenda(self._polled, time.monotonic())
        self._known = list(feed.by_desk(self._feeds[place] for place, _ in self._nodes))
        self._filled: dict[int, float] = {}
        self._keeps = False

    async def stream(self) -> AsyncGenerator[Batch, None]:
        """All samples for as long as the session lives."""
        self._told()
        if not self._nodes:
            known = ", ".join(self._session.namespaces)
            raise DeviceError(f"{self._session.link.url} has no namespace of any point; it has {known}")
        yield [one.bad(NODE_UNKNOWN, self._now()) for one in self._unknown]
        await self._find_kept()
        if self._subscription is not None:
            await self._counted(self._subscription.create())
        async with aclosing(self._fill()) as filling:
            async for batch in filling:
                yield batch
        async with aclosing(self._live()) as living:
            async for batch in living:
                yield batch

    async def close(self) -> None:
        """Ask for nothing more."""
        if self._subscription is not None:
            await self._subscription.close()

    def _now(self) -> float:
        return self._desks[0].clock()

    def _told(self) -> None:
        """What the session tells about the server: certificates, and whether it was started anew."""
        session = self._session
        for desk in self._desks:
            for which, until in (("own", session.own_until), ("server", session.server_until)):
                if until is not None:
                    desk.expires(which, until)
            before = desk.kept.get(STARTED)
            if session.started and before is not None and before != session.started:
                desk.event(Event.RESTART)
            desk.kept[STARTED] = session.started or before

    async def _find_kept(self) -> None:
        """Which nodes have a history on the server: as configured, else as the server says."""
        asked = []
        for place, node in self._nodes:
            one = self._feeds[place]
            wanted = self._session.link.history if one.desk.device.history is None else one.desk.device.history
            one.keeps = bool(wanted)
            if wanted is None:
                asked.append((place, node))
        if asked:
            answers = await history.kept(self._session, [node for _, node in asked])
            for (place, _), keeps in zip(asked, answers, strict=True):
                self._feeds[place].keeps = keeps
        self._keeps = any(one.keeps for one in self._feeds)

    async def _fill(self) -> AsyncGenerator[Batch, None]:
        """What the server recorded since the last session."""
        gaps = []
        for place, node in self._nodes:
            since = self._feeds[place].taken if self._feeds[place].keeps else None
            if since is not None:
                gaps.append(history.Gap(place, node, since))
        told: set[int] = set()
        try:
            async for found in history.filled(self._session, gaps, self._now() + FUTURE):
                batch = self._samples(found)
                for desk in feed.by_desk(self._feeds[place] for place, _ in found):
                    if id(desk) not in told:
                        told.add(id(desk))
                        desk.event(Event.BACKFILL)
                yield batch
                feed.remember((self._feeds[place] for place, _ in found), batch)
                for (place, _), sample in zip(found, batch, strict=True):
                    if self._feeds[place].desk in self._listening:
                        self._filled[place] = max(sample.at, self._filled.get(place, sample.at))
        except (RefusedError, TimeoutError) as error:
            log.warning("%s: the gap stays: %s", self._session.link.url, error)

    def _samples(self, found: Sequence[Placed]) -> list[Sample]:
        return feed.notified(self._feeds, found, self._now())[0]

    async def _live(self) -> AsyncGenerator[Batch, None]:
        retry = time.monotonic() + TRY_REFUSED_EVERY
        if self._subscription is not None:
            yield self._refused(self._subscription)
        while True:
            if await self._session.upkeep():
                yield ()  # it lives, however seldom it says so by itself
            due, desk = self._agenda.next() if self._polled else (retry, None)
            patience = max(0.0, min(due, retry, self._session.due) - time.monotonic())
            if self._subscription is not None:
                self._subscription.listen()
                found = await self._counted(self._subscription.arrived(patience))
                if found is not None:
                    async for batch in self._published(self._subscription, found):
                        yield batch
            else:
                await asyncio.sleep(patience)
            now = time.monotonic()
            if desk is not None and now >= due:
                self._agenda.begun(desk, now)
                async for batch in self._poll(desk):
                    yield batch
                self._agenda.ended(desk)
            if now >= retry:
                retry = now + TRY_REFUSED_EVERY
                yield await self._tried_again()

    async def _poll(self, desk: Desk[OpcUaDevice]) -> AsyncGenerator[Batch, None]:
        if desk not in self._known:
            yield ()
        try:
            async with aclosing(self._batches[id(desk)].read()) as reading:
                async for places, items in reading:
                    desk.count(Result.OK)
                    feeds = [self._feeds[place] for place in places]
                    made = feed.samples(feeds, items, desk.clock())
                    yield made
                    if self._keeps:
                        feed.remember(feeds, made)
        except (OSError, DeviceError) as error:
            desk.count(_result(error))
            raise

    async def _published(self, subscription: Subscription, found: Publication) -> AsyncGenerator[Batch, None]:
        for desk in self._listening:
            desk.count(Result.OK)
        recovered, lost = await subscription.lost(found)
        if lost:
            for desk in self._listening:
                desk.event(Event.SEQUENCE_GAP)
        for one in (*recovered, found):
            made, items = feed.notified(self._feeds, one.items, self._now())
            if self._filled:
                made, items = self._unseen(made, items)
            yield made
            if self._keeps:
                feed.remember((self._feeds[place] for place, _ in items), made)
            subscription.taken(one)

    def _unseen(self, made: Sequence[Sample], items: Sequence[Placed]) -> tuple[list[Sample], list[Placed]]:
        """Without what the history already gave."""
        fresh = []
        for sample, placed in zip(made, items, strict=True):
            if sample.at > self._filled.get(placed[0], -math.inf) + history.ROUNDED:
                self._filled.pop(placed[0], None)
                fresh.append((sample, placed))
        return [sample for sample, _ in fresh], [placed for _, placed in fresh]

    async def _tried_again(self) -> list[Sample]:
        """Nodes that the server refused may exist by now; those that still do not.

        Raises:
            DeviceError: a namespace came that was missing, so the session must begin anew; or as ``told`` does.
        """
        if self._unknown:
            names = await self._session.known_namespaces()
            for one in self._unknown:
                if one.point.address.index(names) is not None:
                    raise DeviceError(f"{self._session.link.url} has a new namespace: {one.point.address.namespace}")
        if self._subscription is None or not self._subscription.refused:
            return []
        await self._counted(self._subscription.again())
        return self._refused(self._subscription)

    def _refused(self, subscription: Subscription) -> list[Sample]:
        now = self._now()
        return [self._feeds[place].bad(status, now) for place, status in subscription.refused.items()]

    async def _counted(self, request: Awaitable[T]) -> T:
        """What *request* gives; that it failed is counted for all who listen."""
        try:
            return await request
        except (OSError, DeviceError) as error:
            for desk in self._listening:
                desk.count(_result(error))
            raise


def _result(error: OSError | DeviceError) -> Result:
    if isinstance(error, TimeoutError):
        return Result.TIMEOUT
    if isinstance(error, OSError):
        return Result.CONNECT
    return Result.EXCEPTION if isinstance(error, RefusedError) else Result.DECODE
