"""Calibration error in both tiers, the result of a daily calibration, and drift under Part 60."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest

from greenops_gateway.cems.qa.calibration import (
    COMPONENTS,
    Component,
    Tier,
    calibration_error,
    calibration_result,
    gas_fits,
)
from greenops_gateway.cems.qa.drift import DriftCheck, Period, out_of_control
from greenops_gateway.cems.qa.result import Result, worst

D = Decimal
DAILY, CERTIFICATION = Tier.DAILY, Tier.CERTIFICATION


@pytest.mark.parametrize(
    ("component", "tier", "span", "reference", "measured", "error", "result"),
    [
        pytest.param("NOX", DAILY, 500, "250", "275", "5.0", "PASSED", id="at twice the specification"),
        pytest.param("NOX", DAILY, 500, "250", "275.3", "5.1", "FAILED", id="beyond it"),
        pytest.param("NOX", CERTIFICATION, 500, "250", "262.5", "2.5", "PASSED", id="at the specification"),
        pytest.param("NOX", CERTIFICATION, 500, "250", "263", "2.6", "FAILED", id="what daily is good enough"),
        pytest.param("SO2", DAILY, 50, "40", "45", "5.0", "PASSAPS", id="5 ppm of a span of 50"),
        pytest.param("SO2", DAILY, 50, "40", "45.1", "10.2", "FAILED", id="more, of a span of 50"),
        pytest.param("SO2", DAILY, 100, "60", "70", "10.0", "PASSAPS", id="10 ppm of a span up to 200"),
        pytest.param("SO2", DAILY, 200, "120", "130.1", "5.1", "FAILED", id="10.1 ppm of a span of 200"),
        pytest.param("SO2", CERTIFICATION, 199, "100", "105", "2.5", "PASSED", id="a share that is good enough"),
        pytest.param("SO2", CERTIFICATION, 190, "100", "105", "5.0", "PASSAPS", id="5 ppm below a span of 200"),
        pytest.param("SO2", CERTIFICATION, 200, "100", "105.2", "2.6", "FAILED", id="not at a span of 200"),
        pytest.param("O2", DAILY, 21, "20.9", "21.9", "1.0", "PASSED", id="% volume, not of span"),
        pytest.param("CO2", CERTIFICATION, 20, "10.0", "10.55", "0.6", "FAILED", id="half up"),
        pytest.param("FLOW", DAILY, 10, "5", "5.6", "6.0", "PASSED", id="flow"),
        pytest.param("HG", DAILY, 10, "5", "6", "1.0", "PASSAPS", id="mercury, 1.0 ug/scm"),
        pytest.param("HG", CERTIFICATION, 20, "5", "6.1", "5.5", "FAILED", id="mercury, a span above 10"),
    ],
)
def test_an_error_is_held_to_its_tier(
    *, component: str, tier: Tier, span: int, reference: str, measured: str, error: str, result: str
) -> None:
    found = calibration_error(COMPONENTS[component], D(span), D(reference), D(measured), tier)
    assert (str(found.working.value), found.result.value) == (error, result)
    assert found.is_alternative is (result == "PASSAPS")


def test_only_differential_pressure_has_an_alternative_for_flow() -> None:
    given = Component.FLOW, D("0.20"), D("0.10"), D("0.12")
    assert calibration_error(*given).result is Result.FAILED
    found = calibration_error(*given, is_differential_pressure=True)
    assert (found.result, found.working.value, found.working.unit) == (Result.PASSAPS, D("0.02"), "inH2O")


def test_a_claimed_alternative_is_a_difference_even_where_it_fails() -> None:
    found = calibration_error(Component.POLLUTANT, D(100), D(50), D("61.2"), is_alternative=True)
    assert (found.working.value, found.result, found.is_alternative) == (D("11.2"), Result.FAILED, True)


def test_an_alternative_that_is_not_open_cannot_be_claimed() -> None:
    found = calibration_error(Component.POLLUTANT, D(200), D(100), D(104), CERTIFICATION, is_alternative=True)
    assert (found.working.value, found.result, found.is_alternative) == (D("2.0"), Result.PASSED, False)


def test_the_callers_context_has_no_say() -> None:
    with localcontext() as narrow:
        narrow.prec = 2
        found = calibration_error(Component.POLLUTANT, D("812.5"), D("411.3"), D("398.77"))
    assert found.working.value == D("1.5")


def test_a_working_tells_clause_inputs_steps_and_rounding() -> None:
    told = calibration_error(Component.POLLUTANT, D(200), D("100.0"), D("101.3")).working.told()
    assert told.splitlines() == [
        "CE = |R - A| / S * 100 (equation A-5; 40 CFR 75 Appendix B, 2.1.4)",
        "  R = 100.0",
        "  A = 101.3",
        "  S = 200",
        "  |100.0 - 101.3| / 200 * 100 = 0.6500",
        "  = 0.7 % of span, rounded half up to 1 decimal",
    ]


def test_no_span_is_refused() -> None:
    with pytest.raises(ValueError, match="a span is above zero, not 0"):
        calibration_error(Component.POLLUTANT, D(0), D(1), D(1))


@pytest.mark.parametrize(
    ("zero", "upscale", "aborted", "result"),
    [
        (Result.PASSED, Result.PASSED, False, Result.PASSED),
        (Result.PASSAPS, Result.PASSED, False, Result.PASSAPS),
        (Result.PASSED, None, False, Result.INC),
        (Result.FAILED, None, False, Result.FAILED),
        (Result.PASSED, Result.FAILED, False, Result.FAILED),
        (Result.PASSED, Result.PASSED, True, Result.ABORTED),
        (None, None, False, Result.INC),
    ],
)
def test_a_daily_calibration_has_two_levels(
    *, zero: Result | None, upscale: Result | None, aborted: bool, result: Result
) -> None:
    assert calibration_result(zero, upscale, is_aborted=aborted) is result


def test_a_test_without_parts_has_no_result() -> None:
    with pytest.raises(ValueError, match="without parts"):
        worst([])


@pytest.mark.parametrize(
    ("level", "reference", "flow", "fits"),
    [
        ("ZERO", "20", False, True),
        ("ZERO", "20.1", False, False),
        ("MID", "49.95", False, True),
        ("MID", "61", False, False),
        ("HIGH", "100", False, True),
        ("LOW", "31", False, False),
        ("HIGH", "65", True, True),
        ("HIGH", "80", True, False),
        ("ZERO", "0", True, True),
    ],
)
def test_a_gas_lies_where_its_level_is(*, level: str, reference: str, flow: bool, fits: bool) -> None:
    assert gas_fits(level, D(100), D(reference), is_flow=flow) is fits


def days(*drifts: str) -> list[DriftCheck]:
    return [DriftCheck(float(day), D(0), D(drift)) for day, drift in enumerate(drifts)]


@pytest.mark.parametrize(
    ("drifts", "periods"),
    [
        pytest.param(["1", "5", "5", "5", "5", "1"], [], id="four days beyond twice"),
        pytest.param(["1", "5", "5", "5", "-5.1", "5", "6", "1"], [(5, 7)], id="the fifth day begins it"),
        pytest.param(["5", "5", "5", "5", "5"], [(4, None)], id="it lasts"),
        pytest.param(["4", "4", "4", "4", "4", "4"], [], id="at twice the limit"),
        pytest.param(["1", "1", "8.1", "1"], [(1, 3)], id="beyond four times, from the check before"),
        pytest.param(["9", "7", "1"], [(0, 1)], id="the first check; within four times ends it"),
        pytest.param(["1", "8"], [], id="at four times the limit"),
        pytest.param(["1", "5", "5", "5", "5", "9", "7", "3"], [(4, 7)], id="both: ends within twice"),
    ],
)
def test_drift_beyond_part_60_is_out_of_control(drifts: list[str], periods: list[tuple[int, int | None]]) -> None:
    assert list(out_of_control(days(*drifts), D(2))) == [Period(*period) for period in periods]


def test_zero_drift_counts_as_span_drift_does() -> None:
    assert out_of_control([DriftCheck(0, D("-9"), D(0))], D(2)) == (Period(0, None),)
