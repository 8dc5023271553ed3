"""The computer's clock is set while samples are kept and sent: none is lost, and none is sent before its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from journal_proof import kept, prove, report
from journal_run import rig
from preloaded import NO_COMPILER, has_compiler, set_clock, wrong_clock
from real_servers import eventually

HOUR = 3600.0
AHEAD = 60.0
SECONDS = 2.0

Record = Callable[[str, object], None]


def test_a_clock_that_is_set(tmp_path: Path, record_property: Record) -> None:
    """An hour forward and back, an hour back and forward; what was stamped in the future is sent when that has come."""
    if not has_compiler():
        pytest.skip(NO_COMPILER)
    clock = tmp_path / "clock"
    environment = {"LD_PRELOAD": wrong_clock(tmp_path), "CLOCK_AHEAD": str(clock)}
    clocks = (0.0, HOUR, 0.0, -HOUR, 0.0)
    set_clock(clock, 0.0)
    with rig(tmp_path / "run", units=10, tags=16) as run:
        life = run.start(environment)
        run.flows(life)
        for ahead in clocks:
            set_clock(clock, ahead)
            time.sleep(SECONDS)
        asked = life.metric("greenops_device_requests_total", result="ok")
        assert asked > len(clocks) * SECONDS / 0.1 * run.units * 0.5
        run.device.silent = True
        eventually(lambda: life.metric("greenops_device_up") == 0)
        eventually(lambda: early(run.journal), 30)
        now = time.time()
        assert all(told.at / 1000 < now + AHEAD for told in run.oracle.stored)
        held = early(run.journal)
        life.stop()
        set_clock(clock, 2 * HOUR)
        run.start(environment)
        run.rest()
        proof = prove(run, repeats=0, late=len(clocks), clocks=[*clocks, 2 * HOUR], steady=False)
    report(record_property, "clock set by an hour, forward and back", "4 times", proof, held=held)


def early(journal: Path) -> int:
    """How many samples wait for their time, when nothing else waits; else zero."""
    files = kept(journal)
    account = files.accounts["oracle"]
    waiting = sum(row.at > time.time() + AHEAD for row, _ in files.rows)
    return waiting if account.aside == account.pending(files.following) == waiting else 0
