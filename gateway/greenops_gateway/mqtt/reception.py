"""Which samples a message of a JSON or plain device makes. It touches no network and reads no clock.

When a value was measured: the time in its payload; without one, when it came. A message whose time can only be guessed
is no good sample: one that the broker kept (retained) makes none at all, and one that may have waited in the broker's
queue (sent again, or with QoS 1 in a resumed session until the broker is through with its queue) is uncertain for its
clock. A retained message is no sign of life, and an old one makes no sample.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from greenops_core.errors import DecodeError
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.meaning import SMALLEST, Meaning
from greenops_gateway.mqtt import complaint, payload
from greenops_gateway.mqtt.configuration import MqttDevice, MqttPoint, MqttQuality
from greenops_gateway.mqtt.packet import Publish
from greenops_gateway.mqtt.topic import Routes, has_wildcard
from greenops_gateway.plugin import Desk, Event, Result
from greenops_gateway.point import PointSeries

log = logging.getLogger(__name__)

EARLIEST = 946684800.0
"""1 January 2000: a clock that says less was never set, or is read in the wrong format."""
MOST_AHEAD = 60.0
"""Seconds that a clock may be ahead of ours: a value from further ahead would look fresh for as long."""
DOUBTFUL = (Reason.DEVICE_UNCERTAIN, Reason.FORCED)
"""States in which the device gives a value all the same."""
WORD = "mqtt: last word"
"""Where the desk keeps what the topic for alive said last."""
_UNREAD = object()
_GOOD, _NONE = Quality.GOOD, Reason.NONE  # by its class a member is looked up slowly, and this is done for every value


class Stamp(NamedTuple):
    """When the values of a message were measured, and how far that is known."""

    at: float
    quality: Quality = _GOOD
    reason: Reason = _NONE


@dataclass(frozen=True, slots=True)
class States:
    """What judges a value: the state at *path*."""

    path: payload.Path
    reasons: Mapping[tuple[bool, object], Reason]

    def of(self, document: object) -> Reason:
        """A state that is not listed, or none at all, is a doubt."""
        try:
            key = payload.state(payload.find(document, self.path))
        except DecodeError:
            return Reason.DEVICE_UNCERTAIN
        return Reason.DEVICE_UNCERTAIN if key is None else self.reasons.get(key, Reason.DEVICE_UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Field:
    """One point's place in a payload, and what stands there."""

    name: str
    series: PointSeries
    path: payload.Path
    meaning: Meaning
    words: Mapping[str, float]
    text: bool
    truth: bool
    states: States | None
    as_it_is: bool
    """The number is the value, unless it is none or too small to be one."""

    def sample(self, found: object, stamp: Stamp) -> Sample:
        """Raises DecodeError: there is no number."""
        at, level, doubt = stamp
        # The quick way to what is said below of nearly every number.
        if self.as_it_is and type(found) is float and (SMALLEST <= abs(found) < inf or found == 0):
            return self.series.sample(found, at, level, doubt)
        if found is None:
            return self.series.bad(Reason.SENTINEL, at)
        if self.words and isinstance(found, str) and found in self.words:
            return self.series.sample(self.words[found], at, level, doubt)
        value, reason = self.meaning.of(payload.number(found, text=self.text, truth=self.truth))
        if reason is _NONE:
            return self.series.sample(value, at, level, doubt)
        return self.series.bad(reason, at)

    def plain(self, raw: bytes, stamp: Stamp) -> Sample:
        """Raises DecodeError: there is no number."""
        word = raw.strip()
        if self.truth and word in {b"true", b"false"}:
            return self.sample(word == b"true", stamp)
        if self.words and (named := word.decode(errors="replace")) in self.words:
            return self.sample(named, stamp)
        return self.sample(payload.plain(raw), stamp)


class Reception:
    """One device: when it was last heard, and whether what it sends may be old."""

    def __init__(self, desk: Desk[MqttDevice], now: float, *, resumed: bool) -> None:
        """*now* is on the monotonic clock. *resumed*: the broker may have kept messages while nobody was here."""
        device = desk.device
        self.desk = desk
        self.told = complaint.told(desk.kept)
        self.dead = False
        self.behind = resumed
        self._time = None if device.time is None else (payload.path(device.time.path), device.time.format)
        self._patience = device.freshness()
        self._touched = self._strange = self._silent = False
        self._heard = now

    def stamp(self, message: Publish, document: object, at: float) -> Stamp | None:
        """When the message that came *at* was measured; None for a retained one that is old, or perhaps is."""
        if self._time is not None:
            stamp = self._own(document, at)
        elif message.again or (message.qos and self.behind):
            stamp = Stamp(at, Quality.UNCERTAIN, Reason.CLOCK)
        else:
            stamp = Stamp(at)
        if message.retained and (
            self.dead or self._time is None or stamp.reason is Reason.CLOCK or at - stamp.at > self._patience
        ):
            self.desk.event(Event.RETAINED)
            return None
        return stamp

    def touch(self, message: Publish) -> None:
        """The device is there, for it sent *message*; a retained one it may have sent long ago."""
        if not message.retained:
            self._touched, self.dead = True, False

    def stranger(self) -> None:
        """A message under its topics that has nothing of it."""
        self._strange = True
        self.desk.event(Event.STRANGER)

    def refused(self, why: str) -> None:
        """Nothing can come of it: the broker does not let us listen."""
        self._silent = True
        self.desk.count(Result.EXCEPTION)
        self.desk.down(why)

    def tick(self, now: float) -> None:
        """Tell when the device has said nothing for longer than its values stay fresh; *now* is monotonic."""
        if self._touched:
            self._heard, self._touched, self._silent, self._strange = now, False, False, False
        if now - self._heard >= self._patience and not self._silent:
            self._silent = True
            self.desk.count(Result.TIMEOUT)
            if not self.dead:
                what = "messages come without its values" if self._strange else "the broker is there"
                self.desk.down(f"no message for {self._patience:g} s, though {what}")

    def alive(self, message: Publish, at: float) -> None:
        """What the topic says that tells whether the device is there; the broker says it anew after each connection."""
        alive = self.desk.device.alive
        said = message.payload.decode(errors="replace").strip()
        if alive is None or said not in {alive.up, alive.down}:
            seen = payload.excerpt(message.payload)
            self.tell("its state", at, f"its state: {seen} says neither that it is there nor that it is gone")
            return
        if said == alive.down and not self.dead:
            if not message.retained or self.desk.kept.get(WORD) != said:
                self.desk.event(Event.DEATH)
            self.desk.down(f"its broker says '{said}'")
        self.desk.kept[WORD] = said
        self.dead = said == alive.down

    def tell(self, kind: str, at: float, line: str | Callable[[], str]) -> bool:
        """Log *line*, unless one of its *kind* was; whether it was."""
        new = complaint.is_new(self.told, kind, at)
        if new:
            log.warning("%s: %s", self.desk.device.name, line if isinstance(line, str) else line())
        return new

    def _own(self, document: object, at: float) -> Stamp:
        if self._time is None:
            return Stamp(at)
        try:
            own = payload.moment(payload.find(document, self._time[0]), self._time[1])
        except DecodeError as error:
            self.tell("its time", at, f"its time: {error}")
            return Stamp(at, Quality.UNCERTAIN, Reason.CLOCK)
        if EARLIEST <= own <= at + MOST_AHEAD:
            if self.told:
                complaint.mended(self.told, "its time", at)
            return Stamp(own)
        ahead = f"{own - at:.0f} s ahead" if own > at else f"{at - own:.0f} s behind"
        self.tell("its time", at, f"its time: its clock is {ahead}, or not in {self._time[1]}")
        return Stamp(at, Quality.UNCERTAIN, Reason.CLOCK)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The points of one device that are in the messages of one topic filter.

    None of them: the topic says whether the device is there.
    """

    reception: Reception
    fields: tuple[Field, ...]
    partial: bool

    def json(self, message: Publish, document: object, at: float, batch: list[Sample]) -> None:
        """Add the samples of a JSON *document*."""
        reception = self.reception
        stamp = reception.stamp(message, document, at)
        if stamp is None:
            return
        wrong, taken, asked, told = False, 0, False, reception.told
        if told:
            complaint.mended(told, "its payload", at)
        for field in self.fields:
            try:
                found = payload.find(document, field.path)
            except DecodeError as error:
                if not self.partial:
                    wrong = True
                    asked = asked or self._missing(field, document, error, at)
                    batch.append(field.series.bad(Reason.DECODE, stamp.at))
                continue
            taken += 1
            state = _NONE if field.states is None else field.states.of(document)
            try:
                sample = field.sample(found, stamp)
            except DecodeError as error:
                wrong = True
                reception.tell(field.name, at, f"{field.name}: {error}")
                sample = field.series.bad(Reason.DECODE, stamp.at)
            else:
                if told:
                    complaint.mended(told, field.name, at)
            batch.append(sample if state is _NONE else _judged(sample, state, field.series))
        if taken or not self.partial:
            reception.touch(message)
            reception.desk.count(Result.DECODE if wrong else Result.OK)
        else:
            reception.stranger()

    def plain(self, message: Publish, at: float, batch: list[Sample]) -> None:
        """Add the samples of a payload that is the number."""
        reception = self.reception
        stamp = reception.stamp(message, None, at)
        if stamp is None:
            return
        wrong = False
        for field in self.fields:
            try:
                batch.append(field.plain(message.payload, stamp))
            except DecodeError as error:
                wrong = True
                reception.tell(field.name, at, f"{field.name}: {error}")
                batch.append(field.series.bad(Reason.DECODE, stamp.at))
            else:
                if reception.told:
                    complaint.mended(reception.told, field.name, at)
        reception.touch(message)
        reception.desk.count(Result.DECODE if wrong else Result.OK)

    def spoilt(self, message: Publish, error: DecodeError, at: float, batch: list[Sample]) -> None:
        """A payload that is not JSON: the device is there, and none of its values is."""
        self.reception.tell("its payload", at, f"{message.topic}: {error}")
        self.reception.desk.count(Result.DECODE)
        if self.partial or message.retained:
            self.reception.stranger()
            return
        self.reception.touch(message)
        batch += [field.series.bad(Reason.DECODE, at) for field in self.fields]

    def _missing(self, field: Field, document: object, error: DecodeError, at: float) -> bool:
        """Tell of a field that is not there, unless it was told; whether it was: to look for the nearest takes long."""

        def line() -> str:
            near = payload.nearest_path(document, field.path)
            return f"{field.name}: {error}" + (f"; did you mean '{near}'?" if near else "")

        return self.reception.tell(field.name, at, line)


class Hub:
    """All JSON and plain devices of a link: a message goes to each that wants it."""

    def __init__(self, desks: Sequence[Desk[MqttDevice]], now: float, *, resumed: bool) -> None:
        """*now* and *resumed* as in Reception."""
        self._receptions = [Reception(desk, now, resumed=resumed) for desk in desks]
        self._routes = Routes([route for reception in self._receptions for route in _parts(reception)])

    def caught_up(self) -> None:
        """The broker has sent all that it kept while nobody was here."""
        for reception in self._receptions:
            reception.behind = False

    def refused(self, desk: Desk[MqttDevice], why: str) -> None:
        """The broker does not let us listen to the device of *desk*."""
        for reception in self._receptions:
            if reception.desk is desk:
                reception.refused(why)

    def take(self, message: Publish, at: float, batch: list[Sample]) -> bool:
        """Add the samples of a message that came *at* (Unix seconds); False when nobody wants it.

        An empty one, which is how a retained message is deleted, says nothing.
        """
        parts = self._routes.of(message.topic)
        if not message.payload:
            return bool(parts)
        document: object = _UNREAD
        for part in parts:
            if not part.fields:
                part.reception.alive(message, at)
                continue
            if part.reception.desk.device.payload == "plain":
                part.plain(message, at, batch)
                continue
            if document is _UNREAD:
                try:
                    document = payload.document(message.payload)
                except DecodeError as error:
                    document = error
            if isinstance(document, DecodeError):
                part.spoilt(message, document, at, batch)
            else:
                part.json(message, document, at, batch)
        return bool(parts)

    def tick(self, now: float) -> None:
        """Call about once a second; *now* is monotonic."""
        for reception in self._receptions:
            reception.tick(now)


def _judged(sample: Sample, state: Reason, series: PointSeries) -> Sample:
    if sample.quality is Quality.BAD:
        return sample
    return sample.marked(Quality.UNCERTAIN, state) if state in DOUBTFUL else series.bad(state, sample.at)


def _parts(reception: Reception) -> list[tuple[str, Part]]:
    device = reception.desk.device
    by_filter: dict[str, list[Field]] = {}
    for point, series in zip(device.points, reception.desk.series, strict=True):
        by_filter.setdefault(device.filter_of(point), []).append(_field(device, point, series))
    parts = [
        (filter_, Part(reception, tuple(fields), device.partial or has_wildcard(filter_)))
        for filter_, fields in by_filter.items()
    ]
    alive = device.alive_topic()
    return parts if alive is None else [*parts, (alive, Part(reception, (), partial=False))]


def _field(device: MqttDevice, point: MqttPoint, series: PointSeries) -> Field:
    steps = () if point.path is None else payload.path(point.path)
    states, meaning, truth = _states(point.quality or device.quality), point.meaning(), point.unit == "1"
    as_it_is = meaning == Meaning()
    return Field(point.name, series, steps, meaning, point.words(), point.text, truth, states, as_it_is)


def _states(quality: MqttQuality | None) -> States | None:
    return None if quality is None else States(payload.path(quality.path), quality.states())
