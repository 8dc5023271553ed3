"""The averages that a limit was judged by over a period, and the hours that each of them stands for.

A rolling average stands for the hour it ends with, a block for its hours, one of operating days for the last of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal

from greenops_core.errors import ConfigError
from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.limit_average import Record, Rule
from greenops_gateway.cems.limit_unit import means_in_unit
from greenops_gateway.cems.limit_window import Spans
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.regulatory.excess_emissions import Averaged


@in_decimals
def averaged(rule: Rule, parameter: str, hours: Sequence[ClosedHour], of: range) -> list[Averaged]:
    """What *rule* was judged by in the hours *of* a period, from *hours*, of which some may lie before it.

    An hour whose average is not valid, or whose window reaches before the first of *hours*, has none.

    Raises:
        ConfigError: the hours hold the parameter in a unit that does not become the limit's.
    """
    scaled, wrong = means_in_unit(rule, hours, parameter)
    if wrong:
        told = f"the limit is in {rule.unit}, but the hours hold {parameter} in {', '.join(sorted(wrong))}"
        raise ConfigError(told, ("unit",))
    means = [each for each in scaled if each.hour < of.stop]
    record = Record(rule, means, Hour(of.stop))
    found: dict[Hour, Decimal | None] = {}
    for spans, since in _completed(rule, record, of):
        total = record.total_soon(spans)
        valid = record.knows(spans) and total.is_valid(rule)
        value = rule.compared(total.amount / total.weight) if valid else None
        found.update((hour, value) for hour in _stands_for(spans, since) if hour in of)
    return [Averaged(hour, found.get(hour)) for hour in map(Hour, of)]


def _completed(rule: Rule, record: Record, of: range) -> Iterator[tuple[Spans, int]]:
    """Each window that completes with one of the hours *of* the period, and where the one before it ended."""
    window = rule.averaging.window
    before = _complete(rule, record, of.start)
    since = before[-1].stop if before else of.start
    for now in range(of.start + 1, of.stop + 1):
        operating = record.operating[: bisect_left(record.operating, now)]
        spans = window.complete(Hour(now), operating)
        if spans is not None and spans[-1].stop > since:
            yield spans, since
            since = spans[-1].stop


def _complete(rule: Rule, record: Record, now: int) -> Spans | None:
    return rule.averaging.window.complete(Hour(now), record.operating[: bisect_left(record.operating, now)])


def _stands_for(spans: Spans, since: int) -> Iterator[Hour]:
    for span in spans:
        yield from map(Hour, range(max(span.start, since), span.stop))
