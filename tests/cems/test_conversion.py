"""Conversions: known values, there and back, the right way round, and no wild number."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.cems import conversion
from greenops_gateway.cems.conversion import BOILER_CAPS, TURBINE_CAPS, ConversionError
from greenops_gateway.cems.decimals import rounded
from greenops_gateway.cems.equation import solve
from greenops_gateway.cems.gas import EU_AIR, MOLAR_MASS, NORMAL, STANDARD, US_AIR, Condition

D = Decimal
CLOSE = D("1e-24")

concentrations = st.decimals(min_value="0.001", max_value=5000, places=3)
moistures = st.decimals(min_value=0, max_value=60, places=1)
oxygens = st.decimals(min_value=0, max_value=19, places=1)
gases = st.sampled_from(sorted(MOLAR_MASS))
conditions = st.sampled_from([NORMAL, STANDARD])


def same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= CLOSE * max(abs(one), abs(other))


@pytest.mark.parametrize(
    ("computed", "places", "expected"),
    [
        pytest.param(conversion.mg_per_m3(D(100), "SO2"), 2, "285.80", id="ppm to mg/Nm3"),
        pytest.param(conversion.mg_per_m3(D(100), "NOX", STANDARD), 2, "191.25", id="ppm to mg/scm"),
        pytest.param(conversion.ppm(D(200), "NOX"), 2, "97.44", id="mg/Nm3 to ppm"),
        pytest.param(conversion.lb_per_scf(D(100), "NOX") * 1000000, 2, "11.94", id="ppm to lb per million scf"),
        pytest.param(conversion.mg_per_scm(D("1.194e-7")), 4, "1.9126", id="lb/scf to mg/scm"),
        pytest.param(conversion.kelvin_of_celsius(D(20)), 2, "293.15", id="Celsius"),
        pytest.param(conversion.kelvin_of_fahrenheit(D(300)), 2, "422.04", id="Fahrenheit"),
        pytest.param(conversion.kilopascals(D("29.92")), 2, "101.32", id="inches of mercury"),
        pytest.param(conversion.at_temperature(D(100), D("409.725"), D("273.15")), 1, "150.0", id="hot gas is thin"),
        pytest.param(conversion.at_pressure(D(100), D("50.6625"), D("101.325")), 1, "200.0", id="so is gas at half"),
        pytest.param(conversion.flow_at(D(300), (D("409.725"), D("101.325")), NORMAL), 1, "200.0", id="flow shrinks"),
        pytest.param(conversion.dry(D(90), D(10)), 1, "100.0", id="wet to dry"),
        pytest.param(conversion.wet(D(100), D(10)), 1, "90.0", id="dry to wet"),
        pytest.param(conversion.at_oxygen(D(20), D("16.5"), D(15), US_AIR), 2, "26.82", id="15 % O2, US"),
        pytest.param(conversion.at_oxygen(D(150), D("7.2"), D(6), EU_AIR), 1, "163.0", id="6 % O2, EU"),
        pytest.param(conversion.at_carbon_dioxide(D(50), D(10), D(12)), 1, "60.0", id="12 % CO2"),
    ],
)
def test_known_values(computed: Decimal, places: int, expected: str) -> None:
    assert str(rounded(computed, places)) == expected


@given(concentrations, gases, conditions)
def test_ppm_and_milligrams_there_and_back(value: Decimal, gas: str, at: Condition) -> None:
    assert same(conversion.ppm(conversion.mg_per_m3(value, gas, at), gas, at), value)


@given(concentrations, gases)
def test_ppm_and_pounds_there_and_back(value: Decimal, gas: str) -> None:
    assert same(conversion.ppm_of_lb_per_scf(conversion.lb_per_scf(value, gas), gas), value)
    assert same(conversion.lb_per_scf_of_mg(conversion.mg_per_scm(value)), value)


@given(concentrations, moistures)
def test_dry_and_wet_there_and_back(value: Decimal, moisture: Decimal) -> None:
    assert same(conversion.wet(conversion.dry(value, moisture), moisture), value)
    assert conversion.dry(value, moisture) >= value


@given(
    concentrations,
    st.decimals(min_value=200, max_value=900, places=1),
    st.decimals(min_value=200, max_value=900, places=1),
)
def test_temperature_and_pressure_there_and_back(value: Decimal, one: Decimal, other: Decimal) -> None:
    for to in (conversion.at_temperature, conversion.at_pressure):
        assert same(to(to(value, one, other), other, one), value)


@given(concentrations, oxygens, oxygens, st.sampled_from([US_AIR, EU_AIR]))
def test_reference_oxygen_there_and_back(value: Decimal, one: Decimal, other: Decimal, air: Decimal) -> None:
    there = conversion.at_oxygen(value, one, other, air)
    assert same(conversion.at_oxygen(there, other, one, air), value)
    assert (there > value) == (one > other)


@given(concentrations, oxygens, oxygens)
def test_more_oxygen_means_more_dilution(value: Decimal, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    reference = D(3)
    at = [conversion.at_oxygen(value, measured, reference, US_AIR) for measured in (less, more)]
    assert at == sorted(at)


@given(concentrations, st.decimals(min_value=280, max_value=700, places=1), moistures, oxygens)
def test_the_european_state_is_its_parts_and_the_equation(
    value: Decimal, kelvin: Decimal, moisture: Decimal, oxygen: Decimal
) -> None:
    pressure, reference = D("99.8"), D(6)
    state = conversion.standard_state(value, (kelvin, pressure, moisture), (oxygen, reference), EU_AIR)
    given_to_it = {"NOXC": value, "TEMP": kelvin, "PRES": pressure, "H2O": moisture, "O2C": oxygen, "O2REF": reference}
    assert same(solve("EU-STATE NOXREF", given_to_it).exact, state)


@given(concentrations, oxygens)
def test_reference_oxygen_is_the_same_by_equation(value: Decimal, oxygen: Decimal) -> None:
    for name, air in (("O2-US NOXREF", US_AIR), ("O2-EU NOXREF", EU_AIR)):
        by_equation = solve(name, {"NOXC": value, "O2C": oxygen, "O2REF": D(15)}).exact
        assert same(by_equation, conversion.at_oxygen(value, oxygen, D(15), air))


@pytest.mark.parametrize(
    ("compute", "symbol"),
    [
        pytest.param(lambda: conversion.at_oxygen(D(50), D("20.9"), D(15), US_AIR), "O2C", id="air"),
        pytest.param(lambda: conversion.at_oxygen(D(50), D(22), D(15), US_AIR), "O2C", id="more than air"),
        pytest.param(lambda: conversion.at_oxygen(D(50), D("20.9"), D(21), EU_AIR), "O2REF", id="reference air"),
        pytest.param(lambda: conversion.at_oxygen(D(50), D(-1), D(15), US_AIR), "O2C", id="negative oxygen"),
        pytest.param(lambda: conversion.at_carbon_dioxide(D(50), D(0), D(12)), "CO2C", id="no carbon dioxide"),
        pytest.param(lambda: conversion.dry(D(50), D(100)), "H2O", id="nothing but water"),
        pytest.param(lambda: conversion.wet(D(50), D(-1)), "H2O", id="negative moisture"),
        pytest.param(lambda: conversion.at_temperature(D(50), D(0), D(273)), "TEMP", id="absolute zero"),
        pytest.param(lambda: conversion.at_pressure(D(50), D(0), D(101)), "PRES", id="vacuum"),
        pytest.param(lambda: conversion.flow_at(D(50), (D(300), D(0)), NORMAL), "PRES", id="flow in a vacuum"),
        pytest.param(lambda: conversion.kelvin_of_celsius(D(-274)), "temperature", id="colder than possible"),
        pytest.param(lambda: conversion.mg_per_m3(D(50), "SO3"), "gas", id="unknown gas"),
    ],
)
def test_what_cannot_be_is_named(compute: Callable[[], Decimal], symbol: str) -> None:
    with pytest.raises(ConversionError, match=symbol) as refused:
        compute()
    assert refused.value.symbol == symbol


@pytest.mark.parametrize(
    ("parameter", "value", "boiler", "turbine"),
    [
        ("CO2C", "0.4", "5.0", "1.0"),
        ("CO2C", "3.0", "5.0", "3.0"),
        ("CO2C", "11.2", "11.2", "11.2"),
        ("O2C", "20.9", "14.0", "19.0"),
        ("O2C", "16.0", "14.0", "16.0"),
        ("O2C", "6.0", "6.0", "6.0"),
    ],
)
def test_diluent_caps(parameter: str, value: str, boiler: str, turbine: str) -> None:
    assert str(conversion.capped(parameter, D(value), BOILER_CAPS)) == boiler
    assert str(conversion.capped(parameter, D(value), TURBINE_CAPS)) == turbine
    of_kkkk = turbine if parameter == "O2C" else value
    assert str(conversion.capped(parameter, D(value), conversion.KKKK_CAPS)) == of_kkkk


def test_part_98_and_part_75_differ_by_a_fifth_of_a_percent() -> None:
    """Both are right by their own rule; a report that mixes them is not."""
    stack_gas = {"CO2C": D(12), "FLOW": D(30000000)}
    in_tonnes = solve("F-11", stack_gas).exact * conversion.TONNES_PER_SHORT_TON
    assert rounded(solve("C-6", stack_gas).exact / in_tonnes, 4) == D("1.0017")


def test_the_context_of_the_caller_has_no_say() -> None:
    before = conversion.mg_per_m3(D("97.3"), "NOX")
    with localcontext() as context:
        context.prec = 4
        assert conversion.mg_per_m3(D("97.3"), "NOX") == before
