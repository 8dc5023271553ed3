"""Every number that decides whether somebody is told, and the windows that it is looked at over.

Dashboards draw their colours from the same constants.
"""

from __future__ import annotations

from dataclasses import dataclass

EMISSION: tuple[float, ...] = (0.8, 0.9, 0.95, 1.0)
"""Shares of an emission limit: the last is the limit itself, the others are warnings."""

EMISSION_CLEARS = 0.02
"""How far below its share, in shares of the limit, an average must fall before an alert ends: one that dances around a
share is told once."""

EXCEEDANCE_WITHIN = "1d"
"""How near a predicted exceedance must be to be told; a month's average at today's rate is no news yet."""

BUDGET: tuple[float, ...] = (0.75, 0.9, 1.0)
"""Shares of a carbon budget: the last is the budget itself, the others are warnings."""

PROJECTED = 1.02
"""Projected share of a budget that is reported; at 1.0 a department that ends on budget would flap."""

ELAPSED = 0.1
"""Share of a period that must have passed before its end is predicted."""

HISTORY_HOURS = 24
"""Hours of data a department needs before its pace means anything: a whole daily cycle."""

IDLE_SHARE = 0.3
"""Share of a department's energy that idle machines may use in a day."""

IDLE_COST = 50.0
"""Cost of a day's idle energy, in the tariff's currency, from which the share matters."""

MEMORY_SHARE = 0.9
"""Share of a host's memory that may be in use."""

DEVICE_ERROR_SHARE = 0.1
"""Share of requests to a device that may fail."""

DELIVERY_DELAY = "30m"
"""How long a sample may wait for its receiver."""

REPORT_DUE = "7d"
"""How long before its deadline a report that is not sent is told."""

HTTP_ERROR_SHARE = 0.05
"""Share of HTTP requests that may be answered with a server error."""

NOTIFICATION_FAILURE_SHARE = 0.01
"""Share of notifications that may fail."""


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """How fast a budget may be used over *days*, so that at most *excess* of it is lost before somebody is told.

    A carbon budget idles near *normal* (0.9 of the sustainable pace), not near 0 as an error budget does. A window of
    w days sees a step to any higher pace after the share E = w (b* - b0) / T of the budget is lost, whatever the
    step; hence b* = b0 + E T / w. Windows are whole days: the daily cycle swings by more than any threshold.
    """

    days: int
    excess: float
    normal: float = 0.9
    period_days: int = 30

    @property
    def threshold(self) -> float:
        """The pace to report, as a multiple of the sustainable pace.

        >>> BurnWindow(1, 0.02).threshold, BurnWindow(3, 0.04).threshold
        (1.5, 1.3)
        """
        return round(self.normal + self.excess * self.period_days / self.days, 3)


BURN: tuple[BurnWindow, ...] = (BurnWindow(1, 0.02), BurnWindow(3, 0.04))

HELD = "3d"
"""How long the last valid average and the last sign of a device count on: over a weekend, not for ever."""

SEEN = "1d"
"""How long a host or a program that fell silent is missed."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How long something must last before it is told, as Prometheus durations. Whole numbers of one unit each.

    A cause is told before its effects, so that these are silenced before they are sent.
    """

    device_silent: str = "2m"
    data_gap: str = "15m"
    average_invalid: str = "15m"
    point_bad: str = "10m"
    device_errors: str = "10m"
    samples_lost: str = "15m"
    damage: str = "1d"
    """Damage is found when a gateway starts, which may have been away for long."""
    host_silent: str = "3m"
    program_silent: str = "2m"
    confirm: str = "1m"
    """How long silence must last beyond its window: a Prometheus that was away itself must scrape first."""


NORMAL = Windows()

QUICK = Windows(
    device_silent="10s",
    data_gap="45s",
    average_invalid="45s",
    point_bad="45s",
    device_errors="1m",
    samples_lost="1m",
    damage="5m",
    host_silent="30s",
    program_silent="15s",
    confirm="5s",
)
"""For watching alerts fire at a desk; far too nervous for a plant. Rules are evaluated every 15 s all the same."""
