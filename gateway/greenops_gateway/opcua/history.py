"""What happened while nobody listened, from the server's own history (part 11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from greenops_core.errors import DeviceError
from greenops_gateway.opcua import library
from greenops_gateway.opcua.channel import told
from greenops_gateway.opcua.codec import Item, Placed, ticks, unix
from greenops_gateway.opcua.session import Session

LONGEST_GAP = 24 * 3600.0
"""Seconds; what is older is not read."""
ROUNDED = 5e-6
"""Seconds by which one time may differ when it came by two ways."""
TOGETHER = 600.0
"""Seconds by which the beginnings of gaps differ that are asked for in one request, which reads all from the first."""
VALUES_PER_ANSWER = 1000
"""Values of one node in one answer."""


class Gap(NamedTuple):
    """A node at a place, and the source time (Unix seconds) of the last value that is known of it."""

    place: int
    node: ua.NodeId
    since: float


async def kept(session: Session, nodes: Sequence[ua.NodeId]) -> list[bool]:
    """Whether the server keeps a history of each of *nodes*. Raises what ``told`` does."""
    answers = await session.values(nodes, AttributeIds.Historizing)
    return [answer.Value is not None and answer.Value.Value is True for answer in answers]


async def filled(session: Session, gaps: Sequence[Gap], until: float) -> AsyncIterator[list[Placed]]:
    """Place and item of what the server recorded after each gap's beginning, oldest first for each place.

    A node of which it has nothing, or will not tell, is passed over; an answer without anything new is an empty list.
    Raises what ``told`` does.
    """

    async def first(part: Sequence[Gap]) -> list[ua.HistoryReadResult]:
        # One request has one start for all; what is older than a node's own is passed over below.
        return await _read(session, [(gap, None) for gap in part], part[0].since, until)

    begin = until - LONGEST_GAP
    waiting = [gap._replace(since=max(gap.since, begin)) for gap in gaps]
    while waiting:
        waiting.sort(key=lambda gap: gap.since)
        together = [gap for gap in waiting if gap.since <= waiting[0].since + TOGETHER]
        waiting = waiting[len(together) :]
        async for part, results in session.batches("history", together, first):
            async for found in _pages(session, part, results, until, waiting):
                yield found


async def _pages(
    session: Session, part: Sequence[Gap], results: Sequence[ua.HistoryReadResult], until: float, again: list[Gap]
) -> AsyncIterator[list[Placed]]:
    """What is new in *results*, then in what follows until no node of *part* has more.

    To *again* come those whose answer was cut off without a word, from behind their last value.
    """
    since, gaps = part[0].since, list(part)
    while gaps:
        fresh: list[Placed] = []
        more: list[tuple[Gap, bytes]] = []
        for gap, result in zip(gaps, results, strict=True):
            items = _items(result)
            newest = ticks(gap.since + ROUNDED)
            new = [item for item in items if item[2] > newest]
            fresh += [(gap.place, item) for item in new]
            later = gap if not new else gap._replace(since=max(unix(item[2]) for item in new))
            if result.ContinuationPoint:
                more.append((later, result.ContinuationPoint))
            elif len(items) >= VALUES_PER_ANSWER and (new or since < gap.since):
                again.append(later)
        yield fresh
        gaps = [gap for gap, _ in more]
        if more:
            results = await _read(session, more, since, until)


async def _read(
    session: Session, asked: Sequence[tuple[Gap, bytes | None]], since: float, until: float
) -> list[ua.HistoryReadResult]:
    parameters = ua.HistoryReadParameters()
    parameters.HistoryReadDetails = ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=datetime.fromtimestamp(since, UTC),
        EndTime=datetime.fromtimestamp(until, UTC),
        NumValuesPerNode=VALUES_PER_ANSWER,
        ReturnBounds=False,
    )
    parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    parameters.ReleaseContinuationPoints = False  # the library would give them up
    parameters.NodesToRead = [ua.HistoryReadValueId(NodeId=gap.node, ContinuationPoint=point) for gap, point in asked]
    what = f"history of {len(asked)} nodes"
    with told(what):
        async with asyncio.timeout(session.link.timeout):
            results = await session.caller.uaclient.session.history_read(parameters)
    if len(results) != len(asked):
        raise DeviceError(f"{what}: {len(results)} answers")
    return results


def _items(result: Any) -> list[Item]:  # noqa: ANN401  # the library's generated types
    if result.StatusCode.is_bad():
        return []
    values = getattr(result.HistoryData, "DataValues", None) or ()
    return [library.item(found) for found in values]
