"""``simulate``: a DNP3 outstation with a device's points, as a plant says that they are."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from dnp3.core.flags import AnalogQuality, BinaryQuality, CounterQuality
from dnp3.core.timestamp import DNP3Timestamp
from dnp3.database import (
    AnalogInputConfig,
    BinaryInputConfig,
    CounterConfig,
    Database,
    DatabaseConfig,
    EventBufferConfig,
    EventClass,
)

from greenops_core.errors import ConfigError
from greenops_core.sample import Reason
from greenops_gateway.dnp3.configuration import Dnp3Device, Dnp3Link, Dnp3Point
from greenops_gateway.dnp3.flags import BIT_5, BIT_6, COMM_LOST, LOCAL_FORCED, ONLINE, RESTART, Kind
from greenops_gateway.dnp3.outstation import Station
from greenops_gateway.tools import Plant

STEP = 0.2
"""Seconds between two looks at the plant."""
EVENTS = 10_000
"""Events of a kind that are kept until a master confirms them."""
FLAGS: Mapping[Reason, int] = {
    Reason.NONE: ONLINE,
    Reason.COMMUNICATION: COMM_LOST,
    Reason.WARM_UP: RESTART,
    Reason.FORCED: ONLINE | LOCAL_FORCED,
    Reason.RANGE: ONLINE | BIT_5,
    Reason.OUT_OF_CONTROL: ONLINE | BIT_6,
    Reason.DEVICE_UNCERTAIN: ONLINE | BIT_6,
}
"""Of any other state a flag says only that the point is off line."""
LARGEST = 2**32


class _Shown(NamedTuple):
    number: float
    flags: int


@asynccontextmanager
async def simulate(link: Dnp3Link, devices: Sequence[Dnp3Device], plant: Plant) -> AsyncIterator[str]:
    """The outstation of *link*, listening where the link would look for it; gives that place in words.

    Raises:
        ConfigError: the place cannot be had, or the simulator cannot be such a device.
    """
    if link.tls is not None:
        raise ConfigError("the simulator has no certificate of its own; leave tls out to simulate", ("tls",))
    (device,) = devices
    station = Station(database(device), device.address, link.address)
    try:
        server = await asyncio.start_server(station.serve, link.host, link.port)
    except OSError as error:
        raise ConfigError(f"nobody can listen on {link.host}:{link.port}: {error}", ("port",)) from None
    following = asyncio.create_task(_follow(station, device, plant))
    try:
        yield f"DNP3 outstation {device.address} on {link.host}:{link.port}"
    finally:
        following.cancel()
        await asyncio.wait([following])
        server.close()
        station.stop()
        await server.wait_closed()
    if not following.cancelled() and (fault := following.exception()) is not None:
        raise fault


def database(device: Dnp3Device) -> Database:
    """A database with the points of *device*.

    Raises:
        ConfigError: of a kind that the simulator has none of.
    """
    room = EventBufferConfig(max_binary_events=EVENTS, max_analog_events=EVENTS, max_counter_events=EVENTS)
    made = Database(
        config=DatabaseConfig(
            max_analog_inputs=65536, max_binary_inputs=65536, max_counters=65536, event_buffer_config=room
        )
    )
    add: Mapping[Kind, Callable[[int], object]] = {
        "analog": lambda index: made.add_analog_input(index, AnalogInputConfig(event_class=EventClass.CLASS_2)),
        "binary": lambda index: made.add_binary_input(index, BinaryInputConfig(event_class=EventClass.CLASS_1)),
        "counter": lambda index: made.add_counter(index, CounterConfig(event_class=EventClass.CLASS_3)),
    }
    for place, point in enumerate(device.points):
        if point.kind not in add:
            raise ConfigError(
                f"the simulator has no {point.kind} points, only {', '.join(add)}", ("points", place, "kind")
            )
        add[point.kind](point.index)
    return made


async def _follow(station: Station, device: Dnp3Device, plant: Plant) -> None:
    shown: dict[str, _Shown] = {}
    while True:
        now = time.time()
        station.answers = plant.answers(device, now)
        flags = FLAGS.get(plant.state(device, now), 0)
        values = plant.values(device, now)
        for point in device.points:
            number = raw(point, values[point.name]) if point.name in values else math.nan
            new = _Shown(number, flags) if math.isfinite(number) else _Shown(0.0, COMM_LOST)
            if shown.get(point.name) != new:
                shown[point.name] = new
                _update(station.database, point, new, DNP3Timestamp(int(now * 1000)))
        await asyncio.sleep(STEP)


def raw(point: Dnp3Point, value: float) -> float:
    """The number that stands for *value* in the point's unit.

    >>> raw(Dnp3Point(name="p", unit="mg/m3", index=0, scale=0.1, offset=5), 25)
    200.0
    """
    if point.enum is not None:
        listed = point.enum
        return float(min(listed, key=lambda number: abs(listed[number] - value)))
    return (value - point.offset) / point.scale


def _update(database: Database, point: Dnp3Point, new: _Shown, at: DNP3Timestamp) -> None:
    match point.kind:
        case "binary":
            database.update_binary_input(point.index, new.number >= 0.5, BinaryQuality(new.flags), at)
        case "counter":
            database.update_counter(point.index, int(new.number) % LARGEST, CounterQuality(new.flags), at)
        case _:
            database.update_analog_input(point.index, new.number, AnalogQuality(new.flags), at)
