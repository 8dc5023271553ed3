"""Missing data substitution of 40 CFR 75 Subpart D, as a batch over closed hours.

An hour inside a gap has a substitute only once the gap has closed, because the hour after is part of it. A gap that is
still open is reported apart, as provisional, and is done again when later hours come. What a batch leaves behind is a
``History``, from which the next one goes on without reading three years again: quarter by quarter gives what all at
once gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean
from greenops_gateway.cems.hour import Hour, civil, written
from greenops_gateway.cems.record import Reported
from greenops_gateway.cems.substitution import method
from greenops_gateway.cems.substitution.availability import THREE_YEARS, Availability, Run
from greenops_gateway.cems.substitution.hourly import Documented, Hourly, series
from greenops_gateway.cems.substitution.lookback import Entry, Lookback
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_gateway.cems.substitution.table import Gap, Substitute, Tier, tier
from greenops_gateway.cems.substitution.table import substitute as substitute_for
from greenops_gateway.cems.working import Input, Working

__all__ = ["Batch", "Documented", "History", "Hourly", "batch", "series", "substitute"]

LIKE_KIND_HOURS = 720
"""Hours of a calendar year that a like-kind replacement analyser may stand in; one more is missing data (75.20(d))."""


class History(NamedTuple):
    """What a parameter's substitution has to know of the hours before: plain data, to be kept and read back.

    *quality_assured* counts hours since certification; *like_kind* is a year and its hours; *gap* is the missing data
    period that is still open.
    """

    last: Hour | None = None
    quality_assured: int = 0
    before: Decimal | None = None
    like_kind: tuple[int, int] = (0, 0)
    availability: tuple[Run, ...] = ()
    lookback: tuple[Entry, ...] = ()
    gap: tuple[Hourly, ...] = ()


class Batch(NamedTuple):
    """*reported* are operating hours that no later hour can change, *provisional* those of the gap that is open.

    *workings* are of every substituted hour of both.
    """

    reported: list[Reported]
    provisional: list[Reported]
    workings: dict[Hour, Working]
    history: History


def substitute(plan: SubstitutionPlan, hours: Iterable[Hourly]) -> list[Reported]:
    """The reported plane of every operating hour since certification, a gap at the end provisionally.

    Raises:
        ValueError: the hours do not ascend.
    """
    done = batch(plan, hours)
    return done.reported + done.provisional


@in_decimals
def batch(plan: SubstitutionPlan, hours: Iterable[Hourly], history: History | None = None) -> Batch:
    """*hours* after *history*, or from certification on.

    Raises:
        ValueError: the hours do not ascend.
    """
    under_way = _Pass(plan, history or History())
    for hourly in hours:
        under_way.take(hourly)
    left = under_way.history()
    settled, under_way.reported = under_way.reported, []
    under_way.settle(None)
    return Batch(settled, under_way.reported, under_way.workings, left)


class _Pass:
    """A batch under way."""

    def __init__(self, plan: SubstitutionPlan, history: History) -> None:
        self.reported: list[Reported] = []
        self.workings: dict[Hour, Working] = {}
        self._plan = plan
        self._certified = plan.certified
        self._last = history.last
        self._quality_assured = history.quality_assured
        self._before = history.before
        self._like_kind = history.like_kind
        self._availability = Availability(history.availability)
        self._lookbacks: dict[str, Lookback] = {}
        for entry in history.lookback:
            self._lookback(entry.fuel).add(entry)
        self._gap = list(history.gap)

    def take(self, hourly: Hourly) -> None:
        """The next hour."""
        if self._last is not None and hourly.hour <= self._last:
            raise ValueError(
                f"{self._plan.parameter}: the hour {written(hourly.hour)} comes after {written(self._last)}; "
                "give each hour once, in order"
            )
        self._last = hourly.hour
        if not hourly.is_operating or hourly.hour < self._certified:
            return
        if not self._plan.is_binned and hourly.load_bin != 0:
            hourly = hourly._replace(load_bin=0)
        if hourly.method == method.LIKE_KIND and hourly.value is not None:
            hourly = self._like_kind_hour(hourly)
        if hourly.value is None or hourly.method not in method.QUALITY_ASSURED:
            self._gap.append(hourly)
            return
        if self._gap:
            self.settle(hourly.value)
        self._measured(hourly, hourly.value)

    def settle(self, after: Decimal | None) -> None:
        """Report the gap, which *after* closes; with none it is still open."""
        if not self._gap:
            return
        borders = [value for value in (self._before, after) if value is not None]
        mid = self._plan.written(mean(borders)) if self._before is not None else None
        for lookback in self._lookbacks.values():
            lookback.forget_before(Hour(self._gap[0].hour - THREE_YEARS))
        known: dict[tuple[str, int | None, bool, Tier], Substitute] = {}
        for missing in self._gap:
            self._availability.add(missing.hour, is_available=False)
            percent = self._availability.percent()
            level = Tier.INITIAL if self._is_initial(missing.hour) else tier(percent)
            available = None if level is Tier.INITIAL else percent
            if missing.value is not None:
                self.reported.append(_as_measured(self._plan, missing, available))
                continue
            key = (missing.fuel, missing.load_bin, missing.is_controlled, level)
            if key not in known:
                gap = Gap(len(self._gap), mid, self._lookback(self._pool(missing)))
                known[key] = substitute_for(self._plan, gap, missing, level)
            found = known[key]
            self.reported.append(Reported(missing.hour, self._plan.parameter, found.value, None, found.code, available))
            self.workings[missing.hour] = _working(self._plan, found, percent, len(self._gap))
        self._gap = []

    def history(self) -> History:
        """What the next batch goes on from."""
        return History(
            self._last,
            self._quality_assured,
            self._before,
            self._like_kind,
            self._availability.runs(),
            tuple(entry for _, pool in sorted(self._lookbacks.items()) for entry in pool.entries()),
            tuple(self._gap),
        )

    def _measured(self, hourly: Hourly, value: Decimal) -> None:
        is_available = hourly.method in method.AVAILABLE
        self._availability.add(hourly.hour, is_available=is_available)
        self._quality_assured += is_available
        self._before = value
        pool = self._pool(hourly)
        entry = Entry(hourly.hour, self._plan.written(value), hourly.load_bin, pool, hourly.is_controlled)
        self._lookback(pool).add(entry)
        available = None if self._is_initial(hourly.hour) else self._availability.percent()
        self.reported.append(_as_measured(self._plan, hourly, available))

    def _like_kind_hour(self, hourly: Hourly) -> Hourly:
        year = civil(hourly.hour)[0].year
        used = self._like_kind[1] if self._like_kind[0] == year else 0
        if used >= LIKE_KIND_HOURS:
            return hourly._replace(value=None, unadjusted=None)
        self._like_kind = (year, used + 1)
        return hourly

    def _is_initial(self, hour: Hour) -> bool:
        return self._quality_assured < self._plan.depth and hour - self._certified < THREE_YEARS

    def _pool(self, hourly: Hourly) -> str:
        return hourly.fuel if self._plan.potential_of_fuel else ""

    def _lookback(self, pool: str) -> Lookback:
        if pool not in self._lookbacks:
            self._lookbacks[pool] = Lookback(self._plan.depth)
        return self._lookbacks[pool]


def _as_measured(plan: SubstitutionPlan, hourly: Hourly, available: Decimal | None) -> Reported:
    return Reported(hourly.hour, plan.parameter, hourly.value, hourly.unadjusted, hourly.method, available)


def _working(plan: SubstitutionPlan, found: Substitute, percent: Decimal, length: int) -> Working:
    return Working(
        f"MODC {found.code}",
        f"40 CFR {found.clause}",
        (Input("PMA", percent, "%"), Input("N", Decimal(length), "h")),
        (found.why,),
        plan.kind.rounding(),
        found.value,
        plan.kind.unit,
    )
