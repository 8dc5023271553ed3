"""What becomes of a device's samples: quality, the live picture, counters, averages for the limits.

Nothing here waits or reads a clock of its own; the clock is an argument, and ``tick`` is called about once a second, so
that silence has consequences too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from greenops_core.catalogue import DEVICE_REQUESTS, DEVICE_UP, POINT_LAST_SAMPLE, POINT_QUALITY, POINT_SAMPLES
from greenops_core.errors import DeviceError
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.limit import LimitWatch
from greenops_gateway.plugin import Result
from greenops_gateway.point import Device, PointSeries, series
from greenops_telemetry.live import Live


class Acquisition:
    """Takes the samples of one device. Fits ``supervise.Receiver``."""

    def __init__(
        self,
        site: str,
        device: Device,
        watches: Mapping[str, Sequence[LimitWatch]],
        live: Live,
        clock: Callable[[], float],
    ) -> None:
        """*watches* are the limits by point name."""
        self.device, self.tried = device, False
        self._live, self._clock = live, clock
        self._up = (site, device.stack, device.name, device.protocol)
        self._requests = {result: (site, device.stack, device.name, result.value) for result in Result}
        self._counts = dict.fromkeys(Result, 0)
        now = clock()
        self._intakes: dict[tuple[str, ...], Intake] = {}
        for point in device.points:
            to = series(site, device, point)
            self._intakes[to.labels] = Intake(
                to, watches.get(point.name, ()), live, freshness=device.freshness(), now=now
            )
        for labels in self._requests.values():
            live.put(Sample(DEVICE_REQUESTS, labels, 0, now))

    def put(self, sample: Sample) -> None:
        """Raises DeviceError: the protocol sent a sample of a point that the device does not have."""
        intake = self._intakes.get(sample.labels)
        if intake is None or intake.series.metric is not sample.metric:
            raise DeviceError(f"protocol {self.device.protocol} sent a sample that is none of the device's points")
        intake.put(sample, self._clock())

    def up(self) -> None:
        self._tried(1)

    def down(self) -> None:
        self._tried(0)
        now = self._clock()
        for intake in self._intakes.values():
            intake.end(Reason.COMMUNICATION, now)

    def count(self, result: Result) -> None:
        """One more request ended so."""
        self._counts[result] += 1
        self._live.put(Sample(DEVICE_REQUESTS, self._requests[result], self._counts[result], self._clock()))

    def tick(self) -> None:
        """What changes by time alone."""
        now = self._clock()
        for intake in self._intakes.values():
            intake.tick(now)

    def _tried(self, up: float) -> None:
        self.tried = True
        self._live.put(Sample(DEVICE_UP, self._up, up, self._clock()))


class Intake:
    """One point: its live value, its quality with one reason at a time, and its counters."""

    def __init__(
        self,
        to: PointSeries,
        watches: Sequence[LimitWatch],
        live: Live,
        *,
        freshness: float,
        now: float,
    ) -> None:
        """*freshness* is how long, in seconds, a value is shown without a new one."""
        self.series = to
        self._freshness, self._watches, self._live = freshness, watches, live
        self._expires = 0.0
        self._state: tuple[Quality, Reason] | None = None
        self._counts = dict.fromkeys(Quality, 0)
        self._counted = {level: (*to.labels, level.name.lower()) for level in Quality}
        for labels in self._counted.values():
            live.put(Sample(POINT_SAMPLES, labels, 0, now))

    def put(self, sample: Sample, now: float) -> None:
        """Judge *sample* and take it over."""
        sample = self.series.judged(sample)
        self._count(sample.quality, now)
        if sample.quality is Quality.BAD:
            self.end(sample.reason, now)
            return
        self._expires = sample.at + self._freshness
        self._live.put(sample, self._expires)
        self._live.put(Sample(POINT_LAST_SAMPLE, self.series.labels, sample.at, now))
        self._judge(sample.quality, sample.reason, now)
        for watch in self._watches:
            watch.add(sample, now)

    def end(self, reason: Reason, now: float) -> None:
        """There is no usable value from now on."""
        self._live.put(self.series.bad(reason, now))
        self._judge(Quality.BAD, reason, now)

    def tick(self, now: float) -> None:
        if self._state is not None and self._state[0] is not Quality.BAD and now >= self._expires:
            self.end(Reason.STALE, now)

    def _judge(self, level: Quality, reason: Reason, now: float) -> None:
        if self._state == (level, reason):
            return
        if self._state is not None:
            before = Sample(POINT_QUALITY, (*self.series.labels, self._state[1].value), 0, now)
            self._live.put(before.marked(Quality.BAD, reason))
        self._live.put(Sample(POINT_QUALITY, (*self.series.labels, reason.value), float(level), now))
        self._state = (level, reason)

    def _count(self, level: Quality, now: float) -> None:
        self._counts[level] += 1
        self._live.put(Sample(POINT_SAMPLES, self._counted[level], self._counts[level], now))
