"""Submissions: a person approves, nothing is lost, nothing is sent that was changed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core import catalogue as c
from greenops_core.errors import ConfigError
from greenops_gateway.cli import main
from greenops_gateway.regulatory import submission_metrics
from greenops_gateway.regulatory.submission import AFTER, State, Submission, submissions, waiting
from greenops_gateway.regulatory.submission_metrics import SubmissionMetrics
from greenops_gateway.regulatory.submission_queue import Queue
from greenops_telemetry.audit import Audit, Kind, evidence
from greenops_telemetry.audit_chain import BEGINNING, Head, Record, sealed
from greenops_telemetry.audit_proof import findings
from greenops_telemetry.live import Live

NOW = 1_776_000_000.0
DEADLINE = date(2026, 4, 30)
WHY = "checked against the logbook"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "2026-Q1-excess.pdf"
    path.write_bytes(b"%PDF-1.4 a report")
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def prepared(journal: Path, report: Path, clock: float = NOW) -> tuple[Queue, str]:
    queue = Queue(journal, lambda: clock)
    return queue, queue.prepare("excess", "2026-Q1", DEADLINE, [report], ("ana", "quarter"))


STEPS = [(State.APPROVED, "ben"), (State.FAILED, "ben"), (State.SENT, "ana")]


def test_a_report_goes_from_prepared_to_sent_through_a_persons_approval(journal: Path, report: Path) -> None:
    queue, name = prepared(journal, report)
    for state, who in STEPS:
        queue.take(name, state, who, f"{state.value} for a reason")
    (found,) = Queue(journal).all().values()
    assert (found.name, found.state, found.deadline) == ("2026-Q1-excess-1", State.SENT, DEADLINE)
    assert [(step.state.value, step.who, step.why) for step in found.steps] == [
        ("prepared", "ana", "quarter"),
        ("approved", "ben", "approved for a reason"),
        ("failed", "ben", "failed for a reason"),
        ("sent", "ana", "sent for a reason"),
    ]


def test_each_step_is_a_record_of_the_audit_log(journal: Path, report: Path) -> None:
    queue, name = prepared(journal, report)
    queue.take(name, State.APPROVED, "ben", WHY)
    kept = evidence(journal / "audit")
    assert list(findings(kept)) == []
    told = [json.loads(line) for line in kept.log.splitlines()]
    assert [(each["kind"], each["who"], each["what"]["state"]) for each in told] == [
        ("report", "ana", "prepared"),
        ("report", "ben", "approved"),
    ]


@pytest.mark.parametrize("to", [State.APPROVED, State.REJECTED, State.SENT, State.FAILED])
@pytest.mark.parametrize("way", [[], ["APPROVED"], ["REJECTED"], ["APPROVED", "SENT"], ["APPROVED", "FAILED"]])
def test_only_what_may_follow_follows(journal: Path, report: Path, way: list[str], to: State) -> None:
    queue, name = prepared(journal, report)
    for step in way:
        queue.take(name, State[step], "ben", WHY)
    state = queue.all()[name].state
    if state in AFTER[to]:
        assert queue.take(name, to, "ben", WHY).state is to
    else:
        with pytest.raises(ConfigError, match=rf"{name} is {state.value}; only one that is .* can be {to.value}"):
            queue.take(name, to, "ben", WHY)
        assert queue.all()[name].state is state


@pytest.mark.parametrize(("who", "why"), [("gateway", WHY), (" ", WHY), ("ben", " ")])
def test_a_person_approves_and_says_why(journal: Path, report: Path, who: str, why: str) -> None:
    queue, name = prepared(journal, report)
    with pytest.raises(ConfigError, match=r"a person approves|say why"):
        queue.take(name, State.APPROVED, who, why)
    assert queue.all()[name].state is State.PREPARED


@pytest.mark.parametrize("to", [State.APPROVED, State.SENT])
def test_a_file_that_was_changed_is_neither_approved_nor_sent(journal: Path, report: Path, to: State) -> None:
    queue, name = prepared(journal, report)
    if to is State.SENT:
        queue.take(name, State.APPROVED, "ben", WHY)
    (journal / "submissions" / name / report.name).write_bytes(b"%PDF-1.4 another")
    with pytest.raises(ConfigError, match="is not the file that was prepared"):
        queue.take(name, to, "ben", WHY)
    assert queue.take(name, State.REJECTED, "ben", "changed").state is State.REJECTED


def test_the_queue_keeps_the_files_as_they_were(journal: Path, report: Path) -> None:
    content = report.read_bytes()
    _, name = prepared(journal, report)
    report.write_bytes(b"later")
    assert (journal / "submissions" / name / report.name).read_bytes() == content


def test_the_next_report_on_a_period_has_the_next_number(journal: Path, report: Path) -> None:
    assert [prepared(journal, report)[1] for _ in range(3)] == [f"2026-Q1-excess-{number}" for number in (1, 2, 3)]


def test_of_two_who_decide_at_once_one_is_first(journal: Path, report: Path) -> None:
    _, name = prepared(journal, report)
    refused: list[str] = []

    def decide(state: State) -> None:
        try:
            Queue(journal).take(name, state, "ben", WHY)
        except ConfigError as error:
            refused.append(str(error))

    both = [threading.Thread(target=decide, args=(state,)) for state in (State.APPROVED, State.APPROVED)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(refused) == 1
    assert len(Queue(journal).all()[name].steps) == 2


def test_whoever_prepares_at_the_same_time_gets_a_name_of_their_own(journal: Path, report: Path) -> None:
    names: list[str] = []
    several = [
        threading.Thread(target=lambda: names.extend(prepared(journal, report)[1] for _ in range(4))) for _ in range(6)
    ]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert len(names) == 24
    assert set(names) == Queue(journal).all().keys()


PREPARING = """
import sys
from datetime import date
from pathlib import Path
from greenops_gateway.regulatory.submission_queue import Queue
queue = Queue(Path(sys.argv[1]))
while True:
    name = queue.prepare("excess", "2026-Q1", date(2026, 4, 30), [Path(sys.argv[2])], ("ana", "quarter"))
    print(name, flush=True)
"""


@pytest.mark.parametrize("after", [1, 4])
def test_what_was_acknowledged_survives_a_kill(journal: Path, report: Path, after: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PREPARING, str(journal), str(report)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.read().split()
    queue = Queue(journal)
    found = queue.all()
    assert set(told) <= found.keys()
    for each in found.values():
        queue.check_files(each)
    _, name = prepared(journal, report)
    assert name == f"2026-Q1-excess-{len(found) + 1}"
    assert all(finding.harmless for finding in findings(evidence(journal / "audit")))


def test_files_without_a_record_are_taken_for_what_a_sudden_end_left(journal: Path, report: Path) -> None:
    left = journal / "submissions" / "2026-Q1-excess-1"
    left.mkdir(parents=True)
    (left / "half.pdf").write_bytes(b"half")
    _, name = prepared(journal, report)
    assert [path.name for path in (journal / "submissions" / name).iterdir()] == [report.name]


states = st.sampled_from(["prepared", "approved", "rejected", "sent", "failed", "lost"])


@given(st.lists(st.tuples(states, st.sampled_from(["a-1", "a-2"])), max_size=20))
def test_whatever_stands_in_the_log_no_submission_skips_its_approval(steps: list[tuple[str, str]]) -> None:
    records: list[Record] = []
    last = BEGINNING
    for state, name in steps:
        what = {"submission": name, "state": state, "why": "x", "report": "a", "period": "2026", "files": {"f": "0"}}
        if state == "prepared":
            what["deadline"] = "2026-04-30"
        made = sealed(last, "2026-04-01T00:00:00.000Z", Kind.REPORT, "ana", what)
        records.append(made)
        last = Head(made.number, made.at, made.hash, 0)
    for found in submissions(records).values():
        assert found.steps[0].state is State.PREPARED
        assert all(before.state in AFTER[after.state] for before, after in pairwise(found.steps))
        if found.state is State.SENT:
            assert State.APPROVED in [step.state for step in found.steps]


def test_records_of_other_kinds_and_shapes_are_passed_over(journal: Path, report: Path) -> None:
    _, name = prepared(journal, report)
    audit = Audit.open(journal / "audit", lambda: NOW)
    audit.append(Kind.ACTION, "ana", {"submission": name, "state": "approved", "why": "x"})
    audit.append(Kind.REPORT, "ana", {"submission": name, "state": "approved"})
    audit.append(Kind.REPORT, "ana", {"submission": "x", "state": "prepared", "why": "x", "deadline": "soon"})
    assert [each.state for each in Queue(journal).all().values()] == [State.PREPARED]


def figures(live: Live, now: float = NOW) -> dict[str, float]:
    return {
        metric.stem: value
        for metric, series in live.snapshot(now)
        for labels, value, *_ in series
        if labels == ("north",)
    }


def test_the_gateway_shows_what_waits_what_failed_and_by_when(journal: Path, report: Path) -> None:
    live = Live()
    shown = SubmissionMetrics(journal, live, "north")

    def told() -> dict[str, float]:
        shown.read()
        shown.show(NOW + 60)
        return figures(live)

    assert told() == {"report_submissions_pending": 0, "report_submissions_failed": 0}
    queue, name = prepared(journal, report)
    due = Submission("", "", "", DEADLINE, {}, ()).due
    waits = {"report_submission_oldest_age": 60, "report_submission_deadline_timestamp": due}
    assert told() == {"report_submissions_pending": 1, "report_submissions_failed": 0, **waits}
    queue.take(name, State.APPROVED, "ben", WHY)
    queue.take(name, State.FAILED, "ben", "the portal is away")
    assert told() == {"report_submissions_pending": 0, "report_submissions_failed": 1, **waits}
    queue.take(name, State.SENT, "ben", "receipt 4711")
    assert told() == {"report_submissions_pending": 0, "report_submissions_failed": 0}


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never held")


async def test_the_running_gateway_keeps_the_metrics_and_outlives_a_log_that_cannot_be_read(
    journal: Path, report: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission_metrics, "EVERY", 0.01)
    (journal / "audit" / "audit.head").mkdir(parents=True)
    live = Live()
    telling = asyncio.create_task(SubmissionMetrics(journal, live, "north").tell())
    try:
        await until(lambda: "cannot be read" in caplog.text)
        (journal / "audit" / "audit.head").rmdir()
        await asyncio.to_thread(prepared, journal, report, time.time())
        await until(lambda: figures(live, time.time()).get("report_submissions_pending") == 1)
    finally:
        telling.cancel()


def test_the_nearest_deadline_and_the_oldest_count(journal: Path, report: Path) -> None:
    for at, deadline in ((NOW, date(2026, 4, 30)), (NOW + 1000, date(2026, 3, 31))):
        Queue(journal, partial(float, at)).prepare("excess", "2026-Q1", deadline, [report], ("ana", "x"))
    found = waiting(Queue(journal).all().values(), NOW + 5000)
    assert (found.pending, found.failed, found.age) == (2, 0, 5000)
    assert found.due == Submission("", "", "", date(2026, 3, 31), {}, ()).due


def test_the_metrics_have_their_names() -> None:
    assert c.REPORT_SUBMISSIONS_PENDING.name == "greenops_report_submissions_pending"
    assert c.REPORT_SUBMISSION_DEADLINE.name == "greenops_report_submission_deadline_timestamp_seconds"


def asked(journal: Path, *words: str) -> int:
    return main(["report", "submissions", *words, "--directory", str(journal)])


def test_the_command_line_does_each_step(journal: Path, report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = ["--report", "excess", "--period", "2026-Q1", "--why", "quarter"]
    assert asked(journal, "list") == 0
    assert asked(journal, "prepare", str(report), *about, "--deadline", "2999-12-31") == 0
    assert "2026-Q1-excess-1: prepared; it waits for approval" in capsys.readouterr().out
    assert asked(journal, "sent", "2026-Q1-excess-1", "--why", "in a hurry") == 2
    assert "only one that is approved, failed can be sent" in capsys.readouterr().err
    assert asked(journal, "approve", "2026-Q1-excess-1", "--who", "ben", "--why", WHY) == 0
    assert asked(journal, "list") == 0
    assert "approved  2999-12-31" in capsys.readouterr().out
    assert asked(journal, "failed", "2026-Q1-excess-1", "--why", "portal away") == 0
    assert asked(journal, "list") == 1
    capsys.readouterr()
    assert asked(journal, "sent", "2026-Q1-excess-1", "--why", "receipt 4711", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "sent"
    assert asked(journal, "list", "--all", "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["state"], [step["state"] for step in found["steps"]][1:]) == ("sent", ["approved", "failed", "sent"])


def test_what_is_overdue_is_told_by_the_exit_code(
    journal: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(journal, report)
    Queue(journal).prepare("excess", "1999-Q1", date(1999, 4, 30), [report], ("ana", "late"))
    assert asked(journal, "list") == 1
    assert "1999-04-30 (overdue)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["approve", "2026-Q1-exces-1", "--why", "x"], "there is no submission '2026-Q1-exces-1'; did you mean"),
        (["prepare", "nowhere.pdf", "--report", "x", "--period", "2026-Q1", "--why", "x"], "nowhere.pdf: No such file"),
        (["prepare", "x.pdf", "--report", "x", "--period", "soon", "--why", "x"], "--period: 'soon' is no period"),
        (
            ["prepare", "x.pdf", "--report", "x", "--period", "2026", "--why", "x", "--deadline", "soon"],
            "--deadline: 'soon' is no day",
        ),
    ],
)
def test_a_wrong_word_is_told(
    journal: Path, report: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    prepared(journal, report)
    assert asked(journal, *words) == 2
    assert told in capsys.readouterr().err
