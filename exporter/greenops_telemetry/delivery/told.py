"""What a receiver of series is told of a batch: values, ends of series, and qualities when they change.

A bad sample has no value to tell: it ends its series with a stale marker. Of a point, quality and reason go along as
``greenops_point_quality``, as on /metrics. Pure; one memory for each receiver.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from greenops_core.catalogue import POINT_QUALITY
from greenops_core.sample import Quality
from greenops_telemetry.delivery.sink import Batch
from greenops_telemetry.journal.series import Series, described

REPEAT = 60.0
"""Seconds after which an unchanged quality is told again: a receiver forgets a series after five minutes."""

_POINT = POINT_QUALITY.labels[:-1]


class Points(NamedTuple):
    """Of one series, the oldest first: Unix seconds, and values, None where it ends with a stale marker.

    *key* stands for the series as long as the journal does.
    """

    key: Hashable
    series: Series
    at: Sequence[float]
    values: Sequence[float | None]


class _Last(NamedTuple):
    """Of one series: when its last sample was, of which quality, and when that was told."""

    at: float
    quality: Quality
    reason: str
    said: float


class _Change(NamedTuple):
    reason: str
    at: float
    value: float | None


class Told:
    """What one receiver was told last of each series, among what is new and among what came late."""

    def __init__(self) -> None:
        self._newest: dict[int, _Last] = {}
        self._late: dict[int, _Last] = {}
        self._draft: list[tuple[dict[int, _Last], int, _Last]] = []
        self._qualities: dict[tuple[int, str], Series] = {}

    def points(self, batch: Batch) -> list[Points]:
        """What is to be sent of *batch*; ``keep`` when it was taken."""
        self._draft = []
        points: list[Points] = []
        numbers, size = batch.columns.series, len(batch)
        start = 0
        while start < size:
            number, stop = numbers[start], start + 1
            while stop < size and numbers[stop] == number:
                stop += 1
            self._run(batch, number, start, stop, points)
            start = stop
        return points

    def keep(self) -> None:
        """What ``points`` gave last was taken."""
        for memory, number, last in self._draft:
            memory[number] = last
        self._draft = []

    def _run(self, batch: Batch, number: int, start: int, stop: int, points: list[Points]) -> None:
        """Add what there is of the series *number*, which stands from *start* to before *stop*."""
        columns, series = batch.columns, batch.series(number)
        at, values, states = columns.at[start:stop], columns.values[start:stop], columns.states[start:stop]
        memory, last = self._memory(number, at[0])
        quality, reason = columns.verdict(start)
        if (
            last is not None
            and (quality, reason.value) == (last.quality, last.reason)
            and quality is not Quality.BAD
            and at[-1] < last.said + REPEAT
            and states.count(states[0]) == len(states)
        ):
            points.append(Points(number, series, at, values))
            self._draft.append((memory, number, last._replace(at=at[-1])))
            return
        told: list[tuple[float, float | None]] = []
        changes: list[_Change] = []
        for place, (moment, value) in enumerate(zip(at, values, strict=True), start):
            quality, reason = columns.verdict(place)
            if quality is not Quality.BAD:
                told.append((moment, value))
            elif last is None or last.quality is not Quality.BAD:
                told.append((moment, None))
            if last is not None and last.reason != reason.value:
                changes.append(_Change(last.reason, moment, None))
            if last is None or (quality, reason.value) != last[1:3] or moment >= last.said + REPEAT:
                changes.append(_Change(reason.value, moment, float(quality)))
                last = _Last(moment, quality, reason.value, moment)
        if told:
            points.append(Points(number, series, *zip(*told, strict=True)))
        if last is not None:
            self._draft.append((memory, number, last._replace(at=at[-1])))
        if tuple(name for name, _ in series.labels) == _POINT:
            points.extend(self._said(number, series, changes))

    def _memory(self, number: int, at: float) -> tuple[dict[int, _Last], _Last | None]:
        """Where the series is remembered at *at*, and what its last sample before was, if that is known."""
        newest, late = self._newest.get(number), self._late.get(number)
        if newest is None or newest.at <= at:
            return self._newest, newest
        return self._late, late if late is not None and late.at <= at else None

    def _said(self, number: int, series: Series, changes: list[_Change]) -> list[Points]:
        """*changes* as points of the qualities of *series*."""
        by_reason: dict[str, list[_Change]] = {}
        for change in changes:
            by_reason.setdefault(change.reason, []).append(change)
        return [
            Points(
                (number, reason),
                self._quality(number, series, reason),
                [change.at for change in some],
                [change.value for change in some],
            )
            for reason, some in by_reason.items()
        ]

    def _quality(self, number: int, series: Series, reason: str) -> Series:
        if (known := self._qualities.get((number, reason))) is None:
            values = (*(value for _, value in series.labels), reason)
            known = self._qualities[number, reason] = described(POINT_QUALITY, values)
        return known
