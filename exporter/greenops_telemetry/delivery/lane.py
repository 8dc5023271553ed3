"""What is to be sent next, and how to find out what of it is too old without spoiling the rest. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from greenops_telemetry.delivery.backoff import Backoff
from greenops_telemetry.delivery.division import part
from greenops_telemetry.delivery.sink import Batch


@dataclass(slots=True)
class Part:
    """One request. *batch* may be one sample of a series: when that is too old, so is all *behind* it.

    *newer* is what then follows. Once it was taken, a receiver without an out-of-order window takes nothing behind it;
    so a question is about what lies behind what the receiver has, or goes no further ahead than as many samples as are
    *proven* too old before it.
    """

    batch: Batch
    copy: int = 0
    """The number of the copy from which it comes, if it does not come from the journal."""
    behind: Batch | None = None
    newer: Batch | None = None
    proven: int = 0


def question(batch: Batch, proven: int, copy: int, newest: float) -> Part:
    """Which sample of *batch*, all of one series, to ask about next; the receiver has the series until *newest*."""
    known = bisect_left(batch.columns.at, newest)
    at = min(known - 1 if known else proven, len(batch) - 1)
    behind = part(batch, 0, at) if at else None
    newer = part(batch, at + 1, len(batch)) if at + 1 < len(batch) else None
    return Part(part(batch, at, at + 1), copy, behind, newer, proven)


@dataclass(slots=True)
class Lane:
    """Requests in their order, the next one last. *most* is how many samples the receiver takes at a time."""

    name: str
    most: int
    backoff: Backoff
    reach: int = 1
    """How many requests are read at once: the longer what is too old in one series, the fewer questions it takes."""
    parts: list[Part] = field(default_factory=list)

    def put(self, batches: Iterable[Batch], copy: int) -> None:
        """Send these next, the first of them first."""
        self.parts += reversed([Part(batch, copy=copy) for batch in batches])
