"""Where a point's value and quality come from, and how a sample is made of what was read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.cems import quality
from greenops_gateway.modbus.codec import Meaning, Order, Type, decode
from greenops_gateway.modbus.plan import Span
from greenops_gateway.point import PointSeries


@dataclass(frozen=True, slots=True)
class Reply:
    """What the device gave for a span, and when; no data when it gave none, and why."""

    data: bytes | None
    at: float
    lack: Reason = Reason.NONE


@dataclass(frozen=True, slots=True)
class Status:
    """A status word, and the reason that each of its bits gives when set."""

    span: Span
    order: Order
    bits: Mapping[int, Reason]

    def reason(self, replies: Mapping[Span, Reply]) -> Reason:
        """What the status word says; one that cannot be read says nothing good."""
        reply = replies[self.span]
        if reply.data is None:
            return reply.lack
        return quality.status(int(decode(reply.data, "u16", self.order)), self.bits)


@dataclass(frozen=True, slots=True)
class Source:
    """The registers of one point, how they spell a number, what it means, and the status word that judges it."""

    span: Span
    type: Type
    order: Order
    meaning: Meaning
    status: Status | None = None

    def spans(self) -> Iterator[Span]:
        """What must be read for a sample."""
        yield self.span
        if self.status is not None:
            yield self.status.span

    def sample(self, series: PointSeries, replies: Mapping[Span, Reply]) -> Sample:
        """The point's sample from one round of replies."""
        reply = replies[self.span]
        if reply.data is None:
            return series.bad(reply.lack, reply.at)
        number = reply.data[0] if self.span.is_bits else decode(reply.data, self.type, self.order)
        value, reason = self.meaning.of(number)
        if self.status is not None:
            reason = quality.foremost((reason, self.status.reason(replies)))
        return series.sample(value, reply.at, Quality.GOOD if reason is Reason.NONE else Quality.BAD, reason)
