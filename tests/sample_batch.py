"""Batches for sinks: rows as a table, of series that are numbered in order."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from greenops_core.catalogue import HOST_ENERGY, POINT_TEMPERATURE
from greenops_core.sample import Quality, Reason
from greenops_telemetry.delivery.sink import Batch
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.series import Series, described

GOOD, UNCERTAIN, BAD = Quality

POINT = described(POINT_TEMPERATURE, ("Lünen", "1", "analyser", "t1"))
OTHER_POINT = described(POINT_TEMPERATURE, ("Lünen", "1", "analyser", "t2"))
COUNTER = described(HOST_ENERGY, tuple(f"{name}-1" for name in HOST_ENERGY.labels))
SERIES = (POINT, OTHER_POINT, COUNTER)


class Taking(NamedTuple):
    """One sample: the number of its series, value, and Unix seconds."""

    series: int
    value: float
    at: float
    quality: Quality = GOOD
    reason: Reason = Reason.NONE


def batch(*rows: Taking, first: int = 1, series: tuple[Series, ...] = SERIES, received: float | None = None) -> Batch:
    """*rows*, committed in this order with sequences from *first* on, as delivery hands them to a sink."""
    columns, sequences = Columns(), array("Q")
    for sequence, row in sorted(enumerate(rows, first), key=lambda pair: (pair[1].series, pair[1].at)):
        at = row.at if received is None else received
        columns.add(row.series, row.value, row.at, at, row.quality, row.reason)
        sequences.append(sequence)
    return Batch(sequences, columns, series.__getitem__)
