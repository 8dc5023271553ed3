"""A start with much that is still owed: how soon the gateway is ready, and what memory that and the drain take."""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks import gateway_yml, journal_files
from benchmarks.journal_drain import AIM, DEVICES, SINK, receiving
from benchmarks.modbus_devices import devices
from benchmarks.process import cpu_seconds, rss_mb
from benchmarks.table import Rows, progress

from greenops_telemetry.journal.state import State

DAYS_AGO = 3 * 86_400.0
LOOK_EVERY = 0.1


def rows(quick: bool) -> Rows:  # noqa: FBT001  # as ``measure`` is called
    """One gateway that starts, and drains for a while; what lies for days is archived beside it."""
    size, seconds = (2**29, 8.0) if quick else (10 * 2**30, 20.0)
    progress(f"journal: {size / 2**30:g} GiB pending")
    with devices(DEVICES) as simulated, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        journal = home / "journal"
        journal_files.copied(journal, size, time.time() - DAYS_AGO)
        _owe(journal)
        with receiving(home) as url:
            more = f"journal: {{directory: {journal}, max_size: 100GiB}}\n"
            more += f"sinks: {{{SINK}: {{kind: remote_write, url: '{url}/api/v1/write'}}}}\n"
            config = gateway_yml.write(home, DEVICES, simulated.port, more=more)
            began = time.monotonic()
            with gateway_yml.gateway(config) as (pid, _), closing(State.visit(journal / "state.db")) as state:
                ready, memory = time.monotonic() - began, rss_mb(pid)
                before, most, compressor = cpu_seconds(pid), memory, 0.0
                had = state.accounts()[SINK].delivered
                while time.monotonic() < began + ready + seconds:
                    most = max(most, rss_mb(pid))
                    compressor = max([compressor, *map(_rss_mb, _children(pid))])
                    time.sleep(LOOK_EVERY)
                cpu = 100 * (cpu_seconds(pid) - before) / seconds
                rate = (state.accounts()[SINK].delivered - had) / seconds
    what = f"{size / 2**30:g} GiB pending"
    return [
        [f"{what}: start to ready", ready, "s", "aim, below", 5],
        [f"{what}: resident memory when ready", memory, "MB", "aim, below", 157],
        [f"{what}: resident memory in {seconds:g} s of drain, most", most, "MB", "aim, below", 157],
        [f"{what}: drain, while old segments are archived", rate, "samples/s", "aim", AIM],
        [f"{what}: CPU in that", cpu, "% of a core"],
        [f"{what}: resident memory of the process that archives, most", compressor, "MB"],
    ]


def _owe(journal: Path) -> None:
    """Open the receiver's account with the first sample."""
    state = State.open(journal / "state.db")
    state.account(SINK, 1)
    state.close()


def _children(pid: int) -> list[int]:
    found = subprocess.run(("pgrep", "-P", str(pid)), capture_output=True, text=True, check=False)
    return list(map(int, found.stdout.split()))


def _rss_mb(pid: int) -> float:
    """Zero when it has ended."""
    try:
        return rss_mb(pid)
    except (FileNotFoundError, ProcessLookupError, LookupError):
        return 0.0
