"""The whole gateway reading all four protocols over wires that can fail, and a witness of every value that it shows.

Every value that the devices give tells when and where it was measured, so a value that was invented, mixed up, or kept
under a new time gives itself away.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from greenops_core.catalogue import DEVICE_REQUESTS, DEVICE_UP, POINT_CONCENTRATION, POINT_QUALITY
from greenops_core.sample import Metric, Quality, Reason
from greenops_gateway.configuration import parse
from greenops_gateway.gateway import Gate, acquiring
from greenops_gateway.point import Device
from greenops_gateway.simulator.run import simulating
from greenops_telemetry.live import Live, Snapshot
from mqtt_broker import broker
from stack import free_port

LINKS = ("gas", "flow", "dust", "plant")
"""Each has one device of the same name: by Modbus, OPC UA, MQTT and DNP3, in this order."""
POLL = 0.2
TIMEOUT = 0.5
FRESH = 3.0
"""Seconds for which a value is shown without a new one."""
APART = 100_000
"""Values of one device and of the next are never the same."""
SENTINEL = 0x80000000
"""What a Modbus device gives while it has no value."""
LAG = 1.5
"""Seconds from the measurement to the answer, at most, on a machine that is busy."""
LOOKS_EVERY = 0.02

Mode = Literal["well", "closed", "silent", "stalled"]


class Truth:
    """A plant of which each value says when it was measured: tenths of a second since it began, and never zero."""

    def __init__(self) -> None:
        self.began = time.time()
        self.given: defaultdict[str, set[int]] = defaultdict(set)
        self.asked: Counter[str] = Counter()
        """How often each device gave its value."""
        self.settles = False
        """Whether all devices were just started and have no value yet."""

    def values(self, device: Device, now: float) -> Mapping[str, float]:
        if self.settles:
            return {"x": SENTINEL if device.name == "gas" else math.nan}
        self.asked[device.name] += 1
        number = APART * (1 + LINKS.index(device.name)) + int((now - self.began) * 10)
        self.given[device.name].add(number)
        return {"x": float(number)}

    def state(self, device: Device, now: float) -> Reason:  # noqa: ARG002  # a Plant
        return Reason.NONE

    def answers(self, device: Device, now: float) -> bool:  # noqa: ARG002  # a Plant
        return True

    def measured(self, number: float) -> float:
        """The Unix time of a value, at most a tenth of a second early."""
        return self.began + number % APART / 10


class Clock:
    """A wall clock that can be set; *offsets* are what it was ahead by, and since when by the monotonic clock."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.offsets = [(-math.inf, ahead)]

    def __call__(self) -> float:
        return time.time() + self.offsets[-1][1]

    def set(self, ahead: float) -> None:
        """Be *ahead* seconds before the right time from now on."""
        self.offsets.append((time.time(), ahead))

    def between(self, start: float, end: float) -> Iterator[float]:
        """By how much it was ahead from *start* to *end*, right Unix times."""
        ends = [since for since, _ in self.offsets[1:]] + [math.inf]
        for (since, ahead), until in zip(self.offsets, ends, strict=True):
            if since <= end and until >= start:
                yield ahead


class Wire:
    """A TCP wire to *towards*: well, closed (resets and refuses), silent (takes and loses all), stalled (holds all)."""

    def __init__(self, towards: int) -> None:
        self.port, self._towards, self._mode = free_port(), towards, "well"
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.sent: list[bytearray] = []
        """What the gateway said, by connection."""

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[Wire]:
        await self.set("well")
        try:
            yield self
        finally:
            await self.set("closed")

    async def set(self, mode: Mode) -> None:
        """Fail so, or be well again; all connections are reset, but by a stall and by its end."""
        was, self._mode = self._mode, mode
        (self._flows.clear if mode == "stalled" else self._flows.set)()
        if mode == "closed" and self._server is not None:
            self._server.close()
            self._server = None
        if mode == "closed" or "silent" in {was, mode}:
            await self.reset()
        if mode != "closed" and self._server is None:
            self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def reset(self) -> None:
        """Every connection ends with RST."""
        for end in list(self._ends):
            reset = end.get_extra_info("socket")
            if reset is not None:
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()
        for task in self._tasks:
            task.cancel()  # one that stalls sees no end
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends.add(writer)
        ends = [writer]
        try:
            back, onward = await asyncio.open_connection("127.0.0.1", self._towards)
            self._ends.add(onward)
            ends.append(onward)
            self.sent.append(said := bytearray())
            ways = [asyncio.create_task(self._way(reader, onward, said)), asyncio.create_task(self._way(back, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            return  # a cancelled stream task is logged as an error otherwise
        finally:
            self._tasks.discard(task)
            for end in ends:
                self._ends.discard(end)
                end.transport.abort()

    async def _way(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytearray | None = None
    ) -> None:
        while data := await reader.read(65536):
            if said is not None:
                said += data
            await self._flows.wait()
            if self._mode != "silent":
                writer.write(data)
                await writer.drain()


class Shown(NamedTuple):
    """What /metrics says of one device at one moment."""

    value: float | None
    at: float
    level: Quality | None
    reason: str
    up: bool | None


@dataclass
class Witness:
    """Looks at what the gateway shows, again and again, and notes what is wrong about it."""

    truth: Truth
    clock: Clock
    live: Live
    wrong: list[str] = field(default_factory=list)
    shown: dict[str, Shown] = field(default_factory=dict)
    values: defaultdict[str, set[float]] = field(default_factory=lambda: defaultdict(set))
    """All values that were shown, by device."""
    absent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """The longest time, in seconds, for which each device showed no value."""
    seen: dict[str, float] = field(default_factory=dict)

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOKS_EVERY)

    def look(self) -> None:
        now, page = time.time(), self.live.snapshot(self.clock())
        values = {labels[2]: (value, at or 0.0) for labels, value, at in series(page, POINT_CONCENTRATION)}
        levels = {labels[2]: (Quality(int(value)), labels[4]) for labels, value, _ in series(page, POINT_QUALITY)}
        ups = {labels[2]: value == 1 for labels, value, _ in series(page, DEVICE_UP)}
        for device in LINKS:
            value, at = values.get(device, (None, 0.0))
            level, reason = levels.get(device, (None, ""))
            self.shown[device] = Shown(value, at, level, reason, ups.get(device))
            self.absent[device] = max(self.absent[device], now - self.seen.setdefault(device, now))
            if value is not None:
                self.seen[device] = now
                self.values[device].add(value)
                self.wrong += [f"{device}: {why}" for why in self._faults(device, value, at, now)]
                if level is Quality.BAD:
                    self.wrong.append(f"{device}: {value} is shown, and bad ({reason})")

    def _faults(self, device: str, value: float, at: float, now: float) -> Iterator[str]:
        if round(value) not in self.truth.given[device] or abs(value - round(value)) > 1e-6:
            yield f"{value} was never given"
            return
        born = self.truth.measured(round(value))
        if now - born > FRESH + LAG + 1:
            yield f"{value} is shown {now - born:.1f} s after it was measured"
        offsets = {0.0, *self.clock.between(born, born + LAG)}
        if now - self.clock.offsets[-1][0] < LAG:  # what was there when the clock was set moved along with it
            steps = [ahead for _, ahead in self.clock.offsets]
            offsets |= {offset + after - before for offset in offsets for after in steps for before in steps}
        if not any(-0.01 <= at - ahead - born <= LAG for ahead in offsets):
            yield f"{value} of {born - self.truth.began:.1f} s is stamped {at - self.truth.began:.1f} s"

    def begin(self) -> None:
        """Measure absence from now on."""
        self.absent.clear()
        self.seen.clear()

    def requests(self, device: str, result: str) -> float:
        """How many requests to *device* ended so."""
        page = self.live.snapshot(self.clock())
        return sum(value for labels, value, _ in series(page, DEVICE_REQUESTS) if labels[2:] == (device, result))

    async def until(self, holds: Callable[[], object], patience: float = 15.0) -> float:
        """Seconds until *holds*."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < patience, f"not within {patience:g} s: {self.shown}"
            await asyncio.sleep(LOOKS_EVERY)
        return time.monotonic() - began

    def good(self, *devices: str) -> bool:
        """Whether each of *devices*, or every one, is up and shows a good value that was measured just now."""
        now = time.time()
        return all(
            shown.up
            and shown.level is Quality.GOOD
            and shown.value is not None
            and now - self.truth.measured(shown.value) < LAG
            for shown in (self.shown[device] for device in devices or LINKS)
        )


def series(page: Snapshot, metric: Metric) -> Iterator[tuple[tuple[str, ...], float, float | None]]:
    """Labels, value and time of each series of *metric*."""
    for found, all_series in page:
        if found is metric:
            yield from all_series


@dataclass
class Whole:
    """All that is at work."""

    truth: Truth
    wires: dict[str, Wire]
    gate: Gate
    clock: Clock
    witness: Witness
    content: dict[str, Any]


def content(ports: Mapping[str, int], warm_up: str | None = None, **links: Mapping[str, object]) -> dict[str, Any]:
    """gateway.yml for a plant whose links are at *ports*; *links* are more settings of each."""
    device = {"stack": "s", "poll": f"{POLL:g}s"}
    point = {"name": "x", "unit": "mg/m3", "warm_up": warm_up}
    ways: dict[str, dict[str, Any]] = {
        "gas": {"protocol": "modbus", "host": "127.0.0.1", "port": ports["gas"]},
        "flow": {"protocol": "opcua", "url": f"opc.tcp://127.0.0.1:{ports['flow']}", "mode": "poll"},
        "dust": {"protocol": "mqtt", "host": "127.0.0.1", "port": ports["dust"]},
        "plant": {"protocol": "dnp3", "host": "127.0.0.1", "port": ports["plant"]},
    }
    times = {"timeout": f"{TIMEOUT:g}s", "connect_timeout": "1s"}
    return {
        "site": "plant",
        "links": {name: {**way, **times, **links.get(name, {})} for name, way in ways.items()},
        "devices": [
            {
                **device,
                "name": "gas",
                "link": "gas",
                "points": [{**point, "at": 0, "type": "u32", "sentinel": SENTINEL}],
            },
            {**device, "name": "flow", "link": "flow", "points": [{**point, "node": "ns=2;s=x"}]},
            {
                **device,
                "name": "dust",
                "link": "dust",
                "topic": "dust",
                "time": {"path": "t", "format": "unix_ms"},
                "points": [{**point, "path": "x"}],
            },
            {
                **device,
                "name": "plant",
                "link": "plant",
                "address": 10,
                "points": [{**point, "kind": "analog", "index": 0}],
            },
        ],
    }


@asynccontextmanager
async def wired(folder: Path) -> AsyncIterator[tuple[Truth, dict[str, Wire]]]:
    """The four devices with the broker between, and a wire to each link."""
    truth = Truth()
    async with AsyncExitStack() as stack:
        mosquitto = stack.enter_context(broker(folder / "mosquitto"))
        there = {name: free_port() for name in LINKS} | {"dust": mosquitto.port}
        await stack.enter_async_context(simulating(parse(content(there), Path()).ways, truth))
        wires = {name: await stack.enter_async_context(Wire(there[name]).laid()) for name in LINKS}
        yield truth, wires


@asynccontextmanager
async def whole(
    folder: Path,
    *,
    clock: Clock | None = None,
    warm_up: str | None = None,
    change: Callable[[dict[str, Any]], object] = lambda _: None,
    **links: Mapping[str, object],
) -> AsyncIterator[Whole]:
    """The gateway at work on the four devices, each with a value when the context begins; at its end, none was wrong.

    *change* is done to gateway.yml first.
    """
    clock, live = clock or Clock(), Live()
    async with wired(folder) as (truth, wires):
        raw = content({name: wire.port for name, wire in wires.items()}, warm_up, **links)
        change(raw)
        witness = Witness(truth, clock, live)
        async with acquiring(parse(raw, Path()), live, clock) as gate:
            watching = asyncio.create_task(witness.watch())
            try:
                await witness.until(lambda: witness.shown and all(each.value for each in witness.shown.values()))
                yield Whole(truth, wires, gate, clock, witness, raw)
            finally:
                watching.cancel()
                await asyncio.wait([watching])
        if not watching.cancelled() and (fault := watching.exception()) is not None:
            raise fault
    assert not witness.wrong, witness.wrong[:10]
