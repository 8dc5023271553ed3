"""Linearity check of a gas monitor: three injections at each of three levels (40 CFR 75 Appendix A, 3.2, 6.2, 7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.qa.calibration import Component
from greenops_gateway.cems.qa.result import Result, places
from greenops_gateway.cems.working import Input, Working

INJECTIONS = 3
LEVELS = ("LOW", "MID", "HIGH")
GRACE_HOURS = 168
"""Unit operating hours after the end of a quarter in which a missed check may be made up (Appendix B, 2.2.4)."""
QUARTER_HOURS = 168
"""Unit operating hours that make a quarter one in which a check is due (Appendix B, 2.2.1)."""
EXEMPT_SPAN = Decimal(30)
"""SO2 and NOx ranges with a span up to so many ppm need no linearity check (Appendix A, 6.2). Awaits confirmation."""


class Specification(NamedTuple):
    """At most *percent* of the reference, or a difference of at most *difference* in *unit*."""

    percent: Decimal
    difference: Decimal
    unit: str


SPECIFICATIONS: Mapping[Component, Specification] = {
    Component.POLLUTANT: Specification(Decimal("5.0"), Decimal("5.0"), "ppm"),
    Component.DILUENT: Specification(Decimal("5.0"), Decimal("0.5"), "% volume"),
    Component.MERCURY: Specification(Decimal("10.0"), Decimal("0.8"), "ug/scm"),
}


class LinearityError(NamedTuple):
    """The error at one level; *is_alternative*: it is the difference of the means, in its own unit."""

    working: Working
    result: Result
    is_alternative: bool


@in_decimals
def linearity_error(
    component: Component,
    injections: Sequence[tuple[Decimal, Decimal]],
    *,
    is_alternative: bool = False,
) -> LinearityError:
    """The error at one gas level from pairs of reference and measured value, to one decimal (equation A-4).

    Means are kept to three decimals, as they are reported. Beyond the limit, and where the operator claims it
    (*is_alternative*), the error is the difference of the means, if the alternative specification is met.

    Raises:
        ValueError: there are no injections, the component has no linearity check, or the mean reference is not above 0.
    """
    if component not in SPECIFICATIONS:
        raise ValueError(f"there is no linearity check of {component.value}")
    specification = SPECIFICATIONS[component]
    reference = rounded(mean(each for each, _ in injections), 3)
    measured = rounded(mean(each for _, each in injections), 3)
    if reference <= 0:
        raise ValueError(f"the mean reference value is above zero, not {reference}")
    inputs = tuple(
        Input(f"{symbol}{number}", value)
        for number, pair in enumerate(injections, 1)
        for symbol, value in zip("RA", pair, strict=True)
    )
    means = f"means to 3 decimals: R = {reference}, A = {measured}"
    share = abs(reference - measured) / reference * 100
    working = Working(
        "LE = |R - A| / R * 100",
        "equation A-4; 40 CFR 75 Appendix A, 3.2",
        inputs,
        (means, f"|{reference} - {measured}| / {reference} * 100 = {share}"),
        places(1),
        rounded(share, 1),
        "%",
    )
    is_within = rounded(abs(reference - measured), 1) <= specification.difference
    is_beyond = working.value > specification.percent
    is_other = is_alternative or (is_beyond and is_within)
    if is_other:
        difference = abs(reference - measured)
        working = working._replace(
            equation="LE = |R - A|",
            steps=(means, f"|{reference} - {measured}| = {difference}"),
            value=rounded(difference, 1),
            unit=specification.unit,
        )
    return LinearityError(working, _result(len(injections), is_beyond, is_within, is_other), is_other)


def _result(count: int, is_beyond: bool, is_within: bool, is_other: bool) -> Result:  # noqa: FBT001  # private
    if count != INJECTIONS:
        return Result.INVALID
    if is_other:
        return Result.PASSAPS if is_within else Result.FAILED
    return Result.FAILED if is_beyond else Result.PASSED


def alternates(levels: Sequence[str]) -> bool:
    """Whether no gas came twice in a row (Appendix A, 6.2).

    >>> alternates(["LOW", "MID", "HIGH", "LOW"]), alternates(["LOW", "LOW", "MID"])
    (True, False)
    """
    return all(one != other for one, other in pairwise(levels))


def is_due(operating_hours: int, span: Decimal, component: Component) -> bool:
    """Whether a quarter with so many unit operating hours needs a check of this range."""
    is_exempt = component is Component.POLLUTANT and span <= EXEMPT_SPAN
    return operating_hours >= QUARTER_HOURS and not is_exempt
