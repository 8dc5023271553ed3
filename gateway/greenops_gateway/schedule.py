"""When a polled device is asked: on a fixed grid, so nothing drifts, and a late poll is skipped, never made up for."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable

from greenops_core.grid import due


def phase(name: str, every: float) -> float:
    """The offset of *name* in the grid, 0 to *every* seconds: many devices are not asked in the same instant.

    >>> 0 <= phase("analyser-1", 10.0) < 10, phase("analyser-1", 10.0) == phase("analyser-1", 10.0)
    (True, True)
    """
    return zlib.crc32(name.encode()) / 2**32 * every


async def pause(
    every: float,
    offset: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Sleep until the next time on the grid."""
    now = clock()
    await sleep(due(now, every, offset) - now)
