"""What every protocol's devices and points have in common, and the series that a point feeds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from greenops_core.catalogue import POINT_METRICS
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_core.unit import Linear, quantity_of
from greenops_gateway.cems import quality
from greenops_telemetry.configuration import Section, lasting

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="A name: letters, digits, _ . -")]

STALE_AFTER_POLLS = 3
SHORTEST_STALE_AFTER = 3.0
SHORTEST_PATIENCE = 10.0
SHORTEST_POLL = 0.1


class Point(Section, frozen=True, kw_only=True):
    """One thing to read. *range* is what is plausible, in the point's own unit."""

    name: Name
    unit: str
    range: tuple[float, float] | None = None

    def check(self) -> None:
        """Raises ConfigError: unknown unit, or a range that holds nothing."""
        try:
            quantity_of(self.unit)
        except ConfigError as error:
            raise error.under("unit") from None
        if self.range is not None and not self.range[0] < self.range[1]:
            low, high = self.range
            raise ConfigError(f"the range [{low:g}, {high:g}] holds nothing; write [low, high]", ("range",))


class Device(Section, frozen=True, kw_only=True):
    """What has points. A protocol derives its own from this, with its own type of point.

    *poll* is how often values are read or, from a device that sends on its own, expected.
    """

    name: Name
    protocol: str
    stack: Name
    points: tuple[Point, ...]
    poll: Duration = lasting("1s")
    timeout: Duration = lasting("800ms")
    connect_timeout: Duration = lasting("3s")
    stale_after: Duration | None = None

    def freshness(self) -> float:
        """Seconds after which a value is stale: as configured, else three polls and at least three seconds."""
        return float(self.stale_after or max(STALE_AFTER_POLLS * self.poll, SHORTEST_STALE_AFTER))

    def patience(self) -> float:
        """Seconds without any sample after which the connection is given up and built anew."""
        return max(SHORTEST_PATIENCE, STALE_AFTER_POLLS * self.poll + self.timeout, 2 * self.connect_timeout)

    def check(self) -> None:
        """What types cannot say. A protocol adds its own.

        Raises:
            ConfigError: with the path from the device to the key.
        """
        if not self.points:
            raise ConfigError("a device needs at least one point", ("points",))
        if self.poll < SHORTEST_POLL:
            raise ConfigError(f"{self.poll} is too often; write at least {Duration(SHORTEST_POLL)}", ("poll",))
        if self.stale_after is not None and self.stale_after < self.poll:
            raise ConfigError(f"{self.stale_after} is shorter than poll ({self.poll})", ("stale_after",))
        seen: dict[str, int] = {}
        for index, point in enumerate(self.points):
            if point.name in seen:
                raise ConfigError(
                    f"'{point.name}' is already the name of points[{seen[point.name]}]", ("points", index, "name")
                )
            seen[point.name] = index
            try:
                point.check()
            except ConfigError as error:
                raise error.under("points", index) from None

    def explain(self) -> Iterator[str]:
        """Lines for an engineer who compares the file with the device's manual."""
        for point in self.points:
            yield f"{point.name}: {point.unit}"

    def hint(self, point: str, reason: Reason) -> str:  # noqa: ARG002  # for protocols that know more
        """What to look at when *point* is bad for *reason*; empty when there is nothing to say."""
        return ""


@dataclass(frozen=True, slots=True)
class PointSeries:
    """Where a point's samples go: metric and labels, the way to the base unit, and what is plausible in that unit."""

    metric: Metric
    labels: tuple[str, str, str, str]
    to_base: Linear
    within: tuple[float, float] | None = None

    def sample(self, value: float, at: float, quality: Quality = Quality.GOOD, reason: Reason = Reason.NONE) -> Sample:
        """A sample from *value* in the point's own unit."""
        return Sample(self.metric, self.labels, self.to_base.to_base(value), at, quality, reason)

    def bad(self, reason: Reason, at: float) -> Sample:
        """A sample that says only that there is no value, and why."""
        return Sample(self.metric, self.labels, math.nan, at, Quality.BAD, reason)

    def judged(self, sample: Sample) -> Sample:
        """*sample*, which is bad when its number cannot be what was measured.

        In the base unit: to convert there keeps the order of numbers, and to convert back need not give the same one.
        """
        if sample.quality is Quality.BAD:
            return sample
        level, reason = quality.assess(sample.value, Reason.NONE, self.within)
        return sample.marked(level, reason) if level is Quality.BAD else sample


def series(site: str, device: Device, point: Point) -> PointSeries:
    """The series of one point."""
    quantity = quantity_of(point.unit)
    labels = (site, device.stack, device.name, point.name)
    to_base = quantity.units[point.unit]
    within = None if point.range is None else (to_base.to_base(point.range[0]), to_base.to_base(point.range[1]))
    return PointSeries(POINT_METRICS[quantity], labels, to_base, within)
