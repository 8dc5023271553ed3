"""A writer that is killed, and a disk that fails: what was committed stays, bit for bit, and exists once."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import journal_writer
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.segment import Appender
from greenops_telemetry.journal.store import Bounds, Store
from journal_writer import EPOCH, columns, everything
from preloaded import NO_COMPILER, NO_MOUNT, failing_disk, has_compiler

LATER = EPOCH + 1e6
KILLS = 20
FULL = "head -c 3000000 /dev/zero >disk/stranger 2>/dev/null;"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library that makes system calls fail."""
    if not has_compiler():
        pytest.skip(NO_COMPILER)
    return failing_disk(tmp_path_factory.mktemp("shim"))


def command(directory: Path, *arguments: object) -> list[str]:
    return [sys.executable, journal_writer.__file__, str(directory), *map(str, arguments)]


def written(directory: Path, *arguments: object, **environment: str) -> list[list[str]]:
    """What a writer said until it ended or was killed."""
    done = subprocess.run(
        command(directory, *arguments),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in {0, -9}, done
    said = [line.split() for line in done.stdout.splitlines()]
    assert (done.returncode == 0) == (bool(said) and said[-1][0] == "rss")
    return said


def last_next(said: list[list[str]]) -> int:
    return max((int(number) for word, number in said if word == "next"), default=1)


def opened(directory: Path, segment: int = 4096) -> Store:
    start = time.process_time()
    store = Store.open(directory, Bounds(segment=segment), lambda: LATER)
    assert time.process_time() - start < 1
    return store


def test_whatever_was_committed_survives_kill_9_at_any_time(tmp_path: Path) -> None:
    rng = random.Random(5)
    committed = 1
    for _ in range(KILLS):
        with subprocess.Popen(command(tmp_path, 10_000, 20, 4096), stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(rng.randrange(1, 20)):
                committed = int(writer.stdout.readline().split()[1])
            time.sleep(rng.uniform(0, 0.01))
            writer.kill()
            said = [line.split() for line in writer.stdout if line.endswith("\n")]
        committed = max(committed, last_next(said))
        with opened(tmp_path) as store:
            assert committed <= store.next
            assert everything(store) == [(1, store.next)]
            committed = store.next
            assert store.damage.get("damaged", 0) == 0
    assert len(list((tmp_path / "archive").iterdir())) > 1


@pytest.mark.parametrize(
    "place",
    ["after encode", "after write", "before fsync", "after fsync", "during rotate", "during archiving", "before swap"],
)
def test_a_kill_at_a_named_place_loses_nothing(tmp_path: Path, place: str) -> None:
    for passes in (1, 3):
        with opened(tmp_path) as store:
            before = store.next
        said = written(tmp_path, 200, 60, 4096, GREENOPS_FAILPOINT=f"{place}:{passes}")
        assert ["rss"] not in [words[:1] for words in said]
        with opened(tmp_path) as store:
            assert store.next >= max(last_next(said), before)
            assert everything(store) == list(Ranges([(1, store.next)]))
            assert not list((tmp_path / "archive").glob("*.half"))


def test_an_eviction_that_was_recorded_is_finished_by_the_next_start(tmp_path: Path) -> None:
    bounds = Bounds(segment=4096, size=12_000)
    said = written(tmp_path, 200, 60, bounds.segment, bounds.size, GREENOPS_FAILPOINT="after eviction:2")
    assert said[-1][0] == "next"
    oldest = min(int(path.name[:20]) for part in ("segments", "archive") for path in (tmp_path / part).iterdir())
    with Store.open(tmp_path, bounds, lambda: LATER) as store:
        evicted = Ranges((each.first, each.stop) for each in store.state.evictions())
        assert list(evicted) == [(1, store.oldest)]
        files = [path for part in ("segments", "archive") for path in (tmp_path / part).iterdir()]
        assert oldest < store.oldest == min(int(path.name[:20]) for path in files)
        assert everything(store) == [(store.oldest, store.next)]


@pytest.mark.parametrize("cut", [pytest.param({}, id="cut"), pytest.param({"FAULT_NO_CUT": "1"}, id="cut fails too")])
@pytest.mark.parametrize(
    ("call", "number"),
    [("fdatasync", errno.EIO), ("pwrite", errno.EIO), ("pwrite", errno.ENOSPC), ("pwrite", errno.EROFS)],
)
def test_what_a_disk_refused_is_committed_once_to_another_file(
    tmp_path: Path, shim: str, call: str, number: int, cut: dict[str, str]
) -> None:
    fault = {
        "LD_PRELOAD": shim,
        "FAULT_CALL": call,
        "FAULT_ERRNO": str(number),
        "FAULT_FROM": "5",
        "FAULT_TO": "8",
    }
    said = written(tmp_path, 20, 60, 2**20, **fault, **cut)
    assert [words for words in said if words[0] == "error"] == [["error", str(number)]] * 3
    assert last_next(said) == 20 * 60 + 1
    assert list(tmp_path.glob(f"*/{241:020}*"))
    with opened(tmp_path) as store:
        oldest = store.oldest
        if number != errno.ENOSPC:
            assert oldest == 1
        assert everything(store) == [(oldest, 20 * 60 + 1)]
        store.commit(columns(store, store.next, 5))
        assert everything(store) == [(oldest, 20 * 60 + 6)]


def test_an_abandoned_segment_ends_where_it_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.EIO, "no disk")

    for sound in (b"", b"sound"):
        end = Appender.create(tmp_path, 1)
        if sound:
            end.append(sound)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", failing)
            with pytest.raises(OSError, match="no disk"):
                end.append(b"not durable")
        end.abandon()
        assert [path.read_bytes() for path in tmp_path.iterdir()] == ([sound] if sound else [])


def test_a_limit_on_the_length_of_files_only_makes_more_of_them(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        command(tmp_path, 60, 1000, 2**20),
        preexec_fn=limit,  # there is one thread
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"error {errno.EFBIG}\n" in done.stdout
    assert "next 60001\n" in done.stdout
    with opened(tmp_path) as store:
        assert everything(store) == [(1, 60_001)]


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """A command before another one, which then has a disk of 2 MiB at ``disk`` in the current directory."""
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=2m disk disk && "$@" && sync; ' + FULL + '"$@" && cp -r disk/journal after'
    if shutil.which("unshare") is None:
        pytest.skip(NO_MOUNT)
    tried = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "disk", "disk"], cwd=tmp_path, check=False)
    if tried.returncode:
        pytest.skip(NO_MOUNT)
    return ["unshare", "-rm", "sh", "-c", script, "sh"]


def test_on_a_full_disk_the_oldest_goes_and_writing_goes_on(tmp_path: Path, small_disk: list[str]) -> None:
    done = subprocess.run(
        [*small_disk, *command(Path("disk/journal"), 80, 1000, 2**20)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"error {errno.ENOSPC}\n" in done.stdout
    assert "next 160001\n" in done.stdout
    with opened(tmp_path / "after", 2**20) as store:
        assert store.oldest > 1
        assert everything(store) == [(store.oldest, 160_001)]
        assert list(Ranges((each.first, each.stop) for each in store.state.evictions())) == [(1, store.oldest)]
