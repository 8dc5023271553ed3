"""How much a link's units that do not answer may cost the others. Pure; times are seconds on the monotonic clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

SHARE = 0.04
"""Of a link's time, for all its units together that are down."""
BURST = 2
"""So many timeouts may be spent at once after a time without: who was away for a moment is back soon."""
SOON = 3
"""After so many tries a unit is down for long."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
MISSES = 2
"""So many polls in a row must a unit miss that answered before and shares its link: one lost frame is no failure."""


@dataclass
class Health:
    """How one unit does. It outlives connections."""

    heard: bool = False
    """Whether it ever answered."""
    down: bool = False
    misses: int = 0
    tried: float = -math.inf
    not_before: float = -math.inf


class Breaker:
    """Who on a link may be asked now.

    A unit that is down is tried after 1, 2, 4 … 60 s, and all together never for more than ``SHARE`` of the time. When
    all were down as the link was opened, two are tried at once, and if one answers, all.
    """

    def __init__(self, units: Iterable[Health], timeout: float, now: float, *, patient: bool) -> None:
        """*patient*: silence of one unit alone says nothing about the link."""
        self._units = list(units)
        self._needed = MISSES if patient else 1
        self._most = BURST * timeout
        self._left, self._at = self._most, now
        self._missed = 0
        self._lost = all(unit.down for unit in self._units)
        if self._lost:
            for unit in sorted(self._units, key=lambda unit: (not unit.heard, unit.tried))[:MISSES]:
                unit.misses, unit.not_before = 0, -math.inf

    @property
    def lost(self) -> bool:
        """Whether there is nobody left who answers, so that the link itself must be looked at."""
        return self._missed >= min(MISSES, len(self._units)) and all(unit.down for unit in self._units)

    def may(self, unit: Health, now: float) -> bool:
        """Whether *unit* may be asked."""
        if not unit.down:
            return True
        self._left, self._at = min(self._most, self._left + SHARE * (now - self._at)), now
        if self._left <= 0 or now < unit.not_before:
            return False
        waiting = (other for other in self._units if other.down and now >= other.not_before)
        return all(_turn(unit) <= _turn(other) for other in waiting)

    def answered(self, unit: Health, now: float) -> None:
        """*unit* is there, and so is the link."""
        self._missed = 0
        unit.heard, unit.down, unit.misses, unit.tried = True, False, 0, now
        if self._lost:
            self._lost = False
            for other in self._units:  # it was the link that failed, not each of them
                if other.down:
                    other.misses, other.not_before = 0 if other.heard else other.misses, now

    def missed(self, unit: Health, now: float, spent: float) -> None:
        """*unit* did not answer, which took *spent* seconds of the link."""
        self._missed += 1
        unit.misses += 1
        unit.tried = now
        if unit.down:
            self._left -= spent
        elif unit.heard and unit.misses < self._needed:
            return
        else:
            unit.down, unit.misses = True, 1
        unit.not_before = now + min(FIRST_PAUSE * 2 ** min(unit.misses - 1, 10), LONGEST_PAUSE)


def _turn(unit: Health) -> tuple[int, float]:
    """Who is down for a short time only goes first, then who waits longest."""
    return min(unit.misses, SOON), unit.tried
