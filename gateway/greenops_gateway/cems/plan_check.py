"""Whether a plan can be computed at all, before there is an hour: names, numbers, equations and what they need."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from greenops_core.errors import ConfigError, Mistakes, nearest
from greenops_gateway.cems.computing import CAPPABLE, TIMES, equation_of, needed, order
from greenops_gateway.cems.equation import Equation, EquationError, Kind, Need
from greenops_gateway.cems.hour import StandardTime
from greenops_gateway.cems.parameter import BIAS_ADJUSTED_RATES, MOST, PARAMETERS
from greenops_gateway.cems.plan import ParameterPlan, StackPlan
from greenops_gateway.cems.reading import LOAD
from greenops_telemetry.configuration import convert_all, schema

LEAST_INCREMENT, MOST_INCREMENT = Decimal("0.01"), Decimal("0.25")
"""Hours; 40 CFR 75.57(b)(2)."""
NO_BIAS, MOST_BIAS = Decimal(1), Decimal(10)
"""A bias adjustment factor never lowers a value (40 CFR 75 Appendix A, 7.6.5); above ten it is a typing mistake."""
_WRITTEN_AS = {"type": ["string", "number"], "examples": ["1.080", 8710]}


def plan_of(raw: object) -> StackPlan:
    """The plan that *raw*, as read from YAML, says.

    Raises:
        ConfigError: with the path to the offending key; ConfigErrors: several of them.
    """
    plan = convert_all(raw, StackPlan)
    check(plan)
    return plan


def check(plan: StackPlan) -> None:
    """That hours can be closed by *plan*.

    Raises:
        ConfigError: with the path from the plan to the key; ConfigErrors: several of them.
    """
    found = Mistakes()
    with found.within("standard_time"):
        _standard_time(plan.standard_time_)
    _check_numbers(plan, found)
    for name, own in plan.measured.items():
        with found.within("measured", name):
            _check_parameter(name, own)
    with found.within():
        _check_computed(plan)
    for key, code in plan.computed.items():
        with found.within("computed", key):
            _check_needs(plan, key, _equation(key, code))
    found.tell()


def plan_schema() -> dict[str, Any]:
    """JSON Schema of a plan, for editors: with the names that there are, and numbers as text or bare."""
    whole = schema(StackPlan)
    stack = whole["$defs"]["StackPlan"]["properties"]
    stack["measured"]["propertyNames"] = {"enum": list(PARAMETERS)}
    stack["bias_adjustment_factors"]["propertyNames"] = {"enum": sorted(BIAS_ADJUSTED_RATES)}
    stack["diluent_cap"]["propertyNames"] = {"enum": sorted(CAPPABLE)}
    with_bare_numbers(whole)
    return whole


def with_bare_numbers(part: Any) -> None:  # noqa: ANN401  # whatever a JSON Schema holds
    """Let each decimal in the JSON Schema *part* be written without quotes too."""
    match part:
        case {"format": "decimal"}:
            del part["format"]
            part.update(_WRITTEN_AS)
        case dict():
            for each in part.values():
                with_bare_numbers(each)
        case list():
            for each in part:
                with_bare_numbers(each)


def _standard_time(text: str) -> None:
    try:
        StandardTime.of(text)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _check_numbers(plan: StackPlan, found: Mistakes) -> None:
    """That numbers are such, and stand for something that has them."""
    if not plan.measured and not plan.computed:
        found.keep(ConfigError("nothing is measured and nothing computed; name at least one parameter", ("measured",)))
    for section, numbers, known in (
        ("constants", plan.constants, None),
        ("bias_adjustment_factors", plan.bias_adjustment_factors, BIAS_ADJUSTED_RATES),
        ("diluent_cap", plan.diluent_cap, CAPPABLE),
    ):
        for name, number in numbers.items():
            with found.within(section, name):
                _check_one(section, name, number, known)
    for name in plan.bias_adjustment_factors.keys() & BIAS_ADJUSTED_RATES.keys() - plan.computed.keys():
        found.keep(ConfigError(f"{name} is not computed here; add it to 'computed'", ("bias_adjustment_factors", name)))
    for name in sorted(plan.constants.keys() & (plan.measured.keys() | plan.computed.keys())):
        told = "measured" if name in plan.measured else "computed"
        found.keep(ConfigError(f"{name} is {told} here: the constant would never be taken", ("constants", name)))
    increment = plan.increment
    if not increment.is_finite() or not LEAST_INCREMENT <= increment <= MOST_INCREMENT or 1 % increment:
        message = (
            f"an hour is no whole number of {increment} h; write one from 0.01 to 0.25 that is, such as 0.01 or 0.25"
        )
        found.keep(ConfigError(message, ("increment",)))
    if plan.load is not None and not (plan.load.maximum.is_finite() and 0 < plan.load.maximum < MOST):
        found.keep(ConfigError(f"{plan.load.maximum} is no greatest load; it must be above 0", ("load", "maximum")))


def _check_one(section: str, name: str, number: Decimal, known: Iterable[str] | None) -> None:
    if known is not None and name not in known:
        raise ConfigError(f"'{name}' has none{nearest(name, known)}")
    if not number.is_finite() or not -MOST < number < MOST:
        raise ConfigError(f"{number} cannot be; it must be a number below {MOST:.0E}")
    if section == "bias_adjustment_factors":
        _check_factor(number)


def _check_factor(factor: Decimal) -> None:
    if not factor.is_finite() or not NO_BIAS <= factor <= MOST_BIAS:
        raise ConfigError(f"{factor} is no bias adjustment factor; it is from 1.000 to {MOST_BIAS}")


def _check_parameter(name: str, own: ParameterPlan) -> None:
    """Raises ConfigError, as do all below: with the path from the parameter."""
    if name not in PARAMETERS:
        raise ConfigError(f"there is no parameter '{name}'{nearest(name, PARAMETERS)}")
    found = Mistakes()
    for key in ("span", "full_scale", "maximum_potential"):
        number = getattr(own, key)
        if number is not None and not (number.is_finite() and 0 < number < MOST):
            found.keep(ConfigError(f"{number} cannot be; it must be a number above 0", (key,)))
    with found.within("bias_adjustment_factor"):
        _check_factor(own.bias_adjustment_factor)
        if own.bias_adjustment_factor != NO_BIAS and not PARAMETERS[name].bias:
            adjusted = ", ".join(each.name for each in PARAMETERS.values() if each.bias)
            raise ConfigError(f"{name} is not bias-adjusted; only these are: {adjusted}")
    if own.span is not None and own.full_scale is not None and own.full_scale < own.span:
        message = f"the range ends at {own.full_scale}, below the span of {own.span}; it must reach it"
        found.keep(ConfigError(message, ("full_scale",)))
    found.tell()


def _equation(key: str, code: str) -> Equation:
    try:
        return equation_of(key, code)
    except EquationError as error:
        raise ConfigError(str(error)) from None


def _check_computed(plan: StackPlan) -> None:
    for key in sorted(plan.computed.keys() & plan.measured.keys()):
        raise ConfigError(f"{key} is measured already; take it out of one of the two", ("computed", key))
    try:
        order(plan.computed)
    except EquationError as error:
        if error.symbol:  # else an equation is unknown, which is told where it stands
            raise ConfigError(str(error), ("computed", error.symbol)) from None


def _check_needs(plan: StackPlan, key: str, equation: Equation) -> None:
    """That everything *equation* needs is there, in its unit and on its basis."""
    there = {*plan.measured, *plan.computed, *plan.constants, *TIMES, *({LOAD} if plan.load is not None else ())}
    bases: dict[str, str] = {}
    for need in equation.needs:
        taken = needed(key, need, there)
        if not taken and need.default is None and need.kind is not Kind.FUEL:
            raise ConfigError(_lacking(plan, key, equation, need))
        for name in taken:
            if name in plan.measured:
                _check_fit(equation, need, name, plan.measured[name])
                bases[name] = plan.measured[name].basis
    same = {bases[name] for need in equation.needs if need.basis == "same" for name in needed(key, need, bases)}
    if len(same - {""}) > 1:
        told = ", ".join(f"{name} is {basis}" for name, basis in sorted(bases.items()))
        raise ConfigError(f"{equation.name} takes all on one basis, wet or dry; {told}")


def _lacking(plan: StackPlan, key: str, equation: Equation, need: Need) -> str:
    other = {Kind.MEASURED: "measured", Kind.COMPUTED: "computed", Kind.OPERATION: "load"}.get(need.kind, "constants")
    known = {name for name in (*plan.measured, *plan.computed, *plan.constants) if name != key}
    either = "" if other in {"constants", "load"} else " or to 'constants'"
    near = nearest(need.symbol, known)
    told = f"{equation.name} needs {need.symbol} ({need.unit}, {need.kind.value}); add it to '{other}'{either}"
    return told + (near if "did you mean" in near else "")


def _check_fit(equation: Equation, need: Need, name: str, own: ParameterPlan) -> None:
    unit = own.unit or PARAMETERS[name].unit if name in PARAMETERS else need.unit
    if unit != need.unit:
        raise ConfigError(f"{equation.name} takes {name} in {need.unit}; here it is in '{unit}'")
    if need.basis in {"wet", "dry"} and own.basis not in {"", need.basis}:
        raise ConfigError(f"{equation.name} takes {need.basis} {name}; here it is measured {own.basis}")
