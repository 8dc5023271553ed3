"""Journals for the benchmarks: the plant of ``archive`` as it would have been committed, at any size, quickly."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from pathlib import Path

from benchmarks.archive import PLANT, POINTS, plant

from greenops_core.catalogue import POINT_METRICS
from greenops_core.unit import quantity_of
from greenops_telemetry.journal.columns import Columns, pack
from greenops_telemetry.journal.frame import Frame, Kind, encode
from greenops_telemetry.journal.recovery import definitions
from greenops_telemetry.journal.series import Series, described
from greenops_telemetry.journal.state import State
from greenops_telemetry.journal.store import Bounds, Store

GROUP = 500
"""Samples in a commit, as in the gateway."""
SEGMENT = 16 * 2**20
SECONDS = 100
"""Of the plant that are made; what is larger repeats their values at later times."""
SITE = "plant"


def series() -> dict[int, Series]:
    """The points of the plant, by their number in the journal."""
    metric = POINT_METRICS[quantity_of("mg/m3")]
    return {
        number: described(metric, (SITE, "s", f"old{(number - 1) // 100}", f"p{(number - 1) % 100}"))
        for number in range(1, POINTS + 1)
    }


def groups(samples: int, ends: float) -> Iterator[Columns]:
    """At least so many samples of the plant, commit by commit; the last of them came at *ends*, Unix seconds."""
    whole = plant(PLANT, SECONDS)
    rounds = -(-samples // len(whole))
    for each in range(rounds):
        later = ends - whole.received[-1] - (rounds - 1 - each) * SECONDS
        for start in range(0, len(whole), GROUP):
            some = whole.part(start, start + GROUP)
            some.at = array("d", [at + later for at in some.at])
            some.received = array("d", [at + later for at in some.received])
            yield some


def committed(directory: Path, samples: int, ends: float) -> int:
    """A journal in *directory* with such samples, written through its front door; the sequence after the last."""
    with Store.open(directory, Bounds()) as store:
        name_series(store)
        for some in groups(samples, ends):
            store.commit(some)
        return store.next


def copied(directory: Path, size: int, ends: float) -> int:
    """A journal of *size* bytes in full segments, each with the same samples; the sequence after the last.

    All samples came in the hundred seconds before *ends*: times that differ would have to be packed anew.
    """
    with Store.open(directory, Bounds()) as store:
        store.state.keep_series(series())
    parts = [(len(some), pack(some)) for some in groups(SECONDS * POINTS, ends)]
    head = definitions(series())
    following = 1
    for _ in range(size // SEGMENT):
        first, written = following, 0
        with (directory / "segments" / f"{first:020}.log").open("wb") as file:
            written += file.write(encode(Frame(Kind.SERIES, first, 0, head)))
            while written < SEGMENT:
                for count, payload in parts:
                    written += file.write(encode(Frame(Kind.SAMPLES, following, count, payload)))
                    following += count
                    if written >= SEGMENT:
                        break
            file.flush()
            os.fsync(file.fileno())  # or the gateway's own would wait for it
    state = State.open(directory / "state.db")
    state.keep_high_water(following)
    state.close()
    return following


def name_series(store: Store) -> None:
    """Give the points of the plant the numbers that its samples have, in a journal that is new."""
    for number, each in series().items():
        if store.number(each) != number:
            raise ValueError(f"{store.directory} has series already")
