"""When the host started; uptime is the time since then."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

from greenops_agent.collectors.source import Source
from greenops_core.catalogue import HOST_BOOT
from greenops_core.sample import Sample


def collect(source: Source, at: float) -> Iterable[Sample]:
    yield HOST_BOOT.sample(psutil.boot_time(), at, host=source.host)
