"""Closing an hour: from its readings to averages, operating time, rates and masses; the same for any order of these."""

from __future__ import annotations

from greenops_gateway.cems.computing import CAPPED_METHOD, rates
from greenops_gateway.cems.hourly import measured
from greenops_gateway.cems.operation import operation
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.reading import LOAD, OPERATING, STARTUP, Calibration, HourInputs, Reading, Status
from greenops_gateway.cems.record import ClosedHour, Measured
from greenops_gateway.cems.working import Working

__all__ = ["LOAD", "OPERATING", "STARTUP", "Calibration", "HourInputs", "Reading", "Status", "close"]


def close(plan: StackPlan, inputs: HourInputs) -> tuple[ClosedHour, tuple[Working, ...]]:
    """The hour of *inputs* as *plan* makes it, and the working of each number in it, in the order of computation.

    *plan* is one that ``plan_check.check`` lets pass.
    """
    operated = operation(plan, inputs)
    averages: dict[str, Measured] = {}
    workings = list(operated.workings)
    for name in sorted(plan.measured):
        averages[name], working = measured(plan, name, inputs, operated)
        if working is not None:
            workings.append(working)
    found = rates(plan, averages, operated, inputs.given)
    for name in found.capped & averages.keys():
        averages[name] = averages[name]._replace(method=CAPPED_METHOD)
    closed = ClosedHour(
        inputs.hour, operated.time, operated.load, plan.fuel, operated.is_startup, averages, found.computed
    )
    return closed, (*workings, *found.workings)
