"""What the host is."""

from __future__ import annotations

from collections.abc import Iterable

from greenops_agent.collectors.source import Collector, Source
from greenops_agent.settings import Identity
from greenops_core.catalogue import HOST_INFO
from greenops_core.sample import Sample


def collector(identity: Identity) -> Collector:
    """The collector of a host with this *identity*."""

    def collect(_source: Source, at: float) -> Iterable[Sample]:
        yield HOST_INFO.sample(
            1,
            at,
            host=identity.host,
            department=identity.department,
            zone=identity.zone,
            os=identity.os,
            machine=identity.machine,
        )

    return collect
