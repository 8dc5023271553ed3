"""Processor time by mode, the number of processors, and from two looks at it the load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psutil

from greenops_agent.collectors.source import Source
from greenops_core.catalogue import HOST_CPU, HOST_CPUS
from greenops_core.errors import DecodeError
from greenops_core.sample import Sample

# Guest time is inside user and nice already.
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
AT_REST = frozenset({"idle", "iowait", "steal"})
Times = Mapping[str, float]


def load(before: Times, now: Times) -> float | None:
    """Share of all processors at work between two looks, 0 to 1; None where no time has passed.

    >>> load({"user": 1, "idle": 1}, {"user": 2, "idle": 4}), load({"user": 1}, {"user": 1})
    (0.25, None)
    """
    # A counter may step back a little (iowait does): that is no time, not negative time.
    passed = {mode: max(now[mode] - before.get(mode, 0.0), 0.0) for mode in now}
    total = sum(passed.values())
    return sum(seconds for mode, seconds in passed.items() if mode not in AT_REST) / total if total > 0 else None


def times() -> Times:
    """Seconds of all processors by mode.

    Raises:
        DecodeError: the kernel's text holds fewer numbers than modes.
    """
    try:
        found = psutil.cpu_times()
    except TypeError as error:  # psutil fills a tuple without counting
        raise DecodeError(f"proc/stat is not as the kernel writes it: {error}") from None
    return {mode: getattr(found, mode, 0.0) for mode in MODES}


def parse(host: str, found: Times, processors: int, at: float) -> Iterable[Sample]:
    for mode, seconds in found.items():
        yield HOST_CPU.sample(seconds, at, host=host, mode=mode)
    yield HOST_CPUS.sample(processors, at, host=host)


def collect(source: Source, at: float) -> Iterable[Sample]:
    return parse(source.host, times(), len(psutil.cpu_times(percpu=True)), at)
