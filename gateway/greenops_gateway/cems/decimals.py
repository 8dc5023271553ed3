"""Decimal arithmetic as regulations mean it: half up, and no binary fraction in between.

EPA rounds half away from zero on decimals; Python's ``round`` does neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ARITHMETIC = Context(prec=28, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])
"""What every result is computed in; the caller's own context has no say."""


def exact(value: float | str | Decimal) -> Decimal:
    """*value* as it is written: a binary fraction counts as the shortest decimal that reads back as the same.

    >>> exact(0.1), exact("21.40"), exact(3)
    (Decimal('0.1'), Decimal('21.40'), Decimal('3'))

    Raises:
        ValueError: it is no finite number.
    """
    try:
        number = value if isinstance(value, Decimal) else Decimal(value if isinstance(value, str) else repr(value))
    except InvalidOperation:
        raise ValueError(f"'{value}' is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value} is not a finite number")
    return number


def rounded(value: Decimal, places: int) -> Decimal:
    """*value* with *places* decimals, half away from zero; a zero has no sign.

    >>> rounded(Decimal("2.45"), 1), rounded(Decimal("-2.45"), 1), rounded(Decimal("-0.04"), 1)
    (Decimal('2.5'), Decimal('-2.5'), Decimal('0.0'))
    """
    result = value.quantize(Decimal(1).scaleb(-places), context=ARITHMETIC)
    return abs(result) if result.is_zero() else result


def to_nearest(value: Decimal, step: int) -> Decimal:
    """*value* to the nearest multiple of *step*, half away from zero.

    >>> to_nearest(Decimal("11782292"), 1000), to_nearest(Decimal(1500), 1000)
    (Decimal('11782000'), Decimal('2000'))
    """
    return rounded(ARITHMETIC.divide(value, Decimal(step)), 0) * step


def mean(values: Iterable[Decimal]) -> Decimal:
    """The arithmetic mean; the same in whatever order they come.

    >>> mean([Decimal(1), Decimal(2)])
    Decimal('1.5')

    Raises:
        ValueError: there are none.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values to average")
    with localcontext(ARITHMETIC):
        return sum(ordered, Decimal(0)) / len(ordered)


def in_decimals(function: Callable[P, T]) -> Callable[P, T]:
    """Have all that *function* does computed in ``ARITHMETIC``."""

    @wraps(function)
    def computed(*args: P.args, **kwargs: P.kwargs) -> T:
        with localcontext(ARITHMETIC):
            return function(*args, **kwargs)

    return computed
