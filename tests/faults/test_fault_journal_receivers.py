"""Receivers that refuse, hang, or are not there: what they did not get they get later, or it is set aside."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from greenops_core.sample import Quality
from journal_proof import kept, prove, report
from journal_run import PATIENCE, Rig, remote_write, rig, times
from relay import Way, relay
from self_signed import NOW, Authority
from sink_oracle import Reply, Told, sink_oracle, takes
from stamped_device import read

Record = Callable[[str, object], None]

BACKLOG = 16_000
AWAY = 2
MINUTE = 60
RETRY_AFTER = 3
ONE_IN = 1000
MOST = 100
LONGEST = 5.0


def served(run: Rig, fault: Callable[[], object], end: Callable[[], object], seconds: float = AWAY) -> int:
    """Run with a backlog while there is a *fault*, and on to rest after its *end*; requests that came during it."""
    run.backlog(BACKLOG)
    fault()
    life = run.start()
    run.flows(life)
    before = len(run.oracle.requests)
    time.sleep(seconds)
    during = len(run.oracle.requests) - before
    if life.metric("greenops_delivery_up", sink="oracle") == 1:
        during += 1
    end()
    run.rest(patience=PATIENCE + 2 * seconds)  # as long as it was away, nobody asks again
    return during


@pytest.mark.soak
@pytest.mark.parametrize("status", [503])
def test_a_receiver_that_cannot_now_gets_all_of_it_later(
    status: int, tmp_path: Path, request: pytest.FixtureRequest, record_property: Record
) -> None:
    """For two seconds; with ``-m soak`` for a minute."""
    seconds = times(request, AWAY, MINUTE)
    with rig(tmp_path) as run:

        def fails() -> None:
            run.oracle.behaviour = lambda _: Reply(status, "not now")

        requests = served(run, fails, lambda: behave(run), seconds)
        proof = prove(run, repeats=0)
    report(record_property, f"receiver answers {status}", f"for {seconds} s", proof, requests=requests)
    assert 1 <= requests <= attempts(seconds)


def attempts(seconds: int) -> int:
    """Requests at most while it is away: after 1, 2, 4, 8 … seconds, a fifth less by chance."""
    return math.ceil(math.log2(seconds / 0.8 + 1)) + 1


def behave(run: Rig) -> None:
    run.oracle.behaviour = takes


def test_a_receiver_that_names_a_time_is_left_alone_until_then(tmp_path: Path, record_property: Record) -> None:
    refused: list[float] = []

    def once(told: Sequence[Told]) -> Reply:
        if refused:
            return takes(told)
        refused.append(time.time())
        return Reply(429, "slowly", {"Retry-After": str(RETRY_AFTER)})

    with rig(tmp_path) as run:
        run.oracle.behaviour = once
        run.backlog(BACKLOG)
        run.run(RETRY_AFTER + 1)
        run.rest()
        first, second = run.oracle.requests[:2]
        proof = prove(run, repeats=0)
    report(record_property, "receiver answers 429 with Retry-After", f"once, {RETRY_AFTER} s", proof)
    assert second - first >= RETRY_AFTER - 0.1


def test_of_a_thousand_one_is_refused_and_the_others_delivered(tmp_path: Path, record_property: Record) -> None:
    def is_bad(unit: str, value: float) -> bool:
        stamp = read(value)
        return (stamp.number * 16 + stamp.tag + int(unit[1:])) % ONE_IN == 0

    def picky(told: Sequence[Told]) -> Reply:
        values = (each for each in told if each.name.startswith("greenops_point_c") and not each.is_stale_marker)
        bad = [each for each in values if is_bad(each.labels["device"], each.value)]
        return Reply(400, f"{bad[0].value:.0f} is not wanted") if bad else Reply(204)

    with rig(tmp_path) as run:
        run.oracle.behaviour = picky
        run.backlog(BACKLOG)
        run.run(1.0)
        run.rest()
        proof, files = prove(run, repeats=0), kept(run.journal)
        refused = files.refused("oracle")
        expected = {
            row.sequence
            for row, series in files.rows
            if row.quality is not Quality.BAD and is_bad(dict(series.labels)["device"], row.value)
        }
        said = {each.answer for each in files.quarantined["oracle"]}
        values = {f"400 Bad Request: {row.value:.0f} is not wanted" for row, _ in files.rows if row.sequence in refused}
    assert {number for start, stop in refused for number in range(start, stop)} == expected
    assert len(expected) > BACKLOG / ONE_IN / 2
    assert said == values
    report(
        record_property, "receiver answers 400 for one sample in 1 000", "for ever", proof, quarantined=len(expected)
    )


def test_a_receiver_of_small_requests_gets_small_ones(tmp_path: Path, record_property: Record) -> None:
    with rig(tmp_path) as run:
        run.oracle.behaviour = lambda told: Reply(413, "too long") if len(told) > MOST else Reply(204)
        run.backlog(BACKLOG)
        run.run(1.0)
        run.rest()
        proof = prove(run, repeats=0)
    report(record_property, f"receiver answers 413 to more than {MOST} samples", "for ever", proof)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("fault", "there", "back"),
    [
        ("line cut both ways", Way.HELD, Way.HELD),
        ("line cut one way: answers are lost", Way.OPEN, Way.HELD),
        ("receiver takes connections and never reads", Way.HELD, Way.OPEN),
        ("receiver reads one byte a second", Way.DRIPPING, Way.OPEN),
        ("receiver answers one byte a second", Way.OPEN, Way.DRIPPING),
    ],
)
def test_a_line_that_fails(  # noqa: PLR0917  # a table and fixtures
    fault: str, there: Way, back: Way, tmp_path: Path, request: pytest.FixtureRequest, record_property: Record
) -> None:
    """For two seconds; with ``-m soak`` for a minute. A request that nobody answers is given up after a second."""
    seconds = times(request, AWAY, MINUTE)
    with rig(tmp_path) as run, relay(run.oracle.port) as line:
        run.sinks["oracle"] = remote_write(f"http://127.0.0.1:{line.port}/api/v1/write", timeout="1s")

        def fails() -> None:
            line.there, line.back = there, back

        def mends() -> None:
            line.there = line.back = Way.OPEN

        served(run, fails, mends, seconds)
        proof = prove(run, repeats=attempts(seconds), late=attempts(seconds))
    report(record_property, fault, f"for {seconds} s", proof)


def test_a_certificate_that_is_over_is_not_accepted(tmp_path: Path, record_property: Record) -> None:
    authority = Authority(tmp_path)

    def context(ends: timedelta) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        signed = authority.signed("server", end=NOW + ends)
        made.load_cert_chain(signed.certificate, signed.key)
        return made

    with rig(tmp_path / "run") as run, relay(run.oracle.port) as line:
        url = f"https://127.0.0.1:{line.port}/api/v1/write"
        run.sinks["oracle"] = remote_write(url, tls={"ca": authority.ca})

        def expires() -> None:
            line.context = context(timedelta(days=-1))

        def is_renewed() -> None:
            assert run.oracle.stored == []
            assert "expired" in run.lives[-1].log.read_text()
            line.context = context(timedelta(days=1))

        served(run, expires, is_renewed)
        proof = prove(run, repeats=0)
    report(record_property, "receiver's TLS certificate has expired", f"for {AWAY} s", proof)


def test_a_name_that_nobody_knows(tmp_path: Path, record_property: Record) -> None:
    with rig(tmp_path) as run:

        def goes() -> None:
            run.sinks["oracle"] = remote_write("http://receiver.invalid/api/v1/write", timeout="1s")
            run.write()

        def comes_back() -> None:
            run.sinks["oracle"] = remote_write(run.oracle.url)
            run.write()
            run.lives[-1].reload()

        served(run, goes, comes_back)
        proof = prove(run, repeats=0)
    report(record_property, "receiver's name is gone from DNS", f"for {AWAY} s, then another name", proof)


@pytest.mark.parametrize("way", [Way.HELD, Way.DRIPPING])
def test_a_dead_sink_does_not_slow_a_good_one(way: Way, tmp_path: Path, record_property: Record) -> None:
    """The good one has each sample a few seconds after it was read; one attempt at the dead one takes ten."""
    with ExitStack() as stack:
        run = stack.enter_context(rig(tmp_path))
        dead = stack.enter_context(sink_oracle())
        line = stack.enter_context(relay(dead.port))
        line.there = way
        run.sinks["dead"] = remote_write(f"http://127.0.0.1:{line.port}/api/v1/write", timeout="10s")
        run.backlog(BACKLOG)
        life = run.run(6.0)
        assert life.metric("greenops_delivery_pending_samples", sink="dead") > BACKLOG
        live = [each for each in run.oracle.stored if each.at / 1000 > life.began and not each.is_stale_marker]
        assert live
        worst = max(each.heard - each.at / 1000 for each in live)
        assert worst < LONGEST
        run.rest("oracle")
        proof = prove(run, repeats=0)
        account = kept(run.journal).accounts["dead"]
        assert account.delivered == 0
        assert account.pending(kept(run.journal).following) == proof.samples
    report(record_property, "a dead sink beside a good one", "6 s", proof, latest=worst)
