"""The journal as a whole, on real files: what is committed, read, kept within its bounds, archived."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenops_core.errors import ConfigError
from greenops_telemetry.journal.archive import Archive, write
from greenops_telemetry.journal.columns import Columns, pack
from greenops_telemetry.journal.compress import is_same
from greenops_telemetry.journal.contents import live_frames
from greenops_telemetry.journal.frame import Frame, Kind, encode, frames
from greenops_telemetry.journal.house import tally
from greenops_telemetry.journal.segment import Segment
from greenops_telemetry.journal.store import Bounds, Store
from journal_writer import EPOCH, SERIES, columns, everything, is_right, row, series

SMALL = Bounds(segment=4096)
LATER = EPOCH + 1e6
YEAR = 365 * 86400


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "journal", SMALL, lambda: LATER)
    yield store
    store.close()


def fill(store: Store, commits: int, samples: int = 50) -> None:
    for _ in range(commits):
        store.commit(columns(store, store.next, samples))


def opened(store: Store, bounds: Bounds = SMALL) -> Store:
    """The same journal, closed and opened again."""
    store.close()
    return Store.open(store.directory, bounds, lambda: LATER)


def logs(store: Store) -> list[Path]:
    return sorted((store.directory / "segments").iterdir())


def archives(store: Store) -> list[Path]:
    return sorted((store.directory / "archive").iterdir())


def delivered(store: Store, stop: int) -> None:
    """Somebody has all before *stop*."""
    store.state.account("sink", 1)
    store.state.settle("sink", delivered=[(1, stop)])


@pytest.mark.parametrize("most", [1, 7, 50, 10_000])
def test_what_is_committed_is_read_bit_for_bit_over_all_segments(store: Store, most: int) -> None:
    fill(store, 20)
    assert (store.oldest, store.next) == (1, 1001)
    assert len(logs(store)) > 3
    reader = store.reader()
    at = 1
    while (run := reader.read(at, 951, most)) is not None:
        first, some = run
        assert first == at
        assert 0 < len(some) <= most
        assert is_right(store, first, some)
        at = first + len(some)
    assert at == 951
    reader.close()


def test_any_reader_finds_any_sequence(store: Store) -> None:
    fill(store, 12, 30)
    reader = store.reader()
    for start in (200, 10, 11, 359, 360, 1, 350, 31, 30):
        run = reader.read(start, store.next, 3)
        assert run is not None
        assert run[0] == start
        assert is_right(store, *run)
    assert reader.read(361, 900, 3) is None
    assert reader.read(5, 5, 3) is None
    run = store.read(0, 900, 1)
    assert run is not None
    assert run[0] == 1
    reader.close()


def test_a_reader_that_is_up_to_date_sees_what_comes(store: Store) -> None:
    reader = store.reader()
    for _ in range(12):
        start = store.next
        assert reader.read(start, 10**9, 100) is None
        fill(store, 1)
        run = reader.read(start, 10**9, 100)
        assert run is not None
        assert (run[0], len(run[1])) == (start, 50)
    reader.close()


def test_other_threads_read_while_one_writes_and_the_house_is_kept(store: Store) -> None:
    wrong: list[str] = []
    done = threading.Event()

    def follow() -> None:
        reader, at = store.reader(), 1
        while not done.is_set() or at < store.next:
            run = reader.read(at, store.next, 40)
            if run is None:
                continue
            if run[0] != at or not is_right(store, *run):
                wrong.append(f"{run[0]} instead of {at}")
            at = run[0] + len(run[1])
        reader.close()
        if at != store.next:
            wrong.append(f"ended at {at}")

    def house() -> None:
        while not done.is_set():
            store.keep_house(LATER)

    fill(store, 1)
    threads = [threading.Thread(target=each) for each in (follow, follow, house)]
    for thread in threads:
        thread.start()
    try:
        fill(store, 60)
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    assert wrong == []
    assert archives(store) != []


def test_a_segment_ends_at_its_bound_and_can_be_read_alone(store: Store) -> None:
    fill(store, 30)
    for path in logs(store):
        assert path.stat().st_size < SMALL.segment + 2000
        found = [frame for _, frame in frames(path.read_bytes())]
        assert isinstance(found[0], Frame)
        assert found[0].kind is Kind.SERIES
        assert int(path.stem) == found[0].first


def test_the_directory_is_for_its_owner_only(store: Store) -> None:
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


def test_a_second_writer_is_told_who_the_first_is(store: Store) -> None:
    with pytest.raises(ConfigError, match=rf"written by process {os.getpid()}\b"):
        Store.open(store.directory, SMALL)
    opened(store).close()


def test_a_directory_that_cannot_be_used_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        Store.open(tmp_path / "file" / "journal", SMALL)
    with pytest.raises(ConfigError, match="no journal"):
        Store.visit(tmp_path)


def test_who_visits_reads_what_is_there_and_changes_nothing(store: Store) -> None:
    fill(store, 10)
    before = {path: path.read_bytes() for path in logs(store)}
    with store.visit(store.directory) as visit:
        assert everything(visit) == [(1, 501)]
        with pytest.raises(OSError, match="not open for writing"):
            visit.commit(Columns())
        assert {path: path.read_bytes() for path in logs(store)} == before
        while store.keep_house(LATER):
            pass
        assert archives(store) != []
        assert everything(visit) == [(1, 501)]
        assert list(visit.notes(Kind.GAP)) == []
    fill(store, 1)


def test_a_series_keeps_its_number_for_good(store: Store) -> None:
    numbers = [store.number(series(place)) for place in range(SERIES)]
    assert numbers == list(range(1, SERIES + 1))
    fill(store, 1)
    with opened(store) as again:
        assert [again.number(series(place)) for place in reversed(range(SERIES))] == numbers[::-1]
        assert again.number(series(99)) == SERIES + 1
        assert again.series(3) == series(2)
        with pytest.raises(KeyError):
            again.series(1000)


def test_without_its_state_a_journal_knows_its_series_from_its_segments(store: Store) -> None:
    fill(store, 20)
    delivered(store, 500)
    while store.keep_house(LATER):
        pass
    assert archives(store) != []
    store.close()
    for path in store.directory.glob("state.db*"):
        path.unlink()
    with Store.open(store.directory, SMALL) as again:
        assert [again.number(series(place)) for place in range(SERIES)] == list(range(1, SERIES + 1))
        assert everything(again) == [(1, 1001)]


def test_a_segment_repeats_what_the_one_before_it_used(store: Store) -> None:
    fill(store, 2)
    late = Columns()
    late.add(store.number(series(50)), 1.0, EPOCH, EPOCH, *row(3)[5:])
    store.commit(late)
    fill(store, 8)
    assert len(logs(store)) > 1
    store.close()
    for path in store.directory.glob("state.db*"):
        path.unlink()
    with Store.open(store.directory, SMALL) as again:
        assert again.series(SERIES + 1) == series(50)


def test_notes_stand_where_they_were_written_and_survive_archiving(store: Store) -> None:
    fill(store, 1)
    assert store.commit(Columns(), [(Kind.CONFIGURATION, {"hash": "a"})]) == 51
    store.commit(columns(store, 51, 5), [(Kind.GAP, {"why": "silent"}), (Kind.CONFIGURATION, {"hash": "b"})])
    fill(store, 10)
    expected = [(51, {"hash": "a"}), (51, {"hash": "b"})]
    assert list(store.notes(Kind.CONFIGURATION)) == expected
    store.keep_house(LATER)
    assert logs(store)[0].stem != f"{1:020}"
    assert list(store.notes(Kind.CONFIGURATION)) == expected
    assert list(store.notes(Kind.GAP, 51, 52)) == [(51, {"why": "silent"})]
    assert list(store.notes(Kind.GAP, 52)) == list(store.notes(Kind.GAP, 0, 51)) == []


def test_the_time_for_which_nothing_ran_is_noted_with_the_first_commit(store: Store) -> None:
    fill(store, 1)
    with opened(store) as again:
        assert list(again.notes(Kind.GAP)) == []
        fill(again, 2)
        gap = {"why": "not running", "from": row(50).received, "to": row(51).received}
        assert list(again.notes(Kind.GAP)) == [(51, gap)]


def test_the_time_for_which_nothing_ran_ends_with_the_start_when_a_note_comes_before_any_sample(store: Store) -> None:
    fill(store, 1)
    now = [row(50).received + 5.0]
    store.close()
    with Store.open(store.directory, Bounds(), lambda: now[0]) as again:
        now[0] += 0.2  # by then a sample was received, and waits for its commit
        again.commit(Columns(), [(Kind.CONFIGURATION, {"hash": "a"})])
        assert [note["to"] for _, note in again.notes(Kind.GAP)] == [row(50).received + 5.0]


def test_a_bound_lets_the_oldest_segments_go_and_says_what_went(tmp_path: Path) -> None:
    bounds = Bounds(segment=4096, size=20_000)
    with Store.open(tmp_path, bounds, lambda: LATER) as store:
        store.state.account("half", 1)
        store.state.settle("half", delivered=[(1, 101)])
        fill(store, 100)
        assert store.size <= bounds.size + bounds.segment + 2000
        assert everything(store) == [(store.oldest, store.next)]
        evictions = list(store.state.evictions())
        assert [evictions[0].first, *(each.stop for each in evictions)] == [
            *(each.first for each in evictions),
            store.oldest,
        ]
        lost = [row(sequence) for sequence in range(evictions[0].first, evictions[0].stop)]
        for part in evictions[0].parts:
            its = [each.at for each in lost if each.series == part.series - 1]
            assert (part.start_at, part.end_at, part.samples) == (its[0], its[-1], len(its))
        account = store.state.accounts()["half"]
        assert account.closes()
        assert (account.delivered, account.evicted) == (100, store.oldest - 101)


def test_while_there_is_room_nothing_is_deleted_whatever_the_clock_shows(store: Store) -> None:
    fill(store, 21)
    while store.keep_house(row(1).received + 1000 * YEAR):
        pass
    assert everything(store) == [(1, store.next)]


def test_what_is_older_than_it_is_kept_goes_for_want_of_room(tmp_path: Path) -> None:
    with Store.open(tmp_path, Bounds(segment=4096, size=20_000, keep=YEAR, keep_named=True), lambda: EPOCH) as store:
        with pytest.raises(OSError, match="allow it more bytes"):
            fill(store, 1000)
        held = store.next
        store.keep_house(row(1).received + YEAR)
        assert store.oldest == 1
        store.keep_house(row(held).received + YEAR)
        assert 1 < store.oldest < held
        fill(store, 2)
        assert everything(store) == [(store.oldest, held + 100)]
        (why,) = {each.why for each in store.state.evictions()}
        assert why == "the journal is as large as it may be"


def test_room_is_made_before_a_commit_needs_it(tmp_path: Path) -> None:
    with Store.open(tmp_path, Bounds(segment=4096, size=40_000), lambda: EPOCH) as store:
        for _ in range(100):
            fill(store, 1)
            store.house.evict_ahead(EPOCH)
            assert store.size <= 39_000
        assert store.size > 30_000


def test_what_the_configuration_keeps_is_never_deleted_and_commits_fail_instead(tmp_path: Path) -> None:
    bounds = Bounds(segment=4096, size=20_000, keep=YEAR, keep_named=True)
    with Store.open(tmp_path, bounds, lambda: EPOCH) as store:
        with pytest.raises(OSError, match="allow it more bytes"):
            fill(store, 1000)
        held = store.next
        with pytest.raises(OSError, match="allow it more bytes"):
            fill(store, 1)
        assert everything(store) == [(1, held)]
        assert store.damage["refused"] == 2
        assert list(store.state.evictions()) == []
    with Store.open(tmp_path, Bounds(segment=4096, keep=YEAR, keep_named=True)) as store:
        fill(store, 1)
        assert everything(store) == [(1, held + 50)]
        assert store.damage["refused"] == 2


def test_what_all_receivers_have_is_archived_and_reads_the_same(store: Store) -> None:
    fill(store, 41)
    reader = store.reader()
    assert reader.read(60, store.next, 1) is not None
    delivered(store, 1000)
    while store.keep_house(row(2000).received):
        pass
    packed = [list(map(int, re.findall(r"\d{20}", path.name))) for path in archives(store)]
    assert packed[0][0] == 1
    begins = [int(path.stem) for path in logs(store)]
    assert packed[-1][1] == begins[0] <= 1000 < begins[1]  # what is pending is not touched
    run = reader.read(61, store.next, 5)
    reader.close()
    assert run is not None
    assert run[0] == 61
    assert is_right(store, *run)
    assert everything(store) == [(1, 2051)]
    with opened(store) as again:
        assert everything(again) == [(1, 2051)]
        while again.keep_house(LATER):  # after a day the rest, too
            pass
        assert len(logs(again)) == 1
        assert everything(again) == [(1, 2051)]


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        *((kind, how) for kind in (Kind.SAMPLES, Kind.SERIES, Kind.GAP) for how in ("other", "missing")),
        (Kind.GAP, "more"),
    ],
)
def test_an_archive_is_not_the_same_when_anything_in_it_differs(store: Store, kind: Kind, how: str) -> None:
    def wrong(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            if frame.kind is not kind:
                yield frame
            elif how == "more":
                yield from (frame, frame)
            elif how == "other":
                some = columns(store, 7, frame.samples)
                yield frame._replace(payload={Kind.SAMPLES: pack(some), Kind.SERIES: b"{}"}.get(kind, b"[]"))

    store.commit(Columns(), [(Kind.GAP, {"why": "silent"})])
    fill(store, 10)
    path, following = logs(store)[:2]
    segment = Segment(path, 1, int(following.stem), path.stat().st_size)
    for made, expected in ((live_frames(segment), True), (wrong(live_frames(segment)), False)):
        archive = write(store.directory / "archive.goa", 1, made)
        assert is_same(live_frames(segment), segment, Archive.open(archive.path)) is expected


def test_a_segment_that_cannot_be_archived_stays_as_it_is(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    fill(store, 30)
    twice = next(each for _, each in frames(logs(store)[0].read_bytes()) if isinstance(each, Frame) and each.samples)
    with logs(store)[0].open("ab") as file:
        file.write(encode(twice))
    with opened(store) as again:
        before = logs(again)
        assert again.keep_house(LATER)
        assert (logs(again), archives(again)) == (before, [])
        assert "stays as it is" in caplog.text
        assert "twice" in caplog.text
        while again.keep_house(LATER):
            pass
        assert before[0] in logs(again)
        assert archives(again) != []
        assert everything(again) == [(1, 1501)]


def test_archives_are_evicted_as_segments_are(tmp_path: Path) -> None:
    with Store.open(tmp_path, Bounds(segment=4096), lambda: EPOCH) as store:
        fill(store, 20)
        while store.keep_house(LATER):
            pass
        stop = int(archives(store)[0].stem.split("-")[1])
        store.house.evict(LATER, full=True)
        assert store.oldest == stop
        (eviction,) = store.state.evictions()
        assert (eviction.first, eviction.stop) == (1, stop)
        assert sum(part.samples for part in eviction.parts) == stop - 1


def test_a_journal_of_which_all_is_gone_goes_on_counting(tmp_path: Path) -> None:
    with Store.open(tmp_path, Bounds(segment=100), lambda: EPOCH) as store:
        fill(store, 3)
        for _ in range(3):
            store.house.evict(LATER, full=True)
        assert logs(store) == []
        assert store.oldest == store.next == 151
    with Store.open(tmp_path, SMALL) as store:
        assert store.next == 151
        fill(store, 1)
        assert everything(store) == [(151, 201)]


def test_a_tally_of_nothing_is_empty() -> None:
    assert tally([Columns()]) == ()


def test_closing_breaks_off_what_is_being_archived(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Bounds(segment=200_000), lambda: EPOCH)
    fill(store, 60, 500)
    thread = threading.Thread(target=store.keep_house, args=(LATER,))
    thread.start()
    store.close()
    thread.join(10)
    assert not thread.is_alive()
    assert not list((tmp_path / "archive").glob("*.half*"))
    with Store.open(tmp_path, Bounds(), lambda: EPOCH) as again:
        assert everything(again) == [(1, 30_001)]


def test_segments_that_were_away_for_a_while_are_not_deleted_when_they_are_back(store: Store, tmp_path: Path) -> None:
    store.state.account("far", 1)
    fill(store, 20)
    store.close()
    oldest = logs(store)[0]
    away = oldest.rename(tmp_path / "away.log")
    with opened(store) as without:
        assert without.oldest > 1
        evicted = [(1, without.oldest)]
        assert list(without.state.evicted()) == evicted
    away.rename(oldest)
    with opened(store) as again:
        assert everything(again) == [(1, again.next)]
        assert list(again.state.evicted()) == evicted
        assert again.state.accounts()["far"].closes()


def test_a_reader_that_nobody_has_any_more_holds_no_file(store: Store) -> None:
    fill(store, 1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert store.reader().read(1, 2, 1) is not None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_disk_that_knows_no_locks_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", unknown)
    with pytest.raises(ConfigError, match=f"cannot be used: {os.strerror(errno.ENOLCK)}"):
        Store.open(tmp_path, SMALL)


def test_a_state_that_cannot_be_written_stops_no_commit(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(_: int) -> None:
        raise OSError(errno.EIO, "no disk")

    fill(store, 1)
    with opened(store) as again, monkeypatch.context() as patch:
        patch.setattr(again.state, "keep_high_water", refused)
        fill(again, 40)
        assert everything(again) == [(1, again.next)]
        assert len(logs(again)) > 2
        assert caplog.text.count("state cannot be written") == 1
