"""Cut and wrong bytes: they cost the record that they hit, are counted, and a copy is kept."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from greenops_telemetry.journal.damage import COPIES, Damages
from greenops_telemetry.journal.frame import Damage, Frame, Kind, encode, frames
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.reader import Reader
from greenops_telemetry.journal.recovery import recover
from greenops_telemetry.journal.segment import Segment, frames_of
from greenops_telemetry.journal.shelf import Shelf
from greenops_telemetry.journal.state import State
from greenops_telemetry.journal.store import Bounds, Store
from journal_writer import EPOCH, columns, everything, is_right, series

LATER = EPOCH + 1e6
EACH = 4
COMMITS = 12


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A closed journal with ``COMMITS`` records in one segment."""
    with Store.open(tmp_path / "journal", Bounds(), lambda: LATER) as store:
        for _ in range(COMMITS):
            store.commit(columns(store, store.next, EACH))
    return tmp_path / "journal"


@pytest.fixture
def damages(tmp_path: Path) -> Iterator[Damages]:
    """Such as a store has, but without one."""
    (tmp_path / "damaged").mkdir()
    state = State.open(tmp_path / "state.db")
    yield Damages(tmp_path / "damaged", state, lambda: LATER, writes=True)
    state.close()


def log_of(journal: Path) -> Path:
    (path,) = (journal / "segments").iterdir()
    return path


def opened(journal: Path) -> Store:
    return Store.open(journal, Bounds(), lambda: LATER)


def records(data: bytes) -> list[tuple[int, int, Frame]]:
    """Where each frame begins and ends."""
    found = [(at, frame) for at, frame in frames(data) if isinstance(frame, Frame)]
    ends = [at for at, _ in found[1:]] + [len(data)]
    return [(at, end, frame) for (at, frame), end in zip(found, ends, strict=True)]


def test_the_last_segment_cut_at_any_byte_of_its_last_three_records_loses_those_only(
    journal: Path, damages: Damages
) -> None:
    data = log_of(journal).read_bytes()
    known = records(data)
    for length in range(known[-3][0], len(data)):
        log_of(journal).write_bytes(data[:length])
        before = damages.counters["torn"]
        found = recover(journal, Ranges(), damages, writes=True)
        whole = [(end, frame.end) for _, end, frame in known if end <= length]
        assert found.last is not None
        assert (found.last.size, found.following) == whole[-1], length
        assert damages.counters["torn"] - before == (whole[-1][0] != length)


@pytest.mark.parametrize("cut", [1, 40, 130, 300, 450])
def test_after_a_cut_commits_go_on_and_are_read(journal: Path, cut: int) -> None:
    data = log_of(journal).read_bytes()
    log_of(journal).write_bytes(data[:-cut])
    whole = max(frame.end for _, end, frame in records(data) if end <= len(data) - cut)
    following = 1 + COMMITS * EACH
    with opened(journal) as store:
        assert everything(store) == [(1, whole)]
        assert store.commit(columns(store, following, EACH)) == following  # none of those cut off is used again
        assert everything(store) == [(1, whole), (following, following + EACH)]
        assert store.damage["torn"] == 1
    (copy,) = (journal / "damaged").iterdir()
    assert copy.name == f"{log_of(journal).name}.{int(LATER)}"
    assert copy.read_bytes() == data[:-cut]
    with opened(journal) as store:
        assert everything(store) == [(1, whole), (following, following + EACH)]
        assert store.damage["torn"] == 1


@pytest.mark.parametrize("tail", [b"", b"\0" * 9, b"\xf7GJ1" * 40])
def test_a_segment_of_which_nothing_is_sound_is_put_aside(journal: Path, tail: bytes) -> None:
    following = 1 + COMMITS * EACH
    (journal / "segments" / f"{following:020}.log").write_bytes(tail)
    with opened(journal) as store:
        assert everything(store) == [(1, following)]
        store.commit(columns(store, following, EACH))
        assert everything(store) == [(1, following + EACH)]
        assert store.damage.get("torn", 0) == bool(tail)


@pytest.mark.parametrize("name", ["the end of a file", "a whole file"])
def test_what_cannot_be_read_and_of_which_no_copy_is_kept_is_not_cut_off(journal: Path, name: str) -> None:
    following = 1 + COMMITS * EACH
    path = journal / "segments" / f"{following:020}.log" if name == "a whole file" else log_of(journal)
    data = (path.read_bytes() if path.exists() else b"") + b"cannot be read today"
    path.write_bytes(data)
    copy = journal / "damaged" / f"{path.name}.{int(LATER)}"
    copy.mkdir()
    with opened(journal) as store:
        assert store.commit(columns(store, following, EACH)) == following
        assert everything(store) == [(1, following + EACH)]
        assert path.read_bytes() == data
    with opened(journal) as store:
        assert everything(store) == [(1, following + EACH)]
        assert store.commit(columns(store, following + EACH, EACH)) == following + EACH
    assert path.read_bytes() == data


def test_one_wrong_bit_anywhere_never_gives_a_wrong_value_and_costs_one_record_at_most(journal: Path) -> None:
    path = log_of(journal)
    data = path.read_bytes()
    known = records(data)
    rng = random.Random(7)
    with opened(journal) as store:
        for place in rng.sample(range(8 * len(data)), 1000):
            wrong = bytearray(data)
            wrong[place // 8] ^= 1 << place % 8
            path.write_bytes(wrong)
            told: list[Damage] = []
            segment = Segment(path, 1, store.next, len(data))
            reader = Reader(Shelf([segment], store.next), lambda _, damage: told.append(damage))  # noqa: B023
            found, at = Ranges(), 1
            while (run := reader.read(at, store.next, 25)) is not None:
                assert is_right(store, *run), place
                at = run[0] + len(run[1])
                found.add(run[0], at)
            reader.close()
            (hit,) = (frame for start, end, frame in known if start <= place // 8 < end)
            assert list(found.missing(1, store.next)) == ([(hit.first, hit.end)] if hit.samples else []), place
            assert len(told) == 1
        path.write_bytes(data)


def test_a_damaged_record_is_counted_once_and_a_copy_is_kept(journal: Path) -> None:
    data = bytearray(log_of(journal).read_bytes())
    at = records(bytes(data))[5][0]
    data[at + 60] ^= 4
    log_of(journal).write_bytes(data)
    hole = records(log_of(journal).read_bytes())
    (lost,) = (left.end for (_, _, left), (_, _, right) in pairwise(hole) if left.end != right.first)
    for _ in range(2):
        with opened(journal) as store:
            run = store.read(lost, store.next, EACH)
            assert run is not None
            assert run[0] == lost + EACH
            assert store.read(lost, lost + EACH, EACH) is None
            assert everything(store) == [(1, lost), (lost + EACH, store.next)]
            assert store.damage == {"damaged": 1}
            assert [copy.read_bytes() for copy in (journal / "damaged").iterdir()] == [data]


@pytest.mark.parametrize("rubbish", range(2**18 - 30, 2**18 + 2))
def test_a_frame_is_found_behind_any_amount_of_rubbish(tmp_path: Path, rubbish: int) -> None:
    frame = Frame(Kind.GAP, 1, 0, b"{}")
    path = tmp_path / "x.log"
    path.write_bytes(b"x" * rubbish + encode(frame))
    size = path.stat().st_size
    assert list(frames_of(path, size)) == [(rubbish, Damage(0, rubbish)), (size, frame)]


def test_a_sector_that_cannot_be_read_costs_the_records_that_touch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    low, high = 8192, 12_288
    pread = os.pread

    def failing(file: int, length: int, offset: int) -> bytes:
        if offset < high and offset + length > low:
            raise OSError(errno.EIO, "a bad sector")
        return pread(file, length, offset)

    with Store.open(tmp_path, Bounds(), lambda: LATER) as store:
        for _ in range(40):
            store.commit(columns(store, store.next, 50))
        known = records(log_of(tmp_path).read_bytes())
        hit = [frame for start, end, frame in known if start < high and end > low]
        monkeypatch.setattr(os, "pread", failing)
        assert everything(store) == [(1, hit[0].first), (hit[-1].end, 2001)]


def test_a_damaged_definition_costs_no_sample_and_no_name(journal: Path) -> None:
    data = bytearray(log_of(journal).read_bytes())
    assert records(bytes(data))[0][2].kind is Kind.SERIES
    data[100] ^= 1
    log_of(journal).write_bytes(data)
    with opened(journal) as store:
        assert everything(store) == [(1, 1 + COMMITS * EACH)]
        assert store.series(1) == series(0)
        store.commit(columns(store, store.next, EACH))
    found = [frame.kind for _, _, frame in records(log_of(journal).read_bytes())]
    assert found[-3:] == [Kind.SERIES, Kind.GAP, Kind.SAMPLES]  # told again, for the segment to be read alone


def test_damage_in_an_archive_costs_what_it_hit(tmp_path: Path) -> None:
    with Store.open(tmp_path, Bounds(segment=4096), lambda: EPOCH) as store:
        for _ in range(20):
            store.commit(columns(store, store.next, 50))
        while store.keep_house(LATER):
            pass
        first, second = sorted((tmp_path / "archive").iterdir())[:2]
        starts = [int(path.name[:20]) for path in (first, second)]
        stop = int(second.stem[-20:])
        first.write_bytes(b"rubbish")
        data = bytearray(second.read_bytes())
        data[len(data) // 2] ^= 1
        second.write_bytes(data)
        assert everything(store) == [(stop, store.next)]
        assert starts[0] == 1
        assert store.damage["damaged"] == 2
        assert len(list((tmp_path / "damaged").iterdir())) == 2
        for _ in range(3):
            store.house.evict(LATER, full=True)
        assert store.oldest > stop


def test_not_more_copies_are_kept_than_can_be_looked_at(tmp_path: Path, damages: Damages) -> None:
    for place in range(COPIES + 3):
        path = tmp_path / f"{place:020}.log"
        path.write_bytes(b"x")
        damages.found(Segment(path, place, place + 1, 1), Damage(0, 1))
    assert len(list((tmp_path / "damaged").iterdir())) == COPIES
    assert damages.counters["damaged"] == COPIES + 3
