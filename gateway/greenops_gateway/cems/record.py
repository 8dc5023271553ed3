"""What is known of an hour once it is closed, in two planes that never mix.

Measured: what was measured and is valid; limits and alerts read this plane alone. Reported: the same, with substitutes
for what is missing (40 CFR 75 Subpart D); only quarterly files read that one.

Parameters have the names of ECMPS: SO2C NOXC CO2C O2C H2O FLOW HCLC HFC HGC COC PMC as measured; SO2 NOX NOXR CO2 HI
CO PM HCL HG as computed from those.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.hour import Hour


class Measured(NamedTuple):
    """The average of an hour: *value* rounded and bias-adjusted, *unadjusted* rounded before that.

    Both are in *unit*, and absent when the hour is not valid; *why* says why then. *method* is the method of
    determination code.
    """

    parameter: str
    value: Decimal | None
    unadjusted: Decimal | None
    method: str
    why: str = ""
    points: int = 0
    unit: str = ""


class Computed(NamedTuple):
    """A rate or mass of an hour by *equation*; *digest* is that of its working. Absent, with *why*, without inputs.

    *unadjusted* is rounded and not bias-adjusted; *method* is the method of determination code where the equation gave
    another one than that of its inputs (26 least heat input, 14 diluent cap).
    """

    parameter: str
    value: Decimal | None
    unit: str
    equation: str
    digest: str
    why: str = ""
    unadjusted: Decimal | None = None
    method: str = ""


class ClosedHour(NamedTuple):
    """An hour of a stack in the measured plane.

    *operating_time* is the share of the hour in which fuel burnt (0.00 to 1.00); *load* is gross, in the unit of the
    plan; *is_startup* covers startup, shutdown and what else a permit treats apart.
    """

    hour: Hour
    operating_time: Decimal
    load: Decimal | None
    fuel: str
    is_startup: bool
    measured: Mapping[str, Measured]
    computed: Mapping[str, Computed]

    @property
    def is_operating(self) -> bool:
        return self.operating_time > 0


class Reported(NamedTuple):
    """A parameter of an hour in the reported plane: *value* is measured or a substitute, as *method* says.

    *available* is the percent monitor data availability (one decimal), absent before there is one.
    """

    hour: Hour
    parameter: str
    value: Decimal | None
    unadjusted: Decimal | None
    method: str
    available: Decimal | None
