"""The journal beside what gateways commonly keep samples in: a SQLite file with a row for each.

The peer is set as a store that loses nothing must be (WAL, ``synchronous=FULL``), has a number in each column and no
index but its key; a row of JSON text, as is more common, takes several times the room. Both get the same samples.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from benchmarks import journal_files
from benchmarks.archive import ANSWER
from benchmarks.journal_files import GROUP
from benchmarks.process import percentile
from benchmarks.table import Rows, progress

from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.group import Durable, Note, committing
from greenops_telemetry.journal.reader import Run
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.store import Bounds, Store

RATE = 10_000
READ = 5000
"""Samples that are asked for at a time, as a sink does."""
SEGMENT = 2 * 2**20
"""Small enough that a short run archives one of them."""
BARE = 7
"""Bytes for each sample that are written to see what the disk can do."""
TURN = 50
"""Commits of one way before it is the other's turn."""
PEER = "SQLite, a row for each sample"

Read = Callable[[int], Columns | None]
"""The samples from a sequence on, as many as are read at a time."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something done *times* times: seconds on the clock and of the processor."""

    times: int
    wall_s: float
    cpu_s: float

    @property
    def a_second(self) -> float:
        return self.times / self.wall_s

    @property
    def us(self) -> float:
        return 1e6 * self.cpu_s / self.times


class SampleRows:
    """The peer, for any thread, one at a time. *size* is its bytes on disk."""

    def __init__(self, path: Path) -> None:
        self.path, self._next = path, 1
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        columns = "series INTEGER, value REAL, at REAL, received REAL, state INTEGER"
        self._database.execute(f"CREATE TABLE sample (id INTEGER PRIMARY KEY, {columns})")

    def number(self, _: Series) -> int:
        return 1

    def commit(self, columns: Columns, _: Sequence[Note] = ()) -> int:
        """As ``Store.commit``."""
        first = self._next
        numbers = range(first, first + len(columns))
        rows = zip(numbers, columns.series, columns.values, columns.at, columns.received, columns.states, strict=True)
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")
        self._next += len(columns)
        return first

    def read(self, start: int) -> Columns | None:
        """The samples from *start* on."""
        asked = "SELECT series, value, at, received, state FROM sample WHERE id >= ? ORDER BY id LIMIT ?"
        columns = Columns()
        for series, value, at, received, state in self._database.execute(asked, (start, READ)):
            columns.series.append(series)
            columns.values.append(value)
            columns.at.append(at)
            columns.received.append(received)
            columns.states.append(state)
        return columns or None

    @property
    def size(self) -> int:
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self.path.stat().st_size

    def close(self) -> None:
        self._database.close()


def rows(quick: bool) -> Rows:  # noqa: FBT001  # as ``measure`` is called
    """Commits, what is between a sample and its being seen, bytes, and reading."""
    seconds, commits = (4.0, 1000) if quick else (30.0, 6000)
    some = list(journal_files.groups(commits * GROUP, time.time()))[:commits]
    with tempfile.TemporaryDirectory() as folder:
        return [*_visible(Path(folder), some, seconds), *_commits(Path(folder), some)]


def _visible(folder: Path, some: Sequence[Columns], seconds: float) -> Rows:
    """The gateway's group commit, which is given ten answers of 100 samples a tenth of a second."""
    with _journal(folder / "visible") as store, _peer(folder / "visible.db") as peer:
        found = {}
        for name, durable in (("", store), (PEER, peer)):
            progress(f"journal: samples become visible, {name or 'ours'}")
            found[name] = asyncio.run(_shown(durable, some, seconds))
    what = f"{RATE} samples/s, from put to shown"
    return [
        [f"{what}, p{percent}", percentile(found[""], percent), "ms", PEER, percentile(found[PEER], percent)]
        for percent in (50, 99)
    ]


async def _shown(durable: Durable, some: Sequence[Columns], seconds: float) -> list[float]:
    """Milliseconds from a put to the call that shows the samples."""
    took: list[float] = []
    answers = (each.part(start, start + ANSWER) for each in cycle(some) for start in range(0, GROUP, ANSWER))
    every = ANSWER / RATE
    began = time.perf_counter()
    async with committing(durable) as group:
        for number, answer in enumerate(islice(answers, int(seconds / every))):
            await asyncio.sleep(began + number * every - time.perf_counter())
            group.put(answer, partial(_note, took, time.perf_counter()))
    return took


def _note(took: list[float], since: float) -> None:
    took.append(1e3 * (time.perf_counter() - since))


def _commits(folder: Path, some: Sequence[Columns]) -> Rows:
    """One commit after the other, and everything read again."""
    samples = sum(map(len, some))
    with _journal(folder / "journal") as store, _peer(folder / "rows.db") as peer:
        progress("journal: commits beside SQLite")
        ours, theirs, bare = _in_turns(some, store.commit, peer.commit, partial(_appended, folder / "bare"))
        size, peer_size = store.size / samples, peer.size / samples
        progress("journal: reading beside SQLite")
        reader = store.reader()
        reading, peer_reading = _read_all(lambda at: _run(reader.read(at, store.next, READ))), _read_all(peer.read)
        progress("journal: archiving")
        while store.keep_house(time.time()):
            pass
        stop = max(int(path.stem.partition("-")[2]) for path in (store.directory / "archive").iterdir())
        archived = _read_all(lambda at: _run(reader.read(at, stop, READ)))
        reader.close()
    return [
        [f"commits of {GROUP}, durable", ours.a_second, "/s", PEER, theirs.a_second],
        [f"commits of {GROUP}, durable", ours.a_second, "/s", "a bare write and fdatasync", bare.a_second],
        ["a commit, CPU", ours.us / GROUP, "us a sample", PEER, theirs.us / GROUP],
        [f"on disk, live, segments of {SEGMENT >> 20} MiB", size, "bytes a sample", PEER, peer_size],
        ["reading, live", 1 / reading.us, "million samples/CPU s", PEER, 1 / peer_reading.us],
        ["reading, archived", 1 / archived.us, "million samples/CPU s", PEER, 1 / peer_reading.us],
    ]


def _in_turns(some: Sequence[Columns], *ways: Callable[[Columns], object]) -> list[Work]:
    """Each of *ways* with all of *some*, a few at a time."""
    done = [Work(0, 0.0, 0.0)] * len(ways)
    for start in range(0, len(some), TURN):
        for place, way in enumerate(ways):
            began, before = time.perf_counter(), time.process_time()
            for each in some[start : start + TURN]:
                way(each)
            wall, cpu = time.perf_counter() - began, time.process_time() - before
            so_far = done[place]
            done[place] = Work(so_far.times + TURN, so_far.wall_s + wall, so_far.cpu_s + cpu)
    return done


def _read_all(read: Read) -> Work:
    """Everything from the first sample on."""
    began, before, at = time.perf_counter(), time.process_time(), 1
    while (found := read(at)) is not None:
        at += len(found)
    return Work(at - 1, time.perf_counter() - began, time.process_time() - before)


def _run(run: Run | None) -> Columns | None:
    return None if run is None else run[1]


def _appended(path: Path, columns: Columns) -> None:
    """As many bytes as *columns* take in the journal, appended to the file at *path*, durably."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, bytes(BARE * len(columns)))
        os.fdatasync(file)
    finally:
        os.close(file)


@contextmanager
def _journal(directory: Path) -> Iterator[Store]:
    with Store.open(directory, Bounds(segment=SEGMENT)) as store:
        journal_files.name_series(store)
        yield store


@contextmanager
def _peer(path: Path) -> Iterator[SampleRows]:
    with closing(SampleRows(path)) as peer:
        yield peer
