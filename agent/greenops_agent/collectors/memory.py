"""Physical memory, all of it and what programs can still get."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

from greenops_agent.collectors.source import Source
from greenops_core.catalogue import HOST_MEMORY, HOST_MEMORY_AVAILABLE
from greenops_core.sample import Sample


def parse(host: str, total: int, available: int, at: float) -> Iterable[Sample]:
    yield HOST_MEMORY.sample(total, at, host=host)
    yield HOST_MEMORY_AVAILABLE.sample(available, at, host=host)


def collect(source: Source, at: float) -> Iterable[Sample]:
    found = psutil.virtual_memory()
    return parse(source.host, found.total, found.available, at)
