"""The metrics of one limit, whatever it is judged by."""

from __future__ import annotations

from typing import NamedTuple

from greenops_core.catalogue import (
    EMISSION_AVERAGE,
    EMISSION_AVERAGE_COVERAGE,
    EMISSION_AVERAGE_PROJECTED,
    EMISSION_AVERAGE_VALID,
    EMISSION_EXCEEDANCE_DUE,
    EMISSION_LIMIT,
    EMISSION_LIMIT_RATIO,
    EMISSION_MEAN_ALLOWED,
)
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_telemetry.live import Live


class Labels(NamedTuple):
    """What tells a limit from others."""

    site: str
    stack: str
    parameter: str
    averaging: str


class Figures(NamedTuple):
    """What is said of a limit at a time, values in the permit's unit; what is absent is not said.

    *exceedance_due* is in seconds, *ratio* and *coverage* are shares.
    """

    average: float | None = None
    ratio: float | None = None
    is_valid: bool | None = None
    coverage: float | None = None
    projected: float | None = None
    allowed: float | None = None
    exceedance_due: float | None = None


class LimitMetrics:
    """Where the figures of one limit are shown."""

    def __init__(self, live: Live, labels: Labels, limit: float, unit: str) -> None:
        self._live, self._labels, self._limit, self._unit = live, labels, limit, unit

    def put(self, figures: Figures, now: float) -> None:
        """Show *figures* as they are at *now*, Unix time."""
        for metric, value in self._all(figures).items():
            known = (Quality.BAD, Reason.STALE) if value is None else (Quality.GOOD, Reason.NONE)
            self._live.put(Sample(metric, self._of(metric), value or 0.0, now, *known))

    def forget(self) -> None:
        """The limit is no more."""
        for metric in self._all(Figures()):
            self._live.forget(metric, self._of(metric))

    def _of(self, metric: Metric) -> tuple[str, ...]:
        return (*self._labels, self._unit) if "unit" in metric.labels else tuple(self._labels)

    def _all(self, figures: Figures) -> dict[Metric, float | None]:
        return {
            EMISSION_LIMIT: self._limit,
            EMISSION_AVERAGE: figures.average,
            EMISSION_LIMIT_RATIO: figures.ratio,
            EMISSION_AVERAGE_VALID: None if figures.is_valid is None else float(figures.is_valid),
            EMISSION_AVERAGE_COVERAGE: figures.coverage,
            EMISSION_AVERAGE_PROJECTED: figures.projected,
            EMISSION_MEAN_ALLOWED: figures.allowed,
            EMISSION_EXCEEDANCE_DUE: figures.exceedance_due,
        }
