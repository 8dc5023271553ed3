"""The journal's files were damaged while nobody ran it: the gateway starts, counts that, and delivers all the rest."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from journal_proof import Proof, closes, duplicates, is_true, kept, not_delivered, not_kept, prove, report
from journal_run import Rig, rig

BACKLOG = 30_000
BITS = 20
IN_A_FRAME = 1000

Record = Callable[[str, object], None]


def test_bits_that_flip_and_an_end_that_is_cut_off(tmp_path: Path, record_property: Record) -> None:
    chance = random.Random(3)
    with rig(tmp_path) as run:
        run.backlog(BACKLOG)
        segments = sorted((run.journal / "segments").iterdir())
        before = {row.sequence: row for row, _ in kept(run.journal).rows}
        for _ in range(BITS):
            flip(chance.choice(segments), chance)
        with segments[-1].open("r+b") as last:
            last.truncate(segments[-1].stat().st_size - 7)
        run.run(1.0)
        damages = run.lives[-1].metric("greenops_journal_damages_total")
        run.rest()
        files = kept(run.journal)
        closes(files)
        is_true(files, run.device)
        told = list(run.oracle.stored)
        missing, spurious, twice = not_delivered(files, told, "oracle"), not_kept(files, told), duplicates(told)
        assert not missing
        assert not spurious
        assert not twice
        lost = len(files.gone())
        assert 0 < lost <= BITS * IN_A_FRAME
        same = [row for row, _ in files.rows if row.sequence in before and row.sequence < max(before) - IN_A_FRAME]
        assert all(before[row.sequence] == row for row in same)
        assert {each.why for each in files.evictions} == {"damaged"}
        assert 1 <= damages <= BITS + 1
    proof = Proof(files.following - 1, run.kills, 0, files.segments - 1, len(missing), twice, len(spurious), 0)
    report(record_property, "bits flipped, the last record cut", f"{BITS} bits", proof, damaged=lost)


def flip(path: Path, chance: random.Random) -> None:
    """One bit of the file at *path*."""
    with path.open("r+b") as file:
        place = chance.randrange(path.stat().st_size)
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << chance.randrange(8)]))


def test_a_state_that_is_garbage_is_begun_anew(tmp_path: Path, record_property: Record) -> None:
    """All that lies in the journal is delivered again; that is what a receiver makes one of."""
    with rig(tmp_path) as run:
        run.backlog(BACKLOG)
        run.run(1.0)
        run.rest()
        spoil(run)
        run.device.silent = False
        run.run(1.0)
        damages = run.lives[-1].metric("greenops_journal_damages_total")
        run.rest()
        batches = -(-len(run.oracle.stored) // run.sinks["oracle"]["batch"])
        proof = prove(run, repeats=batches)
        assert damages == 1
        assert list((run.journal).glob("state.db.*"))
        assert proof.replayed >= BACKLOG
    report(record_property, "state.db overwritten", "once", proof)


def spoil(run: Rig) -> None:
    state = run.journal / "state.db"
    with state.open("r+b") as file:
        file.write(random.Random(4).randbytes(state.stat().st_size))
