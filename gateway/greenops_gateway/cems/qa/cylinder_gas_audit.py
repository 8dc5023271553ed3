"""Cylinder gas audit of a gas monitor (40 CFR 60 Appendix F, 5.1.2): two gases, three readings each."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.qa.result import Result, places
from greenops_gateway.cems.working import Input, Working

MOST_PERCENT = Decimal(15)
MOST_PPM = Decimal(5)
"""A difference that is always good enough (Appendix F, 5.2.3). Awaits confirmation, as does ``MOST_PERCENT``."""
READINGS = 3
POINTS = ((Decimal(20), Decimal(30)), (Decimal(50), Decimal(60)))
"""Where the two gases lie, % of span."""
_SOURCE = "40 CFR 60 Appendix F, 6.2, equation 1-1; limits of 5.2.3"


class Audit(NamedTuple):
    """The accuracy at one audit point."""

    working: Working
    result: Result


@in_decimals
def accuracy(certified: Decimal, readings: Sequence[Decimal], *, is_ppm: bool = True) -> Audit:
    """Accuracy at one audit point in % of the certified value, to one decimal: passed within 15 % or 5 ppm.

    >>> accuracy(Decimal(100), [Decimal(110), Decimal(111), Decimal(112)]).working.value
    Decimal('11.0')

    Raises:
        ValueError: the certified value is not above zero, or there are no readings.
    """
    if certified <= 0:
        raise ValueError(f"a cylinder's certified value is above zero, not {certified}")
    monitor = mean(readings)
    share = (monitor - certified) / certified * 100
    working = Working(
        "A = (Cm - Ca) / Ca * 100",
        _SOURCE,
        (Input("Ca", certified), *(Input(f"Cm{number}", each) for number, each in enumerate(readings, 1))),
        (f"Cm = {monitor}", f"({monitor} - {certified}) / {certified} * 100 = {share}"),
        places(1),
        rounded(share, 1),
        "%",
    )
    if len(readings) != READINGS:
        return Audit(working, Result.INVALID)
    if abs(working.value) <= MOST_PERCENT:
        return Audit(working, Result.PASSED)
    is_near = is_ppm and abs(monitor - certified) <= MOST_PPM
    return Audit(working, Result.PASSAPS if is_near else Result.FAILED)


@in_decimals
def point_fits(point: int, span: Decimal, certified: Decimal) -> bool:
    """Whether a gas may serve as audit point 1 or 2 on a monitor of *span*."""
    least, most = POINTS[point - 1]
    return least <= certified / span * 100 <= most


def audit_of_quarter(done: Sequence[str]) -> str:
    """What a quarter needs after the audits *done* in the three before: ``RATA`` once in four, else ``CGA``.

    >>> audit_of_quarter(["CGA", "CGA", "CGA"]), audit_of_quarter(["CGA", "RATA", "CGA"])
    ('RATA', 'CGA')
    """
    return "CGA" if "RATA" in done[-3:] else "RATA"
