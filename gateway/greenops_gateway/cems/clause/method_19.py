"""EPA Method 19 (40 CFR 60 Appendix A-7): emission rates per heat input: a concentration, a diluent and an F-factor.

The same equations serve NOx under Part 75 (F-5, F-6) and SO2, HCl, HF, Hg and particulate under Subpart UUUUU, each
with its own constant. EPA's check program leaves out the 20.9 of Equation 19-5 for NOx; here it stands as in the
regulation. It also sets ambient moisture (19-2) to 0.027 always; here that is the default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from greenops_gateway.cems.formula import Equation, Line, Need, Rounding, divisor
from greenops_gateway.cems.gas import EPA_K, K_MERCURY, K_PARTICULATE
from greenops_gateway.cems.symbol import (
    BWA,
    CO2C,
    COC,
    FC,
    FD,
    FW,
    H2O,
    HCLC,
    HFC,
    HGC,
    NOXC,
    O2C,
    O2CAP,
    PMC,
    SO2C,
)
from greenops_gateway.cems.working import Input

_CLAUSE = "40 CFR 60 Appendix A-7, Method 19"


class _Pollutant(NamedTuple):
    """A pollutant whose rate is *parameter*; *scale* brings lb/mmBtu to *unit*."""

    parameter: str
    unit: str
    concentration: Need
    constant: Input
    rounding: Rounding
    scale: str = ""


class _Form(NamedTuple):
    """An equation for any pollutant: ``C`` is its concentration, measured on *basis*."""

    code: str
    says: str
    basis: str
    needs: tuple[Need, ...]
    excess: tuple[str, str] | None
    text: str
    note: str = ""


_DRY, _WET = O2C.on("dry"), O2C.on("wet")
_CARBON = CO2C.positive()
_CAPPED = "O2CAP is the diluent cap, for hours whose O2 is above it."
_FORMS = (
    _Form("19-1", "dry, with dry O2", "dry", (_DRY, FD), ("20.9 - O2C", "O2C"), "K * C * Fd * 20.9 / excess"),
    _Form(
        "19-2",
        "wet, with wet O2 and the moisture of ambient air",
        "wet",
        (_WET, FW, BWA),
        ("20.9 * (1 - BWA) - O2C", "O2C BWA"),
        "K * C * Fw * 20.9 / excess",
    ),
    _Form(
        "19-3",
        "wet, with wet O2 and stack moisture",
        "wet",
        (_WET, H2O, FD),
        ("20.9 * (100 - H2O) / 100 - O2C", "O2C H2O"),
        "K * C * Fd * 20.9 / excess",
        "A default moisture is the high one here.",
    ),
    _Form(
        "19-3D",
        "wet, with stack moisture and the diluent cap for O2",
        "wet",
        (O2CAP, H2O, FD),
        ("20.9 * (100 - H2O) / 100 - O2CAP * (100 - H2O) / 100", "O2CAP H2O"),
        "K * C * Fd * 20.9 / excess",
        f"{_CAPPED} A default moisture is the high one here.",
    ),
    _Form(
        "19-4",
        "wet, with dry O2 and stack moisture",
        "wet",
        (_DRY, H2O, FD),
        ("20.9 - O2C", "O2C"),
        "K * C * Fd / ((100 - H2O) / 100) * 20.9 / excess",
        "A default moisture is the high one here.",
    ),
    _Form(
        "19-5",
        "dry, with wet O2 and stack moisture",
        "dry",
        (_WET, H2O, FD),
        ("20.9 - O2C / ((100 - H2O) / 100)", "O2C H2O"),
        "20.9 * K * C * Fd / excess",
    ),
    _Form(
        "19-5D",
        "dry, with the diluent cap for O2",
        "dry",
        (O2CAP, FD),
        ("20.9 - O2CAP", "O2CAP"),
        "20.9 * K * C * Fd / excess",
        _CAPPED,
    ),
    _Form("19-6", "dry, with dry CO2", "dry", (_CARBON.on("dry"), FC), None, "K * C * Fc * 100 / CO2C"),
    _Form("19-7", "wet, with wet CO2", "wet", (_CARBON.on("wet"), FC), None, "K * C * Fc * 100 / CO2C"),
    _Form(
        "19-8",
        "wet, with dry CO2 and stack moisture",
        "wet",
        (_CARBON.on("dry"), H2O, FC),
        None,
        "K * C * Fc / ((100 - H2O) / 100) * 100 / CO2C",
        "A default moisture is the high one here.",
    ),
    _Form(
        "19-9",
        "dry, with wet CO2 and stack moisture",
        "dry",
        (_CARBON.on("wet"), H2O, FC),
        None,
        "K * C * ((100 - H2O) / 100) * Fc * 100 / CO2C",
    ),
)

_PPM = "(lb/scf)/ppm"
_THREE_PLACES, _THREE_DIGITS = Rounding(places=3), Rounding(significant=3)
_NOX = _Pollutant("NOXR", "lb/mmBtu", NOXC, Input("K", EPA_K["NOX"], _PPM), _THREE_PLACES)
_POLLUTANTS = (
    _NOX,
    _Pollutant("SO2RH", "lb/mmBtu", SO2C, Input("K", EPA_K["SO2"], _PPM), _THREE_DIGITS),
    _Pollutant("HCLRH", "lb/mmBtu", HCLC, Input("K", EPA_K["HCL"], _PPM), _THREE_DIGITS),
    _Pollutant("HFRH", "lb/mmBtu", HFC, Input("K", EPA_K["HF"], _PPM), _THREE_DIGITS),
    _Pollutant("HGRH", "lb/TBtu", HGC, Input("K", K_MERCURY, "(lb/scf)/(ug/scm)"), _THREE_DIGITS, " * 1000000"),
    _Pollutant("PMRH", "lb/mmBtu", PMC, Input("K", K_PARTICULATE, "(lb/scf)/(mg/scm)"), _THREE_DIGITS),
    _Pollutant("COR", "lb/mmBtu", COC, Input("K", EPA_K["CO"], _PPM), _THREE_PLACES),
)


def _rate(form: _Form, pollutant: _Pollutant) -> Equation:
    text = form.text.replace(" C ", f" {pollutant.concentration.symbol} ") + pollutant.scale
    lines = [Line(pollutant.parameter, text)]
    if form.excess is not None:
        lines.insert(0, divisor("excess", *form.excess))
    return Equation(
        form.code,
        form.code if pollutant is _NOX else f"{form.code} {pollutant.parameter}",
        f"{_CLAUSE} section 12.2",
        pollutant.parameter,
        pollutant.unit,
        f"emission rate per heat input: {form.says}",
        (pollutant.concentration.on(form.basis), *form.needs),
        tuple(lines),
        pollutant.rounding,
        (pollutant.constant,),
        note=form.note,
    )


def _part_75() -> Iterator[Equation]:
    by_oxygen, by_carbon = (_rate(form, _NOX) for form in _FORMS if form.code in ("19-1", "19-6"))
    either = tuple(need.on("same") if need.basis else need for need in by_carbon.needs)
    yield by_oxygen._replace(code="F-5", name="F-5", source="40 CFR 75 Appendix F section 3.1")
    yield by_carbon._replace(
        code="F-6",
        name="F-6",
        source="40 CFR 75 Appendix F section 3.2",
        says="emission rate per heat input: with CO2, both wet or both dry",
        needs=either,
    )


EQUATIONS = (*_part_75(), *(_rate(form, pollutant) for pollutant in _POLLUTANTS for form in _FORMS))
