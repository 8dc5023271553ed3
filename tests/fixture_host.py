"""A host made of files, as captured from a four-core office PC: what the agent reads below its root.

Time, load and energy move on as a test says; nothing of the machine that runs the test is read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from greenops_agent.collectors.source import Source
from greenops_agent.login import Record, Session
from greenops_agent.power.model import Model
from greenops_agent.settings import Identity, Settings
from greenops_core.address import address
from greenops_core.carbon import Factor, Tariff
from greenops_core.idle import Policy
from greenops_core.sample import Metric, Sample
from greenops_core.unit import Seconds, Watts

CAPTURED = Path(__file__).parent / "agent" / "host"
START = 1_763_650_000.0
TICKS_PER_SECOND = 100
PROCESSORS = 4

SETTINGS = Settings(
    identity=Identity("office-17", "finance", "DE", "Debian GNU/Linux 12 (bookworm)", "x86_64"),
    listen=address("127.0.0.1:0"),
    every=Seconds(5),
    factor=Factor("DE", 360.0, "ember", "2024.1.0"),
    tariff=Tariff(0.36, "EUR"),
    model=Model(Watts(20), Watts(100), Watts(30), measured=False),
    policy=Policy(after=Seconds(60), load_below=0.05),
    sessions=True,
    otlp=None,
    version="0.1.0",
)


def powercap(root: Path, zones: Mapping[str, Mapping[str, str | int]]) -> None:
    """Write the files of energy counters, by zone."""
    for zone, files in zones.items():
        folder = root / "sys/class/powercap" / zone
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(f"{content}\n")


def zone(name: str, microjoules: int, highest: int = 262_143_328_850, **more: int) -> dict[str, str | int]:
    """The files of one energy counter."""
    return {"name": name, "energy_uj": microjoules, "max_energy_range_uj": highest, **more}


@dataclass
class FixtureHost:
    """The files below *root*, and the clock. ``at`` is Unix time, ``clock`` the monotonic one."""

    root: Path
    at: float = START
    clock: float = 1000.0

    @classmethod
    def below(cls, folder: Path) -> FixtureHost:
        """A fresh copy of the captured files below *folder*."""
        shutil.copytree(CAPTURED, folder / "host")
        return cls(folder / "host")

    @property
    def source(self) -> Source:
        return Source(self.root, SETTINGS.identity.host, Record(self.root).sessions)

    def logs_in(self, *sessions: Session, **more: str) -> None:
        """Let logind record *sessions*, each with the fields in *more*."""
        for session in sessions:
            folder = self.root / "run/systemd/sessions"
            fields = {"USER": session.user, "STATE": "active", "CLASS": "user", "TTY": session.terminal} | more
            lines = [f"{name}={value}" for name, value in fields.items() if value is not None]
            number = len(list(folder.iterdir()))
            (folder / str(number)).write_text("\n".join(["# This is private data. Do not parse.", *lines]) + "\n")

    def keeps_no_record(self, *processes: str) -> None:
        """Let nobody record who is logged in, while *processes* run; without any, only the agent's own is seen."""
        shutil.rmtree(self.root / "run")
        for number, name in [*enumerate(processes, 1), (4711, "greenops-agent")]:
            (self.root / "proc" / str(number)).mkdir()
            (self.root / "proc" / str(number) / "comm").write_text(f"{name}\n")

    def passes(self, seconds: float, load: float) -> None:
        """Let time pass with *load* (0 to 1) on all processors."""
        self.at += seconds
        self.clock += seconds
        self.work(seconds * load * PROCESSORS, seconds * (1 - load) * PROCESSORS)

    def work(self, busy: float, rest: float) -> None:
        """Add seconds to the processors' user and idle time."""
        file = self.root / "proc/stat"
        first, *others = file.read_text().splitlines()
        word, user, nice, system, idle, *rest_of_line = first.split()
        user = str(int(user) + round(busy * TICKS_PER_SECOND))
        idle = str(int(idle) + round(rest * TICKS_PER_SECOND))
        file.write_text("\n".join([" ".join([word, user, nice, system, idle, *rest_of_line]), *others]) + "\n")

    def typed(self, terminal: str, ago: float) -> None:
        """Let the last input at *terminal* be so many seconds *ago*."""
        device = self.root / "dev" / terminal
        device.parent.mkdir(parents=True, exist_ok=True)
        device.touch()
        os.utime(device, (self.at - ago, self.at - ago))


def values(samples: Iterable[Sample], metric: Metric) -> dict[tuple[str, ...], float]:
    """The values of *metric* among *samples*, by labels."""
    return {sample.labels: sample.value for sample in samples if sample.metric is metric}


def steps(by: float) -> Callable[[], float]:
    """A stopwatch that shows *by* more at each look."""
    count = iter(range(10**9))
    return lambda: next(count) * by
