"""The agent beside node_exporter on this host: memory, processor time and scrapes, in the same minute."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process import kibibytes
from benchmarks.table import Table, progress

from stack import Service, StackError, free_port, program, running, server

SCRAPES = 10


@dataclass
class Seen:
    """One program under observation."""

    name: str
    pid: int
    url: str
    took_ms: list[float] = field(default_factory=list)
    bytes_: int = 0


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """Both programs run side by side and are scraped ten times."""
    duration = 10.0 if quick else 60.0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        seen = []
        for service in _services():
            process = stack.enter_context(running(service, Path(folder) / service.name))
            seen.append(Seen(service.name, process.pid, service.ready))
        began = time.monotonic()
        for number in range(SCRAPES):
            time.sleep(max(0.0, began + duration * (number + 1) / SCRAPES - time.monotonic()))
            progress(f"agent: {duration * (number + 1) / SCRAPES:.0f} of {duration:.0f} s")
            for each in seen:
                _scrape(each)
        rows = [_row(each) for each in seen]
        if len(rows) > 1:
            ours, theirs = ([float(cell) for cell in row[1:]] for row in rows)
            rows.append(["times as much", *(theirs[place] / ours[place] for place in range(len(ours)))])
        return Table(
            f"An agent beside node_exporter, {duration:.0f} s, {SCRAPES} scrapes",
            ["program", "RSS, MB", "PSS, MB", "CPU, s", "scrape median, ms", "worst, ms", "bytes"],
            rows,
        )


def _services() -> list[Service]:
    address = f"127.0.0.1:{free_port()}"
    found = [
        Service("greenops-agent", (program("greenops-agent"), "run", "--listen", address), f"http://{address}/metrics")
    ]
    try:
        node_exporter = server("node_exporter")
    except StackError as error:
        progress(f"agent: {error}\n")
        return found
    address = f"127.0.0.1:{free_port()}"
    return [
        *found,
        Service("node_exporter", (node_exporter, f"--web.listen-address={address}"), f"http://{address}/metrics"),
    ]


def _scrape(seen: Seen) -> None:
    began = time.perf_counter()
    with urllib.request.urlopen(seen.url, timeout=10) as reply:
        seen.bytes_ = len(reply.read())
    seen.took_ms.append((time.perf_counter() - began) * 1e3)


def _row(seen: Seen) -> list[str | float]:
    process = Path("/proc", str(seen.pid))
    # After the name in parentheses, fields 14 and 15 are the ticks in user and kernel mode (proc_pid_stat(5)).
    ticks = process.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    return [
        seen.name,
        kibibytes(process / "status", "VmRSS") * 1024 / 1e6,
        kibibytes(process / "smaps_rollup", "Pss") * 1024 / 1e6,
        sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
        statistics.median(seen.took_ms),
        max(seen.took_ms),
        seen.bytes_,
    ]
