"""Constants of gases: molar masses, molar volumes, and the conversion constants that EPA prescribes.

EPA's constants are rounded in the regulation. They are used as they stand there, not computed again from molar masses:
a difference in the fourth digit would show in a recalculation.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

US_AIR = Decimal("20.9")
"""Percent by volume of oxygen in dry air (40 CFR 60 Appendix A-7, Method 19)."""
EU_AIR = Decimal(21)
"""The same as European standards count it (Directive 2010/75/EU, Annex VI Part 7)."""


class Condition(NamedTuple):
    """Temperature (K), pressure (kPa) and molar volume (litres per mole) that a volume refers to."""

    name: str
    kelvin: Decimal
    kilopascals: Decimal
    litres_per_mole: Decimal


NORMAL = Condition("0 C, 101.325 kPa", Decimal("273.15"), Decimal("101.325"), Decimal("22.414"))
"""Normal conditions of European limits (Nm3)."""
STANDARD = Condition("68 F, 29.92 inHg", Decimal("293.15"), Decimal("101.325"), Decimal("24.055"))
"""Standard conditions of EPA (scf, scm); 40 CFR 60.2."""
CUBIC_FEET_PER_POUND_MOLE = Decimal("385.3")
"""Standard cubic feet of one pound mole (68 F, 29.92 inHg)."""

MOLAR_MASS: Mapping[str, Decimal] = MappingProxyType(
    {
        "NOX": Decimal("46.0055"),  # counted as NO2
        "NO2": Decimal("46.0055"),
        "NO": Decimal("30.006"),
        "SO2": Decimal("64.06"),
        "CO": Decimal("28.01"),
        "CO2": Decimal("44.010"),
        "HCL": Decimal("36.461"),
        "HF": Decimal("20.006"),
        "NH3": Decimal("17.031"),
        "N2O": Decimal("44.013"),
        "CH4": Decimal("16.043"),
        "TOC": Decimal("12.011"),  # per carbon atom
        "O2": Decimal("31.998"),
        "H2O": Decimal("18.015"),
    }
)
"""Grams per mole."""

EPA_K: Mapping[str, Decimal] = MappingProxyType(
    {
        "SO2": Decimal("1.660e-7"),
        "NOX": Decimal("1.194e-7"),
        "HCL": Decimal("9.43e-8"),
        "HF": Decimal("5.18e-8"),
        "CO": Decimal("7.27e-8"),
    }
)
"""(lb/scf)/ppm. SO2, NOx: 40 CFR 75 Appendix F; HCl, HF: 40 CFR 63 Subpart UUUUU Appendix B.

CO is the molar mass over 385.3e6, three digits; no regulation that was read prints it: it awaits confirmation.
"""
K_MERCURY = Decimal("6.24e-11")
"""(lb/scf)/(ug/scm), 40 CFR 63 Subpart UUUUU Appendix A."""
K_PARTICULATE = Decimal("6.24e-8")
"""(lb/scf)/(mg/scm): that of mercury for milligrams; awaits confirmation against Appendix C of the same subpart."""
K_CARBON_DIOXIDE = Decimal("5.7e-7")
"""(short ton/scf)/%, 40 CFR 75 Appendix F, Equation F-11."""
