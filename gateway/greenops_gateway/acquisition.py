"""What becomes of samples: quality, the live picture, counters, averages for the limits, what is derived from them.

Nothing here waits or reads a clock of its own; the clock is an argument, and ``tick`` is called about once a second, so
that silence has consequences too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from greenops_core.catalogue import (
    DEVICE_CERTIFICATE_EXPIRY,
    DEVICE_EVENTS,
    DEVICE_REQUESTS,
    DEVICE_UP,
    POINT_LAST_SAMPLE,
    POINT_QUALITY,
)
from greenops_core.errors import DeviceError
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_gateway.cems.gap import Gaps
from greenops_gateway.cems.judge import Judge
from greenops_gateway.derived import Calculation
from greenops_gateway.limit import LimitWatch
from greenops_gateway.plugin import Batch, Desk, Event, Result
from greenops_gateway.point import Device, Point, PointSeries, series
from greenops_gateway.rule import rules
from greenops_gateway.supervise import LASTING
from greenops_gateway.tally import Tally
from greenops_telemetry.live import Cell, Live

log = logging.getLogger(__name__)

Clock = Callable[[], float]
AHEAD = 60.0
"""By how many seconds a device's clock may be ahead of ours before its time is not believed."""


class Intake:
    """One point: its live value, its quality with one reason at a time, and its gaps."""

    __slots__ = (
        "_expires",
        "_freshness",
        "_gaps",
        "_judge",
        "_last",
        "_latest",
        "_live",
        "_point",
        "_qualities",
        "_tally",
        "_value",
        "calculations",
        "level",
        "reason",
        "series",
        "unit",
        "watches",
    )  # there are thousands of them

    def __init__(
        self, to: PointSeries, point: Point, live: Live, tally: Tally, *, freshness: float, now: float
    ) -> None:
        """*freshness* is how long, in seconds, a value is shown without a new one."""
        self.series, self.unit = to, point.unit
        self.watches: Sequence[LimitWatch] = ()
        self.calculations: Sequence[Calculation] = ()
        self._judge, self._freshness, self._live = Judge(rules(point)), freshness, live
        self._point, self._gaps = point, Gaps(point.gap(freshness), now)
        self._latest = self._expires = 0.0
        self.level, self.reason = Quality.BAD, Reason.NONE
        self._value = live.cell(to.metric, to.labels)
        self._last = live.cell(POINT_LAST_SAMPLE, to.labels)
        self._qualities: dict[Reason, Cell] = {}
        self._tally = tally

    @property
    def is_known(self) -> bool:
        """Whether anything was said about the point yet."""
        return self.level is not Quality.BAD or self.reason is not Reason.NONE

    @property
    def value(self) -> tuple[float, float] | None:
        """The value in the point's own unit and when it was measured; none while it is bad."""
        if self.level is Quality.BAD:
            return None
        return self.series.to_base.from_base(self._value.value), self._value.at

    @property
    def last(self) -> Sample | None:
        """What was said of the point last; nothing when nothing was."""
        if not self.is_known:
            return None
        if self.level is Quality.BAD:
            return self.series.bad(self.reason, self._value.at)
        return Sample(
            self.series.metric, self.series.labels, self._value.value, self._value.at, self.level, self.reason
        )

    def put(self, sample: Sample, now: float, *, trusted: bool = True) -> None:
        """Judge *sample* and take it over; *trusted* is whether the gateway's own clock is."""
        metric, labels, value, at, level, reason = sample
        level, reason = self._judge.assess(value, at, level, reason, clock=trusted and at <= now + AHEAD)
        self._tally.samples[level] += 1
        # A time that has not come yet must neither hide nor outlive what follows.
        if at > now:  # noqa: PLR1730  # min() takes five times as long, for every value there is
            at = now
        news = at >= self._latest
        if level is not Quality.BAD:
            for watch in self.watches:
                watch.add(sample, now)
            if (gap := self._gaps.took(at)) is not None:
                self._tally.closed(labels[3], gap)
            if news and now - at >= self._freshness:
                level, reason = Quality.BAD, Reason.STALE
        if not news:
            return  # from a device's history: it fills averages, and says nothing about now
        if level is Quality.BAD:
            self.end(reason, now)
            return
        self._latest = at
        self._expires = at + self._freshness
        self._value.set(value, at, self._expires)
        self._last.set(at, now)
        if level is not self.level or reason is not self.reason:
            self._say(level, reason, now)
        for calculation in self.calculations:
            calculation.take(Sample(metric, labels, value, at, level, reason))

    def end(self, reason: Reason, now: float) -> None:
        """There is no usable value from now on."""
        self._value.end()
        self._gaps.lost(reason, now)
        if self.level is not Quality.BAD or reason is not self.reason:
            self._say(Quality.BAD, reason, now)
            for calculation in self.calculations:
                calculation.take(self.series.bad(reason, now))

    def restarted(self, now: float) -> None:
        """The device was away: what it says may not have settled."""
        self._judge.restarted(now)

    def stepped(self, by: float) -> None:
        """The gateway's clock was set, *by* seconds forward: nothing is older or newer for that.

        Whether what comes is newer than what was cannot be known: the device's clock may not have been set.
        """
        self._judge.stepped(by)
        self._gaps.stepped(by)
        self._latest = 0.0
        self._value.at += by
        self._expire()

    def freshen(self, freshness: float) -> None:
        """A value is shown for *freshness* seconds from now on."""
        self._freshness, self._gaps.after = freshness, self._point.gap(freshness)
        self._expire()

    def tick(self, now: float) -> None:
        """What changes by time alone."""
        if self.level is not Quality.BAD and now >= self._expires:
            self.end(Reason.STALE, now)
        if (gap := self._gaps.tick(now)) is not None:
            self._tally.opened(self.series.labels[3], gap)

    def forget(self) -> None:
        """The point is no more."""
        labels = self.series.labels
        for metric in (self.series.metric, POINT_LAST_SAMPLE):
            self._live.forget(metric, labels)
        for reason in self._qualities:
            self._live.forget(POINT_QUALITY, (*labels, reason.value))

    def _expire(self) -> None:
        """Count anew until when the value is shown."""
        self._expires = self._value.at + self._freshness
        if self.level is not Quality.BAD:
            self._value.expires = self._expires

    def _say(self, level: Quality, reason: Reason, now: float) -> None:
        if (before := self._qualities.get(self.reason)) is not None:
            before.end()
        if (cell := self._qualities.get(reason)) is None:
            cell = self._live.cell(POINT_QUALITY, (*self.series.labels, reason.value))
            self._qualities[reason] = cell
        cell.set(int(level), now)
        self.level, self.reason = level, reason


class Acquisition:
    """One device: its points, whether it answers, and its counters."""

    def __init__(self, site: str, protocol: str, device: Device, live: Live, clock: Clock) -> None:
        self.device = device
        self.is_up: bool | None = None
        self._live, self._clock = live, clock
        self._at = (site, device.stack, device.name)
        now = clock()
        all_series = tuple(series(site, device, point) for point in device.points)
        self._tally = Tally(self._at, live)
        self._tally.tell(now)
        self.intakes: dict[tuple[str, ...], Intake] = {
            to.labels: Intake(to, point, live, self._tally, freshness=device.freshness(), now=now)
            for to, point in zip(all_series, device.points, strict=True)
        }
        self._up = live.cell(DEVICE_UP, (*self._at, protocol))
        self._since, self._told = now, False
        self._requests = {result: self._counter(DEVICE_REQUESTS, result.value) for result in Result}
        self._events = {event: self._counter(DEVICE_EVENTS, event.value) for event in Event}
        self.desk: Desk[Any] = Desk(device, all_series, self._count, self._event, self.down, self._ends, clock=clock)

    @property
    def tried(self) -> bool:
        """Whether it is known if the device answers."""
        return self.is_up is not None

    def up(self) -> None:
        """The device answers."""
        now = self._clock()
        if self.is_up is False:
            for intake in self.intakes.values():
                intake.restarted(now)
        self.is_up, self._since = True, now
        self._up.set(1, now)

    def down(self, why: str = "") -> None:
        """The device does not answer; *why* is told once, and not at all when its link told it already.

        In the log it is back only once it has answered for ``LASTING``.
        """
        now = self._clock()
        if why and self.is_up is not False and not self._told:
            log.warning("%s: down: %s", self.device.name, why)
            self._told = True
        self.is_up = False
        self._up.set(0, now)
        for intake in self.intakes.values():
            intake.end(Reason.COMMUNICATION, now)

    def stepped(self, by: float) -> None:
        """The gateway's clock was set, *by* seconds forward."""
        self._since += by
        for intake in self.intakes.values():
            intake.stepped(by)

    def tick(self) -> None:
        """What changes by time alone."""
        now = self._clock()
        if self._told and self.is_up and now - self._since >= LASTING:
            log.info("%s: answers again", self.device.name)
            self._told = False
        for intake in self.intakes.values():
            intake.tick(now)
        self._tally.tell(now)

    def forget(self) -> None:
        """The device is no more."""
        for intake in self.intakes.values():
            intake.forget()
        self._tally.forget()
        self._live.forget(DEVICE_UP, self._up.labels)
        for metric, cells in ((DEVICE_REQUESTS, self._requests.values()), (DEVICE_EVENTS, self._events.values())):
            for cell in cells:
                self._live.forget(metric, cell.labels)
        for which in ("own", "server"):
            self._live.forget(DEVICE_CERTIFICATE_EXPIRY, (*self._at, which))

    def _counter(self, metric: Metric, label: str) -> Cell:
        cell = self._live.cell(metric, (*self._at, label))
        cell.set(0, self._clock())
        return cell

    def _count(self, result: Result) -> None:
        cell = self._requests[result]
        cell.set(cell.value + 1, self._clock())

    def _event(self, event: Event) -> None:
        cell, now = self._events[event], self._clock()
        cell.set(cell.value + 1, now)
        if event is Event.RESTART:
            for intake in self.intakes.values():
                intake.restarted(now)

    def _ends(self, which: str, at: float) -> None:
        self._live.cell(DEVICE_CERTIFICATE_EXPIRY, (*self._at, which)).set(at, self._clock())


class Reception:
    """Takes what comes over one link. Fits ``supervise.Receiver``."""

    def __init__(self, acquisitions: Iterable[Acquisition], clock: Clock, trusted: Callable[[float], bool]) -> None:
        """*trusted* is whether the gateway's clock can be believed at a Unix time."""
        self._acquisitions = tuple(acquisitions)
        self._clock, self._trusted = clock, trusted
        self._owners: dict[tuple[str, ...], tuple[Intake, Acquisition]] = {
            labels: (intake, acquisition)
            for acquisition in self._acquisitions
            for labels, intake in acquisition.intakes.items()
        }

    def put(self, batch: Batch) -> None:
        """Raises DeviceError: the protocol sent a sample of a point that no device of the link has."""
        now = self._clock()
        trusted = self._trusted(now)
        owners = self._owners
        for sample in batch:
            owner = owners.get(sample[1])
            if owner is None or owner[0].series.metric is not sample[0]:
                raise DeviceError(f"the protocol sent a sample that is none of its points: {'/'.join(sample[1])}")
            if not owner[1].is_up:
                owner[1].up()
            owner[0].put(sample, now, trusted=trusted)

    def down(self) -> None:
        for acquisition in self._acquisitions:
            acquisition.down()
