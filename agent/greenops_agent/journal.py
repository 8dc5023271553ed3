"""The section ``journal:`` of the agent's configuration: small, for a host has other uses for its disk."""

from __future__ import annotations

from greenops_core.duration import Duration, Size
from greenops_telemetry.configuration import lasting
from greenops_telemetry.delivery import configuration as delivery


class Journal(delivery.Journal, frozen=True, kw_only=True):
    """Where what is pushed lies until every sink has it; *every* is how often all figures are put there."""

    max_size: Size = delivery.sized("8MiB")
    segment: Size = delivery.sized("1MiB")
    every: Duration = lasting("1m")
