"""The live picture: the last good value of every series.

Rules of this file: one writer; readers get an immutable snapshot, or a page that is made while they read it. A bad
value is absent, and so is one that grew older than its series allows. No timestamps leave here: Prometheus would keep a
vanished series alive for five minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from greenops_core.sample import Metric, Quality, Sample
from greenops_telemetry.block import SIZE, Block, Numbers, plainly


class Series(NamedTuple):
    """One series as it was when a snapshot was taken."""

    labels: tuple[str, ...]
    value: float
    at: float | None
    """When it was measured; none when it holds until it is said otherwise, as a counter or a state does."""


Snapshot = tuple[tuple[Metric, tuple[Series, ...]], ...]
"""Families in order of first appearance, each with its fresh series."""

Page = Iterable[tuple[Metric, bytes]]
"""The same as lines of exposition, some hundred at a time; those of a family follow each other."""


class Cell:
    """Where one series' last value stands. Who writes it often holds it, and so looks nothing up.

    *at* is when that was measured.
    """

    __slots__ = ("_block", "_index", "at")

    def __init__(self, block: Block, index: int) -> None:
        self._block, self._index, self.at = block, index, 0.0

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the series, by the names that its metric gives them."""
        return self._block.labels[self._index]

    @property
    def value(self) -> float:
        """The last one; not a number while there was none."""
        return self._block.values[self._index]

    def set(self, value: float, at: float, expires: float = math.inf) -> None:
        """The series is *value*, as measured *at*, until *expires* (Unix seconds)."""
        block, index = self._block, self._index
        block.values[index] = value
        block.expires[index] = expires
        self.at = at

    def hold(self, expires: float) -> None:
        """The value stands until *expires*."""
        self._block.expires[self._index] = expires

    def is_over(self, now: float) -> bool:
        """Whether the series is absent at *now*."""
        return self._block.expires[self._index] <= now

    def end(self) -> None:
        """The series is absent."""
        self._block.expires[self._index] = -math.inf

    def leave(self, into: Block) -> tuple[Block, int]:
        """Give the place up, absent; who still writes here writes to *into*, which nobody shows."""
        self.end()
        place = self._block, self._index
        self._block, self._index = into, into.add(self.labels)
        return place


class _Family:
    """All series of one metric, and which of them go once they are over."""

    def __init__(self, metric: Metric) -> None:
        self.cells: dict[tuple[str, ...], Cell] = {}
        self.blocks: list[Block] = []
        self.loose: dict[tuple[str, ...], Cell] = {}
        self._free: list[tuple[Block, int]] = []
        self._metric = metric

    def add(self, labels: tuple[str, ...]) -> Cell:
        """A place for a series that is there no more until ``drop``."""
        if self._free:
            block, index = self._free.pop()
            block.rename(index, labels)
        else:
            if not self.blocks or len(self.blocks[-1].labels) == SIZE:
                self.blocks.append(Block(self._metric))
            block = self.blocks[-1]
            index = block.add(labels)
        cell = self.cells[labels] = Cell(block, index)
        return cell

    def drop(self, labels: tuple[str, ...]) -> None:
        """End a series, if there is one."""
        self.loose.pop(labels, None)
        if cell := self.cells.pop(labels, None):
            self._free.append(cell.leave(Block(self._metric)))

    def series(self, block: Block, index: int) -> Series:
        """What stands in a place now."""
        labels = block.labels[index]
        lasts = block.expires[index] == math.inf
        return Series(labels, block.values[index], None if lasts else self.cells[labels].at)

    def fresh(self, now: float) -> Iterator[tuple[Block, list[int]]]:
        """What is not over at *now*, block by block as they are asked for."""
        for labels in [labels for labels, cell in self.loose.items() if cell.is_over(now)]:
            self.drop(labels)
        for block in self.blocks:
            if fresh := block.fresh(now):
                yield block, fresh


class Live:
    """Holds the last sample of every series. One thread puts and takes snapshots; a snapshot may go anywhere."""

    def __init__(self) -> None:
        self._families: dict[Metric, _Family] = {}

    def cell(self, metric: Metric, labels: tuple[str, ...]) -> Cell:
        """The place of a series, absent until it is set; ``forget`` ends it."""
        family = self._family(metric)
        if labels in family.loose:
            family.drop(labels)
        return family.cells.get(labels) or family.add(labels)

    def forget(self, metric: Metric, labels: tuple[str, ...]) -> None:
        """The series is over, and its place with it."""
        self._family(metric).drop(labels)

    def put(self, sample: Sample, expires: float = math.inf) -> None:
        """Take *sample* over; a bad one ends its series. After *expires* (Unix time) the series is absent."""
        family, labels = self._family(sample.metric), sample.labels
        if sample.quality is Quality.BAD:
            family.drop(labels)
            return
        cell = family.cells.get(labels)
        if cell is None:
            cell = family.loose[labels] = family.add(labels)
        cell.set(sample.value, sample.at, expires)

    def count(self, metric: Metric, at: float, amount: float = 1.0, **labels: str) -> None:
        """Add *amount* to a counter."""
        fresh = metric.sample(amount, at, **labels)
        known = self._family(metric).cells.get(fresh.labels)
        self.put(fresh._replace(value=known.value + amount) if known else fresh)

    def snapshot(self, now: float) -> Snapshot:
        """What is fresh at *now*; what is not is forgotten, unless its place is kept."""
        taken = []
        for metric, family in self._families.items():
            shown = [(block, index) for block, fresh in family.fresh(now) for index in fresh]
            if shown:
                taken.append((metric, tuple([family.series(block, index) for block, index in shown])))
        return tuple(taken)

    def page(self, now: float, numbers: Numbers = plainly) -> Page:
        """The same as lines of exposition, made as they are asked for, each with the value that it has then.

        *numbers* writes finite ones, and may be anybody's who is quick at it.
        """
        for metric, family in tuple(self._families.items()):  # others may come while a page is read
            for block, fresh in family.fresh(now):
                yield metric, block.lines(fresh, numbers)

    def _family(self, metric: Metric) -> _Family:
        family = self._families.get(metric)
        if family is None:
            family = self._families[metric] = _Family(metric)
        return family
