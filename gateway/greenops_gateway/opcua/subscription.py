"""A subscription with its monitored items: no notification is dropped, each is acknowledged once taken over."""

from __future__ import annotations

import asyncio
import struct
import time
from collections import deque
from collections.abc import Sequence

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary

from greenops_core.errors import DeviceError
from greenops_gateway.opcua import library
from greenops_gateway.opcua.channel import RefusedError, status_name, told
from greenops_gateway.opcua.codec import Publication
from greenops_gateway.opcua.poll import Place
from greenops_gateway.opcua.session import Session
from greenops_gateway.opcua.status import NO_FILTER

KEEP_ALIVE = 3.0
"""Seconds after which a server with nothing to say says so."""
LIFETIME = 60.0
"""Seconds after which a server forgets a subscription nobody asks for."""
DEPTH = 2
"""Publish requests that wait on the server, so that none is missing while an answer is on its way."""
LARGEST_MESSAGE = 5000
"""Values in one message; more come in the next, at once."""
WRAP = 2**32 - 1
_ACKNOWLEDGEMENT = struct.Struct("<II")


def missing(expected: int, got: int) -> range:
    """The numbers between the message that was *expected* and the one that came, when they are few enough to ask for.

    >>> list(missing(5, 7)), list(missing(5, 5)), list(missing(7, 5))
    ([5, 6], [], [])
    """
    return range(expected, got) if expected < got <= expected + 1000 else range(0)


class Subscription:
    """One subscription of a session. Client handles are the places of the nodes."""

    def __init__(self, session: Session, nodes: Sequence[Place]) -> None:
        self._session, self._nodes = session, nodes
        self._id = 0
        self._silence = 0.0
        self._heard = time.monotonic()
        self._expected = 1
        self._waiting: deque[asyncio.Task[bytes]] = deque()
        self._taken: list[int] = []
        self.depth = DEPTH
        self.refused: dict[int, int] = {}
        """Places whose nodes the server does not monitor, and its status codes."""

    async def create(self) -> None:
        """Create the subscription and its items. Raises what ``told`` does."""
        link = self._session.link
        period = link.publishing * 1000
        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = period
        parameters.RequestedMaxKeepAliveCount = max(1, round(KEEP_ALIVE / link.publishing))
        parameters.RequestedLifetimeCount = max(
            3 * parameters.RequestedMaxKeepAliveCount, round(LIFETIME / link.publishing)
        )
        parameters.MaxNotificationsPerPublish = LARGEST_MESSAGE
        parameters.PublishingEnabled = True
        # Not the library's own call, which would also begin to publish.
        what, kind = "new subscription", ObjectIds.CreateSubscriptionRequest_Encoding_DefaultBinary
        body = await self._session.ask(what, kind, struct_to_binary(parameters))
        with told(what):
            result = library.response(body, ua.CreateSubscriptionResponse).Parameters
        self._id = int(result.SubscriptionId)
        self._silence = 2 * result.RevisedMaxKeepAliveCount * result.RevisedPublishingInterval / 1000 + link.timeout
        await self.monitor(self._nodes)

    async def monitor(self, nodes: Sequence[Place]) -> None:
        """Have *nodes* monitored; ``refused`` tells which are not. Raises what ``told`` does."""
        unfiltered: list[Place] = []
        async for part, statuses in self._session.batches("items", nodes, self._create_items):
            for (place, node), status in zip(part, statuses, strict=True):
                if status in NO_FILTER:
                    unfiltered.append((place, node))
                self._note(place, status)
        async for part, statuses in self._session.batches("items", unfiltered, self._create_plain_items):
            for (place, _), status in zip(part, statuses, strict=True):
                self._note(place, status)
        self._heard = time.monotonic()

    async def again(self) -> None:
        """Try the refused nodes once more; they may exist by now. Raises what ``told`` does."""
        await self.monitor([(place, node) for place, node in self._nodes if place in self.refused])

    def _note(self, place: int, status: int) -> None:
        if status & 0x80000000:
            self.refused[place] = status
        else:
            self.refused.pop(place, None)

    async def _create_items(self, part: Sequence[Place]) -> list[int]:
        # Also a value that did not change proves by a new time stamp that somebody still measures it.
        every = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)
        return await self._create(part, every)

    async def _create_plain_items(self, part: Sequence[Place]) -> list[int]:
        return await self._create(part, None)

    async def _create(self, part: Sequence[Place], every: ua.DataChangeFilter | None) -> list[int]:
        link = self._session.link
        parameters = ua.CreateMonitoredItemsParameters()
        parameters.SubscriptionId = self._id
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ItemsToCreate = [
            ua.MonitoredItemCreateRequest(
                ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value),
                MonitoringMode=ua.MonitoringMode.Reporting,
                RequestedParameters=ua.MonitoringParameters(
                    ClientHandle=place,
                    SamplingInterval=0.0 if link.sampling is None else link.sampling * 1000,
                    Filter=every,
                    QueueSize=link.queue,
                    DiscardOldest=True,
                ),
            )
            for place, node in part
        ]
        what = f"monitoring of {len(part)} nodes"
        with told(what):
            async with asyncio.timeout(link.timeout):
                results = await self._session.caller.uaclient.session.create_monitored_items(parameters)
        if len(results) != len(part):
            raise DeviceError(f"{what}: {len(results)} answers")
        return [int(result.StatusCode.value) for result in results]

    def listen(self) -> None:
        """Have as many publish requests on the server as should be, with what was taken over acknowledged."""
        while len(self._waiting) < self.depth:
            taken, self._taken = self._taken, []
            body = struct.pack("<i", len(taken)) + b"".join(_ACKNOWLEDGEMENT.pack(self._id, number) for number in taken)
            asking = self._session.caller.wire.ask(ObjectIds.PublishRequest_Encoding_DefaultBinary, body, None)
            self._waiting.append(asyncio.create_task(asking))

    async def arrived(self, patience: float) -> Publication | None:
        """The next publication; None when none came within *patience* seconds.

        Raises:
            TimeoutError: nothing came for far longer than a server may be silent.
            DeviceError: the server ended the subscription, or its message makes no sense.
            OSError: the connection ended.
        """
        if not self._waiting:
            self.listen()
        first = self._waiting[0]
        quiet = self._heard + self._silence - time.monotonic()
        await asyncio.wait([first], timeout=max(0.0, min(patience, quiet)))
        if not first.done():
            if time.monotonic() - self._heard >= self._silence:
                raise TimeoutError(f"the subscription is silent for {self._silence:g} s")
            return None
        self._waiting.popleft()
        self._heard = time.monotonic()
        try:
            with told("subscription"):
                found = library.publication(first.result())
        except RefusedError as error:
            if error.code == StatusCodes.BadTooManyPublishRequests and self.depth > 1:
                self.depth -= 1
                return None
            raise
        if found.subscription != self._id:
            raise DeviceError(f"a message of subscription {found.subscription}, which is not ours")
        if found.status:
            raise DeviceError(f"the server ended the subscription: {status_name(found.status)}")
        return found

    async def lost(self, found: Publication) -> tuple[list[Publication], bool]:
        """What is missing before *found*, as far as the server still has it; and whether something is lost for good."""
        expected = self._expected
        gap = missing(expected, found.sequence)
        self._expected = found.sequence if found.alive else found.sequence % WRAP + 1
        recovered, lost = [], not gap and found.sequence > expected
        for number in gap:
            message = await self._republished(number)
            lost = lost or message is None
            if message is not None:
                items, status = library.notified(message.NotificationData or ())
                recovered.append(Publication(self._id, (), more=False, sequence=number, items=items, status=status))
        return recovered, lost

    async def _republished(self, number: int) -> ua.NotificationMessage | None:
        try:
            with told(f"republish of message {number}"):
                async with asyncio.timeout(self._session.link.timeout):
                    message = await self._session.caller.uaclient.session.republish(self._id, number)
        except RefusedError:
            return None
        return message if message.SequenceNumber == number else None

    def taken(self, found: Publication) -> None:
        """*found* was taken over; the server may forget it."""
        if not found.alive:
            self._taken.append(found.sequence)

    async def close(self) -> None:
        """Wait for nothing more."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        self._waiting.clear()
