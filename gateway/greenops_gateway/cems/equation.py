"""Every equation by its name, and how one is evaluated: inputs checked, lines computed, result rounded, all of it told.

A name is the code of the regulation (``F-5``). Where a code serves several parameters it stands for the first of them,
and the others add their own: ``F-2`` is SO2, ``F-2 CO2`` is CO2, ``19-1`` is NOXR, ``19-1 HCLRH`` is HCl.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from greenops_core.errors import nearest
from greenops_gateway.cems.clause import (
    appendix_d,
    appendix_f,
    appendix_g,
    eu_ets,
    mass_flow,
    mats,
    method_19,
    part_98,
    reference,
)
from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.formula import Equation, Kind, Line, Need, Values, arithmetic, labels
from greenops_gateway.cems.symbol import TIME
from greenops_gateway.cems.working import Input, Working

__all__ = ["EQUATIONS", "Equation", "EquationError", "Kind", "Need", "Result", "evaluate", "find", "solve"]


class EquationError(ValueError):
    """There is no meaningful result, because of the input *symbol* (or the name of the equation, then it is empty)."""

    def __init__(self, message: str, symbol: str = "") -> None:
        super().__init__(message)
        self.symbol = symbol


class Result(NamedTuple):
    """*working* has the rounded value; *exact* is what it was before, *method* the code of a value put in its place."""

    working: Working
    exact: Decimal
    method: str = ""


def _named(families: Iterable[Iterable[Equation]]) -> Mapping[str, Equation]:
    named: dict[str, Equation] = {}
    for family in families:
        for equation in family:
            if equation.name in named:
                raise ValueError(f"two equations are called {equation.name}")
            named[equation.name] = equation
    return MappingProxyType(named)


EQUATIONS: Mapping[str, Equation] = _named(
    family.EQUATIONS
    for family in (
        appendix_f,
        appendix_d,
        appendix_g,
        method_19,
        mats,
        mass_flow,
        reference,
        part_98,
        eu_ets,
    )
)


def find(parameter: str, code: str) -> Equation:
    """The equation that computes *parameter* and is called *code* by its regulation.

    >>> find("CO2", "F-2").name, find("SO2", "F-2").name
    ('F-2 CO2', 'F-2')

    Raises:
        EquationError: there is none; with those that there are for the parameter.
    """
    for name in (f"{code} {parameter}", code):
        if name in EQUATIONS and EQUATIONS[name].parameter == parameter:
            return EQUATIONS[name]
    known = [each.name for each in EQUATIONS.values() if each.parameter == parameter]
    if known:
        raise EquationError(f"no equation '{code}' computes {parameter}; these do: {', '.join(known)}")
    every = sorted({each.parameter for each in EQUATIONS.values()})
    raise EquationError(f"no equation computes '{parameter}'{nearest(parameter, every)}")


def evaluate(name: str, inputs: Mapping[str, Decimal]) -> Working:
    """The equation *name* of *inputs*, by symbol in the units of its needs; others are left alone.

    >>> inputs = {"NOXC": Decimal("21.4"), "O2C": Decimal("15.6"), "Fd": Decimal(8710)}
    >>> evaluate("F-5", inputs).value
    Decimal('0.088')

    Raises:
        EquationError: an input is absent, is nothing that can be, or leaves no meaningful result.
    """
    return solve(name, inputs).working


@in_decimals
def solve(name: str, inputs: Mapping[str, Decimal]) -> Result:
    """As ``evaluate``, with the unrounded result and the method of determination code of a value put in its place.

    Raises:
        EquationError: as ``evaluate``.
    """
    equation = EQUATIONS.get(name)
    if equation is None:
        raise EquationError(f"there is no equation '{name}'{nearest(name, EQUATIONS)}")
    parts = labels(inputs, {need.symbol for need in equation.needs if need.each})
    needed = ((need, symbol) for need in equation.needs for symbol in _symbols(need, parts, inputs))
    given = tuple(_input(equation, need, symbol, inputs) for need, symbol in needed) + equation.constants
    values = {each.symbol: each.value for each in given}
    steps = [_step(equation, line, values) for line in equation.lines]
    exact = values[equation.lines[-1].name]
    value, method = equation.rounding(exact), ""
    if equation.floor is not None and value <= 0:
        value, method = equation.floor
        because = f", method {method}" if method else ""
        steps.append(f"{equation.rounding(exact)} is not above zero: {value} stands in its place{because}")
    working = Working(equation.name, equation.source, given, tuple(steps), str(equation.rounding), value, equation.unit)
    return Result(working, exact, method)


def _symbols(need: Need, parts: Sequence[str], inputs: Values) -> Sequence[str]:
    """What is to be given for *need*: one, or one for each of *parts* (fuels, units or stacks).

    A time of operation may be given once for all parts; anything else would be counted several times.
    """
    if not need.each or not parts:
        return [need.symbol]
    each = [f"{need.symbol}.{part}" for part in parts]
    is_shared = need.unit == TIME and need.symbol in inputs and not any(symbol in inputs for symbol in each)
    return [need.symbol] if is_shared else each


def _input(equation: Equation, need: Need, symbol: str, inputs: Values) -> Input:
    value = inputs.get(symbol, need.default)
    if value is None:
        raise EquationError(f"{equation.name} needs {symbol} ({need.unit}, {need.kind.value}), which is absent", symbol)
    if value not in need.bounds:
        raise EquationError(f"{equation.name}: {symbol} is {value} {need.unit}; it must be {need.bounds}", symbol)
    return Input(symbol, value, need.unit)


def _step(equation: Equation, line: Line, values: dict[str, Decimal]) -> str:
    """Compute *line* into *values*; what was computed, in symbols, in numbers, and its value."""
    ready = arithmetic(line.text)
    value = ready.compute(values)
    told = f"{line.name} = {line.text} = {ready.with_numbers(values)} = {value}"
    if value not in line.bounds:
        given = ", ".join(f"{symbol} is {values[symbol]}" for symbol in line.blame.split() if symbol in values)
        raise EquationError(
            f"{equation.name}: {line.name} ({line.text}) is {value}, and must be {line.bounds}; {given}",
            line.blame.split()[0],
        )
    values[line.name] = value
    return told
