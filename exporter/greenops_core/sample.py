"""A sample: a value that travels with its labels, its time and its quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple

from greenops_core.unit import Unit


class Quality(IntEnum):
    """How far a value may be trusted. Ordered: what is derived is as bad as its worst input."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Reason(StrEnum):
    """Why a value is not good. A closed set: it is a label. What explains the most comes first."""

    COMMUNICATION = "communication"
    """Nobody answered, or the way there is cut."""
    DEVICE_EXCEPTION = "device_exception"
    """The device answered that it cannot give this value."""
    DECODE = "decode"
    """What came makes no sense for this point."""
    DEVICE_FAULT = "device_fault"
    MAINTENANCE = "maintenance"
    CALIBRATION = "calibration"
    """Zero or span gas, a linearity check: not what the stack emitted."""
    BLOWBACK = "blowback"
    """The probe is being cleaned."""
    OUT_OF_CONTROL = "out_of_control"
    """A failed calibration or audit, until the next good one."""
    SENTINEL = "sentinel"
    """The number by which the device says that it has none, or one that is not finite."""
    RANGE = "range"
    RATE = "rate"
    """It changed faster than the process can."""
    SPIKE = "spike"
    """It stands far from its neighbours in time."""
    FLAT_LINE = "flat_line"
    """It did not change for longer than a living signal does."""
    STALE = "stale"
    """Too old to speak of now."""
    FORCED = "forced"
    """A person or a program put it there; nobody measured it."""
    WARM_UP = "warm_up"
    """The device was restarted and has not settled."""
    CLOCK = "clock"
    """Its time cannot be trusted."""
    DEVICE_UNCERTAIN = "device_uncertain"
    """The device gives the value and says that it may be wrong."""
    NONE = "none"


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


class Sample(NamedTuple):
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
