"""The quality rules of a point as an operator writes them, and as the judge takes them: in base units and seconds."""

from __future__ import annotations

from math import inf, isfinite
from typing import Annotated, Protocol

from msgspec import Meta

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, within
from greenops_core.unit import TEMPERATURE, Linear, quantity_of
from greenops_gateway.cems import judge
from greenops_gateway.cems.judge import CONFIRM, LARGEST_WINDOW, SMALLEST_WINDOW, Rules
from greenops_telemetry.configuration import Section, lasting

FLOOR_OF_RANGE = 0.05
"""What is no spike when nothing is said: less than this share of the range away."""

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class Rate(Section, frozen=True, kw_only=True):
    """The fastest plausible change: *limit* per second; a change of *step* in all is never too fast.

    What is found is uncertain, or bad with *reject*.
    """

    limit: Positive
    step: NotNegative = 0.0
    reject: bool = False


class Spike(Section, frozen=True, kw_only=True):
    """How far from the median of the last *window* values one may stand: *deviations* of their scatter, or *floor*.

    The larger of both counts; a floor that is not given is 5 % of the range. From the *confirm*-th odd value on that
    agrees with those before it, a step is taken for real. What is found is uncertain, or bad with *reject*.
    """

    window: Annotated[int, Meta(ge=SMALLEST_WINDOW, le=LARGEST_WINDOW)] = 9
    deviations: Positive = 6.0
    floor: Positive | None = None
    confirm: Annotated[int, Meta(ge=2, le=SMALLEST_WINDOW)] = CONFIRM
    reject: bool = False


class FlatLine(Section, frozen=True, kw_only=True):
    """A value that moved no more than *tolerance* for *after* is not alive.

    Nothing is said of a value that is 0 (but of a temperature), at the low end of the range, or not above *zero*; nor,
    with *full_scale*, at the high end, where a damper may stand. What is found is uncertain, or bad with *reject*.
    """

    after: Duration = lasting("15m")
    tolerance: NotNegative = 0.0
    zero: float | None = None
    full_scale: bool = False
    reject: bool = False


class Ruled(Protocol):
    """What of a point the rules are about."""

    @property
    def unit(self) -> str: ...
    @property
    def range(self) -> tuple[float, float] | None: ...
    @property
    def rate(self) -> float | Rate | None: ...
    @property
    def spike(self) -> Spike | None: ...
    @property
    def flat_line(self) -> FlatLine | None: ...
    @property
    def warm_up(self) -> Duration | None: ...


def check(point: Ruled) -> None:
    """What types cannot say of the rules of *point*, whose unit and range are right.

    Raises:
        ConfigError: with the path from the point to the key.
    """
    full = inf if point.range is None else point.range[1] - point.range[0]
    rate = _rate(point.rate)
    if rate is not None:
        key = ("rate", "limit") if isinstance(point.rate, Rate) else ("rate",)
        if not rate.limit > 0 or not isfinite(rate.limit):
            raise ConfigError(f"{rate.limit:g} is no speed; write how much it may change in a second", key)
        with within("rate"):
            _smaller("step", rate.step, full, point.unit)
    if point.spike is not None:
        _check_spike(point.spike, point, full)
    if point.flat_line is not None:
        with within("flat_line"):
            _smaller("tolerance", point.flat_line.tolerance, full, point.unit)
            _check_still(point.flat_line, point)


def rules(point: Ruled) -> Rules:
    """The rules of *point* in its base unit, into which a difference is converted without the offset of a unit."""
    unit = quantity_of(point.unit).units[point.unit]
    rate, spike = _rate(point.rate), point.spike
    return Rules(
        within=None if point.range is None else (unit.to_base(point.range[0]), unit.to_base(point.range[1])),
        rate=None if rate is None else judge.Rate(unit.difference(rate.limit), unit.difference(rate.step), rate.reject),
        spike=None
        if spike is None
        else judge.Spike(unit.difference(_floor(spike, point)), spike.window, spike.deviations, spike.reject),
        flat_line=_flat_line(point, unit),
        warm_up=float(point.warm_up or 0.0),
        confirm=CONFIRM if spike is None else spike.confirm,
    )


def _rate(rate: float | Rate | None) -> Rate | None:
    return Rate(limit=rate) if isinstance(rate, int | float) else rate


def _floor(spike: Spike, point: Ruled) -> float:
    if spike.floor is not None or point.range is None:
        return spike.floor or 0.0
    return FLOOR_OF_RANGE * (point.range[1] - point.range[0])


def _flat_line(point: Ruled, unit: Linear) -> judge.FlatLine | None:
    rule = point.flat_line
    if rule is None:
        return None
    still: list[tuple[float, float]] = []
    if quantity_of(point.unit) is not TEMPERATURE:
        still.append((0.0, 0.0))
    if point.range is not None:
        low, high = unit.to_base(point.range[0]), unit.to_base(point.range[1])
        still += [(low, low), (high, high)] if rule.full_scale else [(low, low)]
    if rule.zero is not None:
        still.append((-inf, unit.to_base(rule.zero)))
    return judge.FlatLine(float(rule.after), unit.difference(rule.tolerance), tuple(still), rule.reject)


def _check_spike(spike: Spike, point: Ruled, full: float) -> None:
    with within("spike"):
        if spike.floor is None and not isfinite(full):
            raise ConfigError(
                "the key 'floor' is missing: without a range, nothing says how far is far; write floor: in "
                f"{point.unit}, or give the point a range"
            )
        if not isfinite(spike.deviations):
            raise ConfigError("nothing is ever that far away; write for example 6", ("deviations",))
        if spike.floor is not None:
            _smaller("floor", spike.floor, full, point.unit)


def _check_still(rule: FlatLine, point: Ruled) -> None:
    if rule.full_scale and point.range is None:
        raise ConfigError("without a range there is no full scale; give the point a range", ("full_scale",))
    if rule.zero is None:
        return
    if not isfinite(rule.zero):
        raise ConfigError(f"{rule.zero} is no level; write a number of {point.unit}", ("zero",))
    if point.range is not None and rule.zero >= point.range[1]:
        raise ConfigError(
            f"{rule.zero:g} {point.unit} is the end of the range or beyond: no flat line would ever be found", ("zero",)
        )


def _smaller(key: str, difference: float, full: float, unit: str) -> None:
    if not isfinite(difference) or difference >= full:
        raise ConfigError(f"{difference:g} {unit} is as wide as the whole range: nothing would ever be found", (key,))
