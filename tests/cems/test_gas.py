"""Constants of gases agree with each other and with what regulations and standards print."""

from __future__ import annotations

from decimal import Decimal

import pytest

from greenops_gateway.cems.conversion import (
    CUBIC_METRES_PER_CUBIC_FOOT,
    MILLIGRAMS_PER_POUND,
    lb_per_scf,
    mg_per_m3,
    mg_per_scm,
)
from greenops_gateway.cems.decimals import rounded
from greenops_gateway.cems.gas import (
    CUBIC_FEET_PER_POUND_MOLE,
    EPA_K,
    K_MERCURY,
    K_PARTICULATE,
    MOLAR_MASS,
    NORMAL,
    STANDARD,
)

MOST = Decimal("0.004")
"""Between a constant as EPA prints it and the molar mass; that of HCl is the furthest off."""


@pytest.mark.parametrize(
    ("gas", "printed"),
    [
        ("NOX", "2.0525"),
        ("NO2", "2.0525"),
        ("NO", "1.3387"),
        ("SO2", "2.858"),
        ("CO", "1.2497"),
        ("HCL", "1.627"),
        ("HF", "0.893"),
        ("NH3", "0.760"),
        ("N2O", "1.964"),
        ("CH4", "0.716"),
        ("CO2", "1.9635"),
        ("TOC", "0.536"),
    ],
)
def test_a_ppm_weighs_what_tables_of_normal_conditions_print(gas: str, printed: str) -> None:
    factor = Decimal(printed)
    places = -int(factor.as_tuple().exponent)
    assert abs(rounded(mg_per_m3(Decimal(1), gas), places) - factor) <= Decimal(1).scaleb(-places)


def test_the_molar_volumes_are_one_ideal_gas() -> None:
    at_standard = NORMAL.litres_per_mole * STANDARD.kelvin / NORMAL.kelvin
    assert rounded(at_standard, 3) == STANDARD.litres_per_mole
    assert NORMAL.kilopascals == STANDARD.kilopascals


@pytest.mark.parametrize("gas", sorted(EPA_K))
def test_epa_constants_are_those_of_the_molar_mass_to_less_than_half_a_percent(gas: str) -> None:
    computed = MOLAR_MASS[gas] / (CUBIC_FEET_PER_POUND_MOLE * 1000000)
    assert abs(computed / EPA_K[gas] - 1) < MOST


@pytest.mark.parametrize("gas", sorted(EPA_K))
def test_a_ppm_in_pounds_and_in_milligrams_is_the_same_mass(gas: str) -> None:
    by_pounds, by_moles = mg_per_scm(lb_per_scf(Decimal(100), gas)), mg_per_m3(Decimal(100), gas, STANDARD)
    assert abs(by_pounds / by_moles - 1) < MOST


@pytest.mark.parametrize(("constant", "milligrams"), [(K_MERCURY, Decimal("0.001")), (K_PARTICULATE, Decimal(1))])
def test_the_constants_by_mass_are_units_only(constant: Decimal, milligrams: Decimal) -> None:
    pounds = milligrams * CUBIC_METRES_PER_CUBIC_FOOT / MILLIGRAMS_PER_POUND
    assert abs(pounds / constant - 1) < Decimal("0.0005")
