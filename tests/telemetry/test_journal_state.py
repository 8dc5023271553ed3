"""Accounts that add up, whatever is settled; and a file that is believed only while it is whole."""

import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import greenops_telemetry.journal.state
from greenops_core.errors import ConfigError
from greenops_telemetry.journal.ranges import Range, Ranges
from greenops_telemetry.journal.state import Account, Eviction, Held, Lost, Quarantined, State
from greenops_telemetry.journal.state_file import checksum
from receiver import START, columns, series


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State.open(tmp_path / "state.db")
    yield opened
    opened.close()


def refused(*ranges: Range, answer: str = "400 out of bounds") -> Quarantined:
    count = sum(stop - start for start, stop in ranges)
    return Quarantined("far", START, answer, Ranges(ranges), columns(*((1, float(n), START + n) for n in range(count))))


def held(*ranges: Range, due: float = START) -> Held:
    return Held(*refused(*ranges)[3:5], due)


def counts(account: Account) -> tuple[int, int, int, int]:
    return account.delivered, account.quarantined, account.evicted, account.aside


def test_a_new_account_begins_where_it_is_told_and_stays_there(state: State) -> None:
    assert state.account("far", 7) == Account("far", 7)
    assert state.account("far", 1).start == 7
    assert state.account("far", 1).pending(10) == 3
    assert list(state.accounts()) == ["far"]


@pytest.mark.parametrize(
    ("delivered", "quarantined", "aside", "expected"),
    [
        pytest.param([(1, 5), (7, 9)], [], [], (6, 0, 0, 0), id="delivered"),
        pytest.param([(1, 5), (3, 9)], [], [], (8, 0, 0, 0), id="a sample counts once"),
        pytest.param([(1, 5)], [refused((5, 7), (8, 9))], [], (4, 3, 0, 0), id="refused in part"),
        pytest.param([(1, 5)], [refused((3, 7))], [], (4, 2, 0, 0), id="refused, but some were delivered"),
        pytest.param([], [], [held((1, 3)), held((5, 6))], (0, 0, 0, 3), id="held"),
        pytest.param([], [refused((1, 4))], [held((2, 6))], (0, 3, 0, 2), id="held, but some were refused"),
    ],
)
def test_what_is_settled_adds_up(
    state: State,
    delivered: list[Range],
    quarantined: list[Quarantined],
    aside: list[Held],
    expected: tuple[int, int, int, int],
) -> None:
    state.account("far", 1)
    state.settle("far", delivered=delivered, quarantined=quarantined, held=aside)
    account = state.account("far", 1)
    assert counts(account) == expected
    assert account.closes()
    assert account.pending(11) == 10 - sum(expected[:3])


def test_a_copy_keeps_the_samples_that_it_is_of(state: State) -> None:
    state.account("far", 1)
    state.settle("far", delivered=[(3, 4)], quarantined=[refused((2, 4), (6, 8))])
    (row,) = state.quarantine()
    assert list(row.sequences) == [(2, 3), (6, 8)]
    assert list(row.columns.values) == [0.0, 2.0, 3.0]
    assert (row.sink, row.at, row.answer) == ("far", START, "400 out of bounds")


def test_an_eviction_takes_from_each_sink_what_it_had_not_done(state: State) -> None:
    state.account("far", 1)
    state.account("late", 8)
    state.settle("far", delivered=[(1, 4)], quarantined=[refused((5, 6))], held=[held((6, 8))])
    eviction = Eviction(1, 11, START, "the disk is full", (Lost(1, START, START + 9, 10),))
    state.evict(eviction)
    assert counts(state.account("far", 1)) == (3, 1, 4, 2)
    assert counts(state.account("late", 1)) == (0, 0, 3, 0)
    assert list(state.evictions()) == [eviction]
    assert state.high_water() == 11
    state.settle("far", delivered=[(3, 9)])  # an answer that was under way
    assert counts(state.account("far", 1)) == (3, 1, 4, 2)


def test_what_is_released_is_due_from_its_copy_until_it_is_settled(state: State) -> None:
    state.account("far", 1)
    state.settle("far", delivered=[(1, 2)], quarantined=[refused((2, 6)), refused((6, 7))])
    first, second = state.quarantine("far")
    assert state.release([first.id, 999]) == 4
    assert state.release([first.id]) == 0
    assert [row.id for row in state.quarantine()] == [second.id]
    account = state.account("far", 1)
    assert (counts(account), account.pending(8)) == ((1, 1, 0, 4), 5)
    due = state.due("far", 0.0)
    assert due is not None
    assert (list(due.sequences), due.columns) == ([(2, 6)], first.columns)
    state.settle("far", delivered=[(3, 5)], copy=due.id)
    rest = state.due("far", 0.0)
    assert rest is not None
    assert (list(rest.sequences), list(rest.columns.values)) == ([(2, 3), (5, 6)], [0.0, 3.0])
    state.settle("far", delivered=[(2, 3)], quarantined=[refused((5, 6), answer="no")], copy=rest.id)
    assert state.due("far", 0.0) is None
    assert counts(state.account("far", 1)) == (4, 2, 0, 0)


def test_what_is_held_is_due_at_its_time(state: State) -> None:
    state.account("far", 1)
    state.settle("far", held=[held((1, 2), due=START + 10), held((2, 3), due=START + 5)])
    assert state.due("far", START + 4) is None
    due = state.due("far", START + 20)
    assert due is not None
    assert list(due.sequences) == [(2, 3)]
    assert state.due("near", START + 20) is None


def test_a_sink_is_forgotten_by_command_only(state: State) -> None:
    state.account("far", 1)
    state.settle("far", quarantined=[refused((1, 3))])
    state.forget("far")
    assert not state.accounts()
    assert not list(state.quarantine())
    state.settle("far", delivered=[(1, 3)])  # an answer that was under way
    assert state.account("far", 5).delivered == 0


def test_what_goes_on_a_day_for_one_reason_is_one_record(state: State) -> None:
    day, why = START // 86400 * 86400, "the disk is full"
    each = [
        Eviction(1, 11, day, why, (Lost(1, 5.0, 6.0, 4), Lost(2, 5.0, 5.0, 6))),
        Eviction(11, 13, day + 86399, why, (Lost(1, 4.0, 5.0, 1), Lost(3, 1.0, 1.0, 1))),
        Eviction(13, 14, day + 86400, why),
        Eviction(14, 15, day + 86400, "damaged"),
        Eviction(16, 17, day + 86400, "damaged"),
    ]
    for one in each:
        state.evict(one)
    parts = (Lost(1, 4.0, 6.0, 5), Lost(2, 5.0, 5.0, 6), Lost(3, 1.0, 1.0, 1))
    assert list(state.evictions()) == [Eviction(1, 13, day + 86399, why, parts), *each[2:]]
    assert list(state.evicted()) == [(1, 15), (16, 17)]
    assert list(state.evicted("damaged")) == [(1, 14)]


def test_an_overfull_quarantine_lets_the_oldest_go(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greenops_telemetry.journal.state, "MOST_QUARANTINED", 10)
    state.account("far", 1)
    for first in range(1, 22, 3):
        state.settle("far", quarantined=[refused((first, first + 3))])
    account = state.account("far", 1)
    assert account.closes()
    assert (account.quarantined, account.evicted) == (9, 12)
    assert [next(iter(row.sequences))[0] for row in state.quarantine()] == [13, 16, 19]
    evictions = list(state.evictions())
    assert sum(part.samples for each in evictions for part in each.parts) == 12
    assert all(each.first == each.stop for each in evictions)  # segments are not covered by it


def test_a_long_or_strange_answer_is_kept_short(state: State) -> None:
    state.account("far", 1)
    state.settle("far", quarantined=[refused((1, 2), answer="\ud800\0x" * 10_000)])
    (row,) = state.quarantine()
    assert row.answer.startswith("?\0x")
    assert len(row.answer) == 2000


def test_series_and_counters_last(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state.db")
    state.keep_series({1: series(1), 2: series(2)})
    state.keep_series({3: series(3)})
    state.count("damaged frames")
    state.count("damaged frames", 4)
    state.keep_high_water(77)
    state.close()
    state = State.open(tmp_path / "state.db")
    assert state.series() == {number: series(number) for number in (1, 2, 3)}
    assert state.counters() == {"damaged frames": 5}
    assert state.high_water() == 77
    state.close()


def test_many_threads_and_a_second_process_settle_at_once(tmp_path: Path) -> None:
    state, visitor = State.open(tmp_path / "state.db"), State.visit(tmp_path / "state.db")
    state.account("far", 1)

    def settle(worker: int) -> None:
        for step in range(10):
            first = 1 + worker * 10 + step
            one = (state, visitor)[step % 2]
            one.settle("far", delivered=[(first, first + 1)])

    threads = [threading.Thread(target=settle, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(visitor.account("far", 1)) == (80, 0, 0, 0)
    assert list(state.account("far", 1).done) == [(1, 81)]
    state.close()
    visitor.close()


class Model:
    """What became of each sequence, sample by sample."""

    def __init__(self) -> None:
        self.fates: dict[int, str] = {}

    def settle(self, fate: str, start: int, stop: int) -> None:
        for number in range(start, stop):
            self.fates.setdefault(number, fate)

    def settle_copy(self, fate: str, numbers: list[int]) -> None:
        self.fates.update(dict.fromkeys(numbers, fate))

    def evict(self, start: int, stop: int) -> None:
        for number in range(start, stop):
            self.fates.setdefault(number, "evicted")

    def release(self, numbers: Iterator[int]) -> None:
        self.fates.update(dict.fromkeys(numbers, "aside"))

    def counts(self) -> tuple[int, ...]:
        fates = list(self.fates.values())
        return tuple(fates.count(fate) for fate in ("delivered", "quarantined", "evicted", "aside"))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["delivered", "quarantined", "aside", "evict", "release", "send copy"]),
        st.integers(1, 40),
        st.integers(1, 15),
    ),
    max_size=15,
)


@given(steps=STEPS)
def test_any_history_adds_up_sample_by_sample(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    file = tmp_path_factory.mktemp("history") / "state.db"
    state, model = State.open(file), Model()
    state.account("far", 1)
    for what, start, length in steps:
        one = (start, start + length)
        if what == "evict":
            state.evict(Eviction(*one, START, "full"))
            model.evict(*one)
        elif what == "release":
            row = next(state.quarantine(), None)
            if row is not None:
                state.release([row.id])
                model.release(number for first, stop in row.sequences for number in range(first, stop))
        elif what == "send copy":
            copy = state.due("far", START)
            if copy is not None:
                numbers = [number for first, stop in copy.sequences for number in range(first, stop)][:length]
                state.settle("far", delivered=[(number, number + 1) for number in numbers], copy=copy.id)
                model.settle_copy("delivered", numbers)
        else:
            state.settle(
                "far",
                delivered=[one] if what == "delivered" else [],
                quarantined=[refused(one)] if what == "quarantined" else [],
                held=[held(one)] if what == "aside" else [],
            )
            model.settle(what, *one)
        assert counts(state.account("far", 1)) == model.counts()
        assert state.account("far", 1).closes()
    state.close()
    again = State.open(file)
    assert again.set_aside is None
    assert counts(again.account("far", 1)) == model.counts()
    again.close()
    shutil.rmtree(file.parent)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file with something in every table, all of it in the file itself."""
    file = tmp_path_factory.mktemp("whole") / "state.db"
    state = State.open(file)
    state.keep_series({number: series(number) for number in range(1, 6)})
    state.account("far", 1)
    state.settle("far", delivered=[(1, 5)], quarantined=[refused((5, 7))], held=[held((7, 8))])
    state.evict(Eviction(1, 10, START, "full", (Lost(1, 2.0, 3.0, 9),)))
    state.count("some")
    state.close()
    return file.read_bytes()


def is_believed(folder: Path, data: bytes) -> bool:
    """Whether a file with these bytes is taken for what was written, which it has to be then."""
    file = folder / "state.db"
    file.write_bytes(data)
    state = State.open(file, lambda: START)
    account = state.account("far", 1)
    if state.set_aside is None:
        assert counts(account) == (4, 2, 2, 1)
        assert next(state.quarantine()).columns == refused((5, 7)).columns
        assert len(state.series()) == 5
    else:
        assert counts(account) == (0, 0, 0, 0)
        assert state.set_aside.read_bytes() == data
        assert all(series(number) == each for number, each in state.series().items())
    state.close()
    believed = state.set_aside is None
    for each in folder.iterdir():
        each.unlink()
    return believed


def test_a_truncated_file_is_set_aside(tmp_path: Path, whole: bytes) -> None:
    assert is_believed(tmp_path, whole)
    for length in [0, 1, 15, 16, 99, 100, *range(4096, len(whole), 4096), len(whole) - 1, len(whole) - 4000]:
        assert not is_believed(tmp_path, whole[:length]), length


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_a_wrong_byte_is_seen_or_does_no_harm(tmp_path: Path, whole: bytes, bits: int) -> None:
    believed = 0
    for place in [*range(0, 100, 3), *range(100, len(whole), 211)]:
        data = bytearray(whole)
        data[place] ^= bits
        believed += is_believed(tmp_path, bytes(data))
    assert believed > 0  # where there is nothing


def test_a_damaged_log_of_the_file_gives_an_earlier_state(tmp_path: Path) -> None:
    """An earlier cursor sends again what was delivered; series are never forgotten by it."""
    file, log = tmp_path / "state.db", tmp_path / "state.db-wal"
    state = State.open(file)
    state.account("far", 1)
    for number in range(1, 11):
        state.settle("far", delivered=[(number, number + 1)])
    state.keep_series({1: series(1)})
    for number in range(11, 21):
        state.settle("far", delivered=[(number, number + 1)])
    whole, logged = file.read_bytes(), log.read_bytes()
    state.close()
    seen = set()
    for place in range(0, len(logged), len(logged) // 40):
        flipped = bytearray(logged)
        flipped[place] ^= 4
        for damaged in (logged[:place], bytes(flipped)):
            file.write_bytes(whole)
            log.write_bytes(damaged)
            (tmp_path / "state.db-shm").unlink(missing_ok=True)
            state = State.open(file)
            assert state.set_aside is None
            assert state.series() == {1: series(1)}
            account = state.account("far", 1)
            assert account.closes()
            assert account.delivered in range(10, 21)
            seen.add(account.delivered)
            state.close()
    assert {10, 20} < seen


def test_a_log_of_a_damaged_file_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    file, log = tmp_path / "state.db", tmp_path / "state.db-wal"
    state = State.open(file)
    state.account("far", 1)
    state.keep_series({1: series(1)})  # the log begins anew
    state.settle("far", delivered=[(1, 2)])
    logged = log.read_bytes()
    state.close()
    file.write_bytes(b"no database" * 1000)
    log.write_bytes(logged)
    state = State.open(file, lambda: START)
    assert state.set_aside is not None
    assert not state.accounts()
    state.account("near", 1)
    state.close()
    state = State.open(file)
    assert list(state.accounts()) == ["near"]
    state.close()


def test_a_cursor_that_says_more_than_was_delivered_is_not_believed(tmp_path: Path, whole: bytes) -> None:
    assert whole.count(b"[[1, 10]]") == 1
    assert not is_believed(tmp_path, whole.replace(b"[[1, 10]]", b"[[1, 90]]"))


def test_a_damaged_file_is_told_of_and_its_series_go_on(
    tmp_path: Path, whole: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "state.db"
    file.write_bytes(whole.replace(b"[[1, 10]]", b"[[1, 90]]"))
    state = State.open(file, lambda: START)
    assert state.set_aside == tmp_path / "state.db.damaged-1800000000"
    assert state.series() == {number: series(number) for number in range(1, 6)}
    assert "now state.db.damaged-1800000000. All that is still in the journal is delivered again" in caplog.text
    state.close()


def test_damage_while_it_is_open_is_an_error_of_the_disk(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state.db")
    state.account("far", 1)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("UPDATE account SET delivered = 5")
    with pytest.raises(OSError, match="start again"):
        state.settle("far", delivered=[(1, 2)])
    state.close()


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unable to open database file; see to its folder"):
        State.open(tmp_path / "absent" / "state.db")
    with pytest.raises(ConfigError, match="there is no journal"):
        State.visit(tmp_path / "state.db")
    (tmp_path / "state.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ConfigError, match="file is not a database"):
        State.visit(tmp_path / "state.db")
    assert (tmp_path / "state.db").exists()


def test_a_file_of_another_version_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    State.open(file).close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("UPDATE counter SET count = 2, sum = ?", (checksum("counter", ("version", 2)),))
    with pytest.raises(ConfigError, match="another version"):
        State.open(file)
    assert [each.name for each in tmp_path.iterdir()] == ["state.db"]
