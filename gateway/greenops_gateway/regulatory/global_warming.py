"""Global warming potentials over 100 years, by the assessment report that they are from.

A report names its version and keeps to it; values of two versions are never added. CH4 and N2O were read; the fossil
CH4 of AR6 and every value of SF6, NF3 and HFC-134a are from memory and await confirmation.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

Version = Literal["AR4", "AR5", "AR6"]

GWP100: Mapping[Version, Mapping[str, Decimal]] = {
    "AR4": {
        "CO2": Decimal(1),
        "CH4": Decimal(25),
        "N2O": Decimal(298),
        "SF6": Decimal(22800),
        "NF3": Decimal(17200),
        "HFC-134a": Decimal(1430),
    },
    "AR5": {
        "CO2": Decimal(1),
        "CH4": Decimal(28),
        "N2O": Decimal(265),
        "SF6": Decimal(23500),
        "NF3": Decimal(16100),
        "HFC-134a": Decimal(1300),
    },
    "AR6": {
        "CO2": Decimal(1),
        "CH4": Decimal("27.9"),
        "CH4 fossil": Decimal("29.8"),
        "N2O": Decimal(273),
        "SF6": Decimal(24300),
        "NF3": Decimal(17400),
        "HFC-134a": Decimal(1530),
    },
}
"""kg CO2e per kg."""
CO2E = "CO2e"
"""Named instead of a gas where a factor is in CO2 equivalent already."""
