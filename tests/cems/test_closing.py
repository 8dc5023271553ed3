"""An hour from its readings: averages and rates; the same for any order of readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coal_stack import BEGINS, COAL, HOUR, Values, each_quarter, plan, readings
from greenops_gateway.cems.closing import Calibration, HourInputs, Reading, Status, close
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.plan_check import plan_of
from greenops_gateway.cems.reading import foremost, in_order
from greenops_gateway.cems.record import ClosedHour, Measured
from greenops_gateway.cems.working import Working

D = Decimal


def so2(values: Sequence[Reading], by: StackPlan | None = None, **more: Any) -> Measured:  # noqa: ANN401  # of HourInputs
    closed, _ = close(by or plan(), HourInputs(HOUR, {"SO2C": values, **more.pop("readings", {})}, **more))
    return closed.measured["SO2C"]


def test_an_hour_in_full() -> None:
    steady = {"SO2C": "250", "NOXC": "180", "CO2C": "12.0", "FLOW": "30000000", "LOAD": "412.5", "OPERATING": "100"}
    closed, workings = close(plan(), HourInputs(HOUR, {name: each_quarter(value) for name, value in steady.items()}))
    assert closed.hour == HOUR
    assert (str(closed.operating_time), closed.load, closed.fuel) == ("1.00", D(413), "bituminous")
    assert not closed.is_startup
    assert {name: (str(each.value), str(each.unadjusted), each.method) for name, each in closed.measured.items()} == {
        "SO2C": ("277.8", "250.0", "01"),
        "NOXC": ("189.0", "180.0", "01"),
        "CO2C": ("12.0", "12.0", "01"),
        "FLOW": ("30630000", "30000000", "01"),
    }
    # SO2 = 1.660e-7 * 277.8 * 30630000; HI = 30630000 * 12 / 180000; NOXR from 180.0, then * 1.080; NOX = NOXR * HI
    assert {name: (str(each.value), each.unit, each.equation) for name, each in closed.computed.items()} == {
        "SO2": ("1412.5", "lb/h", "F-1"),
        "CO2": ("209.5", "ton/h", "F-11"),
        "HI": ("2042.0", "mmBtu/h", "F-15"),
        "NOXR": ("0.348", "lb/mmBtu", "19-7"),
        "NOX": ("710.6", "lb/h", "F-24A"),
    }
    told = {each.equation: each for each in workings}
    assert told["19-7"].value == D("0.322")
    assert closed.computed["NOXR"].digest == told["bias adjustment of NOXR"].digest
    assert closed.computed["NOXR"].unadjusted == told["19-7"].value
    assert closed.computed["SO2"].digest == told["F-1"].digest
    assert [each.equation for each in workings][:3] == ["operating time", "gross load", "hourly average of CO2C"]


@pytest.mark.parametrize(
    ("says", "values", "value", "unadjusted", "method"),
    [
        ("the mean of all points", [(0, "1"), (900, "2"), (1800, "3"), (2700, "4"), (2701, "9")], "4.2", "3.8", "01"),
        ("rounded half up, then adjusted", [(0, "250.05"), (900, "250.05")] * 2, None, None, ""),
        ("negative", [(0, "-3"), (900, "-1"), (1800, "0"), (2700, "0")], "0.0", "0.0", "21"),
        ("hardly negative", [(0, "-0.01"), (900, "0"), (1800, "0"), (2700, "0")], "0.0", "0.0", "21"),
        ("at full scale", [(0, "1"), (900, "1"), (1800, "1"), (2700, "500")], "1111.0", "1000.0", "20"),
        (
            "beyond it, as the device says",
            [(0, "1"), (900, "1"), (1800, "1"), (2700, "499", Status.OVER_RANGE)],
            "1111.0",
            "1000.0",
            "20",
        ),
        ("absurd", [(0, "1"), (900, "1"), (1800, "1"), (2700, "1e13", Status.VALID)], None, None, ""),
    ],
)
def test_an_average(says: str, values: Values, value: str | None, unadjusted: str | None, method: str) -> None:
    found = so2(readings(*values))
    assert (str(found.value) if found.value is not None else None) == value, says
    assert (str(found.unadjusted) if found.unadjusted is not None else None) == unadjusted
    assert found.method == method


def test_bias_adjustment_is_of_the_rounded_average() -> None:
    # 250.05 -> 250.1 -> * 1.111 = 277.8611; 250.05 * 1.111 = 277.80555 would be 277.8
    found = so2(each_quarter("250.05"))
    assert (str(found.unadjusted), str(found.value)) == ("250.1", "277.9")


def test_only_pollutants_and_flow_are_doubled_beyond_full_scale() -> None:
    closed, _ = close(plan(), HourInputs(HOUR, {"CO2C": each_quarter("20")}))
    assert closed.measured["CO2C"].why == "no valid point from minute 0 to 15: over range"
    unknown = plan(measured={"SO2C": {}}, computed={}, bias_adjustment_factors={})
    values = readings((0, "1"), (900, "1"), (1800, "1"), (2700, "1", Status.OVER_RANGE))
    assert so2(values, unknown).why == "no valid point from minute 45 to 60: over range"


@pytest.mark.parametrize(
    ("says", "values", "why"),
    [
        ("nothing came", [], "no valid point from minute 0 to 15: lost"),
        (
            "what explains the most is told",
            [(0, "1"), (950, "1", Status.WARM_UP), (1000, "1", Status.FAULT), (1800, "1"), (2700, "1")],
            "no valid point from minute 15 to 30: fault",
        ),
        (
            "one point in an hour with a calibration",
            [(0, "1"), (950, "0", Status.CALIBRATION)],
            "no valid point from minute 15 to 30, and 1 in all, where 2 would do in an hour with a test: calibration",
        ),
        ("before and after the hour", [(-1, "1"), (900, "1"), (1800, "1"), (2700, "1"), (3600, "1")], None),
    ],
)
def test_an_hour_that_is_not_valid_says_why(says: str, values: Values, why: str | None) -> None:
    found = so2(readings(*values))
    assert (found.value, found.unadjusted, found.method) == (None, None, ""), says
    assert found.why == (why or "no valid point from minute 0 to 15: lost")


@pytest.mark.parametrize("test", [Status.CALIBRATION, Status.MAINTENANCE])
def test_in_an_hour_with_a_test_two_points_do(test: Status) -> None:
    found = so2(readings((0, "10"), (950, "0", test), (1000, "20")))
    assert (found.unadjusted, found.points) == (D("15.0"), 2)
    assert so2(readings((0, "10"), (950, "0", Status.FAULT), (1000, "20"))).value is None


@pytest.mark.parametrize(
    ("says", "calibrations", "unadjusted"),
    [
        ("passed: two points do", [(300, True)], "20.0"),
        ("failed", [(300, False)], None),
        ("failed, then passed: only what is after it", [(300, False), (600, True)], "25.0"),
        ("told in another order", [(600, True), (300, False)], "25.0"),
        ("passed, then failed", [(300, True), (600, False)], None),
        ("passed too late for two points", [(300, False), (1500, True)], None),
        ("failed and passed at once", [(300, False), (300, True)], None),
        ("failed in another hour", [(-300, False), (4000, False)], "20.0"),
    ],
)
def test_a_failed_calibration_spoils_what_was_before_the_next_good_one(
    says: str, calibrations: Sequence[tuple[float, bool]], unadjusted: str | None
) -> None:
    values = readings((100, "10"), (1000, "20"), (2000, "30"))
    outcomes = {"SO2C": [Calibration(BEGINS + at, passed) for at, passed in calibrations]}
    found = so2(values, calibrations=outcomes)
    assert found.unadjusted == (None if unadjusted is None else D(unadjusted)), says


def test_out_of_control_is_missing_whatever_was_measured() -> None:
    found = so2(each_quarter("10"), out_of_control=frozenset({"SO2C"}))
    assert (found.value, found.why) == (None, "the analyser is out of control")


def test_only_quarters_in_which_the_plant_ran_count() -> None:
    states = readings((0, "0"), (1000, "100"), (1700, "0"))
    values = readings((100, "5"), (1100, "40"), (2000, "5"), (3000, "5"))
    found = so2(values, readings={"OPERATING": states})
    assert (found.unadjusted, found.points) == (D("40.0"), 1)
    assert so2(values[:1], readings={"OPERATING": states}).why == "no valid point from minute 15 to 30: lost"


def test_an_hour_without_operation_has_no_values() -> None:
    closed, workings = close(plan(), HourInputs(HOUR, {"SO2C": each_quarter("10")}, given={"OPERATING": D(0)}))
    assert (str(closed.operating_time), closed.load, closed.is_operating) == ("0.00", None, False)
    whys = [each.why for each in closed.measured.values()] + [each.why for each in closed.computed.values()]
    assert set(whys) == {"the plant did not operate"}
    assert [each.equation for each in workings] == ["operating time"]


GIVEN = {"NOXC": D(180), "CO2C": D("3.0"), "FLOW": D(30000000), "SO2C": D(250)}


@pytest.mark.parametrize(
    ("says", "startup", "carbon", "rate", "method"),
    [
        ("a low diluent makes a high rate", "0", "3.0", "1.393", "01"),
        ("in startup the cap stands for it", "1", "3.0", "0.836", "14"),
        ("what is above the cap stands", "1", "12.0", "0.348", "01"),
    ],
)
def test_the_diluent_cap_is_for_rates_of_startup_hours(
    says: str, startup: str, carbon: str, rate: str, method: str
) -> None:
    inputs = HourInputs(HOUR, given={**GIVEN, "CO2C": D(carbon), "STARTUP": D(startup)})
    closed, workings = close(plan(), inputs)
    assert str(closed.computed["NOXR"].value) == rate, says
    assert closed.measured["CO2C"] == Measured("CO2C", D(carbon), D(carbon), method, unit="%")
    heat = next(each for each in workings if each.equation == "F-15")
    assert heat.inputs[1].value == D(carbon)


def test_an_equation_with_a_form_for_the_cap_takes_that() -> None:
    oxygen = plan(
        measured={"NOXC": {"basis": "wet"}, "O2C": {"basis": "wet"}},
        constants={"H2O": 8, "Fd": 9780},
        computed={"NOXR": "19-3"},
        bias_adjustment_factors={},
        diluent_cap={"O2C": 14},
    )
    values = {"NOXC": D(180), "O2C": D(17)}
    usual, _ = close(oxygen, HourInputs(HOUR, given=values))
    capped, _ = close(oxygen, HourInputs(HOUR, given={**values, "STARTUP": D(1)}))
    assert (usual.computed["NOXR"].equation, usual.computed["NOXR"].value) == ("19-3", D("1.972"))
    assert (capped.computed["NOXR"].equation, capped.computed["NOXR"].value) == ("19-3D", D("0.692"))
    assert (usual.computed["NOXR"].method, capped.computed["NOXR"].method) == ("", "14")


def test_what_lacks_an_input_is_absent_and_names_it() -> None:
    inputs = HourInputs(HOUR, {"NOXC": each_quarter("180"), "FLOW": each_quarter("30000000")})
    closed, _ = close(plan(), inputs)
    lost = "no valid point from minute 0 to 15: lost"
    assert {name: each.why for name, each in closed.computed.items()} == {
        "SO2": f"F-1 needs SO2C, which is absent: {lost}",
        "CO2": f"F-11 needs CO2C, which is absent: {lost}",
        "HI": f"F-15 needs CO2C, which is absent: {lost}",
        "NOXR": f"19-7 needs CO2C, which is absent: {lost}",
        "NOX": f"F-24A needs NOXR, which is absent: 19-7 needs CO2C, which is absent: {lost}",
    }
    assert {each.value for each in closed.computed.values()} == {None}


def test_a_rate_with_no_meaning_is_absent_and_says_so() -> None:
    closed, _ = close(plan(), HourInputs(HOUR, given={**GIVEN, "CO2C": D(0)}))
    assert closed.computed["NOXR"].value is None
    assert closed.computed["NOXR"].why.startswith("19-7: CO2C is 0.0 %")
    assert closed.computed["HI"].value == D("1.0")


def test_a_result_beyond_all_digits_is_absent_and_says_so() -> None:
    closed, _ = close(plan(constants={"Fc": "1e-30"}), HourInputs(HOUR, given=GIVEN))
    assert closed.computed["HI"].why == "F-15 gives no number that can be: FLOW is 30630000, CO2C is 3.0, Fc is 1E-30"
    assert closed.computed["NOX"].value is None


FUELS: dict[str, Any] = {
    "stack": "unit-1",
    "standard_time": "+01:00",
    "measured": {"GAS": {}, "OIL": {}},
    "constants": {"GCV.gas": 102392, "GCV.oil": 18500, "ER": "0.0006", "T.gas": "0.5"},
    "computed": {"HI.gas": "D-6", "HI.oil": "D-8", "HI": "D-15A", "SO2": "D-5"},
}


def test_several_fuels_make_one_heat_input() -> None:
    mixed = plan_of(FUELS)
    closed, _ = close(mixed, HourInputs(HOUR, given={"GAS": D(10000), "OIL": D(2000), "T.oil": D("0.25")}))
    assert {name: str(each.value) for name, each in closed.computed.items()} == {
        "HI.gas": "1023.9",
        "HI.oil": "37.0",
        "HI": "521.2",
        "SO2": "0.31272",
    }
    without, _ = close(mixed, HourInputs(HOUR, given={"GAS": D(10000), "T.oil": D(0)}))
    assert without.computed["HI"].why.startswith("D-15A needs HI.oil, which is absent: D-8 needs OIL, which is absent")


def test_no_heat_input_of_an_operating_hour_is_below_one() -> None:
    closed, workings = close(plan_of(FUELS), HourInputs(HOUR, given={"GAS": D(0), "OIL": D(0), "T.oil": D(0)}))
    assert (closed.computed["HI.gas"].value, closed.computed["HI"].value) == (D("0.0"), D("1.0"))
    heat = next(each for each in workings if each.equation == "D-15A")
    assert heat.steps[-1] == "0.0 is not above zero: 1.0 stands in its place, method 26"
    assert closed.computed["HI"].method == "26"


def test_an_analysis_of_the_hour_goes_before_a_constant_and_one_of_a_rate_before_both() -> None:
    wet = plan(
        measured={"NOXC": {"basis": "wet"}, "O2C": {"basis": "wet"}, "FLOW": {}},
        constants={"H2O": 8, "H2O.NOXR": 12, "Fd": 9780},
        computed={"NOXR": "19-3", "HI": "F-17"},
        bias_adjustment_factors={},
        diluent_cap={},
    )
    values = {"NOXC": D(180), "O2C": D(6), "FLOW": D(30000000)}
    _, workings = close(wet, HourInputs(HOUR, given={**values, "Fd": D(9900)}))
    taken = {each.equation: {one.symbol: one.value for one in each.inputs} for each in workings}
    assert (taken["19-3"]["H2O"], taken["F-17"]["H2O"], taken["F-17"]["Fd"]) == (D(12), D(8), D(9900))


def test_a_share_of_minutes_makes_a_european_hour() -> None:
    minutes = [Reading(BEGINS + 60.0 * each, D(each), Status.VALID) for each in range(60)]
    european = plan(
        validity="en17255",
        measured={"SO2C": {"unit": "mg/m3"}},
        computed={},
        bias_adjustment_factors={},
        diluent_cap={},
    )
    assert so2(minutes[:40], european).value == D("19.5")
    assert so2(minutes[:39], european).why.startswith("39 of 60 first-level values are valid, at least 40 are needed")
    half = readings((0, "100"), (1800, "0"))
    assert so2(minutes[:20], european, readings={"OPERATING": half}).value == D("9.5")
    assert so2(minutes[:48], plan_of({**COAL, "validity": "eu_ets"})).unadjusted == D("23.5")


def test_another_unit_has_decimals_of_its_own() -> None:
    european = plan(measured={"FLOW": {"unit": "m3/h"}}, computed={}, bias_adjustment_factors={}, diluent_cap={})
    closed, workings = close(european, HourInputs(HOUR, given={"FLOW": D("1234.56")}))
    assert str(closed.measured["FLOW"].value) == "1234.6"
    assert workings[-1].unit == "m3/h"


seconds = st.integers(0, 3599).map(float)
statuses = st.sampled_from([Status.VALID] * 6 + [*Status])
drawn = st.lists(st.tuples(seconds, st.decimals(-20, 510, places=1), statuses), max_size=30)


@settings(max_examples=60)
@given(so2_values=drawn, states=drawn, load=drawn, seed=st.integers(0, 2**32))
def test_an_hour_is_the_same_in_whatever_order_and_however_often_its_readings_come(
    so2_values: list[tuple[float, Decimal, Status]],
    states: list[tuple[float, Decimal, Status]],
    load: list[tuple[float, Decimal, Status]],
    seed: int,
) -> None:
    random, by = Random(seed), plan()
    known = {
        name: [Reading(BEGINS + at, value, status) for at, value, status in values]
        for name, values in (("SO2C", so2_values), ("OPERATING", states), ("LOAD", load), ("NOXC", so2_values))
    }
    first = told(close(by, HourInputs(HOUR, known)))
    mixed: dict[str, list[Reading]] = {}
    for name in random.sample(sorted(known), len(known)):
        again = [*known[name], *random.choices(known[name], k=3)] if known[name] else []
        mixed[name] = random.sample(again, len(again))
    with localcontext(prec=3):
        assert told(close(by, HourInputs(HOUR, mixed))) == first


few = st.tuples(st.sampled_from([0.0, 1.0, 2.0]), st.integers(0, 2).map(D), st.sampled_from([*Status]))


@given(st.lists(few, max_size=8), st.integers(0, 2**32))
def test_of_readings_that_contradict_each_other_the_worst_stands_in_any_order(
    drawn_: list[tuple[float, Decimal, Status]], seed: int
) -> None:
    readings_ = [Reading(*each) for each in drawn_]
    found = in_order(Random(seed).sample(readings_, len(readings_)))
    assert [each.at for each in found] == sorted({each.at for each in readings_})
    for stands in found:
        rivals = [each for each in readings_ if each.at == stands.at]
        assert stands.status is foremost(each.status for each in rivals)
        assert stands.value == max(each.value for each in rivals if each.status is stands.status)


def told(closed: tuple[ClosedHour, tuple[Working, ...]]) -> tuple[str, list[str]]:
    hour, workings = closed
    return repr(hour), [each.digest for each in workings]


@given(st.lists(st.tuples(seconds, st.decimals(0, 490, places=1)), min_size=1, max_size=30))
def test_a_valid_average_lies_between_its_points(values: Sequence[tuple[float, Decimal]]) -> None:
    known: Mapping[str, Sequence[Reading]] = {"SO2C": [Reading(BEGINS + at, value) for at, value in values]}
    closed, _ = close(plan(), HourInputs(HOUR, known))
    found = closed.measured["SO2C"]
    has_all = {int(at // 900) for at, _ in values} == {0, 1, 2, 3}
    assert (found.unadjusted is not None) == has_all
    if found.unadjusted is not None:
        assert min(value for _, value in values) <= found.unadjusted <= max(value for _, value in values)
