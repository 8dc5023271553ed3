"""The running gateway: one supervised task per device, a tick for what time alone changes, and the doors out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from greenops_core.address import Address
from greenops_gateway.acquisition import Acquisition
from greenops_gateway.configuration import Gateway
from greenops_gateway.limit import LimitWatch
from greenops_gateway.plugin import Link
from greenops_gateway.supervise import supervise
from greenops_telemetry.answer import Program
from greenops_telemetry.live import Live
from greenops_telemetry.otlp import pushing
from greenops_telemetry.server import serve

NAME = "greenops-gateway"
PORT_VARIABLE = "GREENOPS_GATEWAY_PORT"
TICK = 1.0


@asynccontextmanager
async def acquiring(
    config: Gateway, live: Live, clock: Callable[[], float] = time.time
) -> AsyncIterator[tuple[Acquisition, ...]]:
    """Every device of *config* feeds *live* while the context lasts."""
    watches = [(limit, LimitWatch(limit, config.site, live, clock())) for limit in config.limits]
    acquisitions: list[Acquisition] = []
    tasks: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as group:
        for protocol, device in config.devices:
            by_point: dict[str, list[LimitWatch]] = {}
            for limit, watch in watches:
                if limit.device == device.name:
                    by_point.setdefault(limit.point, []).append(watch)
            acquisition = Acquisition(config.site, device, by_point, live, clock)
            acquisitions.append(acquisition)
            connect = partial(protocol.connect, device, Link(config.site, acquisition.count, clock))
            tasks.append(
                group.create_task(
                    supervise(device.name, connect, acquisition, device.patience()), name=f"device {device.name}"
                )
            )
        tasks.append(group.create_task(_ticking(acquisitions, [watch for _, watch in watches], clock), name="tick"))
        try:
            yield tuple(acquisitions)
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def running(config: Gateway, listen: Address) -> AsyncIterator[Live]:
    """The whole gateway while the context lasts; what it gives is its live picture.

    Raises:
        ConfigError: the address cannot be listened on, or OTLP is configured and not installed.
    """
    live = Live()
    devices: list[Acquisition] = []

    def program() -> Program:
        untried = [acquisition.device.name for acquisition in devices if not acquisition.tried]
        return Program(NAME, version("greenops"), f"not tried yet: {', '.join(untried)}" if untried else "")

    async with (
        serve(live, program, listen, PORT_VARIABLE),
        pushing(config.otlp, live, program()),
        acquiring(config, live) as acquisitions,
    ):
        devices += acquisitions
        yield live


async def _ticking(acquisitions: list[Acquisition], watches: list[LimitWatch], clock: Callable[[], float]) -> None:
    while True:
        for acquisition in acquisitions:
            acquisition.tick()
        for watch in watches:
            watch.evaluate(clock())
        await asyncio.sleep(TICK)
