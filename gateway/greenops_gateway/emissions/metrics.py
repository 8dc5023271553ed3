"""What is shown of closed hours: the last one's values and their validity, and how far closing is behind.

Only what was measured is shown; no substitute for what is missing ever comes here.
"""

from __future__ import annotations

from collections.abc import Iterator

from greenops_core.catalogue import (
    EMISSION_HOUR,
    EMISSION_HOUR_END,
    EMISSION_HOUR_LAG,
    EMISSION_HOUR_OPERATING,
    EMISSION_HOUR_REVISIONS,
    EMISSION_HOUR_VALID,
)
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.emissions.entry import Entry, values
from greenops_gateway.emissions.follow import Stack
from greenops_telemetry.live import Live

Key = tuple[Metric, tuple[str, ...]]


class Shown:
    """The metrics of one stack."""

    def __init__(self, site: str, stack: Stack, live: Live, now: float) -> None:
        self._at, self._stack, self._live = (site, stack.plan.stack), stack, live
        self._keys: set[Key] = set()
        self._of_hour: set[Key] = set()
        self._hour = -1
        self._revisions = 0
        self._put(Sample(EMISSION_HOUR_REVISIONS, self._at, 0, now))

    def take(self, entry: Entry, now: float) -> None:
        """Show *entry* when no later hour is shown, and count it when it is a revision."""
        if entry.revision > 1:
            self._revisions += 1
            self._put(Sample(EMISSION_HOUR_REVISIONS, self._at, self._revisions, now))
        if entry.closed.hour < self._hour:
            return
        self._hour = entry.closed.hour
        zone = self._stack.plan.standard_time
        samples = list(_samples(self._at, entry, zone.begins(entry.closed.hour) + 3600.0, now, self._stack))
        for sample in samples:
            self._put(sample)
        for metric, labels in self._of_hour.difference((each.metric, each.labels) for each in samples):
            self._live.forget(metric, labels)  # of a plan that was another one
        self._of_hour = {(each.metric, each.labels) for each in samples}

    def lag(self, seconds: float, now: float) -> None:
        """Show by how many seconds closing is later than it is to be."""
        self._put(Sample(EMISSION_HOUR_LAG, self._at, seconds, now))

    def forget(self) -> None:
        """The stack is no more."""
        for metric, labels in self._keys:
            self._live.forget(metric, labels)
        self._keys.clear()

    def _put(self, sample: Sample) -> None:
        self._keys.add((sample.metric, sample.labels))
        self._live.put(sample)


def _samples(at: tuple[str, str], entry: Entry, end: float, now: float, stack: Stack) -> Iterator[Sample]:
    closed = entry.closed
    yield Sample(EMISSION_HOUR_END, at, end, now)
    yield Sample(EMISSION_HOUR_OPERATING, at, float(closed.operating_time), now)
    units = {name: plan.unit or PARAMETERS[name].unit for name, plan in stack.plan.measured.items()}
    units |= {name: each.unit for name, each in closed.computed.items()}
    for name, value in values(closed).items():
        if name in units:
            verdict = (Quality.BAD, Reason.STALE) if value is None else (Quality.GOOD, Reason.NONE)
            yield Sample(EMISSION_HOUR, (*at, name, units[name]), float(value or 0), now, *verdict)
            yield Sample(EMISSION_HOUR_VALID, (*at, name), float(value is not None), now)
