"""40 CFR 98 Subpart C: greenhouse gases of stationary combustion, in metric tons.

Equation C-6 has a constant that is 0.2 % above F-11 of Part 75 brought to metric tons: the two never mix. The rule
rounds no hourly value.
"""

from __future__ import annotations

from decimal import Decimal

from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Rounding
from greenops_gateway.cems.symbol import AT_LEAST_ZERO, CO2C, FLOW, H2O, POSITIVE
from greenops_gateway.cems.working import Input

_CLAUSE = "40 CFR 98.33"
_FUEL = (
    Need("FUEL", "mass or volume/h", Kind.FUEL, AT_LEAST_ZERO),
    Need("HHV", "mmBtu per mass or volume", Kind.CONSTANT, POSITIVE),
    Need("EF", "kg/mmBtu", Kind.CONSTANT, AT_LEAST_ZERO),
)
_TONNES = "t/h"
_C6 = Equation(
    "C-6",
    "C-6",
    f"{_CLAUSE}, paragraph (a)(4)",
    "CO2",
    _TONNES,
    "CO2 mass rate from a wet concentration and stack flow (Tier 4)",
    (CO2C.on("wet"), FLOW),
    (Line("CO2", "K * CO2C * FLOW"),),
    Rounding(),
    (Input("K", Decimal("5.18e-7"), "(t/scf)/%"),),
)


EQUATIONS = (
    Equation(
        "C-1",
        "C-1",
        f"{_CLAUSE}, paragraph (a)(1)",
        "CO2",
        _TONNES,
        "CO2 mass rate from fuel and a default factor (Tier 1)",
        _FUEL,
        (Line("CO2", "0.001 * FUEL * HHV * EF"),),
        Rounding(),
    ),
    _C6,
    _C6._replace(
        code="C-7",
        name="C-7",
        says="CO2 mass rate from a dry concentration and stack flow (Tier 4)",
        needs=(CO2C.on("dry"), FLOW, H2O),
        lines=(Line("CO2", "K * CO2C * FLOW * (100 - H2O) / 100"),),
        note="C-6 corrected for moisture.",
    ),
    *(
        Equation(
            "C-8",
            "C-8" if gas == "CH4" else f"C-8 {gas}",
            f"{_CLAUSE}, paragraph (c)(1)",
            gas,
            _TONNES,
            f"{gas} mass rate from fuel and a default factor",
            _FUEL,
            (Line(gas, "0.001 * FUEL * HHV * EF"),),
            Rounding(),
        )
        for gas in ("CH4", "N2O")
    ),
)
