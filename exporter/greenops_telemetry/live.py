"""The live picture: the last good value of every series.

Rules of this file: one writer; readers get an immutable snapshot. A bad value is absent, and so is one that grew older
than its series allows. No timestamps leave here: Prometheus would keep a vanished series alive for five minutes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from greenops_core.sample import Metric, Quality, Sample


class Series(NamedTuple):
    """One line of exposition: everything before the value, and the sample behind it."""

    prefix: str
    sample: Sample
    expires: float


Snapshot = tuple[tuple[Metric, tuple[Series, ...]], ...]
"""Families in order of first appearance, each with its fresh series."""


class Live:
    """Holds the last sample of every series. One thread puts and takes snapshots; a snapshot may go anywhere."""

    def __init__(self) -> None:
        self._families: dict[Metric, dict[tuple[str, ...], Series]] = {}

    def put(self, sample: Sample, expires: float = math.inf) -> None:
        """Take *sample* over; a bad one ends its series. After *expires* (Unix time) the series is absent."""
        metric, labels = sample.metric, sample.labels
        family = self._families.get(metric)
        if family is None:
            family = self._families[metric] = {}
        if sample.quality is Quality.BAD:
            family.pop(labels, None)
            return
        known = family.get(labels)
        family[labels] = Series(known[0] if known else _prefix(metric, labels), sample, expires)

    def count(self, metric: Metric, at: float, amount: float = 1.0, **labels: str) -> None:
        """Add *amount* to a counter."""
        fresh = metric.sample(amount, at, **labels)
        known = self._families.get(metric, {}).get(fresh.labels)
        self.put(replace(fresh, value=known.sample.value + amount) if known else fresh)

    def snapshot(self, now: float) -> Snapshot:
        """What is fresh at *now*; what is not is forgotten."""
        taken = []
        for metric, family in self._families.items():
            fresh = tuple([series for series in family.values() if series[2] > now])
            if len(fresh) < len(family):
                self._families[metric] = {series.sample.labels: series for series in fresh}
            if fresh:
                taken.append((metric, fresh))
        return tuple(taken)


def _prefix(metric: Metric, labels: tuple[str, ...]) -> str:
    """Rendered once per series: this is what makes exposition cheap."""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in zip(metric.labels, labels, strict=True))
    return f"{metric.name}{{{pairs}}} " if pairs else f"{metric.name} "


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
