"""The metrics of one Sparkplug B device or edge node, in the words of its last birth (Eclipse Sparkplug 3.0.0)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from greenops_core.errors import DecodeError, nearest
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.meaning import Meaning
from greenops_gateway.mqtt import complaint
from greenops_gateway.mqtt import payload as text
from greenops_gateway.mqtt.configuration import MqttDevice, MqttPoint
from greenops_gateway.mqtt.reception import EARLIEST, MOST_AHEAD
from greenops_gateway.mqtt.sparkplug_payload import Metric, Payload, number
from greenops_gateway.plugin import Desk
from greenops_gateway.point import PointSeries

log = logging.getLogger(__name__)

MOST_ASKED = 10_000
"""Metrics of one device that no birth tells of; one that invents more is not asked any longer."""
MOST_COMPARED = 500
"""Metrics among which the nearest name is looked for, which takes long."""

QUALITIES: Mapping[int | None, tuple[Quality, Reason]] = {
    None: (Quality.GOOD, Reason.NONE),
    0: (Quality.BAD, Reason.DEVICE_EXCEPTION),
    192: (Quality.GOOD, Reason.NONE),
    500: (Quality.UNCERTAIN, Reason.STALE),
}
"""Quality codes (6.4.9.1); any other means that the device has a doubt."""
DOUBTFUL = (Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN)


def metric_of(point: MqttPoint) -> str:
    """The name of the metric that *point* reads: its path, else its own name."""
    return point.path or point.name


class Reader(NamedTuple):
    """A configured point that reads a metric."""

    desk: Desk[MqttDevice]
    series: PointSeries
    point: MqttPoint
    meaning: Meaning
    words: Mapping[str, float]

    @property
    def place(self) -> str:
        _, _, device, point = self.series.labels
        return f"{device}: {point}"

    def sample(self, metric: Metric, declared: int | None, sent: float | None, at: float) -> Sample:
        """What *metric* of a message *sent* then says, which came *at*."""
        series = self.series
        when = metric.at if metric.at is not None else sent
        trusted = when is not None and EARLIEST <= when <= at + MOST_AHEAD
        when = when if when is not None and trusted else at
        if metric.null:
            return series.bad(Reason.SENTINEL, when)
        quality, reason = QUALITIES.get(metric.quality, DOUBTFUL)
        if quality is Quality.BAD:
            return series.bad(reason, when)
        try:
            value, wrong = self.value(metric, declared)
        except DecodeError as error:
            wrong_line = f"metric '{metric_of(self.point)}': {error}"
            once(self.desk, self.place, "value", lambda: wrong_line)
            return series.bad(Reason.DECODE, when)
        if wrong is not Reason.NONE:
            return series.bad(wrong, when)
        if quality is Quality.GOOD and not trusted:
            quality, reason = Quality.UNCERTAIN, Reason.CLOCK
        return series.sample(value, when, quality, reason)

    def value(self, metric: Metric, declared: int | None) -> tuple[float, Reason]:
        """Raises DecodeError: there is no number."""
        if not isinstance(metric.raw, str):
            return self.meaning.of(number(metric, declared))
        if metric.raw in self.words:
            return self.words[metric.raw], Reason.NONE
        return self.meaning.of(text.number(metric.raw, text=self.point.text, truth=False))


class Known(NamedTuple):
    """A metric that a birth told of, and who reads it: perhaps nobody."""

    datatype: int | None
    readers: Sequence[Reader]


class Scope:
    """The metrics of one device, or of the edge node itself, in the words of its last birth."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.desks: list[Desk[MqttDevice]] = []
        self.born = self.told = False
        self._wanted: dict[str, list[Reader]] = {}
        self._names: dict[str, Known] = {}
        self._aliases: dict[int, Known] = {}
        self._asked: set[str] = set()

    def add(self, desk: Desk[MqttDevice]) -> None:
        self.desks.append(desk)
        for point, series in zip(desk.device.points, desk.series, strict=True):
            reader = Reader(desk, series, point, point.meaning(), point.words())
            self._wanted.setdefault(metric_of(point), []).append(reader)

    def birth(self, payload: Payload, at: float) -> list[Sample]:
        """Learn the metrics; their values, and a bad sample for each point whose metric is missing."""
        self.born = self.told = True
        self._names, self._aliases = {}, {}
        for metric in payload.metrics:
            if metric.name is not None:
                known = Known(metric.datatype, self._wanted.get(metric.name, ()))
                self._names[metric.name] = known
                if metric.alias is not None:
                    self._aliases[metric.alias] = known
        samples, _ = self.data(payload, at)
        for path in self._wanted.keys() - self._names.keys():
            for reader in self._wanted[path]:
                once(reader.desk, reader.place, "missing", partial(self._missing, path))
                samples.append(reader.series.bad(Reason.DEVICE_EXCEPTION, at))
        return samples

    def _missing(self, path: str) -> str:
        return f"{self.what} has no metric '{path}'{nearest(path, islice(self._names, MOST_COMPARED))}"

    def data(self, payload: Payload, at: float) -> tuple[list[Sample], set[str]]:
        """The samples of the points, and metrics that the birth did not tell of (6.4.6).

        One that a point asks for by its full name is read all the same: nothing else can be meant.
        """
        samples: list[Sample] = []
        strangers: set[str] = set()
        for metric in payload.metrics:
            known = self._names.get(metric.name) if metric.name is not None else None
            if known is None and metric.alias is not None:
                known = self._aliases.get(metric.alias)
            if known is None:
                strangers.add(metric.name if metric.name is not None else f"alias {metric.alias}")
                known = Known(None, self._wanted.get(metric.name or "", ()))
            if not metric.historical or metric.at is not None:  # a value of some time in the past is of no use
                samples += [reader.sample(metric, known.datatype, payload.at, at) for reader in known.readers]
        return samples, strangers

    def news(self, strangers: set[str]) -> set[str]:
        """Those that were not asked about before: an edge node whose next birth omits them too is not asked again."""
        new = strangers - self._asked
        if len(self._asked) >= MOST_ASKED:
            return set()
        self._asked |= new
        return new

    def unborn(self) -> None:
        """A new session of the edge node: what its last birth said holds no longer."""
        self.born = self.told = False
        self._names, self._aliases = {}, {}

    def down(self, why: str) -> None:
        self.unborn()
        self.told = True
        for desk in self.desks:
            desk.down(why)


def once(desk: Desk[MqttDevice], what: str, kind: str, line: Callable[[], str]) -> None:
    """Log *line* about *what*, unless one of its *kind* was."""
    if complaint.is_new(complaint.told(desk.kept), f"{kind} of {what}", desk.clock()):
        log.warning("%s: %s", what, line())
