"""An integrity poll of 10 000 analog inputs, from the request to the last sample taken over."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.process import cpu_seconds, load, percentile
from benchmarks.table import Table, progress

from greenops_gateway.acquisition import Acquisition, Reception
from greenops_telemetry.live import Live
from stack import ROOT, StackError, free_port

HERE = Path(__file__).parent
POINTS = 10_000
POLL = 1.5
PATIENCE = 60.0
ADDRESS = 1024
AMID_START = 2
"""The library's own poll, and ours right behind it."""


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """Our driver and what takes its samples, in this process; the outstation in another."""
    polls = 4 if quick else 20
    progress(f"dnp3: {polls} integrity polls")
    with _outstation() as (process, port):
        before = cpu_seconds(os.getpid())
        taken = asyncio.run(_polls(port, polls))
        cpu = cpu_seconds(os.getpid()) - before
        process.kill()
        begun = [float(line) for line in process.stdout or ()]
    # A poll right behind another one begins amid its traffic; only those after a silence are looked at.
    pairs = [(at, min(end for end in taken if end > at)) for at in begun[1:] if at < taken[-1]]
    took = [1e3 * (end - at) for at, end in pairs]
    return Table(
        f"DNP3, {POINTS} analog inputs of an opendnp3 outstation, {polls} integrity polls, load {load()}",
        ["what", "measured", "unit"],
        [
            ["integrity poll to the last sample taken over, median", statistics.median(took), "ms"],
            ["the same, p95", percentile(took, 95), "ms"],
            ["the same, worst", max(took), "ms"],
            ["CPU of a poll, connecting included", 1e3 * cpu / (polls + AMID_START), "ms"],
        ],
    )


async def _polls(port: int, polls: int) -> list[float]:
    """When the last sample of each poll had been taken over, monotonic seconds."""
    from greenops_core.duration import Duration  # noqa: PLC0415  # the protocol's library is heavy, and only needed here
    from greenops_gateway.dnp3.configuration import Dnp3Device, Dnp3Link, Dnp3Point  # noqa: PLC0415  # same
    from greenops_gateway.dnp3.driver import connect  # noqa: PLC0415  # same

    points = tuple(Dnp3Point(name=f"p{index}", unit="mg/m3", index=index, range=(0.0, 1e6)) for index in range(POINTS))
    device = Dnp3Device(
        name="rtu",
        link="l",
        stack="s",
        address=ADDRESS,
        points=points,
        poll=Duration(POLL),
        integrity=Duration(POLL),
        unsolicited=False,
    )
    device.check()
    acquisition = Acquisition("plant", "dnp3", device, Live(), time.time)
    reception = Reception([acquisition], time.time, lambda _: True)
    link = Dnp3Link(protocol="dnp3", host="127.0.0.1", port=port)
    ends: list[float] = []
    count = 0
    limit = PATIENCE + (polls + AMID_START) * POLL
    async with asyncio.timeout(limit), connect(link, [acquisition.desk]) as batches:
        async for batch in batches:
            reception.put(batch)
            count += len(batch)
            if count >= POINTS * (len(ends) + 1):
                ends.append(time.monotonic())
                if len(ends) == polls + AMID_START:
                    break
    return ends


@contextmanager
def _outstation() -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    command: Sequence[str | Path] = (sys.executable, HERE / "dnp3_outstation.py", str(port), str(POINTS))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "deploy" / "local")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise StackError("the outstation does not start")
            yield process, port
        finally:
            process.kill()
