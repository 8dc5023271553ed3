"""Units: conversion is exact where it can be, and comes back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_core.unit import QUANTITIES, convert, quantity_of

UNITS = [(quantity, unit) for quantity in QUANTITIES for unit in quantity.units]


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (0, "degC", "K", 273.15),
        (0, "K", "degC", -273.15),
        (32, "degF", "degC", 0),
        (212, "degF", "degC", 100),
        (0, "degC", "degF", 32),
        (7, "%", "ratio", 0.07),
        (21, "%", "ratio", 0.21),
        (0.3, "ratio", "%", 30),
        (36, "kg/h", "g/s", 10),
        (1, "t/h", "kg/h", 1000),
        (3600, "m3/h", "m3/s", 1),
        (1013.25, "hPa", "Pa", 101325),
        (1013.25, "mbar", "hPa", 1013.25),
        (1, "bar", "kPa", 100),
        (250, "ug/m3", "mg/m3", 0.25),
        (1, "ppb", "ppm", 0.001),
        (1.5, "MW", "kW", 1500),
    ],
)
def test_known_conversions_to_the_last_bit(value: float, unit: str, to: str, expected: float) -> None:
    assert convert(value, unit, to) == expected


@pytest.mark.parametrize(("quantity", "unit"), UNITS, ids=[unit for _, unit in UNITS])
@given(value=st.one_of(st.floats(-1e12, -1e-12), st.just(0.0), st.floats(1e-12, 1e12)))
def test_there_and_back_again(quantity: object, unit: str, value: float) -> None:
    linear = quantity_of(unit).units[unit]
    back = linear.from_base(linear.to_base(value))
    shift = abs(linear.offset * linear.divisor / linear.factor)
    assert math.isclose(back, value, rel_tol=5e-16, abs_tol=shift * 5e-16)
    assert quantity_of(unit) is quantity


@pytest.mark.parametrize(("_quantity", "unit"), UNITS, ids=[unit for _, unit in UNITS])
@given(value=st.floats(allow_nan=False))
def test_a_unit_in_itself_changes_no_bit(_quantity: object, unit: str, value: float) -> None:  # a column
    assert convert(value, unit, unit) == value


def test_every_quantity_can_be_written_in_its_base_unit_and_no_unit_is_ambiguous() -> None:
    for quantity in QUANTITIES:
        assert any(linear.to_base(1.5) == 1.5 for linear in quantity.units.values()), quantity.name
    assert len({unit for _, unit in UNITS}) == len(UNITS)


@pytest.mark.parametrize(
    ("unit", "to", "message"),
    [
        ("mg/Nm3", "mg/m3", "unknown unit 'mg/Nm3'; did you mean 'mg/m3'?"),
        ("DEGC", "K", "unknown unit 'DEGC'; did you mean 'degC'?"),
        ("kg/h", "mg/m3", "'kg/h' measures mass flow, 'mg/m3' measures concentration"),
    ],
)
def test_what_cannot_be_converted_is_told(unit: str, to: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        convert(1, unit, to)
    assert str(error.value) == message
