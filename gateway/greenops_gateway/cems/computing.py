"""The rates and masses of an hour, each by its equation, in the order in which they need one another.

A parameter may be computed for each fuel: ``HI.gas`` by D-6, ``HI.oil`` by D-8, and ``HI`` by D-15A from those. An
input that one of them takes alone has its name behind a dot too: ``GCV.gas``, or ``H2O.NOXR`` for the NOx rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, rounded
from greenops_gateway.cems.equation import Equation, EquationError, Need, find, solve
from greenops_gateway.cems.operation import Operation
from greenops_gateway.cems.parameter import BIAS_ADJUSTED_RATES
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.reading import LOAD, STATES
from greenops_gateway.cems.record import Computed, Measured
from greenops_gateway.cems.validity import IDLE
from greenops_gateway.cems.working import Input, Working

HEAT_INPUT = "HI"
LEAST_HEAT_INPUT, LEAST_HEAT_METHOD = Decimal("1.0"), "26"
"""mmBtu/h of an operating hour whose heat input is not above zero (ECMPS emissions reporting instructions)."""

MATS_POLLUTANTS = ("SO2", "HCL", "HF", "HG", "PM")
RATE_UNITS = frozenset({"lb/mmBtu", "lb/TBtu"})
"""What has a diluent below the fraction line, which the diluent cap keeps from vanishing."""
CAPPED: Mapping[str, str] = {"19-3": "19-3D", "19-5": "19-5D"}
"""Equations that have a form of their own for the diluent cap; in the others the cap stands for the diluent."""
CAP_SYMBOL = "O2CAP"
CAPPED_METHOD = "14"
"""Of a diluent for which the diluent cap stood in a rate, and of that rate."""
CAPPABLE = frozenset({"O2C", "CO2C"})
"""The diluents; O2 has a greatest value in a rate, CO2 a least."""
TIMES = ("T", "TU", "TCS")
"""What equations call the operating time of the stack, unless a plan or an hour gives another."""

UNADJUSTED = frozenset({*BIAS_ADJUSTED_RATES, *(f"{each}{of}" for each in MATS_POLLUTANTS for of in ("RH", "RE"))})
"""What is computed from averages without bias adjustment: rates with an own factor, and those of 40 CFR 63 UUUUU."""


class Rates(NamedTuple):
    """*computed* by parameter; *capped* are the diluents for which the diluent cap stood in a rate."""

    computed: Mapping[str, Computed]
    workings: tuple[Working, ...]
    capped: frozenset[str]


class _Known(NamedTuple):
    """What equations can take, by name: *values*, some of them *unadjusted* too, and *why* others are absent."""

    values: dict[str, Decimal]
    unadjusted: dict[str, Decimal]
    why: dict[str, str]


def equation_of(key: str, code: str) -> Equation:
    """The equation *code* for the parameter of *key*, which may have a fuel behind a dot.

    Raises:
        EquationError: there is none.
    """
    return find(key.partition(".")[0], code)


def names(key: str, symbol: str) -> Iterator[str]:
    """Under which names the input *symbol* of what is computed as *key* may be given, its own one first.

    >>> list(names("HI.gas", "GCV")), list(names("NOXR", "H2O"))
    (['GCV.HI.gas', 'GCV.gas', 'GCV'], ['H2O.NOXR', 'H2O'])
    """
    yield f"{symbol}.{key}"
    _, dot, label = key.partition(".")
    if dot:
        yield f"{symbol}.{label}"
    yield symbol


def needed(key: str, need: Need, given: Iterable[str]) -> list[str]:
    """Which of *given* are taken for *need* by what is computed as *key*: one, or several where each fuel has one."""
    there = set(given) - {key}
    if need.each and (several := sorted(name for name in there if name.startswith(f"{need.symbol}."))):
        return several
    return next(([name] for name in names(key, need.symbol) if name in there), [])


def order(computed: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of *computed*, each after those that it needs.

    >>> order({"CO2": "G-4", "HI": "D-6"})
    ('HI', 'CO2')

    Raises:
        EquationError: an equation is unknown, or one needs its own result; its *symbol* is the key.
    """
    return _order(tuple(sorted(computed.items())))


@cache
def _order(items: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    computed = dict(items)
    found: dict[str, None] = {}

    def visit(key: str, above: tuple[str, ...]) -> None:
        if key in above:
            circle = " from ".join((*above[above.index(key) :], key))
            raise EquationError(f"{circle}: nothing can be computed from itself", key)
        for need in equation_of(key, computed[key]).needs:
            for other in needed(key, need, computed):
                visit(other, (*above, key))
        found.setdefault(key)

    for key in computed:
        visit(key, ())
    return tuple(found)


def symbols(plan: StackPlan) -> frozenset[str]:
    """What the equations of *plan* take, by symbol, without what is behind a dot.

    Raises:
        EquationError: an equation is unknown.
    """
    return frozenset(need.symbol for key, code in plan.computed.items() for need in equation_of(key, code).needs)


@in_decimals
def rates(
    plan: StackPlan, measured: Mapping[str, Measured], operation: Operation, given: Mapping[str, Decimal]
) -> Rates:
    """All that *plan* computes from *measured*; *given* are fuel analyses and the like of this hour, not constants."""
    known = _known(plan, measured, operation, given)
    computed: dict[str, Computed] = {}
    workings: list[Working] = []
    capped: set[str] = set()
    for key in order(plan.computed):
        equation = equation_of(key, plan.computed[key])
        if not operation.spans:
            computed[key] = Computed(key, None, equation.unit, equation.name, "", IDLE)
            continue
        try:
            said, equation, diluents, method = _worked(plan, key, equation, known, is_startup=operation.is_startup)
        except EquationError as error:
            known.why[key] = str(error)
            computed[key] = Computed(key, None, equation.unit, equation.name, "", str(error))
            continue
        capped |= diluents
        workings += said
        known.values[key] = said[-1].value
        computed[key] = Computed(
            key, said[-1].value, equation.unit, equation.name, said[-1].digest, "", said[0].value, method
        )
    return Rates(computed, tuple(workings), frozenset(capped))


def _known(
    plan: StackPlan, measured: Mapping[str, Measured], operation: Operation, given: Mapping[str, Decimal]
) -> _Known:
    known = _Known(dict.fromkeys(TIMES, operation.time), {}, {})
    if operation.load is not None:
        known.values[LOAD] = operation.load
    if "O2C" in plan.diluent_cap:
        known.values[CAP_SYMBOL] = plan.diluent_cap["O2C"]
    known.values.update(plan.constants)
    known.values.update({name: value for name, value in given.items() if name not in STATES})
    for name, average in measured.items():
        if average.value is None or average.unadjusted is None:
            known.why[name] = average.why
        else:
            known.values[name], known.unadjusted[name] = average.value, average.unadjusted
    return known


def _worked(
    plan: StackPlan, key: str, equation: Equation, known: _Known, *, is_startup: bool
) -> tuple[list[Working], Equation, set[str], str]:
    """The working of *key*, the equation that it is by, the diluents that were capped for it, and the method for that.

    Raises:
        EquationError: an input is absent, or leaves no meaningful result.
    """
    values = _inputs(key, equation, known)
    equation, values, notes = _capped(plan, key, equation, values, is_startup=is_startup)
    try:
        result = solve(equation.name, values)
        working = result.working._replace(steps=(*notes.values(), *result.working.steps))
        finished, method = _finished(plan, key, working, result.method)
        return finished, equation, set(notes), method or (CAPPED_METHOD if notes else "")
    except ArithmeticError:
        told = ", ".join(f"{name} is {value}" for name, value in values.items())
        raise EquationError(f"{equation.name} gives no number that can be: {told}") from None


def _inputs(key: str, equation: Equation, known: _Known) -> dict[str, Decimal]:
    """What *equation* takes, by its own symbols. Raises EquationError: one of them is absent, and why."""
    taken: dict[str, Decimal] = {}
    values = {**known.values, **known.unadjusted} if key in UNADJUSTED else known.values
    for need in equation.needs:
        for name in needed(key, need, [*values, *known.why]):
            if name in known.why:
                raise EquationError(f"{equation.name} needs {name}, which is absent: {known.why[name]}", name)
            taken[name if need.each else need.symbol] = values[name]
    return taken


def _capped(
    plan: StackPlan, key: str, equation: Equation, values: dict[str, Decimal], *, is_startup: bool
) -> tuple[Equation, dict[str, Decimal], dict[str, str]]:
    """In a rate of a startup hour, the diluent cap for what is beyond it; with a note for each such diluent."""
    notes: dict[str, str] = {}
    if not is_startup or equation.unit not in RATE_UNITS:
        return equation, values, notes
    for diluent, cap in plan.diluent_cap.items():
        value = values.get(diluent)
        if value is None or not (value > cap if diluent == "O2C" else value < cap):
            continue
        notes[diluent] = f"startup or shutdown: {diluent} is {value}, the diluent cap {cap} stands in its place"
        if equation.code in CAPPED:
            equation = equation_of(key, CAPPED[equation.code])
            values = {**values, CAP_SYMBOL: cap}
        else:
            values = {**values, diluent: cap}
    return equation, values, notes


def _finished(plan: StackPlan, key: str, working: Working, method: str) -> tuple[list[Working], str]:
    """*working*, with the least heat input in place of none, and followed by the bias adjustment where there is one."""
    if key == HEAT_INPUT and working.value <= 0 and not method:
        told = f"{working.value} is not above zero: {LEAST_HEAT_INPUT} stands in its place, method {LEAST_HEAT_METHOD}"
        working = working._replace(steps=(*working.steps, told), value=LEAST_HEAT_INPUT)
        method = LEAST_HEAT_METHOD
    factor = plan.bias_adjustment_factors.get(key)
    if factor is None:
        return [working], method
    places = BIAS_ADJUSTED_RATES[key]
    adjusted = working.value * factor
    return [
        working,
        Working(
            f"bias adjustment of {key}",
            "40 CFR 75 Appendix A, 7.6.5",
            (Input(key, working.value, working.unit), Input("BAF", factor)),
            (f"{key} * BAF = {working.value} * {factor} = {adjusted}",),
            f"rounded half up to {places} decimals",
            rounded(adjusted, places),
            working.unit,
        ),
    ], method
