"""A permit's average of hourly means, judged against its limit. The measured plane alone: no substitute is ever in it.

An hour counts when the plant operates and startup is not left out; it is valid when it has a mean. The average of the
last complete window is what is judged; what is still open is only looked ahead from (``limit_outlook``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, rounded
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.limit_window import Averaging, Spans
from greenops_gateway.cems.record import ClosedHour

ONE, NOTHING = Decimal(1), Decimal(0)


class HourlyMean(NamedTuple):
    """An hour's mean in the limit's unit, or its rate per hour of operation where that is divided by *load*.

    *value* is absent when the hour is not valid.
    """

    hour: Hour
    value: Decimal | None
    operating_time: Decimal = ONE
    is_startup: bool = False
    load: Decimal | None = None


class Running(NamedTuple):
    """The hour that is still open: its indicative *mean* so far, and the share of it that is over (0 to 1)."""

    mean: Decimal
    elapsed: Decimal
    is_startup: bool = False
    load: Decimal | None = None


class Rule(NamedTuple):
    """What a permit says: *limit* in *unit*, over *averaging*.

    An average is valid from the share *minimum* of its hours on (0 to 1), with *invalid_at_most* hours not valid.
    *subtracted* is the confidence interval, in *unit*, that comes off each valid hour (2010/75/EU Annexes V and VI).
    *per_load* divides the sum of all mass by the sum of all load (40 CFR 60.48Da). Averages are compared with
    *decimals*, unrounded where that is absent. *source* is the clause.
    """

    limit: Decimal
    unit: str
    averaging: Averaging
    minimum: Decimal = Decimal("0.75")
    invalid_at_most: int | None = None
    counts_startup: bool = True
    per_load: bool = False
    subtracted: Decimal = NOTHING
    decimals: int | None = None
    source: str = ""

    def counts(self, hour: HourlyMean) -> bool:
        """Whether *hour* belongs into an average, were it valid."""
        return hour.operating_time > 0 and (self.counts_startup or not hour.is_startup)

    def share(self, hour: HourlyMean) -> tuple[Decimal, Decimal] | None:
        """What a valid *hour* adds to the sum, and its weight."""
        if hour.value is None or not self.counts(hour):
            return None
        if not self.per_load:
            return max(NOTHING, hour.value - self.subtracted), ONE
        if hour.load is None:
            return None
        return hour.value * hour.operating_time, hour.load * hour.operating_time

    def compared(self, value: Decimal) -> Decimal:
        """An average as it is compared with the limit."""
        return value if self.decimals is None else rounded(value, self.decimals)


class Total(NamedTuple):
    """What some hours add up to: *valid* of the *needed* ones are in it."""

    amount: Decimal
    weight: Decimal
    valid: int
    needed: int

    @property
    def coverage(self) -> Decimal | None:
        """The share of valid hours, absent when none was needed."""
        return Decimal(self.valid) / self.needed if self.needed else None

    def is_valid(self, rule: Rule) -> bool:
        """Whether enough of it is valid to be compared."""
        few = rule.invalid_at_most is None or self.needed - self.valid <= rule.invalid_at_most
        return self.weight > 0 and few and (self.coverage or NOTHING) >= rule.minimum


class Record:
    """The hours of a stack that are closed before *now*; one that is missing between them was needed and is not valid.

    Of an hour given twice, the later one counts: it is a revision.
    """

    def __init__(self, rule: Rule, hours: Iterable[HourlyMean], now: Hour) -> None:
        self._rule = rule
        self._hours = {each.hour: each for each in hours if each.hour < now}
        self.first, self.now = min(self._hours, default=now), now
        self.operating = [hour for hour in sorted(self._hours) if self._hours[hour].operating_time > 0]
        self._since, self._sums = now, [_NONE]

    def valid(self, spans: Spans) -> list[Decimal]:
        """The means of the valid hours in *spans*, as they are compared."""
        held = (self._hours.get(Hour(hour)) for span in spans for hour in span)
        shares = (self._rule.share(hour) for hour in held if hour is not None)
        return [share[0] for share in shares if share is not None]

    def total(self, spans: Spans) -> Total:
        """The sum of *spans*, hour by hour."""
        total = _NONE
        for span in spans:
            for hour in range(max(span.start, self.first), min(span.stop, self.now)):
                total = _added(total, self._counted(Hour(hour)))
        return total

    def total_soon(self, spans: Spans) -> Total:
        """The same from running sums: quick when what begins first is asked first; its last digits may be others."""
        if spans and max(spans[0].start, self.first) < self._since:
            self._since = Hour(max(spans[0].start, self.first))
            with_each = (self._counted(Hour(hour)) for hour in range(self._since, self.now))
            self._sums = list(accumulate(with_each, _added, initial=_NONE))
        total = _NONE
        for span in spans:
            start, stop = (min(max(hour, self._since), self.now) - self._since for hour in (span.start, span.stop))
            total = _added(total, _less(self._sums[stop], self._sums[start]))
        return total

    def knows(self, spans: Spans) -> bool:
        """Whether all of *spans* was watched."""
        return not spans or spans[0].start >= self.first

    def newest(self, within: int) -> HourlyMean | None:
        """The newest valid hour of the last *within*, if the plant operates."""
        if not self.operating or self.operating[-1] != self.now - 1:
            return None
        old = bisect_left(self.operating, self.now - within)
        recent = (self._hours[hour] for hour in reversed(self.operating[old:]))
        return next((hour for hour in recent if self._rule.share(hour) is not None), None)

    def _counted(self, hour: Hour) -> Total:
        held = self._hours.get(hour)
        if held is None:
            return _MISSING
        if not self._rule.counts(held):
            return _NONE
        share = self._rule.share(held)
        return _MISSING if share is None else Total(*share, 1, 1)


_NONE, _MISSING = Total(NOTHING, NOTHING, 0, 0), Total(NOTHING, NOTHING, 0, 1)


def _added(one: Total, other: Total) -> Total:
    return Total(
        one.amount + other.amount, one.weight + other.weight, one.valid + other.valid, one.needed + other.needed
    )


def _less(one: Total, other: Total) -> Total:
    return Total(
        one.amount - other.amount, one.weight - other.weight, one.valid - other.valid, one.needed - other.needed
    )


@in_decimals
def hourly_means(hours: Sequence[ClosedHour], parameter: str) -> list[HourlyMean]:
    """What *hours* say of *parameter*: computed, or else measured."""
    found = []
    for hour in hours:
        held = hour.computed.get(parameter) or hour.measured.get(parameter)
        value = None if held is None else held.value
        found.append(HourlyMean(hour.hour, value, hour.operating_time, hour.is_startup, hour.load))
    return found
