"""A day of a plant in a real journal, from its commits to its archive: what stays on disk, and what it took.

The day is that of the plant in ``archive``: 1 000 points at 1 s, committed 500 at a time, archived as segments fill.
"""

from __future__ import annotations

import random
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from benchmarks.archive import ANSWER, FRAME, PLANT, POINTS
from benchmarks.process import load
from benchmarks.table import Table, progress

from greenops_core.sample import Quality, Reason
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.house import Bounds
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.store import Store

BEGAN = 1.79e9


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """A whole day takes a quarter of an hour; the quick form is 3 000 s of it, and two segments."""
    seconds = 3000 if quick else 86_400
    with tempfile.TemporaryDirectory() as folder:
        clock = _Clock()
        with Store.open(Path(folder), Bounds(), clock) as store:
            began, fills = time.monotonic(), threading.Event()
            keeper = threading.Thread(target=_keep_house, args=(store, clock, fills))
            keeper.start()
            for columns in _day(store, seconds):
                clock.now = columns.received[-1]
                store.commit(columns)
            fills.set()
            keeper.join()
            took = time.monotonic() - began
            samples = store.next - 1
        live, archived = (
            sum(each.stat().st_size for each in (Path(folder) / part).iterdir()) for part in ("segments", "archive")
        )
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows: list[list[str | float]] = [
        ["samples committed", samples],
        ["archived, MB", archived / 1e6],
        ["not yet archived, MB", live / 1e6],
        ["bytes a sample, all in all", (archived + live) / samples],
        ["CPU of archiving, s", children.ru_utime + children.ru_stime],
        ["wall time, values being made included, s", took],
    ]
    return Table(f"{seconds} s of {POINTS} points at 1 s in a journal, load {load()}", ["what", "measured"], rows)


class _Clock:
    """The day's own time."""

    now = BEGAN

    def __call__(self) -> float:
        return self.now


def _keep_house(store: Store, clock: _Clock, done: threading.Event) -> None:
    """Archive what is full, until there is nothing more to do."""
    while True:
        ends = done.is_set()
        more = store.keep_house(clock())
        if ends and not more:
            return
        if not more:
            done.wait(1)


def _day(store: Store, seconds: int) -> Iterator[Columns]:
    """Groups as a gateway commits them."""
    rng = random.Random(1)  # noqa: S311  # the same plant in every run
    seeds = (random.Random(number) for number in range(POINTS))  # noqa: S311  # same
    values = [kind(seed) for seed, kind in zip(seeds, cycle(PLANT), strict=False)]
    numbers = [
        store.number(Series("point", "point", "", is_counter=False, labels=(("point", str(number)),)))
        for number in range(POINTS)
    ]
    phases = sorted((rng.random(), first) for first in range(0, POINTS, ANSWER))
    columns = Columns()
    for second in range(seconds):
        if second % 600 == 0:
            progress(f"journal_day: {second / seconds:.0%}")
        for phase, first in phases:
            at = BEGAN + second + phase + abs(rng.gauss(0, 0.002))
            received = at + 0.004 + abs(rng.gauss(0, 0.001))
            for point in range(first, first + ANSWER):
                columns.add(numbers[point], next(values[point]), at, received, Quality.GOOD, Reason.NONE)
            if len(columns) >= FRAME:
                yield columns
                columns = Columns()
    if columns:
        yield columns
