"""A quarter of a stack, closed and substituted by the gateway's own code, to make ECMPS files from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from greenops_gateway.cems.closing import LOAD, OPERATING, STARTUP, HourInputs, close
from greenops_gateway.cems.hour import Hour, civil, quarter
from greenops_gateway.cems.plan import Above, Load, ParameterPlan, StackPlan
from greenops_gateway.cems.record import ClosedHour, Reported
from greenops_gateway.cems.substitution.part75 import series, substitute
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_gateway.regulatory.ecmps.daily_test import Cylinder, DailyCalibration, Injection
from greenops_gateway.regulatory.ecmps.emissions import quarter_file
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan, FormulaPlan

YEAR, NUMBER = 2026, 2
HOURS = quarter(YEAR, NUMBER)
BAF = Decimal("1.052")

STACK = StackPlan(
    stack="stack-1",
    standard_time_="-06:00",
    measured={
        "SO2C": ParameterPlan(span=Decimal(500), bias_adjustment_factor=BAF, system="SO1", component="S11"),
        "NOXC": ParameterPlan(span=Decimal(500), system="NX1", component="N11"),
        "CO2C": ParameterPlan(span=Decimal(20), system="CO1", component="C11"),
        "FLOW": ParameterPlan(bias_adjustment_factor=Decimal("1.010"), system="FL1", component="F11"),
    },
    operating=Above(),
    startup=Above(),
    load=Load(unit="MW", maximum=Decimal(550)),
    fuel="coal",
    constants={"Fc": Decimal(1800)},
    computed={"SO2": "F-1", "CO2": "F-11", "HI": "F-15", "NOXR": "19-7", "NOX": "F-24A"},
    bias_adjustment_factors={"NOXR": Decimal("1.034")},
)
PLAN = EcmpsPlan(
    stack="stack-1",
    oris_code=54,
    stack_pipe_id="CS1",
    formulas={
        "SO2": FormulaPlan(formula="F01"),
        "CO2": FormulaPlan(formula="F02"),
        "HI": FormulaPlan(formula="F03"),
        "NOXR": FormulaPlan(formula="F04", system="NX1"),
        "NOX": FormulaPlan(formula="F05"),
    },
    fuels={"coal": "C"},
)
SUBSTITUTION = (
    SubstitutionPlan(parameter="SO2C", certified_="2026-01-01T00", potential=Decimal(800)),
    SubstitutionPlan(parameter="CO2C", certified_="2026-01-01T00", potential=Decimal("14.0")),
    SubstitutionPlan(parameter="FLOW", certified_="2026-01-01T00", potential=Decimal(99000000)),
    SubstitutionPlan(parameter="NOXR", certified_="2026-01-01T00", potential=Decimal("1.200")),
)
OUTAGE = range(HOURS[0] + 300, HOURS[0] + 372)
"""No operation."""
GAPS: Mapping[str, range] = {
    "SO2C": range(HOURS[0] + 900, HOURS[0] + 905),
    "FLOW": range(HOURS[0] + 1000, HOURS[0] + 1003),
    "NOXC": range(HOURS[0] + 1200, HOURS[0] + 1202),
}
STARTUPS = range(OUTAGE[-1] + 1, OUTAGE[-1] + 5)


class Made(NamedTuple):
    """What a file is made from."""

    hours: tuple[ClosedHour, ...]
    reported: tuple[Reported, ...]
    tests: tuple[DailyCalibration, ...]


@cache
def made() -> Made:
    """The second quarter of 2026 with an outage, a startup and gaps."""
    hours = tuple(close(STACK, inputs(Hour(hour)))[0] for hour in HOURS)
    return Made(hours, tuple(substitutes(hours)), tuple(calibrations()))


@cache
def few() -> Made:
    """The same where the unit only operates around what happens: as quick to look at as it is short."""
    whole = made()
    times = (HOURS[:40], OUTAGE, STARTUPS, *(range(gap[0] - 3, gap[-1] + 4) for gap in GAPS.values()))
    busy = {hour for each in times for hour in each}
    hours = tuple(closed if closed.hour in busy else _off(closed.hour) for closed in whole.hours)
    return Made(hours, tuple(each for each in whole.reported if each.hour in busy), whole.tests[:4])


def _off(hour: Hour) -> ClosedHour:
    return ClosedHour(hour, Decimal("0.00"), None, "", False, {}, {})


def file_of(parts: Made) -> dict[str, Any]:
    """The file that *parts* make."""
    return quarter_file(PLAN, STACK, YEAR, NUMBER, parts.hours, reported=parts.reported, tests=parts.tests)


def inputs(hour: Hour) -> HourInputs:
    """Averages that swing with the day, each in its own pace."""
    step = Decimal(hour - HOURS[0])
    load = 300 + 200 * (step % 24 - 12) / 12
    given = {
        OPERATING: Decimal(0) if hour in OUTAGE else Decimal("0.50") if hour in STARTUPS else Decimal(1),
        STARTUP: Decimal(hour in STARTUPS),
        LOAD: load,
        "SO2C": 200 + 10 * (step % 7),
        "NOXC": 180 + 5 * (step % 11),
        "CO2C": 11 + (step % 10) / 10,
        "FLOW": 60000000 + 40000 * load,
    }
    for name, gap in GAPS.items():
        if hour in gap:
            del given[name]
    return HourInputs(hour, given=given)


def substitutes(hours: Sequence[ClosedHour]) -> list[Reported]:
    """The reported plane of *hours*."""
    load = STACK.load
    assert load is not None
    return [
        reported
        for plan in SUBSTITUTION
        for reported in substitute(plan, series(plan, hours, maximum_load=load.maximum))
    ]


def calibrations() -> list[DailyCalibration]:
    """One of each analyser at six o'clock of each day."""
    found = []
    for hour in HOURS:
        if civil(Hour(hour))[1] != 6:
            continue
        for component, zero, upscale in (("S11", "0.5", "451.2"), ("N11", "-0.3", "248.9")):
            low = Injection(Hour(hour), 5, Decimal("0.0"), Decimal(zero), Decimal("0.1"))
            high = Injection(Hour(hour), 12, Decimal("450.0"), Decimal(upscale), Decimal("0.2"))
            cylinder = Cylinder("SO2,BALN", "CC4711", "B12026", date(2030, 1, 31))
            found.append(DailyCalibration(component, "H", "PASSED", True, "HIGH", low, high, cylinder))
    return found
