"""Whether the system's clock can be believed: it shows a year that can be, and was not set a moment ago.

A shelter's computer may boot in 1970, and the first answer of a time server moves its clock by years. The monotonic
clock tells such a step from time that passed. Small corrections, by which a time service
keeps a clock right, are no step.
"""

from __future__ import annotations

from collections.abc import Callable

RELEASED = 1_767_225_600.0
"""2026-01-01 UTC in Unix time: no sample can be older than the program that takes it."""
SETTLING = 60.0
STEP = 2.0
SLEW = 5e-4
"""The fastest that a time service drives a clock, in seconds per second."""


class ClockWatch:
    """Compares the wall clock with the monotonic one each time it is asked."""

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._looked = monotonic()
        self._offset = wall() - self._looked
        self._settled = self._looked
        self._stepped = 0.0

    def trusted(self, now: float) -> bool:
        """Whether *now*, which the wall clock has just shown, can be believed.

        Not before the year of the release, and not for a minute after the clock was stepped.
        """
        return self._look(now) >= self._settled and now >= RELEASED

    def stepped(self) -> float:
        """Seconds by which the clock was set forward, or back when negative, since this was last asked."""
        self._look(self._wall())
        stepped, self._stepped = self._stepped, 0.0
        return stepped

    def _look(self, now: float) -> float:
        """The monotonic time, after a step of more than two seconds was noted."""
        monotonic = self._monotonic()
        offset = now - monotonic
        away = offset - self._offset
        if abs(away) > STEP:
            self._stepped += away
            self._offset = offset
            self._settled = monotonic + SETTLING
        else:
            # The reference follows as a time service would drive it: several small steps in a row are one step.
            most = SLEW * (monotonic - self._looked)
            self._offset += max(-most, min(most, away))
        self._looked = monotonic
        return monotonic
