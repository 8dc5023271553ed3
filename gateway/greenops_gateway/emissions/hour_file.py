"""A file of hours to compute: the plans of stacks, and what is known of each hour, as readings or as averages.

::

    stacks:
      - stack: unit-8
        standard_time: "-06:00"
        measured: {NOXC: {basis: dry}, O2C: {basis: dry}}
        constants: {Fd: 8710}
        computed: {NOXR: F-5}
    hours:
      - hour: 2021-11-06T00
        operating_time: 0.83
        averages: {NOXC: 21.4}
        readings: {O2C: [[0, 15.5], [900, 15.6], [1800, 15.7], [2700, null, calibration]]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from greenops_core.errors import ConfigError, Mistakes, nearest, within
from greenops_gateway.cems import hour as hours
from greenops_gateway.cems.closing import LOAD, OPERATING, STARTUP, Calibration, HourInputs, Reading, Status
from greenops_gateway.cems.computing import symbols
from greenops_gateway.cems.parameter import MOST
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.plan_check import check, plan_schema, with_bare_numbers
from greenops_gateway.cems.validity import SECONDS
from greenops_telemetry.configuration import Document, Section, convert_all, schema

_GIVEN: Mapping[str, str] = {"operating_time": OPERATING, "load": LOAD, "startup": STARTUP}
STATUSES: Mapping[str, Status] = {status.name.lower(): status for status in Status}
Second = Annotated[float, Meta(ge=0, lt=SECONDS, description="second of the hour")]


class Row(Section, frozen=True, array_like=True):
    """``[second, value]`` or ``[second, value, status]``; without a value, the status says why there is none."""

    second: Second
    value: Decimal | None
    status: str = "valid"


class Outcome(Section, frozen=True, array_like=True):
    """``[second, passed]``: a calibration that ended then."""

    second: Second
    passed: bool


class HourSection(Section, frozen=True, kw_only=True):
    """An hour of *stack*, which may be left out where there is one only.

    *averages* are made already, and may be fuel analyses and the like too; *readings* are by parameter, and of
    OPERATING, LOAD and STARTUP.
    """

    hour: str
    stack: str = ""
    operating_time: Decimal | None = None
    load: Decimal | None = None
    startup: bool | None = None
    averages: dict[str, Decimal] = msgspec.field(default_factory=dict)
    readings: dict[str, tuple[Row, ...]] = msgspec.field(default_factory=dict)
    calibrations: dict[str, tuple[Outcome, ...]] = msgspec.field(default_factory=dict)
    out_of_control: tuple[str, ...] = ()


class HourFile(Section, frozen=True, kw_only=True):
    """*stacks* and their *hours*."""

    stacks: Annotated[tuple[StackPlan, ...], Meta(min_length=1)]
    hours: tuple[HourSection, ...] = ()


class HoursFile(Section, frozen=True, kw_only=True):
    """*hours* alone, of stacks that stand elsewhere."""

    hours: Annotated[tuple[HourSection, ...], Meta(min_length=1)]


Asked = tuple[StackPlan, HourInputs]


def asked(config: Path, inputs: Path | None, stack: str | None) -> list[Asked]:
    """The hours of *stack* (of all, unless given) with their plans, from the file *config*, or *inputs* for the hours.

    *config* may be a gateway.yml with a section ``emissions``.

    Raises:
        ConfigError: with file and line; of several mistakes, all are told.
    """
    document = Document.read(config)
    beside = None if inputs is None else Document.read(inputs)
    try:
        plans, sections = _stacks(document.data)
    except ConfigError as error:
        raise document.located(error) from None
    if stack is not None and stack not in plans:
        raise ConfigError(f"--stack: there is no stack '{stack}' in {config}{nearest(stack, plans)}")
    try:
        if beside is not None:
            sections = convert_all(beside.data, HoursFile).hours
        found = list(_hours(sections, plans))
    except ConfigError as error:
        raise (beside or document).located(error) from None
    if not found:
        raise ConfigError(f"{config} names no hour; add 'hours', or give a file that has them with --inputs")
    return [(plan, each) for plan, each in found if stack is None or plan.stack == stack]


def file_schema() -> dict[str, Any]:
    """JSON Schema of a file of hours, for editors."""
    whole, plan = schema(HourFile), plan_schema()
    whole["$defs"].update(plan["$defs"])
    with_bare_numbers(whole)
    return whole


def _stacks(raw: object) -> tuple[dict[str, StackPlan], tuple[HourSection, ...]]:
    """Raises ConfigError: with the path to the key."""
    match raw:
        case {"emissions": {"stacks": stacks}}:
            with within("emissions"):
                file = convert_all({"stacks": stacks}, HourFile)
                return _plans(file.stacks), ()
        case {"site": _, "links": _}:
            raise ConfigError("there is no section 'emissions', which has the stacks; see docs/hours.md")
        case _:
            file = convert_all(raw, HourFile)
            return _plans(file.stacks), file.hours


def _plans(stacks: tuple[StackPlan, ...]) -> dict[str, StackPlan]:
    plans: dict[str, StackPlan] = {}
    mistakes = Mistakes()
    for index, plan in enumerate(stacks):
        with mistakes.within("stacks", index):
            check(plan)
            if plan.stack in plans:
                raise ConfigError(f"there are two stacks '{plan.stack}'", ("stack",))
            plans[plan.stack] = plan
    mistakes.tell()
    return plans


def _hours(sections: tuple[HourSection, ...], plans: Mapping[str, StackPlan]) -> Iterator[Asked]:
    mistakes = Mistakes()
    for index, section in enumerate(sections):
        with mistakes.within("hours", index):
            plan = _plan(section, plans)
            yield plan, _inputs(section, plan)
    mistakes.tell()


def _plan(section: HourSection, plans: Mapping[str, StackPlan]) -> StackPlan:
    if section.stack in plans:
        return plans[section.stack]
    if not section.stack and len(plans) == 1:
        return next(iter(plans.values()))
    told = f"there is no stack '{section.stack}'" if section.stack else "say of which stack, there are several"
    raise ConfigError(f"{told}{nearest(section.stack, plans)}", ("stack",))


def _inputs(section: HourSection, plan: StackPlan) -> HourInputs:
    """Raises ConfigError: with the path from the section."""
    try:
        hour = hours.read(section.hour)
    except ValueError as error:
        raise ConfigError(str(error), ("hour",)) from None
    begins = plan.standard_time.begins(hour)
    _check_names(section, plan)
    return HourInputs(
        hour,
        {name: _readings(name, rows, begins) for name, rows in section.readings.items()},
        frozenset(section.out_of_control),
        _given(section),
        {
            name: tuple(Calibration(begins + each.second, each.passed) for each in outcomes)
            for name, outcomes in section.calibrations.items()
        },
    )


def _given(section: HourSection) -> dict[str, Decimal]:
    startup = None if section.startup is None else Decimal(section.startup)
    told = {"operating_time": section.operating_time, "load": section.load, "startup": startup}
    numbers: dict[tuple[str, ...], Decimal] = {(key,): number for key, number in told.items() if number is not None}
    numbers |= {("averages", name): number for name, number in section.averages.items()}
    for path, number in numbers.items():
        if not number.is_finite() or not -MOST < number < MOST:
            raise ConfigError(f"{number} cannot be; it must be a number below {MOST:.0E}", path)
        if path == ("operating_time",) and not 0 <= number <= 1:
            raise ConfigError(f"{number} is no share of the hour; it is from 0 to 1", path)
    return {_GIVEN.get(path[0], path[-1]): number for path, number in numbers.items()}


def _check_names(section: HourSection, plan: StackPlan) -> None:
    """That what is given is of something that the plan measures or takes, or of the plant."""
    measured = set(plan.measured)
    states = {OPERATING: plan.operating, LOAD: plan.load, STARTUP: plan.startup}
    told = measured | {name for name, state in states.items() if state is not None}
    for key, named, known in (
        ("readings", section.readings, told),
        (
            "averages",
            {name: name for name in section.averages if name.partition(".")[0] not in symbols(plan)},
            measured,
        ),
        ("calibrations", section.calibrations, measured),
        ("out_of_control", section.out_of_control, measured),
    ):
        for name in named:
            if name not in known:
                path = (key,) if key == "out_of_control" else (key, name)
                raise ConfigError(f"stack '{plan.stack}' has no '{name}'{nearest(name, known)}", path)
    if section.load is not None and plan.load is None:
        raise ConfigError(f"stack '{plan.stack}' has no load; add it to its plan: load: {{maximum: 500}}", ("load",))


def _readings(name: str, rows: tuple[Row, ...], begins: int) -> tuple[Reading, ...]:
    found = []
    for index, row in enumerate(rows):
        with within("readings", name, index):
            status = STATUSES.get(row.status)
            if status is None:
                raise ConfigError(f"unknown status '{row.status}'{nearest(row.status, STATUSES)}")
            if row.value is None and status in {Status.VALID, Status.OVER_RANGE}:
                raise ConfigError(f"{row.status}, but without a value; give it, or another status, such as lost")
            if row.value is not None and not row.value.is_finite():
                raise ConfigError(f"{row.value} is not a finite number")
            found.append(Reading(begins + row.second, Decimal(0) if row.value is None else row.value, status))
    return tuple(found)
