"""Reading from an OPC UA server as the gateway does: links, devices, desks that note what they are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from greenops_core.sample import Sample
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink
from greenops_gateway.opcua.driver import PLUGIN
from greenops_gateway.plugin import Batch, Desk
from greenops_gateway.point import series
from greenops_telemetry.configuration import convert
from opcua_peer import Peer


def link(server: Peer | str, **more: object) -> OpcUaLink:
    url = server if isinstance(server, str) else server.url
    given = {"protocol": "opcua", "url": url, "publishing": "50ms", "timeout": "3s", "connect_timeout": "8s", **more}
    found = convert(given, OpcUaLink)
    found.check()
    return found


def device(*nodes: str, name: str = "analyser-1", **more: object) -> OpcUaDevice:
    """One point for each of *nodes*, called like it."""
    points = [{"name": node.rpartition("=")[2], "unit": "1", "node": node} for node in nodes]
    found = convert({"name": name, "link": "l", "stack": "s", "poll": "100ms", "points": points, **more}, OpcUaDevice)
    found.check()
    return found


@dataclass
class Noted:
    """What a protocol told its desk."""

    device: OpcUaDevice
    kept: dict[str, Any] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    ends: dict[str, float] = field(default_factory=dict)

    def desk(self) -> Desk[OpcUaDevice]:
        return Desk(
            self.device,
            tuple(series("plant", self.device, point) for point in self.device.points),
            lambda result: self.told.update([result.value]),
            lambda event: self.told.update([event.value]),
            lambda why: self.told.update([why]),
            self.ends.__setitem__,
            self.kept,
        )


@asynccontextmanager
async def reading(link: OpcUaLink, *noted: Noted) -> AsyncIterator[AsyncIterator[Batch]]:
    async with PLUGIN.connect(link, [one.desk() for one in noted]) as batches:
        yield batches


Found = dict[str, list[Sample]]


async def until(batches: AsyncIterator[Batch], enough: Callable[[Found], bool], seconds: float = 10) -> Found:
    """All samples by point until there are *enough*."""
    found: Found = {}
    async with asyncio.timeout(seconds):
        async for batch in batches:
            for sample in batch:
                found.setdefault(sample.labels[-1], []).append(sample)
            if enough(found):
                break
    return found


def each(count: int, *names: str) -> Callable[[Found], bool]:
    return lambda found: all(len(found.get(name, ())) >= count for name in names)


async def once(link: OpcUaLink, noted: Noted) -> dict[str, Sample]:
    """The first sample of every point."""
    names = [point.name for point in noted.device.points]
    async with reading(link, noted) as batches:
        found = await until(batches, each(1, *names))
    return {name: found[name][0] for name in names}
