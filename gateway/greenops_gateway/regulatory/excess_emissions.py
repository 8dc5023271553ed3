"""Excess emissions and monitor downtime of a period: when, for how long, why, and the shares that 40 CFR 60.7 asks for.

Durations are hours of operation: each clock hour counts with its operating time, on both sides of every share. Only the
measured plane is read: what was substituted under Part 75 neither exceeds nor hides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, rounded
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.record import ClosedHour

EXCESS_SHARE = Decimal(1)
"""Percent of the operating time from which on an excess emission report goes with the summary (40 CFR 60.7(d))."""
DOWNTIME_SHARE = Decimal(5)
"""The same for monitor downtime."""
PLACES = 2
"""Decimals of a duration in hours and of a share in percent; the shares are compared before they are rounded."""


class Cause(StrEnum):
    """Why emissions were in excess, as the summary form (40 CFR 60.7, figure 1) divides them."""

    STARTUP_SHUTDOWN = "startup_shutdown"
    CONTROL_EQUIPMENT = "control_equipment"
    PROCESS = "process"
    OTHER_KNOWN = "other_known"
    UNKNOWN = "unknown"


class DowntimeCause(StrEnum):
    """Why a monitor gave no valid hour, as the same form divides them."""

    MONITOR = "monitor"
    NON_MONITOR = "non_monitor"
    QUALITY_ASSURANCE = "quality_assurance"
    OTHER_KNOWN = "other_known"
    UNKNOWN = "unknown"


class Averaged(NamedTuple):
    """What a limit is judged by: the average that stands for *hour*; none where it is not valid."""

    hour: Hour
    value: Decimal | None


class Explained(NamedTuple):
    """What a person found out about the hours from *first* to *last*, both of them in it."""

    first: Hour
    last: Hour
    cause: str
    why: str
    action: str


class Episode(NamedTuple):
    """Consecutive operating hours, from *first* to *last*, with one cause. *peak* is the highest average in them."""

    first: Hour
    last: Hour
    duration: Decimal
    cause: str
    why: str
    action: str
    peak: Decimal | None = None


class Summary(NamedTuple):
    """Episodes, the hours that each cause took, their sum, and its share of the operating time in percent."""

    episodes: tuple[Episode, ...]
    by_cause: Mapping[str, Decimal]
    total: Decimal
    percent: Decimal | None


class Excess(NamedTuple):
    """What a report on one limit says. *needs_detail*: the summary alone is not enough (40 CFR 60.7(d)(2))."""

    operating: Decimal
    emissions: Summary
    downtime: Summary
    needs_detail: bool


class _Hour(NamedTuple):
    hour: Hour
    duration: Decimal
    explained: Explained
    value: Decimal | None


@in_decimals
def excess(
    hours: Sequence[ClosedHour],
    averages: Iterable[Averaged],
    limit: Decimal,
    parameter: str,
    known: tuple[Sequence[Explained], Sequence[Explained]] = ((), ()),
) -> Excess:
    """What *hours* (ordered) and the *averages* of *parameter* say of *limit*.

    *known* is what people found out about excess emissions and about downtime; for an hour that is in several, the
    first holds. An hour that nobody explained is startup or shutdown if it was marked so; a monitor's is what the
    reason for which it is not valid says (``DOWNTIME_WORDS``); every other one is of unknown cause.
    """
    operated = {each.hour: each for each in hours if each.is_operating}
    over = [
        _Hour(each.hour, operated[each.hour].operating_time, _excess_cause(operated[each.hour], known[0]), each.value)
        for each in sorted(averages)
        if each.hour in operated and each.value is not None and each.value > limit
    ]
    down = [
        _Hour(hour, each.operating_time, _downtime_cause(each, reason, known[1]), None)
        for hour, each in sorted(operated.items())
        if (reason := missing(each, parameter)) is not None
    ]
    operating = sum((each.operating_time for each in operated.values()), Decimal(0))
    emissions = _summary(over, Cause, operating)
    downtime = _summary(down, DowntimeCause, operating)
    return Excess(rounded(operating, PLACES), emissions, downtime, _needs_detail(over, down, operating))


def missing(hour: ClosedHour, parameter: str) -> str | None:
    """Why *hour* has no valid value of *parameter*; none if it has one."""
    found = hour.measured.get(parameter) or hour.computed.get(parameter)
    if found is None:
        return f"the hour has no {parameter}"
    return None if found.value is not None else found.why


def _needs_detail(over: Sequence[_Hour], down: Sequence[_Hour], operating: Decimal) -> bool:
    """40 CFR 60.7(d)(1) and (2)."""
    return any(
        100 * sum((each.duration for each in found), Decimal(0)) >= share * operating
        for found, share in ((over, EXCESS_SHARE), (down, DOWNTIME_SHARE))
        if found
    )


def _summary(found: Sequence[_Hour], causes: type[StrEnum], operating: Decimal) -> Summary:
    episodes = tuple(_episodes(found))
    by_cause = {cause.value: Decimal(0) for cause in causes}
    for episode in episodes:
        by_cause[episode.cause] += episode.duration
    total = sum(by_cause.values(), Decimal(0))
    return Summary(
        episodes,
        {cause: rounded(duration, PLACES) for cause, duration in by_cause.items()},
        rounded(total, PLACES),
        rounded(100 * total / operating, PLACES) if operating else None,
    )


def _episodes(found: Sequence[_Hour]) -> Iterator[Episode]:
    """Runs of consecutive hours that have the same explanation."""
    run: list[_Hour] = []
    for each in found:
        if run and (each.hour != run[-1].hour + 1 or each.explained[2:] != run[-1].explained[2:]):
            yield _episode(run)
            run = []
        run.append(each)
    if run:
        yield _episode(run)


def _episode(run: Sequence[_Hour]) -> Episode:
    known = [each.value for each in run if each.value is not None]
    duration = sum((each.duration for each in run), Decimal(0))
    _, _, cause, why, action = run[0].explained
    return Episode(run[0].hour, run[-1].hour, duration, cause, why, action, max(known, default=None))


def _excess_cause(hour: ClosedHour, known: Sequence[Explained]) -> Explained:
    def otherwise() -> tuple[str, str]:
        return (Cause.STARTUP_SHUTDOWN, "marked as startup or shutdown") if hour.is_startup else (Cause.UNKNOWN, "")

    return _explained(hour.hour, known, otherwise)


def _downtime_cause(hour: ClosedHour, reason: str, known: Sequence[Explained]) -> Explained:
    def otherwise() -> tuple[str, str]:
        words = reason.lower()
        causes = (cause for word, cause in DOWNTIME_WORDS.items() if word in words)
        return next(causes, DowntimeCause.UNKNOWN), reason

    return _explained(hour.hour, known, otherwise)


DOWNTIME_WORDS: Mapping[str, DowntimeCause] = {
    "calibration failed": DowntimeCause.MONITOR,
    "calibration": DowntimeCause.QUALITY_ASSURANCE,
    "out of control": DowntimeCause.MONITOR,
    "fault": DowntimeCause.MONITOR,
    "maintenance": DowntimeCause.MONITOR,
    "warm": DowntimeCause.MONITOR,
    "range": DowntimeCause.MONITOR,
    "lost": DowntimeCause.NON_MONITOR,
}
"""Words of the reason for which an hour is not valid, and what they come to; the first that fits holds."""


def _explained(hour: Hour, known: Sequence[Explained], otherwise: Callable[[], tuple[str, str]]) -> Explained:
    for each in known:
        if each.first <= hour <= each.last:
            return each
    cause, why = otherwise()
    return Explained(hour, hour, cause, why, "")
