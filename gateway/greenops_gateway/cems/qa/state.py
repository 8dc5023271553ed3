"""Which hours of a component daily calibrations cover, and which are out of control.

40 CFR 75 Appendix B, 2.1.4 and 2.1.5, as EPA's check engine judges it: a passed on-line calibration covers 26 clock
hours from its own; after an hour without operation in that time, so do the first 8 hours from the start-up. One with
the unit off (a demonstrated ability) counts within 26 unit operating hours of one on line. From a failed or aborted one
the component is out of control until one passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.qa.result import Result

CLOCK_HOURS = 26
OPERATING_HOURS = 26
GRACE_HOURS = 8


class CalibrationEvent(NamedTuple):
    """A daily calibration of a component: when it ended, how, and whether the unit was on line."""

    hour: Hour
    result: Result
    minute: int = 0
    is_online: bool = True


class Standing(Enum):
    """What an operating hour stands on. UNDETERMINED: too near the beginning of what is known to tell."""

    IN_CONTROL = "in control"
    GRACE = "start-up grace"
    UNDETERMINED = "undetermined"
    EXPIRED = "expired"
    FAILED = "failed"
    ABORTED = "aborted"
    NO_TEST = "no test"

    @property
    def is_out_of_control(self) -> bool:
        return self in (Standing.EXPIRED, Standing.FAILED, Standing.ABORTED, Standing.NO_TEST)


@dataclass(slots=True)
class _Coverage:
    """What a calibration at *since* covers, as hours pass."""

    since: Hour
    result: Result
    is_online: bool = True
    operated: int = 0
    restarted: Hour | None = None
    was_off: bool = False

    def passes(self, hour: Hour, *, is_operating: bool) -> None:
        if is_operating:
            self.operated += 1
            if self.was_off and self.restarted is None:
                self.restarted = hour
        elif hour - self.since <= CLOCK_HOURS:
            self.was_off, self.restarted = True, None

    def standing(self, hour: Hour) -> Standing:
        if hour - self.since < CLOCK_HOURS:
            return Standing.IN_CONTROL
        is_grace = self.restarted is not None and hour - self.restarted < GRACE_HOURS
        return Standing.GRACE if is_grace else Standing.EXPIRED


def standings(
    events: Sequence[CalibrationEvent], operating: Callable[[Hour], bool], hours: range
) -> dict[Hour, Standing]:
    """What each operating hour of *hours* stands on.

    Give the *events* before *hours* too, as far back as the last one on line; of several in one hour the last holds.
    Before any event, the first 26 clock hours of operation are undetermined.
    """
    by_hour: dict[int, list[CalibrationEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.hour, event.minute)):
        if event.result is not Result.INC:
            by_hour[event.hour].append(event)
    latest: _Coverage | None = None
    online: _Coverage | None = None
    unknown: _Coverage | None = None
    found: dict[Hour, Standing] = {}
    for hour in map(Hour, range(min([*by_hour, hours.start]), hours.stop)):
        for event in by_hour.get(hour, ()):
            latest = _Coverage(hour, event.result, event.is_online)
            online = latest if event.is_online else online
        is_operating = operating(hour)
        if unknown is None and is_operating:
            unknown = _Coverage(hour, Result.PASSED)
        for coverage in {id(each): each for each in (latest, online, unknown) if each is not None}.values():
            coverage.passes(hour, is_operating=is_operating)
        if is_operating and hour >= hours.start:
            found[hour] = _standing(hour, latest, online, unknown)
    return found


def out_of_control(
    events: Sequence[CalibrationEvent], operating: Callable[[Hour], bool], hours: range
) -> frozenset[Hour]:
    """The operating hours of *hours* for which a component's values do not count; see ``standings``."""
    return frozenset(hour for hour, found in standings(events, operating, hours).items() if found.is_out_of_control)


def _standing(hour: Hour, latest: _Coverage | None, online: _Coverage | None, unknown: _Coverage | None) -> Standing:
    failed = next((each for each in (latest, online) if each is not None and not each.result.is_passed), None)
    if latest is not None and failed is not None and (failed is latest or not latest.is_online):
        return Standing.ABORTED if failed.result is Result.ABORTED else Standing.FAILED
    if latest is None or online is None:
        is_early = unknown is not None and unknown.standing(hour) is not Standing.EXPIRED
        return Standing.UNDETERMINED if is_early else Standing.NO_TEST
    is_near = not latest.is_online and online.operated <= OPERATING_HOURS
    return Standing.IN_CONTROL if is_near and hour - latest.since < CLOCK_HOURS else online.standing(hour)
