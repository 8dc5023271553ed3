"""Samples of a journal as lines of text, bit for bit; live segments and archives are read a little at a time."""

from __future__ import annotations

import csv
import io
import json
import math
import struct
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from greenops_core.errors import ConfigError
from greenops_gateway.journal.look import Look, named, segments
from greenops_telemetry.journal.columns import Columns, Row
from greenops_telemetry.journal.ranges import Range
from greenops_telemetry.journal.series import Series

AT_ONCE = 5000
COLUMNS = ("sequence", "metric", "site", "stack", "device", "point")
"""What names a sample in CSV; value, at, received, quality, reason and bits follow."""

Progress = Callable[[float, str], None]


class Wanted(NamedTuple):
    """Samples of *series* (all when none), measured from *since* to before *until* (Unix), *start* to before *stop*."""

    series: frozenset[int] | None
    since: float
    until: float
    start: int
    stop: int


def matching(look: Look, pattern: str) -> frozenset[int]:
    """The numbers of the series of points that *pattern* names, such as ``analyser-1/*``.

    Raises:
        ConfigError: there is none.
    """
    names = {number: named(series) for number, series in look.store.state.series().items()}
    found = frozenset(number for number, name in names.items() if fnmatchcase(name, pattern))
    if not found:
        known = ", ".join(sorted(set(names.values()))[:20])
        raise ConfigError(f"no point is called '{pattern}'; there are: {known or 'none yet'}", ("--point",))
    return found


class Export:
    """Goes through the samples that are *wanted*."""

    def __init__(self, look: Look, wanted: Wanted) -> None:
        self.written = 0
        self._holes: list[Range] = []
        self._look, self._wanted = look, wanted

    def rows(self, progress: Progress) -> Iterator[Row]:
        """The samples, lowest sequence first. Raises OSError: the disk does not let us read."""
        wanted, store = self._wanted, self._look.store
        at = start = max(wanted.start, store.oldest)
        stop = min(wanted.stop, store.next)
        reader = store.reader()
        try:
            while (run := reader.read(at, stop, AT_ONCE)) is not None:
                first, columns = run
                self._holes.append((at, first))
                at = first + len(columns)
                if self._may_hold(columns):
                    for row in columns.rows(first):
                        if self._is_wanted(row):
                            self.written += 1
                            yield row
                progress((at - start) / (stop - start), f"{self.written} samples")
        finally:
            reader.close()
        self._holes.append((at, stop))

    @property
    def lost(self) -> int:
        """How many of the samples could not be read, without those that were evicted meanwhile. Raises OSError."""
        state = self._look.store.state
        oldest = next((each.first for each in segments(self._look.directory, state, time.time)), self._look.store.next)
        return sum(max(0, stop - max(start, oldest)) for start, stop in self._holes)

    def _may_hold(self, columns: Columns) -> bool:
        wanted = self._wanted
        if wanted.series is not None and wanted.series.isdisjoint(columns.series):
            return False
        return max(columns.at) >= wanted.since and min(columns.at) < wanted.until

    def _is_wanted(self, row: Row) -> bool:
        wanted = self._wanted
        return wanted.since <= row.at < wanted.until and (wanted.series is None or row.series in wanted.series)


def jsonl(row: Row, series: Series) -> str:
    """One line, as a sink of kind jsonl writes it."""
    bits = _bits(row.value)
    value = f'null, "bits": "{bits}"' if bits else repr(row.value)
    times = f'"at": {row.at!r}, "received": {row.received!r}'
    verdict = f'"quality": "{row.quality.name.lower()}", "reason": "{row.reason.value}"'
    return f'{{"sequence": {row.sequence}, {_named(series)}, "value": {value}, {times}, {verdict}}}'


@lru_cache(1000)
def _named(series: Series) -> str:
    return f'"metric": {json.dumps(series.name)}, "labels": {json.dumps(dict(series.labels))}'


def head() -> str:
    """The first line of CSV."""
    return ",".join((*COLUMNS, "value", "at", "received", "quality", "reason", "bits"))


def comma_separated(row: Row, series: Series) -> str:
    """One line of CSV, without labels that are not in ``COLUMNS``; *bits* says what a value is that is no number."""
    labels = dict(series.labels)
    names = [labels.get(name, "") for name in COLUMNS[2:]]
    bits = _bits(row.value)
    cells = [row.sequence, series.name, *names, "" if bits else repr(row.value), repr(row.at), repr(row.received)]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([*cells, row.quality.name.lower(), row.reason.value, bits])
    return line.getvalue()


def _bits(value: float) -> str:
    """The 64 bits of a value that has no digits, in hex.

    >>> _bits(math.nan), _bits(1.5)
    ('7ff8000000000000', '')
    """
    return "" if math.isfinite(value) else struct.pack(">d", value).hex()
