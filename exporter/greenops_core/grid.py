"""When work that repeats is due: on a fixed grid, so nothing drifts; what was missed is never made up for."""

from __future__ import annotations


def due(now: float, every: float, offset: float) -> float:
    """The next time on the grid after *now*; *offset* is any time on it.

    >>> due(100.2, 1.0, 0.5), due(100.5, 1.0, 0.5), due(107.9, 1.0, 0.5)
    (100.5, 101.5, 108.5)
    """
    following = offset + ((now - offset) // every + 1) * every
    return following if following > now else following + every
