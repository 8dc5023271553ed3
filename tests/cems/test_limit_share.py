"""Rules for a share of the year's hours or days, against a count by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenops_gateway.cems.hour import Hour, hour_on
from greenops_gateway.cems.limit_average import HourlyMean, Rule
from greenops_gateway.cems.limit_standing import Standing, standing
from greenops_gateway.cems.limit_window import read

D = Decimal
FIRST, END = hour_on(date(2026, 1, 1)), hour_on(date(2027, 1, 1))
YEAR = END - FIRST
MOST = YEAR - math.ceil(Fraction(95, 100) * YEAR)
"""Hours of a year that may be over where 95 % must not be: 438."""


def rule(averaging: str = "95 % of hours in a year") -> Rule:
    return Rule(D(200), "mg/m3", read(averaging), invalid_at_most=3 if "days" in averaging else None)


def so_far(values: Sequence[int | None], limit: Rule | None = None) -> Standing:
    hours = [HourlyMean(Hour(FIRST + place), None if value is None else D(value)) for place, value in enumerate(values)]
    return standing(limit or rule(), hours, Hour(FIRST + len(values)))


@pytest.mark.parametrize(("over", "exceeded"), [(0, False), (MOST, False), (MOST + 1, True), (YEAR, True)])
def test_at_the_end_of_the_year_the_count_decides(over: int, exceeded: bool) -> None:  # noqa: FBT001  # a column
    assert MOST == 438
    found = so_far(([300] * over + [100] * YEAR)[: YEAR - 1])
    assert found.is_exceeded == exceeded


def test_during_the_year_only_what_no_rest_of_it_can_mend_is_an_exceedance() -> None:
    found = so_far([300] * MOST)
    assert found.average is not None
    assert (found.average.value, found.is_exceeded) == (D(0), False)
    assert found.time_left is not None
    assert found.projected is not None
    assert (found.time_left.value, found.projected.value) == (D(1), D(300))
    found = so_far([300] * (MOST + 1))
    assert found.is_exceeded
    assert found.time_left is not None
    assert found.time_left.value == 0


def test_a_quiet_year_has_no_time_to_exceedance_and_as_much_is_allowed_as_hours_may_be_over() -> None:
    quiet = so_far([100] * 1000)
    assert (quiet.is_valid, quiet.is_exceeded, quiet.time_left) == (True, False, None)
    assert quiet.allowed is not None
    assert quiet.allowed.value == 200
    last_weeks = so_far([100] * (YEAR - MOST))
    assert last_weeks.allowed is None, "all that is left may be over"


@settings(max_examples=15)
@given(
    st.lists(st.sampled_from([100, 199, 200, 201, 400]), min_size=1, max_size=60),
    st.sampled_from(["0.5", "0.95", "0.97"]),
)
def test_the_mean_that_decides_is_over_exactly_when_too_many_are(tail: list[int], share: str) -> None:
    """A year of which all but *tail* hours stood still, so that few count."""
    begin = END - len(tail) - 1
    hours = [HourlyMean(Hour(hour), D(0), operating_time=D(0)) for hour in range(FIRST, begin)]
    hours += [HourlyMean(Hour(begin + place), D(value)) for place, value in enumerate(tail)]
    permit = rule()._replace(averaging=rule().averaging._replace(share=D(share)))
    found = standing(permit, hours, Hour(END - 1))
    n = len(tail) + 1  # and the last hour, which is to come
    may = n - math.ceil(Fraction(share) * n)
    assert found.is_exceeded == (sum(value > 200 for value in tail) > may)


def test_of_days_the_valid_daily_means_count() -> None:
    day: list[int | None] = [100] * 24
    bad: list[int | None] = [300] * 24
    lost: list[int | None] = [*[900] * 20, *[None] * 4]
    permit = rule("97 % of days in a year")
    assert 365 - math.ceil(0.97 * 365) == 10
    assert not so_far([*bad * 10, *lost * 5, *day * 10], permit).is_exceeded, "ten may be over; lost days are not means"
    assert so_far([*bad * 11, *day], permit).is_exceeded
    found = so_far([*bad * 9, *day * 2, *[300] * 5], permit)
    assert found.time_left is not None
    assert found.time_left.value == 2 * 24
    assert found.average is not None
    assert "11 valid days so far" in found.average.told()
