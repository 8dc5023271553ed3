"""Which collectors there are, and running one: it succeeded or not, and how long it took, for each for free.

To add a collector, write its file below ``collectors/`` and one line here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

import psutil

from greenops_agent.collectors import boot, cpu, host, memory, sessions
from greenops_agent.collectors.energy import Energy
from greenops_agent.collectors.source import Collector, Source
from greenops_agent.settings import Settings
from greenops_core.catalogue import COLLECTOR_DURATION, COLLECTOR_SUCCESS
from greenops_core.errors import GreenopsError
from greenops_core.sample import Quality, Reason, Sample
from greenops_telemetry.live import Live

log = logging.getLogger("collector")

# psutil has no error of its own for a /proc that reads otherwise than it expects: Python's come through.
FAILURES = (OSError, GreenopsError, psutil.Error, RuntimeError, LookupError, ValueError)


def collectors(settings: Settings, clock: Callable[[], float] = time.monotonic) -> Mapping[str, Collector]:
    """All collectors that run with *settings*, by name. *clock* gives monotonic seconds."""
    found: dict[str, Collector] = {
        "host": host.collector(settings.identity),
        "cpu": cpu.collect,
        "memory": memory.collect,
        "boot": boot.collect,
        "sessions": sessions.collect,
        "energy": Energy(settings, clock).collect,
    }
    if not settings.sessions:
        del found["sessions"]
    return found


class Collection:
    """Runs collectors into the live picture. What a collector no longer finds, or could not read, is absent at once."""

    def __init__(
        self, source: Source, running: Mapping[str, Collector], live: Live, stopwatch: Callable[[], float]
    ) -> None:
        self._source, self._running, self._live, self._stopwatch = source, running, live, stopwatch
        self._found: dict[str, list[Sample]] = {}
        self._failing: dict[str, str] = {}

    def run(self, at: float, expires: float) -> None:
        """Run every collector once, at Unix time *at*; what it found holds until *expires*."""
        psutil.PROCFS_PATH = str(self._source.root / "proc")
        for name, collector in self._running.items():
            began = self._stopwatch()
            found, error = _attempt(collector, self._source, at)
            took = self._stopwatch() - began
            self._tell(name, error)
            self._replace(name, found, expires)
            labels = {"host": self._source.host, "collector": name}
            self._live.put(COLLECTOR_SUCCESS.sample(not error, at, **labels), expires)
            self._live.put(COLLECTOR_DURATION.sample(took, at, **labels), expires)

    def _replace(self, name: str, found: list[Sample], expires: float) -> None:
        series = {(sample.metric, sample.labels) for sample in found}
        for sample in self._found.get(name, ()):
            if (sample.metric, sample.labels) not in series:
                self._live.put(sample.marked(Quality.BAD, Reason.COMMUNICATION))
        for sample in found:
            self._live.put(sample, expires)
        self._found[name] = found

    def _tell(self, name: str, error: str) -> None:
        """One line per change, not one per run."""
        if error and self._failing.get(name) != error:
            log.warning("%s failed, its metrics are absent: %s", name, error)
        elif not error and self._failing.get(name):
            log.info("%s works again", name)
        self._failing[name] = error


def _attempt(collector: Collector, source: Source, at: float) -> tuple[list[Sample], str]:
    """What was found and no error, or nothing and why."""
    try:
        return list(collector(source, at)), ""
    except FAILURES as error:
        return [], f"{type(error).__name__}: {error}"
