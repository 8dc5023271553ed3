"""A stack that burns coal, and readings of one of its hours, for tests of how an hour is closed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from greenops_gateway.cems.hour import read
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.plan_check import plan_of
from greenops_gateway.cems.reading import Reading, Status

HOUR = read("2026-03-08T02")
"""An hour that daylight saving leaves out; local standard time does not."""
COAL: dict[str, Any] = {
    "stack": "stack-1",
    "standard_time": "-06:00",
    "measured": {
        "SO2C": {"basis": "wet", "full_scale": 500, "bias_adjustment_factor": "1.111"},
        "NOXC": {"basis": "wet", "full_scale": 400, "bias_adjustment_factor": "1.050"},
        "CO2C": {"basis": "wet", "full_scale": 20},
        "FLOW": {"full_scale": 40000000, "bias_adjustment_factor": "1.021"},
    },
    "operating": {"above": 5},
    "startup": {"above": "0.5"},
    "load": {"maximum": 500},
    "fuel": "bituminous",
    "constants": {"Fc": 1800},
    "computed": {"NOX": "F-24A", "NOXR": "19-7", "HI": "F-15", "SO2": "F-1", "CO2": "F-11"},
    "bias_adjustment_factors": {"NOXR": "1.080"},
    "diluent_cap": {"CO2C": "5.0"},
}
BEGINS = plan_of(COAL).standard_time.begins(HOUR)
Values = Sequence[tuple[float, str] | tuple[float, str, Status]]


def plan(**change: Any) -> StackPlan:  # noqa: ANN401  # sections as YAML gives them
    return plan_of({**COAL, **change})


def readings(*values: tuple[float, str] | tuple[float, str, Status]) -> tuple[Reading, ...]:
    """Second of the hour, value, and what it is unless it is valid."""
    return tuple(Reading(BEGINS + value[0], Decimal(value[1]), *value[2:]) for value in values)


def each_quarter(value: str) -> tuple[Reading, ...]:
    return readings((0, value), (900, value), (1800, value), (2700, value))
