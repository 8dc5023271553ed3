"""A disk that is full, or that fails: the gateway goes on, says so, and keeps what it read as soon as it can again."""

from __future__ import annotations

import contextlib
import io
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from journal_proof import kept, prove, report
from journal_run import Life, Rig, rig
from preloaded import NO_COMPILER, NO_MOUNT, failing_disk, has_compiler
from real_servers import eventually

Record = Callable[[str, object], None]

AWAY = 3.0
RECOVERY = 10.0
IN_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size=4m journal "$1"
saved="$2"; mounted="$1"; shift 2
trap : TERM
"$@" &
wait $! || wait $! || code=$?
cp -a "$mounted/." "$saved"
exit ${code:-0}
"""


def failing(life: Life) -> bool:
    return life.alive() and life.metric("greenops_journal_failing") == 1


def stays_away(run: Rig, life: Life, meanwhile: Callable[[], object] = lambda: None) -> None:
    """The gateway says that the disk is away, reads on, and shows what it reads."""
    eventually(lambda: (meanwhile(), failing(life))[1], RECOVERY)
    before = {unit: len(book) for unit, book in run.device.served.items()}
    until = time.monotonic() + AWAY
    while time.monotonic() < until:
        meanwhile()
        time.sleep(0.1)
    eventually(lambda: (meanwhile(), failing(life))[1], RECOVERY)
    assert all(len(run.device.served[unit]) > count + AWAY / 0.1 / 3 for unit, count in before.items())
    assert life.metric("greenops_point_quality", device="u1", point="t0", reason="none") == 0
    assert life.metric("greenops_device_up") == run.units


def recovers(life: Life) -> float:
    """It does, in so many seconds."""
    began = time.monotonic()
    eventually(lambda: life.alive() and not failing(life), RECOVERY + 10)
    took = time.monotonic() - began
    assert took < RECOVERY
    return took


def has_mounts() -> bool:
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


@pytest.mark.parametrize("retention", [{"raw": "1d"}, None], ids=["nothing may be deleted", "the oldest may go"])
def test_a_disk_that_others_fill(retention: object, tmp_path: Path, record_property: Record) -> None:
    if not has_mounts():
        pytest.skip(NO_MOUNT)
    with rig(tmp_path, units=14, tags=16) as run:
        run.section |= {"max_size": "2MiB"} | ({"retention": retention} if retention else {})
        run.journal.mkdir(mode=0o700)
        saved = tmp_path / "saved"
        saved.mkdir(mode=0o700)
        life = run.start(wrapper=("unshare", "-rm", "sh", "-c", IN_A_SMALL_DISK, "sh", run.journal, saved))
        run.flows(life)
        life.ready()
        stranger = Path(f"/proc/{life.process.pid}/root{run.journal}/stranger")
        run.journal = tmp_path / "out of sight"
        eventually(lambda: life.metric("greenops_journal_samples_total") > 8000)
        with stranger.open("wb", buffering=0) as file:
            stays_away(run, life, lambda: fill(file))
        stranger.unlink()
        took = recovers(life)
        eventually(lambda: life.metric("greenops_journal_samples_total") > 16000)
        run.rest()
        run.journal = saved
        proof = prove(run, repeats=0)
        evicted = len(kept(saved).gone())
        assert bool(evicted) == (retention is None)
    what = "full disk, nothing may be deleted" if retention else "full disk, the oldest may go"
    report(
        record_property, what, f"4 MiB file system, filled for {AWAY:g} s", proof, recovered_in=took, evicted=evicted
    )


def fill(file: io.FileIO) -> None:
    """Take what room there is."""
    with contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_files_that_may_not_grow(tmp_path: Path, record_property: Record) -> None:
    """RLIMIT_FSIZE of the running process."""
    with rig(tmp_path) as run:
        run.backlog(14_000)
        life = run.start(piped=True)
        run.flows(life)
        life.ready()
        limits = resource.prlimit(life.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(life.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        stays_away(run, life)
        resource.prlimit(life.process.pid, resource.RLIMIT_FSIZE, limits)
        took = recovers(life)
        run.rest()
        proof = prove(run, repeats=0)
    report(record_property, "no file may grow (RLIMIT_FSIZE)", f"for {AWAY:g} s", proof, recovered_in=took)


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
@pytest.mark.parametrize("once", [True, False], ids=["once", "for a while"])
def test_a_disk_that_fails(call: str, once: bool, tmp_path: Path, record_property: Record) -> None:  # noqa: FBT001
    if not has_compiler():
        pytest.skip(NO_COMPILER)
    fault = tmp_path / "fault"
    environment = {"LD_PRELOAD": failing_disk(tmp_path), "FAULT_CALL": call, "FAULT_WHILE": str(fault)}
    with rig(tmp_path / "run") as run:
        run.backlog(14_000)
        life = run.start(environment | ({"FAULT_ONCE": "1"} if once else {}))
        run.flows(life)
        life.ready()
        took = 0.0
        for _ in range(5 if once else 1):
            if once:
                fault.touch()
                eventually(lambda: life.alive() and not fault.exists())
            else:
                fault.touch()
                stays_away(run, life)
                fault.unlink()
            took = max(took, recovers(life))
        run.rest()
        assert "cannot be written: Input/output error" in life.log.read_text()
        proof = prove(run, repeats=0)
    how = "once, 5 times" if once else f"always, for {AWAY:g} s"
    report(record_property, f"EIO from {call} {'once' if once else 'for a while'}", how, proof, recovered_in=took)
