"""A receiver as delivery sees it: a name and a function that sends one batch."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from greenops_telemetry.delivery.backoff import FEW_SENDERS
from greenops_telemetry.delivery.verdict import Verdict
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.series import Series


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples for one request: all of one series together, and of each the oldest first (``columns.at``).

    *sequences* stands beside *columns*, one for each sample; *series* gives what a number in ``columns.series`` means.
    """

    sequences: array[int]
    columns: Columns
    series: Callable[[int], Series]

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Sink:
    """One receiver.

    *send* is called from one thread at a time and returns within a deadline of its own. What the network does is in its
    verdict; an ``OSError`` is taken as ``Later``, a ``ValueError`` (it cannot say this batch) as ``Refused``.
    """

    name: str
    send: Callable[[Batch], Verdict]
    most: int = 5000
    """Samples in one request."""
    live_first: bool = True
    """What arrives now goes before what is still owed; otherwise strictly the oldest first."""
    waits: tuple[float, float] = FEW_SENDERS
    """Seconds, the shortest and the longest, before a request is made again."""
