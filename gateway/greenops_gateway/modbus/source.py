"""Where a point's value and quality come from, and how samples are made of what was read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.cems.quality import foremost
from greenops_gateway.meaning import SMALLEST, Meaning
from greenops_gateway.modbus.codec import Field, Layout, Order, Type
from greenops_gateway.modbus.plan import Block, Span
from greenops_gateway.point import PointSeries

Number = int | float

LARGEST = 1e300
"""Numbers beyond it are looked at closely."""


class Reply(NamedTuple):
    """What the device gave for a block, and when (Unix seconds); no data when it gave none, and why."""

    block: Block
    data: bytes | None
    at: float
    lack: Reason = Reason.NONE


@dataclass(frozen=True, slots=True, eq=False)
class Status:
    """A status word or bit: the reason for each bit that is set, for each that is clear, or for the word as a whole.

    A word that *values* does not list says nothing that can be trusted.
    """

    span: Span
    order: Order
    bits: Mapping[int, Reason] = field(default_factory=dict)
    clear: Mapping[int, Reason] = field(default_factory=dict)
    values: Mapping[int, Reason] | None = None

    def reason(self, word: int) -> Reason:
        """Why values are not good while the status is *word*.

        >>> Status(Span("input", 0, 1), "ABCD", {3: Reason.CALIBRATION}, {4: Reason.MAINTENANCE}).reason(0b11000)
        <Reason.CALIBRATION: 'calibration'>
        """
        found = [reason for bit, reason in self.bits.items() if word >> bit & 1]
        found += [reason for bit, reason in self.clear.items() if not word >> bit & 1]
        if self.values is not None:
            found.append(self.values.get(word, Reason.DECODE))
        return foremost(found)


@dataclass(frozen=True, slots=True)
class Source:
    """The registers of one point, how they spell a number, what it means, and what judges it."""

    span: Span
    type: Type
    order: Order
    meaning: Meaning
    status: tuple[Status, ...] = ()

    def spans(self) -> Iterator[Span]:
        """What must be read for a sample."""
        yield self.span
        for status in self.status:
            yield status.span


LEVELS: Mapping[Reason, Quality] = {Reason.NONE: Quality.GOOD, Reason.DEVICE_UNCERTAIN: Quality.UNCERTAIN}
"""How far a value may be trusted for what the device says of it; for all else not at all."""


class _Plain(NamedTuple):
    """A point whose number is its value but for a linear scale, as long as it is not larger than *largest*."""

    series: PointSeries
    meaning: Meaning
    largest: float
    linear: bool
    scale: float
    offset: float
    sentinels: frozenset[int | float]


class _Group:
    """Points of one block that the same status judges. The numbers of *plain* come first, then those of *others*."""

    def __init__(self, status: tuple[Status, ...], points: Iterable[tuple[Source, PointSeries]]) -> None:
        self.status = status
        points = sorted(points, key=lambda point: not _is_plain(point[0].meaning))
        self.sources = [source for source, _ in points]
        self.series = [series for _, series in points]
        self.plain = [_plain(source.meaning, series) for source, series in points if _is_plain(source.meaning)]
        self.others = [(source.meaning, series) for source, series in points if not _is_plain(source.meaning)]

    def samples(self, numbers: Sequence[Number], at: float, said: Reason) -> list[Sample]:
        """The samples of *numbers*, about which the status *said* something."""
        if said is not Reason.NONE:
            both = [(source.meaning, series) for source, series in zip(self.sources, self.series, strict=True)]
            return [_sample(*point, number, at, said) for point, number in zip(both, numbers, strict=True)]
        samples = []
        # The quick way to what Meaning.of says: one comparison finds every number that needs a closer look.
        for (series, meaning, largest, linear, scale, offset, sentinels), number in zip(
            self.plain, numbers, strict=False
        ):
            if (SMALLEST <= abs(number) <= largest or number == 0) and number not in sentinels:
                samples.append(series.sample(number * scale + offset if linear else float(number), at))
            else:
                samples.append(_sample(meaning, series, number, at, said))
        for (meaning, series), number in zip(self.others, numbers[len(self.plain) :], strict=True):
            samples.append(_sample(meaning, series, number, at, said))
        return samples


class _Taker:
    """Takes the answers to one block, whose numbers come as those of *status*, then those of each of *groups*."""

    def __init__(self, block: Block, points: Iterable[tuple[Source, PointSeries]], status: Iterable[Status]) -> None:
        """*points* and *status* are those whose registers the block holds."""
        by_status: dict[tuple[Status, ...], list[tuple[Source, PointSeries]]] = {}
        for point in points:
            by_status.setdefault(point[0].status, []).append(point)
        self.status = list(status)
        self.groups = [_Group(judges, judged) for judges, judged in by_status.items()]
        start, sources = block.span.address, [source for group in self.groups for source in group.sources]
        self._bits: list[int] | None = None
        if block.span.is_bits:
            self._bits = [each.span.address - start for each in self.status]
            self._bits += [source.span.address - start for source in sources]
            return
        fields = [Field(each.span.address - start, "u16", each.order) for each in self.status]
        fields += [Field(source.span.address - start, source.type, source.order) for source in sources]
        self._layout = Layout(fields, block.span.count)

    def numbers(self, data: bytes) -> Sequence[Number]:
        """Raises DecodeError: the data are not as long as the block."""
        if self._bits is None:
            return self._layout.numbers(data)
        return [data[bit >> 3] >> (bit & 7) & 1 for bit in self._bits]


class Intake:
    """Makes samples of a device's replies, poll by poll.

    A point whose status comes in a later reply waits for it; a status of an earlier poll judges nothing.
    """

    def __init__(self, sources: Sequence[Source], series: Sequence[PointSeries]) -> None:
        self._sources, self._series = sources, series
        self._status: dict[Span, dict[Status, None]] = {}
        for source in sources:
            for status in source.status:
                self._status.setdefault(status.span, {})[status] = None
        self._takers: dict[Block, _Taker] = {}
        self._reasons: dict[Status, Reason] = {}
        self._held: list[tuple[_Group, Sequence[Number], float]] = []

    def begin(self) -> None:
        """A new poll: what the last one left open is forgotten."""
        self._reasons.clear()
        self._held.clear()

    def take(self, reply: Reply) -> list[Sample]:
        """The samples that *reply* completes.

        Raises:
            DecodeError: the data are not as long as the block.
        """
        taker = self._takers.get(reply.block)
        if taker is None:
            spans = frozenset(reply.block.spans)
            points = [point for point in zip(self._sources, self._series, strict=True) if point[0].span in spans]
            judging = [status for span in reply.block.spans for status in self._status.get(span, ())]
            taker = self._takers[reply.block] = _Taker(reply.block, points, judging)
        samples: list[Sample] = []
        if reply.data is None:
            self._reasons |= dict.fromkeys(taker.status, reply.lack)  # a status that cannot be read says nothing good
            samples = [series.bad(reply.lack, reply.at) for group in taker.groups for series in group.series]
        else:
            numbers = taker.numbers(reply.data)
            for status, number in zip(taker.status, numbers, strict=False):
                self._reasons[status] = status.reason(int(number))
            first = len(taker.status)
            for group in taker.groups:
                after = first + len(group.series)
                self._held.append((group, numbers[first:after], reply.at))
                first = after
        waiting = []
        for held in self._held:
            group, numbers, at = held
            if all(status in self._reasons for status in group.status):
                said = foremost(self._reasons[status] for status in group.status)
                samples += group.samples(numbers, at, said)
            else:
                waiting.append(held)
        self._held = waiting
        return samples


def _sample(meaning: Meaning, series: PointSeries, number: Number, at: float, said: Reason) -> Sample:
    value, reason = meaning.of(number)
    reason = foremost((reason, said))
    return series.sample(value, at, LEVELS.get(reason, Quality.BAD), reason)


def _is_plain(meaning: Meaning) -> bool:
    return meaning.bit is None and meaning.enum is None


def _plain(meaning: Meaning, series: PointSeries) -> _Plain:
    linear = meaning.scale != 1 or meaning.offset != 0
    largest = LARGEST
    if linear:  # so that the scaled number is finite
        largest = LARGEST / max(1.0, abs(meaning.scale)) if abs(meaning.offset) < LARGEST else -1.0
    return _Plain(series, meaning, largest, linear, meaning.scale, meaning.offset, meaning.sentinels)
