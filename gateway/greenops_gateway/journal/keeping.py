"""From a judged sample to one that is seen: first it is durable, then it is shown.

Without a journal it is shown at once. Everything that is said of a point goes this way, so that what is shown, what is
kept and what is sent tell the same story in the same order; that there is no value is said like a value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from greenops_core.sample import Sample
from greenops_gateway.cems.gap import Gap
from greenops_gateway.point import PointSeries
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.frame import Kind
from greenops_telemetry.journal.group import GroupCommit
from greenops_telemetry.journal.series import described


class Taker(Protocol):
    """A point, as far as it is concerned here; *number* is that of its series in the journal."""

    number: int

    def take(self, sample: Sample, now: float) -> None: ...


Judged = Sequence[tuple[Taker, Sample]]
"""Samples with the point that each belongs to, in the order in which they came."""


class Keeping:
    """What all intakes of a gateway share; *journal* is where samples are kept, if anywhere."""

    def __init__(self, journal: GroupCommit | None = None) -> None:
        self._journal = journal

    def number(self, to: PointSeries) -> int:
        """The number of a point's series in the journal."""
        return 0 if self._journal is None else self._journal.number(described(to.metric, to.labels))

    def put(self, judged: Judged, now: float) -> None:
        """Keep what was *judged* at *now*, Unix seconds, and then show it; does not wait."""
        if self._journal is None:
            _show(judged, now)
        elif judged:
            self._journal.put(_columns(judged, now), partial(_show, judged, now))

    def keep(self, judged: Judged, now: float) -> asyncio.Future[None] | None:
        """The same at once, for a sender that waits; what it gives raises OSError when the disk does not take it."""
        if self._journal is None or not judged:
            _show(judged, now)
            return None
        return self._journal.keep(_columns(judged, now), partial(_show, judged, now))

    def gap(self, labels: tuple[str, ...], gap: Gap) -> None:
        """The point with *labels* had no usable sample for too long."""
        if self._journal is not None:
            site, stack, device, point = labels
            said = {"why": gap.reason.value, "from": gap.start, "to": gap.end}
            self._journal.note(Kind.GAP, {"site": site, "stack": stack, "device": device, "point": point, **said})


def _columns(judged: Judged, now: float) -> Columns:
    columns = Columns()
    for intake, (_, _, value, at, quality, reason) in judged:
        columns.add(intake.number, value, at, now, quality, reason)
    return columns


def _show(judged: Judged, now: float) -> None:
    for intake, sample in judged:
        intake.take(sample, now)
