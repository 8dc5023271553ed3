"""Linearity, cylinder gas audit, cycle time, flow to load."""

from __future__ import annotations

from decimal import Decimal

import pytest

from greenops_gateway.cems.qa.calibration import Component
from greenops_gateway.cems.qa.cycle_time import cycle_time, step_time
from greenops_gateway.cems.qa.cylinder_gas_audit import accuracy, audit_of_quarter, point_fits
from greenops_gateway.cems.qa.flow_to_load import LEAST_HOURS, check, gross_heat_rate, reference_ratio
from greenops_gateway.cems.qa.linearity import alternates, is_due, linearity_error
from greenops_gateway.cems.qa.result import Result

D = Decimal


def injections(reference: str, *measured: str) -> list[tuple[Decimal, Decimal]]:
    return [(D(reference), D(each)) for each in measured]


@pytest.mark.parametrize(
    ("component", "reference", "measured", "error", "result"),
    [
        pytest.param(Component.POLLUTANT, "400", ["380", "380", "380"], "5.0", "PASSED", id="at 5 %"),
        pytest.param(Component.POLLUTANT, "400", ["379", "379", "379"], "5.3", "FAILED", id="beyond 5 % and 5 ppm"),
        pytest.param(Component.POLLUTANT, "50", ["45", "45", "45"], "5.0", "PASSAPS", id="5 ppm"),
        pytest.param(Component.POLLUTANT, "50", ["44.9", "44.9", "44.9"], "10.2", "FAILED", id="5.1 ppm"),
        pytest.param(Component.DILUENT, "5", ["5.5", "5.5", "5.5"], "0.5", "PASSAPS", id="0.5 % volume"),
        pytest.param(Component.DILUENT, "5", ["5.6", "5.6", "5.6"], "12.0", "FAILED", id="0.6 % volume"),
        pytest.param(Component.MERCURY, "10", ["11", "11", "11"], "10.0", "PASSED", id="mercury at 10 %"),
        pytest.param(Component.MERCURY, "5", ["5.8", "5.8", "5.8"], "0.8", "PASSAPS", id="mercury at 0.8 ug/scm"),
        pytest.param(Component.POLLUTANT, "5.58", ["5.8", "5.7", "5.8"], "3.4", "PASSED", id="means of three decimals"),
        pytest.param(Component.POLLUTANT, "100", ["99", "99"], "1.0", "INVALID", id="two injections"),
    ],
)
def test_an_error_is_a_share_of_the_mean_reference(
    component: Component, reference: str, measured: list[str], error: str, result: str
) -> None:
    found = linearity_error(component, injections(reference, *measured))
    assert (str(found.working.value), found.result.value) == (error, result)
    assert found.is_alternative is (result == "PASSAPS")


def test_a_claimed_alternative_is_a_difference() -> None:
    found = linearity_error(Component.POLLUTANT, injections("200", "207", "207", "207"), is_alternative=True)
    assert (found.working.value, found.working.unit, found.result) == (D("7.0"), "ppm", Result.FAILED)


@pytest.mark.parametrize(
    ("component", "given", "message"),
    [
        (Component.FLOW, injections("1", "1"), "no linearity check of FLOW"),
        (Component.POLLUTANT, injections("0", "1"), "mean reference value is above zero, not 0.000"),
        (Component.POLLUTANT, [], "no values to average"),
    ],
)
def test_what_has_no_linearity_is_refused(
    component: Component, given: list[tuple[Decimal, Decimal]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        linearity_error(component, given)


def test_no_gas_twice_in_a_row() -> None:
    assert alternates(["LOW", "MID", "HIGH"] * 3)
    assert not alternates(["LOW", "MID", "MID"])


@pytest.mark.parametrize(
    ("hours", "span", "component", "due"),
    [
        (168, 100, Component.POLLUTANT, True),
        (167, 100, Component.POLLUTANT, False),
        (2000, 30, Component.POLLUTANT, False),
        (2000, 25, Component.DILUENT, True),
    ],
)
def test_a_quarter_with_168_hours_needs_a_check(*, hours: int, span: int, component: Component, due: bool) -> None:
    assert is_due(hours, D(span), component) is due


@pytest.mark.parametrize(
    ("certified", "readings", "ppm", "value", "result"),
    [
        pytest.param("100", ["115", "115", "115"], True, "15.0", "PASSED", id="at 15 %"),
        pytest.param("100", ["84", "84", "84"], True, "-16.0", "FAILED", id="below"),
        pytest.param("20", ["25", "25", "25"], True, "25.0", "PASSAPS", id="5 ppm"),
        pytest.param("20", ["25", "25", "25"], False, "25.0", "FAILED", id="not in % volume"),
        pytest.param("100", ["100", "100"], True, "0.0", "INVALID", id="two readings"),
    ],
)
def test_a_cylinder_gas_audit_is_within_15_percent_or_5_ppm(
    *, certified: str, readings: list[str], ppm: bool, value: str, result: str
) -> None:
    found = accuracy(D(certified), [D(each) for each in readings], is_ppm=ppm)
    assert (str(found.working.value), found.result.value) == (value, result)


def test_a_cylinder_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="certified value is above zero"):
        accuracy(D(0), [D(1)])


def test_audit_points_and_the_quarter_of_the_audit() -> None:
    assert [point_fits(point, D(100), D(25)) for point in (1, 2)] == [True, False]
    assert [audit_of_quarter(done) for done in (["RATA", "CGA", "CGA"], ["RATA", "CGA", "CGA", "CGA"])] == [
        "CGA",
        "RATA",
    ]


def steps(*readings: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(D(minutes), D(value)) for minutes, value in readings]


def test_a_step_is_over_when_95_percent_is_reached_to_stay() -> None:
    overshooting = steps(("1", "96"), ("2", "90"), ("3.1", "95"), ("4", "99"))
    up = step_time(D(0), D(100), overshooting)
    down = step_time(D(100), D(0), steps(("10", "6"), ("15.5", "5"), ("16", "0")))
    assert (up.working.value, up.result) == (D(4), Result.PASSED)
    assert (down.working.value, down.result) == (D(16), Result.FAILED)
    assert cycle_time(up, down) is down


@pytest.mark.parametrize(
    ("end", "message"), [("0", "no step from 0 to 0"), ("100", "95.00, was never reached to stay")]
)
def test_a_step_that_never_ends_is_no_cycle_time(end: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step_time(D(0), D(end), steps(("1", "96"), ("2", "94")))


@pytest.mark.parametrize(
    ("load", "flow", "adjusted", "value", "result"),
    [
        pytest.param("100", "23000000", False, "15.0", "PASSED", id="15 % at 60 MW and more"),
        pytest.param("100", "23030000", False, "15.2", "FAILED", id="beyond"),
        pytest.param("100", "23000000", True, "15.0", "FAILED", id="bias-adjusted: 10 %"),
        pytest.param("50", "12000000", False, "20.0", "PASSED", id="20 % below 60 MW"),
        pytest.param("50", "11600000", True, "16.0", "FAILED", id="bias-adjusted: 15 %"),
    ],
)
def test_flow_to_load_is_near_that_of_the_audit(
    *, load: str, flow: str, adjusted: bool, value: str, result: str
) -> None:
    found = check(D("2.00"), D(load), [(D(flow), D(load))] * LEAST_HOURS, is_adjusted=adjusted)
    assert found.working is not None
    assert found.result is not None
    assert (str(found.working.value), found.result.value) == (value, result)


def test_too_few_hours_near_the_load_of_the_audit_are_exempt() -> None:
    near, far = [(D(20000000), D(110))] * (LEAST_HOURS - 1), [(D(20000000), D("110.1"))] * 5
    assert check(D("2.00"), D(100), near + far, is_adjusted=False) == (LEAST_HOURS - 1, None, None)


def test_ratio_and_heat_rate_of_the_audit() -> None:
    assert reference_ratio(D(108087889), D(539)).value == D("2.01")
    assert gross_heat_rate(D("5311.2"), D(539)).value == D(9854)
    for ratio in (reference_ratio, gross_heat_rate):
        with pytest.raises(ValueError, match="a load is above zero, not 0"):
            ratio(D(1), D(0))
