"""40 CFR 75 Appendix G: CO2 from heat input and a carbon-based F-factor."""

from __future__ import annotations

from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Rounding
from greenops_gateway.cems.symbol import AT_LEAST_ZERO, FC, HI, TU, T

_CLAUSE = "40 CFR 75 Appendix G"

EQUATIONS = (
    Equation(
        "G-4",
        "G-4",
        f"{_CLAUSE} section 2.3",
        "CO2",
        "ton/h",
        "CO2 mass rate of gas or oil from heat input",
        (FC, HI),
        (Line("CO2", "Fc * HI / 385 * 44 / 2000"),),
        Rounding(places=1),
        note="385 scf of CO2 weigh 44 lb; short tons.",
    ),
    Equation(
        "G-4A",
        "G-4A",
        f"{_CLAUSE} section 2.3",
        "CO2",
        "ton/h",
        "CO2 mass rate of a unit over all its fuels, weighted by time",
        (Need("CO2", "ton/h", Kind.COMPUTED, AT_LEAST_ZERO, each=True), T, TU),
        (Line("CO2", "sum(CO2 * T) / TU"),),
        Rounding(places=1),
    ),
)
