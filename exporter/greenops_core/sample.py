"""A sample: a value that travels with its labels, its time and its quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum

from greenops_core.unit import Unit


class Quality(IntEnum):
    """How far a value may be trusted. Ordered: what is derived is as bad as its worst input."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Reason(StrEnum):
    """Why a value is not good. A closed set: it is a label."""

    NONE = "none"
    COMMUNICATION = "communication"
    DEVICE_EXCEPTION = "device_exception"
    DECODE = "decode"
    SENTINEL = "sentinel"
    RANGE = "range"
    DEVICE_FAULT = "device_fault"
    CALIBRATION = "calibration"
    MAINTENANCE = "maintenance"
    STALE = "stale"


class Kind(Enum):
    """How a metric behaves: a gauge goes up and down, a counter only grows."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One entry of the catalogue. Its names are computed, so Prometheus and OTLP cannot drift apart.

    Entries are compared by identity: each metric exists once.

    >>> from greenops_core.unit import JOULE
    >>> Metric("host_energy", Kind.COUNTER, JOULE, "Energy used.", ("host",)).name
    'greenops_host_energy_joules_total'
    """

    stem: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[str, ...]
    otlp_name: str = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        base = "_".join(part for part in ("greenops", self.stem, self.unit.suffix) if part)
        object.__setattr__(self, "otlp_name", base)
        object.__setattr__(self, "name", base + "_total" if self.kind is Kind.COUNTER else base)

    def sample(self, value: float, at: float, **labels: str) -> Sample:
        """A good sample of this metric; ``Sample.marked`` makes it worse.

        Raises:
            TypeError: the labels are not exactly those of the catalogue.
        """
        try:
            values = tuple([labels[name] for name in self.labels])
        except KeyError:
            values = ()
        if len(values) != len(self.labels) or len(labels) != len(values):
            raise TypeError(f"{self.name} has labels {self.labels}, got {tuple(labels)}")
        return Sample(self, values, value, at)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series.

    ``labels`` are the values in the order of ``metric.labels``; ``at`` is when it was measured, in Unix seconds.
    """

    metric: Metric
    labels: tuple[str, ...]
    value: float
    at: float
    quality: Quality = Quality.GOOD
    reason: Reason = Reason.NONE

    def marked(self, quality: Quality, reason: Reason) -> Sample:
        """The same sample with another quality."""
        return Sample(self.metric, self.labels, self.value, self.at, quality, reason)
