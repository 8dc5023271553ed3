"""What was used since the agent started: joules, grams and money, each with the factor and tariff of its own second.

Rules of this file. Adding up happens here, at the source, because a query over gaps and changing factors cannot do it
afterwards. What was used while idle is a part of the whole, never beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from greenops_agent.power.use import Meter, Use
from greenops_core.carbon import Factor, Tariff, cost, emissions, intensity
from greenops_core.idle import State
from greenops_core.unit import Grams, Joules, Seconds

NOTHING = Joules(0.0)
NO_GRAMS = Grams(0.0)


@dataclass(slots=True)
class Sum:
    """Energy with what it emitted and cost."""

    energy: Joules = NOTHING
    emissions: Grams = NO_GRAMS
    cost: float = 0.0

    def add(self, used: Joules, factor: Factor, tariff: Tariff) -> None:
        """Count *used* at the factor and tariff valid now."""
        self.energy = Joules(self.energy + used)
        self.emissions = Grams(self.emissions + emissions(used, intensity(factor.grams_per_kwh)))
        self.cost += cost(used, tariff)


@dataclass(slots=True)
class Measured:
    """Energy by one meter; *sigma* is one standard deviation of it, added up as it is the same error all day."""

    energy: Joules = NOTHING
    sigma: Joules = NOTHING

    @property
    def uncertainty(self) -> float | None:
        """*sigma* as a share of the energy; None while there is none."""
        return self.sigma / self.energy if self.energy > 0 else None


@dataclass(slots=True)
class Account:
    """All that is added up for one host."""

    measured: dict[Meter, Measured] = field(default_factory=dict)
    total: Sum = field(default_factory=Sum)
    idle: Sum = field(default_factory=Sum)
    time: dict[State, Seconds] = field(default_factory=lambda: dict.fromkeys(State, Seconds(0.0)))

    def watch(self, meter: Meter) -> None:
        """Begin with nothing by *meter*: a counter that starts at 0 loses no first increase."""
        self.measured.setdefault(meter, Measured())

    def spend(self, state: State, lasted: Seconds) -> None:
        """Count time in *state*."""
        self.time[state] = Seconds(self.time[state] + lasted)

    def add(self, used: Use, state: State, factor: Factor, tariff: Tariff) -> None:
        """Count energy *used* in *state*."""
        self.watch(used.meter)
        by_meter = self.measured[used.meter]
        by_meter.energy = Joules(by_meter.energy + used.energy)
        by_meter.sigma = Joules(by_meter.sigma + used.sigma)
        self.total.add(used.energy, factor, tariff)
        if state is State.IDLE:
            self.idle.add(used.energy, factor, tariff)
