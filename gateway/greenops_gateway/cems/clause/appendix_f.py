"""40 CFR 75 Appendix F: SO2, NOx and CO2 mass rates, diluent, heat input, moisture, F-factors."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from greenops_gateway.cems.formula import Bounds, Equation, Floor, Kind, Line, Need, Rounding, divisor
from greenops_gateway.cems.gas import EPA_K, K_CARBON_DIOXIDE
from greenops_gateway.cems.symbol import (
    AT_LEAST_ZERO,
    CO2C,
    ER,
    FC,
    FD,
    FLOW,
    FRACTION,
    FW,
    GCV_MASS,
    H2O,
    HI,
    LOAD,
    NOXC,
    NOXR,
    O2C,
    O2D,
    O2W,
    PERCENT,
    SO2C,
    TCS,
    TIME,
    TU,
    T,
)
from greenops_gateway.cems.working import Input

ONE_PLACE = Rounding(places=1)
_CLAUSE = "40 CFR 75 Appendix F"
_SO2 = (Input("K", EPA_K["SO2"], "(lb/scf)/ppm"),)
_NOX = (Input("K", EPA_K["NOX"], "(lb/scf)/ppm"),)
_CO2 = (Input("K", K_CARBON_DIOXIDE, "(ton/scf)/%"),)
_NONE = Floor(Decimal("0.0"))
_LEAST_HEAT = Floor(Decimal("1.0"), "26")
_LEAST_HEAT_NOTE = (
    "In an operating hour a result that is not above zero counts as 1.0 (method 26). "
    "EPA's own check program raises everything below 1.0 to 1.0."
)


def _mass() -> Iterator[Equation]:
    dry = ("K * {} * FLOW * (100 - H2O) / 100", (H2O,))
    wet: tuple[str, tuple[Need, ...]] = ("K * {} * FLOW", ())
    for code, section, parameter, unit, measured, constants, (text, more), basis in (
        ("F-1", "2.1", "SO2", "lb/h", SO2C, _SO2, wet, "wet"),
        ("F-2", "2.2", "SO2", "lb/h", SO2C, _SO2, dry, "dry"),
        ("F-26A", "8", "NOX", "lb/h", NOXC, _NOX, wet, "wet"),
        ("F-26B", "8", "NOX", "lb/h", NOXC, _NOX, dry, "dry"),
        ("F-11", "4.1", "CO2", "ton/h", CO2C, _CO2, wet, "wet"),
        ("F-2", "4.2", "CO2", "ton/h", CO2C, _CO2, dry, "dry"),
    ):
        yield Equation(
            code,
            "F-2 CO2" if (code, parameter) == ("F-2", "CO2") else code,
            f"{_CLAUSE} section {section}",
            parameter,
            unit,
            f"{parameter} mass rate from a {basis} concentration and stack flow",
            (measured.on(basis), FLOW, *more),
            (Line(parameter, text.format(measured.symbol)),),
            ONE_PLACE,
            constants,
        )


def _by_heat_input() -> Iterator[Equation]:
    yield Equation(
        "F-23",
        "F-23",
        f"{_CLAUSE} section 7",
        "SO2",
        "lb/h",
        "SO2 mass rate from a default emission rate, for gaseous fuel with a monitored heat input",
        (ER, HI),
        (Line("SO2", "ER * HI"),),
        ONE_PLACE,
    )
    yield Equation(
        "F-24A",
        "F-24A",
        f"{_CLAUSE} section 8",
        "NOX",
        "lb/h",
        "NOx mass rate from the NOx emission rate and heat input",
        (NOXR, HI),
        (Line("NOX", "NOXR * HI"),),
        ONE_PLACE,
    )


def _diluent() -> Iterator[Equation]:
    yield Equation(
        "F-14A",
        "F-14A",
        f"{_CLAUSE} section 4.4.1",
        "CO2C",
        "%",
        "dry CO2 concentration from dry O2",
        (O2C.on("dry"), FC, FD),
        (Line("CO2C", "100 * (Fc / Fd) * (20.9 - O2C) / 20.9"),),
        ONE_PLACE,
        floor=_NONE,
        note="A negative result counts as 0.0.",
    )
    yield Equation(
        "F-14B",
        "F-14B",
        f"{_CLAUSE} section 4.4.1",
        "CO2C",
        "%",
        "wet CO2 concentration from wet O2",
        (O2C.on("wet"), H2O, FC, FD),
        (Line("CO2C", "(100 / 20.9) * (Fc / Fd) * (20.9 * (100 - H2O) / 100 - O2C)"),),
        ONE_PLACE,
        floor=_NONE,
        note="A negative result counts as 0.0.",
    )
    yield Equation(
        "F-31",
        "F-31",
        f"{_CLAUSE} section 10",
        "H2O",
        "%",
        "stack moisture from dry and wet O2",
        (O2D.positive(), O2W),
        (
            Line("difference", "O2D - O2W", "O2W O2D", AT_LEAST_ZERO),
            Line("H2O", "difference / O2D * 100"),
        ),
        ONE_PLACE,
        note="Wet O2 above dry O2 means that the two analysers are exchanged or out of calibration.",
    )


def _heat_input() -> Iterator[Equation]:
    for code, section, says, needs, text in (
        ("F-15", "5.2.1", "wet CO2", (CO2C.on("wet"), FC), "FLOW * CO2C / (100 * Fc)"),
        ("F-16", "5.2.2", "dry CO2", (CO2C.on("dry"), H2O, FC), "FLOW * ((100 - H2O) / (100 * Fc)) * (CO2C / 100)"),
        ("F-17", "5.2.3", "wet O2", (O2C.on("wet"), H2O, FD), "(FLOW / Fd) * (0.209 * (100 - H2O) - O2C) / 20.9"),
        (
            "F-18",
            "5.2.4",
            "dry O2",
            (O2C.on("dry"), H2O, FD),
            "FLOW * ((100 - H2O) / (100 * Fd)) * (20.9 - O2C) / 20.9",
        ),
    ):
        yield Equation(
            code,
            code,
            f"{_CLAUSE} section {section}",
            "HI",
            "mmBtu/h",
            f"heat input rate from stack flow and {says}",
            (FLOW, *needs),
            (Line("HI", text),),
            ONE_PLACE,
            floor=_LEAST_HEAT,
            note=_LEAST_HEAT_NOTE,
        )


def _apportioned() -> Iterator[Equation]:
    for code, load, unit in (("F-21A", "electrical", "MW"), ("F-21B", "steam", "klb/h")):
        each_load = Need("ULOAD", unit, Kind.OPERATION, AT_LEAST_ZERO, each=True)
        each_time = Need("UTIME", TIME, Kind.OPERATION, FRACTION, each=True)
        yield Equation(
            code,
            code,
            f"{_CLAUSE} section 5.6.1",
            "HI",
            "mmBtu/h",
            f"heat input rate of a unit: its share of a common stack's or pipe's by {load} load",
            (HI, TCS, TU, LOAD._replace(unit=unit, bounds=AT_LEAST_ZERO), each_load, each_time),
            (
                divisor("total", "sum(ULOAD * UTIME)", "ULOAD"),
                Line("HI of the unit", "HI * (TCS / TU) * (LOAD * TU / total)"),
            ),
            ONE_PLACE,
            note="HI and TCS are the common stack's; ULOAD and UTIME are of every unit, this one (LOAD, TU) too.",
        )
    for code, section, says, time in (
        ("F-21C", "5.6.2", "heat input rate of a unit with several stacks: theirs, weighted by time", TU),
        ("F-25", "5", "heat input rate of a common stack from those of its units, weighted by time", TCS),
    ):
        yield Equation(
            code,
            code,
            f"{_CLAUSE} section {section}",
            "HI",
            "mmBtu/h",
            says,
            (HI._replace(each=True), T, time),
            (Line("HI", f"sum(HI * T) / {time.symbol}"),),
            ONE_PLACE,
        )


def _factors() -> Iterator[Equation]:
    whole = Bounds(Decimal("0.999"), Decimal("1.001"))
    share = Need("X", "fraction of heat input", Kind.FUEL, FRACTION, each=True)
    for need in (FC, FD, FW):
        parameter = need.symbol.upper()
        yield Equation(
            "F-8",
            "F-8" if need is FC else f"F-8 {parameter}",
            f"{_CLAUSE} section 3.3.6.4",
            parameter,
            need.unit,
            f"{need.symbol} of a mixture of fuels",
            (share, need._replace(each=True)),
            (
                Line("shares", "sum(X)", "X", whole),
                Line(parameter, f"sum(X * {need.symbol})"),
            ),
            ONE_PLACE,
        )
    elements = {
        symbol: Need(symbol, f"% {element} by mass", Kind.FUEL, PERCENT)
        for symbol, element in zip("HCSNO", ("hydrogen", "carbon", "sulfur", "nitrogen", "oxygen"), strict=True)
    }
    dry = "1000000 * (3.64 * H + 1.53 * C + 0.57 * S + 0.14 * N - 0.46 * O) / GCV"
    for code, parameter, unit, needs, text in (
        ("F-7A", "FD", FD.unit, tuple(elements.values()), dry),
        ("F-7B", "FC", FC.unit, (elements["C"],), "321000 * C / GCV"),
    ):
        yield Equation(
            code,
            code,
            f"{_CLAUSE} section 3.3.6",
            parameter,
            unit,
            "F-factor from the ultimate analysis of the fuel",
            (*needs, GCV_MASS),
            (divisor(parameter, text, " ".join(need.symbol for need in needs)),),
            ONE_PLACE,
            note="The coefficients await confirmation against the regulation.",
        )


EQUATIONS = (
    *_mass(),
    *_by_heat_input(),
    *_diluent(),
    *_heat_input(),
    *_apportioned(),
    *_factors(),
)
