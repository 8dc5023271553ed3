"""How many samples of each quality, and how many gaps, the points of a device had."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from greenops_core.catalogue import DEVICE_GAPS, DEVICE_SAMPLES
from greenops_core.sample import Quality, Reason
from greenops_gateway.cems.gap import Gap
from greenops_telemetry.live import Live

log = logging.getLogger(__name__)

TOGETHER = 60.0
"""Seconds; what the points of one device lose one after the other is told in one line."""
NAMED = 8


class Tally:
    """Told at each tick, gaps in the log too: one line for all points of the device."""

    def __init__(self, at: tuple[str, str, str], live: Live, keep: Callable[[tuple[str, ...], Gap], None]) -> None:
        """*at* is site, stack and device; *keep* is told of each gap that ended, with the labels of its point."""
        self.samples, self.gaps = dict.fromkeys(Quality, 0), 0
        self._device, self._live, self._keep = at[2], live, keep
        self._samples = {level: live.cell(DEVICE_SAMPLES, (*at, level.name.lower())) for level in Quality}
        self._gaps = live.cell(DEVICE_GAPS, at)
        self._open: list[tuple[str, Gap]] = []
        self._closed: list[tuple[str, Gap]] = []
        self._told = 0.0

    def opened(self, labels: tuple[str, ...], gap: Gap) -> None:
        """The point with *labels* has had no usable sample for too long."""
        self.gaps += 1
        self._open.append((labels[3], gap))

    def closed(self, labels: tuple[str, ...], gap: Gap) -> None:
        """It is usable again."""
        self._closed.append((labels[3], gap))
        self._keep(labels, gap)

    def tell(self, now: float) -> None:
        """Show the counts as they are."""
        for level, count in self.samples.items():
            self._samples[level].set(count, now)
        self._gaps.set(self.gaps, now)
        if (self._open or self._closed) and not 0 <= now - self._told < TOGETHER:
            self._told = now
            for words in _lines(self._open):
                log.warning("%s: %s without usable sample for %s, mostly %s: %s", self._device, *words)
            for words in _lines(self._closed):
                log.warning("%s: %s usable again after %s, mostly %s: %s", self._device, *words)
            self._open.clear()
            self._closed.clear()

    def forget(self) -> None:
        """The device is no more."""
        for cell in self._samples.values():
            self._live.forget(DEVICE_SAMPLES, cell.labels)
        self._live.forget(DEVICE_GAPS, self._gaps.labels)


def _lines(gaps: Iterable[tuple[str, Gap]]) -> Iterator[tuple[str, str, str, str]]:
    """Of each reason: how many points, the longest time, the reason, and the points' names."""
    by_reason: dict[Reason, list[tuple[str, Gap]]] = {}
    for each in gaps:
        by_reason.setdefault(each[1].reason, []).append(each)
    for reason, found in by_reason.items():
        names = [name for name, _ in found]
        listed = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        longest = max(gap.end - gap.start for _, gap in found)
        yield f"{len(names)} point{'s' * (len(names) > 1)}", _lasting(longest), reason.value, listed


def _lasting(seconds: float) -> str:
    """A time as people say it.

    >>> _lasting(901.2), _lasting(75.0)
    ('15 min', '75 s')
    """
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
