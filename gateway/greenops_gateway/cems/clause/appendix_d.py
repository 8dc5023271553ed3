"""40 CFR 75 Appendix D: SO2 and heat input from fuel flow, with the equations of Appendix F that are the same.

The regulation writes gas in hundreds of standard cubic feet: ``GAS`` in hscf/h, ``GCV`` in Btu/hscf, ``S`` in gr/hscf.
"""

from __future__ import annotations

from decimal import Decimal

from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Rounding
from greenops_gateway.cems.symbol import (
    AT_LEAST_ZERO,
    ER,
    GAS,
    GCV_GAS,
    GCV_MASS,
    HI,
    OIL,
    S_GAS,
    S_OIL,
    TU,
    T,
)

PIPELINE_NATURAL_GAS = Decimal("0.0006")
"""ER of Equation D-5 in lb SO2/mmBtu; Appendix D section 2.3."""
OTHER_NATURAL_GAS = Decimal("0.06")
"""ER of Equation D-5 in lb SO2/mmBtu for natural gas that is not pipeline natural gas."""
ONE_PLACE = Rounding(places=1)
GAS_SULFUR = Rounding(places=5)
"""SO2 from gas is so little that one place would leave nothing."""
_CLAUSE = "40 CFR 75 Appendix D"

_SULFUR = (
    Equation(
        "D-1H",
        "D-1H",
        f"{_CLAUSE} section 2.3",
        "SO2R",
        "lb/mmBtu",
        "SO2 emission rate of a gas from its total sulfur",
        (S_GAS, GCV_GAS),
        (Line("SO2R", "(2.0 / 7000) * 1000000 * S / GCV"),),
        Rounding(places=4),
    ),
    Equation(
        "D-2",
        "D-2",
        f"{_CLAUSE} section 3",
        "SO2",
        "lb/h",
        "SO2 mass rate from oil flow and its sulfur",
        (OIL, S_OIL),
        (Line("SO2", "2.0 * OIL * S / 100"),),
        ONE_PLACE,
    ),
    Equation(
        "D-4",
        "D-4",
        f"{_CLAUSE} section 3",
        "SO2",
        "lb/h",
        "SO2 mass rate from gas flow and its total sulfur",
        (GAS, S_GAS),
        (Line("SO2", "(2.0 / 7000) * GAS * S"),),
        GAS_SULFUR,
    ),
    Equation(
        "D-5",
        "D-5",
        f"{_CLAUSE} section 3",
        "SO2",
        "lb/h",
        "SO2 mass rate of natural gas from a default emission rate and heat input",
        (ER, HI),
        (Line("SO2", "ER * HI"),),
        GAS_SULFUR,
        note=f"ER is {PIPELINE_NATURAL_GAS} for pipeline natural gas and {OTHER_NATURAL_GAS} for other natural gas.",
    ),
    Equation(
        "D-12",
        "D-12",
        f"{_CLAUSE} section 3",
        "SO2",
        "lb/h",
        "SO2 mass rate of a unit over all its fuels, weighted by time",
        (Need("SO2", "lb/h", Kind.COMPUTED, AT_LEAST_ZERO, each=True), T, TU),
        (Line("SO2", "sum(SO2 * T) / TU"),),
        Rounding(places=4),
        note="Four places where gas is burnt; for oil alone one is reported.",
    ),
)

_GAS_HEAT = Equation(
    "D-6",
    "D-6",
    f"{_CLAUSE} section 3",
    "HI",
    "mmBtu/h",
    "heat input rate from gas flow and gross calorific value",
    (GAS, GCV_GAS),
    (Line("HI", "GAS * GCV / 1000000"),),
    ONE_PLACE,
)
_OIL_HEAT = Equation(
    "D-8",
    "D-8",
    f"{_CLAUSE} section 3",
    "HI",
    "mmBtu/h",
    "heat input rate from oil flow and gross calorific value",
    (OIL, GCV_MASS),
    (Line("HI", "OIL * GCV / 1000000"),),
    ONE_PLACE,
)
_HEAT = (
    _GAS_HEAT,
    _GAS_HEAT._replace(code="F-20", name="F-20", source="40 CFR 75 Appendix F section 5.5.2"),
    _OIL_HEAT,
    _OIL_HEAT._replace(code="F-19", name="F-19", source="40 CFR 75 Appendix F section 5.5.1"),
    Equation(
        "D-15A",
        "D-15A",
        f"{_CLAUSE} section 3",
        "HI",
        "mmBtu/h",
        "heat input rate of a unit over all its fuels, weighted by time",
        (HI._replace(each=True), T, TU),
        (Line("HI", "sum(HI * T) / TU"),),
        ONE_PLACE,
    ),
)

EQUATIONS = (*_SULFUR, *_HEAT)
