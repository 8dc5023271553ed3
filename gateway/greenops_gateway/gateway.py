"""The running gateway: one supervised task per link, a tick for what time alone changes, and the doors out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from greenops_core.address import Address
from greenops_core.catalogue import CONFIGURATION_LOADED
from greenops_core.errors import ConfigError
from greenops_core.sample import Sample
from greenops_gateway.acquisition import Acquisition, Intake, Reception
from greenops_gateway.clock import ClockWatch
from greenops_gateway.configuration import Gateway, Way, changed
from greenops_gateway.derivation import Derivations
from greenops_gateway.derived import SHORTEST_POLL
from greenops_gateway.journal.keeping import Keeping
from greenops_gateway.limit import LimitWatches
from greenops_gateway.point import patience
from greenops_gateway.reload import Reloads
from greenops_gateway.supervise import GOODBYE, supervise
from greenops_telemetry.answer import Program
from greenops_telemetry.audit_chain import GATEWAY
from greenops_telemetry.live import Live
from greenops_telemetry.otlp import pushing
from greenops_telemetry.server import Routes, serve

if TYPE_CHECKING:
    from greenops_gateway.emissions.run import Hours
    from greenops_gateway.journal.running import Journal

log = logging.getLogger(__name__)

NAME = "greenops-gateway"
PORT_VARIABLE = "GREENOPS_GATEWAY_PORT"
TICK = SHORTEST_POLL
LONGEST_GOODBYE = GOODBYE + 1.0
"""Seconds; a link ends its own goodbye before that."""


@dataclass(slots=True)
class Running:
    """A link at work."""

    way: Way
    acquisitions: dict[str, Acquisition]
    task: asyncio.Task[None]


class Gate:
    """The links, derived points and limits of a configuration at work; another one may take its place."""

    def __init__(
        self,
        live: Live,
        group: asyncio.TaskGroup,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        journal: Journal | None = None,
        hours: Hours | None = None,
    ) -> None:
        self.config: Gateway | None = None
        self.clock = clock
        self._live, self._group, self._journal, self._hours = live, group, journal, hours
        self._keeping = Keeping() if journal is None else journal.keeping
        self._watch = ClockWatch(clock, monotonic)
        self._running: dict[str, Running] = {}
        self._derivations = Derivations(live, self._keeping)
        self._limits = LimitWatches(live)
        if hours is not None:
            hours.limits = self._limits

    @property
    def acquisitions(self) -> list[Acquisition]:
        return [each for running in self._running.values() for each in running.acquisitions.values()]

    def intakes(self) -> list[Intake]:
        """Every point, derived ones last."""
        return [
            *(intake for each in self.acquisitions for intake in each.intakes.values()),
            *self._derivations.intakes(),
        ]

    async def take(self, config: Gateway, who: str = GATEWAY) -> list[str]:
        """Work by *config* from now on, for *who* said so; what it leaves as it was is not touched. What changed.

        Raises:
            ConfigError: it cannot be taken over without a restart; nothing changed.
        """
        if self.config is not None:
            for key in ("site", "listen", "otlp", "journal"):
                if getattr(self.config, key) != getattr(config, key):
                    raise ConfigError("cannot be changed while the gateway runs; restart it", (key,))
            if (self.config.emissions is None) != (config.emissions is None):
                raise ConfigError("cannot begin or end while the gateway runs; restart it", ("emissions",))
        sinks = [] if self._journal is None else await self._journal.take(config, who)
        # A name may go from one to the other: what ends goes first, for what begins may have the same series.
        computed = [*self._derivations.leave(config), *self._limits.leave(config.limits)]
        hours = [] if self._hours is None else self._hours.take(config)
        told = [*await self._swap(config), *computed, *sinks, *hours]
        now = self.clock()
        self._derivations.take(config, now)
        self._limits.take(config.limits, config.site, now)
        intakes = self._intakes()
        self._derivations.feed(intakes)
        for (device, point), intake in intakes.items():
            intake.watches = self._limits.of(device, point)
        first, self.config = self.config is None, config
        self._live.put(Sample(CONFIGURATION_LOADED, (config.site,), now, now))
        return [] if first else told

    async def close(self) -> None:
        """Let every link go."""
        running, self._running = self._running, {}
        await _stop(running.values())

    def tick(self) -> None:
        """What changes by time alone."""
        now = self.clock()
        trusted = self.trusted(now)
        if self._journal is not None:
            self._journal.trusted = trusted
        for acquisition in self.acquisitions:
            acquisition.tick()
        self._derivations.tick(now, trusted=trusted)
        self._limits.evaluate(now)
        if self._hours is not None:
            self._hours.tick(now)

    def trusted(self, now: float) -> bool:
        """Whether the clock is; that it was set has its consequences before anything else is timed by it."""
        trusted = self._watch.trusted(now)
        if stepped := self._watch.stepped():
            log.warning("the clock was set by %+.1f s; samples are uncertain for a minute", stepped)
            for acquisition in self.acquisitions:
                acquisition.stepped(stepped)
            self._derivations.stepped(stepped)
            self._limits.stepped(now)
            self._derivations.feed(self._intakes())
        return trusted

    async def _swap(self, config: Gateway) -> list[str]:
        """End what is not as *config* says, and begin what is not there yet; a device that stays keeps its state."""
        told: list[str] = []
        wanted = {way.name: way for way in config.ways}
        ending = {name: running for name, running in self._running.items() if wanted.get(name) != running.way}
        for name, running in ending.items():
            told += changed(running.way, wanted[name]) if name in wanted else [f"link {name}: removed"]
            del self._running[name]
        await _stop(ending.values())
        for name, running in ending.items():
            for acquisition in running.acquisitions.values():
                if name not in wanted or acquisition.device not in wanted[name].devices:
                    acquisition.forget()
        for name, way in wanted.items():
            if name not in self._running:
                told += [] if name in ending else [f"link {name}: added"]
                self._start(config, way, ending[name].acquisitions if name in ending else {})
        return told

    def _start(self, config: Gateway, way: Way, known: dict[str, Acquisition]) -> None:
        acquisitions = {
            device.name: known[device.name]
            if device.name in known and known[device.name].device == device
            else Acquisition(config.site, way.protocol.name, device, self._live, self.clock, keeping=self._keeping)
            for device in way.devices
        }
        reception = Reception(
            acquisitions.values(),
            self.clock,
            self.trusted,
            self._keeping,
            acknowledges=way.protocol.acknowledges,
        )
        connect = partial(way.protocol.connect, way.link, [each.desk for each in acquisitions.values()])
        task = self._group.create_task(
            supervise(way.name, connect, reception, patience(way.link, way.devices)), name=way.name
        )
        self._running[way.name] = Running(way, acquisitions, task)

    def _intakes(self) -> dict[tuple[str, str], Intake]:
        return {(intake.series.labels[2], intake.series.labels[3]): intake for intake in self.intakes()}


async def _stop(links: Iterable[Running]) -> None:
    """End the tasks of *links*, all at the same time; one that will not is told, and left behind."""
    tasks = [running.task for running in links]
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=LONGEST_GOODBYE)
    for task in late:
        log.warning("%s: did not close within %g s; going on without waiting", task.get_name(), LONGEST_GOODBYE)
        task.cancel()  # ends the goodbye itself


@asynccontextmanager
async def acquiring(
    config: Gateway,
    live: Live,
    clock: Callable[[], float] = time.time,
    journal: Journal | None = None,
    hours: Hours | None = None,
) -> AsyncIterator[Gate]:
    """Every device of *config* feeds *live*, by way of *journal* where there is one, while the context lasts."""
    async with asyncio.TaskGroup() as group:
        gate = Gate(live, group, clock, journal=journal, hours=hours)
        await gate.take(config)
        ticking = group.create_task(_ticking(gate), name="tick")
        try:
            yield gate
        finally:
            ticking.cancel()
            await gate.close()


@asynccontextmanager
async def running(
    config: Gateway, listen: Address, read: Callable[[], Gateway] | None = None
) -> AsyncIterator[Callable[[], object]]:
    """The whole gateway while the context lasts; what it gives reloads it, with what *read* gives.

    Raises:
        ConfigError: the address cannot be listened on, or OTLP is configured and not installed.
    """
    live = Live()
    reloads = Reloads(config.site, live, read or (lambda: config))

    def program() -> Program:
        untried = [each.device.name for each in reloads.acquisitions if not each.tried]
        lacks = (
            f"not tried yet: {', '.join(untried)}" if untried else "" if reloads.acquisitions else "no device at work"
        )
        return Program(NAME, version("greenops"), lacks)

    async with (
        serve(live, program, listen, PORT_VARIABLE, {"/-/reload": {"POST": reloads.page}, **_pages(config)}),
        pushing(config.otlp, live, program()),
        _journal(config, live, program()) as journal,
        _hours(config, live, journal, program()) as hours,
        _submissions(config, live),
        acquiring(config, live, journal=journal, hours=hours) as gate,
        reloads.of(gate),
    ):
        yield reloads.ask


def _pages(config: Gateway) -> Routes:
    """The pages about the journal, where there is one."""
    if config.journal is None:
        return {}
    from greenops_gateway.journal.trace_command import PAGE, Page  # noqa: PLC0415  # as below

    directory = Path(config.journal.directory)
    ledger = None if config.emissions is None else config.emissions.place(directory)
    return {PAGE: {"GET": Page(directory, ledger).respond}}


@asynccontextmanager
async def _journal(config: Gateway, live: Live, program: Program) -> AsyncIterator[Journal | None]:
    if config.journal is None:
        log.info("no journal is kept: what a receiver does not fetch in time is gone; see journal in gateway.yml")
        yield None
        return
    from greenops_gateway.journal.running import journalling  # noqa: PLC0415  # it costs memory, where it is wanted

    async with journalling(config.journal, config.site, live, program) as journal:
        yield journal


@asynccontextmanager
async def _hours(config: Gateway, live: Live, journal: Journal | None, program: Program) -> AsyncIterator[Hours | None]:
    if config.emissions is None or journal is None:
        yield None
        return
    from greenops_gateway.emissions.run import Hours, closing_hours  # noqa: PLC0415  # as above

    hours = Hours(journal.store, live, version=program.version, clock=time.time, trusted=lambda: journal.trusted)
    async with closing_hours(hours):
        yield hours


@asynccontextmanager
async def _submissions(config: Gateway, live: Live) -> AsyncIterator[None]:
    if config.journal is None:
        yield
        return
    from greenops_gateway.regulatory.submission_metrics import SubmissionMetrics  # noqa: PLC0415  # as above

    metrics = SubmissionMetrics(Path(config.journal.directory), live, config.site)
    telling = asyncio.create_task(metrics.tell(), name="submissions")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _ticking(gate: Gate) -> None:
    while True:
        gate.tick()
        await asyncio.sleep(TICK - gate.clock() % TICK)  # at the full second, so that none is skipped
