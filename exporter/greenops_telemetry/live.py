"""The live picture: the last good value of every series.

Rules of this file: one writer; readers get an immutable snapshot, or a page that is made while they read it. A bad
value is absent, and so is one that grew older than its series allows. No timestamps leave here: Prometheus would keep a
vanished series alive for five minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from greenops_core.sample import Metric, Quality, Sample


class Series(NamedTuple):
    """One series as it was when a snapshot was taken."""

    labels: tuple[str, ...]
    value: float
    at: float | None
    """When it was measured; none when it holds until it is said otherwise, as a counter or a state does."""


Snapshot = tuple[tuple[Metric, tuple[Series, ...]], ...]
"""Families in order of first appearance, each with its fresh series."""

Page = Iterable[tuple[Metric, str]]
"""The same as lines of exposition, some hundred at a time; those of a family follow each other."""

AT_ONCE = 512
"""Lines that are made together: some 60 KB of text."""

Numbers = Callable[[list[float]], list[str]]
"""Writes finite numbers so that each reads back as the same; what it makes of others does not matter."""


def _numbers(values: list[float]) -> list[str]:
    return [repr(value) for value in values]


class Cell:
    """Where one series' last value stands. Who writes it often holds it, and so looks nothing up.

    *prefix* is its line of exposition before the value.
    """

    __slots__ = ("at", "expires", "kept", "labels", "prefix", "value")

    def __init__(self, metric: Metric, labels: tuple[str, ...], *, kept: bool) -> None:
        """*kept*: it stays in its family while it is absent."""
        self.labels, self.kept = labels, kept
        self.value, self.at, self.expires = math.nan, 0.0, -math.inf
        self.prefix = _prefix(metric, labels)

    def set(self, value: float, at: float, expires: float = math.inf) -> None:
        """The series is *value*, as measured *at*, until *expires* (Unix seconds)."""
        self.value, self.at, self.expires = value, at, expires

    def end(self) -> None:
        """The series is absent."""
        self.expires = -math.inf


class Live:
    """Holds the last sample of every series. One thread puts and takes snapshots; a snapshot may go anywhere."""

    def __init__(self) -> None:
        self._families: dict[Metric, dict[tuple[str, ...], Cell]] = {}

    def cell(self, metric: Metric, labels: tuple[str, ...]) -> Cell:
        """The place of a series, absent until it is set; ``forget`` ends it."""
        family = self._families.setdefault(metric, {})
        cell = family.get(labels)
        if cell is None or not cell.kept:
            cell = family[labels] = Cell(metric, labels, kept=True)
        return cell

    def forget(self, metric: Metric, labels: tuple[str, ...]) -> None:
        """The series is over, and its place with it."""
        self._families.get(metric, {}).pop(labels, None)

    def put(self, sample: Sample, expires: float = math.inf) -> None:
        """Take *sample* over; a bad one ends its series. After *expires* (Unix time) the series is absent."""
        metric, labels = sample.metric, sample.labels
        family = self._families.get(metric)
        if family is None:
            family = self._families[metric] = {}
        if sample.quality is Quality.BAD:
            family.pop(labels, None)
            return
        cell = family.get(labels)
        if cell is None:
            cell = family[labels] = Cell(metric, labels, kept=False)
        cell.set(sample.value, sample.at, expires)

    def count(self, metric: Metric, at: float, amount: float = 1.0, **labels: str) -> None:
        """Add *amount* to a counter."""
        fresh = metric.sample(amount, at, **labels)
        known = self._families.get(metric, {}).get(fresh.labels)
        self.put(fresh._replace(value=known.value + amount) if known else fresh)

    def snapshot(self, now: float) -> Snapshot:
        """What is fresh at *now*; what is not is forgotten, unless its place is kept."""
        taken = []
        for metric, fresh in self._fresh(now):
            series = [Series(cell.labels, cell.value, None if cell.expires == math.inf else cell.at) for cell in fresh]
            taken.append((metric, tuple(series)))
        return tuple(taken)

    def page(self, now: float, numbers: Numbers = _numbers) -> Page:
        """The same as lines of exposition, made as they are asked for, each with the value that it has then.

        *numbers* writes finite ones, and may be anybody's who is quick at it.
        """
        for metric, fresh in self._fresh(now):
            for first in range(0, len(fresh), AT_ONCE):
                yield metric, _lines(fresh[first : first + AT_ONCE], numbers)

    def _fresh(self, now: float) -> Iterator[tuple[Metric, list[Cell]]]:
        for metric, family in tuple(self._families.items()):  # others may come while a page is read
            fresh = [cell for cell in family.values() if cell.expires > now]
            if len(fresh) < len(family):
                for over in [cell.labels for cell in family.values() if not cell.kept and cell.expires <= now]:
                    del family[over]
            if fresh:
                yield metric, fresh


def _lines(cells: list[Cell], numbers: Numbers) -> str:
    """Lines of exposition. All numbers in one call and all parts in one list: that makes them cheap."""
    values = [float(cell.value) for cell in cells]
    written = numbers(values)
    if not math.isfinite(sum(values)):  # one of them is not finite, or all are and large
        pairs = zip(written, values, strict=True)
        written = [number if math.isfinite(value) else _not_finite(value) for number, value in pairs]
    parts = ["\n"] * (3 * len(cells))
    parts[::3] = [cell.prefix for cell in cells]
    parts[1::3] = written
    return "".join(parts)


def _prefix(metric: Metric, labels: tuple[str, ...]) -> str:
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in zip(metric.labels, labels, strict=True))
    return f"{metric.name}{{{pairs}}} " if pairs else f"{metric.name} "


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
