"""What a journal costs the gateway: 10 000 samples a second with one, without one, and while a segment is archived."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import gateway_yml, journal_files
from benchmarks.modbus_devices import POINTS, Devices, devices
from benchmarks.process import Scraper, cpu_seconds, percentile, rss_mb
from benchmarks.scale import lateness_ms
from benchmarks.table import Rows, progress

from stack import StackError

DEVICES = 100
SETTLING = 3.0
LONG_AGO = 2 * 86_400
ARCHIVED = 3 * journal_files.SEGMENT


@dataclass(frozen=True, slots=True)
class Load:
    """A gateway at work: of one core, MB, milliseconds that polls were late, samples committed in a second."""

    cpu_percent: float
    rss_mb: float
    late_ms: list[float]
    rate: float = 0.0


def rows(quick: bool) -> Rows:  # noqa: FBT001  # as ``measure`` is called
    """The three gateways, one after the other."""
    seconds = 6.0 if quick else 60.0
    with devices(DEVICES) as simulated:
        without = _load(simulated, seconds)
        with tempfile.TemporaryDirectory() as folder:
            journal = _load(simulated, seconds, Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            journal_files.copied(Path(folder), ARCHIVED, time.time() - LONG_AGO)
            archiving = _load(simulated, seconds, Path(folder))
    what = f"{DEVICES * POINTS} samples/s"
    busy = f"{what}, archiving"
    return [
        [f"{what}: gateway, CPU", journal.cpu_percent, "% of a core", "without a journal", without.cpu_percent],
        [f"{what}: resident memory", journal.rss_mb, "MB", "without a journal", without.rss_mb],
        *_late(what, journal, "without a journal", without),
        [f"{what}: committed", journal.rate, "samples/s", "polled", float(DEVICES * POINTS)],
        [
            f"{what}, archiving: gateway, CPU",
            archiving.cpu_percent,
            "% of a core",
            "not archiving",
            journal.cpu_percent,
        ],
        *_late(busy, archiving, "not archiving", journal),
    ]


def _late(what: str, ours: Load, beside: str, other: Load) -> Rows:
    return [
        [f"{what}: a poll is late, p{percent}", mine, "ms", beside, theirs]
        for percent, mine, theirs in (
            (percent, percentile(ours.late_ms, percent), percentile(other.late_ms, percent)) for percent in (99, 100)
        )
    ]


def _load(simulated: Devices, seconds: float, journal: Path | None = None) -> Load:
    progress(f"journal: a gateway {'without a journal' if journal is None else 'with a journal'}")
    with _running(simulated.port, journal) as (pid, port), closing(Scraper(port)) as scraper:
        time.sleep(SETTLING)
        since, samples = _committed(scraper) if journal else (0.0, 0.0)
        simulated.take()
        began, before = time.monotonic(), cpu_seconds(pid)
        time.sleep(seconds)
        cpu = 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)
        late, memory = lateness_ms(simulated.take()), rss_mb(pid)
        if not journal:
            return Load(cpu, memory, late)
        until, now = _committed(scraper)
        return Load(cpu, memory, late, (now - samples) / (until - since))


def _committed(scraper: Scraper) -> tuple[float, float]:
    """When the gateway said for the first time that so many samples lie in the journal, and how many."""
    known = now = metric(scraper, "greenops_journal_samples_total")
    while now == known:
        time.sleep(0.1)
        now = metric(scraper, "greenops_journal_samples_total")
    return time.monotonic(), now


def metric(scraper: Scraper, name: str) -> float:
    """The only series *name* of a gateway.

    Raises:
        StackError: there is none.
    """
    for line in scraper.scrape().splitlines():
        if line.startswith(f"{name}{{"):
            return float(line.rpartition(" ")[2])
    raise StackError(f"the gateway's page has no {name}")


@contextmanager
def _running(port: int, journal: Path | None) -> Iterator[tuple[int, int]]:
    more = "" if journal is None else f"journal: {{directory: {journal}}}\n"
    with tempfile.TemporaryDirectory() as folder:
        config = gateway_yml.write(Path(folder), DEVICES, port, more=more)
        with gateway_yml.gateway(config) as running:
            yield running
