"""What the simulated stack emits: smooth signals with a little noise, the same for the same seed. Pure.

Scenarios: *normal* stays near 60 % of the demo limits; in *exceedance* SO2 climbs to twice its limit within seconds; in
*drift* the zero of NOx creeps up; in *failure* the signals go on, but the device cannot be reached.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

Scenario = Literal["normal", "exceedance", "failure", "drift"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)

SETTLING = 4.0
"""Time constant, in seconds, with which a signal follows a change of scenario."""
DRIFT = 0.05
"""How fast the zero of NOx creeps, in mg/m3 per second."""

# The mean of each signal in the unit that the device gives, and how far it swings around it.
SIGNALS: Mapping[str, tuple[float, float]] = {
    "so2": (90.0, 0.06),
    "nox": (120.0, 0.05),
    "co": (60.0, 0.08),
    "dust": (6.0, 0.08),
    "o2": (6.0, 0.04),
    "temperature": (142.0, 0.02),
    "pressure": (1009.0, 0.002),
    "flow": (185_000.0, 0.03),
}
EXCEEDING = {"so2": 300.0}
PERIODS = (97.0, 31.0)


@dataclass(frozen=True, slots=True)
class Process:
    """The state of the stack: its scenario since when, and where each signal's mean stood at that moment."""

    seed: int
    scenario: Scenario = "normal"
    since: float = 0.0
    means: tuple[tuple[str, float], ...] = tuple((name, mean) for name, (mean, _) in SIGNALS.items())

    def switched(self, scenario: Scenario, now: float) -> Process:
        """The same stack, in another scenario from *now* on; nothing jumps."""
        means = tuple((name, self._mean(name, start, now)) for name, start in self.means)
        return replace(self, scenario=scenario, since=now, means=means)

    def values(self, now: float) -> dict[str, float]:
        """Every signal at *now*, in the unit that the device gives."""
        return {name: self._mean(name, start, now) * self._swing(name, now) for name, start in self.means}

    def _mean(self, name: str, start: float, now: float) -> float:
        aim = EXCEEDING.get(name, SIGNALS[name][0]) if self.scenario == "exceedance" else SIGNALS[name][0]
        elapsed = max(now - self.since, 0.0)
        drifted = DRIFT * elapsed if self.scenario == "drift" and name == "nox" else 0.0
        return aim + (start - aim) * math.exp(-elapsed / SETTLING) + drifted

    def _swing(self, name: str, now: float) -> float:
        _, width = SIGNALS[name]
        chance = random.Random(f"{self.seed}/{name}")  # noqa: S311  # a process model, not a secret
        waves = sum(math.sin(2 * math.pi * (now / period + chance.random())) for period in PERIODS)
        noise = random.Random(f"{self.seed}/{name}/{now:.1f}").uniform(-1, 1)  # noqa: S311  # the same
        return 1 + width * (0.4 * waves + 0.2 * noise)
