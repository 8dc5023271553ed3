"""How a point's sample is made of what the server said of its node. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_core.unit import Linear
from greenops_gateway.meaning import SMALLEST, Meaning
from greenops_gateway.opcua.codec import TICKS, UNIX_EPOCH, Item, Value, ticks
from greenops_gateway.opcua.status import judgement
from greenops_gateway.point import PointSeries

FUTURE = 60.0
"""Seconds by which a time stamp may be ahead; beyond that the clock that made it is wrong."""
EARLIEST = ticks(946_684_800.0)
"""The year 2000: a stamp before it comes from a clock that was never set."""
LARGEST = 1e150
"""Numbers beyond it are looked at closely; others, and their product with a scale that is not beyond it, are finite."""


@dataclass(frozen=True, slots=True)
class Source:
    """One point: its series, what its number means, which element of an array it is, and whose time counts."""

    series: PointSeries
    meaning: Meaning
    index: int | None = None
    by_server: bool = False
    """The server's time goes before the source's, which may tell only when the value changed."""

    def sample(self, item: Item, now: float) -> Sample:
        """The sample of *item*, received at Unix time *now*."""
        value, status, source, server = item
        stamp = (server or source) if self.by_server else (source or server)
        if not stamp:
            at, trusted = now, True
        else:
            at = stamp / TICKS - UNIX_EPOCH
            trusted = stamp >= EARLIEST and at <= now + FUTURE
            if not trusted:
                at = now
        _, quality, reason = judgement(status)
        if quality is Quality.BAD:
            return self.series.bad(reason, at)
        number, lack = self._number(value)
        if lack is not Reason.NONE:
            return self.series.bad(lack, at)
        if quality is Quality.GOOD and not trusted:
            return self.series.sample(number, at, Quality.UNCERTAIN, Reason.CLOCK)
        return self.series.sample(number, at, quality, reason)

    def _number(self, value: Value) -> tuple[float, Reason]:
        if isinstance(value, tuple):
            if self.index is None or self.index >= len(value):
                return math.nan, Reason.DECODE
            value = value[self.index]
        elif self.index is not None:
            return math.nan, Reason.DECODE
        return (math.nan, Reason.DECODE) if value is None else self.meaning.of(value)


class Plain(NamedTuple):
    """A source whose good values are numbers with a linear scale: what is needed to make samples of them at once."""

    source: Source
    by_server: bool
    scale: float
    offset: float
    sentinels: frozenset[int | float]
    metric: Metric
    labels: tuple[str, str, str, str]
    to_base: Linear
    largest: float
    """Numbers beyond it are looked at closely; below 0 all are."""


def plain(source: Source) -> Plain:
    """What makes samples of *source* at once; of one that has more to look at, none."""
    meaning, series = source.meaning, source.series
    simple = source.index is None and meaning.bit is None and meaning.enum is None
    moderate = max(abs(meaning.scale), abs(meaning.offset)) <= LARGEST
    return Plain(
        source,
        source.by_server,
        meaning.scale,
        meaning.offset,
        meaning.sentinels,
        series.metric,
        series.labels,
        series.to_base,
        LARGEST if simple and moderate else -1.0,
    )


def samples(rows: Iterable[Plain], items: Iterable[Item], now: float) -> list[Sample]:
    """What each source makes of the item in its place, in half the time for what is usual: a good number in time."""
    latest = ticks(now + FUTURE)
    made: list[Sample] = []
    append = made.append
    for row, item in zip(rows, items, strict=True):
        source, by_server, scale, offset, sentinels, metric, labels, to_base, largest = row
        value, status, stamp, server = item
        stamp = (server or stamp) if by_server else (stamp or server)
        if (
            not status
            and EARLIEST <= stamp <= latest
            and (type(value) is float or type(value) is int)
            and (SMALLEST <= abs(value) <= largest or (value == 0 <= largest))
            and value not in sentinels
        ):
            append(Sample(metric, labels, to_base.to_base(value * scale + offset), stamp / TICKS - UNIX_EPOCH))
        else:
            append(source.sample(item, now))
    return made
