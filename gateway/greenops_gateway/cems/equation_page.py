"""docs/equations.md: every equation with its clause, inputs, arithmetic and rounding, as it is computed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from greenops_gateway.cems.equation import EQUATIONS
from greenops_gateway.cems.formula import Equation, Need
from greenops_gateway.cems.fuel import F_FACTORS, MOISTURE
from greenops_gateway.cems.gas import EPA_K, MOLAR_MASS
from greenops_gateway.cems.working import Input

INTRODUCTION = """\
A stack plan names for each parameter the equation that computes it:

```yaml
computed: {HI: F-18, NOXR: F-5, NOX: F-24A, CO2: G-4}
```

A name is the code of the regulation. Where a code serves several parameters, the one that is meant follows from the
parameter; in full it is written behind the code: `F-2 CO2`, `19-1 HCLRH`. What is listed here is what is computed: the
arithmetic below is read by the program itself, and `--explain` tells it again with the numbers of an hour.

Arithmetic is decimal with 28 digits. Inputs are averages that are rounded already; the result is rounded once, half
away from zero, at the end. Rates are per hour of operation: the mass of an hour is the rate times the operating time.
An input that cannot be (20.9 % of oxygen below a fraction line, no carbon dioxide, nothing but water) leaves no result,
and the reason names it.

An input marked *each* is given for each fuel, unit or stack, with its name behind a dot: `HI.gas`, `HI.oil`; a time may
be given once for all of them. `sum(...)` adds over them. *wet*, *dry*: the basis on which the analyser must measure;
*same*: all such inputs on one basis.
"""

NOTES = """\
## Where EPA's check program differs

The regulation is followed. EPA's own program leaves the 20.9 out of Equation 19-5 for NOx, takes ambient moisture in
19-2 as 0.027 always (here the default), and raises a heat input below 1.0 mmBtu/h to 1.0 (here one not above zero).

## What awaits confirmation

From memory, not read in the regulation: the coefficients of F-7A and F-7B; the constants of CO and of particulate; the
oxygen cap of 40 CFR 60.4350(b); section numbers below the appendices.
"""


def page() -> str:
    """The whole page, without the line that says who wrote it."""
    parts = ["# Equations\n", INTRODUCTION]
    for regulation, equations in _grouped(EQUATIONS.values(), _regulation).items():
        parts += [f"## {regulation}\n", *_table(("equation", "gives", "from", "arithmetic", "rounding", "clause"))]
        parts += [_row(_cells(alike)) for alike in _grouped(equations, lambda each: each.code + each.says).values()]
        parts.append("")
    parts += [*_constants(), *_fuels(), NOTES]
    return "\n".join(parts)


def _grouped(equations: Iterable[Equation], key: Callable[[Equation], str]) -> dict[str, list[Equation]]:
    groups: dict[str, list[Equation]] = {}
    for each in equations:
        groups.setdefault(key(each), []).append(each)
    return groups


def _regulation(equation: Equation) -> str:
    return re.split(r" section |, paragraph |; ", equation.source)[0]


def _cells(alike: Sequence[Equation]) -> tuple[str, ...]:
    """One row for equations that differ in the pollutant only."""
    first = alike[0]
    told = f"<br>{first.says}{f'.<br>{first.note}' if first.note else ''}"
    return (
        _lines(f"**{each.name}**" for each in alike) + told,
        _lines(f"`{each.parameter}` in {each.unit}" for each in alike),
        _lines(
            [
                *(_need(need) for each in alike for need in each.needs),
                *(_constant(constant) for each in alike for constant in each.constants),
            ]
        ),
        _lines(f"`{line.name} = {line.text}`" for each in alike for line in each.lines),
        _lines(str(each.rounding).removeprefix("rounded half up to ") for each in alike),
        first.source,
    )


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(dict.fromkeys(texts))


def _need(need: Need) -> str:
    marks = ", ".join(mark for mark in (need.basis, "each" if need.each else "") if mark)
    default = f", default {need.default}" if need.default is not None else ""
    return f"`{need.symbol}` {need.unit}{default}{f' (*{marks}*)' if marks else ''}"


def _constant(constant: Input) -> str:
    return f"`{constant.symbol}` = {constant.value} {constant.unit}"


def _constants() -> Sequence[str]:
    rows = [(gas, str(mass), str(EPA_K.get(gas, ""))) for gas, mass in MOLAR_MASS.items()]
    return ["## Gases\n", *_table(("gas", "g/mol", "EPA's K, (lb/scf)/ppm")), *map(_row, rows), ""]


def _fuels() -> Sequence[str]:
    rows = []
    for fuel, factors in F_FACTORS.items():
        low, high = MOISTURE.get(fuel, ("", ""))
        rows.append([fuel, str(factors.fd), str(factors.fc), str(factors.fw or ""), str(low), str(high)])
    head = ("fuel", "Fd, dscf/mmBtu", "Fc, scf/mmBtu", "Fw, wscf/mmBtu", "moisture, % (low)", "moisture, % (high)")
    told = "The high default moisture is for the rates 19-3, 19-3D, 19-4 and 19-8; the low one for everything else.\n"
    return ["## Fuels\n", told, *_table(head), *map(_row, rows), ""]


def _table(head: Sequence[str]) -> list[str]:
    return [_row(head), "|".join(["", *("---" for _ in head), ""])]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
