"""QAL3 of EN 14181: drift and precision between calibrations, by CUSUM or Shewhart chart, at zero and at span.

A chart's state is a tuple of numbers; it is kept between readings, and begins anew when the system is adjusted.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals
from greenops_gateway.cems.qa.result import significant
from greenops_gateway.cems.working import Input, Working

ZERO = Decimal(0)
DRIFT_LIMIT, DRIFT_SLACK = Decimal("2.85"), Decimal("0.501")
"""hx and kx, in standard deviations of the system; from a manufacturer's manual."""
PRECISION_LIMIT, PRECISION_SLACK = Decimal("6.90"), Decimal("1.85")
"""hs and ks, in variances of the system; from the same."""
ADJUSTMENT = Decimal("0.7")
"""Share of the estimated drift that is adjusted. Awaits confirmation, as do the sums."""
WARNING, ALARM = Decimal(2), Decimal(3)
"""Lines of a Shewhart chart, in standard deviations. Awaits confirmation."""
_ROUNDED = "to 6 significant digits"


class Cusum(NamedTuple):
    """What a CUSUM chart keeps: sums of drift up and down, and of precision; readings since a sum was zero."""

    up: Decimal = ZERO
    down: Decimal = ZERO
    precision: Decimal = ZERO
    since_up: int = 0
    since_down: int = 0
    last: Decimal | None = None


class CusumReading(NamedTuple):
    """The chart after a reading. *adjust_by*: what to add to the system's values, absent without drift.

    When *is_imprecise*, or after an adjustment, the next reading goes to a new chart: ``Cusum()``.
    """

    state: Cusum
    adjust_by: Decimal | None
    is_imprecise: bool
    workings: tuple[Working, Working, Working]


@in_decimals
def cusum(state: Cusum, reading: Decimal, reference: Decimal, deviation: Decimal) -> CusumReading:
    """Put a *reading* of a reference material on the chart; *deviation* is sAMS, all in one unit.

    Raises:
        ValueError: the deviation is not above zero.
    """
    if deviation <= 0:
        raise ValueError(f"the standard deviation of the system is above zero, not {deviation}")
    difference = reading - reference
    slack, limit = DRIFT_SLACK * deviation, DRIFT_LIMIT * deviation
    up, down = max(ZERO, state.up + difference - slack), max(ZERO, state.down - difference - slack)
    step = ZERO if state.last is None else (difference - state.last) ** 2 / 2 - PRECISION_SLACK * deviation**2
    precision = max(ZERO, state.precision + step)
    after = Cusum(up, down, precision, state.since_up + 1 if up else 0, state.since_down + 1 if down else 0, difference)
    adjust_by: Decimal | None = None
    if up > limit:
        adjust_by = -ADJUSTMENT * (slack + up / after.since_up)
    elif down > limit:
        adjust_by = ADJUSTMENT * (slack + down / after.since_down)
    given = (Input("reading", reading), Input("reference", reference), Input("s", deviation))
    drift = f"d = {difference}, kx = {slack}, hx = {limit}"
    spread = f"d = {difference}, before {state.last}, hs = {PRECISION_LIMIT * deviation**2}"
    return CusumReading(
        after,
        adjust_by,
        precision > PRECISION_LIMIT * deviation**2,
        (
            _working("up = max(0, up + d - kx)", (*given, Input("up", state.up)), drift, up),
            _working("down = max(0, down - d - kx)", (*given, Input("down", state.down)), drift, down),
            _working(
                "S = max(0, S + (d - before)^2 / 2 - ks)", (*given, Input("S", state.precision)), spread, precision
            ),
        ),
    )


class Line(Enum):
    """How far out a reading is on a Shewhart chart."""

    INSIDE = "inside"
    WARNING = "warning"
    ALARM = "alarm"


class Shewhart(NamedTuple):
    """What a Shewhart chart keeps: how many readings in a row were beyond the warning line, below zero on that side."""

    beyond: int = 0


class ShewhartReading(NamedTuple):
    """The chart after a reading."""

    state: Shewhart
    line: Line
    working: Working


@in_decimals
def shewhart(state: Shewhart, reading: Decimal, reference: Decimal, deviation: Decimal) -> ShewhartReading:
    """Put a *reading* of a reference material on the chart; *deviation* is sAMS, all in one unit.

    Raises:
        ValueError: the deviation is not above zero.
    """
    if deviation <= 0:
        raise ValueError(f"the standard deviation of the system is above zero, not {deviation}")
    difference = reading - reference
    share = difference / deviation
    line = Line.ALARM if abs(share) > ALARM else Line.WARNING if abs(share) > WARNING else Line.INSIDE
    side = 0 if line is Line.INSIDE else 1 if share > 0 else -1
    beyond = state.beyond + side if side * state.beyond > 0 else side
    given = (Input("reading", reading), Input("reference", reference), Input("s", deviation))
    working = _working("(reading - reference) / s", given, f"warning beyond {WARNING}, alarm beyond {ALARM}", share)
    return ShewhartReading(Shewhart(beyond), line, working)


def _working(equation: str, inputs: tuple[Input, ...], step: str, exact: Decimal) -> Working:
    return Working(equation, "EN 14181, QAL3", inputs, (step, f"{exact}"), _ROUNDED, significant(exact))
