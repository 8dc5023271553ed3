"""EN 14181: calibration function, variability, annual surveillance, drift and precision charts."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems.qa.annual_surveillance import T_VALUES, surveillance
from greenops_gateway.cems.qa.qal2 import KV, Line, Pair, calibration, needs_new_calibration, variability
from greenops_gateway.cems.qa.qal3 import Cusum, Shewhart, cusum, shewhart
from greenops_gateway.cems.qa.qal3 import Line as ChartLine
from greenops_gateway.cems.qa.result import Result

D = Decimal
LIMIT = D(200)


def pairs(*values: tuple[str, str], days: int = 3) -> list[Pair]:
    return [Pair(D(signal), D(reference), index % days) for index, (signal, reference) in enumerate(values)]


SPREAD = pairs(*[(str(4 + each), str(10 * each)) for each in range(15)])
"""y = 10 * (x - 4), from 0 to 140 mg/m3."""


def test_a_wide_spread_is_fitted() -> None:
    found = calibration(SPREAD, LIMIT, zero=D(4))
    assert (found.procedure, found.line, found.result) == ("a", Line(D(-40), D(10)), Result.PASSED)
    assert found.valid_until.value == D(154)


def test_a_narrow_spread_runs_through_zero_and_the_mean() -> None:
    narrow = pairs(*[("6", "20"), ("6.2", "21"), ("5.8", "19")] * 5)
    found = calibration(narrow, LIMIT, zero=D(4))
    assert (found.procedure, found.line) == ("b", Line(D(-40), D(10)))
    assert found.valid_until.value == D(40), "20 % of the limit value at least"


def test_15_percent_of_the_limit_is_wide_enough() -> None:
    def spread(widest: str) -> list[Pair]:
        return pairs(*[("5", "10"), ("6", widest)] * 8)

    assert calibration(spread("40"), LIMIT).procedure == "a"
    assert calibration(spread("39.9"), LIMIT).procedure == "b"


def test_the_spread_is_that_at_the_conditions_of_the_limit() -> None:
    standardised = [each._replace(standardised=D("0.1")) for each in SPREAD]
    assert calibration(standardised, LIMIT).procedure == "b"


@pytest.mark.parametrize(("count", "days"), [(14, 3), (15, 2)])
def test_fewer_than_15_pairs_or_3_days_are_no_calibration(count: int, days: int) -> None:
    few = [Pair(D(4 + each), D(10 * each), each % days) for each in range(count)]
    assert calibration(few, LIMIT).result is Result.INVALID


@pytest.mark.parametrize(
    ("given_pairs", "message"),
    [
        (pairs(("5", "0"), ("5", "100")), "every signal is the same"),
        (pairs(("4", "1"), ("4", "2")), "mean signal is that at zero"),
        ([], "no values to average"),
    ],
)
def test_what_allows_no_line_is_refused(given_pairs: list[Pair], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibration(given_pairs, LIMIT, zero=D(4))


def scattered(off: str, count: int = 15) -> list[Pair]:
    """Pairs that lie so far above and below y = x in turn, the last on it."""
    return [
        Pair(D(50 + each), D(50 + each) + D(off) * (each % 2 * 2 - 1) * (each < count - count % 2))
        for each in range(count)
    ]


def test_variability_is_within_the_confidence_interval() -> None:
    """20 % of 200 / 1.96 * 0.9761 = 19.9204; sD = off * sqrt(14 / 14)."""
    straight = Line(D(0), D(1))
    found = variability(straight, scattered("19.92"), LIMIT, D(20))
    assert (found.most.value, found.deviation.value, found.result) == (D("19.9204"), D("19.9200"), Result.PASSED)
    assert variability(straight, scattered("19.93"), LIMIT, D(20)).result is Result.FAILED
    with pytest.raises(ValueError, match="2 pairs; a variability test takes at least 3"):
        variability(straight, scattered("1", 2), LIMIT, D(20))


def chi_squared_below(value: float, freedom: int) -> float:
    """How likely chi-squared is below *value*: the series of the incomplete gamma function."""
    half, x = freedom / 2, value / 2
    term = total = 1 / half
    for step in range(1, 200):
        term *= x / (half + step)
        total += term
    return total * math.exp(half * math.log(x) - x - math.lgamma(half))


def test_kv_is_the_root_of_the_median_of_chi_squared() -> None:
    assert (KV[15], list(KV)) == (D("0.9761"), list(range(3, 31)))
    for count, factor in KV.items():
        median = float(factor) ** 2 * (count - 1)
        assert math.isclose(chi_squared_below(median, count - 1), 0.5, abs_tol=2e-4), count


def test_a_surveillance_test_widens_the_variability_and_tests_the_function() -> None:
    straight = Line(D(0), D(1))
    found = surveillance(straight, scattered("20", 5), LIMIT, D(20))
    assert (found.result, found.function, found.variability.most.value) == (Result.PASSED, Result.PASSED, D("28.0439"))
    moved = [each._replace(reference=each.reference + 41) for each in scattered("20", 5)]
    found = surveillance(straight, moved, LIMIT, D(20))
    assert (found.variability.result, found.function, found.result) == (Result.PASSED, Result.FAILED, Result.FAILED)
    assert (found.mean_difference.value, found.most.value) == (D("41.0000"), D("39.4774"))
    assert surveillance(straight, scattered("0", 4), LIMIT, D(20)).result is Result.INVALID
    assert T_VALUES[5] == D("2.132")


@pytest.mark.parametrize(
    ("weeks", "needed"),
    [
        ([(5, 100)] * 9, False),
        ([(6, 100)] * 5, False),
        ([(6, 100)] * 6, True),
        ([(40, 100)], False),
        ([(41, 100)], True),
    ],
)
def test_values_outside_the_valid_range_call_for_a_new_calibration(
    weeks: list[tuple[int, int]], *, needed: bool
) -> None:
    assert needs_new_calibration([*weeks, (0, 0)]) is needed


def chart(*readings: str, deviation: str = "1") -> list[tuple[bool, Decimal | None, bool]]:
    """For each reading of a reference of 100: whether the chart goes on, the adjustment, imprecision."""
    state, told = Cusum(), []
    for reading in readings:
        found = cusum(state, D(reading), D(100), D(deviation))
        state = found.state
        told.append((state != Cusum(), found.adjust_by, found.is_imprecise))
    return told


def test_a_steady_drift_is_found_and_its_adjustment_told() -> None:
    """1 above, less 0.501, is 0.499 each time: 2.994 after six, beyond 2.85."""
    *before, last = chart(*["101"] * 6)
    assert all(adjust is None for _, adjust, _ in before)
    assert last[1] == -D("0.7") * (D("0.501") + D("2.994") / 6)
    assert chart(*["99"] * 6)[-1][1] == D("0.7") * (D("0.501") + D("2.994") / 6)


def test_a_drift_that_comes_back_is_forgotten() -> None:
    found = cusum(Cusum(up=D("0.3"), since_up=4), D(99), D(100), D(1))
    assert (found.state.up, found.state.since_up, found.state.down) == (D(0), 0, D("0.499"))


def test_scatter_is_imprecision_and_no_drift() -> None:
    """5 up and down in turn: (d - before)^2 / 2 = 12.5, less 1.85."""
    assert [imprecise for _, _, imprecise in chart("102.5", "97.5")] == [False, True]
    assert not any(imprecise for _, _, imprecise in chart(*["100.5", "99.5"] * 10))


@given(st.lists(st.integers(-30, 30), max_size=20), st.integers(1, 20))
def test_a_chart_kept_between_readings_goes_on_where_it_was(tenths: list[int], scale: int) -> None:
    """Scaled readings and deviation give scaled sums."""
    state, scaled = Cusum(), Cusum()
    for each in tenths:
        state = cusum(state, D(each) / 10, D(0), D(1)).state
        scaled = cusum(scaled, D(each) / 10 * scale, D(0), D(scale)).state
    assert (state.up * scale, state.down * scale, state.precision * scale * scale) == (
        scaled.up,
        scaled.down,
        scaled.precision,
    )


@pytest.mark.parametrize(
    ("reading", "line"),
    [
        ("102", ChartLine.INSIDE),
        ("102.1", ChartLine.WARNING),
        ("97", ChartLine.WARNING),
        ("103.1", ChartLine.ALARM),
        ("96.9", ChartLine.ALARM),
    ],
)
def test_a_shewhart_chart_warns_beyond_two_and_alarms_beyond_three(reading: str, line: ChartLine) -> None:
    assert shewhart(Shewhart(), D(reading), D(100), D(1)).line is line


def test_a_shewhart_chart_counts_readings_beyond_on_one_side() -> None:
    state, seen = Shewhart(), []
    for reading in ("102.5", "102.5", "97.5", "97.5", "100"):
        state = shewhart(state, D(reading), D(100), D(1)).state
        seen.append(state.beyond)
    assert seen == [1, 2, -1, -2, 0]


def test_a_deviation_is_above_zero() -> None:
    with pytest.raises(ValueError, match="above zero, not 0"):
        cusum(Cusum(), D(1), D(1), D(0))
    with pytest.raises(ValueError, match="above zero, not 0"):
        shewhart(Shewhart(), D(1), D(1), D(0))
