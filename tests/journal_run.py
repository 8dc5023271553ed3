"""The gateway as it is shipped: run on one journal again and again, ended in all ways, and its files read at the end.

What it says of itself is asked for only to know when it is at rest; ``journal_proof`` does not believe it.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from greenops_core.catalogue import POINT_METRICS
from greenops_core.sample import Quality, Reason
from greenops_core.unit import quantity_of
from greenops_telemetry.configuration import convert
from greenops_telemetry.delivery.configuration import Journal
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.series import Series, described
from greenops_telemetry.journal.store import Store
from real_servers import eventually, get
from sink_oracle import SinkOracle, sink_oracle
from stack import answers, free_port, program
from stamped_device import StampedDevice, stamped_device

UNITS, TAGS = 8, 8
UNIT = "mg/m3"
POLL = 0.1
LAG = 0.001
ROUNDS = 3
"""Polls of all units in one commit of a backlog."""
BATCH = 500
"""Samples in one request, where it matters."""
SEGMENT = "64KiB"
PATIENCE = 60.0


@dataclass(slots=True)
class Life:
    """One run of the program; times are Unix seconds, *code* is how it ended, None while it runs."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    began: float
    keeper: subprocess.Popen[bytes] | None = None
    """Writes the log for a program that must write no file."""
    ended: float = 0.0

    @property
    def code(self) -> int | None:
        return self.process.returncode

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def ready(self) -> None:
        """Wait until every device was tried."""
        eventually(lambda: self.alive() and answers(f"{self.url}/-/ready"), PATIENCE)

    def alive(self) -> bool:
        assert self.process.poll() is None, self.tail()
        return True

    def tail(self) -> str:
        """For a person: how it ended, and what it said last."""
        return f"ended with {self.code}:\n{self.log.read_text(errors='replace')[-3000:]}"

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        assert self.killed

    def stop(self) -> None:
        """As an operator does."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.wait()
        assert self.code == 0, self.tail()

    def reload(self) -> None:
        """Have the configuration read again."""
        self.process.send_signal(signal.SIGHUP)

    def wait(self) -> None:
        self.process.wait(PATIENCE)
        self.ended = time.time()
        if self.keeper is not None:
            self.keeper.wait(PATIENCE)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the series *name* with *labels*."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(get(f"{self.url}/metrics"))
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


class Rig:
    """A device, a journal and its sinks; *sinks* is the section of the configuration, which ``write`` writes anew."""

    def __init__(self, folder: Path, device: StampedDevice, oracle: SinkOracle, *, units: int, tags: int) -> None:
        self.folder, self.device, self.oracle = folder, device, oracle
        self.journal = folder / "journal"
        self.units, self.tags = units, tags
        self.section: dict[str, Any] = {"directory": str(self.journal), "segment": SEGMENT}
        self.sinks: dict[str, Any] = {"oracle": remote_write(oracle.url)}
        self.more: dict[str, Any] = {}
        self.lives: list[Life] = []
        self._port = free_port()

    @property
    def kills(self) -> int:
        return sum(life.killed for life in self.lives)

    def configuration(self) -> dict[str, Any]:
        """As it is written to the file."""
        points = [{"name": f"t{tag}", "at": 2 * tag, "type": "u32", "unit": UNIT} for tag in range(self.tags)]
        link = {"protocol": "modbus", "host": "127.0.0.1", "port": self.device.port, "timeout": "5s"}
        unit = {"link": "gas", "stack": "s", "poll": f"{POLL * 1000:g}ms", "points": points}
        devices = [{"name": f"u{number}", "unit": number, **unit} for number in range(1, self.units + 1)]
        whole = {"site": "plant", "listen": f"127.0.0.1:{self._port}", "journal": self.section, "sinks": self.sinks}
        return {**whole, "links": {"gas": link}, "devices": devices, **self.more}

    def write(self, content: Mapping[str, Any] | None = None) -> None:
        """Put down the configuration, at once or not at all."""
        half = self.folder / "gateway.half"
        half.write_text(yaml.safe_dump(dict(content or self.configuration())), encoding="utf-8")
        half.rename(self.folder / "gateway.yml")

    def start(
        self, environment: Mapping[str, str] | None = None, *, wrapper: Sequence[str | Path] = (), piped: bool = False
    ) -> Life:
        """Begin a life, by way of the command *wrapper* if there is one, and do not wait for anything.

        *piped*: what it says goes through a pipe, and writes no file.
        """
        if not (self.folder / "gateway.yml").exists():
            self.write()
        log = self.folder / "gateway.log"
        command = [*wrapper, program("greenops-gateway"), "run", "--config", self.folder / "gateway.yml"]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
                start_new_session=True,
            )
            keeper = None
            if process.stdout is not None:
                keeper = subprocess.Popen(["cat"], stdin=process.stdout, stdout=output)
                process.stdout.close()
        life = Life(process, f"http://127.0.0.1:{self._port}", log, time.time(), keeper)
        self.lives.append(life)
        return life

    def run(self, seconds: float) -> Life:
        """Begin a life, and let it read the device for *seconds*."""
        life = self.start()
        self.flows(life)
        time.sleep(seconds)
        life.alive()
        return life

    def flows(self, life: Life) -> None:
        """Wait until the device is asked."""
        self.device.asked.clear()
        eventually(lambda: life.alive() and self.device.asked.is_set(), PATIENCE, 0.01)

    def sends(self, life: Life) -> None:
        """Wait until the sink is sent to."""
        self.oracle.asked.clear()
        eventually(lambda: life.alive() and self.oracle.asked.is_set(), PATIENCE, 0.01)

    def pending(self, sink: str = "oracle") -> int:
        """How many samples *sink* has yet to get, by the files; as if there were one while there is no file."""
        if not (self.journal / "state.db").exists():
            return 1
        with Store.visit(self.journal) as store:
            account = store.state.accounts().get(sink)
            return 1 if account is None else account.pending(store.next)

    def rest(self, *sinks: str, patience: float = PATIENCE) -> None:
        """Silence the device, wait until all *sinks* have everything, and end the program, which must have been well.

        Where the journal lies out of sight, the program is asked.
        """
        self.device.silent = True
        if not self.lives or self.lives[-1].code is not None:
            self.start()
        life = self.lives[-1]
        life.ready()
        eventually(lambda: life.alive() and life.metric("greenops_device_up") == 0, patience)
        time.sleep(0.5)  # what that means for each point is committed
        for sink in sinks or ("oracle",):
            eventually(partial(self._has_all, life, sink), patience, 0.2)
        life.stop()
        assert "Traceback" not in life.log.read_text(errors="replace")

    def _has_all(self, life: Life, sink: str) -> bool:
        life.alive()
        if self.journal.exists():
            return self.pending(sink) == 0
        time.sleep(1.5)  # it looks once a second
        return life.metric("greenops_delivery_pending_samples", sink=sink) == 0

    def backlog(self, samples: int, age: float = 0.0, first: int = 1) -> None:
        """Commit *samples* that the device served *age* seconds ago, as if the program had run then and sent nothing.

        They are of as many units as it reads, from the unit *first* on.
        """
        commits = -(-samples // (self.units * self.tags * ROUNDS))
        section = convert(self.section, Journal)
        began = time.time() - age - commits * ROUNDS * POLL
        with Store.open(self.journal, section.bounds()) as store:
            for sink in self.sinks:
                store.state.account(sink, store.oldest)
            numbers = {
                unit: [store.number(self._series(unit, tag)) for tag in range(self.tags)]
                for unit in range(first, first + self.units)
            }
            for commit in range(commits):
                columns = Columns()
                for each in range(commit * ROUNDS, (commit + 1) * ROUNDS):
                    for unit, points in numbers.items():
                        at = began + each * POLL + random.uniform(0, POLL / 2)
                        data = self.device.answer(unit, 0, 2 * self.tags, at)
                        for number, (value,) in zip(points, struct.iter_unpack(">I", data), strict=True):
                            columns.add(
                                number, float(value), at, at + random.uniform(0, LAG), Quality.GOOD, Reason.NONE
                            )
                store.commit(columns)

    def _series(self, unit: int, tag: int) -> Series:
        return described(POINT_METRICS[quantity_of(UNIT)], ("plant", "s", f"u{unit}", f"t{tag}"))


def times(request: pytest.FixtureRequest, short: int, soak: int) -> int:
    """How often something is done: *soak* times with ``-m soak``, else *short*."""
    return soak if "soak" in str(request.config.getoption("-m")) else short


def remote_write(url: str, **more: object) -> dict[str, Any]:
    """A sink of the configuration."""
    return {"kind": "remote_write", "url": url, "version": "1.0", "batch": BATCH, "timeout": "2s", **more}


@contextmanager
def rig(folder: Path, *, units: int = UNITS, tags: int = TAGS) -> Iterator[Rig]:
    """A rig below *folder*; nothing that it started is left."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        made = Rig(
            folder,
            stack.enter_context(stamped_device()),
            stack.enter_context(sink_oracle()),
            units=units,
            tags=tags,
        )
        try:
            yield made
        finally:
            for life in made.lives:
                if life.process.poll() is None:
                    os.killpg(life.process.pid, signal.SIGKILL)
                life.wait()
