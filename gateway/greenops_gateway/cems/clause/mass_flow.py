"""Mass rates that no appendix numbers: CO and particulate in lb/h, rates per electrical output, and kg/h.

``lb/h`` is the mass rate equation of 40 CFR 60 and 75 with the constant of the pollutant; ``lb/MWh`` that of 40 CFR 60
Subparts Da and KKKK; ``kg/h`` is concentration times flow, both at the same conditions.
"""

from __future__ import annotations

from collections.abc import Iterator

from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Rounding
from greenops_gateway.cems.gas import EPA_K, K_PARTICULATE
from greenops_gateway.cems.symbol import AT_LEAST_ZERO, COC, FLOW, H2O, LOAD, PMC
from greenops_gateway.cems.working import Input

_ONE_PLACE, _THREE_PLACES = Rounding(places=1), Rounding(places=3)
NORMAL_FLOW = Need("FLOW", "m3/h", Kind.MEASURED, AT_LEAST_ZERO, "same")
"""Stack flow at the conditions, moisture and oxygen that the concentration refers to."""


def _pounds() -> Iterator[Equation]:
    for parameter, need, k, unit in (
        ("CO", COC, EPA_K["CO"], "(lb/scf)/ppm"),
        ("PM", PMC, K_PARTICULATE, "(lb/scf)/(mg/scm)"),
    ):
        for basis, text, more in (
            ("wet", f"K * {need.symbol} * FLOW", ()),
            ("dry", f"K * {need.symbol} * FLOW * (100 - H2O) / 100", (H2O,)),
        ):
            yield Equation(
                f"lb/h {basis}",
                f"lb/h {basis} {parameter}",
                "As 40 CFR 75 Appendix F section 2",
                parameter,
                "lb/h",
                f"mass rate from a {basis} concentration and stack flow",
                (need.on(basis), FLOW, *more),
                (Line(parameter, text),),
                _ONE_PLACE,
                (Input("K", k, unit),),
                note="The constant K awaits confirmation.",
            )


def _per_output() -> Iterator[Equation]:
    for parameter, unit, text in (
        ("NOX", "lb/h", "NOX / LOAD"),
        ("SO2", "lb/h", "SO2 / LOAD"),
        ("CO", "lb/h", "CO / LOAD"),
        ("PM", "lb/h", "PM / LOAD"),
        ("CO2", "ton/h", "CO2 * 2000 / LOAD"),
    ):
        rate = f"{parameter}RE"
        yield Equation(
            "lb/MWh",
            f"lb/MWh {rate}",
            "40 CFR 60 Subparts Da, KKKK and TTTT",
            rate,
            "lb/MWh",
            "mass rate per gross electrical output",
            (Need(parameter, unit, Kind.COMPUTED, AT_LEAST_ZERO), LOAD),
            (Line(rate, text),),
            _THREE_PLACES,
        )


def _kilograms() -> Iterator[Equation]:
    for parameter, symbol in (
        ("NOX", "NOXC"),
        ("SO2", "SO2C"),
        ("CO", "COC"),
        ("PM", "PMC"),
        ("HCL", "HCLC"),
        ("HF", "HFC"),
    ):
        yield Equation(
            "kg/h",
            f"kg/h {parameter}",
            "EN 17255-1",
            parameter,
            "kg/h",
            "mass flow from concentration and flow",
            (Need(symbol, "mg/m3", Kind.MEASURED, AT_LEAST_ZERO, "same"), NORMAL_FLOW),
            (Line(parameter, f"{symbol} * FLOW / 1000000"),),
            Rounding(),
            note="Concentration and flow at the same conditions: temperature, pressure, moisture and oxygen.",
        )


EQUATIONS = (*_pounds(), *_per_output(), *_kilograms())
