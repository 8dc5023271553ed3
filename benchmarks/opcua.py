"""Our OPC UA driver beside asyncua's own client and node-opcua's, all on the same node-opcua server."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import load
from benchmarks.table import Table, progress

from stack import DATA, ROOT, StackError, free_port

HERE = Path(__file__).parent
LIBRARIES = DATA / "opcua-node" / "node_modules"
READ, SUBSCRIBED = 5_000, 10_000
EVERY = 0.5
PATIENCE = 120.0
MODES: Mapping[str, tuple[str, int]] = {
    f"read of {READ} nodes every {EVERY:g} s": ("read", READ),
    f"{SUBSCRIBED} monitored items that change every second": ("subscribe", SUBSCRIBED),
}


@dataclass(frozen=True)
class Run:
    """What a client got and took."""

    values: int
    cpu_s: float
    seconds: float
    rss_mb: float


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """All clients in turns; values for each second of processor time."""
    rounds, seconds = (1, 4.0) if quick else (3, 15.0)
    head = ["client", "values a CPU second", "CPU, us a value", "values/s", "RSS, MB"]
    node = shutil.which("node")
    if node is None or not (LIBRARIES / "node-opcua-server").is_dir():
        why = "no node on the PATH" if node is None else f"no node-opcua-server in {LIBRARIES}"
        return Table("OPC UA: not measured", head, [[f"node-opcua: not here: {why}", "", "", "", ""]])
    clients: dict[str, list[str | Path]] = {
        "greenops": [sys.executable, HERE / "opcua_client.py", "greenops"],
        "asyncua": [sys.executable, HERE / "opcua_client.py", "asyncua"],
    }
    missing = []
    if (LIBRARIES / "node-opcua-client").is_dir():
        clients["node-opcua"] = [node, HERE / "opcua_client.cjs"]
    else:
        missing = [[f"node-opcua's client: not here: none in {LIBRARIES}", "", "", "", ""]]
    runs: dict[tuple[str, str], list[Run]] = {}
    with _server(node, SUBSCRIBED) as url:
        for number in range(rounds):
            for what, (mode, count) in MODES.items():
                for name, command in clients.items():
                    progress(f"opcua: {name}, {mode}, round {number + 1} of {rounds}")
                    runs.setdefault((what, name), []).append(_run([*command, url, mode], count, seconds))
    return Table(
        "OPC UA on one node-opcua server, no security, our driver with its samples but without quality rules; "
        f"median of {rounds} x {seconds:g} s in turns, load {load()}",
        head,
        [*_rows(runs), *missing],
    )


def _rows(runs: Mapping[tuple[str, str], list[Run]]) -> Iterator[list[str | float]]:
    for what in MODES:
        numbers = {name: _numbers(found) for (which, name), found in runs.items() if which == what}
        for name, found in numbers.items():
            yield [f"{name}, {what}", *found]
        ours = numbers.pop("greenops")
        for name, theirs in numbers.items():
            yield [f"ours / {name}", *(mine / other for mine, other in zip(ours, theirs, strict=True))]


def _numbers(runs: list[Run]) -> list[float]:
    return [
        statistics.median(run.values / run.cpu_s for run in runs),
        statistics.median(1e6 * run.cpu_s / run.values for run in runs),
        statistics.median(run.values / run.seconds for run in runs),
        statistics.median(run.rss_mb for run in runs),
    ]


def _run(command: list[str | Path], count: int, seconds: float) -> Run:
    """Raises StackError: the client failed."""
    numbers = (str(count), f"{seconds:g}", f"{EVERY:g}")
    environment = {**os.environ, "NODE_PATH": str(LIBRARIES), "PYTHONPATH": os.pathsep.join(_paths())}
    try:
        done = subprocess.run(
            (*command, *numbers), env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{Path(command[-4]).name} does not end") from None
    except subprocess.CalledProcessError as error:
        raise StackError(f"{' '.join(map(str, command))}: {error.stderr.strip().rpartition(chr(10))[2]}") from None
    values, cpu, took, rss = done.stdout.splitlines()[-1].split()
    return Run(int(values), float(cpu), float(took), float(rss) / 1e6)


def _paths() -> list[str]:
    return [str(ROOT), str(ROOT / "deploy" / "local")]


@contextmanager
def _server(node: str, count: int) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "NODE_PATH": str(LIBRARIES)}
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+b") as log:
        command = (node, HERE / "opcua_server.cjs", str(port), str(count), folder)
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
        ) as process:
            try:
                if "ready\n" not in (process.stdout or ()):
                    raise StackError("the OPC UA server does not start")
                yield f"opc.tcp://127.0.0.1:{port}"
            finally:
                process.kill()
