"""An emission limit, and the metrics that say how near it is. Values stand in the permit's own unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from greenops_core.catalogue import (
    EMISSION_AVERAGE,
    EMISSION_AVERAGE_COVERAGE,
    EMISSION_AVERAGE_VALID,
    EMISSION_LIMIT,
    EMISSION_LIMIT_RATIO,
)
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, nearest
from greenops_core.sample import Quality, Reason, Sample
from greenops_core.unit import convert, quantity_of
from greenops_gateway.cems.averaging import BLOCKS, RollingAverage
from greenops_gateway.point import Name, Owner, Point
from greenops_telemetry.configuration import Section
from greenops_telemetry.live import Live


class Limit(Section, frozen=True, kw_only=True):
    """*limit* in *unit*, as the rolling mean of *point* over *averaging*; valid from *minimum_coverage* (0 to 1) on."""

    stack: Name
    parameter: Name
    device: str
    point: str
    limit: Annotated[float, Meta(gt=0)]
    unit: str
    averaging: Duration
    minimum_coverage: Annotated[float, Meta(gt=0, le=1)] = 0.75

    def check(self, devices: Mapping[str, Owner]) -> None:
        """That the limit fits the point it names.

        Raises:
            ConfigError: with the path from the limit to the key.
        """
        if math.isinf(self.limit):
            raise ConfigError(f"{self.limit} can never be exceeded", ("limit",))
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
        if self.averaging < BLOCKS * device.poll:
            least = Duration(BLOCKS * device.poll)
            raise ConfigError(
                f"{self.averaging} is too short for a poll every {device.poll}: each of its {BLOCKS} parts must be "
                f"able to hold a sample; write at least {least}",
                ("averaging",),
            )

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
        self._limit, self._live = limit, live
        self._filled = since + limit.averaging
        self._average = RollingAverage(limit.averaging)
        self._unit = quantity_of(limit.unit).units[limit.unit]
        self._labels = (site, limit.stack, limit.parameter, str(limit.averaging))

    def go_on(self, before: LimitWatch) -> None:
        """Keep the average of *before*, which watched the same point over the same period."""
        self._average, self._filled = before._average, before._filled

    def add(self, sample: Sample, now: float) -> None:
        """Count a usable sample of the point, in its base unit."""
        self._average.add(sample.value, min(sample.at, now), now)

    def stepped(self, now: float) -> None:
        """The gateway's clock was set: one period from *now* is watched as well as one ever is."""
        self._filled = min(self._filled, now + self._limit.averaging)

    def evaluate(self, now: float) -> None:
        """Put the limit's metrics as they are at *now*; the mean and its share of the limit only when valid.

        Before one whole period was watched, a gap in it says nothing yet: until then, validity is absent, not 0.
        """
        mean, coverage = self._average.over(now)
        valid = mean is not None and coverage >= self._limit.minimum_coverage
        quality, reason = (Quality.GOOD, Reason.NONE) if valid else (Quality.BAD, Reason.STALE)
        known = (Quality.GOOD, Reason.NONE) if valid or now >= self._filled else (Quality.BAD, Reason.STALE)
        value = self._unit.from_base(mean or 0.0)
        labelled = (*self._labels, self._limit.unit)
        for sample in (
            Sample(EMISSION_LIMIT, labelled, self._limit.limit, now),
            Sample(EMISSION_AVERAGE, labelled, value, now, quality, reason),
            Sample(EMISSION_LIMIT_RATIO, self._labels, value / self._limit.limit, now, quality, reason),
            Sample(EMISSION_AVERAGE_VALID, self._labels, float(valid), now, *known),
            Sample(EMISSION_AVERAGE_COVERAGE, self._labels, coverage, now),
        ):
            self._live.put(sample)

    def forget(self) -> None:
        """The limit is no more."""
        labelled = (*self._labels, self._limit.unit)
        for metric in (EMISSION_LIMIT, EMISSION_AVERAGE):
            self._live.forget(metric, labelled)
        for metric in (EMISSION_LIMIT_RATIO, EMISSION_AVERAGE_VALID, EMISSION_AVERAGE_COVERAGE):
            self._live.forget(metric, self._labels)


class LimitWatches:
    """All limits at work; others may take their place."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._all: dict[Limit, LimitWatch] = {}
        self._left: dict[Limit, LimitWatch] = {}

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
            if limit in self._all:
                continue
            self._all[limit] = watch = LimitWatch(limit, site, self._live, now)
            if (before := next((left for left in self._left if _average(left) == _average(limit)), None)) is not None:
                watch.go_on(self._left.pop(before))
        self._left.clear()

    def of(self, device: str, point: str) -> tuple[LimitWatch, ...]:
        """Those that watch *point* of *device*."""
        return tuple(watch for limit, watch in self._all.items() if (limit.device, limit.point) == (device, point))

    def stepped(self, now: float) -> None:
        """The gateway's clock was set, and shows *now*."""
        for watch in self._all.values():
            watch.stepped(now)

    def evaluate(self, now: float) -> None:
        """Put the metrics of all as they are at *now*."""
        for watch in self._all.values():
            watch.evaluate(now)


def _title(limit: Limit) -> str:
    return f"limit {limit.stack}/{limit.parameter} over {limit.averaging}"


def _average(limit: Limit) -> tuple[object, ...]:
    """What is averaged; in the base unit, so that the limit's own unit does not matter."""
    return limit.device, limit.point, limit.averaging, quantity_of(limit.unit).name
