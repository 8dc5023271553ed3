"""Plans of stacks: what is right, and each mistake by its key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from greenops_core.errors import ConfigError, ConfigErrors
from greenops_gateway.cems.computing import order
from greenops_gateway.cems.equation import EQUATIONS
from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.cems.plan_check import plan_of, plan_schema

GAS: dict[str, Any] = {
    "stack": "unit-8",
    "standard_time": "-06:00",
    "measured": {"NOXC": {"basis": "dry"}, "O2C": {"basis": "dry"}, "GAS": {}},
    "load": {"maximum": 500},
    "constants": {"Fd": 8710, "Fc": 1040, "GCV": 102392, "ER": "0.0006"},
    "computed": {"SO2": "D-5", "NOXR": "F-5", "HI": "D-6", "CO2": "G-4"},
}


def test_a_plan_is_read_in_decimals() -> None:
    bias = {"SO2C": {"bias_adjustment_factor": "1.0800000000000000001"}, "FLOW": {"bias_adjustment_factor": 1.111}}
    plan = plan_of({**GAS, "measured": {**GAS["measured"], **bias}})
    assert str(plan.measured["SO2C"].bias_adjustment_factor) == "1.0800000000000000001"
    assert plan.measured["FLOW"].bias_adjustment_factor == Decimal("1.111")
    assert (plan.standard_time, str(plan.standard_time)) == (-360, "-06:00")


def test_equations_come_in_the_order_in_which_they_need_one_another() -> None:
    fuels = {"HI.oil": "D-8", "HI": "D-15A", "HI.gas": "D-6", "NOX": "F-24A", "NOXR": "F-6", "CO2C": "F-14A"}
    assert order(fuels) == ("CO2C", "HI.gas", "HI.oil", "HI", "NOXR", "NOX")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"standard_time": "CST"},
            "standard_time: 'CST' is no offset from UTC; write the standard one, such as -06:00",
        ),
        ({"standard_time": "-14:15"}, "standard_time: '-14:15' is no offset"),
        ({"validity": "part57"}, "validity: unknown value 'part57'; did you mean 'part75'?"),
        ({"measured": {}, "computed": {}}, "measured: nothing is measured and nothing computed"),
        (
            {"measured": {"NOXD": {}}, "computed": {}},
            "measured.NOXD: there is no parameter 'NOXD'; did you mean 'NOXC'?",
        ),
        ({"measured": {"SO2C": {"spam": 1}}}, "measured.SO2C.spam: unknown key 'spam'; did you mean 'span'?"),
        ({"measured": {"SO2C": {"span": -1}}, "computed": {}}, "measured.SO2C.span: -1 cannot be; it must be a number"),
        (
            {"measured": {"SO2C": {"span": 100, "full_scale": 50}}, "computed": {}},
            "measured.SO2C.full_scale: the range ends at 50, below the span of 100",
        ),
        (
            {"measured": {"O2C": {"bias_adjustment_factor": 1.1}}, "computed": {}},
            "measured.O2C.bias_adjustment_factor: O2C is not bias-adjusted; only these are: SO2C, NOXC, FLOW",
        ),
        (
            {"measured": {"SO2C": {"bias_adjustment_factor": "0.9"}}, "computed": {}},
            "measured.SO2C.bias_adjustment_factor: 0.9 is no bias adjustment factor; it is from 1.000 to 10",
        ),
        ({"measured": {"SO2C": {"point": "here"}}}, "measured.SO2C.point: expected text matching"),
        ({"increment": 0.03}, "increment: an hour is no whole number of 0.03 h"),
        ({"increment": "0.5"}, "increment: an hour is no whole number of 0.5 h"),
        ({"increment": "NaN"}, "increment: an hour is no whole number of NaN h"),
        ({"first_level": 7}, "first_level: unknown value 7"),
        ({"load": {"maximum": 0}}, "load.maximum: 0 is no greatest load"),
        ({"constants": {**GAS["constants"], "Fd": "NaN"}}, "constants.Fd: NaN cannot be"),
        ({"constants": {**GAS["constants"], "Fd": "1e30"}}, "constants.Fd: 1E+30 cannot be"),
        ({"constants": {**GAS["constants"], "Fd": True}}, "constants.Fd: expected decimal"),
        (
            {"constants": {**GAS["constants"], "O2C": 4}},
            "constants.O2C: O2C is measured here: the constant would never be taken",
        ),
        (
            {"constants": {**GAS["constants"], "HI": 4}},
            "constants.HI: HI is computed here: the constant would never be taken",
        ),
        ({"diluent_cap": {"O2": 14}}, "diluent_cap.O2: 'O2' has none; did you mean 'O2C'?"),
        ({"bias_adjustment_factors": {"NOXC": 1.1}}, "bias_adjustment_factors.NOXC: 'NOXC' has none"),
        (
            {"bias_adjustment_factors": {"NOXR": "0.5"}},
            "bias_adjustment_factors.NOXR: 0.5 is no bias adjustment factor",
        ),
        (
            {"computed": {"HI": "D-6"}, "bias_adjustment_factors": {"NOXR": 1.1}},
            "bias_adjustment_factors.NOXR: NOXR is not computed here; add it to 'computed'",
        ),
        ({"computed": {"HI": "D-7"}}, "computed.HI: no equation 'D-7' computes HI; these do: F-15"),
        ({"computed": {"NOXS": "F-5"}}, "computed.NOXS: no equation computes 'NOXS'; did you mean 'NOX'?"),
        ({"computed": {"NOXR": "19-3"}}, "computed.NOXR: 19-3 takes wet NOXC; here it is measured dry"),
        (
            {"computed": {"NOXR": "F-6"}},
            "computed.NOXR: F-6 needs CO2C (%, average of the hour); add it to",
        ),
        (
            {"measured": {"NOXC": {"unit": "mg/m3"}, "O2C": {}}, "computed": {"NOXR": "F-5"}},
            "computed.NOXR: F-5 takes NOXC in ppm; here it is in 'mg/m3'",
        ),
        (
            {"measured": {"NOXC": {"basis": "wet"}, "CO2C": {"basis": "dry"}}, "computed": {"NOXR": "F-6"}},
            "computed.NOXR: F-6 takes all on one basis, wet or dry; CO2C is dry, NOXC is wet",
        ),
        ({"computed": {"O2C": "F-14A"}}, "computed.O2C: O2C is measured already; take it out of one of the two"),
        (
            {"computed": {"HI": "F-25", "HI.gas": "F-25 HI"}},
            "computed.HI.gas: no equation 'F-25 HI' computes HI",
        ),
    ],
)
def test_a_mistake_is_told_with_its_key(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of({**GAS, **change})
    assert any(line.startswith(told) for line in str(caught.value).splitlines()), str(caught.value)


def test_of_several_mistakes_all_are_told() -> None:
    wrong = {"increment": 0.3, "diluent_cap": {"O2": 14}, "constants": {"Fd": "inf"}}
    with pytest.raises(ConfigErrors) as caught:
        plan_of({**GAS, **wrong})
    assert [error.path[0] for error in caught.value.errors] == [
        "constants",
        "diluent_cap",
        "increment",
        "computed",
        "computed",
        "computed",
    ]


def test_what_needs_its_own_result_is_refused() -> None:
    circle = {"HI": "F-21C", "HI.a": "F-21C"}
    with pytest.raises(ConfigError, match=r"computed\.HI: HI from HI\.a from HI: nothing can be computed from itself"):
        plan_of({**GAS, "computed": circle})


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_equation_can_be_in_a_plan(name: str) -> None:
    equation = EQUATIONS[name]
    measured = {
        need.symbol: {"unit": need.unit, "basis": need.basis if need.basis in {"wet", "dry"} else ""}
        for need in equation.needs
        if need.symbol in PARAMETERS
    }
    others = {f"{need.symbol}.a" if need.each else need.symbol: 1 for need in equation.needs}
    apart = ".unit" if equation.parameter in others else ""
    plan = {
        **GAS,
        "measured": measured,
        "constants": {name: number for name, number in others.items() if name not in PARAMETERS},
        "computed": {f"{equation.parameter}{apart}": equation.code},
    }
    assert order(plan_of(plan).computed) == (f"{equation.parameter}{apart}",)


def test_the_json_schema_knows_the_names_and_takes_numbers_both_ways() -> None:
    validator = jsonschema.Draft202012Validator(plan_schema())
    validator.validate(GAS)
    wrong = {**GAS, "measured": {"NOXD": {}}, "increment": True}
    assert len(list(validator.iter_errors(wrong))) == 2
