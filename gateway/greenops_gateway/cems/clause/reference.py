"""Concentrations at reference conditions, as limits are written: oxygen, carbon dioxide, the European standard state.

Dry air has 20.9 % oxygen in the United States and 21 % in Europe; the two never mix.
"""

from __future__ import annotations

from collections.abc import Iterator

from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Rounding, divisor
from greenops_gateway.cems.symbol import AT_LEAST_ZERO, CO2C, CO2REF, H2O, O2C, O2REF, POSITIVE, PPM

_MILLIGRAMS = Need("", "mg/m3", Kind.MEASURED, AT_LEAST_ZERO)
_PPM = Need("", "ppm", Kind.MEASURED, PPM)
_TEMPERATURE = Need("TEMP", "K", Kind.MEASURED, POSITIVE)
_PRESSURE = Need("PRES", "kPa", Kind.MEASURED, POSITIVE)
_US = "40 CFR 60 Appendix A-7, Method 20"
_EU = "Directive 2010/75/EU Annex VI Part 7; EN 17255-1"
_POLLUTANTS = ("NOX", "SO2", "CO", "HCL", "HF")
_ALSO_IN_MILLIGRAMS = ("PM", "NH3", "TOC")


def _american(pollutant: str) -> Iterator[Equation]:
    symbol, parameter = f"{pollutant}C", f"{pollutant}REF"
    concentration = _PPM._replace(symbol=symbol, basis="dry")
    yield Equation(
        "O2-US",
        f"O2-US {parameter}",
        _US,
        parameter,
        "ppm",
        "dry concentration at a reference oxygen content, air having 20.9 %",
        (concentration, O2C.on("dry"), O2REF),
        (
            divisor("reference", "20.9 - O2REF", "O2REF"),
            divisor("measured", "20.9 - O2C", "O2C"),
            Line(parameter, f"{symbol} * reference / measured"),
        ),
        Rounding(places=2),
    )
    yield Equation(
        "CO2-US",
        f"CO2-US {parameter}",
        _US,
        parameter,
        "ppm",
        "concentration at a reference carbon dioxide content",
        (concentration.on("same"), CO2C.positive().on("same"), CO2REF),
        (Line(parameter, f"{symbol} * CO2REF / CO2C"),),
        Rounding(places=2),
    )


def _european(pollutant: str) -> Iterator[Equation]:
    symbol, parameter = f"{pollutant}C", f"{pollutant}REF"
    concentration = _MILLIGRAMS._replace(symbol=symbol)
    oxygen = (
        divisor("reference", "21 - O2REF", "O2REF"),
        divisor("measured", "21 - O2C", "O2C"),
    )
    yield Equation(
        "O2-EU",
        f"O2-EU {parameter}",
        _EU,
        parameter,
        "mg/m3",
        "dry concentration at normal conditions and a reference oxygen content, air having 21 %",
        (concentration.on("dry"), O2C.on("dry"), O2REF),
        (*oxygen, Line(parameter, f"{symbol} * reference / measured")),
        Rounding(places=1),
    )
    yield Equation(
        "EU-STATE",
        f"EU-STATE {parameter}",
        _EU,
        parameter,
        "mg/m3",
        "concentration in the stack brought to 273.15 K, 101.325 kPa, dry gas and a reference oxygen content",
        (concentration.on("wet"), _TEMPERATURE, _PRESSURE, H2O, O2C.on("dry"), O2REF),
        (
            Line("normal", f"{symbol} * (TEMP / 273.15) * (101.325 / PRES)"),
            Line("dry", "normal * 100 / (100 - H2O)"),
            *oxygen,
            Line(parameter, "dry * reference / measured"),
        ),
        Rounding(places=1),
    )


EQUATIONS = (
    *(equation for pollutant in _POLLUTANTS for equation in _american(pollutant)),
    *(equation for pollutant in (*_POLLUTANTS, *_ALSO_IN_MILLIGRAMS) for equation in _european(pollutant)),
)
