"""The gateway is killed, anywhere and at every named place of its work on the journal: nothing committed is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from journal_proof import prove, report
from journal_run import Rig, rig, times
from real_servers import eventually

Told = Callable[[str, object], None]

COMMIT = ("after encode", "after write", "before fsync", "after fsync")
SEND = ("before send", "after send", "before cursor", "after cursor")
SEGMENTFUL = 13_000
"""Samples of a backlog."""
HOUSE = ("during archiving", "before swap", "after eviction")


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_kills_at_random(seed: int, tmp_path: Path, request: pytest.FixtureRequest, record_property: Told) -> None:
    """A hundred in all; with ``-m soak`` a thousand."""
    kills, chance = times(request, 25, 250), random.Random(seed)
    with rig(tmp_path, units=14, tags=16) as run:
        for _ in range(kills):
            something(run, chance)
            time.sleep(chance.uniform(0.01, 0.5))
            run.lives[-1].kill()
        run.rest()
        proof = prove(run)
    report(record_property, "kill -9 at a random moment", f"{kills} kills", proof)
    assert proof.kills == kills
    assert proof.replayed
    assert proof.rotations


def something(run: Rig, chance: random.Random) -> None:
    """Begin a life, and wait: mostly until the device is read, or the sink is sent to, or for nothing."""
    life = run.start()
    dice = chance.random()
    if dice >= 0.25:
        run.flows(life)
    elif dice >= 0.1:
        run.sends(life)


def at(name: str, number: int = 1) -> dict[str, str]:
    """The environment in which the program kills itself there, when it comes by for the *number*th time."""
    return {"GREENOPS_FAILPOINT": f"{name}:{number}"}


@pytest.mark.soak
@pytest.mark.parametrize("name", [*COMMIT, *SEND, "during rotate"])
def test_kills_at_a_named_place(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, record_property: Told
) -> None:
    """Five; with ``-m soak`` fifty."""
    kills, chance = times(request, 5, 50), random.Random(name)
    with rig(tmp_path, units=20, tags=16) as run:
        run.backlog(14_000)
        for _ in range(kills):
            life = run.start(at(name, 1 if name == "during rotate" else chance.randint(1, 4)))
            life.wait()
            assert life.killed, life.tail()
        run.rest()
        proof = prove(run)
    report(record_property, f"kill -9 {name}", f"{kills} kills", proof)
    assert proof.kills >= kills
    assert proof.replayed


@pytest.mark.soak
@pytest.mark.parametrize("name", HOUSE)
def test_kills_while_segments_are_archived_or_deleted(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, record_property: Told
) -> None:
    """Five; with ``-m soak`` fifty. It tidies up when it starts, so that is where it is killed."""
    kills = times(request, 5, 50)
    with rig(tmp_path) as run:
        run.sinks["oracle"]["batch"] = 5000
        run.backlog(SEGMENTFUL * (kills + 5))
        if name == "after eviction":
            run.section["max_size"] = "256KiB"
        else:
            life = run.start()
            eventually(lambda: run.pending() < 1000)
            life.kill()
        run.write()
        for _ in range(kills):
            life = run.start(at(name))
            life.wait()
            assert life.killed, life.tail()
        run.rest()
        proof = prove(run)
    report(record_property, f"kill -9 {name}", f"{kills} kills", proof)
    assert proof.kills >= kills
