"""An emission limit, and the metrics that say how near it is. Values stand in the permit's own unit.

A limit that names a point is watched by the rolling mean of its samples, at once: an alarm. One that names none is
judged by the closed hours of its stack, over the averaging that the permit names: the permit's own average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from greenops_core.duration import Duration, duration
from greenops_core.errors import ConfigError, nearest
from greenops_core.sample import Sample
from greenops_core.unit import convert, quantity_of
from greenops_gateway.cems import limit_window
from greenops_gateway.cems.averaging import BLOCKS, RollingAverage
from greenops_gateway.cems.decimals import exact
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.limit_average import Rule, Running
from greenops_gateway.cems.limit_standing import Standing
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.limit_hours import HourlyWatch
from greenops_gateway.limit_metrics import Figures, Labels, LimitMetrics
from greenops_gateway.point import Name, Owner, Point
from greenops_telemetry.configuration import Section
from greenops_telemetry.live import Live

Share = Annotated[float, Meta(gt=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Averaging = Annotated[
    str,
    Meta(
        description="a duration where a point is named, else an averaging of closed hours",
        examples=["30m", *limit_window.EXAMPLES],
    ),
]


class Permitted(Section, frozen=True, kw_only=True):
    """What a permit says: *limit* in *unit*, for the mean of *parameter* over *averaging*.

    An average is valid from the share *minimum_coverage* of its period on. What follows is for closed hours only:
    *invalid_at_most* hours of it may be not valid; *startup* says whether hours of startup and shutdown count; *mean*
    is of hours, or the sum of mass over the sum of load; *confidence_interval* is the percentage of *confidence_of*
    (the emission limit value, unless given the limit) that comes off each valid hour; *decimals* is how the average
    is rounded before it is compared. *basis*, *jurisdiction*, *clause* and *note* are for people; a figure that is
    not *confirmed* was not yet compared with its source.
    """

    parameter: Name
    limit: Positive
    unit: str
    averaging: Averaging
    minimum_coverage: Share = 0.75
    invalid_at_most: Annotated[int, Meta(ge=0)] | None = None
    startup: Literal["counts", "left_out"] = "counts"
    mean: Literal["hours", "load"] = "hours"
    confidence_interval: Annotated[float, Meta(ge=0, lt=100)] = 0.0
    confidence_of: Positive | None = None
    decimals: Annotated[int, Meta(ge=0, le=9)] | None = None
    basis: str = ""
    jurisdiction: str = ""
    clause: str = ""
    note: str = ""
    confirmed: bool = True

    @property
    def of_hours(self) -> limit_window.Averaging:
        """The averaging of a limit on closed hours.

        Raises:
            ConfigError: it is none of hours, with the path from the limit.
        """
        try:
            return limit_window.read(self.averaging)
        except ValueError as error:
            raise ConfigError(f"{error}; or name device and point, for a mean of samples", ("averaging",)) from None

    def rule(self) -> Rule:
        """The limit on closed hours.

        Raises:
            ConfigError: *averaging* is none of hours, with the path from the limit.
        """
        of = self.limit if self.confidence_of is None else self.confidence_of
        return Rule(
            exact(self.limit),
            self.unit,
            self.of_hours,
            exact(self.minimum_coverage),
            self.invalid_at_most,
            counts_startup=self.startup == "counts",
            per_load=self.mean == "load",
            subtracted=(exact(self.confidence_interval) * exact(of)).scaleb(-2),
            decimals=self.decimals,
            source=self.clause or "the permit",
        )


_OF_HOURS: Mapping[str, object] = {
    "invalid_at_most": None,
    "startup": "counts",
    "mean": "hours",
    "confidence_interval": 0.0,
    "confidence_of": None,
    "decimals": None,
}
"""Keys that mean nothing to a rolling mean of samples, as they are when not given."""


class Limit(Permitted, frozen=True, kw_only=True):
    """A limit at *stack*: on *point* of *device*, or without them on the stack's closed hours.

    *from_* is the shipped limit whose keys it has where it gives none of its own.
    """

    stack: Name
    device: str = ""
    point: str = ""
    from_: str = msgspec.field(name="from", default="")

    @property
    def is_hourly(self) -> bool:
        """Whether closed hours judge it."""
        return not self.device and not self.point

    @property
    def period(self) -> Duration:
        """The averaging of a limit on a point.

        Raises:
            ConfigError: it is no duration, with the path from the limit.
        """
        try:
            return duration(self.averaging)
        except ConfigError as error:
            raise error.under("averaging") from None

    @property
    def over(self) -> str:
        """The averaging as metrics and people know it.

        Raises:
            ConfigError: it is none, with the path from the limit.
        """
        return str(self.of_hours if self.is_hourly else self.period)

    @property
    def source(self) -> str:
        """What it is judged by, in words."""
        return "closed hours" if self.is_hourly else f"{self.device}/{self.point}"

    def check(self, devices: Mapping[str, Owner]) -> None:
        """That the limit fits the point it names.

        Raises:
            ConfigError: with the path from the limit to the key.
        """
        if math.isinf(self.limit):
            raise ConfigError(f"{self.limit} can never be exceeded", ("limit",))
        if self.is_hourly:
            self._check_hourly({device.stack for device in devices.values()})
            return
        if not self.device or not self.point:
            missing = "point" if self.device else "device"
            raise ConfigError("device and point go together: give both, or none for closed hours", (missing,))
        device = devices.get(self.device)
        if device is None:
            raise ConfigError(f"there is no device '{self.device}'{nearest(self.device, devices)}", ("device",))
        if device.stack != self.stack:
            raise ConfigError(f"device '{self.device}' is at stack '{device.stack}', not '{self.stack}'", ("stack",))
        points = {point.name: point for point in device.points}
        point = points.get(self.point)
        if point is None:
            raise ConfigError(
                f"device '{self.device}' has no point '{self.point}'{nearest(self.point, points)}", ("point",)
            )
        self._check_unit(point)
        self._check_live(device)

    def _check_hourly(self, stacks: set[str]) -> None:
        if self.stack not in stacks:
            raise ConfigError(f"no device is at stack '{self.stack}'{nearest(self.stack, stacks)}", ("stack",))
        if self.mean == "load" and self.confidence_interval:
            raise ConfigError("comes off a mean of hours; leave it out, or mean: load", ("confidence_interval",))

    def _check_live(self, device: Owner) -> None:
        if self.period < BLOCKS * device.poll:
            least = Duration(BLOCKS * device.poll)
            raise ConfigError(
                f"{self.period} is too short for a poll every {device.poll}: each of its {BLOCKS} parts must be "
                f"able to hold a sample; write at least {least}",
                ("averaging",),
            )
        for key, unless_given in _OF_HOURS.items():
            if getattr(self, key) != unless_given:
                raise ConfigError("is for closed hours; leave out device and point, or this key", (key,))

    def _check_unit(self, point: Point) -> None:
        try:
            permitted, measured = quantity_of(self.unit), quantity_of(point.unit)
        except ConfigError as error:
            raise error.under("unit") from None
        if permitted is not measured:
            raise ConfigError(
                f"the limit is a {permitted.name} ('{self.unit}'), "
                f"but point '{self.point}' measures {measured.name} ('{point.unit}')",
                ("unit",),
            )
        if point.range is not None and convert(self.limit, self.unit, point.unit) >= point.range[1]:
            raise ConfigError(
                f"{self.limit:g} {self.unit} can never be exceeded: point '{point.name}' is bad beyond its range, "
                f"which ends at {point.range[1]:g} {point.unit}; widen the range",
                ("limit",),
            )


class LimitWatch:
    """Averages one point for one limit, and keeps the limit's metrics."""

    def __init__(self, limit: Limit, site: str, live: Live, since: float) -> None:
        """*since* is the Unix time from which on the point is watched."""
        self._limit, self._metrics, self._period = limit, _metrics(limit, site, live), limit.period
        self._filled = since + self._period
        self._average = RollingAverage(self._period)
        self._unit = quantity_of(limit.unit).units[limit.unit]

    def go_on(self, before: LimitWatch) -> None:
        """Keep the average of *before*, which watched the same point over the same period."""
        self._average, self._filled = before._average, before._filled

    def add(self, sample: Sample, now: float) -> None:
        """Count a usable sample of the point, in its base unit."""
        self._average.add(sample.value, min(sample.at, now), now)

    def stepped(self, now: float) -> None:
        """The gateway's clock was set: one period from *now* is watched as well as one ever is."""
        self._filled = min(self._filled, now + self._period)

    def evaluate(self, now: float) -> None:
        """Put the limit's metrics as they are at *now*; the mean and its share of the limit only when valid.

        Before one whole period was watched, a gap in it says nothing yet: until then, validity is absent, not 0.
        """
        mean, coverage = self._average.over(now)
        valid = mean is not None and coverage >= self._limit.minimum_coverage
        figures = Figures(is_valid=valid if valid or now >= self._filled else None, coverage=coverage)
        if valid and mean is not None:
            value = self._unit.from_base(mean)
            figures = self._ahead(figures._replace(average=value, ratio=value / self._limit.limit), now)
        self._metrics.put(figures, now)

    def forget(self) -> None:
        """The limit is no more."""
        self._metrics.forget()

    def _ahead(self, figures: Figures, now: float) -> Figures:
        found = self._average.outlook(self._unit.to_base(self._limit.limit), now)
        if found is None:
            return figures
        left = found.time_left
        return figures._replace(
            projected=self._unit.from_base(float(found.projected)),
            allowed=self._unit.from_base(float(found.allowed)),
            exceedance_due=None if left is None else self._average.seconds(left),
        )


class LimitWatches:
    """All limits at work; others may take their place."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._all: dict[Limit, LimitWatch | HourlyWatch] = {}
        self._left: dict[Limit, LimitWatch | HourlyWatch] = {}

    def leave(self, limits: Sequence[Limit]) -> list[str]:
        """End what is not among *limits*. What changed, in words."""
        wanted, before = {_title(limit) for limit in limits}, {_title(limit) for limit in self._all}
        told = [f"{title}: added" for title in sorted(wanted - before)]
        for limit in [limit for limit in self._all if limit not in limits]:
            told.append(f"{_title(limit)}: {'changed' if _title(limit) in wanted else 'removed'}")
            self._left[limit] = watch = self._all.pop(limit)
            watch.forget()
        return told

    def take(self, limits: Sequence[Limit], site: str, now: float) -> None:
        """Watch *limits*, by the averages of those that were left where the point and the period are the same."""
        for limit in limits:
            if limit not in self._all:
                self._all[limit] = self._watch(limit, site, now)
        self._left.clear()

    def of(self, device: str, point: str) -> tuple[LimitWatch, ...]:
        """Those that watch *point* of *device*."""
        return tuple(
            watch
            for limit, watch in self._all.items()
            if isinstance(watch, LimitWatch) and (limit.device, limit.point) == (device, point)
        )

    def history(self, stack: str) -> int:
        """How many hours back from now the limits on the closed hours of *stack* need."""
        return max((watch.history for watch in self._hourly(stack).values()), default=0)

    def closed(
        self,
        stack: str,
        hours: Sequence[ClosedHour],
        now: Hour,
        at: float,
        running: Mapping[str, Running] | None = None,
    ) -> dict[str, Standing]:
        """Judge the limits on the closed hours of *stack*: hours before *now* are closed, *at* is the Unix time.

        *hours* are those of ``history``, in any order; of one given twice the later counts. *running* says of some
        parameters how the open hour is so far. What was found, with its workings, by the title of the limit.
        """
        held = running or {}
        return {
            _title(limit): watch.take(hours, now, held.get(limit.parameter), at)
            for limit, watch in self._hourly(stack).items()
        }

    def stepped(self, now: float) -> None:
        """The gateway's clock was set, and shows *now*."""
        for watch in self._all.values():
            watch.stepped(now)

    def evaluate(self, now: float) -> None:
        """Put the metrics of all as they are at *now*."""
        for watch in self._all.values():
            watch.evaluate(now)

    def _hourly(self, stack: str) -> dict[Limit, HourlyWatch]:
        return {
            limit: watch
            for limit, watch in self._all.items()
            if isinstance(watch, HourlyWatch) and limit.stack == stack
        }

    def _watch(self, limit: Limit, site: str, now: float) -> LimitWatch | HourlyWatch:
        before = next((left for left in self._left if _average(left) == _average(limit)), None)
        kept = None if before is None else self._left[before]
        if limit.is_hourly:
            hourly = HourlyWatch(_title(limit), limit.rule(), limit.parameter, _metrics(limit, site, self._live))
            if isinstance(kept, HourlyWatch):
                hourly.go_on(kept, now)
            return hourly
        watch = LimitWatch(limit, site, self._live, now)
        if before is not None and isinstance(kept, LimitWatch):
            watch.go_on(kept)
            del self._left[before]
        return watch


def _metrics(limit: Limit, site: str, live: Live) -> LimitMetrics:
    return LimitMetrics(live, Labels(site, limit.stack, limit.parameter, limit.over), limit.limit, limit.unit)


def _title(limit: Limit) -> str:
    return f"limit {limit.stack}/{limit.parameter} over {limit.over}"


def _average(limit: Limit) -> tuple[object, ...]:
    """What is averaged; in the base unit, so that the limit's own unit does not matter."""
    if limit.is_hourly:
        return limit.stack, limit.parameter, limit.unit
    return limit.device, limit.point, limit.period, quantity_of(limit.unit).name
