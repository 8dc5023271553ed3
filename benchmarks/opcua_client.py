"""OPC UA clients under measurement: opcua_client.py greenops|asyncua URL read|subscribe COUNT SECONDS EVERY.

It prints the values that came, the processor seconds that they took, the seconds that passed, and resident bytes.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable

from benchmarks.process import cpu_seconds, rss_mb

from greenops_core.duration import Duration
from greenops_gateway.plugin import Desk
from greenops_gateway.point import series

WARMING = 2.0


class Count:
    """How many values came, and when to look at the clock."""

    def __init__(self) -> None:
        self.values = 0

    async def reached(self, values: int) -> None:
        """Returns once so many came."""
        while self.values < values:  # noqa: ASYNC110  # an event would cost the one that is measured
            await asyncio.sleep(0.1)

    async def measured(self, work: Callable[[], Awaitable[object]]) -> str:
        """What came while *work* lasted."""
        before, began, had = cpu_seconds(os.getpid()), time.monotonic(), self.values
        await work()
        took, cpu = time.monotonic() - began, cpu_seconds(os.getpid()) - before
        return f"{self.values - had} {cpu} {took} {rss_mb(os.getpid()) * 1e6:.0f}"


async def greenops(url: str, mode: str, count: int, seconds: float, every: float) -> str:
    """Our driver, up to the samples that it gives."""
    from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink, OpcUaPoint  # noqa: PLC0415  # not both
    from greenops_gateway.opcua.driver import connect  # noqa: PLC0415  # same

    points = tuple(OpcUaPoint(name=f"v{each}", unit="mg/m3", node=f"ns=1;s=v{each}") for each in range(count))
    device = OpcUaDevice(name="d", link="l", stack="s", points=points, poll=Duration(every))
    device.check()
    link = OpcUaLink(protocol="opcua", url=url, mode="poll" if mode == "read" else "subscribe", history=False)
    all_series = tuple(series("plant", device, point) for point in points)
    desk = Desk(device, all_series, lambda _: None, lambda _: None, lambda _: None, lambda *_: None)
    counted = Count()

    async def take() -> None:
        async with connect(link, [desk]) as batches:
            async for batch in batches:
                counted.values += sum(math.isfinite(sample.value) for sample in batch)

    async with asyncio.TaskGroup() as group:
        taking = group.create_task(take())
        await counted.reached(2 * count)
        await asyncio.sleep(WARMING)
        found = await counted.measured(lambda: asyncio.sleep(seconds))
        taking.cancel()
    return found


async def asyncua(url: str, mode: str, count: int, seconds: float, every: float) -> str:
    """The library's own client as its manual uses it, but for the sampling interval, which would lose updates."""
    from asyncua import ua  # noqa: PLC0415  # not both
    from asyncua.client.client import Client  # noqa: PLC0415  # same

    counted = Count()

    class Handler:
        def datachange_notification(self, node: object, val: float, data: object) -> None:  # noqa: ARG002  # its names
            counted.values += math.isfinite(val)

    async with Client(url, timeout=60) as client:
        nodes = [client.get_node(f"ns=1;s=v{each}") for each in range(count)]

        async def read(duration: float) -> None:
            began = turn = time.monotonic()
            while turn < began + duration:
                await asyncio.sleep(max(0.0, turn - time.monotonic()))
                counted.values += sum(map(math.isfinite, await client.read_values(nodes)))
                turn += every

        if mode == "read":
            await read(WARMING)
            return await counted.measured(lambda: read(seconds))
        subscription = await client.create_subscription(500, Handler())
        for first in range(0, count, 1000):
            await subscription.subscribe_data_change(nodes[first : first + 1000], sampling_interval=ua.Double(0.0))
        await counted.reached(2 * count)
        return await counted.measured(lambda: asyncio.sleep(seconds))


if __name__ == "__main__":
    who, url_, mode_, *numbers = sys.argv[1:]
    work = {"greenops": greenops, "asyncua": asyncua}[who]
    print(asyncio.run(work(url_, mode_, int(numbers[0]), float(numbers[1]), float(numbers[2]))), flush=True)
