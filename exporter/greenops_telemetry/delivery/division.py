"""Batches put in order, and taken apart to find the sample that a receiver does not want. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

from greenops_telemetry.delivery.sink import Batch
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.ranges import Range, Ranges
from greenops_telemetry.journal.series import Series


def arranged(sequences: array[int], columns: Columns, series: Callable[[int], Series]) -> Batch:
    """A batch of these samples, one series after the other, each by its source time and then its sequence.

    Receivers want it so: of a series that is not sorted, Prometheus says yes to all and stores some.
    """
    places = sorted(range(len(columns)), key=columns.at.__getitem__)
    places.sort(key=columns.series.__getitem__)
    return Batch(array("Q", [sequences[place] for place in places]), columns.pick(places), series)


def numbered(sequences: Iterable[Range]) -> array[int]:
    """Each sequence of ranges.

    >>> list(numbered([(1, 3), (7, 8)]))
    [1, 2, 7]
    """
    return array("Q", [number for start, stop in sequences for number in range(start, stop)])


def spanned(sequences: Iterable[int]) -> Ranges:
    """Sequences in any order as ranges.

    >>> list(spanned([8, 1, 2]))
    [(1, 3), (8, 9)]
    """
    ranges: list[Range] = []
    for number in sorted(sequences):
        if ranges and ranges[-1][1] == number:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return Ranges(ranges)


def copied(batch: Batch) -> tuple[Ranges, Columns]:
    """The samples of *batch* as the journal keeps a copy: the lowest sequence first."""
    places = sorted(range(len(batch)), key=batch.sequences.__getitem__)
    return spanned(batch.sequences), batch.columns.pick(places)


def part(batch: Batch, start: int, stop: int) -> Batch:
    """Those samples of *batch* from place *start* to before *stop*."""
    return Batch(batch.sequences[start:stop], batch.columns.part(start, stop), batch.series)


def is_one_series(batch: Batch) -> bool:
    """Whether all its samples are of one series; they are in order, so the ends tell."""
    return batch.columns.series[0] == batch.columns.series[-1]


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Two parts of a batch of several samples: between two series, as near to the middle as can be, or else by time."""
    series, middle = batch.columns.series, len(batch) // 2
    if not is_one_series(batch):
        ends = (place for place in range(1, len(batch)) if series[place] != series[place - 1])
        middle = min(ends, key=lambda place: abs(place - middle))
    return part(batch, 0, middle), part(batch, middle, len(batch))


def pieces(batch: Batch, most: int) -> list[Batch]:
    """*batch* in as few parts of at most *most* samples as can be, in its order."""
    return [part(batch, start, min(start + most, len(batch))) for start in range(0, len(batch), most)]
