"""An indicative rolling mean for alarms. A regulation's own hourly average has other rules, and is another thing.

The averaging period is cut into 20 equal blocks that start at multiples of their length since the epoch. The mean is
the mean of the blocks' means, so that a burst of samples weighs no more than a quiet stretch. Coverage is the share of
blocks that hold a usable sample. The window ends with the current block once that holds a sample, and with the one
before until then: a block that has only just begun is not yet missing data.
"""

from __future__ import annotations

from decimal import Decimal
from statistics import fmean
from typing import NamedTuple

from greenops_gateway.cems.decimals import exact
from greenops_gateway.cems.limit_outlook import Expected, Outlook, Rate, outlook

BLOCKS = 20
RECENT = 5
"""Blocks whose mean is the present rate: a quarter of the period."""


class Average(NamedTuple):
    """The mean over a window, absent when nothing is in it, and the share of the window that holds data (0 to 1)."""

    mean: float | None
    coverage: float


class RollingAverage:
    """Takes samples in any order; one costs the same however many went before."""

    def __init__(self, period: float) -> None:
        """*period* in seconds."""
        self._length = period / BLOCKS
        self._blocks: dict[int, tuple[float, int]] = {}
        self._latest = 0

    def add(self, value: float, at: float, now: float) -> None:
        """Count a usable *value* measured *at*; one that no window from *now* on can hold is left out.

        A little ahead of *now* is taken (clocks differ), far ahead is not: it would stay for ever.
        """
        block, current = int(at // self._length), int(now // self._length)
        if not current - BLOCKS <= block <= current + 1:
            return
        total, count = self._blocks.get(block, (0.0, 0))
        self._blocks[block] = (total + value, count + 1)
        self._latest = max(self._latest, block)
        self._forget(current)

    def over(self, now: float) -> Average:
        """The average of the period that ends *now*."""
        last = int(now // self._length)
        self._forget(last)
        if last not in self._blocks:
            last -= 1
        held = [self._blocks[block] for block in range(last - BLOCKS + 1, last + 1) if block in self._blocks]
        return Average(fmean(total / count for total, count in held) if held else None, len(held) / BLOCKS)

    def outlook(self, limit: float, now: float) -> Outlook | None:
        """Where the mean is going within one period, its time in blocks; none without a recent sample."""
        last = int(now // self._length)
        if last not in self._blocks:
            last -= 1
        held = [self._blocks.get(block) for block in range(last - BLOCKS + 1, last + 1)]
        means = [None if sums is None else sums[0] / sums[1] for sums in held]
        recent = [mean for mean in means[-RECENT:] if mean is not None]
        if not recent:
            return None
        due: list[Expected] = []
        total, count = 0.0, 0
        for remaining in range(BLOCKS, 0, -1):  # what falls due last has least of what is done in it
            due.append(Expected(exact(total), Decimal(count), Decimal(remaining)))
            if (mean := means[remaining - 1]) is not None:
                total, count = total + mean, count + 1
        return outlook(reversed(due), exact(limit), Rate(exact(fmean(recent))))

    def seconds(self, blocks: Decimal) -> float:
        """How long *blocks* last."""
        return float(blocks) * self._length

    def _forget(self, current: int) -> None:
        """Drop what is too old and, after the clock was set back, what would count as new once more."""
        if len(self._blocks) > BLOCKS + 2 or self._latest > current + 1:
            self._blocks = {
                kept: sums for kept, sums in self._blocks.items() if current - BLOCKS <= kept <= current + 1
            }
            self._latest = max(self._blocks, default=0)
