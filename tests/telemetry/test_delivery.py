"""What a courier does with each answer of a receiver, and in which order samples go."""

import logging
import math
import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest

import greenops_telemetry.journal.state_file
from greenops_telemetry.delivery.backoff import MANY_SENDERS, Backoff
from greenops_telemetry.delivery.sink import Batch
from greenops_telemetry.delivery.verdict import Later, Refused, Taken, TooLarge, TooOld, Verdict
from greenops_telemetry.journal.account import Eviction
from receiver import BAD, START, Bench


class Begin(Protocol):
    def __call__(self, *, live_first: bool = True, most: int = 1000, backlog: int = 0) -> Bench: ...


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Makes the bench of a test, which adds up at its end."""
    opened: list[Bench] = []

    def begin(*, live_first: bool = True, most: int = 1000, backlog: int = 0) -> Bench:
        opened.append(Bench(tmp_path, live_first=live_first, most=most, backlog=backlog))
        return opened[-1]

    yield begin
    for bench in opened:
        assert not bench.receiver.faults
        assert bench.account.closes()
        bench.state.close()


@pytest.mark.parametrize("live_first", [True, False])
def test_everything_is_delivered_once(begin: Begin, live_first: bool) -> None:  # noqa: FBT001
    bench = begin(live_first=live_first, backlog=4321)
    bench.flow(5, 1000)
    bench.run(20)
    assert dict(bench.receiver.took) == dict.fromkeys(range(1, bench.journal.next), 1)
    assert bench.pending() == 0
    assert list(bench.account.done) == [(1, bench.journal.next)]


def test_a_request_has_one_series_after_the_other_each_in_the_order_of_time(begin: Begin) -> None:
    bench = begin()
    bench.commit((2, 1.0, START), (1, 1.0, START), (2, 1.0, START - 9), (1, 1.0, START - 9), (1, 2.0, START - 9))
    bench.run(2)
    assert bench.receiver.requests == [[4, 5, 2, 3, 1]]


def test_new_samples_go_before_the_backlog_which_goes_oldest_first(begin: Begin) -> None:
    bench = begin(backlog=50_000)
    bench.receiver.takes = 0.1
    bench.flow(4, 1000)
    old = [max(request) for request in bench.receiver.requests if max(request) <= 50_000]
    new = [max(request) for request in bench.receiver.requests if max(request) > 50_000]
    assert old == sorted(old)
    assert new == sorted(new)
    assert len(new) >= 3
    assert len(old) >= 10
    assert bench.journal.next - max(new) < 2 * 1000  # not later than two seconds


def test_ranges_grow_by_one_with_each_outage_while_catching_up(begin: Begin) -> None:
    bench = begin(most=500, backlog=80_000)
    bench.receiver.takes = 0.3
    seen = []
    for _ in range(2):
        bench.flow(5, 200)
        seen.append(len(list(bench.account.done)))
        bench.receiver.answers = [Later("503")] * 8
        bench.flow(20, 200)
        bench.receiver.answers = []
        bench.flow(16, 200)
    assert seen == [2, 3]
    bench.run()
    assert bench.pending() == 0
    assert len(list(bench.account.done)) == 1


def test_a_sink_in_order_gets_the_oldest_first_whatever_happens(begin: Begin) -> None:
    bench = begin(live_first=False, backlog=5000)
    bench.receiver.answers = [Later("503"), Taken(), Later("503")]
    bench.flow(10, 500)
    bench.run(10)
    assert all(min(later) >= min(former) for former, later in pairwise(bench.receiver.requests))
    assert bench.pending() == 0


@pytest.mark.parametrize(
    ("rate", "requests", "within"),
    [pytest.param(10, 1, 1.2, id="a few wait a second for more"), pytest.param(5000, 4, 1.0, id="many go at once")],
)
def test_what_is_new_waits_for_company(begin: Begin, rate: int, requests: int, within: float) -> None:
    bench = begin()
    bench.flow(within, rate)
    assert len(bench.receiver.requests) >= requests
    assert len(bench.receiver.requests) <= requests + 1


def waits(bench: Bench, answers: list[Verdict | Exception]) -> list[float]:
    """The seconds between requests while *answers* are given."""
    times: list[float] = []
    bench.receiver.tick = lambda _: times.append(bench.steady)
    bench.receiver.answers = answers
    bench.commit((1, 1.0, START))
    bench.run(2000)
    return [round(later - former, 6) for former, later in pairwise(times)]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([Later("503")] * 4, [1, 2, 4, 8], id="doubling"),
        pytest.param([Later("503")] * 7, [1, 2, 4, 8, 15, 15, 15], id="at most a quarter of a minute"),
        pytest.param([Later("429", 30.0), Later("429")], [30, 2], id="never before Retry-After"),
        pytest.param([Later("429", 0.5)], [1], id="nor sooner than by itself"),
        pytest.param([ConnectionRefusedError(111, "refused")], [1], id="an error of the network"),
    ],
)
def test_waits_between_tries(begin: Begin, answers: list[Verdict | Exception], expected: list[float]) -> None:
    bench = begin()
    assert waits(bench, answers) == expected
    assert bench.pending() == 0
    assert bench.courier.health.retries == len(expected)


def test_a_sink_of_many_senders_is_asked_less_often() -> None:
    backoff, waited = Backoff(MANY_SENDERS), list[float]()
    for _ in range(8):
        backoff.fail(0.0, None, 0.5)
        waited.append(backoff.until)
    assert waited == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_wish_to_wait_is_for_all_that_is_sent(begin: Begin) -> None:
    bench = begin(backlog=10)
    bench.receiver.answers = [Later("429 Too Many Requests", 30.0)]
    bench.run(1)
    bench.commit((1, 1.0, START))
    bench.run(28)
    assert len(bench.receiver.requests) == 1
    bench.run(3)
    assert bench.pending() == 0


def test_a_receiver_that_fails_is_told_of_once_and_once_when_it_is_well(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench = begin(backlog=10)
    bench.receiver.answers = [Later("503 Service Unavailable")] * 5
    bench.commit((1, 1.0, START))
    bench.run(3)
    health = bench.courier.health
    assert (health.failing, health.since) == ("503 Service Unavailable", START)
    bench.run()
    assert (health.failing, health.since) == ("", 0.0)
    assert [record.getMessage() for record in caplog.records] == [
        "far does not get its samples (backlog): 503 Service Unavailable; they are kept and sent later",
        "far gets its samples again",
    ]


def test_a_backlog_that_is_never_taken_does_not_stop_what_is_new(begin: Begin) -> None:
    bench = begin(backlog=10)
    bench.send = lambda batch: Later("500 too old sample") if min(batch.sequences) <= 10 else bench.receiver.send(batch)
    bench.flow(10, 100)
    bench.run(2)
    assert bench.pending() == 10
    assert bench.courier.health.failing == "500 too old sample"


@pytest.mark.parametrize("live_first", [True, False])
@pytest.mark.parametrize("bad", [0, 499, 500, 730, 999])
def test_one_refused_sample_in_a_thousand_costs_few_requests(
    begin: Begin,
    bad: int,
    live_first: bool,  # noqa: FBT001
) -> None:
    bench = begin(live_first=live_first)
    bench.commit(*((number % 10, BAD if number == bad else 1.0, START + number / 100) for number in range(1000)))
    bench.run(30)
    assert list(bench.quarantined()) == [bad + 1]
    assert next(bench.state.quarantine()).answer == "400 duplicate sample"
    assert sum(bench.receiver.took.values()) == len(bench.receiver.took) == 999
    assert len(bench.receiver.requests) <= 1 + 2 * (
        math.ceil(math.log2(10)) + math.ceil(math.log2(100))
    )  # ten series of a hundred
    assert bench.account.quarantined == bench.courier.health.refused == 1


def test_what_cannot_be_encoded_is_refused(begin: Begin) -> None:
    bench = begin()
    bench.receiver.answers = [ValueError("a label is too long")]
    bench.commit((1, 1.0, START))
    bench.run(10)
    assert next(bench.state.quarantine()).answer == "it cannot be encoded: a label is too long"


@pytest.mark.parametrize(
    ("old", "rows", "most_requests"),
    [
        pytest.param(200, 10, 20 + 8 * 10, id="all"),
        pytest.param(100, 10, 20 + 18 * 10, id="the first half of each series"),
        pytest.param(10, 10, 20 + 2 * 10, id="the oldest of each series"),
    ],
)
def test_what_is_too_old_is_found_slice_by_slice(begin: Begin, old: int, rows: int, most_requests: int) -> None:
    bench = begin(backlog=0)
    bench.receiver.too_old = lambda at: at < START - 1000 + old
    bench.commit(*((number % 10, 1.0, START - 1000 + number) for number in range(200)))
    bench.run(60)
    assert sorted(bench.quarantined()) == list(range(1, old + 1))
    assert sorted(bench.receiver.took) == list(range(old + 1, 201))
    assert len(list(bench.state.quarantine())) <= rows * 5
    assert len(bench.receiver.requests) <= most_requests
    assert {row.answer for row in bench.state.quarantine()} == {"400 out of bounds"}


@pytest.mark.parametrize("late", [1, 2, 3, 8, 31])
def test_what_comes_late_costs_a_receiver_without_a_window_nothing_else(begin: Begin, late: int) -> None:
    bench = begin(backlog=0)
    newest = START - 50.0
    bench.commit((7, 1.0, newest))
    bench.run(10)

    def answer(batch: Batch) -> Verdict:
        nonlocal newest
        if min(batch.columns.at) < newest:
            return TooOld("400 out of order sample")
        newest = max(batch.columns.at)
        return Taken()

    bench.send = answer
    bench.commit(*((7, 2.0, START - 50.0 - late + number + 0.5) for number in range(40)))
    bench.run(30)
    assert list(bench.quarantined()) == list(range(2, 2 + late))
    assert bench.account.delivered == 41 - late
    assert len(bench.receiver.requests) < 20


def test_what_a_receiver_had_before_the_start_is_found_in_few_questions(begin: Begin) -> None:
    bench = begin(backlog=0)
    newest = START - 50.0

    def answer(batch: Batch) -> Verdict:
        nonlocal newest
        if min(batch.columns.at) < newest:
            return TooOld("400 out of order sample")
        newest = max(batch.columns.at)
        return Taken()

    bench.send = answer
    bench.commit(*((7, 2.0, START - 58.0 + number + 0.5) for number in range(40)))
    bench.run(30)
    assert 8 <= len(list(bench.quarantined())) <= 16


def test_a_long_past_is_asked_about_in_long_slices(begin: Begin) -> None:
    bench = begin(most=70, backlog=20_000)
    bench.receiver.too_old = lambda at: at < START
    bench.run(10)
    assert bench.account.quarantined == 20_000
    assert len(bench.receiver.requests) < 20_000 / 5


def test_a_request_that_is_too_large_is_split_and_remembered(begin: Begin) -> None:
    bench = begin(backlog=20_000)
    bench.receiver.largest = 300
    bench.run(60)
    assert bench.pending() == 0
    refused = [len(request) for request in bench.receiver.requests if len(request) > 300]
    assert len(refused) < len(bench.receiver.requests) / 5
    assert refused[0] == 1000
    assert 250 <= refused[1] <= 750
    bench.receiver.largest = 10**9
    bench.commit(*((1, 1.0, START) for _ in range(200_000)))
    bench.run(600)
    assert max(map(len, bench.receiver.requests)) == 1000  # as large as it may be, in the end


def test_one_sample_that_is_too_large_is_refused(begin: Begin) -> None:
    bench = begin()
    bench.receiver.answers = [TooLarge("413"), TooLarge("413"), Taken()]
    bench.commit((1, 1.0, START), (2, 1.0, START))
    bench.run(60)
    assert list(bench.quarantined()) == [1]
    assert bench.account.delivered == 1


def test_slow_requests_for_the_backlog_become_smaller(begin: Begin) -> None:
    bench = begin(backlog=20_000)
    bench.receiver.takes = 2.0
    bench.run(20)
    assert min(map(len, bench.receiver.requests)) == 1000 // 8


def test_samples_from_the_future_wait_for_their_time(begin: Begin) -> None:
    bench = begin()
    bench.commit((1, 1.0, START), (1, 2.0, START + 59), (1, 3.0, START + 3600), (2, 4.0, START + 7200))
    bench.run(10)
    assert sorted(bench.receiver.took) == [1, 2]
    assert (bench.pending(), bench.account.aside) == (2, 2)
    bench.journal.holes = {1, 2, 3, 4}  # they lie in a copy
    bench.run(3600)
    assert sorted(bench.receiver.took) == [1, 2, 3]
    bench.state.close()
    bench.open()
    bench.run(3600)
    assert sorted(bench.receiver.took) == [1, 2, 3, 4]
    assert bench.pending() == 0
    assert bench.account.evicted == 0


@pytest.mark.parametrize("comes_back", [True, False], ids=["it jumps back", "it was right"])
def test_a_clock_that_jumps_ahead_is_not_believed_before_it_settled(
    begin: Begin,
    comes_back: bool,  # noqa: FBT001
) -> None:
    bench = begin()
    bench.flow(2, 10)
    bench.run(2)
    before = len(bench.receiver.took)
    bench.jump, bench.trusts = 3600.0, False
    bench.flow(20, 10)
    bench.run(2)
    assert len(bench.receiver.took) == before
    assert bench.pending() == 200
    if comes_back:
        bench.jump = 0.0
        bench.run(40)
    bench.trusts = True
    bench.run(10)
    assert bench.pending() == (200 if comes_back else 0)
    bench.run(3600)
    assert bench.pending() == 0


def test_what_cannot_be_read_counts_as_evicted(begin: Begin) -> None:
    bench = begin(backlog=100)
    bench.journal.holes = {*range(1, 11), *range(50, 60), 100}
    bench.run(10)
    assert (bench.account.delivered, bench.account.evicted, bench.pending()) == (79, 21, 0)
    assert [eviction[:2] for eviction in bench.state.evictions()] == [(1, 11), (50, 60), (100, 101)]
    assert {eviction.why for eviction in bench.state.evictions()} == {"damaged"}


def test_what_is_released_is_sent_again_from_its_copy(begin: Begin) -> None:
    bench = begin()
    bench.receiver.answers = [Refused("400 bad label")]
    bench.commit((1, 5.0, START))
    bench.run(10)
    bench.journal.oldest = 2
    bench.state.evict(Eviction(1, 2, START, "full"))
    (row,) = bench.state.quarantine("far")
    assert bench.account.evicted == 0
    assert bench.state.release([row.id]) == 1
    assert bench.pending() == 1
    bench.run(10)
    assert dict(bench.receiver.took) == {1: 1}
    assert bench.account.delivered == 1
    assert not list(bench.state.quarantine())


def test_what_was_taken_but_not_put_down_is_put_down_and_not_sent_again(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greenops_telemetry.journal.state_file, "PATIENCE", 0.05)
    bench = begin()
    other = sqlite3.connect(bench.file, isolation_level=None)
    assert bench.account.done is not None
    bench.commit((1, 1.0, START))

    def send(batch: Batch) -> Verdict:
        other.execute("BEGIN IMMEDIATE")
        return bench.receiver.send(batch)

    bench.send = send
    bench.run(3)
    assert "locked" in bench.courier.health.failing
    assert bench.pending() == 1
    other.execute("ROLLBACK")
    other.close()
    bench.run(30)
    assert (bench.pending(), len(bench.receiver.requests), bench.courier.health.failing) == (0, 1, "")
