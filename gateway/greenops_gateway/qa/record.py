"""``greenops-gateway qa record``: a daily calibration into the audit log, where closing hours finds it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from greenops_core.errors import ConfigError, nearest, within
from greenops_gateway.cems.decimals import exact
from greenops_gateway.cems.hour import Hour, written
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.qa.calibration import (
    CalibrationError,
    Component,
    Tier,
    calibration_error,
    calibration_result,
)
from greenops_gateway.cems.qa.result import Result
from greenops_gateway.emissions import words
from greenops_gateway.emissions.calibrations import ACTION, minute
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.journal.audit import login
from greenops_telemetry.audit import Audit, Kind, timestamp

Say = Callable[[str], None]

_COMPONENTS: Mapping[str, Component] = {
    "SO2C": Component.POLLUTANT,
    "NOXC": Component.POLLUTANT,
    "CO2C": Component.DILUENT,
    "O2C": Component.DILUENT,
    "O2D": Component.DILUENT,
    "O2W": Component.DILUENT,
    "FLOW": Component.FLOW,
    "HGC": Component.MERCURY,
}
"""What has a limit for its daily calibration error."""


class _Level(NamedTuple):
    """An injection, and its error."""

    reference: Decimal
    measured: Decimal
    error: CalibrationError

    def told(self) -> dict[str, str]:
        working = self.error.working
        return {
            "reference": str(self.reference),
            "measured": str(self.measured),
            "error": str(working.value),
            "unit": working.unit,
            "result": self.error.result.value,
        }


def record(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code: 1 when the calibration did not pass.

    Raises:
        ConfigError: it cannot be recorded; nothing was.
    """
    place = words.where(given.config, None)
    plan = _plan(place, given.stack)
    if given.parameter not in plan.measured:
        told = f"'{plan.stack}' does not measure '{given.parameter}'{nearest(given.parameter, plan.measured)}"
        raise ConfigError(told, ("--parameter",))
    levels = {name: _level(plan, given, name) for name in ("zero", "upscale") if getattr(given, name) is not None}
    if not levels and not given.aborted:
        raise ConfigError("say --zero and --upscale, each with the reference and what was measured, or --aborted")
    results = {name: level.error.result for name, level in levels.items()}
    result = calibration_result(results.get("zero"), results.get("upscale"), is_aborted=given.aborted)
    at = _at(given.at, plan)
    what: dict[str, object] = {
        "action": ACTION,
        "stack": plan.stack,
        "parameter": given.parameter,
        "at": timestamp(at),
        "result": result.value,
        "online": not given.offline,
        "levels": {name: level.told() for name, level in levels.items()},
        "reason": given.why,
    }
    if not given.dry_run:
        Audit.open(place.journal / "audit").append(Kind.ACTION, given.who or login(), what)
    if given.json:
        say(json.dumps(what))
    else:
        for name, level in levels.items():
            say(f"{name}: {level.error.result.value}\n{level.error.working.told()}")
        say(f"{given.parameter} of {plan.stack} at {given.at}: {result.value}{', not recorded' * given.dry_run}")
        hour = plan.standard_time.hour(at)
        if not given.dry_run and Ledger(place.ledger, plan.stack).place(hour) is not None:
            say(_revise(plan.stack, hour, given.at))
    return 0 if result.is_passed or result is Result.INC else 1


def _plan(place: words.Where, stack: str | None) -> StackPlan:
    plans = {plan.stack: plan for plan in place.section.stacks} if place.section else {}
    if stack is None and len(plans) == 1:
        return next(iter(plans.values()))
    if stack is None or stack not in plans:
        told = "say which" if stack is None else f"there is no stack '{stack}'{nearest(stack, plans)}"
        raise ConfigError(f"{told}; the configuration has {', '.join(plans)}", ("--stack",))
    return plans[stack]


def _level(plan: StackPlan, given: argparse.Namespace, name: str) -> _Level:
    component = _COMPONENTS.get(given.parameter)
    if component is None:
        told = f"no daily limit is known for {given.parameter}; there is one for {', '.join(_COMPONENTS)}"
        raise ConfigError(told, ("--parameter",))
    span = plan.measured[given.parameter].span
    try:
        reference, measured = (exact(text) for text in getattr(given, name))
        scale = exact(given.span) if given.span is not None else span
        if scale is None:
            raise ConfigError(f"the plan of {plan.stack} has no span of {given.parameter}; say --span")
        error = calibration_error(
            component, scale, reference, measured, Tier.DAILY, is_differential_pressure=given.differential_pressure
        )
    except ValueError as error_:
        raise ConfigError(str(error_), (f"--{name}",)) from None
    return _Level(reference, measured, error)


def _at(text: str, plan: StackPlan) -> float:
    with within("--at"):
        try:
            at = minute(text, plan.standard_time)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        if at > time.time():
            raise ConfigError(f"{text} has not come yet; it is local standard time ({plan.standard_time})")
    return at


def _revise(stack: str, hour: Hour, at: str) -> str:
    return (
        f"{written(hour)} is closed already. To judge it and what follows once more:\n"
        f'  greenops-gateway hours recompute --stack {stack} --since {written(hour)} --revise "calibration of {at}"'
    )
