"""A year of a stack, hour by hour, the same each time: gaps, calibrations that fail, outages, startups, a RATA."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from greenops_gateway.cems.closing import close
from greenops_gateway.cems.hour import Hour, quarter
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.plan_check import plan_of
from greenops_gateway.cems.qa.bias import bias_adjustment_factor
from greenops_gateway.cems.qa.rata import Run, System, relative_accuracy
from greenops_gateway.cems.qa.result import Result
from greenops_gateway.cems.qa.state import CalibrationEvent, out_of_control
from greenops_gateway.cems.reading import LOAD, OPERATING, STARTUP, Calibration, HourInputs, Reading, Status
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_gateway.cems.working import Working
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan, FormulaPlan

YEAR = 2026
HOURS = range(quarter(YEAR, 1)[0], quarter(YEAR, 4)[-1] + 1)
FIRST = HOURS.start


def _ids(system: str, component: str) -> dict[str, str]:
    return {"system": system, "component": component}


_RAW: dict[str, Any] = {
    "stack": "stack-1",
    "standard_time": "-06:00",
    "measured": {
        "SO2C": {"span": 400, "full_scale": 500, "maximum_potential": 400, "basis": "wet", **_ids("SO1", "S11")},
        "NOXC": {"span": 300, "full_scale": 400, "maximum_potential": 300, "basis": "wet", **_ids("NX1", "N11")},
        "CO2C": {"span": 20, "full_scale": 20, "basis": "wet", **_ids("CO1", "C11")},
        "FLOW": {"maximum_potential": 24_000_000, **_ids("FL1", "F11")},
    },
    "operating": {"above": 0},
    "startup": {"above": 0},
    "load": {"unit": "MW", "maximum": 250},
    "fuel": "coal",
    "constants": {"Fc": 1800},
    "computed": {"SO2": "F-1", "CO2": "F-11", "HI": "F-15", "NOXR": "19-7", "NOX": "F-24A"},
}
LEVELS = {"SO2C": 210.0, "NOXC": 150.0, "CO2C": 10.8, "FLOW": 15_400_000.0}
MINUTES = (4, 19, 34, 49)
GAPS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "SO2C": ((300, 1), (900, 5), (1500, 30), (4000, 200), (7000, 3)),
    "NOXC": ((320, 4), (3000, 7), (5000, 40)),
    "CO2C": ((2500, 6), (6000, 20)),
    "FLOW": ((350, 2), (2600, 12), (5200, 30)),
}
"""From which hour of the year on, and for how many."""
OUTAGES = ((1440, 170), (4800, 71))
STARTUP_HOURS = 4
CALIBRATED = ("SO2C", "NOXC", "CO2C")
CALIBRATED_AT = 6
FAILS = {("SO2C", 100), ("NOXC", 221)}
"""Which analyser fails its calibration on which day; it passes seven hours later."""
REPAIRED_AFTER = 7
RATA_AT = 90 * 24
RATA = tuple(
    Run(Decimal(monitor), Decimal(reference), is_used)
    for monitor, reference, is_used in (
        ("201.4", "208.9", True),
        ("203.2", "209.6", True),
        ("199.8", "206.3", True),
        ("204.7", "212.2", True),
        ("202.0", "208.8", True),
        ("198.9", "206.9", True),
        ("203.5", "210.1", True),
        ("230.1", "209.9", False),
        ("200.6", "207.9", True),
        ("202.8", "209.5", True),
    )
)
SUBSTITUTION = tuple(
    msgspec.convert({"parameter": name, "certified": "2026-01-01T00", "potential": potential}, SubstitutionPlan)
    for name, potential in (("SO2C", 400), ("NOXR", "0.9"), ("CO2C", 14), ("FLOW", 24_000_000))
)
ECMPS = EcmpsPlan(
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


class Year(NamedTuple):
    """*plans* are those before and after the RATA."""

    plans: tuple[StackPlan, StackPlan]
    bias: Working
    events: Mapping[str, tuple[CalibrationEvent, ...]]
    hours: list[ClosedHour]


def factor() -> Working:
    """What the RATA of the year gives."""
    return bias_adjustment_factor(relative_accuracy(RATA), System.SO2, is_low_emitter_capped=False)


def plans() -> tuple[StackPlan, StackPlan]:
    """Before and after the RATA."""
    before = plan_of(_RAW)
    measured = {name: {**each} for name, each in _RAW["measured"].items()}
    measured["SO2C"]["bias_adjustment_factor"] = str(factor().value)
    return before, plan_of({**_RAW, "measured": measured})


def events() -> dict[str, tuple[CalibrationEvent, ...]]:
    """A calibration a day, on days on which the unit runs at that time."""
    found: dict[str, list[CalibrationEvent]] = {name: [] for name in CALIBRATED}
    for name, made in found.items():
        for day in range(len(HOURS) // 24):
            hour = day * 24 + CALIBRATED_AT
            if _is_off(hour):
                continue
            fails = (name, day) in FAILS
            made.append(CalibrationEvent(Hour(FIRST + hour), Result.FAILED if fails else Result.PASSED, 30))
            if fails:
                made.append(CalibrationEvent(Hour(FIRST + hour + REPAIRED_AFTER), Result.PASSED, 15))
    return {name: tuple(made) for name, made in found.items()}


def inputs(shuffled: random.Random | None = None, of: range = HOURS) -> Iterator[HourInputs]:
    """What each hour is closed from; the readings in another order when they are *shuffled*."""
    known = events()
    bad = {name: out_of_control(some, lambda hour: not _is_off(hour - FIRST), HOURS) for name, some in known.items()}
    begins = plans()[0].standard_time.begins
    tested: dict[int, dict[str, tuple[Calibration, ...]]] = {}
    for name, calibrations in known.items():
        for event in calibrations:
            at = begins(event.hour) + 60.0 * event.minute
            tested.setdefault(event.hour, {})[name] = (Calibration(at, event.result is Result.PASSED),)
    for hour in of:
        readings = _readings(hour - FIRST, float(begins(Hour(hour))))
        if shuffled is not None:
            for some in readings.values():
                shuffled.shuffle(some)
        out = frozenset(name for name in bad if hour in bad[name])
        yield HourInputs(Hour(hour), readings, out, {}, tested.get(hour, {}))


def year() -> Year:
    """All of it, closed."""
    both, done = plans(), []
    for each in inputs():
        closed, _ = close(both[each.hour - FIRST >= RATA_AT], each)
        done.append(closed)
    return Year(both, factor(), events(), done)


def _readings(hour: int, begins: float) -> dict[str, list[Reading]]:
    off, since = _is_off(hour), _since_outage(hour)
    swing = 1 + 0.25 * math.sin(hour / 11) * math.cos(hour / 190)
    runs = [(0.0, 0 if off or since == 0 else 1), *([(1800.0, 1)] if since == 0 and not off else [])]
    starting = since is not None and since < STARTUP_HOURS and not off
    found = {
        OPERATING: [Reading(begins + second, Decimal(state)) for second, state in runs],
        STARTUP: [Reading(begins, Decimal(int(starting)))],
        LOAD: [Reading(begins + 60 * minute, _decimal(180 * swing, 0)) for minute in MINUTES],
    }
    for name, level in LEVELS.items():
        lost = any(start <= hour < start + length for start, length in GAPS[name])
        tested = name in CALIBRATED and hour % 24 == CALIBRATED_AT
        found[name] = [
            Reading(
                begins + 60 * minute,
                _decimal(level * swing * (1 + ((hour * 7 + minute * 13) % 17 - 8) / 400), 0 if name == "FLOW" else 2),
                Status.LOST if lost else Status.CALIBRATION if tested and 15 <= minute < 45 else Status.VALID,
            )
            for minute in MINUTES
        ]
    return found


def _is_off(hour: int) -> bool:
    return any(start <= hour < start + length for start, length in OUTAGES)


def _since_outage(hour: int) -> int | None:
    """Hours since the end of the last outage."""
    ended = [start + length for start, length in OUTAGES if hour >= start + length]
    return hour - ended[-1] if ended else None


def _decimal(value: float, places: int) -> Decimal:
    return Decimal(f"{value:.{places}f}")
