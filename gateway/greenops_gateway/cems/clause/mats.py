"""40 CFR 63 Subpart UUUUU (MATS): mass rates of Hg, HCl, HF and SO2, and those per electrical output.

Hourly rates are reported with three significant digits (``3.99E-1``, see ``scientific``). The mass rate below them is
an intermediate and not rounded. ECMPS reports a rate per output under the code of its mass equation (``A-2``,
``HC-3``): those are the equations whose names end in the parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Rounding
from greenops_gateway.cems.gas import EPA_K, K_MERCURY
from greenops_gateway.cems.symbol import AT_LEAST_ZERO, FLOW, H2O, HCLC, HFC, HGC, LOAD, SO2C
from greenops_gateway.cems.working import Input

_CLAUSE = "40 CFR 63 Subpart UUUUU Appendix"
_PPM = "(lb/scf)/ppm"
_DIGITS = 3
_NOTE = "Flow is taken without bias adjustment."


class _Pollutant(NamedTuple):
    code: str
    appendix: str
    parameter: str
    concentration: Need
    constant: Input
    unit: str = "lb/MWh"
    per_output: str = "mass / LOAD"


_POLLUTANTS = (
    _Pollutant("A", "A", "HG", HGC, Input("K", K_MERCURY, "(lb/scf)/(ug/scm)"), "lb/GWh", "mass / LOAD * 1000"),
    _Pollutant("HC", "B", "HCL", HCLC, Input("K", EPA_K["HCL"], _PPM)),
    _Pollutant("HF", "B", "HF", HFC, Input("K", EPA_K["HF"], _PPM)),
    _Pollutant("S", "B", "SO2", SO2C, Input("K", EPA_K["SO2"], _PPM)),
)


def scientific(value: Decimal) -> str:
    """*value* as ECMPS writes hourly values of MATS: three significant digits, half up.

    >>> scientific(Decimal("0.3985")), scientific(Decimal("0.00001234")), scientific(Decimal(0))
    ('3.99E-1', '1.23E-5', '0.00E0')
    """
    number = Rounding(significant=_DIGITS)(value)
    if not number:
        return "0.00E0"
    exponent = number.adjusted()
    return f"{number.scaleb(-exponent):.{_DIGITS - 1}f}E{exponent}"


def _of(pollutant: _Pollutant) -> Iterator[Equation]:
    code, appendix, parameter, concentration, constant, unit, per_output = pollutant
    source, rate = f"{_CLAUSE} {appendix}", f"{parameter}RE"
    for number, basis, text, more in (
        (2, "wet", f"K * {concentration.symbol} * FLOW", ()),
        (3, "dry", f"K * {concentration.symbol} * FLOW * (100 - H2O) / 100", (H2O,)),
    ):
        mass = Equation(
            f"{code}-{number}",
            f"{code}-{number}",
            source,
            parameter,
            "lb/h",
            f"{parameter} mass rate from a {basis} concentration and stack flow",
            (concentration.on(basis), FLOW, *more),
            (Line(parameter, text),),
            Rounding(),
            (constant,),
            note=_NOTE,
        )
        yield mass
        yield mass._replace(
            name=f"{code}-{number} {rate}",
            parameter=rate,
            unit=unit,
            says=f"{parameter} per electrical output from a {basis} concentration, stack flow and load",
            needs=(*mass.needs, LOAD),
            lines=(Line("mass", text), Line(rate, per_output)),
            rounding=Rounding(significant=_DIGITS),
        )
    yield Equation(
        f"{code}-4",
        f"{code}-4",
        source,
        rate,
        unit,
        f"{parameter} per electrical output from its mass rate and load",
        (Need(parameter, "lb/h", Kind.COMPUTED, AT_LEAST_ZERO), LOAD),
        (Line(rate, per_output.replace("mass", parameter)),),
        Rounding(significant=_DIGITS),
        note="The mass rate is taken as computed, not rounded.",
    )


EQUATIONS = tuple(equation for pollutant in _POLLUTANTS for equation in _of(pollutant))
