"""The average of a measured parameter over an hour: which points count, whether it is valid, how it is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean
from greenops_gateway.cems.operation import Operation
from greenops_gateway.cems.parameter import MOST, PARAMETERS, Parameter
from greenops_gateway.cems.plan import ParameterPlan, StackPlan
from greenops_gateway.cems.reading import Calibration, HourInputs, Reading, Status, fingerprint, foremost, in_order
from greenops_gateway.cems.record import Measured
from greenops_gateway.cems.validity import IDLE, RULES, SECONDS, lack, part_of
from greenops_gateway.cems.working import Input, Working

NEGATIVE, EXCEEDED = "21", "20"
"""Methods of determination: a negative average counts as 0; beyond full scale, 200 % of the range."""
DOUBLE = 2
"""What an exceeded range counts as, in ranges, for the whole hour (40 CFR 75 Appendix A, 2.1.1.5, 2.1.2.5, 2.1.4.3).
That one reading beyond full scale suffices, and that the bias adjustment factor applies to it, awaits confirmation."""
TESTS = frozenset({Status.CALIBRATION, Status.MAINTENANCE})
"""What makes an hour one with a test, in which two points may do."""


class Points(NamedTuple):
    """Of the readings of an hour while the plant operated: what is *usable*, and the statuses of the *others*."""

    usable: list[Reading]
    others: frozenset[Status]
    is_exceeded: bool


class _Mean(NamedTuple):
    exact: Decimal
    method: str
    points: int
    steps: tuple[str, ...]
    source: str


@in_decimals
def measured(plan: StackPlan, name: str, inputs: HourInputs, operation: Operation) -> tuple[Measured, Working | None]:
    """The average of the parameter *name*, with its working; absent, with the reason, when it is not valid."""
    own, parameter = plan.measured[name], PARAMETERS[name]
    if not operation.spans:
        return _absent(name, IDLE)
    if name in inputs.out_of_control:
        return _absent(name, "the analyser is out of control")
    if name in inputs.given:
        return _from_hand(own, parameter, inputs.given[name])
    return _from_readings(plan, name, inputs, operation)


def _from_hand(own: ParameterPlan, parameter: Parameter, exact: Decimal) -> tuple[Measured, Working | None]:
    if not -MOST < exact < MOST:
        return _absent(parameter.name, f"{exact:.3E} cannot be")
    told = f"given: {exact} {own.unit or parameter.unit}"
    return _written(own, parameter, _Mean(exact, own.method, 0, (told,), "given by hand"))


def _from_readings(
    plan: StackPlan, name: str, inputs: HourInputs, operation: Operation
) -> tuple[Measured, Working | None]:
    own, parameter, rule = plan.measured[name], PARAMETERS[name], RULES[plan.validity]
    parts = rule.divided(plan.first_level)
    operating = operation.parts(parts)
    begins = plan.standard_time.begins(inputs.hour)
    calibrations = inputs.calibrations.get(name, ())
    recovered = _recovered(calibrations, begins)
    if recovered is None:
        return _absent(name, "a calibration failed, and none passed after it in this hour")
    points = _points(own, parameter, inputs.readings.get(name, ()), begins, (parts, operating, recovered))
    is_tested = bool(calibrations) or not TESTS.isdisjoint(points.others)
    seconds = [reading.at - begins for reading in points.usable]
    if missing := lack(rule, parts, operating, seconds, is_tested=is_tested):
        return _absent(name, f"{missing}: {foremost(points.others).value}", len(seconds))
    return _averaged(own, parameter, points, rule.source)


def _absent(name: str, why: str, points: int = 0) -> tuple[Measured, None]:
    return Measured(name, None, None, "", why, points), None


def _recovered(calibrations: Iterable[Calibration], begins: int) -> float | None:
    """From which second of the hour on points count: after the calibration that passed after the last that failed.

    40 CFR 60.13(h)(2)(iv); 40 CFR 75 Appendix B, 2.1.4. Absent when none passed after it in the hour.
    """
    within = sorted((each.at - begins, each.passed) for each in calibrations if 0 <= each.at - begins < SECONDS)
    failed = max((at for at, passed in within if not passed), default=None)
    if failed is None:
        return 0.0
    return min((at for at, passed in within if passed and at > failed), default=None)


def _points(
    own: ParameterPlan,
    parameter: Parameter,
    readings: Sequence[Reading],
    begins: int,
    counting: tuple[int, Collection[int], float],
) -> Points:
    """*counting* is of how many parts of the hour which ones count, and from which second on."""
    parts, operating, since = counting
    limit = own.full_scale
    good = {Status.VALID, Status.OVER_RANGE} if parameter.doubled and limit is not None else {Status.VALID}
    is_whole = len(operating) == parts
    usable: list[Reading] = []
    others: set[Status] = set()
    is_exceeded = False
    for reading in in_order(readings):
        at, value, status = reading
        second = at - begins
        if not 0 <= second < SECONDS or not (is_whole or part_of(second, parts) in operating):
            continue
        if limit is not None and value >= limit and status is Status.VALID:
            status = Status.OVER_RANGE
        if second < since:
            others.add(Status.CALIBRATION)
        elif not -MOST < value < MOST:
            others.add(Status.FAULT)
        elif status in good:
            usable.append(reading)
            is_exceeded = is_exceeded or status is Status.OVER_RANGE
        else:
            others.add(status)
    return Points(usable, frozenset(others), is_exceeded)


def _averaged(own: ParameterPlan, parameter: Parameter, points: Points, source: str) -> tuple[Measured, Working]:
    many = len(points.usable)
    told = f"{many} points, SHA-256 {fingerprint(points.usable)}"
    if points.is_exceeded and own.full_scale is not None:
        exact = DOUBLE * own.full_scale
        exceeded = f"full scale was exceeded: {DOUBLE} * {own.full_scale} = {exact} (method {EXCEEDED})"
        return _written(own, parameter, _Mean(exact, EXCEEDED, many, (told, exceeded), source))
    exact = mean([reading.value for reading in points.usable])
    average = f"their arithmetic mean is {exact}"
    return _written(own, parameter, _Mean(exact, own.method, many, (told, average), source))


def _written(own: ParameterPlan, parameter: Parameter, found: _Mean) -> tuple[Measured, Working]:
    """The mean rounded, then bias-adjusted, then rounded again."""
    unit, factor = own.unit or parameter.unit, own.bias_adjustment_factor
    places = parameter.places if own.decimals is None and unit != parameter.unit else own.decimals
    exact, method, steps = found.exact, found.method, found.steps
    if exact < 0:
        exact, method, steps = Decimal(0), NEGATIVE, (*steps, f"negative: it counts as 0 (method {NEGATIVE})")
    unadjusted = value = parameter.written(exact, places)
    inputs: tuple[Input, ...] = ()
    rounding = parameter.rounding(places)
    if parameter.bias:
        value = parameter.written(unadjusted * factor, places)
        inputs = (Input("BAF", factor),)
        steps = (*steps, f"{unadjusted} * BAF = {unadjusted} * {factor} = {unadjusted * factor}")
        rounding += " before and after bias adjustment"
    name = f"hourly average of {parameter.name}"
    return (
        Measured(parameter.name, value, unadjusted, method, "", found.points, unit),
        Working(name, found.source, inputs, steps, rounding, value, unit),
    )
