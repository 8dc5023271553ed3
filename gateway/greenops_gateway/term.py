"""What parts of an expression mean: their dimension, how they are computed, and which make no sense together."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from greenops_core.errors import ConfigError, nearest
from greenops_core.unit import (
    MOLE_FRACTION,
    PLAIN,
    POWER,
    PRESSURE,
    QUANTITIES,
    SHARE,
    TEMPERATURE,
    Dimension,
    Quantity,
    quantity_of,
)

HIGHEST_POWER = 9

Compute = Callable[[Sequence[float]], float]
"""The value in coherent SI units from those of the inputs."""

_ONE: Mapping[str, Callable[[float], float]] = {"abs": abs, "sqrt": math.sqrt}
_MANY: Mapping[str, Callable[[list[float]], float]] = {"min": min, "max": max}
FUNCTIONS = (*_ONE, *_MANY)
_BINARY: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an expression as it is written, its dimension, and how it is computed.

    *ratio* marks what is measured in ppm or %, *bare* a number written without a unit. *absolute* says of temperatures
    how often absolute zero is in it: a temperature is 1, a difference 0, and nothing says it of a product.
    """

    text: str
    dimension: Dimension
    compute: Compute
    ratio: bool = False
    bare: float | None = None
    absolute: float | None = 0.0

    def __str__(self) -> str:
        return f"'{self.text}' is {words(self.dimension)}"


def words(dimension: Dimension, known: Quantity | None = None) -> str:
    """A dimension as a person says it, by the name of the quantity that is *known* to have it.

    >>> words(Dimension(1, 0, -1)), words(Dimension(2, -6))
    ('mass flow (kg/s)', 'kg2/m6')
    """
    if dimension == PLAIN:
        return "a plain number"
    spelt = {PRESSURE.dimension: "Pa", POWER.dimension: "W"}.get(dimension, str(dimension))
    named = known or next((each for each in QUANTITIES if each.dimension == dimension), None)
    return f"{named.name} ({spelt})" if named else spelt


def number(text: str, digits: str, unit: str | None) -> Term:
    """A number, maybe with a unit.

    Raises:
        ConfigError: it is beyond all numbers, or nobody knows the unit.
    """
    value = float(digits)
    if not math.isfinite(value):
        raise ConfigError(f"{digits} is beyond all numbers")
    if unit is None:
        return Term(text, PLAIN, lambda _: value, bare=value)
    quantity = quantity_of(unit)
    coherent = quantity.coherent.to_base(quantity.units[unit].to_base(value))
    absolute = 1.0 if quantity is TEMPERATURE and unit != "K" else 0.0
    return Term(text, quantity.dimension, lambda _: coherent, _is_ratio(quantity), absolute=absolute)


def variable(name: str, index: int, quantity: Quantity) -> Term:
    """The input of that *index*."""
    absolute = 1.0 if quantity is TEMPERATURE else 0.0
    return Term(name, quantity.dimension, operator.itemgetter(index), _is_ratio(quantity), absolute=absolute)


def negated(text: str, of: Term) -> Term:
    compute = partial(_apply, operator.neg, of.compute)
    return Term(text, of.dimension, compute, of.ratio, _minus(of.bare), _minus(of.absolute))


def joined(text: str, sign: str, left: Term, right: Term) -> Term:
    """A sum, difference, product or quotient.

    Raises:
        ConfigError: unlike things are added or subtracted.
    """
    compute = partial(_join, _BINARY[sign], left.compute, right.compute)
    if sign in "+-":
        _check_alike("adding" if sign == "+" else "subtracting", left, right)
        turned = right.absolute if sign == "+" else _minus(right.absolute)
        absolute = None if left.absolute is None or turned is None else left.absolute + turned
        return Term(text, left.dimension, compute, left.ratio or right.ratio, absolute=absolute)
    turn = 1 if sign == "*" else -1
    dimension = Dimension(*(a + turn * b for a, b in zip(left.dimension, right.dimension, strict=True)))
    ratio = (left.ratio and right.bare is not None) or (sign == "*" and right.ratio and left.bare is not None)
    return Term(text, dimension, compute, ratio, absolute=_scaled(sign, left, right))


def raised(text: str, of: Term, exponent: int) -> Term:
    """A power to a whole number.

    Raises:
        ConfigError: the exponent is too high to mean anything.
    """
    if abs(exponent) > HIGHEST_POWER:
        raise ConfigError(f"power {exponent} in '{text}' is too high; the highest is {HIGHEST_POWER}")
    dimension = Dimension(*(power * exponent for power in of.dimension))
    compute = partial(_apply, lambda value: value**exponent, of.compute)
    return Term(text, dimension, compute, absolute=of.absolute if exponent == 1 else None)


def called(text: str, name: str, given: Sequence[Term]) -> Term:
    """A function of what is *given*, at least one term.

    Raises:
        ConfigError: there is no such function, or it does not take that.
    """
    if name not in FUNCTIONS:
        raise ConfigError(f"'{text}' calls {name}, which is no function{nearest(name, FUNCTIONS)}")
    first = given[0]
    if name in _ONE and len(given) > 1:
        raise ConfigError(f"{name}() in '{text}' takes one value, not {len(given)}")
    if name == "sqrt":
        if any(power % 2 for power in first.dimension):
            raise ConfigError(f"{first}, which has no square root")
        root = Dimension(*(power // 2 for power in first.dimension))
        return Term(text, root, partial(_apply, math.sqrt, first.compute), absolute=None)
    for other in given[1:]:
        _check_alike(f"{name}() compares", first, other)
    if name in _ONE:
        compute = partial(_apply, _ONE[name], first.compute)
        return Term(text, first.dimension, compute, first.ratio, absolute=first.absolute)
    gathered = partial(_gather, _MANY[name], [each.compute for each in given])
    absolute = first.absolute if len({each.absolute for each in given}) == 1 else None
    return Term(text, first.dimension, gathered, any(each.ratio for each in given), absolute=absolute)


def _check_alike(doing: str, one: Term, other: Term) -> None:
    if one.dimension != other.dimension:
        raise ConfigError(f"{doing} unlike things: {one}, {other}")
    for plain, ratio in ((one, other), (other, one)):
        if plain.bare is not None and abs(plain.bare) > 1 and ratio.ratio:
            raise ConfigError(
                f"{doing} {plain.text} and '{ratio.text}', a ratio where 5 % is 0.05; "
                f"write for example {plain.text}[%] or {plain.text}[ppm]"
            )


def _is_ratio(quantity: Quantity) -> bool:
    return quantity is SHARE or quantity is MOLE_FRACTION


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _scaled(sign: str, left: Term, right: Term) -> float | None:
    """How often absolute zero is in a product, when one factor is a number that can be seen."""
    if right.bare and left.absolute is not None:
        return left.absolute * right.bare if sign == "*" else left.absolute / right.bare
    if sign == "*" and left.bare is not None and right.absolute is not None:
        return left.bare * right.absolute
    return None


def _apply(function: Callable[[float], float], of: Compute, values: Sequence[float]) -> float:
    return function(of(values))


def _gather(function: Callable[[list[float]], float], of: Sequence[Compute], values: Sequence[float]) -> float:
    return function([each(values) for each in of])


def _join(function: Callable[[float, float], float], left: Compute, right: Compute, values: Sequence[float]) -> float:
    return function(left(values), right(values))
