"""Relative accuracy, when the next audit is due, bias and what it makes of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.cems.qa.bias import (
    RATE,
    adjusted,
    bias_adjustment_factor,
    overall_factor,
    recorded_factor,
)
from greenops_gateway.cems.qa.rata import T_BEYOND, T_VALUES, Run, System, relative_accuracy, verdict
from greenops_gateway.cems.qa.result import Result

D = Decimal
AUDIT = [
    ("0.192", "0.215"),
    ("0.251", "0.259"),
    ("0.233", "0.234"),
    ("0.217", "0.245"),
    ("0.235", "0.257"),
    ("0.225", "0.244"),
    ("0.227", "0.267"),
    ("0.249", "0.251"),
    ("0.245", "0.261"),
]


def runs(pairs: Sequence[tuple[str, str]]) -> list[Run]:
    return [Run(monitor=D(monitor), reference=D(reference)) for reference, monitor in pairs]


def around(reference: str, difference: str, spread: str = "0", count: int = 9) -> list[Run]:
    """Runs with this mean difference, and so far from it on both sides."""
    sides = [D(spread) * (index % 2 * 2 - 1) for index in range(count - count % 2)] + [D(0)] * (count % 2)
    return [Run(D(reference) - D(difference) + side, D(reference)) for side in sides]


def test_an_audit_of_public_record() -> None:
    found = relative_accuracy([*runs(AUDIT), Run(D("0.266"), D("0.220"), is_used=False)])
    assert [str(working.value) for working in found.workings] == ["-0.01767", "0.01262", "0.00970", "11.88"]
    assert (found.runs, found.discarded, found.t_value) == (9, 1, D("2.306"))


@given(st.permutations(AUDIT))
def test_the_order_of_runs_has_no_say(pairs: list[tuple[str, str]]) -> None:
    found, known = relative_accuracy(runs(pairs)), relative_accuracy(runs(AUDIT))
    assert (found.difference, found.confidence, found.mean_monitor) == (
        known.difference,
        known.confidence,
        known.mean_monitor,
    )


def test_t_goes_by_degrees_of_freedom() -> None:
    assert (len(T_VALUES), T_VALUES[8], T_VALUES[30]) == (30, D("2.306"), D("2.042"))
    assert list(T_VALUES.values()) == sorted(T_VALUES.values(), reverse=True)
    assert relative_accuracy(around("100", "1", count=32)).t_value == T_BEYOND


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([Run(D(1), D(1))], "1 of its runs used"),
        ([Run(D(1), D(0)), Run(D(1), D(0))], "mean of the reference method is above zero, not 0"),
    ],
)
def test_what_cannot_be_an_audit_is_refused(bad: list[Run], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        relative_accuracy(bad)


@pytest.mark.parametrize(
    ("system", "reference", "difference", "result", "quarters"),
    [
        pytest.param(System.NOXC, "1000", "75", "PASSED", 4, id="7.5 %"),
        pytest.param(System.NOXC, "1000", "75.4", "PASSED", 4, id="7.54 % is 7.5 %"),
        pytest.param(System.NOXC, "1000", "76", "PASSED", 2, id="7.6 %"),
        pytest.param(System.NOXC, "1000", "101", "FAILED", None, id="10.1 %"),
        pytest.param(System.SO2, "100", "12.0", "PASSAPS", 4, id="12 ppm of a low emitter"),
        pytest.param(System.SO2, "100", "-15.0", "PASSAPS", 2, id="15 ppm of a low emitter"),
        pytest.param(System.SO2, "100", "15.1", "FAILED", None, id="more"),
        pytest.param(System.SO2, "250.1", "-26", "FAILED", None, id="250.1 ppm is no low emitter"),
        pytest.param(System.NOX, "0.100", "0.015", "PASSAPS", 4, id="0.015 lb/mmBtu"),
        pytest.param(System.NOX, "0.100", "0.020", "PASSAPS", 2, id="0.020 lb/mmBtu"),
        pytest.param(System.NOX, "0.201", "0.021", "FAILED", None, id="0.201 lb/mmBtu is no low emitter"),
        pytest.param(System.SO2R, "0.29", "0.030", "PASSAPS", 2, id="0.030 lb/mmBtu SO2"),
        pytest.param(System.CO2, "5", "0.7", "PASSAPS", 4, id="0.7 % volume"),
        pytest.param(System.O2, "5", "1.0", "PASSAPS", 2, id="1.0 % volume"),
        pytest.param(System.H2O, "9", "1.5", "PASSAPS", 2, id="1.5 % moisture"),
        pytest.param(System.FLOW, "3600000", "500000", "FAILED", None, id="flow, no area"),
        pytest.param(System.HCL, "10", "2", "PASSED", 4, id="HCl 20 %"),
        pytest.param(System.HG, "2.5", "0.54", "PASSAPS", 4, id="mercury, 0.5 ug/scm"),
        pytest.param(System.HG, "2.6", "0.54", "FAILED", None, id="mercury, 20.8 %"),
        pytest.param(System.HF, "1", "0.3", "FAILED", None, id="HF 30 %"),
    ],
)
def test_how_good_an_audit_is_says_when_the_next_is_due(
    system: System, reference: str, difference: str, result: str, quarters: int | None
) -> None:
    found = verdict(relative_accuracy(around(reference, difference)), system)
    assert (found.result.value, found.quarters) == (result, quarters)


@pytest.mark.parametrize(
    ("area", "result", "quarters"),
    [
        pytest.param("100", "FAILED", None, id="27.8 ft/s is fast"),
        pytest.param("500", "PASSAPS", 4, id="5.6 ft/s, 0.8 off"),
        pytest.param("278", "PASSAPS", 4, id="10.0 ft/s, 1.5 off"),
    ],
)
def test_a_slow_flow_may_be_so_many_feet_a_second_off(area: str, result: str, quarters: int | None) -> None:
    found = verdict(relative_accuracy(around("10000000", "1500000")), System.FLOW, D(area))
    assert (found.result.value, found.quarters) == (result, quarters)


@pytest.mark.parametrize(
    ("used", "discarded", "why"), [(8, 0, "8 runs used; at least 9"), (9, 4, "4 runs discarded; at most 3")]
)
def test_too_few_runs_or_too_many_discarded_are_no_audit(used: int, discarded: int, why: str) -> None:
    tried = [*around("100", "1", count=used), *[Run(D(1), D(100), is_used=False)] * discarded]
    found = verdict(relative_accuracy(tried), System.NOXC)
    assert (found.result, found.quarters, found.why) == (Result.INVALID, None, why)


@pytest.mark.parametrize(
    ("system", "reference", "difference", "spread", "factor"),
    [
        pytest.param(System.NOXC, "500", "10", "0", "1.020", id="biased low"),
        pytest.param(System.NOXC, "500", "-10", "0", "1.000", id="biased high"),
        pytest.param(System.NOXC, "500", "10", "30", "1.000", id="within the confidence coefficient"),
        pytest.param(System.NOXC, "250", "50", "0", "1.111", id="a low emitter takes 1.111"),
        pytest.param(System.NOXC, "250.1", "50", "0", "1.250", id="no low emitter"),
        pytest.param(System.NOX, "0.204", "0.04", "0", "1.111", id="0.204 lb/mmBtu is 0.20"),
        pytest.param(System.NOX, "0.205", "0.04", "0", "1.242", id="0.205 lb/mmBtu is not"),
        pytest.param(System.FLOW, "1000000", "200000", "0", "1.250", id="flow has no low emitters"),
        pytest.param(System.NOXC, "100", "5", "0", "1.053", id="1.111 never raises"),
        pytest.param(System.CO2, "10", "0.5", "0", "1.000", id="CO2 is not adjusted"),
    ],
)
def test_a_bias_leads_to_a_factor(system: System, reference: str, difference: str, spread: str, factor: str) -> None:
    found = relative_accuracy(around(reference, difference, spread))
    assert str(bias_adjustment_factor(found, system).value) == factor


def test_a_low_emitter_may_do_without_its_option() -> None:
    found = relative_accuracy(around("250", "50"))
    assert bias_adjustment_factor(found, System.SO2, is_low_emitter_capped=False).value == D("1.250")


def test_a_monitor_that_shows_nothing_has_no_factor() -> None:
    with pytest.raises(ValueError, match="monitor's mean is above zero, not 0"):
        bias_adjustment_factor(relative_accuracy(around("5", "5")), System.SO2)


def test_a_flow_monitor_takes_the_highest_of_its_levels_if_biased_at_a_normal_one() -> None:
    levels = {"LOW": D("1.051"), "MID": D("1.000"), "HIGH": D("1.020")}
    assert overall_factor(levels, ["MID", "HIGH"]) == D("1.051")
    assert overall_factor(levels, ["MID"]) == D("1.000")


@pytest.mark.parametrize(
    ("name", "unadjusted", "factor", "value"),
    [
        ("FLOW", "11084000", "1.063", "11782000"),
        ("FLOW", "1499", "1.500", "2000"),
        ("SO2C", "100.05", "1.111", "111.2"),
        ("SO2C", "100.04", "1.111", "111.1"),
        ("NOXR", "0.056", "1.080", "0.060"),
    ],
)
def test_an_hour_is_rounded_then_adjusted_then_rounded(name: str, unadjusted: str, factor: str, value: str) -> None:
    parameter = RATE if name == RATE.name else PARAMETERS[name]
    assert str(adjusted(parameter, D(unadjusted), D(factor)).value) == value


@given(
    st.decimals(min_value=1, max_value=D("1.4"), places=3),
    st.lists(st.integers(min_value=9000, max_value=20000), min_size=12, max_size=60, unique=True),
)
def test_the_factor_that_rows_were_made_with_is_found_again(factor: Decimal, thousands: list[int]) -> None:
    flow = PARAMETERS["FLOW"]
    values = [D(each) * 1000 for each in thousands]
    pairs = [(value, adjusted(flow, value, factor).value) for value in values]
    found = recorded_factor(flow, pairs)
    assert found is not None
    assert [adjusted(flow, value, found).value for value in values] == [after for _, after in pairs]


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([], id="nothing"),
        pytest.param([("100", "105")], id="one row"),
        pytest.param([("100", "105"), ("100", "120")], id="no two agree"),
        pytest.param([("0", "0"), ("0", "0")], id="zeros"),
        pytest.param([("100", "90"), ("200", "180")], id="below one"),
    ],
)
def test_no_factor_is_found_where_rows_do_not_agree(pairs: list[tuple[str, str]]) -> None:
    given_pairs = [(D(before), D(after)) for before, after in pairs]
    assert recorded_factor(PARAMETERS["SO2C"], given_pairs) is None
