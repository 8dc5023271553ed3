"""Rules for a share of a year: 95 % of the hourly means, 97 % of the daily ones, may not be over a value.

2010/75/EU Annex V part 4 and Annex VI part 8. Of n means, n - ceil(share n) may be over; the rule is broken exactly
when the mean that comes next after these, the highest first, is over. That one is what is compared. While the year
goes on, n is what is valid so far and all hours to come: nobody is told of an exceedance that the year may still mend.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple, TypedDict

from greenops_gateway.cems.limit_average import Record, Rule
from greenops_gateway.cems.limit_window import DAY, Due
from greenops_gateway.cems.working import Input, Working

EQUATION = "the mean after the highest n - ceil(share n)"
NOTHING = Decimal(0)


class Year(NamedTuple):
    """The valid means so far, the highest first; *remaining* ones of *step* hours each are to come."""

    means: tuple[Decimal, ...]
    remaining: int
    step: int
    may_be_over: int


class Ahead(TypedDict):
    """The parts of a standing that look ahead."""

    projected: Working
    time_left: Working | None
    allowed: Working | None


def year(rule: Rule, record: Record, due: Due) -> Year:
    """The year so far by *record*; of days, those that are over, each valid as *rule* says."""
    share = rule.averaging.share or NOTHING
    step = DAY if rule.averaging.of_days else 1
    if rule.averaging.of_days:
        (span,) = due.spans
        totals = [record.total((range(day, day + DAY),)) for day in range(span.start, record.now // DAY * DAY, DAY)]
        means = [rule.compared(total.amount / total.weight) for total in totals if total.is_valid(rule)]
    else:
        means = record.valid(due.spans)
    remaining = -(-due.remaining // step)
    count = len(means) + remaining
    within = int((share * count).to_integral_value(ROUND_CEILING))
    return Year(tuple(sorted(means, reverse=True)), remaining, step, count - within)


def deciding(rule: Rule, year: Year) -> Working:
    """The mean that decides, 0 while fewer than may be over are known."""
    place = year.may_be_over
    value = year.means[place] if place < len(year.means) else NOTHING
    over = sum(mean > rule.limit for mean in year.means)
    what = "days" if rule.averaging.of_days else "hours"
    steps = (
        f"{len(year.means)} valid {what} so far and {year.remaining} to come: {place} may be over, {over} are",
        f"the highest but {place}",
    )
    inputs = (Input("L", rule.limit, rule.unit), Input("share", rule.averaging.share or NOTHING))
    return Working(EQUATION, rule.source, inputs, steps, "not rounded", value, rule.unit)


def ahead(rule: Rule, year: Year, rate: Decimal) -> Ahead:
    """What becomes of the year when all that is to come is as *rate*."""
    higher = sum(mean > rate for mean in year.means)
    over = sum(mean > rule.limit for mean in year.means)
    place = year.may_be_over
    if place < higher:
        projected = year.means[place]
    elif place < higher + year.remaining:
        projected = rate
    else:
        projected = year.means[place - year.remaining]
    left = max(0, place - over)
    inputs = (Input("L", rule.limit, rule.unit), Input("rate", rate, rule.unit), Input("may be over", Decimal(left)))
    made = Working(EQUATION, rule.source, inputs, (f"{year.remaining} means to come at the rate",), "not rounded", rate)
    hours = Decimal(min((left + 1) * year.step, year.remaining * year.step)) if projected > rule.limit else None
    if over > place:
        hours = NOTHING
    return Ahead(
        projected=made._replace(value=projected, unit=rule.unit),
        time_left=None if hours is None else made._replace(value=hours, unit="h"),
        allowed=None if left >= year.remaining else made._replace(value=rule.limit + rule.subtracted, unit=rule.unit),
    )
