"""F-factors and default moisture: the table is plausible by EPA's own ranges, and each use takes the right default."""

from __future__ import annotations

from decimal import Decimal

import pytest

from greenops_gateway.cems.equation import solve
from greenops_gateway.cems.fuel import (
    F_FACTORS,
    MOISTURE,
    TAKE_HIGH_MOISTURE,
    Moisture,
    default_moisture,
    implausible,
)

D = Decimal
SOME = {
    "NOXC": D(200),
    "SO2C": D(200),
    "FLOW": D(30000000),
    "Fd": D(9780),
    "Fc": D(1800),
    "O2CAP": D(14),
    "O2C": D(6),
    "CO2C": D(12),
}


@pytest.mark.parametrize("fuel", sorted(F_FACTORS))
def test_every_factor_of_the_table_is_plausible(fuel: str) -> None:
    fd, fc, fw = F_FACTORS[fuel]
    assert not implausible("Fd", fd)
    assert not implausible("Fc", fc)
    assert fw is None or not implausible("Fw", fw)


@pytest.mark.parametrize(
    ("symbol", "factor", "is_plausible"),
    [
        ("Fc", "899.9", False),
        ("Fc", "900", True),
        ("Fc", "3000", True),
        ("Fd", "1800", False),
        ("Fd", "12000.1", False),
        ("Fw", "9000", True),
        ("Fw", "8710", False),
    ],
)
def test_exchanged_or_mistyped_factors_are_told(symbol: str, factor: str, *, is_plausible: bool) -> None:
    assert (implausible(symbol, D(factor)) == "") is is_plausible


@pytest.mark.parametrize("code", sorted(TAKE_HIGH_MOISTURE | {"19-9", "F-2", "F-16", "F-17", "F-18", "F-26B"}))
@pytest.mark.parametrize("fuel", sorted(MOISTURE))
def test_the_default_moisture_never_flatters(code: str, fuel: str) -> None:
    moisture = MOISTURE[fuel]
    low, high = (solve(code, {**SOME, "H2O": of}).exact for of in moisture)
    assert default_moisture(fuel, code) == (moisture.low if low > high else moisture.high)


def test_the_rule_names_three_equations_for_the_high_default_and_19_5_is_none_of_them() -> None:
    assert default_moisture("bituminous", "19-5") == MOISTURE["bituminous"].low


def test_a_fuel_without_default_has_none() -> None:
    assert default_moisture("propane", "F-2") is None
    assert Moisture(D(6), D(8)) == MOISTURE["bituminous"]
