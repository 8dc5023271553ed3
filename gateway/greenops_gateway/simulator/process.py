"""What the simulated plant emits and how its devices are: smooth signals, scenarios, scripts. Pure: time is given.

Scenarios: *normal* stays near 60 % of the demo limits; in *exceedance* SO2 climbs to twice its limit within seconds; in
*drift* the zero of NOx creeps up; in *calibration* the devices say so and see zero gas; in *failure* the signals go on,
but the device cannot be reached. A script adds what its steps say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from greenops_core.sample import Reason
from greenops_gateway.point import Device, Point
from greenops_gateway.simulator.script import Course, Script
from greenops_gateway.simulator.signal import Signal, of

Scenario = Literal["normal", "exceedance", "failure", "drift", "calibration"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)

SETTLING = 4.0
"""Time constant, in seconds, with which a signal follows a change of scenario."""
EXCEEDING = {"so2": 300 / 90}
"""How many times its normal mean a signal climbs to."""
DRIFT = {"nox": 0.05 / 120}
"""How fast a zero creeps, as a share of the mean each second."""
REMEMBERED = 8
"""How many changes of scenario a signal may still be settling from."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A scenario since a Unix time, and the one before."""

    scenario: Scenario = "normal"
    since: float = -math.inf
    before: Phase | None = None

    def then(self, scenario: Scenario, now: float) -> Phase:
        """This and, from *now* on, *scenario*; nothing jumps."""
        settled = now - self.since > 10 * SETTLING
        return Phase(scenario, now, replace(self, before=None) if settled else self.shortened(REMEMBERED))

    def mean(self, signal: Signal, now: float) -> float:
        """Where the mean of *signal* stands."""
        aim = signal.mean
        if self.scenario == "exceedance":
            aim *= EXCEEDING.get(signal.kind, 1.0)
        elif self.scenario == "calibration" and signal.gas:
            aim = 0.0
        elapsed = max(now - self.since, 0.0)
        start = aim if self.before is None else self.before.mean(signal, self.since)
        drifted = signal.mean * DRIFT.get(signal.kind, 0.0) * elapsed if self.scenario == "drift" else 0.0
        return aim + (start - aim) * math.exp(-elapsed / SETTLING) + drifted

    def shortened(self, left: int) -> Phase:
        """The same, without what lay more than *left* changes before."""
        before = None if self.before is None or left == 0 else self.before.shortened(left - 1)
        return replace(self, before=before)


class Plant:
    """All simulated devices: what they measure, what they say of themselves, and whether they answer at all."""

    def __init__(
        self, seed: int = 1, scenario: Scenario = "normal", *, script: Script | None = None, since: float = 0.0
    ) -> None:
        """*since* is the Unix time at which *scenario* and *script* begin."""
        self._seed, self._script, self._since = seed, script, since
        self._all = Phase() if scenario == "normal" else Phase().then(scenario, since)
        self._own: dict[str, Phase] = {}

    def switch(self, scenario: Scenario, now: float, device: str | None = None) -> None:
        """Go over to *scenario*: one device, or all."""
        if device is not None:
            self._own[device] = self._phase(device).then(scenario, now)
            return
        self._all = self._all.then(scenario, now)
        self._own = {name: phase.then(scenario, now) for name, phase in self._own.items()}

    @property
    def scenario(self) -> Scenario:
        """The scenario of all devices that have none of their own."""
        return self._all.scenario

    @property
    def own(self) -> Mapping[str, Scenario]:
        """The devices that are in another scenario than the rest."""
        return {name: phase.scenario for name, phase in self._own.items() if phase.scenario != self.scenario}

    def values(self, device: Device, now: float) -> Mapping[str, float]:
        """Every point's value at Unix time *now*, by name, in the point's own unit."""
        phase, course = self._phase(device.name), self._course(device, now)
        return {point.name: self._value(device, point, phase, course, now) for point in device.points}

    def state(self, device: Device, now: float) -> Reason:
        """NONE while the device measures; else the state that it reports."""
        if self._phase(device.name).scenario == "calibration":
            return Reason.CALIBRATION
        return self._course(device, now).state

    def answers(self, device: Device, now: float) -> bool:
        """Whether the device is there at all."""
        return self._phase(device.name).scenario != "failure" and not self._course(device, now).silent

    def _phase(self, device: str) -> Phase:
        return self._own.get(device, self._all)

    def _course(self, device: Device, now: float) -> Course:
        return Course() if self._script is None else self._script.course(device.name, now - self._since)

    def _value(self, device: Device, point: Point, phase: Phase, course: Course, now: float) -> float:
        signal = of(self._seed, device.name, point)
        otherwise = signal.around(phase.mean(signal, now), now) + signal.grown(now)
        return course.value(point.name, signal.around(signal.mean, now), otherwise)
