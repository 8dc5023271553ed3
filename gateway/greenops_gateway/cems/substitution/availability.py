"""Percent monitor data availability (PMA), 40 CFR 75.32.

Equation 8 (until 8760 operating hours after certification) and equation 9 (from then on) are one window: the last 8760
operating hours, no hour of which is older than three years. The hour itself is in it, so that availability falls hour
by hour inside a missing data period; that it is awaits confirmation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.hour import Hour

OPERATING_HOURS = 8760
THREE_YEARS = 26_280
"""Clock hours."""


class Run(NamedTuple):
    """*hours* operating hours without a break from *first* on, all of them with data or all without."""

    first: Hour
    hours: int
    is_available: bool


class Availability:
    """The window, as runs: what it costs to keep is small where data is seldom missing."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = deque(runs)
        self._operating = sum(run.hours for run in self._runs)
        self._available = sum(run.hours for run in self._runs if run.is_available)

    def add(self, hour: Hour, *, is_available: bool) -> None:
        """Count the operating hour *hour*, which is later than any before."""
        last = self._runs[-1] if self._runs else None
        if last is not None and last.is_available is is_available and last.first + last.hours == hour:
            self._runs[-1] = Run(last.first, last.hours + 1, is_available)
        else:
            self._runs.append(Run(hour, 1, is_available))
        self._operating += 1
        self._available += is_available
        if self._operating > OPERATING_HOURS:
            self._drop(1)
        while self._runs[0].first <= hour - THREE_YEARS:
            self._drop(min(self._runs[0].hours, hour - THREE_YEARS + 1 - self._runs[0].first))

    def percent(self) -> Decimal:
        """Hours with quality-assured data in a hundred operating hours, one decimal, half up; 0.0 before any hour.

        >>> window = Availability([Run(Hour(0), 899, True), Run(Hour(900), 101, False)])
        >>> window.percent()
        Decimal('89.9')
        """
        if not self._operating:
            return Decimal("0.0")
        return Decimal((2000 * self._available + self._operating) // (2 * self._operating)).scaleb(-1)

    def runs(self) -> tuple[Run, ...]:
        """What the window is made again from."""
        return tuple(self._runs)

    def _drop(self, hours: int) -> None:
        """Forget the oldest *hours*, all of them in the oldest run."""
        first, held, is_available = self._runs.popleft()
        self._operating -= hours
        self._available -= hours if is_available else 0
        if held > hours:
            self._runs.appendleft(Run(Hour(first + hours), held - hours, is_available))
