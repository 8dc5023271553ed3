"""How a limit stands: averages by hand, and what is predicted against what then happens."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greenops_gateway.cems.hour import Hour, hour_on
from greenops_gateway.cems.limit_average import HourlyMean, Rule, Running, hourly_means
from greenops_gateway.cems.limit_standing import Standing, standing
from greenops_gateway.cems.limit_window import read
from greenops_gateway.cems.record import ClosedHour, Computed, Measured

START = Hour(hour_on(date(2026, 3, 1)))
D = Decimal
OFF = HourlyMean(START, D(0), operating_time=D(0))


def rule(averaging: str, limit: str = "100", **keys: Any) -> Rule:  # noqa: ANN401  # those of a Rule
    return Rule(D(limit), "ppm", read(averaging), **keys)


def hours(values: Sequence[float | str | HourlyMean | None], start: Hour = START) -> list[HourlyMean]:
    """One after the other; none is a valid hour's opposite, ``OFF`` one in which nothing burnt."""
    return [
        value._replace(hour=Hour(start + place))
        if isinstance(value, HourlyMean)
        else HourlyMean(Hour(start + place), None if value is None else D(str(value)))
        for place, value in enumerate(values)
    ]


def after(limit: Rule, values: Sequence[float | str | HourlyMean | None], running: Running | None = None) -> Standing:
    return standing(limit, hours(values), Hour(START + len(values)), running)


def startup(value: float) -> HourlyMean:
    return HourlyMean(START, D(value), is_startup=True)


def loaded(value: float, load: float | None, part: str = "1") -> HourlyMean:
    return HourlyMean(START, D(str(value)), D(part), load=None if load is None else D(str(load)))


@pytest.mark.parametrize(
    ("limit", "values", "average", "valid", "coverage"),
    [
        pytest.param(rule("4 operating hours"), [90, 100, 110, 120], 105, True, 1, id="four of four"),
        pytest.param(rule("4 operating hours"), [90, None, 110, 130], 110, True, "0.75", id="three of four"),
        pytest.param(
            rule("4 operating hours"), [90, None, None, 130], 110, False, "0.5", id="two of four are not valid"
        ),
        pytest.param(
            rule("4 operating hours"), [1, 90, OFF, 100, OFF, 110, 120], 105, True, 1, id="hours off do not count"
        ),
        pytest.param(rule("3h"), [1, 90, OFF, 110], 100, True, 1, id="of clock hours those that operated"),
        pytest.param(rule("1h"), [90, 120], 120, True, 1, id="one hour"),
        pytest.param(rule("24h block"), [*[100] * 12, *[50] * 12, 999, 999], 75, True, 1, id="a day, not the next"),
        pytest.param(
            rule("24h block", invalid_at_most=3),
            [*[100] * 21, None, None, None],
            100,
            True,
            "0.875",
            id="three missing",
        ),
        pytest.param(
            rule("24h block", invalid_at_most=3), [*[100] * 20, *[None] * 4], 100, False, D(20) / 24, id="four missing"
        ),
        pytest.param(rule("3h", counts_startup=False), [startup(500), 80, 90], 85, True, 1, id="startup is left out"),
        pytest.param(rule("3h"), [startup(500), 80, 20], 200, True, 1, id="startup counts"),
        pytest.param(
            rule("3h", subtracted=D(20)), [110, 15, 50], 40, True, 1, id="a confidence interval, never below nothing"
        ),
        pytest.param(rule("2 operating days"), [*[60] * 24, *[90] * 24, 500], 75, True, 1, id="days, not today"),
        pytest.param(
            rule("2h", per_load=True), [loaded(300, 200), loaded(100, 50)], "1.6", True, 1, id="sum over sum, not 1.75"
        ),
        pytest.param(
            rule("2h", per_load=True),
            [loaded(300, 200, "0.5"), loaded(100, 50)],
            D(250) / 150,
            True,
            1,
            id="half an hour",
        ),
        pytest.param(
            rule("2h", per_load=True), [loaded(300, None), loaded(100, 50)], 2, False, "0.5", id="an hour without load"
        ),
        pytest.param(
            rule("2h", decimals=1), ["100.04", "100.05"], "100.0", True, 1, id="rounded before it is compared"
        ),
    ],
)
def test_an_average_is_of_the_valid_hours_that_count(
    limit: Rule, values: list[Any], average: float | str | Decimal, valid: bool, coverage: float | str | Decimal  # noqa: FBT001  # a column
) -> None:  # fmt: skip
    found = after(limit, values)
    assert found.average is not None
    assert found.average.value == D(str(average))
    assert found.ratio == found.average.value / limit.limit
    assert (found.is_valid, found.coverage) == (valid, D(str(coverage)))
    assert found.is_exceeded == (valid and found.average.value > limit.limit)


def test_the_limit_itself_is_no_exceedance_and_what_is_not_valid_is_none_either() -> None:
    assert not after(rule("2h"), [100, 100]).is_exceeded
    assert after(rule("2h"), [100, "100.001"]).is_exceeded
    unknown = after(rule("2h"), [None, 900])
    assert (unknown.is_valid, unknown.is_exceeded, unknown.ratio) == (False, False, D(9))
    assert (after(rule("2h"), [900, None, None]).is_valid, after(rule("2h"), [900, None, None]).ratio) == (False, None)


def test_a_plant_that_stands_still_is_asked_nothing() -> None:
    found = after(rule("2h"), [900, OFF, OFF])
    assert (found.is_valid, found.average, found.coverage, found.projected) == (None, None, None, None)


def test_before_one_whole_window_was_watched_nothing_is_judged() -> None:
    for values, judged in (([900] * 23, None), ([900] * 24, True)):
        assert after(rule("24h"), values).is_valid is judged
    assert after(rule("calendar month"), [900] * 24 * 20).is_valid is None


def test_an_hour_that_nobody_closed_was_needed() -> None:
    known = [hour for hour in hours([80] * 24) if hour.hour % 24 not in {3, 4, 5, 6, 7, 8, 9}]
    found = standing(rule("24h block"), known, Hour(START + 24))
    assert (found.is_valid, found.coverage) == (False, D(17) / 24)


def test_a_revision_counts_instead_of_the_hour_it_revises() -> None:
    found = standing(rule("2h"), [*hours([80, 500]), HourlyMean(Hour(START + 1), D(90))], Hour(START + 2))
    assert found.average is not None
    assert found.average.value == 85


def test_operating_days_are_judged_once_a_day_and_keep_their_average_until_the_next_is_over() -> None:
    values: list[float | HourlyMean] = [*[60] * 24, *[90] * 24, *[OFF] * 48, *[300] * 24]
    judged = [after(rule("2 operating days"), values[:length]) for length in range(48, len(values) + 1)]
    assert [each.average.value for each in judged if each.average] == [75] * 72 + [195]


def test_thirty_days_of_lb_per_mwh_are_the_sum_of_all_over_the_sum_of_all() -> None:
    seed = random.Random(5)
    values = [loaded(seed.randint(100, 900), seed.randint(200, 600), seed.choice(["1", "0.25"])) for _ in range(720)]
    found = after(rule("30 operating days", per_load=True), values)
    assert found.average is not None
    pounds = sum(((each.value or D(0)) * each.operating_time for each in values), D(0))
    energy = sum(((each.load or D(0)) * each.operating_time for each in values), D(0))
    assert abs(found.average.value - pounds / energy) < D("1e-20")


@given(st.lists(st.integers(0, 300), min_size=1, max_size=23), st.integers(50, 200))
def test_what_is_allowed_for_the_rest_of_a_day_makes_its_mean_the_limit_exactly(done: list[int], limit: int) -> None:
    """x_max = (L n_total - sum_done) / n_remaining."""
    allowed = after(rule("24h block", str(limit)), done).allowed
    assert allowed is not None
    rest = 24 - len(done)
    assert allowed.value == max(D(0), (D(limit) * 24 - sum(done)) / rest)
    if allowed.value > 0:
        mean = after(rule("24h block", str(limit)), [*done, *[str(allowed.value)] * rest]).average
        assert mean is not None
        assert abs(mean.value - limit) < D("1e-20")


def test_the_open_hour_counts_for_what_is_ahead_as_far_as_it_is_over() -> None:
    found = after(rule("24h block"), [100] * 12, Running(D(120), D("0.25")))
    assert found.projected is not None
    assert found.allowed is not None
    assert found.projected.value == (12 * 100 + 12 * 120) / D(24)
    assert found.allowed.value == (2400 - 1200 - 30) / D("11.75")
    assert found.time_left is not None
    assert found.time_left.value == (2400 - 1200 - 30) / D(120), "then nothing more may be emitted until midnight"


WINDOWS = ["1h", "3h", "6h", "6h block", "4 operating hours", "2 operating days"]
PAST = st.lists(st.integers(0, 200), min_size=48, max_size=54)


def becomes(
    permit: Rule, values: Sequence[float | str | HourlyMean | None], rate: Decimal
) -> list[tuple[int, Decimal]]:
    """The averages that fall due within one window of *values* when all goes on at *rate*, and after how many hours."""
    now = Hour(START + len(values))
    due = list(permit.averaging.window.due(now, [Hour(START + hour) for hour in range(len(values))]))
    found = []
    for each in due:
        average = after(permit, [*values, *[str(rate)] * each.remaining]).average
        assert average is not None
        found.append((each.remaining, average.value))
    return found


@settings(max_examples=40)
@given(st.sampled_from(WINDOWS), PAST, st.integers(50, 150))
@example("4 operating hours", [*[0] * 50, 90, 90, 90, 105], 100)
@example("6h block", [100] * 51, 90)
def test_what_is_predicted_happens_when_the_rate_goes_on(averaging: str, values: list[int], limit: int) -> None:
    permit = rule(averaging, str(limit))
    found, future = after(permit, values), becomes(permit, values, D(values[-1]))
    assert found.projected is not None
    assert found.allowed is not None
    assert abs(found.projected.value - max(value for _, value in future)) < D("1e-20")
    over = [hour for hour, value in future if value > limit]
    assert (found.time_left is not None) == bool(over) == (values[-1] > found.allowed.value)
    if found.time_left is not None:
        assert found.time_left.value <= over[0], "it is inevitable before it is judged"
        if "block" not in averaging and "days" not in averaging:
            assert math.ceil(found.time_left.value) in {over[0], over[0] - 1}, (
                "within that hour; at once when it is too late"
            )


@settings(max_examples=40)
@given(st.sampled_from(WINDOWS), PAST)
def test_what_is_allowed_is_the_most_that_is(averaging: str, values: list[int]) -> None:
    permit = rule(averaging)
    allowed = after(permit, values).allowed
    assert allowed is not None
    more = becomes(permit, values, allowed.value + D("0.001"))
    assert max(value for _, value in more) > 100
    if allowed.value > 0:
        most = becomes(permit, values, allowed.value)
        assert max(value for _, value in most) < 100 + D("1e-20")


@given(st.permutations(hours([90, 100, None, 120, 80, OFF, 70, 60])))
def test_the_order_of_hours_and_the_callers_arithmetic_change_nothing(given_: list[HourlyMean]) -> None:
    now = Hour(START + 8)
    wanted = standing(rule("3h"), hours([90, 100, None, 120, 80, OFF, 70, 60]), now)
    with localcontext(Context(prec=3)):
        found = standing(rule("3h"), given_, now)
    assert found == wanted
    assert found.average is not None
    assert wanted.average is not None
    assert found.average.digest == wanted.average.digest


def test_each_number_says_where_it_comes_from() -> None:
    found = after(rule("24h block", source="condition 7", subtracted=D(10)), [*[90] * 24, *[140] * 12])
    said = [each.told() if each else "" for each in (found.average, found.projected, found.time_left, found.allowed)]
    assert said[0] == (
        "mean over 24h block = sum / n (condition 7)\n  L = 100 ppm\n  sum = 1920 ppm\n  n = 24 h\n"
        "  of each hour 10 ppm subtracted, not below 0\n  2026-03-01T00 to 2026-03-02T00: 24 of 24 hours valid\n"
        "  sum 1920 over 24 valid hours = 80\n  = 80 ppm, not rounded"
    )
    assert "(1560 + 130 x 12) / 24\n  = 130 ppm" in said[1]
    assert "t = (L n_total - sum_done) / rate" in said[2]
    assert "x_max = (L n_total - sum_done) / n_remaining" in said[3]
    assert "(100 x 24 - 1560) / 12 = 70" in said[3]
    assert said[3].endswith("= 80 ppm, not rounded"), "what may be measured: 10 of it will come off"


def closed(hour: int, **parameters: Measured | Computed) -> ClosedHour:
    measured = {name: each for name, each in parameters.items() if isinstance(each, Measured)}
    computed = {name: each for name, each in parameters.items() if isinstance(each, Computed)}
    return ClosedHour(Hour(hour), D("0.75"), D(300), "gas", is_startup=True, measured=measured, computed=computed)


@pytest.mark.parametrize(
    ("hour", "value"),
    [
        (closed(1, NOXR=Computed("NOXR", D("0.1"), "lb/mmBtu", "F-5", "")), D("0.1")),
        (closed(1, NOXR=Measured("NOXR", D("0.2"), D("0.2"), "01")), D("0.2")),
        (closed(1, NOXR=Measured("NOXR", None, None, "46", "calibration")), None),
        (closed(1, SO2=Measured("SO2", D(1), D(1), "01")), None),
    ],
)
def test_a_closed_hour_gives_what_is_computed_or_measured(hour: ClosedHour, value: Decimal | None) -> None:
    assert hourly_means([hour], "NOXR") == [HourlyMean(Hour(1), value, D("0.75"), is_startup=True, load=D(300))]


@pytest.mark.parametrize("make", [lambda: hours([50] * 24 * 400)], ids=["a year and more"])
def test_a_year_of_hours_is_judged_by_every_window(make: Callable[[], list[HourlyMean]]) -> None:
    known = make()
    for averaging in ("12 months", "calendar year", "30 operating days"):
        found = standing(rule(averaging), known, Hour(START + len(known)))
        assert found.projected is not None
        assert found.projected.value == 50
