"""How the average of each parameter is written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from greenops_gateway.cems.parameter import MOST, PARAMETERS

D = Decimal


@pytest.mark.parametrize(
    ("name", "exact", "written"),
    [
        ("SO2C", "250.05", "250.1"),
        ("NOXC", "0.049", "0.0"),
        ("CO2C", "11.25", "11.3"),
        ("O2C", "-0.04", "0.0"),
        ("H2O", "8.149", "8.1"),
        ("FLOW", "11782500", "11783000"),
        ("FLOW", "499.9", "0"),
        ("HGC", "1.2345", "1.235"),
    ],
)
def test_an_average_is_rounded_half_up_to_what_the_regulation_says(name: str, exact: str, written: str) -> None:
    assert str(PARAMETERS[name].written(D(exact))) == written


def test_decimals_of_a_plan_go_before_those_of_the_parameter() -> None:
    assert str(PARAMETERS["FLOW"].written(D("1234.56"), 1)) == "1234.6"
    assert PARAMETERS["FLOW"].rounding(1) == "rounded half up to 1 decimal"
    assert PARAMETERS["FLOW"].rounding() == "rounded half up to the nearest 1000"
    assert PARAMETERS["HGC"].rounding() == "rounded half up to 3 decimals"


def test_bias_adjustment_and_doubling_are_for_pollutants_and_flow_only() -> None:
    assert {each.name for each in PARAMETERS.values() if each.bias} == {"SO2C", "NOXC", "FLOW"}
    assert {each.name for each in PARAMETERS.values() if each.doubled} == {"SO2C", "NOXC", "FLOW"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_largest_value_there_can_be_still_has_digits_to_round(name: str) -> None:
    assert PARAMETERS[name].written(10 * MOST, 6) == 10 * MOST
