"""What an engineer asks for before the plant runs: what the file means, and what every point says now."""

from __future__ import annotations

import asyncio
import math
import os
import struct
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import yaml

from greenops_core.errors import ConfigError, nearest
from greenops_core.sample import Reason
from greenops_core.table import aligned
from greenops_gateway.acquisition import Intake
from greenops_gateway.configuration import Gateway
from greenops_gateway.gateway import Gate, acquiring
from greenops_gateway.number import Number
from greenops_gateway.tools import Discovery
from greenops_telemetry.delivery.configuration import Jsonl
from greenops_telemetry.live import Live

LOOK_AGAIN = 0.05
DIGITS = 10
"""Enough for a meter's count; a float of 32 bits has seven."""
CONVERTED = 1e-14
"""What a value may lose, as a share of it, on its way to the base unit and back."""
WARNING = "warning: "
"""How a protocol marks a line of its explanation that must not be overlooked."""


MEANINGS = frozenset({*Number.__struct_fields__, "quality_from"})
"""Keys of a point that say what is made of its number; the others are where that stands."""


class Reading(NamedTuple):
    """One point: the value in its own unit, none when it is bad, and how old it is in seconds."""

    device: str
    point: str
    value: float | None
    unit: str
    quality: str
    reason: Reason
    age: float | None


def counted(config: Gateway) -> str:
    """What a configuration holds, in numbers: whoever wrote it sees whether anything is left out."""
    points = sum(len(device.points) for device in config.devices)
    derived = sum(len(each.points) for each in config.derived)
    kinds = (
        (len(config.ways), "link"),
        (len(config.devices), "device"),
        (points, "point"),
        (derived, "derived point"),
        (len(config.limits), "limit"),
    )
    return ", ".join(f"{count} {kind}{'s'[: count != 1]}" for count, kind in kinds if count)


def warnings(config: Gateway) -> Iterator[str]:
    """What is allowed and perhaps not meant."""
    for way in config.ways:
        told = [(way.name, line) for line in way.link.explain(way.devices)]
        told += [(device.name, line) for device in way.devices for line in device.explain()]
        yield from (f"{name}: {line.removeprefix(WARNING)}" for name, line in told if line.startswith(WARNING))
    yield from _unwritable(config)
    yield from _unconfirmed(config)
    yield from _unjudged(config)
    yield from _likely_mistakes(config)


def _unconfirmed(config: Gateway) -> Iterator[str]:
    """Limits whose figure nobody compared with its source yet."""
    for limit in config.limits:
        if not limit.confirmed:
            what = f"limit {limit.stack}/{limit.parameter} over {limit.over}: {limit.limit:g} {limit.unit}"
            yield f"{what} by {limit.clause or limit.from_}: {limit.note}; compare it, and write confirmed: true"


def _unjudged(config: Gateway) -> Iterator[str]:
    """Limits on closed hours where no hour is closed."""
    for limit in config.limits:
        if limit.is_hourly and config.emissions is None:
            what = f"limit {limit.stack}/{limit.parameter} over {limit.over} is judged by closed hours"
            yield f"{what}, and none are closed; add a section 'emissions', or name device and point"


def _unwritable(config: Gateway) -> Iterator[str]:
    """Folders for samples in which whoever asks could write nothing."""
    folders = {} if config.journal is None else {"journal": config.journal.directory}
    folders |= {f"sink {name}": sink.directory for name, sink in config.sinks.items() if isinstance(sink, Jsonl)}
    for name, directory in folders.items():
        there = Path(directory).absolute()
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            yield f"{name}: {there} is no directory"
        elif not os.access(there, os.W_OK | os.X_OK):
            yield f"{name}: {there} cannot be written by this user, for {directory}"


def _likely_mistakes(config: Gateway) -> Iterator[str]:
    """What no protocol sees by itself."""
    yield from (f"{name}: no device uses this link" for name in config.unused)
    places: dict[str, str] = {}
    for way in config.ways:
        place = way.link.destination(way.devices)
        first = places.setdefault(place, way.name)
        if place and first != way.name:
            yield f"{way.name}: goes to {place} as {first} does; are two connections meant?"
    for device in config.devices:
        addresses: dict[str, str] = {}
        for point in device.points:
            keys = [key for key in point.__struct_fields__ if key not in MEANINGS]
            given = {key: value for key in keys if (value := getattr(point, key)) is not None and value is not False}
            address = ", ".join(f"{key} {value}" for key, value in given.items())
            first = addresses.setdefault(address, point.name)
            if keys and first != point.name:
                yield f"{device.name}: {first} and {point.name} are read from the same place: {address}"


def explained(config: Gateway) -> Iterator[str]:
    """What a configuration means, line by line."""
    yield f"site {config.site}, listening on {config.listen}"
    for way in config.ways:
        yield ""
        yield f"link {way.name} by {way.protocol.name}"
        for line in way.link.explain(way.devices):
            yield f"  {line}"
        for device in way.devices:
            yield ""
            profile = f", profile {device.profile}" if device.profile else ""
            yield (
                f"  device {device.name} at {device.stack}{profile}: "
                f"poll {device.poll}, stale after {device.freshness():g}s"
            )
            for line in device.explain():
                yield f"    {line}"
    for each in config.derived:
        yield ""
        yield f"derived {each.name} at {each.stack}: every {each.poll}"
        for line in each.explain():
            yield f"  {line}"
    if config.limits:
        yield ""
        rows = (
            (
                limit.stack,
                limit.parameter,
                f"{limit.limit:g} {limit.unit}",
                limit.over,
                limit.source,
                f"{limit.minimum_coverage:.0%} coverage",
            )
            for limit in config.limits
        )
        yield from aligned(("stack", "parameter", "limit", "over", "from", "valid from"), *rows)
    if likely := [f"{WARNING}{line}" for line in _likely_mistakes(config)]:
        yield ""
        yield from likely


def narrowed(config: Gateway, devices: Collection[str]) -> Gateway:
    """*config* with no more than *devices*, and without what needs others; all of it when none is named.

    Raises:
        ConfigError: there is no such device.
    """
    if not devices:
        return config
    names = [device.name for device in config.devices]
    for name in devices:
        if name not in names:
            raise ConfigError(f"--device: there is no device '{name}'{nearest(name, names)}")
    ways = (
        replace(way, devices=tuple(device for device in way.devices if device.name in devices)) for way in config.ways
    )
    return replace(config, ways=tuple(way for way in ways if way.devices), derived=(), limits=(), unused=())


@asynccontextmanager
async def watching(config: Gateway) -> AsyncIterator[Gate]:
    """A gateway at work without its doors, while the context lasts; one that runs already does not notice."""
    guests = replace(config, ways=tuple(way.guest() for way in config.ways))
    async with acquiring(guests, Live()) as gate:
        yield gate


async def read(config: Gateway, patience: float) -> list[Reading]:
    """One reading of every point; what is not known after *patience* seconds is bad, and says why."""
    async with watching(config) as gate:
        for _ in range(math.ceil(patience / LOOK_AGAIN)):
            if all(intake.is_known for intake in gate.intakes()):
                break
            await asyncio.sleep(LOOK_AGAIN)
        return readings(gate)


def readings(gate: Gate) -> list[Reading]:
    """Every point as it is now."""
    now = gate.clock()
    return [_reading(intake, now) for intake in gate.intakes()]


def shown(value: float) -> str:
    """*value* for a person: fixed point with ten digits that count, and no more than a float of 32 bits has.

    >>> shown(12345678.9), shown(100.0999984741211), shown(0.00012), shown(4294967296.0)
    ('12345678.9', '100.1', '0.00012', '4294967296')
    """
    if not 1e-9 <= abs(value) < 1e15:
        return f"{value:.{DIGITS}g}"
    decimals = max(_digits(value) - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(value: float) -> int:
    """How many digits tell *value* from its neighbours: fewer where it was a float of 32 bits."""
    if abs(_as_f32(value) - value) > abs(value) * CONVERTED:
        return DIGITS
    return next(
        (digits for digits in range(6, DIGITS) if _as_f32(float(f"{value:.{digits}g}")) == _as_f32(value)), DIGITS
    )


def _as_f32(value: float) -> float:
    near: float = struct.unpack("f", struct.pack("f", value))[0]
    return near


def hints(config: Gateway, found: list[Reading]) -> Iterator[str]:
    """What to look at where a reading is bad, or good and odd."""
    devices = {device.name: device for device in config.devices}
    for reading in found:
        if (device := devices.get(reading.device)) is None:
            continue
        hint = device.hint(reading.point, reading.reason)
        if not hint and reading.value is not None and reading.reason is Reason.NONE:
            hint = device.doubt(reading.point, reading.value)
        if hint:
            yield f"{reading.device}: {reading.point}: {hint}"


def _reading(intake: Intake, now: float) -> Reading:
    _, _, device, point = intake.series.labels
    value, age = (None, None) if intake.value is None else (intake.value[0], max(now - intake.value[1], 0.0))
    reason = intake.reason if intake.is_known else Reason.COMMUNICATION
    return Reading(device, point, value, intake.unit, intake.level.name.lower(), reason, age)


def profile_text(protocol: str, found: Discovery) -> str:
    """*found* as a profile to start from: YAML with one line for each point."""
    profile = dict(found.profile)
    points = profile.pop("points", [])
    about = {"title": found.name, "maker": "unknown", "source": f"found by scan: {found.seen}"}
    head = yaml.safe_dump({"protocol": protocol, "about": about, **profile}, sort_keys=False, allow_unicode=True)
    lines = [
        yaml.safe_dump(point, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000).strip()
        for point in points
    ]
    return head + "points:\n" + "".join(f"  - {line}\n" for line in lines)
