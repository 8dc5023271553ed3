"""What becomes of samples: quality, the live picture, counters, averages for the limits, what is derived from them.

Nothing here waits or reads a clock of its own; the clock is an argument, and ``tick`` is called about once a second, so
that silence has consequences too.
"""

from __future__ import annotations

import asyncio
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
from greenops_gateway.journal.keeping import Keeping
from greenops_gateway.limit import LimitWatch
from greenops_gateway.plugin import Batch, Desk, Event, Result
from greenops_gateway.point import Device, Point, PointSeries, series
from greenops_gateway.rule import rules
from greenops_gateway.supervise import LASTING
from greenops_gateway.tally import Tally
from greenops_telemetry.live import Cell, Live

log = logging.getLogger(__name__)

_BAD = Quality.BAD  # by its class a member is looked up slowly, and this is done for every value there is

Clock = Callable[[], float]
AHEAD = 60.0
"""By how many seconds a device's clock may be ahead of ours before its time is not believed."""


class Intake:
    """One point: its live value, its quality with one reason at a time, and its gaps."""

    __slots__ = (
        "_ended",
        "_expires",
        "_freshness",
        "_gaps",
        "_judge",
        "_last",
        "_latest",
        "_live",
        "_point",
        "_quality",
        "_tally",
        "_value",
        "calculations",
        "level",
        "number",
        "reason",
        "series",
        "unit",
        "watches",
    )  # there are thousands of them

    def __init__(
        self, to: PointSeries, point: Point, live: Live, tally: Tally, number: int, *, freshness: float, now: float
    ) -> None:
        """*number* is that of the series in the journal; *freshness* is how long a value is shown without a new one."""
        self.series, self.unit = to, point.unit
        self.watches: Sequence[LimitWatch] = ()
        self.calculations: Sequence[Calculation] = ()
        self._judge, self._freshness, self._live = Judge(rules(point)), freshness, live
        self._point, self._gaps = point, Gaps(point.gap(freshness), now)
        self.number = number
        self._latest = self._expires = 0.0
        self._ended: Reason | None = None  # why, when the last word of the point was that there is no value
        self.level, self.reason = _BAD, Reason.NONE
        self._value = live.cell(to.metric, to.labels)
        self._last = live.cell(POINT_LAST_SAMPLE, to.labels)
        self._quality: Cell | None = None
        self._tally = tally

    @property
    def is_known(self) -> bool:
        """Whether anything was said about the point yet."""
        return self.level is not _BAD or self.reason is not Reason.NONE

    @property
    def value(self) -> tuple[float, float] | None:
        """The value in the point's own unit and when it was measured; none while it is bad."""
        if self.level is _BAD:
            return None
        return self.series.to_base.from_base(self._value.value), self._value.at

    @property
    def last(self) -> Sample | None:
        """What was said of the point last; nothing when nothing was."""
        if not self.is_known:
            return None
        if self.level is _BAD:
            return self.series.bad(self.reason, self._value.at)
        return Sample(
            self.series.metric, self.series.labels, self._value.value, self._value.at, self.level, self.reason
        )

    def judge(self, sample: Sample, now: float, *, trusted: bool = True) -> Sample:
        """*sample* with the quality that it really has; *trusted* is whether the gateway's own clock is."""
        metric, labels, value, at, told, why = sample
        level, reason = self._judge.assess(value, at, told, why, clock=trusted and at <= now + AHEAD)
        self._tally.samples[level] += 1
        self._ended = reason if level is _BAD else None
        if level is told and reason is why:
            return sample
        return Sample(metric, labels, value, at, level, reason)

    def lost(self, reason: Reason, now: float) -> Sample | None:
        """What says that there is no usable value from *now* on; nothing when that was the last word already."""
        if self._ended is reason:
            return None
        self._ended = reason
        return self.series.bad(reason, now)

    def take(self, sample: Sample, now: float) -> None:
        """Show a judged *sample*, and compute with it."""
        metric, labels, value, at, level, reason = sample
        # A time that has not come yet must neither hide nor outlive what follows.
        if at > now:  # noqa: PLR1730  # min() takes five times as long, for every value there is
            at = now
        news = at >= self._latest
        if level is not _BAD:
            for watch in self.watches:
                watch.add(sample, now)
            if (gap := self._gaps.took(at)) is not None:
                self._tally.closed(labels, gap)
            if news and now - at >= self._freshness:
                level, reason = _BAD, Reason.STALE
        if not news:
            return  # from a device's history: it fills averages, and says nothing about now
        if level is _BAD:
            self._end(reason, now)
            return
        self._latest = at
        self._expires = expires = at + self._freshness
        self._value.set(value, at, expires)
        self._last.set(at, now)
        if level is not self.level or reason is not self.reason:
            self._say(level, reason, now)
        for calculation in self.calculations:
            calculation.take(Sample(metric, labels, value, at, level, reason))

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

    def tick(self, now: float) -> Sample | None:
        """What changes by time alone; what says so when that is the value."""
        if (gap := self._gaps.tick(now)) is not None:
            self._tally.opened(self.series.labels, gap)
        return self.lost(Reason.STALE, now) if self.level is not _BAD and now >= self._expires else None

    def forget(self) -> None:
        """The point is no more."""
        labels = self.series.labels
        for metric in (self.series.metric, POINT_LAST_SAMPLE):
            self._live.forget(metric, labels)
        for reason in Reason:
            self._live.forget(POINT_QUALITY, (*labels, reason.value))

    def _end(self, reason: Reason, now: float) -> None:
        self._value.end()
        self._gaps.lost(reason, now)
        if self.level is not _BAD or reason is not self.reason:
            self._say(_BAD, reason, now)
            for calculation in self.calculations:
                calculation.take(self.series.bad(reason, now))

    def _expire(self) -> None:
        """Count anew until when the value is shown."""
        self._expires = self._value.at + self._freshness
        if self.level is not _BAD:
            self._value.hold(self._expires)

    def _say(self, level: Quality, reason: Reason, now: float) -> None:
        if self._quality is not None:
            self._quality.end()
        self._quality = self._live.cell(POINT_QUALITY, (*self.series.labels, reason.value))
        self._quality.set(int(level), now)
        self.level, self.reason = level, reason


class Acquisition:
    """One device: its points, whether it answers, and its counters."""

    def __init__(
        self, site: str, protocol: str, device: Device, live: Live, clock: Clock, *, keeping: Keeping | None = None
    ) -> None:
        self.device = device
        self.is_up: bool | None = None
        self._live, self._clock = live, clock
        self.keeping = keeping or Keeping()
        self._at = (site, device.stack, device.name)
        now = clock()
        all_series = tuple(series(site, device, point) for point in device.points)
        self._tally = Tally(self._at, live, self.keeping.gap)
        self._tally.tell(now)
        self.intakes: dict[tuple[str, ...], Intake] = {
            to.labels: Intake(
                to, point, live, self._tally, self.keeping.number(to), freshness=device.freshness(), now=now
            )
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
        self._lose(((each, each.lost(Reason.COMMUNICATION, now)) for each in self.intakes.values()), now)

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
        self._lose(((intake, intake.tick(now)) for intake in self.intakes.values()), now)
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

    def _lose(self, lost: Iterable[tuple[Intake, Sample | None]], now: float) -> None:
        self.keeping.put([(intake, sample) for intake, sample in lost if sample is not None], now)

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

    def __init__(
        self,
        acquisitions: Iterable[Acquisition],
        clock: Clock,
        trusted: Callable[[float], bool],
        keeping: Keeping | None = None,
        *,
        acknowledges: bool = False,
    ) -> None:
        """*trusted* is whether the gateway's clock can be believed at a Unix time; *acknowledges*: who sends waits."""
        self._acquisitions = tuple(acquisitions)
        self._clock, self._trusted = clock, trusted
        self._keeping, self._acknowledges = keeping or Keeping(), acknowledges
        self._kept: asyncio.Future[None] | None = None
        self._owners: dict[tuple[str, ...], tuple[Metric, Intake, Acquisition]] = {
            labels: (intake.series.metric, intake, acquisition)
            for acquisition in self._acquisitions
            for labels, intake in acquisition.intakes.items()
        }

    def put(self, batch: Batch) -> None:
        """Raises DeviceError: the protocol sent a sample of a point that no device of the link has."""
        now = self._clock()
        trusted = self._trusted(now)
        owners = self._owners
        judged: list[tuple[Intake, Sample]] = []
        try:
            for sample in batch:
                owner = owners.get(sample[1])
                if owner is None or owner[0] is not sample[0]:
                    raise DeviceError(f"the protocol sent a sample that is none of its points: {'/'.join(sample[1])}")
                _, intake, acquisition = owner
                if not acquisition.is_up:
                    acquisition.up()
                judged.append((intake, intake.judge(sample, now, trusted=trusted)))
        finally:
            if self._acknowledges:
                self._kept = self._keeping.keep(judged, now)
            else:
                self._keeping.put(judged, now)

    async def kept(self) -> None:
        """Wait until what was put is durable, where the sender waits to hear of it.

        Raises:
            DeviceError: the disk does not take it; it must not be acknowledged.
        """
        if self._kept is None:
            return
        try:
            await self._kept
        except OSError as error:
            raise DeviceError(f"nothing is acknowledged: the journal cannot be written: {error.strerror}") from None
        finally:
            self._kept = None

    def down(self) -> None:
        for acquisition in self._acquisitions:
            acquisition.down()
