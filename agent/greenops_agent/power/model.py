"""Power where nothing measures it: a straight line from idle to full load, and the monitor while somebody works.

Why a line: measured against the processors' energy counters (CodeCarbon's published profiles: 8 machines, 4 processor
types, known load), the line through a machine's own idle and full power was wrong by 12 % of its design power (root
mean square). A line from general figures was wrong by 21 %, and the published curves (Teads and Boavizta, Fan,
CodeCarbon's cubic) by 22 to 28 %. The error is in absolute watts and the same all day: it is added up, not averaged
away, and near idle it is a large share. Full power stands in for the design power, which is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenops_agent.power.use import Meter, Method, Scope, Use
from greenops_core.carbon import energy
from greenops_core.idle import State
from greenops_core.unit import Seconds, Watts

METER = Meter(Method.MODEL, Scope.MACHINE)
SIGMA_OF_OWN_LINE = 0.12
SIGMA_OF_FOREIGN_LINE = 0.21


@dataclass(frozen=True, slots=True)
class Model:
    """Watts of the machine at rest and at full load, and of its monitor. *measured* says: on this very machine."""

    idle: Watts
    active: Watts
    monitor: Watts
    measured: bool

    def power(self, load: float, state: State) -> Watts:
        """Watts at a *load* of 0 to 1.

        >>> Model(Watts(60), Watts(120), Watts(30), measured=False).power(0.5, State.ACTIVE)
        120.0
        """
        screen = self.monitor if state is State.ACTIVE else Watts(0)
        return Watts(self.idle + (self.active - self.idle) * load + screen)

    @property
    def sigma(self) -> Watts:
        """One standard deviation of the power, at any load."""
        return Watts((SIGMA_OF_OWN_LINE if self.measured else SIGMA_OF_FOREIGN_LINE) * self.active)

    def use(self, load: float, state: State, lasted: Seconds) -> Use:
        """Energy of an interval that *lasted* at a mean *load*."""
        return Use(METER, energy(self.power(load, state), lasted), energy(self.sigma, lasted))
