"""Regulation (EU) 2018/2066, Annex VIII: greenhouse gas emissions by measurement, in metric tons.

Concentration and flow are hourly means at the same conditions; over a year each hour is given (``CO2C.1``, ``FLOW.1``).
The regulation rounds the annual total only.
"""

from __future__ import annotations

from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Rounding
from greenops_gateway.cems.symbol import AT_LEAST_ZERO, POSITIVE

_CLAUSE = "Regulation (EU) 2018/2066 Annex VIII section 3"

EQUATIONS = (
    Equation(
        "ETS-1",
        "ETS-1",
        f"{_CLAUSE}, Equation 1",
        "CO2",
        "t",
        "emissions of the hours given: concentration times flow, summed",
        (
            Need("CO2C", "g/m3", Kind.MEASURED, AT_LEAST_ZERO, "same", each=True),
            Need("FLOW", "m3/h", Kind.MEASURED, AT_LEAST_ZERO, "same", each=True),
        ),
        (Line("CO2", "sum(CO2C * FLOW) / 1000000"),),
        Rounding(),
    ),
    Equation(
        "ETS-2",
        "ETS-2",
        f"{_CLAUSE}, Equation 2",
        "CO2H",
        "kg/h",
        "average hourly emissions from the total and the hours of operation",
        (
            Need("CO2", "t", Kind.COMPUTED, AT_LEAST_ZERO),
            Need("HOURS", "h", Kind.OPERATION, POSITIVE),
        ),
        (Line("CO2H", "CO2 / HOURS * 1000"),),
        Rounding(),
    ),
)
