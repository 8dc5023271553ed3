"""When polled devices are asked: each on its own fixed grid, so nothing drifts.

A late poll is skipped, never made up for.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

from greenops_gateway.plugin import Desk

SLOT = "last slot of the poll grid"
BEGUN = "begin of the last poll"
OFFSETS = 8


def phase(name: str, every: float) -> float:
    """The offset of *name* in the grid, 0 to *every* seconds: many devices are not asked in the same instant.

    Of a few offsets: those that share one are asked together, since to wake for each costs more than to ask it.

    >>> 0 <= phase("analyser-1", 10.0) < 10, phase("analyser-1", 10.0) == phase("analyser-1", 10.0)
    (True, True)
    """
    return zlib.crc32(name.encode()) % OFFSETS / OFFSETS * every


class Agenda:
    """The polls of one open link's devices, on the monotonic clock.

    A device that was never polled is due at once, and so is one whose poll the end of the link interrupted; after all
    others that are due by then, for it may be what ended the link. What was polled is kept beside the device, so that a
    link that is opened anew repeats no poll that ended and loses none.
    """

    def __init__(self, desks: Sequence[Desk[Any]], opened: float) -> None:
        """*opened* is when the link was."""
        self._polls = [(desk, float(desk.device.poll), phase(desk.device.name, desk.device.poll)) for desk in desks]
        self._opened = opened

    def next(self) -> tuple[float, Desk[Any]]:
        """When the next poll is due, and of which device; the one that waits longest comes first."""
        due, _, desk = min(
            ((self._due(*poll), poll[0].kept.get(BEGUN, -math.inf), poll[0]) for poll in self._polls),
            key=lambda found: found[:2],
        )
        return due, desk

    def begun(self, desk: Desk[Any], now: float) -> None:
        """The device's poll that was due at *now* or before is under way; what was missed before it is forgotten."""
        desk.kept[BEGUN] = now

    def ended(self, desk: Desk[Any]) -> None:
        """The device's poll that was begun is over, whatever it brought."""
        every = float(desk.device.poll)
        desk.kept[SLOT] = (every, (desk.kept[BEGUN] - phase(desk.device.name, every)) // every)

    def forget(self) -> None:
        """All devices are due once the link is opened anew."""
        for desk, _, _ in self._polls:
            desk.kept.pop(SLOT, None)

    def _due(self, desk: Desk[Any], every: float, offset: float) -> float:
        kept_every, slot = desk.kept.get(SLOT, (every, None))
        if slot is None or kept_every != every:
            return self._opened
        return max(self._opened, float(offset + (slot + 1) * every))
