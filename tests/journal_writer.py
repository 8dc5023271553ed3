"""Samples that can be recognised by their sequence alone, and a program that commits them until it is stopped.

``python journal_writer.py DIRECTORY COMMITS SAMPLES SEGMENT_BYTES [SIZE_BYTES]`` says ``next N`` once commits have
returned up to N, ``error NUMBER`` when one did not; it tries the same again then.
"""

from __future__ import annotations

import resource
import struct
import sys
from hashlib import blake2b
from pathlib import Path

from greenops_core.sample import Quality, Reason
from greenops_telemetry.journal.columns import Columns, Row
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.store import Bounds, Store

SERIES = 7
EPOCH = 1.79e9
_REASONS = [reason for reason in Reason if reason is not Reason.NONE]


def series(place: int) -> Series:
    """One of the series of these samples."""
    return Series("greenops_stack_x", "greenops.stack.x", "mg/m3", False, (("site", "a"), ("point", f"p{place}")))


def row(sequence: int) -> Row:
    """What is the sample of *sequence*; its value is any 64 bits."""
    value: float = struct.unpack("<d", blake2b(sequence.to_bytes(8), digest_size=8).digest())[0]
    quality = Quality(sequence % 3)
    reason = Reason.NONE if quality is Quality.GOOD else _REASONS[sequence % len(_REASONS)]
    at = EPOCH + sequence * 0.1
    return Row(sequence, sequence % SERIES, value, at, at + 0.05, quality, reason)


def columns(store: Store, first: int, count: int) -> Columns:
    """The samples from *first* on."""
    numbers = [store.number(series(place)) for place in range(SERIES)]
    some = Columns()
    for sequence in range(first, first + count):
        each = row(sequence)
        some.add(numbers[each.series], *each[2:])
    return some


def is_right(store: Store, first: int, some: Columns) -> bool:
    """Whether *some* are the samples from *first* on, bit for bit."""
    return some == columns(store, first, len(some))


def everything(store: Store) -> list[tuple[int, int]]:
    """Read all of it, and see that each sample is right; which sequences there are."""
    reader = store.reader()
    found: list[tuple[int, int]] = []
    at = 1
    while (run := reader.read(at, store.next, 5000)) is not None:
        first, some = run
        assert is_right(store, first, some), first
        at = first + len(some)
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], at)
        else:
            found.append((first, at))
    reader.close()
    return found


def main(directory: str, commits: int, samples: int, segment: int, size: int = 2**30) -> None:
    """Commit, and say so."""
    store = Store.open(Path(directory), Bounds(segment, size), lambda: EPOCH + 1e6)
    for _ in range(commits):
        some = columns(store, store.next, samples)
        while True:
            try:
                store.commit(some)
                break
            except OSError as error:
                print("error", error.errno, flush=True)
        print("next", store.next, flush=True)
        try:
            store.keep_house(EPOCH + 1e6)
        except OSError as error:
            print("error", error.errno, flush=True)
    print("rss", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
