"""The gateway alone: 10 000 points on one core, how soon there is a value, and what it takes when nobody answers."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks import gateway_yml
from benchmarks.gateway import SCRAPE_EVERY
from benchmarks.modbus_devices import POINTS, Devices, Request, age, devices
from benchmarks.process import Scraper, cpu_seconds, load, percentile, rss_mb
from benchmarks.table import Table, progress

from stack import StackError, free_port

DEVICES = 100
STARTED = 50
SETTLING = 5.0
PATIENCE = 20.0
LOOK_EVERY = 0.01

Rows = list[Sequence[str | float]]


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """One row for each number."""
    seconds, starts = (10.0, 1) if quick else (60.0, 5)
    with devices(DEVICES) as simulated:
        rows = [*_scale(simulated, seconds), *_start(simulated, starts), *_idle(simulated, 5.0 if quick else 30.0)]
    return Table(f"The gateway alone, {seconds:g} s, load {load()}", ["what", "measured", "unit"], rows)


def _scale(simulated: Devices, seconds: float) -> Rows:
    progress(f"scale: {DEVICES * POINTS} points")
    with _running(DEVICES, simulated.port) as (pid, port):
        time.sleep(SETTLING)
        scraper = Scraper(port)
        scraper.scrape()
        scraper.took_ms.clear()
        simulated.take()
        began, before = time.monotonic(), cpu_seconds(pid)
        fresh = []
        for number in range(int(seconds / SCRAPE_EVERY)):
            time.sleep(max(0.0, began + (number + 0.5) * SCRAPE_EVERY - time.monotonic()))
            fresh.append(_fresh(scraper.scrape()))
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        cpu = 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)
        late = lateness_ms(simulated.take())
        memory = rss_mb(pid)
        scraper.close()
    what = f"{DEVICES * POINTS} points at 1 s"
    return [
        [f"{what}: CPU", cpu, "% of a core"],
        [f"{what}: resident memory", memory, "MB"],
        [f"{what}: fewest fresh", 100 * min(fresh) / (DEVICES * POINTS), "%"],
        [f"{what}: a poll is late, median", percentile(late, 50), "ms"],
        [f"{what}: a poll is late, p99", percentile(late, 99), "ms"],
        [f"{what}: a poll is late, worst", max(late), "ms"],
        [f"{what}: scrape p95", percentile(scraper.took_ms, 95), "ms"],
    ]


def lateness_ms(requests: Sequence[Request], interval: float = 1.0) -> list[float]:
    """How late each poll came to its device, measured against the device's earliest; milliseconds.

    >>> [round(late) for late in lateness_ms([Request(7.0, 1, 0, 2), Request(8.01, 1, 0, 2), Request(9.0, 1, 0, 2)])]
    [0, 10, 0]
    """
    polls: dict[int, list[float]] = defaultdict(list)
    for request in requests:
        if request.address == 0:
            polls[request.device].append(request.at)
    late = []
    for times in polls.values():
        against_grid = [at - interval * round((at - times[0]) / interval) for at in times]
        late += [1e3 * (each - min(against_grid)) for each in against_grid]
    return late


def _start(simulated: Devices, starts: int) -> Rows:
    took: dict[str, list[float]] = defaultdict(list)
    for number in range(starts):
        for count in (1, STARTED):
            progress(f"scale: start {number + 1} of {starts}")
            points = count * POINTS
            began = time.monotonic()
            with _running(count, simulated.port) as (_, port):
                first = _first(port, 1, began)
                took[f"start to the first good sample, {points} points"].append(first)
                took[f"start to a good sample of every point, {points} points"].append(_first(port, points, began))
    return [[what, percentile(seconds, 50), "s"] for what, seconds in took.items()]


def _first(port: int, wanted: int, began: float) -> float:
    """Seconds since *began* until so many points are fresh.

    Raises:
        StackError: they never are.
    """
    with closing(Scraper(port)) as scraper:
        while (found := _fresh(scraper.scrape())) < wanted:
            if time.monotonic() - began > PATIENCE:
                raise StackError(f"{found} of {wanted} points have a value after {PATIENCE:g} s")
            time.sleep(LOOK_EVERY)
        return time.monotonic() - began


def _idle(simulated: Devices, seconds: float) -> Rows:
    rows: Rows = []
    for what, port, muted in (("nobody listens", free_port(), False), ("all are silent", simulated.port, True)):
        progress(f"scale: {what}")
        simulated.mute(muted=muted)
        with _running(STARTED, port) as (pid, _):
            time.sleep(SETTLING)
            before = cpu_seconds(pid)
            time.sleep(seconds)
            rows.append([f"{STARTED} devices, {what}: CPU", 100 * (cpu_seconds(pid) - before) / seconds, "% of a core"])
    simulated.mute(muted=False)
    return rows


def _fresh(page: str) -> int:
    return sum(age(point, value) <= 2.5 for point, value in gateway_yml.values(page))


@contextmanager
def _running(count: int, port: int) -> Iterator[tuple[int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        config = gateway_yml.write(Path(folder), count, port)
        with gateway_yml.gateway(config) as running:
            yield running
