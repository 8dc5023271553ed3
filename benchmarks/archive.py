"""What a sample takes in the journal: live and archived, on disk and of the processor, by the kind of its values.

The plant is 1 000 points at 1 s, polled in ten answers of 100 with their own jitter, in frames of 500 samples. A level
wanders by about 2 % of the range, with noise of 0.03 to 0.2 % of it. Only the first chunks of the day are made: every
chunk of a day is such a one. Where the gas turbine's year is (see ``quality``), its hours are a plant of their own:
interpolated to the second, with noise of 0.25 % of the value, read by converters of 16 bits.
"""

from __future__ import annotations

import csv
import math
import random
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, cycle, islice, pairwise
from pathlib import Path

from benchmarks.process import load
from benchmarks.quality import DATA
from benchmarks.table import Table, progress

from greenops_core.sample import Quality, Reason
from greenops_telemetry.journal import archive
from greenops_telemetry.journal.archive import Archive
from greenops_telemetry.journal.columns import Columns, pack
from greenops_telemetry.journal.frame import HEAD, Frame, Kind

POINTS, ANSWER, FRAME = 1000, 100, 500
CHUNK = 262
"""Seconds of the plant that make one chunk."""
DAY = 86_400 * POINTS
Values = Iterator[float]
Kinds = Sequence[Callable[[random.Random], Values]]


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """One row for each kind of values, and for a plant that has all of them."""
    seconds = CHUNK * (1 if quick else 4)
    kinds: dict[str, Kinds] = {
        "converter codes times 0.1, 0.01, 0.05": (_scaled,),
        "the same, kelvin as degrees Celsius": (_kelvin,),
        "the same, kWh as joules": (_unit,),
        "float32 with noise": (_float32,),
        "the same, hPa as pascals": (_float32_unit,),
        "float32 of two decimals": (_decimal32,),
        "counter": (_counter,),
        "constant": (_constant,),
        "derived, all 53 bits": (_derived,),
        "PLANT: 45 % codes, 25 % float32, 10 % decimals, 5 % counters, 10 % constant, 5 % derived": PLANT,
    }
    rows = [_row(name, plant(each, seconds)) for name, each in kinds.items()]
    if DATA.exists():
        rows.append(_row("a gas turbine's year as 1 000 points", plant(_turbine(DATA), seconds)))
    return Table(
        f"Archive of {seconds} s of {POINTS} points at 1 s, load {load()}",
        ["values", "live B/sample", "archive B/sample", "write us/sample", "read us/sample", "a day, MB", "CPU min"],
        rows,
    )


def plant(kinds: Iterable[Callable[[random.Random], Values]], seconds: int) -> Columns:
    """Its samples for *seconds*; the points have the *kinds* in turn."""
    rng = random.Random(1)  # noqa: S311  # the same plant in every run
    seeds = (random.Random(number) for number in range(POINTS))  # noqa: S311  # same
    values = [kind(seed) for seed, kind in zip(seeds, cycle(kinds), strict=False)]
    phases = sorted((rng.random(), first) for first in range(0, POINTS, ANSWER))
    columns = Columns()
    for second in range(seconds):
        for phase, first in phases:
            at = 1.79e9 + second + phase + abs(rng.gauss(0, 0.002))
            received = at + 0.004 + abs(rng.gauss(0, 0.001))
            for number in range(first, first + ANSWER):
                columns.add(number + 1, next(values[number]), at, received, Quality.GOOD, Reason.NONE)
    return columns


def _row(name: str, columns: Columns) -> list[str | float]:
    progress(f"archive: {name}")
    samples = len(columns)
    parts = ((first, columns.part(first, first + FRAME)) for first in range(0, samples, FRAME))
    frames = [Frame(Kind.SAMPLES, 1 + first, len(part), pack(part)) for first, part in parts]
    live = sum(HEAD + len(frame.payload) for frame in frames) / samples
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        info = archive.write(Path(folder) / "a.goa", 1, frames)
        written = time.process_time()
        opened, found = Archive.open(info.path), Columns()
        while (run := opened.read(1 + len(found), info.stop, 5000)) is not None:
            found.extend(run[1])
        read = time.process_time()
    assert found == columns, "what is read is not what was written"  # noqa: S101  # a benchmark checks itself
    size, work = info.size / samples, (written - began) / samples
    return [name, live, size, work * 1e6, (read - written) / samples * 1e6, size * DAY / 1e6, work * DAY / 60]


def _wandering(rng: random.Random, full: float) -> Values:
    level, noise, away = full * rng.uniform(0.2, 0.8), full * rng.choice([0.0003, 0.001, 0.002]), 0.0
    while True:
        away += rng.gauss(0, full * 0.02 / 60) - away / 600
        yield level + away + rng.gauss(0, noise)


def _codes(rng: random.Random) -> Values:
    full = 2 ** rng.choice([12, 14, 16]) - 1
    return (max(0, min(full, round(value))) for value in _wandering(rng, full))


def _scaled(rng: random.Random) -> Values:
    scale = rng.choice([0.1, 0.01, 0.05])
    return (code * scale for code in _codes(rng))


def _kelvin(rng: random.Random) -> Values:
    return (value - 273.15 for value in _scaled(rng))


def _unit(rng: random.Random) -> Values:
    return (value * 3.6e6 for value in _scaled(rng))


def _float32(rng: random.Random) -> Values:
    return (array("f", [value])[0] for value in _wandering(rng, rng.uniform(1, 2000)))


def _float32_unit(rng: random.Random) -> Values:
    return (value * 100 for value in _float32(rng))


def _decimal32(rng: random.Random) -> Values:
    return (array("f", [round(value, 2)])[0] for value in _scaled(rng))


def _counter(rng: random.Random) -> Values:
    total, rate = float(rng.randrange(10**6)), rng.uniform(1, 50)
    while True:
        total += rate * rng.uniform(0.97, 1.03)
        yield int(total) * 0.01


def _constant(rng: random.Random) -> Values:
    value = rng.choice([0.0, 1.0, 250.5])
    return (value for _ in count())


def _derived(rng: random.Random) -> Values:
    return (math.sqrt(value) * 1.2345678 for value in _wandering(rng, 1000.0))


def _turbine(path: Path) -> Kinds:
    with path.open() as file:
        columns = [list(map(float, column)) for column in zip(*csv.reader(file), strict=True)]
    return [_hours(column) for column in columns]


def _hours(hours: Sequence[float]) -> Callable[[random.Random], Values]:
    """One signal of the turbine, second by second from some hour on."""

    def values(rng: random.Random) -> Values:
        step = max(map(abs, hours)) * 1.25 / 65535
        for before, after in islice(pairwise(hours), rng.randrange(len(hours) - 25), None):
            for second in range(3600):
                value = before + (after - before) * second / 3600
                yield round(value * rng.gauss(1, 0.0025) / step) * step

    return values


_CONVERTERS, _FLOATS = (_scaled, _kelvin, _unit), (_float32, _float32_unit)
PLANT: Kinds = (
    *_CONVERTERS * 3, *_FLOATS * 2, _FLOATS[0], _decimal32, _decimal32, _counter, _constant, _constant, _derived
)  # fmt: skip
"""What a plant's points are like."""
