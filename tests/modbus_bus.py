"""What a Modbus link's devices bring, and a serial line for it that takes as long as a real one."""

from __future__ import annotations

import asyncio
import os
import struct
import tty
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from greenops_core.sample import Quality, Sample
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.driver import PLUGIN
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.plugin import Batch, Desk
from greenops_gateway.point import series
from greenops_telemetry.configuration import convert

LONG = 5.0


def link(**more: object) -> ModbusLink:
    config = convert({"protocol": "modbus", "timeout": "100ms", **more}, ModbusLink)
    config.check()
    return config


def device(unit: int = 1, points: object = None, **more: object) -> ModbusDevice:
    """Ten registers that hold their own address."""
    given: Mapping[str, object] = {
        "name": f"unit-{unit}",
        "link": "bus",
        "stack": "stack-1",
        "unit": unit,
        "poll": "100ms",
        "points": points or [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(10)],
        **more,
    }
    config = convert(given, ModbusDevice)
    config.check()
    return config


@dataclass
class Seen:
    """What the devices of a link brought, by device name."""

    results: dict[str, Counter[str]] = field(default_factory=dict)
    downs: dict[str, list[str]] = field(default_factory=dict)
    kept: dict[str, dict[str, object]] = field(default_factory=dict)
    batches: Counter[str] = field(default_factory=Counter)
    last: dict[str, dict[str, float | str]] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)

    def desk(self, config: ModbusDevice) -> Desk[ModbusDevice]:
        results = self.results.setdefault(config.name, Counter())
        return Desk(
            config,
            tuple(series("demo-plant", config, point) for point in config.points),
            lambda result: results.update([result.value]),
            lambda _: None,
            self.downs.setdefault(config.name, []).append,
            self.ends.__setitem__,
            self.kept.setdefault(config.name, {}),
        )

    def take(self, batch: Batch) -> None:
        """Good values, and reasons of the bad ones."""
        if batch:
            name = batch[0].labels[2]
            assert {sample.labels[2] for sample in batch} == {name}
            self.batches[name] += 1
            self.last.setdefault(name, {}).update({sample.labels[3]: shown(sample) for sample in batch})


def shown(sample: Sample) -> float | str:
    return sample.value if sample.quality is Quality.GOOD else sample.reason.value


async def polled(
    config: ModbusLink, devices: list[ModbusDevice], enough: Callable[[Seen], bool], seen: Seen | None = None
) -> Seen:
    """What came until it was *enough*."""
    seen = seen or Seen()
    async with asyncio.timeout(LONG), PLUGIN.connect(config, [seen.desk(each) for each in devices]) as batches:
        async for batch in batches:
            seen.take(batch)
            if enough(seen):
                break
    return seen


@dataclass
class Bus:
    """A serial line that takes its time, and the units on it. Written from the standard, not from what is tested."""

    port: str
    baud: int
    dead: set[int] = field(default_factory=set)
    asked: Counter[int] = field(default_factory=Counter)
    idle: list[float] = field(default_factory=list)
    """Seconds from each answer to the next request."""

    def seconds(self, size: int) -> float:
        return size * 11 / self.baud

    def answer(self, request: bytes) -> bytes:
        unit, function, address, quantity = struct.unpack(">BBHH", request[:6])
        assert function == 3
        self.asked[unit] += 1
        if unit in self.dead:
            return b""
        body = bytes([unit, function, 2 * quantity]) + struct.pack(f">{quantity}H", *range(address, address + quantity))
        return body + checksum(body)


def checksum(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


@asynccontextmanager
async def serial_bus(baud: int = 9600) -> AsyncIterator[Bus]:
    """Units on one pseudo-terminal; a request and its answer take the time they take at *baud*, 11 bits a byte."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    loop = asyncio.get_running_loop()
    bus, received = Bus(os.ttyname(slave), baud), bytearray()
    answered = 0.0

    def reply(answer: bytes) -> None:
        nonlocal answered
        os.write(master, answer)
        answered = loop.time() if answer else 0.0

    def come() -> None:
        with suppress(OSError):
            received.extend(os.read(master, 4096))
        if answered:
            bus.idle.append(loop.time() - answered)
        while len(received) >= 8:
            request, received[:8] = bytes(received[:8]), b""
            assert checksum(request[:6]) == request[6:]
            answer = bus.answer(request)
            took = bus.seconds(8) + 3.5 * bus.seconds(1)  # the unit must see the silence behind the request
            loop.call_later(took + bus.seconds(len(answer)), reply, answer)

    loop.add_reader(master, come)
    try:
        yield bus
    finally:
        loop.remove_reader(master)
        await asyncio.sleep(0.3)  # nothing more is on its way
        os.close(master)
        os.close(slave)
