"""Cycle time: minutes from a switch of gas until the monitor shows 95 % of the step (40 CFR 75 Appendix A, 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.qa.result import Result
from greenops_gateway.cems.working import Input, Working

MOST_MINUTES = Decimal(15)
SHARE = Decimal("0.95")
"""Of the step from one stable value to the other. Awaits confirmation, as does that a begun minute counts whole."""
_SOURCE = "40 CFR 75 Appendix A, 6.4 and 3.5"


class CycleTime(NamedTuple):
    """Whole minutes of a step, or of the slower of two."""

    working: Working
    result: Result


@in_decimals
def step_time(start: Decimal, end: Decimal, readings: Sequence[tuple[Decimal, Decimal]]) -> CycleTime:
    """How long the step from *start* to *end* took, by readings (minutes since the switch, value) in order of time.

    It is over at the reading from which on all are beyond 95 % of it. A begun minute counts as a whole one.

    >>> readings = [(Decimal(1), Decimal(50)), (Decimal("2.5"), Decimal(96)), (Decimal(3), Decimal(99))]
    >>> step_time(Decimal(0), Decimal(100), readings).working.value
    Decimal('3')

    Raises:
        ValueError: there is no step, or 95 % of it was never reached to stay.
    """
    if start == end:
        raise ValueError(f"there is no step from {start} to {end}")
    target = start + SHARE * (end - start)
    is_rising = end > start
    reached: Decimal | None = None
    for minutes, value in readings:
        is_there = value >= target if is_rising else value <= target
        reached = (minutes if reached is None else reached) if is_there else None
    if reached is None:
        raise ValueError(f"95 % of the step, {target}, was never reached to stay")
    working = Working(
        "minutes from the switch of gas to 95 % of the step",
        _SOURCE,
        (Input("start", start), Input("end", end)),
        (f"95 % of the step: {target}", f"reached to stay after {reached} min"),
        "a begun minute counts whole",
        reached.to_integral_value(ROUND_CEILING),
        "min",
    )
    return CycleTime(working, Result.PASSED if working.value <= MOST_MINUTES else Result.FAILED)


def cycle_time(upscale: CycleTime, downscale: CycleTime) -> CycleTime:
    """The cycle time of a monitor: the slower of both directions."""
    return max(upscale, downscale, key=lambda each: each.working.value)
