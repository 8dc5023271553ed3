"""Hours are closed from the journal once, in order, and again when samples came late; however that came to pass."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hours_writer
import stack_hours
from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason
from greenops_gateway.cems.hour import Hour, quarter
from greenops_gateway.cems.reading import Status
from greenops_gateway.emissions.collect import merged, status
from greenops_gateway.emissions.entry import Entry, results_hash
from greenops_gateway.emissions.follow import kept, stack_of
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.emissions.recompute import Recomputation
from greenops_telemetry.journal.store import Store
from stack_hours import GRACE, ZONE, Taken, due, follower, journal, opened, put, samples

FIRST = stack_hours.start()
HOURS = 6
SPARSE = 240.0


def sparse(hour: Hour) -> Iterator[Taken]:
    """Fifteen samples of each point."""
    return samples(hour, SPARSE)


def entries(ledger: Ledger) -> list[Entry]:
    return list(ledger.hours(range(FIRST, FIRST + 10_000)))


def hashed(ledger: Ledger) -> str:
    return results_hash(each.closed for each in entries(ledger))


def closed(store: Store, ledger: Path, until: int = FIRST + HOURS) -> Ledger:
    with closing(stack_hours.closed_all(store, ledger, until)) as done:
        return done.ledger


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of the results of six whole hours."""
    folder = tmp_path_factory.mktemp("known")
    with journal(folder / "journal", range(FIRST, FIRST + HOURS), sparse) as store:
        return hashed(closed(store, folder / "hours"))


def test_an_hour_is_closed_once_grace_has_passed_after_its_end(tmp_path: Path) -> None:
    with journal(tmp_path / "journal", range(FIRST, FIRST + 2), sparse) as store:
        work = follower(store, tmp_path / "hours")
        assert list(work.advance(due(FIRST + 1) - 0.001)) == []
        ((first,),) = work.advance(due(FIRST + 1))
        assert (first.closed.hour, first.revision, first.reason, first.number) == (FIRST, 1, "", 1)
        assert first.closed.measured["SO2C"].value is not None
        assert first.closed.computed["SO2"].value is not None
        assert list(work.advance(due(FIRST + 1) + 100)) == []
        work.close()


def test_hours_without_a_sample_are_closed_too_and_have_no_value(tmp_path: Path) -> None:
    with journal(tmp_path / "journal", [FIRST, FIRST + 3], sparse) as store:
        found = entries(closed(store, tmp_path / "hours", FIRST + 4))
    assert [each.closed.hour - FIRST for each in found] == [0, 1, 2, 3]
    assert [each.inputs.readings for each in found] == [150, 0, 0, 150]
    assert found[1].closed.measured["SO2C"].value is None
    assert found[1].inputs.sequences == ()


def test_samples_that_come_late_make_a_revision_and_the_first_word_stays(tmp_path: Path) -> None:
    late = [each for each in sparse(FIRST) if each.at % 3600 > 1800]
    early = [each for each in sparse(FIRST) if each not in late]
    with journal(tmp_path / "journal", [FIRST], lambda _: early) as store:
        work = follower(store, tmp_path / "hours")
        ((before,),) = work.advance(due(FIRST + 1))
        assert before.closed.measured["SO2C"].value is None
        put(store, late, delay=7200)
        assert list(work.advance(due(FIRST + 2) - GRACE - 1)) == []  # perhaps more will come
        made = [each for some in work.advance(due(FIRST + 2)) for each in some]
        (after,) = [each for each in made if each.closed.hour == FIRST]
        assert (after.revision, after.reason) == (2, f"{len(late)} samples came late")
        assert after.closed.measured["SO2C"].value is not None
        assert work.ledger.revisions(FIRST) == [before, after]
        put(store, late, delay=7300)  # the same once more: a sender that got no acknowledgement
        assert list(work.advance(due(FIRST + 2) + 1)) == list(work.advance(due(FIRST + 2) + GRACE + 2)) == []
        work.close()
    with journal(tmp_path / "other", [FIRST], sparse) as store:
        whole = closed(store, tmp_path / "whole", FIRST + 1)
    assert results_hash([after.closed]) == hashed(whole)


def test_late_samples_without_the_ones_before_change_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with journal(tmp_path / "journal", [FIRST], sparse) as store:
        closed(store, tmp_path / "hours", FIRST + 1)
    with opened(tmp_path / "fresh") as store:  # the journal was lost, and the device sends some again
        put(store, sparse(Hour(FIRST + 1)))
        put(store, [Taken("so2", 1.0, ZONE.begins(FIRST) + 3.0)], delay=7000)
        work = follower(store, tmp_path / "hours")
        list(work.advance(due(FIRST + 1) + 10))
        list(work.advance(due(FIRST + 1) + 10 + GRACE))
        assert len(work.ledger.revisions(FIRST)) == 1
        assert "those of before are gone from the journal" in caplog.text
        work.close()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_the_result_is_the_same_for_any_order_of_arrival_within_the_hour(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("order")
    there = list(sparse(FIRST))
    found = []
    for name in ("ordered", "shuffled"):
        with opened(folder / name) as store:
            put(store, there, at_once=chance.choice([7, 40, 500]))
            (entry,) = entries(closed(store, folder / f"{name}-hours", FIRST + 1))
            found.append((results_hash([entry.closed]), entry.inputs.hash, entry.workings))
        chance.shuffle(there)
        there += chance.sample(there, 5)
    assert found[0] == found[1]


def test_the_result_is_the_same_however_often_it_was_restarted(tmp_path: Path, known: str) -> None:
    chance = random.Random(5)  # a replay, no secret
    with journal(tmp_path / "journal", range(FIRST, FIRST + HOURS), sparse) as store:
        at = due(FIRST)
        while at < due(FIRST + HOURS):
            at = min(at + chance.uniform(100, 5000), due(FIRST + HOURS))
            with closing(follower(store, tmp_path / "hours")) as work:
                for count, _ in enumerate(work.advance(at)):
                    if count == chance.randrange(3):
                        break
        ledger = closed(store, tmp_path / "hours")
    assert hashed(ledger) == known
    assert {each.revision for each in entries(ledger)} == {1}


def test_the_result_is_the_same_live_and_from_a_journal_that_is_replayed(tmp_path: Path, known: str) -> None:
    """Live: a look every ten minutes, while samples come in. Replayed: other sequences, other stretches."""
    with opened(tmp_path / "journal") as store:
        work = follower(store, tmp_path / "hours")
        for hour in range(FIRST, FIRST + HOURS):
            there = list(sparse(Hour(hour)))
            for begin, end in pairwise(range(0, 3601, 600)):
                start = ZONE.begins(Hour(hour))
                put(store, [each for each in there if begin <= each.at - start < end])
                list(work.advance(start + end))
        list(work.advance(due(FIRST + HOURS)))
        work.close()
        assert hashed(work.ledger) == known
        with opened(tmp_path / "replayed") as other:
            put(other, [Taken("load", 1.0, ZONE.begins(FIRST) - 7200.0)] * 37)
            at = 1
            while (run := store.read(at, store.next, 900)) is not None:
                names = {number: other.number(store.series(number)) for number in set(run[1].series)}
                columns = run[1].part(0, len(run[1]))
                for place, number in enumerate(run[1].series):
                    columns.series[place] = names[number]
                other.commit(columns)
                at = run[0] + len(run[1])
            ledger = closed(other, tmp_path / "again")
    again = entries(ledger)
    assert results_hash(each.closed for each in again) == known
    assert [each.inputs.hash for each in again] == [each.inputs.hash for each in entries(work.ledger)]
    assert again[0].inputs.sequences != entries(work.ledger)[0].inputs.sequences


@pytest.mark.parametrize("point", [None, "after write:2", "after fsync:2"])
def test_the_result_is_the_same_after_kill_9_while_closing(tmp_path: Path, known: str, point: str | None) -> None:
    with journal(tmp_path / "journal", range(FIRST, FIRST + HOURS), sparse):
        pass
    command = (sys.executable, hours_writer.__file__, "close", str(tmp_path / "journal"), str(tmp_path), str(HOURS))
    killed = 0
    for _ in range(2):
        environment = {**os.environ, **({} if point is None else {"GREENOPS_FAILPOINT": point})}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                if point is None and line != "ready\n":
                    os.kill(writer.pid, signal.SIGKILL)
                    break
        killed += writer.returncode == -signal.SIGKILL
    assert killed == 2
    subprocess.run(command, check=True, capture_output=True)
    ledger = Ledger(tmp_path, "stack-1")
    assert hashed(ledger) == known
    assert [each.number for each in entries(ledger)] == list(range(1, HOURS + 1))
    assert ledger.findings() == []


def test_hours_computed_anew_are_those_of_the_ledger_and_a_difference_is_named(tmp_path: Path) -> None:
    with journal(tmp_path / "journal", range(FIRST, FIRST + 2), sparse) as store:
        ledger = closed(store, tmp_path / "hours", FIRST + 2)
        assert [each.differences for each in Recomputation(ledger, store).of(entries(ledger))] == [(), ()]
        first = entries(ledger)[0]
        table: Sequence[tuple[Entry, str]] = (
            (first._replace(inputs=first.inputs._replace(sequences=((1, 100),))), "its inputs are others: 99 readings"),
            (first._replace(closed=first.closed._replace(load=None)), "LOAD: none, now"),
            (first._replace(closed=first.closed._replace(fuel="gas")), "methods, reasons or units differ"),
            (first._replace(workings=first.workings[1:]), "it is worked out in another way"),
        )
        for entry, told in table:
            (found,) = Recomputation(ledger, store).of([entry])
            assert told in "\n".join(found.differences)


def test_a_plan_is_read_back_as_it_was_kept() -> None:
    stack = stack_hours.stack(startup={"point": "analyser-1/load", "above": "12.5"}, validity="part60", first_level=10)
    assert stack_of(kept(stack)) == stack


def test_hours_of_long_ago_are_not_made_up_when_a_clock_once_showed_1970(tmp_path: Path) -> None:
    with opened(tmp_path / "journal") as store:
        put(store, [Taken("so2", 20.0, 5000.0)])
        work = follower(store, tmp_path / "hours")
        next(work.advance(due(FIRST)))
        assert work.next is not None
        assert FIRST - work.next <= 400 * 24
        work.close()


def test_a_sample_counts_as_what_its_quality_and_reason_say() -> None:
    table: Sequence[tuple[Quality, Reason, Status]] = (
        (Quality.GOOD, Reason.NONE, Status.VALID),
        (Quality.UNCERTAIN, Reason.SPIKE, Status.VALID),
        (Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN, Status.VALID),
        (Quality.UNCERTAIN, Reason.WARM_UP, Status.WARM_UP),
        (Quality.UNCERTAIN, Reason.CLOCK, Status.LOST),
        (Quality.GOOD, Reason.CALIBRATION, Status.CALIBRATION),
        (Quality.BAD, Reason.CALIBRATION, Status.CALIBRATION),
        (Quality.BAD, Reason.BLOWBACK, Status.MAINTENANCE),
        (Quality.BAD, Reason.FORCED, Status.MAINTENANCE),
        (Quality.BAD, Reason.OUT_OF_CONTROL, Status.FAULT),
        (Quality.BAD, Reason.FLAT_LINE, Status.FAULT),
        (Quality.BAD, Reason.RANGE, Status.OUT_OF_RANGE),
        (Quality.BAD, Reason.COMMUNICATION, Status.LOST),
        (Quality.BAD, Reason.STALE, Status.LOST),
    )
    assert [status(quality, reason) for quality, reason, _ in table] == [each for *_, each in table]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))))
def test_stretches_are_put_together_without_a_number_lost_or_won(stretches: list[tuple[int, int]]) -> None:
    found = merged(*stretches)
    assert {n for first, stop in found for n in range(first, stop)} == {
        n for first, stop in stretches for n in range(first, stop)
    }
    assert all(one[1] < other[0] for one, other in pairwise(found))


def test_beyond_full_scale_is_told_apart_from_other_impossible_values(tmp_path: Path) -> None:
    def over(hour: Hour) -> Iterator[Taken]:
        for each in sparse(hour):
            if each.point == "so2":
                yield each._replace(value=501.0, quality=Quality.BAD, reason=Reason.RANGE)
            elif each.point == "co2":
                yield each._replace(value=-3.0, quality=Quality.BAD, reason=Reason.RANGE)
            elif each.point == "o2":
                yield each._replace(value=float("nan"), quality=Quality.BAD, reason=Reason.STALE)
            elif each.point == "load":
                yield each._replace(value=1e300)
            else:
                yield each

    with journal(tmp_path / "journal", [FIRST], over) as store:
        (entry,) = entries(closed(store, tmp_path / "hours", FIRST + 1))
    measured = entry.closed.measured
    assert (measured["SO2C"].value, measured["SO2C"].method) != (None, "")
    assert measured["CO2C"].value is measured["O2C"].value is None
    assert "range" in measured["CO2C"].why
    assert "lost" in measured["O2C"].why
    assert entry.closed.load is None


def test_a_ledger_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="no ledger can be kept in"):
        Ledger.open(tmp_path / "file", "stack-1")
    assert quarter(2026, 1)[0] < FIRST
