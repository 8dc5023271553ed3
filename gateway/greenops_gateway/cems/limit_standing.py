"""How a limit stands: its last complete average, whether that is valid, and where the open one is going."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems import limit_share
from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.limit_average import HourlyMean, Record, Rule, Running, Total
from greenops_gateway.cems.limit_outlook import Expected, Outlook, Rate, outlook
from greenops_gateway.cems.limit_window import DAY, Spans
from greenops_gateway.cems.working import Input, Working

X_MAX = "x_max = (L n_total - sum_done) / n_remaining"
NOTHING = Decimal(0)


class Standing(NamedTuple):
    """*average* is of the last complete window, which ended before the hour *until*; *ratio* is its share of the limit.

    *is_valid* is absent where nothing can be asked: the plant did not operate, or no whole window was watched yet.
    *coverage* is the share of the needed hours that are valid. *projected* (in the limit's unit), *time_left* (hours,
    absent when the limit is not passed at the present rate) and *allowed* look ahead: see ``limit_outlook``.
    """

    average: Working | None = None
    ratio: Decimal | None = None
    is_valid: bool | None = None
    coverage: Decimal | None = None
    until: Hour | None = None
    projected: Working | None = None
    time_left: Working | None = None
    allowed: Working | None = None

    @property
    def is_exceeded(self) -> bool:
        """Whether a validated average is over the limit."""
        return bool(self.is_valid) and self.ratio is not None and self.ratio > 1


@in_decimals
def standing(rule: Rule, hours: Iterable[HourlyMean], now: Hour, running: Running | None = None) -> Standing:
    """How *rule* stands by the hours closed before *now*, and by the open hour *running* for what is ahead."""
    record = Record(rule, hours, now)
    rate, elapsed = _rate(rule, record, running)
    if rule.averaging.share is not None:
        return _of_share(rule, record, rate)
    ahead = _ahead(rule, record, rate, elapsed)
    spans = rule.averaging.window.complete(now, record.operating)
    if spans is None or not record.knows(spans):
        return ahead
    total = record.total(spans)
    ahead = ahead._replace(coverage=total.coverage, until=Hour(spans[-1].stop))
    if not total.needed:
        return ahead
    is_valid = total.is_valid(rule)
    if not total.weight:
        return ahead._replace(is_valid=is_valid)
    average = _average(rule, spans, total)
    return ahead._replace(average=average, ratio=average.value / rule.limit, is_valid=is_valid)


def _rate(rule: Rule, record: Record, running: Running | None) -> tuple[Rate | None, Decimal]:
    """What an hour adds at present, and the share of the open hour that is over."""
    if running is not None and (rule.counts_startup or not running.is_startup):
        now = HourlyMean(record.now, running.mean, Decimal(1), running.is_startup, running.load)
        if (share := rule.share(now)) is not None:
            return Rate(*share), running.elapsed
    newest = record.newest(DAY)
    share = None if newest is None else rule.share(newest._replace(operating_time=Decimal(1)))
    return (None if share is None else Rate(*share)), NOTHING


def _average(rule: Rule, spans: Spans, total: Total) -> Working:
    per = "MWh" if rule.per_load else "valid hours"
    mean = total.amount / total.weight
    first, end = written(Hour(spans[0].start)), written(Hour(spans[-1].stop))
    steps = [
        f"{first} to {end}: {total.valid} of {total.needed} hours valid",
        f"sum {_short(total.amount)} over {_short(total.weight)} {per} = {_short(mean)}",
    ]
    if rule.subtracted:
        steps.insert(0, f"of each hour {_short(rule.subtracted)} {rule.unit} subtracted, not below 0")
    value = rule.compared(mean)
    done = "not rounded" if rule.decimals is None else f"rounded half up to {rule.decimals} decimals"
    inputs = (
        Input("L", rule.limit, rule.unit),
        Input("sum", total.amount, "" if rule.per_load else rule.unit),
        Input("n", total.weight, "MWh" if rule.per_load else "h"),
    )
    return Working(f"mean over {rule.averaging} = sum / n", rule.source, inputs, tuple(steps), done, value, rule.unit)


def _ahead(rule: Rule, record: Record, rate: Rate | None, elapsed: Decimal) -> Standing:
    """The three that look ahead; none of them without a present rate."""
    found = None if rate is None else outlook(_due(rule, record, rate, elapsed), rule.limit, rate)
    if rate is None or found is None:
        return Standing()
    return Standing(
        projected=_projected(rule, rate, found),
        time_left=_time_left(rule, rate, found),
        allowed=_allowed(rule, rate, found),
    )


def _due(rule: Rule, record: Record, rate: Rate, elapsed: Decimal) -> Iterator[Expected]:
    for due in rule.averaging.window.due(record.now, record.operating):
        done = record.total_soon(due.spans)
        amount, weight = done.amount + elapsed * rate.amount, done.weight + elapsed * rate.weight
        yield Expected(amount, weight, due.remaining - elapsed)


def _projected(rule: Rule, rate: Rate, found: Outlook) -> Working:
    each = found.projected_of
    total = each.weight + rate.weight * each.remaining
    sum_ = f"{_short(each.amount)} + {_short(rate.amount)} x {_short(each.remaining)}"
    return _looked(rule, rate, each)._replace(
        equation="(sum_done + rate x remaining) / n_total",
        steps=(f"due in {_short(each.remaining)} h: ({sum_}) / {_short(total)}",),
        value=found.projected,
    )


def _time_left(rule: Rule, rate: Rate, found: Outlook) -> Working | None:
    if found.time_left is None or found.exceeds is None:
        return None
    each = found.exceeds
    total = each.weight + rate.weight * each.remaining
    return _looked(rule, rate, each)._replace(
        equation="t = (L n_total - sum_done) / rate, not below 0",
        steps=(f"({_short(rule.limit)} x {_short(total)} - {_short(each.amount)}) / {_short(rate.amount)} per hour",),
        value=found.time_left,
        unit="h",
    )


def _allowed(rule: Rule, rate: Rate, found: Outlook) -> Working:
    """As measured: a confidence interval that will be subtracted may be emitted."""
    each, to_come = found.allowed_of, rate.weight * found.allowed_of.remaining
    left = f"{_short(rule.limit)} x {_short(each.weight + to_come)} - {_short(each.amount)}"
    steps = [f"({left}) / {_short(to_come)} = {_short(found.allowed)}, not below 0"]
    if rule.subtracted:
        steps.append(f"and {_short(rule.subtracted)} {rule.unit} that will be subtracted")
    return _looked(rule, rate, each)._replace(equation=X_MAX, steps=tuple(steps), value=found.allowed + rule.subtracted)


def _looked(rule: Rule, rate: Rate, each: Expected) -> Working:
    """What all that looks ahead is computed from; the caller says what it is."""
    inputs = (
        Input("L", rule.limit, rule.unit),
        Input("sum_done", each.amount),
        Input("n_done", each.weight),
        Input("remaining", each.remaining, "h"),
        Input("rate", rate.amount, "per hour"),
    )
    return Working("", rule.source, inputs, (), "not rounded", NOTHING, rule.unit)


def _of_share(rule: Rule, record: Record, rate: Rate | None) -> Standing:
    """A rule for a share of the year's hours or days, by the year so far."""
    (due,) = rule.averaging.window.due(record.now, record.operating)
    year = limit_share.year(rule, record, due)
    total = record.total(due.spans)
    found = Standing(coverage=total.coverage, until=record.now)
    if rate is not None:
        found = found._replace(**limit_share.ahead(rule, year, rate.amount))
    if not total.needed:
        return found
    average = limit_share.deciding(rule, year)
    return found._replace(average=average, ratio=average.value / rule.limit, is_valid=total.is_valid(rule))


def _short(number: Decimal) -> str:
    """For people: nine digits."""
    return f"{number:.9g}"
