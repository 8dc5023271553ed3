"""Samples in files, one line each and one file per UTC day, on disk before they count as taken.

``2026-03-01.jsonl`` holds what came here on that day: a day that is over stays as it is. Nothing is written twice: what
a file ends with is read before it is written to, and a line that a crash has cut is cut off.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from greenops_telemetry.delivery.protobuf import double
from greenops_telemetry.delivery.sink import Batch
from greenops_telemetry.delivery.verdict import Later, Taken, Verdict
from greenops_telemetry.journal.columns import Row
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.series import Series

TAIL = 16 * 2**20
"""Bytes at the end of a file that are looked through for samples: more than several requests have."""
MOST = 10_000
"""Samples in one request at most, so that ``TAIL`` holds them."""
OPEN_DAYS = 8
"""Files of which is remembered what they hold."""

_DAY = 86400.0


class _Line(msgspec.Struct):
    """What is read of a line."""

    sequence: int


class Files:
    """The files in *directory*, which is made when it is not there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, Ranges] = {}
        self._heads: dict[int, str] = {}

    def send(self, batch: Batch) -> Verdict:
        """Taken when all of *batch* is on disk. Raises ValueError: it has a time that is none."""
        days: dict[str, list[tuple[int, str]]] = {}
        for sequence, row in sorted(zip(batch.sequences, batch.columns.rows(0), strict=True)):
            line = self._line(row._replace(sequence=sequence), batch.series)
            days.setdefault(_day(row.received), []).append((sequence, line))
        for day, lines in days.items():
            file = self._directory / f"{day}.jsonl"
            try:
                self._write(day, file, lines)
            except OSError as error:
                self._known.pop(day, None)  # what is there now is looked at again
                return Later(f"cannot write {file}: {error.strerror or error}; look at the disk and at directory")
        return Taken()

    def _write(self, day: str, file: Path, lines: list[tuple[int, str]]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            if (known := self._known.get(day)) is None:
                known = _recovered(descriptor)
                _sync_directory(self._directory)
            new = [(sequence, line) for sequence, line in lines if sequence not in known]
            _append(descriptor, "".join(line for _, line in new).encode())
        finally:
            os.close(descriptor)
        _remember(known, (sequence for sequence, _ in new))
        self._known.pop(day, None)
        self._known[day] = known  # the last used comes last
        while len(self._known) > OPEN_DAYS:
            del self._known[next(iter(self._known))]

    def _line(self, row: Row, series: Callable[[int], Series]) -> str:
        if (head := self._heads.get(row.series)) is None:
            named = series(row.series)
            head = f', "metric": {json.dumps(named.name)}, "labels": {json.dumps(dict(named.labels))}, "value": '
            self._heads[row.series] = head
        value = repr(row.value) if math.isfinite(row.value) else f'null, "bits": "{double(row.value)[::-1].hex()}"'
        return (
            f'{{"sequence": {row.sequence}{head}{value}, "at": {_exact(row.at)}, "received": {_exact(row.received)}, '
            f'"quality": "{row.quality.name.lower()}", "reason": "{row.reason.value}"}}\n'
        )


def _exact(at: float) -> str:
    """Unix seconds in the fewest digits that give them back bit for bit."""
    if not math.isfinite(at):
        raise ValueError(f"the time {at!r} is none")
    return repr(at)


def _day(at: float) -> str:
    try:
        return datetime.fromtimestamp(at // _DAY * _DAY, UTC).date().isoformat()
    except (OSError, OverflowError, ValueError):
        raise ValueError(f"the time {at!r} is on no day") from None


def _recovered(descriptor: int) -> Ranges:
    """The samples at the end of a file, which ends with a whole line afterwards."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - TAIL)
    tail = os.pread(descriptor, size - start, start)
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        os.ftruncate(descriptor, start + whole)
    found: list[int] = []
    for line in tail[:whole].splitlines():
        with suppress(msgspec.DecodeError):  # the end of a line, or one that a person wrote
            found.append(msgspec.json.decode(line, type=_Line).sequence)
    known = Ranges()
    _remember(known, sorted(found))
    return known


def _remember(known: Ranges, sequences: Iterable[int]) -> None:
    """Put *sequences*, which ascend, into *known*; most of them follow one another."""
    start = stop = 0
    for sequence in sequences:
        if sequence != stop:
            known.add(start, stop)
            start = sequence
        stop = sequence + 1
    known.add(start, stop)


def _append(descriptor: int, data: bytes) -> None:
    """Write *data* at the end, durably; nothing of it stays when that fails.

    Raises:
        OSError: it failed. What could not be synchronised once is never believed: it is cut off and written anew.
    """
    size = os.fstat(descriptor).st_size
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _sync_directory(directory: Path) -> None:
    """A new file's name is on disk too."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
