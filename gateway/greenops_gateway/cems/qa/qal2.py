"""QAL2 of EN 14181: the calibration function of an automated measuring system, its variability, its valid range.

All of it awaits confirmation against the standard's text, but for the number of pairs and of days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean
from greenops_gateway.cems.qa.result import Result, significant
from greenops_gateway.cems.working import Input, Working

LEAST_PAIRS, LEAST_DAYS = 15, 3
WIDE_ENOUGH = Decimal("0.15")
"""Of the limit value: a spread of reference values from which on a slope can be fitted. Awaits confirmation."""
RANGE_BEYOND, RANGE_LEAST = Decimal("1.10"), Decimal("0.20")
"""The valid range ends 10 % above the greatest calibrated value, and not below 20 % of the limit value. Awaits
confirmation."""
COVERAGE = Decimal("1.96")

_FROM_THREE = """
0.8326 0.8881 0.9161 0.9329 0.9441 0.9521 0.9581 0.9628 0.9665 0.9696 0.9721 0.9743 0.9761 0.9777 0.9791 0.9803 0.9814
0.9824 0.9833 0.9841 0.9848 0.9855 0.9861 0.9866 0.9872 0.9876 0.9881 0.9885
"""
KV: Mapping[int, Decimal] = {pairs: Decimal(value) for pairs, value in enumerate(_FROM_THREE.split(), start=3)}
"""kv by number of pairs: the square root of the median of chi-squared over its N - 1 degrees of freedom, recomputed;
kv(15) = 0.9761 is that of the standard, the last digit of the others awaits confirmation."""
KV_BEYOND = Decimal(1)
"""For more than 30 pairs: no narrower test than with an infinity of them. Awaits confirmation."""
_ROUNDED = "to 6 significant digits"


class Pair(NamedTuple):
    """A parallel measurement: the *signal* of the system, and the *reference* value at the system's conditions.

    Times *standardised* both are at the conditions of the limit value; *day* tells days apart.
    """

    signal: Decimal
    reference: Decimal
    day: int = 0
    standardised: Decimal = Decimal(1)


class Line(NamedTuple):
    """y = *offset* + *slope* * x, exact."""

    offset: Decimal
    slope: Decimal

    @in_decimals
    def at(self, pair: Pair) -> Decimal:
        """The calibrated value of the pair's signal, at the conditions of the limit value."""
        return (self.offset + self.slope * pair.signal) * pair.standardised


class Calibration(NamedTuple):
    """A calibration function by *procedure* (a or b); the valid range begins at zero and ends at *valid_until*."""

    procedure: str
    line: Line
    slope: Working
    offset: Working
    valid_until: Working
    result: Result


@in_decimals
def calibration(pairs: Sequence[Pair], limit: Decimal, zero: Decimal = Decimal(0)) -> Calibration:
    """The calibration function from parallel measurements; *limit* is the daily limit value, *zero* the signal at zero.

    With a spread of at least 15 % of the limit it is fitted (procedure a), else it runs through zero and the mean (b).
    INVALID with fewer than 15 pairs, or days than 3.

    Raises:
        ValueError: there are no pairs, or the signals allow no line.
    """
    signal, reference = mean(pair.signal for pair in pairs), mean(pair.reference for pair in pairs)
    standard = [pair.reference * pair.standardised for pair in pairs]
    spread = max(standard) - min(standard)
    means: tuple[Input, ...] = (Input("xm", signal), Input("ym", reference), Input("n", Decimal(len(pairs))))
    words = f"ymax - ymin = {spread}, {'at least' if spread >= WIDE_ENOUGH * limit else 'below'} 15 % of {limit}"
    if spread >= WIDE_ENOUGH * limit:
        procedure, equation = "a", "b = sum((x - xm)(y - ym)) / sum((x - xm)^2)"
        count = len(pairs)
        across = mean((pair.signal - signal) * (pair.reference - reference) for pair in pairs) * count
        along = mean((pair.signal - signal) ** 2 for pair in pairs) * count
        if not along:
            raise ValueError("every signal is the same; no line can be fitted")
        slope, offset_equation = across / along, "a = ym - b * xm"
        offset = reference - slope * signal
    else:
        procedure, equation = "b", "b = ym / (xm - Z)"
        means = (*means, Input("Z", zero))
        if signal == zero:
            raise ValueError("the mean signal is that at zero; no line can be drawn")
        slope, offset_equation = reference / (signal - zero), "a = -b * Z"
        offset = -slope * zero
    line = Line(offset, slope)
    is_enough = len(pairs) >= LEAST_PAIRS and len({pair.day for pair in pairs}) >= LEAST_DAYS
    return Calibration(
        procedure,
        line,
        _working(equation, means, (words,), slope),
        _working(offset_equation, (*means, Input("b", slope)), (), offset),
        _valid_range(pairs, line, limit),
        Result.PASSED if is_enough else Result.INVALID,
    )


def _valid_range(pairs: Sequence[Pair], line: Line, limit: Decimal) -> Working:
    most = max(line.at(pair) for pair in pairs)
    return _working(
        "max(1.10 * ymax, 0.20 * E)",
        (Input("ymax", most), Input("E", limit)),
        (),
        max(RANGE_BEYOND * most, RANGE_LEAST * limit),
    )


class Variability(NamedTuple):
    """*deviation* of the differences, against the *most* that is allowed; *exact_deviation* is not rounded."""

    deviation: Working
    exact_deviation: Decimal
    most: Working
    mean_difference: Decimal
    result: Result


@in_decimals
def variability(
    line: Line, pairs: Sequence[Pair], limit: Decimal, interval: Decimal, widened: Decimal = Decimal(1)
) -> Variability:
    """The variability test: sD <= sigma0 * kv, with sigma0 = P * E / 1.96; *interval* is P in % of *limit*.

    *widened* is 1, and 1.5 in the annual surveillance test.

    Raises:
        ValueError: there are fewer than three pairs.
    """
    if len(pairs) < min(KV):
        raise ValueError(f"{len(pairs)} pairs; a variability test takes at least {min(KV)}")
    differences = [pair.reference * pair.standardised - line.at(pair) for pair in pairs]
    difference = mean(differences)
    freedom = len(pairs) - 1
    deviation = (mean((each - difference) ** 2 for each in differences) * len(pairs) / freedom).sqrt()
    sigma = interval / 100 * limit / COVERAGE
    factor = KV.get(len(pairs), KV_BEYOND)
    most = widened * sigma * factor
    given = (Input("Dm", difference), Input("N", Decimal(len(pairs))))
    limits = (Input("E", limit), Input("P", interval, "%"), Input("kv", factor))
    words = "sigma0 * kv" if widened == 1 else f"{widened} * sigma0 * kv"
    return Variability(
        _working("sD = sqrt(sum((D - Dm)^2) / (N - 1))", given, (), deviation),
        deviation,
        _working(words, limits, (f"sigma0 = {sigma}",), most),
        difference,
        Result.PASSED if deviation <= most else Result.FAILED,
    )


def _working(equation: str, inputs: tuple[Input, ...], steps: tuple[str, ...], exact: Decimal) -> Working:
    return Working(equation, "EN 14181, QAL2", inputs, (*steps, f"{exact}"), _ROUNDED, significant(exact))


WEEK_SHARE, WEEKS, WEEK_AT_ONCE = Decimal(5), 5, Decimal(40)
"""A new QAL2 within six months: more than 5 % of a week's values outside the valid range in more than 5 weeks, or more
than 40 % in one. Awaits confirmation."""


@in_decimals
def needs_new_calibration(weeks: Sequence[tuple[int, int]]) -> bool:
    """Whether a new QAL2 is due, by each week's (values outside the valid range, values).

    >>> needs_new_calibration([(6, 100)] * 5), needs_new_calibration([(6, 100)] * 6), needs_new_calibration([(41, 100)])
    (False, True, True)
    """
    shares = [Decimal(outside) * 100 / count for outside, count in weeks if count]
    return sum(share > WEEK_SHARE for share in shares) > WEEKS or any(share > WEEK_AT_ONCE for share in shares)
