"""What an engineer asks for before the plant runs: what the file means, and one reading of every point."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from greenops_core.errors import DeviceError
from greenops_core.sample import Quality, Reason, Sample
from greenops_core.table import aligned
from greenops_gateway.configuration import Gateway
from greenops_gateway.plugin import Link, Plugin
from greenops_gateway.point import Device, Point, PointSeries, series

log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """One row of ``read``: the value in the point's own unit; none when it is bad."""

    device: str
    point: str
    value: float | None
    unit: str
    quality: str
    reason: str


def explained(config: Gateway) -> Iterator[str]:
    """What a configuration means, line by line."""
    yield f"site {config.site}, listening on {config.listen}"
    for protocol, device in config.devices:
        yield ""
        yield (
            f"device {device.name} at {device.stack} by {protocol.name}: poll {device.poll}, timeout {device.timeout}, "
            f"stale after {device.freshness():g}s"
        )
        for line in device.explain():
            yield f"  {line}"
    if config.limits:
        yield ""
        rows = (
            (
                limit.stack,
                limit.parameter,
                f"{limit.limit:g} {limit.unit}",
                f"{limit.averaging}",
                f"{limit.device}/{limit.point}",
                f"{limit.minimum_coverage:.0%} coverage",
            )
            for limit in config.limits
        )
        yield from aligned(("stack", "parameter", "limit", "over", "from", "valid from"), *rows)


async def read(config: Gateway, devices: Sequence[tuple[Plugin[Any], Device]]) -> list[Reading]:
    """One reading of every point of *devices*; what cannot be had is bad, and says why."""
    rounds = await asyncio.gather(*(_read(config.site, protocol, device) for protocol, device in devices))
    return [reading for readings in rounds for reading in readings]


async def _read(site: str, protocol: Plugin[Any], device: Device) -> list[Reading]:
    points = {series(site, device, point).labels: point for point in device.points}
    found: dict[tuple[str, ...], Sample] = {}
    link = Link(site, lambda _: None, time.time)
    patience = device.patience()
    clock = asyncio.get_running_loop().time
    deadline = asyncio.timeout(patience)
    try:
        async with deadline, protocol.connect(device, link) as samples:
            async for sample in samples:
                if sample.labels not in found:
                    deadline.reschedule(clock() + patience)
                found[sample.labels] = sample
                if found.keys() >= points.keys():
                    break
    except (OSError, DeviceError) as error:
        problem = f"nothing complete within {patience:g} s" if deadline.expired() else str(error)
        log.warning("%s: %s", device.name, problem or type(error).__name__)
    return [_reading(device, point, series(site, device, point), found.get(labels)) for labels, point in points.items()]


def _reading(device: Device, point: Point, to: PointSeries, sample: Sample | None) -> Reading:
    if sample is None:
        return Reading(device.name, point.name, None, point.unit, "bad", Reason.COMMUNICATION.value)
    sample = to.judged(sample)
    value, level, reason = to.to_base.from_base(sample.value), sample.quality, sample.reason
    if hint := device.hint(point.name, reason):
        log.warning("%s: %s: %s", device.name, point.name, hint)
    return Reading(
        device.name,
        point.name,
        None if level is Quality.BAD else value,
        point.unit,
        level.name.lower(),
        reason.value,
    )
