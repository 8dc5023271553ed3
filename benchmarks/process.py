"""A program under measurement: the processor time and memory that it takes, and how soon it gives its page."""

from __future__ import annotations

import http.client
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROMETHEUS = {
    "Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "identity",
    "User-Agent": "Prometheus/2.42.0",
}


def cpu_seconds(pid: int) -> float:
    """What all threads of the process *pid* ran so far; nanoseconds are behind it, not the ticks of the clock."""
    threads = Path("/proc", str(pid), "task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def rss_mb(pid: int) -> float:
    """Resident memory in MB of 1e6 bytes."""
    return kibibytes(Path("/proc", str(pid), "status"), "VmRSS") * 1024 / 1e6


def kibibytes(file: Path, name: str) -> float:
    """Memory as the kernel tells it in *file*.

    Raises:
        LookupError: it does not.
    """
    for line in file.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return float(value.split()[0])
    raise LookupError(f"{file} has no {name}")


def load() -> str:
    """The machine's load average over a minute, for a table's title."""
    return Path("/proc/loadavg").read_text().split()[0]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of *values* that *percent* of them do not exceed.

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 95)
    (2, 4)
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass
class Scraper:
    """Asks for a page over one connection that stays open, and keeps how long each took in milliseconds."""

    port: int
    took_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def scrape(self, path: str = "/metrics") -> str:
        """The page at *path*.

        Raises:
            OSError: nobody answers.
        """
        began = time.perf_counter()
        self._connection.request("GET", path, headers=PROMETHEUS)
        page = self._connection.getresponse().read()
        self.took_ms.append((time.perf_counter() - began) * 1e3)
        return page.decode()

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True)
class Round:
    """What one program took in one round, for how many *requests* in all and how many wanted values a second."""

    seconds: float
    cpu_s: float
    rss_mb: float
    took_ms: list[float]
    requests: int
    values_a_second: float
    fresh: float = 100.0
    """The share of wanted values that were there and new whenever somebody looked, in percent."""

    @property
    def cpu_percent(self) -> float:
        """Of one core."""
        return 100 * self.cpu_s / self.seconds

    @property
    def cpu_us_a_value(self) -> float:
        return 1e6 * self.cpu_s / self.seconds / self.values_a_second

    @property
    def requests_a_second(self) -> float:
        return self.requests / self.seconds


def median(rounds: Sequence[Round], name: str) -> float:
    """The median of one number over *rounds*."""
    return statistics.median(float(getattr(each, name)) for each in rounds)
