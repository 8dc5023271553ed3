"""Units of regulations, and the decimal way back from the base unit in which a journal has a value. Pure.

A value was converted to its base unit when it came, in binary; back it goes in decimals, to fifteen digits: so many
of the device's own survive the way there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

from greenops_core.unit import CONCENTRATION, MASS_FLOW, POWER, VOLUME_FLOW, Quantity, quantity_of
from greenops_gateway.cems.decimals import ARITHMETIC, exact


class Source(NamedTuple):
    """Where readings come from: *point* is device/point; they are given in *unit*. *full_scale* is the analyser's."""

    point: str
    unit: str
    full_scale: Decimal | None = None


Sources = Mapping[str, Source]
"""By parameter, and OPERATING, LOAD and STARTUP."""

_DIGITS = Context(prec=15, rounding=ROUND_HALF_UP)
_CUBIC_FOOT = Decimal("0.028316846592")
"""In cubic metres."""
_POUND = Decimal("453.59237")
"""In grams."""
_BTU = Decimal("1055.05585262")
"""International Table, in joules."""

_HOUR = Decimal(3600)
_ONE = Decimal(1)

PERMIT_UNITS: Mapping[str, tuple[Quantity, Decimal, Decimal]] = {
    "scfh": (VOLUME_FLOW, _CUBIC_FOOT, _HOUR),
    "hscf/h": (VOLUME_FLOW, 100 * _CUBIC_FOOT, _HOUR),
    "lb/h": (MASS_FLOW, _POUND, _HOUR),
    "lb/hr": (MASS_FLOW, _POUND, _HOUR),
    "KLBHR": (MASS_FLOW, 1000 * _POUND, _HOUR),
    "MMBTUHR": (POWER, 1_000_000 * _BTU, _HOUR),
    "mg/scm": (CONCENTRATION, _ONE, _ONE),
    "ug/scm": (CONCENTRATION, _ONE, Decimal(1000)),
}
"""Units of regulations that no device is configured in: their quantity, and one of them in its base unit, as
factor and divisor.

A volume stays at the conditions at which its point states it: that is to be those of the parameter.
"""


def quantity(unit: str) -> Quantity:
    """What *unit*, one of a point or of a regulation, measures.

    Raises:
        ConfigError: nobody knows it.
    """
    return PERMIT_UNITS[unit][0] if unit in PERMIT_UNITS else quantity_of(unit)


def from_base(unit: str) -> Callable[[float], Decimal]:
    """The way from a value in the base unit to the decimal in *unit*.

    >>> from_base("%")(21.4 / 100), from_base("m3/h")(100 / 3600), from_base("ppm")(0.1 + 0.2)
    (Decimal('21.400'), Decimal('100.000000000000'), Decimal('0.30000000000000004'))

    Raises:
        ConfigError: nobody knows it.
    """
    if unit in PERMIT_UNITS:
        (_, factor, divisor), offset = PERMIT_UNITS[unit], Decimal(0)
    else:
        linear = quantity_of(unit).units[unit]
        factor, divisor, offset = exact(linear.factor), exact(linear.divisor), exact(linear.offset)
    if factor == divisor and not offset:
        return lambda base: Decimal(repr(base))

    if factor == 1 and not offset:
        return lambda base: _DIGITS.multiply(Decimal(repr(base)), divisor)

    def converted(base: float) -> Decimal:
        value = ARITHMETIC.subtract(Decimal(repr(base)), offset)
        return _DIGITS.plus(ARITHMETIC.divide(ARITHMETIC.multiply(value, divisor), factor))

    return converted
