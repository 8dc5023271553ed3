"""When in an hour the plant operated: operating time, the parts of the hour, load, startup."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from greenops_gateway.cems.decimals import in_decimals, mean, rounded
from greenops_gateway.cems.parameter import MOST
from greenops_gateway.cems.plan import Above, StackPlan
from greenops_gateway.cems.reading import LOAD, OPERATING, STARTUP, HourInputs, Reading, Status, fingerprint, in_order
from greenops_gateway.cems.working import Input, Working

_HOUR = 3_600_000
"""Milliseconds; to those, times within an hour are counted."""

LOAD_PLACES = 0
"""Decimals of the gross load of an hour (ECMPS hourly operating data: a whole number)."""

Span = tuple[int, int]
"""From a millisecond of the hour to before another."""
_ALWAYS: tuple[Span, ...] = ((0, _HOUR),)


class Operation(NamedTuple):
    """*time* is the operating time as a share of the hour, *spans* are when that was; *load* is gross."""

    time: Decimal
    spans: tuple[Span, ...]
    load: Decimal | None
    is_startup: bool
    workings: tuple[Working, ...]

    def parts(self, count: int) -> frozenset[int]:
        """Those of *count* equal parts of the hour in which the plant operated.

        >>> Operation(Decimal("0.25"), ((0, 900_000),), None, False, ()).parts(4)
        frozenset({0})
        """
        part = _HOUR // count
        return frozenset(each for since, until in self.spans for each in range(since // part, -(-until // part)))


@in_decimals
def operation(plan: StackPlan, inputs: HourInputs) -> Operation:
    """When and how the plant operated in the hour of *inputs*.

    A share that is given says not when: then all of the hour counts as operating, unless it is 0. Without a reading of
    a plan's *operating*, or without one in the plan, the plant counts as operating: to miss an hour would be worse.
    """
    begins = plan.standard_time.begins(inputs.hour)
    time, spans, working = _operating(plan, inputs, begins)
    load, load_working = _load(plan, inputs, spans, begins)
    startup = time > 0 and _in_startup(plan.startup, inputs, spans, begins)
    return Operation(time, spans, load, startup, (working, *load_working))


def _operating(plan: StackPlan, inputs: HourInputs, begins: int) -> tuple[Decimal, tuple[Span, ...], Working]:
    given = inputs.given.get(OPERATING)
    steps: tuple[str, ...]
    used: tuple[Input, ...] = ()
    if given is not None:
        spans, counted = (_ALWAYS if given > 0 else ()), given * _HOUR
        used, steps = (Input("given", given),), ()
    elif plan.operating is None or not (states := _states(plan.operating, inputs.readings.get(OPERATING, ()), begins)):
        spans, counted = _ALWAYS, Decimal(_HOUR)
        steps = ("nothing says whether the plant operated: it counts as operating",)
    else:
        spans = _spans(states)
        counted = Decimal(sum(until - since for since, until in spans))
        used = (Input("above", plan.operating.above),)
        steps = tuple(f"operating from second {_seconds(since)} to {_seconds(until)}" for since, until in spans)
    whole, rest = divmod(counted, plan.increment * _HOUR)
    increments = whole + 1 if rest else whole
    time = rounded(increments * plan.increment, 2)
    share = f"{_seconds(counted)} s in increments of {plan.increment} h: {increments}"
    return (
        time,
        spans,
        Working(
            "operating time", "40 CFR 75.57(b)(2)", used, (*steps, share), "rounded up to a whole increment", time, "h"
        ),
    )


def _states(state: Above, readings: Sequence[Reading], begins: int) -> list[tuple[int, bool]]:
    """From which millisecond of the hour on the state is or is not; what was before the hour is at its beginning."""
    valid = in_order(reading for reading in readings if reading.status is Status.VALID)
    timed = [(round((reading.at - begins) * 1000), reading.value > state.above) for reading in valid]
    before = [is_so for at, is_so in timed if at <= 0]
    within = [(at, is_so) for at, is_so in timed if 0 < at < _HOUR]
    first = before[-1:] or [is_so for _, is_so in within[:1]]
    return [(0, is_so) for is_so in first] + within


def _spans(states: Sequence[tuple[int, bool]]) -> tuple[Span, ...]:
    """When the state was so: each stands until the next, the last until the end of the hour.

    >>> _spans([(0, False), (1000, True), (2000, True), (3000, False)])
    ((1000, 3000),)
    """
    spans: list[Span] = []
    for (since, is_so), (until, _) in pairwise((*states, (_HOUR, False))):
        if not is_so or since == until:
            continue
        if spans and spans[-1][1] == since:
            spans[-1] = (spans[-1][0], until)
        else:
            spans.append((since, until))
    return tuple(spans)


def _load(
    plan: StackPlan, inputs: HourInputs, spans: tuple[Span, ...], begins: int
) -> tuple[Decimal | None, tuple[Working, ...]]:
    """The mean load while the plant operated; absent when nobody told it, and in an hour without operation."""
    if plan.load is None or not spans:
        return None, ()
    given = inputs.given.get(LOAD)
    valid = [
        reading
        for reading in in_order(inputs.readings.get(LOAD, ()))
        if reading.status is Status.VALID and 0 <= reading.value < MOST and _is_in(reading.at - begins, spans)
    ]
    if not valid if given is None else not 0 <= given < MOST:
        return None, ()
    exact = mean([reading.value for reading in valid]) if given is None else given
    value = rounded(exact, LOAD_PLACES)
    told = f"{len(valid)} points while operating, SHA-256 {fingerprint(valid)}, mean {exact}"
    steps = (told if given is None else f"given: {exact} {plan.load.unit}",)
    rounding = "rounded half up to a whole number"
    return value, (Working("gross load", "40 CFR 75.57(b)(3)", (), steps, rounding, value, plan.load.unit),)


def _in_startup(state: Above | None, inputs: HourInputs, spans: tuple[Span, ...], begins: int) -> bool:
    """Whether the plant was in startup or shutdown at any time that it operated."""
    given = inputs.given.get(STARTUP)
    if given is not None:
        return given > 0
    found = _spans(_states(state, inputs.readings.get(STARTUP, ()), begins)) if state is not None else ()
    return any(max(since, begun) < min(until, ended) for since, until in found for begun, ended in spans)


def _is_in(second: float, spans: tuple[Span, ...]) -> bool:
    return any(since <= second * 1000 < until for since, until in spans)


def _seconds(milliseconds: int | Decimal) -> str:
    return f"{(Decimal(milliseconds) / 1000).normalize():f}"
