"""Units that share a serial line at 9600 baud, on pseudo-terminals."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from statistics import median

from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.driver import PLUGIN
from modbus_bus import Bus, Seen, device, link, polled, serial_bus

POLL = 1.25
"""Seconds; 32 units at 9600 baud take two thirds of it."""
UNITS = range(1, 33)


async def polling(bus: Bus, seen: Seen, devices: list[ModbusDevice], known: asyncio.Event) -> None:
    """For ever; who is dead is *known* at some time."""
    config = link(transport="rtu", device=bus.port)
    async with PLUGIN.connect(config, [seen.desk(each) for each in devices]) as batches:
        async for batch in batches:
            seen.take(batch)
            if all(seen.downs[f"unit-{unit}"] for unit in bus.dead):
                known.set()


async def test_dead_units_on_a_serial_bus_leave_the_others_their_rate() -> None:
    """1 of 32, and 16. Beside them runs a bus on which all are well, so that a busy machine is no failure."""
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(2)]
    devices = [device(unit, points, poll=f"{POLL}s") for unit in UNITS]
    async with serial_bus() as well, serial_bus() as one, serial_bus() as half:
        buses = {0: well, 1: one, 16: half}
        seen = {dead: Seen() for dead in buses}
        known = [asyncio.Event() for _ in buses]
        for dead, bus in buses.items():
            bus.dead = set(range(2, 2 * dead + 1, 2))
        tasks = [
            asyncio.create_task(polling(bus, seen[dead], devices, told))
            for (dead, bus), told in zip(buses.items(), known, strict=True)
        ]
        for told in known:
            await asyncio.wait_for(told.wait(), 20)
        await asyncio.sleep(POLL)  # each had its turn, and what was late is forgotten
        before = {dead: each.batches.total() for dead, each in seen.items()}
        await asyncio.sleep(4 * POLL)
        came = {dead: (each.batches.total() - before[dead]) / (32 - dead) for dead, each in seen.items()}
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    for dead in (1, 16):
        print(f"{dead} of 32 dead: {came[dead] / came[0]:.1%} of the polls of the others")
        assert came[dead] >= 0.95 * came[0]
    for dead, bus in buses.items():
        assert not any(seen[dead].downs[f"unit-{unit}"] for unit in UNITS if unit not in bus.dead)


async def test_a_saturated_serial_bus_carries_useful_bytes() -> None:
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(100)]
    loop = asyncio.get_running_loop()
    async with serial_bus() as bus:
        begun = loop.time()
        await polled(
            link(transport="rtu", device=bus.port, timeout="500ms"),
            [device(unit, points) for unit in (1, 2)],
            lambda _: loop.time() - begun > 2,
        )
    useful = bus.seconds(8 + 205)
    share = useful / (useful + 3.5 * bus.seconds(1) + median(bus.idle))
    print(f"useful bytes on a saturated line: {share:.1%} of the time")
    assert share > 0.9
