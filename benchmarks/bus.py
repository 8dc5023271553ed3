"""What the gateway puts on the wire: requests for a poll against the fewest possible, and a full serial line."""

from __future__ import annotations

import asyncio
import os
import select
import statistics
import struct
import tempfile
import threading
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import yaml
from benchmarks import gateway_yml
from benchmarks.process import load
from benchmarks.table import Table, progress

from greenops_gateway.modbus.configuration import ModbusDevice, spans
from greenops_gateway.profile import load as load_profile
from greenops_telemetry.configuration import convert_all

WORDS = 125
BITS = 2000
PROFILE = "schneider-iem3000"
BAUD = 9600
BITS_A_CHARACTER = 11
TURN_AROUND = 0.005
"""Seconds that the simulated unit thinks before it answers."""
SILENCE = 3.5
"""Characters between two frames (Modbus over Serial Line V1.02, 2.5.1.1)."""
REGISTERS = 200
WHOLE = 65536
"""A gap that reaches over every table."""

Rows = list[Sequence[str | float]]
MAPS: Mapping[str, Sequence[int]] = {
    "dense: 100 float32 in a row": range(0, 200, 2),
    "gappy: 60 float32, 6 unused registers between": range(0, 480, 8),
}


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """One row for each number and what it could be at best."""
    seconds = 5.0 if quick else 20.0
    rows: Rows = []
    for name, points in {**{name: _points(at) for name, at in MAPS.items()}, f"profile {PROFILE}": PROFILE}.items():
        progress(f"bus: {name}")
        found = asyncio.run(_requests(points, seconds))
        best = _fewest(points)
        rows.append([f"{name}: requests a poll", found, best, found / best, _fewest(points, WHOLE)])
    progress(f"bus: serial line at {BAUD} baud")
    rows += _serial(8.0 if quick else 40.0)
    return Table(
        f"On the wire, load {load()}",
        ["what", "measured", "best possible", "ratio", "best, were all gaps read along"],
        rows,
    )


def _points(addresses: Sequence[int]) -> str:
    lines = [f"      - {{name: p{at}, at: {at}, unit: mg/m3, range: [-1, 1]}}" for at in addresses]
    return "\n".join(["defaults: {table: holding, type: f32}", "    points:", *lines])


def _config(folder: Path, link: str, device: str) -> Path:
    """*device* is keys of one, or the name of a profile."""
    keys = device if "\n" in device else f"profile: {device}"
    file = folder / "gateway.yml"
    file.write_text(
        f"site: plant\nlinks:\n  l: {{protocol: modbus, {link}}}\n"
        f"devices:\n  - name: d\n    link: l\n    stack: s\n    {keys}\n"
    )
    return file


async def _requests(device: str, seconds: float) -> float:
    """Requests a poll that came to a device."""
    asked: list[tuple[int, int, int]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(12)
                function, address, count = struct.unpack(">BHH", head[7:])
                asked.append((function, address, count))
                size = (count + 7) // 8 if function <= 2 else 2 * count
                writer.write(head[:4] + struct.pack(">HBBB", 3 + size, head[6], function, size) + bytes(size))
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder), f"host: 127.0.0.1, port: {port}", device)
        await asyncio.to_thread(_watch, config, seconds)
    server.close()
    polls = asked.count(asked[0])
    last = len(asked) - asked[::-1].index(asked[0]) - 1  # what came after it may be half a poll
    return last / (polls - 1)


def _watch(config: Path, seconds: float) -> None:
    with gateway_yml.gateway(config):
        time.sleep(seconds)


def _fewest(device: str, gap: int | None = None) -> int:
    """The fewest requests by which all points can be read, when so many registers between two may be read along.

    By another way than the planner's: a request takes what follows until it is full or the gap is too wide. Without
    *gap* it is as wide as the device allows.
    """
    keys = yaml.safe_load(device.replace("\n    ", "\n")) if "\n" in device else load_profile(device, Path()).device
    made = convert_all({"name": "d", "link": "l", "stack": "s", **keys}, ModbusDevice)
    limits = made.limits()
    requests, table, last, full = 0, "", 0, 0
    for span in sorted(spans(made.sources())):
        bits = span.table in {"coil", "discrete"}
        allowed = WHOLE if gap is not None else limits.gap * (16 if bits else 1)
        if span.table != table or span.end > full or span.address - last > allowed:
            requests, table, full = requests + 1, span.table, span.address + (BITS if bits else WORDS)
        last = max(last, span.end) if span.table == table else span.end
    return requests


def _serial(seconds: float) -> Rows:
    """A sweep over 100 float32 asked for more often than the line can carry."""
    with _unit() as unit, tempfile.TemporaryDirectory() as folder:
        line = f"transport: rtu, device: {unit.port}, baud: {BAUD}"
        with gateway_yml.gateway(_config(Path(folder), line, "poll: 100ms\n    " + _points(range(0, REGISTERS, 2)))):
            time.sleep(2.0)
            unit.frames.clear()
            time.sleep(seconds)
            frames = list(unit.frames)
    starts = [at for at, address, _ in frames if address == 0]
    sweep = statistics.median(after - before for before, after in pairwise(starts))
    within = [size for at, _, size in frames if starts[0] <= at < starts[-1]]
    character = BITS_A_CHARACTER / BAUD
    a_sweep = len(within) / (len(starts) - 1)
    carried = sum(within) * character
    pauses = TURN_AROUND + 2 * SILENCE * character
    best = carried / (len(starts) - 1) + a_sweep * pauses
    busy = carried / (starts[-1] - starts[0])
    useful = 2 * REGISTERS * (len(starts) - 1) * character / (starts[-1] - starts[0])
    at_best = carried / (len(starts) - 1) / best
    useful_at_best = 2 * REGISTERS * character / best
    return [
        [f"RTU at {BAUD} baud, 100 float32: a sweep, s", sweep, best, sweep / best, ""],
        ["the same, saturated: line busy with frames, %", 100 * busy, 100 * at_best, busy / at_best, ""],
        ["the same: busy with register contents, %", 100 * useful, 100 * useful_at_best, useful / useful_at_best, ""],
    ]


class _Unit:
    """A unit on a pseudo-terminal that answers when a real line would have carried its answer."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.frames: list[tuple[float, int, int]] = []
        """When a request was begun, its address, and bytes of it and its answer."""
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        os.write(self._stopped, b".")
        self._thread.join()
        for file in (self._master, self._slave, self._stop, self._stopped):
            os.close(file)

    def _serve(self) -> None:
        received = b""
        while True:
            ready, _, _ = select.select((self._master, self._stop), (), ())
            if self._stop in ready:
                return
            began = time.monotonic()
            received = (received + os.read(self._master, 256))[-8:]
            if len(received) == 8 and received[6:] == _crc(received[:6]):
                unit, function, address, count = struct.unpack(">BBHH", received[:6])
                answer = bytes((unit, function, 2 * count)) + bytes(2 * count)
                answer += _crc(answer)
                size = len(received) + len(answer)
                self.frames.append((began, address, size))
                carried = (size + SILENCE) * BITS_A_CHARACTER / BAUD + TURN_AROUND
                time.sleep(max(0.0, began + carried - time.monotonic()))
                os.write(self._master, answer)
                received = b""


@contextmanager
def _unit() -> Iterator[_Unit]:
    made = _Unit()
    try:
        yield made
    finally:
        made.close()


def _crc(frame: bytes) -> bytes:
    """The check of Modbus over Serial Line V1.02, 6.2.2."""
    check = 0xFFFF
    for byte in frame:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ 0xA001 if check & 1 else check >> 1
    return check.to_bytes(2, "little")
