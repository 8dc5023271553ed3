"""How far into the future a sample may lie and still be sent."""

from __future__ import annotations

from collections.abc import Callable

AHEAD = 60.0
"""Seconds. A receiver that took a sample from the far future refuses all others until that time has come."""


STEP = 2.0
"""Seconds by which a clock moves that is set, and not only corrected."""
NOTICED = 5.0
"""Seconds after which whoever watches the clock has seen that it was set."""


class Horizon:
    """The latest source time that is sent now: a minute after what a clock shows that can be believed.

    While *trusted* says no, as after a step, time goes on from where it was believed last; and so it does for a moment
    after a step that *trusted* says nothing of, for it may not have heard of that yet.
    """

    def __init__(
        self, clock: Callable[[], float], monotonic: Callable[[], float], trusted: Callable[[float], bool]
    ) -> None:
        self._clock, self._monotonic, self._trusted = clock, monotonic, trusted
        self._offset: float | None = None
        self._stepped: float | None = None

    def __call__(self) -> float:
        """In Unix seconds."""
        now, steady = self._clock(), self._monotonic()
        if not self._trusted(now):
            self._stepped = None
        elif self._offset is None or abs(now - steady - self._offset) < STEP:
            self._offset, self._stepped = now - steady, None
        elif self._stepped is None:
            self._stepped = steady
        elif steady - self._stepped >= NOTICED:
            self._offset, self._stepped = now - steady, None
        return AHEAD + (now if self._offset is None else steady + self._offset)
