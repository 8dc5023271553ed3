"""The points of one link in one row: where each comes from, whose it is, and what was taken over of it last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from greenops_core.sample import Reason, Sample
from greenops_gateway.opcua import source
from greenops_gateway.opcua.codec import Item, Placed
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaPoint
from greenops_gateway.opcua.source import Plain, Source
from greenops_gateway.opcua.status import judgement, overflowed
from greenops_gateway.plugin import Desk, Event

TAKEN = "source time of the last sample by point"


@dataclass(slots=True)
class Feed:
    """One point of a device; *keeps* says that its server keeps a history of it."""

    desk: Desk[OpcUaDevice]
    point: OpcUaPoint
    source: Source
    keeps: bool = False
    plain: Plain = field(init=False)

    def __post_init__(self) -> None:
        self.plain = source.plain(self.source)

    def bad(self, status: int, now: float) -> Sample:
        """A sample for a node that the server refuses altogether."""
        reason = judgement(status).reason
        return self.source.series.bad(Reason.DEVICE_EXCEPTION if reason is Reason.NONE else reason, now)

    @property
    def taken(self) -> float | None:
        """The source time of the last sample that was taken over."""
        at: float | None = self.desk.kept.get(TAKEN, {}).get(self.point.name)
        return at


def feeds(desk: Desk[OpcUaDevice]) -> list[Feed]:
    """All points of a device, in their order."""
    by_server = desk.device.timestamp == "server"
    return [
        Feed(desk, point, Source(series, point.meaning(), point.index, by_server))
        for point, series in zip(desk.device.points, desk.series, strict=True)
    ]


def samples(feeds: Sequence[Feed], items: Sequence[Item], now: float) -> list[Sample]:
    """A sample of each feed from the item in the same place."""
    _overflows(feed for feed, item in zip(feeds, items, strict=True) if item[1] and overflowed(item[1]))
    return source.samples([feed.plain for feed in feeds], items, now)


def notified(feeds: Sequence[Feed], items: Sequence[Placed], now: float) -> tuple[list[Sample], Sequence[Placed]]:
    """Samples from a notification, and the handle and item of each; an unknown handle is a stranger's."""
    try:
        rows = [feeds[handle].plain for handle, _ in items]
    except IndexError:
        feeds[0].desk.event(Event.STRANGER)
        return notified(feeds, [found for found in items if found[0] < len(feeds)], now)
    _overflows(feeds[handle] for handle, item in items if item[1] and overflowed(item[1]))
    return source.samples(rows, [item for _, item in items], now), items


def remember(feeds: Iterable[Feed], made: Iterable[Sample]) -> None:
    """*made* were taken over, one of each of *feeds*: where a history goes on from."""
    for feed, sample in zip(feeds, made, strict=True):
        if feed.keeps:
            taken = feed.desk.kept.setdefault(TAKEN, {})
            taken[feed.point.name] = max(sample.at, taken.get(feed.point.name, sample.at))


def _overflows(lost: Iterable[Feed]) -> None:
    for desk in {id(feed.desk): feed.desk for feed in lost}.values():
        desk.event(Event.OVERFLOW)


def by_desk(feeds: Iterable[Feed]) -> Iterator[Desk[OpcUaDevice]]:
    """Each desk that has one of *feeds*, once."""
    yield from {id(feed.desk): feed.desk for feed in feeds}.values()
