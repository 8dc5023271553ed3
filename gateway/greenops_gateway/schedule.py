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
OFFSETS = 8


def phase(name: str, every: float) -> float:
    """The offset of *name* in the grid, 0 to *every* seconds: many devices are not asked in the same instant.

    Of a few offsets: those that share one are asked together, since to wake for each costs more than to ask it.

    >>> 0 <= phase("analyser-1", 10.0) < 10, phase("analyser-1", 10.0) == phase("analyser-1", 10.0)
    (True, True)
    """
    return zlib.crc32(name.encode()) % OFFSETS / OFFSETS * every


class Agenda:
    """The polls of one link's devices, on the monotonic clock.

    A device that was never polled is due at once. Which poll was the last is kept beside the device, so that a link
    that is opened anew between two polls repeats none and loses none.
    """

    def __init__(self, desks: Sequence[Desk[Any]]) -> None:
        self._polls = [(desk, float(desk.device.poll), phase(desk.device.name, desk.device.poll)) for desk in desks]

    def next(self) -> tuple[float, Desk[Any]]:
        """When the next poll is due, and of which device; the one that waits longest comes first."""
        return min(
            ((self._due(desk, every, offset), desk) for desk, every, offset in self._polls), key=lambda poll: poll[0]
        )

    def begun(self, desk: Desk[Any], now: float) -> None:
        """The device's poll that was due at *now* or before is under way; what was missed before it is forgotten."""
        every = float(desk.device.poll)
        desk.kept[SLOT] = (every, (now - phase(desk.device.name, every)) // every)

    @staticmethod
    def _due(desk: Desk[Any], every: float, offset: float) -> float:
        kept_every, slot = desk.kept.get(SLOT, (every, None))
        if slot is None or kept_every != every:
            return -math.inf
        return float(offset + (slot + 1) * every)
