"""Any history, and any end of the process: what was committed is delivered, pending, in quarantine or evicted."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from greenops_telemetry.delivery.deliver import Delivery
from greenops_telemetry.delivery.sink import Batch, Sink
from greenops_telemetry.delivery.verdict import Later, Taken, Verdict
from greenops_telemetry.journal.account import Eviction
from greenops_telemetry.journal.house import Bounds
from greenops_telemetry.journal.store import Store
from receiver import BAD, START, Bench, columns, series

MOST = 8
KINDS = {"good": (1.0, 0.0), "bad": (BAD, 0.0), "too old": (1.0, -1e6), "early": (1.0, 3600.0)}


class Killed(BaseException):
    """The process ends here."""


class History(RuleBasedStateMachine):
    """One sink among commits, outages, refusals, crashes, evictions, damage and releases."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.evicted: set[int] = set()
        self.repeats = 0

    @initialize(live_first=st.booleans(), backlog=st.integers(0, 40))
    def begin(self, live_first: bool, backlog: int) -> None:  # noqa: FBT001
        self.bench = Bench(Path(self.folder.name), live_first=live_first, most=MOST, backlog=backlog)
        self.bench.receiver.too_old = lambda at: at < START - 5e5
        assert self.bench.account.start == 1

    @rule(kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=30), number=st.integers(1, 4))
    def commit(self, kinds: list[str], number: int) -> None:
        now = self.bench.clock()
        rows = ((place % number, KINDS[kind][0], now + KINDS[kind][1]) for place, kind in enumerate(kinds))
        self.bench.commit(*rows)

    @rule(seconds=st.sampled_from([0.5, 2.0, 30.0, 3600.0]))
    def work(self, seconds: float) -> None:
        self.bench.run(seconds)

    @rule(answers=st.lists(st.sampled_from([Later("503"), Later("429", 20.0), TimeoutError("late")]), max_size=5))
    def outage(self, answers: list[Verdict | Exception]) -> None:
        self.bench.receiver.answers += answers

    @rule()
    def lose_an_answer(self) -> None:
        bench = self.bench

        def send(batch: Batch) -> Verdict:
            bench.send = bench.receiver.send
            self.repeats += 1
            bench.receiver.send(batch)
            return Later("no answer")

        bench.send = send

    @rule(requests=st.integers(1, 4))
    def crash(self, requests: int) -> None:
        bench, left = self.bench, [requests]

        def send(batch: Batch) -> Verdict:
            verdict = bench.receiver.send(batch)
            left[0] -= 1
            if not left[0]:
                raise Killed
            return verdict

        bench.send = send
        try:
            bench.run(10)
        except Killed:
            self.repeats += 1
        bench.state.close()
        bench.send = bench.receiver.send
        bench.open()

    @precondition(lambda self: self.bench.journal.oldest < self.bench.journal.next)
    @rule(samples=st.integers(1, 20))
    def evict(self, samples: int) -> None:
        journal = self.bench.journal
        stop = min(journal.next, journal.oldest + samples)
        for start, end in self.bench.account.done.missing(journal.oldest, stop):
            self.evicted.update(range(start, end))
        self.bench.state.evict(Eviction(journal.oldest, stop, START, "full"))
        journal.oldest = stop

    @rule(where=st.floats(0, 1), samples=st.integers(1, 5))
    def damage(self, where: float, samples: int) -> None:
        journal = self.bench.journal
        first = 1 + round(where * (journal.next - 1))
        journal.holes |= set(range(first, min(first + samples, journal.next)))

    @rule(every=st.integers(1, 3))
    def release(self, every: int) -> None:
        self.bench.state.release([row.id for row in self.bench.state.quarantine()][::every])

    @invariant()
    def adds_up(self) -> None:
        account, journal = self.bench.account, self.bench.journal
        assert account.closes()
        settled = account.delivered + account.quarantined + account.evicted
        assert journal.next - 1 == settled + account.pending(journal.next)
        assert not self.bench.receiver.faults
        unreadable = [each for each in self.bench.state.evictions() if each.why == "damaged"]
        lost = self.evicted.union(*(range(each.first, each.stop) for each in unreadable))
        assert account.evicted == len(lost)
        done = {number for start, stop in account.done for number in range(start, stop)}
        delivered = done - lost - set(self.bench.quarantined()) - self.aside()
        assert len(delivered) == account.delivered
        assert delivered <= self.bench.receiver.took.keys()
        again = sum(self.bench.receiver.took.values()) - len(self.bench.receiver.took)
        assert again <= MOST * self.repeats

    def aside(self) -> set[int]:
        """What lies in a copy and is still to be sent."""
        with closing(sqlite3.connect(self.bench.file)) as file:
            rows = file.execute("SELECT sequences FROM copy WHERE refused = 0").fetchall()
        return {number for (text,) in rows for start, stop in json.loads(text) for number in range(start, stop)}

    def teardown(self) -> None:
        self.bench.receiver.answers = []
        self.bench.run(4500)
        self.adds_up()
        assert self.bench.pending() == 0
        assert list(self.bench.account.done) in ([], [(1, self.bench.journal.next)])
        self.bench.state.close()
        self.folder.cleanup()


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)

PROCESS = """
import os, sys, time
from pathlib import Path
from greenops_telemetry.delivery.deliver import Delivery
from greenops_telemetry.delivery.sink import Sink
from greenops_telemetry.delivery.verdict import Taken
from greenops_telemetry.journal.house import Bounds
from greenops_telemetry.journal.store import Store
from receiver import START, columns, series

store = Store.open(Path(sys.argv[1]) / "journal", Bounds())
number = store.number(series(1))
if store.next == 1:
    store.commit(columns(*((number, float(place), START - 1000 + place) for place in range(1000))))
took = os.open(Path(sys.argv[1]) / "took", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def send(batch):
    os.write(took, "".join(f"{number}\\n" for number in batch.sequences).encode())
    return Taken()

delivery = Delivery(store, store.state, [Sink("far", send, 100)], clock=lambda: START)
delivery.start()
while store.state.account("far", 1).pending(store.next):
    time.sleep(0.01)
delivery.stop()
store.close()
"""


@pytest.mark.parametrize(
    ("point", "repeated"),
    [("before send", 0), ("after send", 100), ("before cursor", 100), ("after cursor", 0)],
)
def test_a_kill_repeats_no_more_than_the_request_under_way(tmp_path: Path, point: str, repeated: int) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    died = subprocess.run(command, env={**environment, "GREENOPS_FAILPOINT": f"{point}:3"}, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    subprocess.run(command, env=environment, timeout=60, check=True)
    took = Counter(map(int, (tmp_path / "took").read_text().split()))
    assert took.keys() == set(range(1, 1001))
    assert sum(took.values()) - len(took) == repeated


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "journal", Bounds(), clock=lambda: START)
    yield opened
    opened.close()


def commit(store: Store, samples: int) -> None:
    number = store.number(series(1))
    store.commit(columns(*((number, 1.0, START) for _ in range(samples))))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_receiver_that_hangs_stops_no_other_nor_the_end(store: Store) -> None:
    hangs, took = threading.Event(), array("Q")

    def hang(_: Batch) -> Verdict:
        hangs.wait(60)
        return Taken()

    def take(batch: Batch) -> Verdict:
        took.extend(batch.sequences)
        return Taken()

    sinks = [Sink("hangs", hang), Sink("takes", take)]
    delivery = Delivery(store, store.state, sinks, clock=lambda: START, fill=0.01)
    delivery.start()
    for _ in range(20):
        commit(store, 10)
        delivery.wake()
    until(lambda: len(took) == 200)
    until(lambda: store.state.account("takes", 1).delivered == 200)
    delivery.stop(patience=0.2)
    (left,) = [thread for thread in threading.enumerate() if thread.name == "deliver hangs"]
    hangs.set()
    left.join(30)
    account = store.state.account("hangs", 1)
    assert (account.delivered, account.pending(store.next)) == (0, 200)
    assert list(took) == list(range(1, 201))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_program_is_told_and_costs_one_receiver(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Batch) -> Verdict:
        raise RuntimeError("no such thing")

    delivery = Delivery(
        store, store.state, [Sink("fails", fail), Sink("takes", lambda _: Taken())], clock=lambda: START, fill=0.01
    )
    commit(store, 1)
    delivery.start()
    until(lambda: "start it again" in delivery.health["fails"].failing)
    until(lambda: store.state.account("takes", 1).delivered == 1)
    delivery.stop()
    assert "fails: its thread ended by a fault of this program; start it again" in caplog.messages
