"""The section ``emissions:`` of gateway.yml: the stacks of which hours are closed, from which points.

::

    emissions:
      stacks:
        - stack: stack-1
          standard_time: "-06:00"
          measured:
            SO2C: {point: analyser-1/so2, span: 500, full_scale: 500, maximum_potential: 400}
            FLOW: {point: flow-1/flow, full_scale: 20000000}
          operating: {point: boiler-1/fuel, above: 0}
          computed: {SO2: F-1}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, Mistakes, nearest
from greenops_gateway.cems.limit_unit import times
from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.reading import LOAD, OPERATING, STARTUP
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_gateway.emissions.unit import Source, Sources, quantity
from greenops_gateway.limit import Limit
from greenops_gateway.point import Owner, Point
from greenops_telemetry.configuration import Section, lasting

BESIDE = "hours"
"""The ledger's folder in that of the journal, unless it is given."""
LONGEST_GRACE = Duration(86400)

Path_ = tuple[str | int, ...]


class Emissions(Section, frozen=True, kw_only=True):
    """*stacks* whose hours are closed *grace* after their end, into the ledger in *directory* (beside the journal).

    *substitution* is how missing data of a stack is reported, by its name; it never reaches a limit or an alert.
    """

    stacks: Annotated[tuple[StackPlan, ...], Meta(min_length=1)]
    directory: Annotated[str, Meta(min_length=1)] | None = None
    grace: Duration = lasting("5m")
    substitution: dict[str, tuple[SubstitutionPlan, ...]] = msgspec.field(default_factory=dict)

    def place(self, journal: Path) -> Path:
        """Where the ledger lies, when the journal lies in *journal*."""
        return Path(self.directory) if self.directory else journal / BESIDE

    def check(self, devices: Mapping[str, Owner]) -> None:
        """That the plans fit the points of *devices*, and those of what is derived.

        Raises:
            ConfigError: with the path from here; ConfigErrors: several.
        """
        from greenops_gateway.cems.plan_check import check  # noqa: PLC0415  # all equations, where there is a plan

        mistakes, seen = Mistakes(), dict[str, int]()
        with mistakes.within():
            if self.grace > LONGEST_GRACE:
                raise ConfigError(
                    f"{self.grace} is too long; late samples revise an hour, so write at most {LONGEST_GRACE}",
                    ("grace",),
                )
        for index, plan in enumerate(self.stacks):
            first = seen.setdefault(plan.stack, index)
            with mistakes.within("stacks", index):
                if first != index:
                    raise ConfigError(f"'{plan.stack}' is already the stack of stacks[{first}]", ("stack",))
                if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", plan.stack):
                    raise ConfigError(f"'{plan.stack}' is no name: letters, digits, _ . -", ("stack",))
            with mistakes.within("stacks", index):
                check(plan)
            for path, name, point in _points(plan):
                with mistakes.within("stacks", index, *path):
                    _source(plan, name, point, devices)
        plans = {plan.stack: plan for plan in self.stacks}
        for stack, some in self.substitution.items():
            for index, each in enumerate(some):
                with mistakes.within("substitution", stack):
                    if stack not in plans:
                        raise ConfigError(f"there is no stack '{stack}'{nearest(stack, plans)}")
                    known = [*plans[stack].measured, *plans[stack].computed]
                    if each.parameter not in known:
                        message = f"stack '{stack}' has no parameter '{each.parameter}'{nearest(each.parameter, known)}"
                        raise ConfigError(message, (index, "parameter"))
        mistakes.tell()

    def check_limits(self, limits: Iterable[Limit]) -> None:
        """That what *limits* judge by closed hours is in the plans, in their unit.

        Raises:
            ConfigError: with the path from ``limits``; ConfigErrors: several.
        """
        mistakes, plans = Mistakes(), {plan.stack: plan for plan in self.stacks}
        for index, limit in enumerate(limits):
            with mistakes.within("limits", index):
                if limit.is_hourly:
                    units = _units(plans[limit.stack]) if limit.stack in plans else {}
                    if limit.parameter not in units:
                        what = f"the hours of stack '{limit.stack}' have no '{limit.parameter}'"
                        raise ConfigError(f"{what}{nearest(limit.parameter, units)}", ("parameter",))
                    if times(limit.rule(), units[limit.parameter]) is None:
                        what = f"the limit is in {limit.unit}, but the hours hold {limit.parameter}"
                        raise ConfigError(f"{what} in {units[limit.parameter]}", ("unit",))
        mistakes.tell()


def _units(plan: StackPlan) -> dict[str, str]:
    """What the hours of *plan* hold, and its unit."""
    from greenops_gateway.cems.computing import equation_of  # noqa: PLC0415  # all equations, where there is a plan

    measured = {name: own.unit or PARAMETERS[name].unit for name, own in plan.measured.items()}
    return measured | {name: equation_of(name, code).unit for name, code in plan.computed.items()}


def sources(plan: StackPlan, devices: Mapping[str, Owner]) -> Sources:
    """Where the readings of *plan* come from; a value given by hand has no source.

    Raises:
        ConfigError: as ``Emissions.check``.
    """
    return {name: _source(plan, name, point, devices) for _, name, point in _points(plan)}


def _points(plan: StackPlan) -> Iterator[tuple[Path_, str, str]]:
    """What *plan* reads: the path to it, its name, and its point."""
    for name, parameter in plan.measured.items():
        if parameter.point and name in PARAMETERS:
            yield ("measured", name), name, parameter.point
    for key, name, state in (("operating", OPERATING, plan.operating), ("startup", STARTUP, plan.startup)):
        if state is not None and state.point:
            yield (key,), name, state.point
    if plan.load is not None and plan.load.point:
        yield ("load",), LOAD, plan.load.point


def _source(plan: StackPlan, name: str, written: str, devices: Mapping[str, Owner]) -> Source:
    """Raises ConfigError: with the path from the part of the plan."""
    if name in {OPERATING, STARTUP}:
        return Source(written, _point(written, devices).unit)
    if name == LOAD:
        assert plan.load is not None  # noqa: S101  # it has a point
        return _converted(Source(written, plan.load.unit), name, _point(written, devices))
    parameter = plan.measured[name]
    source = Source(written, parameter.unit or PARAMETERS[name].unit, parameter.full_scale)
    return _converted(source, name, _point(written, devices))


def _point(written: str, devices: Mapping[str, Owner]) -> Point:
    device, _, name = written.partition("/")
    owner = devices.get(device)
    if owner is None:
        raise ConfigError(f"there is no device '{device}'{nearest(device, devices)}", ("point",))
    points = {point.name: point for point in owner.points}
    if name not in points:
        raise ConfigError(f"device '{device}' has no point '{name}'{nearest(name, points)}", ("point",))
    return points[name]


def _converted(source: Source, name: str, point: Point) -> Source:
    """*source*, when values of *point* can be given in its unit."""
    try:
        wanted, measured = quantity(source.unit), quantity(point.unit)
    except ConfigError as error:
        raise error.under("unit") from None
    if wanted is not measured:
        raise ConfigError(
            f"{name} is a {wanted.name} ('{source.unit}'), but point '{source.point}' measures {measured.name} "
            f"('{point.unit}'); give another unit, or derive a point in it",
            ("unit",),
        )
    return source
