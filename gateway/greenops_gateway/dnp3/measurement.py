"""Samples from the objects of a response. Pure: when it came is an argument. Clauses are of IEEE 1815-2012."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.cems.quality import foremost
from greenops_gateway.dnp3.configuration import Dnp3Device
from greenops_gateway.dnp3.flags import KINDS, OBJECTS, Indications, Kind, has_fractions, judged
from greenops_gateway.meaning import Meaning
from greenops_gateway.point import PointSeries

AHEAD = 5.0
"""Seconds that a device's clock may be fast before its time is no time."""
YEAR = 366 * 86400.0
"""No event waits longer; an older one comes from a clock that starts at 1970."""


class Value(NamedTuple):
    """One object of the point with the index *point*. *milliseconds* are since 1970.

    *synchronized*: that time is one by which the device vouches.
    """

    point: int
    number: float
    flags: int
    milliseconds: int = 0
    synchronized: bool = False


class Block(NamedTuple):
    """The objects under one header of a response. *has_flags*: else each object's flags are invented."""

    group: int
    variation: int
    values: Sequence[Value]
    has_flags: bool = True

    @property
    def is_event(self) -> bool:
        return OBJECTS[KINDS[self.group]].event == self.group


def stamped(value: Value, now: float, indications: Indications) -> tuple[float, Reason]:
    """When an event was, in Unix seconds, and whether that is known.

    >>> stamped(Value(0, 1.0, 1, 1_700_000_000_000, True), 1_700_000_001.0, Indications())
    (1700000000.0, <Reason.NONE: 'none'>)
    >>> stamped(Value(0, 1.0, 1), 1_700_000_001.0, Indications())
    (1700000001.0, <Reason.CLOCK: 'clock'>)
    """
    at = value.milliseconds / 1000
    if value.synchronized and not indications.need_time and now - YEAR < at < now + AHEAD:
        return at, Reason.NONE
    return now, Reason.CLOCK


class _Place(NamedTuple):
    """A point of the device."""

    order: int
    kind: Kind
    series: PointSeries
    meaning: Meaning


class Reader:
    """Makes samples of the objects that are a device's points, and knows which present values it has seen."""

    def __init__(self, device: Dnp3Device, series: Sequence[PointSeries]) -> None:
        self._device = device
        self._series = tuple(series)
        self._places: dict[tuple[Kind, int], list[_Place]] = {}
        for order, (point, to) in enumerate(zip(device.points, series, strict=True)):
            place = _Place(order, point.kind, to, point.meaning())
            self._places.setdefault((point.kind, point.index), []).append(place)
        self._seen: set[int] = set()

    def samples(self, blocks: Collection[Block], now: float, indications: Indications) -> Iterator[Sample]:
        """What *blocks*, which came at Unix time *now* with *indications*, say of the points."""
        for block in blocks:
            kind = KINDS.get(block.group)
            if kind is None:
                continue
            asked, is_event = self._device.variation(kind), block.is_event
            if not is_event and asked and block.variation != asked:
                continue  # whole numbers where fractions were asked for: the right ones follow
            doubt = self._doubt(kind, block, indications)
            for value in block.values:
                for place in self._places.get((kind, value.point), ()):
                    at, clock = now, Reason.NONE
                    if is_event and self._device.trust_time:
                        at, clock = stamped(value, now, indications)
                    yield _sample(place, block, value, at, (clock, doubt))
                    if not is_event:
                        self._seen.add(place.order)

    def begin(self) -> None:
        """Present values are being read from now on."""
        self._seen.clear()

    def missing(self, now: float) -> Iterator[Sample]:
        """A bad sample for each point whose present value was read and did not come."""
        for order, to in enumerate(self._series):
            if order not in self._seen:
                yield to.bad(Reason.DEVICE_EXCEPTION, now)

    def _doubt(self, kind: Kind, block: Block, indications: Indications) -> Reason:
        rounded = (
            block.is_event
            and has_fractions(OBJECTS[kind].static, self._device.variation(kind))
            and not has_fractions(block.group, block.variation)
        )
        return Reason.DEVICE_UNCERTAIN if rounded or not block.has_flags or indications.trouble else Reason.NONE


def _sample(place: _Place, block: Block, value: Value, at: float, doubts: tuple[Reason, Reason]) -> Sample:
    level, reason = judged(place.kind, value.flags) if block.has_flags else (Quality.GOOD, Reason.NONE)
    if level is Quality.BAD:
        return place.series.bad(reason, at)
    number, why = place.meaning.of(value.number)
    if why is not Reason.NONE:
        return place.series.bad(why, at)
    if reason is doubts[0] is doubts[1] is Reason.NONE:
        return place.series.sample(number, at)
    return place.series.sample(number, at, Quality.UNCERTAIN, foremost((reason, *doubts)))
