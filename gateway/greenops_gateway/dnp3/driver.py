"""A DNP3 outstation over TCP or TLS: which request is due, and what its answers mean for the device. Read-only.

Beside reads it sends what the protocol asks of every master: confirmations, clear restart (function 2 on g80v1), and
which classes may come unsolicited (functions 20 and 21). It sets no clock and operates nothing.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from enum import Enum

from greenops_core.errors import DeviceError
from greenops_gateway.dnp3.configuration import Dnp3Device, Dnp3Link, Read, requests
from greenops_gateway.dnp3.flags import Indications
from greenops_gateway.dnp3.master import Fragment, Lost, Master, Task, opened
from greenops_gateway.dnp3.measurement import Reader
from greenops_gateway.plugin import Batch, Desk, Event, Plugin, Result, telling
from greenops_gateway.schedule import Agenda

log = logging.getLogger(__name__)

KEEPS_RESTART = "keeps its restart indication"
"""Since when, on the monotonic clock."""
IGNORING = 86400.0
"""Seconds for which that is taken as given; else a device that was mended is never seen to restart."""
REFUSED = "has said that it does not know all requests"
MOST_CLEARS = 3
"""Refusals to clear the restart indication, after which it is ignored; else the stack asks again and again for ever."""
OVERFLOW_PAUSE = 10.0
"""Seconds between two integrity polls that a device asks for by its indications."""
GRACE = 1.0
"""Seconds after the stack's own deadline, which should have spoken first."""

RESULTS: Mapping[str, Result] = {
    "SUCCESS": Result.OK,
    "FAILURE_RESPONSE_TIMEOUT": Result.TIMEOUT,
    "FAILURE_START_TIMEOUT": Result.TIMEOUT,
    "FAILURE_NO_COMMS": Result.CONNECT,
}
FOLLOWS: Mapping[str, str] = {
    "CLEAR_RESTART": "its restart indication may stay",
    "DISABLE_UNSOLICITED": "it may have no unsolicited events",
    "ENABLE_UNSOLICITED": "its events come by polling only",
}
"""What it means when an outstation does not know a request. Of any other, that is a read: points are missing."""
TOO_LONG = "FAILURE_MESSAGE_FORMAT_ERROR"
"""The stack could not write the request."""
READS = ("USER_TASK", "STARTUP_INTEGRITY_POLL")
"""What an outstation must not refuse; it need not send events on its own, or let its restart be cleared."""


@asynccontextmanager
async def connect(link: Dnp3Link, desks: Sequence[Desk[Dnp3Device]]) -> AsyncIterator[AsyncIterator[Batch]]:
    """A connected outstation's stream: a batch for each fragment that came, one after each request that ended."""
    (desk,) = desks
    async with AsyncExitStack() as stack:
        try:
            ignore = time.monotonic() - desk.kept.get(KEEPS_RESTART, -math.inf) < IGNORING
            association = opened(link, desk.device.address, desk.clock, ignore_restart=ignore, told=telling(desks))
            master = await stack.enter_async_context(association)
        except DeviceError:
            desk.count(Result.CONNECT)
            raise
        yield await stack.enter_async_context(aclosing(Session(master, link, desk).batches()))


PLUGIN = Plugin("dnp3", Dnp3Link, Dnp3Device, connect)


class Asked(Enum):
    """Which request is on its way."""

    EVENTS = "events"
    PRESENT = "present values"
    QUIET = "no unsolicited events"


class Session:
    """What to ask an outstation next. Times are of the monotonic clock, but for those of samples."""

    def __init__(self, master: Master, link: Dnp3Link, desk: Desk[Dnp3Device]) -> None:
        self._master, self._link, self._desk, self._device = master, link, desk, desk.device
        self._patience = float(link.timeout) + GRACE
        self._agenda = Agenda([desk], time.monotonic())
        self._reader = Reader(desk.device, desk.series)
        self._ready = False
        """The stack has greeted the outstation, whose answers so far were to its own requests."""
        self._asked: Asked | None = None
        self._heard = time.monotonic()
        """When something came or was asked for last."""
        self._must_quiet = False
        self._rest: list[tuple[Read, ...]] = []
        """Requests that follow the one on its way."""
        self._indications = Indications()
        self._refusals = 0
        self._integrity_at = self._refresh_at = self._pause_until = 0.0
        self._overflow_at = math.inf
        """When to read everything because events were lost, without waiting for the next poll."""

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """What comes, for ever.

        Raises:
            DeviceError: the connection ended, or the outstation answers what is none.
            TimeoutError: it does not answer.
        """
        while True:
            item = await self._master.next(self._until() - time.monotonic())
            match item:
                case Fragment():
                    yield tuple(self._reader.samples(item.blocks, item.at, item.indications))
                    item.taken.set()
                case Task():
                    yield self._ended(item)
                case Indications():
                    self._told(item)
                case Lost():
                    raise DeviceError(item.why)
                case None if self._is_waiting:
                    raise TimeoutError(self._silence())
                case None if time.monotonic() >= self._due():
                    self._ask(time.monotonic())
                case None if time.monotonic() >= self._gone():
                    raise TimeoutError(
                        f"outstation {self._device.address} sends nothing and answers no link status request "
                        f"(keep_alive {self._link.keep_alive}); if it never does, make keep_alive longer than poll"
                    )
                case None:
                    continue  # it was heard in the meantime
            self._heard = time.monotonic()  # after the batch was taken over, which may take its time

    @property
    def _is_waiting(self) -> bool:
        """For an answer."""
        return not self._ready or self._asked is not None

    def _until(self) -> float:
        """When it is too late for an answer or, when none is waited for, when something is due."""
        return self._heard + self._patience if self._is_waiting else min(self._due(), self._gone())

    def _due(self) -> float:
        """When the next request is due."""
        return self._heard if self._must_quiet else min(self._agenda.next()[0], self._overflow_at)

    def _gone(self) -> float:
        """When the silence has lasted too long: the stack asks for the link's status after *keep_alive*."""
        return max(self._heard, self._master.relay.heard_at) + self._link.keep_alive + self._patience

    def _ask(self, now: float) -> None:
        if self._must_quiet:
            self._must_quiet, self._asked = False, Asked.QUIET
            self._master.stop_unsolicited()
            return
        self._agenda.begun(self._desk, now)
        integrity = now >= min(self._overflow_at, max(self._integrity_at, self._pause_until))
        present = integrity or self._device.refresh is None or now >= self._refresh_at
        reads = self._device.changes((1, 2, 3) if integrity else self._device.classes)
        if integrity:
            self._integrity_at, self._pause_until = now + self._device.integrity, now + OVERFLOW_PAUSE
            self._overflow_at = math.inf
        if present:
            self._refresh_at = now + self._device.refreshing() - self._device.poll / 2
            self._reader.begin()
            reads += self._device.present()
        self._rest = list(requests(reads))
        if self._rest:
            self._asked = Asked.PRESENT if present else Asked.EVENTS
            self._master.read(self._rest.pop(0))
        else:
            self._agenda.ended(self._desk)

    def _ended(self, task: Task) -> Batch:
        result = RESULTS.get(task.result, Result.EXCEPTION)
        self._desk.count(result)
        if result in {Result.TIMEOUT, Result.CONNECT}:
            raise TimeoutError(self._silence())
        if task.result == TOO_LONG:
            raise DeviceError(f"a request to outstation {self._device.address} is longer than a fragment may be")
        if result is Result.EXCEPTION and self._asked is not Asked.QUIET and task.kind in READS:
            said = ", ".join(task.indications.words()) or task.result.removeprefix("FAILURE_").lower()
            raise DeviceError(f"outstation {self._device.address} refuses a request ({task.kind.lower()}): {said}")
        if task.indications.refused:
            self._refused(task)
        if task.kind == "CLEAR_RESTART":
            self._cleared(result)
        elif task.kind == "ENABLE_UNSOLICITED":
            self._must_quiet = not self._device.unsolicited and result is Result.OK
        elif task.kind == "STARTUP_INTEGRITY_POLL":
            self._ready, self._integrity_at, self._refresh_at = True, 0.0, 0.0
        if task.kind != "USER_TASK":
            return ()
        if self._rest:
            self._master.read(self._rest.pop(0))
            return ()
        asked, self._asked = self._asked, None
        return () if asked is Asked.QUIET else self._polled(present=asked is Asked.PRESENT)

    def _polled(self, *, present: bool) -> Batch:
        """A poll is over."""
        self._agenda.ended(self._desk)
        return tuple(self._reader.missing(self._desk.clock())) if present else ()

    def _cleared(self, result: Result) -> None:
        self._refusals = 0 if result is Result.OK else self._refusals + 1
        if self._refusals >= MOST_CLEARS:
            self._desk.kept[KEEPS_RESTART] = time.monotonic()
            raise DeviceError(
                f"outstation {self._device.address} keeps its restart indication (IIN1.7) though it was told to clear "
                f"it; it is ignored from now on"
            )

    def _refused(self, task: Task) -> None:
        """Say it once, and what follows from it."""
        words = ", ".join(Indications(0, task.indications.second & 0x07).words())
        told = self._desk.kept.setdefault(REFUSED, set())
        if (task.kind, words) not in told:
            told.add((task.kind, words))
            kind = "DISABLE_UNSOLICITED" if self._asked is Asked.QUIET else task.kind
            follows = FOLLOWS.get(kind, "points that it does not have are bad; look for their indexes by scan")
            log.warning("%s: answers '%s' to a request (%s); %s", self._device.name, words, kind.lower(), follows)

    def _told(self, new: Indications) -> None:
        old, self._indications = self._indications, new
        if not new.restart:
            self._desk.kept.pop(KEEPS_RESTART, None)
        if new.restart and not old.restart:
            self._desk.event(Event.RESTART)
        if new.overflow and not old.overflow:
            self._desk.event(Event.OVERFLOW)
            self._overflow_at = self._pause_until

    def _silence(self) -> str:
        what = "its requests" if self._asked is None else f"a request for {self._asked.value}"
        known = "" if self._ready else f"; is its address {self._device.address} right, and this master's?"
        return f"outstation {self._device.address} did not answer {what}{known}"
