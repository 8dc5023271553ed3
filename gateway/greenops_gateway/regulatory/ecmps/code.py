"""What EPA accepts in a record: methods of determination by parameter, and which keys have a value.

EPA's check engine (HOURMHV-8, -9, -11, HOURDHV-13, -14, -17); emissions reporting instructions, tables 19, 23, 26.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal


def _codes(written: str) -> frozenset[str]:
    return frozenset(written.split())


PRIMARY = "01"
DILUENT_CAP = "14"
"""The code of a NOx rate with the diluent cap; its diluent is told as it was measured."""
NOT_TOLD = "46"
"""The code of a component's hour without a value where another record has the substitute (a NOx-diluent system)."""
MONITOR_METHODS: Mapping[str, frozenset[str]] = {
    "SO2C": _codes("01 02 03 04 05 06 07 08 09 10 12 13 15 16 17 18 19 20 21 22 23 53 54 55"),
    "NOXC": _codes("01 02 03 04 05 06 07 08 09 10 11 12 13 15 17 18 19 20 21 22 23 24 46 53 54 55"),
    "FLOW": _codes("01 02 03 04 05 06 07 08 09 10 11 12 20 46 53 54 55"),
    "CO2C": _codes("01 02 03 04 06 07 08 09 10 12 17 20 21 23 46 53 54 55"),
    "O2C": _codes("01 02 03 04 06 07 08 09 10 12 17 20 46 53 54 55"),
    "H2O": _codes("01 02 03 04 06 07 08 09 10 12 21 53 54 55"),
}
"""What a monitored parameter may have. The list of SO2C awaits confirmation."""
DERIVED_METHODS: Mapping[str, frozenset[str]] = {
    "NOXR": _codes("01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 21 22 23 24 25 53 54 55"),
    "CO2C": _codes("01 02 03 04 05 06 07 08 09 10 12 21 53 54 55"),
    "H2O": _codes("01 02 03 04 05 06 07 08 09 10 12 21 40 53 54 55"),
    "HI": frozenset({"26"}),
}
"""What a derived parameter may have; those that are not here have none, and heat input only this one."""
WITH_AVAILABILITY = frozenset({"NOXR", "CO2C", "H2O"})
"""Derived parameters that come with the percent monitor data availability."""
BIAS_ADJUSTED = frozenset({"SO2C", "NOXC", "FLOW"})
"""Monitored parameters with an adjusted value; the others have the unadjusted one alone, also of a substitute."""
WITH_BASIS = frozenset({"O2C"})
"""Monitored parameters with a moisture basis."""
AVAILABLE: Mapping[str, tuple[Decimal, Decimal]] = {
    "06": (Decimal(90), Decimal(101)),
    "08": (Decimal(95), Decimal(101)),
    "09": (Decimal(90), Decimal(95)),
    "10": (Decimal(80), Decimal(90)),
    "11": (Decimal(90), Decimal(101)),
}
"""The availability at which a substitute may be used: from, to before. 10 may also stand above, by load bins."""
LOAD_BASED = frozenset({"NOXC", "FLOW", "NOXR"})
"""Parameters substituted by load bins: code 10 may then come from the next higher bin, at 80 % or more."""
