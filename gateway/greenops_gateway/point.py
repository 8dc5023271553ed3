"""What every protocol's devices and points have in common, and the series that a point feeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Self

from msgspec import Meta

from greenops_core.catalogue import POINT_METRICS
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, Mistakes
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_core.unit import Linear, quantity_of
from greenops_gateway import rule
from greenops_gateway.cems.gap import GAP_AFTER
from greenops_gateway.rule import FlatLine, Rate, Spike
from greenops_telemetry.configuration import Section, lasting

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="A name: letters, digits, _ . -")]

STALE_AFTER_POLLS = 3
SHORTEST_STALE_AFTER = 3.0
SHORTEST_PATIENCE = 10.0
SHORTEST_POLL = 0.1


class Point(Section, frozen=True, kw_only=True):
    """One thing to read. *range* is what is plausible, in the point's own unit; so are *rate*, *spike* and *flat_line*.

    *rate* is the fastest plausible change per second. For *warm_up* after the device came back, values are uncertain.
    *gap_after* is how long there may be no usable sample before that is told as a gap: 15 minutes, or longer where a
    value may be older.
    """

    name: Name
    unit: str
    range: tuple[float, float] | None = None
    rate: float | Rate | None = None
    spike: Spike | None = None
    flat_line: FlatLine | None = None
    warm_up: Duration | None = None
    gap_after: Duration | None = None

    def gap(self, fresh: float) -> float:
        """Seconds without a usable sample that are no gap yet, of a value that is stale after *fresh* seconds.

        As configured, else a quarter of an hour, or *fresh* where that is longer.
        """
        return float(self.gap_after or max(GAP_AFTER, fresh))

    def check_gap(self, fresh: float) -> None:
        """Raises ConfigError: what is told as a gap is shorter than the *fresh* seconds for which a value is shown."""
        if self.gap_after is not None and self.gap_after < fresh:
            raise ConfigError(
                f"{self.gap_after} is shorter than a value is shown without a new one ({Duration(fresh)}); "
                "lengthen it, or shorten stale_after",
                ("gap_after",),
            )

    def check(self) -> None:
        """Raises ConfigError: unknown unit, a range that holds nothing, or a rule that could find nothing."""
        try:
            quantity_of(self.unit)
        except ConfigError as error:
            raise error.under("unit") from None
        if self.range is not None and not self.range[0] < self.range[1]:
            low, high = self.range
            raise ConfigError(f"the range [{low:g}, {high:g}] holds nothing; write [low, high]", ("range",))
        rule.check(self)


class Link(Section, frozen=True, kw_only=True):
    """The way to one or more devices: a bus, a connection, a session, a broker. A protocol derives its own."""

    protocol: str
    timeout: Duration = lasting("800ms")
    connect_timeout: Duration = lasting("3s")

    def check(self) -> None:
        """What types cannot say. A protocol adds its own.

        Raises:
            ConfigError: with the path from the link to the key.
        """

    def check_devices(self, devices: tuple[Any, ...]) -> None:
        """What is wrong with *devices* on this one link. A protocol adds its own.

        Raises:
            ConfigError: with the path from the link to the key.
        """

    def guest(self) -> Self:
        """The same way for a look beside a running gateway, which must not notice. A protocol changes what it must."""
        return self

    def destination(self, devices: tuple[Any, ...]) -> str:  # noqa: ARG002  # for protocols whose links go to one device
        """Where the link goes; two to the same place are perhaps not meant. Empty where a protocol cannot say."""
        return ""

    def explain(self, devices: tuple[Any, ...]) -> Iterator[str]:  # noqa: ARG002  # for protocols that share a bus
        """Lines for an engineer about the link and what its *devices* make of it."""
        yield f"timeout {self.timeout}, to connect {self.connect_timeout}"


class Owner(Section, frozen=True, kw_only=True):
    """What has points. *poll* is how often values are read, computed or, from what sends on its own, expected."""

    name: Name
    stack: Name
    points: tuple[Point, ...]
    poll: Duration = lasting("1s")
    stale_after: Duration | None = None

    def freshness(self) -> float:
        """Seconds after which a value is stale: as configured, else three polls and at least three seconds."""
        return float(self.stale_after or max(STALE_AFTER_POLLS * self.poll, SHORTEST_STALE_AFTER))

    def check(self) -> None:
        """What types cannot say. A protocol adds its own.

        Raises:
            ConfigError: with the path from here to the key; ConfigErrors: of several points.
        """
        if not self.points:
            raise ConfigError("a device needs at least one point", ("points",))
        if self.poll < SHORTEST_POLL:
            raise ConfigError(f"{self.poll} is too often; write at least {Duration(SHORTEST_POLL)}", ("poll",))
        if self.stale_after is not None and self.stale_after < self.poll:
            raise ConfigError(f"{self.stale_after} is shorter than poll ({self.poll})", ("stale_after",))
        seen: dict[str, int] = {}
        mistakes = Mistakes()
        for index, point in enumerate(self.points):
            with mistakes.within("points", index):
                first = seen.setdefault(point.name, index)
                if first != index:
                    raise ConfigError(f"'{point.name}' is already the name of points[{first}]", ("name",))
            with mistakes.within("points", index):
                point.check()
            with mistakes.within("points", index):
                point.check_gap(self.freshness())
        mistakes.tell()


class Device(Owner, frozen=True, kw_only=True):
    """What is read over a link. A protocol derives its own from this, with its own type of point.

    Every key but name, link, stack and profile may stand in a profile; a key beside ``profile`` goes before the
    profile's.
    """

    link: Name
    profile: str | None = None

    def explain(self) -> Iterator[str]:
        """Lines for an engineer who compares the file with the device's manual."""
        for point in self.points:
            yield f"{point.name}: {point.unit}"

    def hint(self, point: str, reason: Reason) -> str:  # noqa: ARG002  # for protocols that know more
        """What to look at when *point* is bad for *reason*; empty when there is nothing to say."""
        return ""

    def doubt(self, point: str, value: float) -> str:  # noqa: ARG002  # the same
        """What to look at though *point* is good at *value*, in its own unit; empty when there is nothing to say."""
        return ""


def patience(link: Link, devices: Iterable[Device]) -> float:
    """Seconds without any batch after which a link is given up and built anew."""
    slowest = max((device.poll for device in devices), default=0.0)
    return max(SHORTEST_PATIENCE, STALE_AFTER_POLLS * slowest + link.timeout, 2 * link.connect_timeout)


_new = tuple.__new__
"""Of a named tuple it takes a third of the time that the name does, and every value there is comes by here."""


@dataclass(frozen=True, slots=True)
class PointSeries:
    """Where a point's samples go: metric and labels, and the way to the base unit."""

    metric: Metric
    labels: tuple[str, str, str, str]
    to_base: Linear

    def sample(self, value: float, at: float, quality: Quality = Quality.GOOD, reason: Reason = Reason.NONE) -> Sample:
        """A sample from *value* in the point's own unit."""
        return _new(Sample, (self.metric, self.labels, self.to_base.to_base(value), at, quality, reason))

    def bad(self, reason: Reason, at: float) -> Sample:
        """A sample that says only that there is no value, and why."""
        return Sample(self.metric, self.labels, math.nan, at, Quality.BAD, reason)


def series(site: str, device: Owner, point: Point) -> PointSeries:
    """The series of one point."""
    quantity = quantity_of(point.unit)
    labels = (site, device.stack, device.name, point.name)
    to_base = quantity.units[point.unit]
    return PointSeries(POINT_METRICS[quantity], labels, to_base)
