"""Group commit: durable first, then shown and acknowledged; a disk that fails costs nobody more than it must."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from greenops_core.sample import Quality, Reason
from greenops_telemetry.journal import group as module
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.frame import Kind
from greenops_telemetry.journal.group import MOST, WAITING, Note, committing
from greenops_telemetry.journal.house import Bounds
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.store import Store

SERIES = Series("greenops_x", "greenops_x", "", False, (("point", "x"),))


class Disk:
    """Takes commits as it is told to: fails with an error number, or holds them until it is let go."""

    def __init__(self) -> None:
        self.commits: list[list[float]] = []
        self.notes: list[Note] = []
        self.fails = 0
        self.goes = threading.Event()
        self.goes.set()
        self.waits = False

    @property
    def values(self) -> list[float]:
        return [value for commit in self.commits for value in commit]

    def number(self, series: Series, /) -> int:  # noqa: ARG002  # a Durable
        return 1

    def commit(self, columns: Columns, notes: Sequence[Note] = (), /) -> int:
        self.waits = not self.goes.is_set()
        self.goes.wait()
        if self.fails:
            raise OSError(self.fails, "No space left on device")
        self.commits.append(list(columns.values))
        self.notes.extend(notes)
        return 1


def some(*values: float) -> Columns:
    columns = Columns()
    for value in values:
        columns.add(1, value, 100.0 + value, 200.0 + value, Quality.GOOD, Reason.NONE)
    return columns


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110  # of several kinds
            await asyncio.sleep(0.01)


async def test_what_is_put_within_a_moment_is_committed_together_and_told_in_its_order() -> None:
    disk, told = Disk(), list[int]()
    async with committing(disk) as group:
        for value in range(5):
            group.put(some(value), lambda value=value: told.append(value))  # type: ignore[misc]
        assert told == []
        await until(lambda: len(told) == 5)
    assert disk.commits == [[0, 1, 2, 3, 4]]
    assert told == [0, 1, 2, 3, 4]


async def test_nothing_is_told_before_the_disk_has_it() -> None:
    disk, told = Disk(), list[int]()
    disk.goes.clear()
    async with committing(disk) as group:
        group.put(some(1), lambda: told.append(1))
        waits = group.keep(some(2), lambda: told.append(2))
        await asyncio.sleep(0.4)
        assert told == []
        assert not waits.done()
        disk.goes.set()
        await waits
    assert told == [1, 2]
    assert disk.values == [1, 2]


async def test_a_full_group_and_one_who_waits_are_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WITHIN", 3600.0)
    disk, told = Disk(), list[int]()
    async with committing(disk) as group:
        await group.keep(some(1), lambda: told.append(1))
        for value in range(MOST):
            group.put(some(value), lambda: told.append(2))
        await until(lambda: len(told) == 1 + MOST)


async def test_what_is_left_at_the_end_is_committed() -> None:
    disk = Disk()
    async with committing(disk) as group:
        group.put(some(1), lambda: None)
        group.note(Kind.GAP, {"why": "stale"})
    assert disk.values == [1]
    assert disk.notes == [(Kind.GAP, {"why": "stale"})]


async def test_while_the_disk_fails_samples_are_shown_and_kept_once_it_takes_them_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)
    disk, told = Disk(), list[int]()
    disk.fails = errno.ENOSPC
    async with committing(disk) as group:
        group.put(some(1), lambda: told.append(1))
        await until(lambda: group.failing)
        group.put(some(2), lambda: told.append(2))
        assert told == [1, 2]
        with pytest.raises(OSError, match="No space left"):
            await group.keep(some(3), lambda: told.append(3))
        disk.fails = 0
        await until(lambda: not group.failing)
    assert told == [1, 2]
    assert disk.values == [1, 2]
    assert group.dropped == 0
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_what_memory_cannot_hold_is_let_go_the_oldest_first_and_counted_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)
    disk = Disk()
    disk.fails = errno.EIO
    async with committing(disk, clock=lambda: 9e9) as group:
        group.put(some(0), lambda: None)
        await until(lambda: group.failing)
        for value in range(1, WAITING + 11):
            group.put(some(value), lambda: None)
        disk.fails = 0
        await until(lambda: not group.failing)
    assert group.dropped == 11
    assert disk.values == list(range(11, WAITING + 11))
    assert disk.notes == [(Kind.GAP, {"why": "disk", "from": 200.0, "to": 9e9, "lost": 11})]


async def test_a_disk_that_does_not_answer_hides_nothing_but_acknowledges_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SLOW", 0.05)
    disk, told = Disk(), list[int]()
    disk.goes.clear()
    async with committing(disk) as group:
        group.put(some(1), lambda: told.append(1))
        waits = group.keep(some(2), lambda: told.append(2))
        await until(lambda: group.failing)
        assert told == [1]
        assert not waits.done()
        disk.goes.set()
        await waits
        assert not group.failing
    assert told == [1, 2]
    assert disk.values == [1, 2]


async def test_a_fault_of_the_program_is_told_and_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Disk):
        def commit(self, columns: Columns, notes: Sequence[Note] = (), /) -> int:
            raise AttributeError(columns, notes)

    told: list[int] = []
    async with committing(Broken()) as group:
        group.put(some(1), lambda: None)
        await until(lambda: group.failing)
        assert "a fault of this program" in group.failing
        group.put(some(2), lambda: told.append(2))
        assert told == [2]
        with pytest.raises(OSError, match="a fault of this program"):
            await group.keep(some(3), lambda: told.append(3))
    assert "AttributeError" in caplog.text


async def test_who_waits_when_the_program_has_its_fault_is_not_kept_waiting() -> None:
    class Broken(Disk):
        def commit(self, columns: Columns, notes: Sequence[Note] = (), /) -> int:
            self.goes.wait()
            raise AttributeError(columns, notes)

    disk = Broken()
    disk.goes.clear()
    async with committing(disk) as group:
        under_way = group.keep(some(1), lambda: None)
        await asyncio.sleep(0.3)
        behind = group.keep(some(2), lambda: None)
        disk.goes.set()
        for each in (under_way, behind):
            with pytest.raises(OSError, match="a fault of this program"):
                await each


async def test_what_has_to_go_while_the_loss_of_others_is_written_is_told_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)
    monkeypatch.setattr(module, "WAITING", 10)
    monkeypatch.setattr(module, "SLOW", 0.05)
    disk = Disk()
    disk.fails = errno.EIO
    async with committing(disk, clock=lambda: 9e9) as group:
        for value in range(15):
            group.put(some(value), lambda: None)
        await until(lambda: group.dropped == 5)
        disk.goes.clear()
        disk.fails = 0
        await until(lambda: disk.waits)
        for value in range(15, 28):
            group.put(some(value), lambda: None)
        assert group.dropped == 8
        disk.goes.set()
        await until(lambda: len(disk.values) == 20)
        group.put(some(28), lambda: None)
        await until(lambda: len(disk.values) == 21)
    assert [note["lost"] for _, note in disk.notes] == [5, 3]


async def test_what_still_waits_for_the_disk_at_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    disk.fails = errno.ENOSPC
    async with committing(disk) as group:
        group.put(some(1, 2, 3), lambda: None)
        await until(lambda: group.failing)
    assert "3 samples that waited in memory for the disk were not kept" in caplog.text


async def test_one_who_has_gone_while_waiting_harms_nobody() -> None:
    disk = Disk()
    async with committing(disk) as group:
        group.keep(some(1), lambda: None).cancel()
        await group.keep(some(2), lambda: None)
    assert disk.values == [1, 2]


async def test_a_real_store_has_what_was_told(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Bounds())
    told = list[int]()
    async with committing(store) as group:
        number = group.number(SERIES)
        for _ in range(50):
            await group.keep(some(number), lambda: told.append(number))
    run = store.read(1, store.next, 100)
    store.close()
    assert len(told) == 50
    assert run is not None
    assert len(run[1]) == 50
