"""Closing hours beside a running gateway: in a thread, so that nothing waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from threading import Event
from typing import NamedTuple, Protocol

from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour, civil, written
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.configuration import Gateway
from greenops_gateway.emissions.calibrations import Calibrations
from greenops_gateway.emissions.correct import correction
from greenops_gateway.emissions.entry import Entry
from greenops_gateway.emissions.follow import Follower, Stack
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.metrics import Shown
from greenops_gateway.emissions.section import Emissions, sources
from greenops_gateway.point import Owner
from greenops_telemetry.audit import GATEWAY, Audit, Kind
from greenops_telemetry.journal.store import Store
from greenops_telemetry.live import Live

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks at what came."""
LONGEST_GOODBYE = 10.0
LAST_OF_DAY = 23


class Limits(Protocol):
    """Limits that are judged by closed hours."""

    def history(self, stack: str) -> int:
        """How many hours back they need."""
        ...

    def closed(self, stack: str, hours: Sequence[ClosedHour], now: Hour, at: float) -> object:
        """Judge by *hours*, all that are closed before *now*; *at* is the Unix time."""
        ...


class Told(NamedTuple):
    """News of a stack: what was closed, and if limits are to be judged, the hours before *now* that they need."""

    stack: str
    entries: list[Entry]
    history: tuple[Sequence[ClosedHour], Hour] | None = None


Tell = Callable[[Told], None]


class Hours:
    """The stacks of a configuration at work; another one may take its place."""

    def __init__(
        self, store: Store, live: Live, *, version: str, clock: Callable[[], float], trusted: Callable[[], bool]
    ) -> None:
        """*trusted* is whether the clock can be believed: no hour is closed by one that cannot."""
        self.limits: Limits | None = None
        self._store, self._journal, self._live = store, store.directory, live
        self._version, self._clock, self._trusted = version, clock, trusted
        self._wanted: Mapping[str, Stack] = {}
        self._section: Emissions | None = None
        self._shown: dict[str, Shown] = {}
        self._followers: dict[str, Follower] = {}
        self._terms: tuple[float, str | None] | None = None
        self._complaints: dict[str, str] = {}
        self._judged: dict[str, int] = {}
        self._taken = 0
        self._stop, self._ended = Event(), asyncio.Event()

    def take(self, config: Gateway) -> list[str]:
        """Close the hours of *config* from now on. What changed, in words."""
        section = config.emissions
        owners: Iterable[Owner] = (*config.devices, *config.derived)
        devices = {owner.name: owner for owner in owners}
        wanted = {plan.stack: Stack(plan, sources(plan, devices)) for plan in section.stacks} if section else {}
        told = [f"hours of {name}: {how}" for name, how in _differences(self._wanted, wanted)]
        now = self._clock()
        for name in [name for name in self._shown if self._wanted.get(name) != wanted.get(name)]:
            self._shown.pop(name).forget()
        for name, stack in wanted.items():
            if name not in self._shown:
                self._shown[name] = Shown(config.site, stack, self._live, now)
        self._section, self._wanted = section, wanted
        self._taken += 1  # limits may be others now
        return told

    def tick(self, now: float) -> None:
        """Show how late closing is; here, so that it is shown when closing has stopped."""
        for name, follower in tuple(self._followers.items()):
            if name in self._shown and self._section is not None and follower.next is not None:
                zone = follower.stack.plan.standard_time
                due = zone.begins(Hour(follower.next + 1)) + self._section.grace
                self._shown[name].lag(max(0.0, now - due), now)

    async def run(self) -> None:
        """Close hours, for ever."""
        loop = asyncio.get_running_loop()

        def tell(news: Told) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._tell, news)

        while not self._stop.is_set():
            if self._trusted():
                needed = {name: self.limits.history(name) if self.limits else 0 for name in self._wanted}
                await asyncio.to_thread(self._pass, tell, needed)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), EVERY)

    def stop(self) -> None:
        """Begin no further hour."""
        self._stop.set()
        self._ended.set()

    def close(self) -> None:
        """Give the files back, once nothing runs."""
        for follower in self._followers.values():
            follower.close()

    def _pass(self, tell: Tell, needed: Mapping[str, int]) -> None:
        """Bring every stack up to now; in a thread. What cannot be done is tried again at each pass, and told once."""
        section, wanted = self._section, self._wanted
        before, self._terms = self._terms, None if section is None else (section.grace, section.directory)
        for name in [name for name, each in self._followers.items() if each.stack != wanted.get(name)]:
            self._followers.pop(name).close()
        while self._followers and before != self._terms:
            self._followers.popitem()[1].close()
        for name, stack in wanted.items():
            if section is None or self._stop.is_set():
                return
            try:
                if name not in self._followers:
                    self._followers[name] = self._begin(section, stack, tell)
                self._advance(self._followers[name], tell, needed.get(name, 0))
                self._complaints.pop(name, None)
            except (ConfigError, OSError, ArithmeticError, ValueError) as error:
                if self._complaints.get(name) != str(error):
                    self._complaints[name] = str(error)
                    log.error("%s: hours cannot be closed: %s", name, error)  # noqa: TRY400  # the disk's fault, or a number's

    def _begin(self, section: Emissions, stack: Stack, tell: Tell) -> Follower:
        """Raises ConfigError or OSError: the ledger cannot be used."""
        ledger = Ledger.open(section.place(self._journal), stack.plan.stack)
        tests = Calibrations(self._journal / "audit", ledger, stack.plan.standard_time).of
        follower = Follower(stack, ledger, self._store, grace=section.grace, version=self._version, tests=tests)
        if (last := ledger.last) is not None:
            tell(Told(stack.plan.stack, [last._replace(revision=1)]))
        return follower

    def _advance(self, follower: Follower, tell: Tell, needed: int) -> None:
        """Close what is due. Raises ConfigError or OSError."""
        name, taken = follower.stack.plan.stack, self._taken
        for entries in follower.advance(self._clock(), self._stop.is_set):
            tell(Told(name, entries))
            self._judged.pop(name, None)
            self._record(follower, entries)
        if needed and self._judged.get(name) != taken and follower.next is not None:
            hours = range(follower.next - needed, follower.next)
            tell(Told(name, [], ([each.closed for each in follower.ledger.hours(hours)], follower.next)))
            self._judged[name] = taken

    def _tell(self, news: Told) -> None:
        now = self._clock()
        if news.stack not in self._shown:
            return
        for entry in news.entries:
            self._shown[news.stack].take(entry, now)
        if news.history is not None and self.limits is not None:
            self.limits.closed(news.stack, *news.history, now)

    def _record(self, follower: Follower, entries: list[Entry]) -> None:
        """Revisions into the audit log, and once a day what the ledger's last line is."""
        what: list[tuple[Kind, Mapping[str, object]]] = []
        for entry in entries:
            hour = entry.closed.hour
            if entry.revision > 1:
                log.warning("%s %s: revision %d: %s", entry.stack, written(hour), entry.revision, entry.reason)
                before = follower.ledger.revisions(hour)[-2]
                what.append((Kind.CORRECTION, correction(before, entry, follower.stack)))
            elif civil(hour)[1] == LAST_OF_DAY:
                path, number, hash_ = follower.ledger.end(hour)
                end = {"file": path.name, "number": number, "hash": hash_}
                what.append((Kind.ACTION, {"action": "ledger of hours", "stack": entry.stack, **end}))
        try:
            for kind, each in what:
                Audit.open(self._journal / "audit", self._clock).append(kind, GATEWAY, each)
        except (ConfigError, OSError) as error:
            log.error("the audit log lacks a record of %s: %s", follower.stack.plan.stack, error)  # noqa: TRY400  # the disk's fault


@asynccontextmanager
async def closing_hours(hours: Hours) -> AsyncIterator[Hours]:
    """*hours* at work while the context lasts; one that is being closed at its end is closed first."""
    task = asyncio.create_task(hours.run(), name="hours")
    task.add_done_callback(_told)
    try:
        yield hours
    finally:
        hours.stop()
        if (await asyncio.wait([task], timeout=LONGEST_GOODBYE))[0]:
            hours.close()
        else:
            log.warning("hours: the disk did not answer within %g s; going on without waiting", LONGEST_GOODBYE)
            task.cancel()


def _told(task: asyncio.Task[None]) -> None:
    """A mistake of ours must not end the acquisition; the lag tells it to people, and this line to us."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("no hour is closed any more until the gateway is restarted", exc_info=error)


def _differences(old: Mapping[str, Stack], new: Mapping[str, Stack]) -> list[tuple[str, str]]:
    return [
        *((name, "no longer closed") for name in old if name not in new),
        *((name, "closed from now on") for name in new if name not in old),
        *((name, "changed") for name in new if name in old and old[name] != new[name]),
    ]
