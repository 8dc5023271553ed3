"""``greenops-gateway hours`` and ``trace hour:…``: what is closed, whether it is right, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

import stack_hours
from greenops_core.sample import Quality, Reason
from greenops_gateway.cems.hour import Hour, civil, written
from greenops_gateway.cli import main
from greenops_gateway.configuration import parse
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.journal.description import described
from greenops_gateway.journal.trace_command import PAGE, Page
from greenops_telemetry.audit import evidence
from greenops_telemetry.audit_proof import records
from greenops_telemetry.canonical_json import configuration_hash
from greenops_telemetry.client import Request
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.frame import Kind
from stack_hours import Taken, journal, opened, samples

FIRST = stack_hours.start()
Run = Callable[..., tuple[int, str, str]]
SUBSTITUTION = [{"parameter": "SO2C", "certified": "2026-01-05T00", "potential": 400}]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the ledger below the test's folder; gives exit code, stdout and stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--directory", str(tmp_path / "journal")])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def sparse(hour: Hour) -> Iterator[Taken]:
    return samples(hour, 240.0)


def gap(hour: Hour) -> Iterator[Taken]:
    """SO2 is calibrated in the second hour."""
    for each in sparse(hour):
        lost = hour == FIRST + 1 and each.point == "so2"
        yield each._replace(quality=Quality.BAD, reason=Reason.CALIBRATION) if lost else each


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four closed hours, the second without SO2, of a gateway with a configuration on record."""
    raw = stack_hours.gateway_yml(tmp_path)
    raw["emissions"]["substitution"] = {"stack-1": SUBSTITUTION}
    (tmp_path / "gateway.yml").write_text(yaml.safe_dump(raw))
    content = described(parse(raw, tmp_path))
    name = configuration_hash(content)
    kept = tmp_path / "journal" / "configurations"
    kept.mkdir(parents=True)
    (kept / f"{name}.json").write_text(json.dumps(content))
    with opened(tmp_path / "journal") as store:
        store.commit(Columns(), [(Kind.CONFIGURATION, {"hash": name, "version": "1.2.3"})])
    with journal(tmp_path / "journal", range(FIRST, FIRST + 4), gap) as store:
        stack_hours.closed_all(store, tmp_path / "journal" / "hours", FIRST + 4).close()
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_hours_are_listed_for_people_and_for_programs(run: Run) -> None:
    code, told, _ = run("hours", "list")
    lines = told.splitlines()
    assert (code, len(lines)) == (0, 5)
    assert lines[0].split()[:4] == ["hour", "revision", "OPERATING", "LOAD"]
    column = lines[0].split().index("SO2C")
    assert [line.split()[column] == "-" for line in lines[1:]] == [False, True, False, False]
    code, told, _ = run("hours", "list", "--json", "--since", "2026-01-05T01", "--until", "2026-01-05T03")
    found = [json.loads(line) for line in told.splitlines()]
    assert [each["hour"] for each in found] == ["2026-01-05T01", "2026-01-05T02"]
    assert found[0]["measured"]["SO2C"]["value"] is None
    assert "calibration" in found[0]["measured"]["SO2C"]["why"]
    assert isinstance(found[1]["computed"]["SO2"]["value"], str)
    assert run("hours", "list", "--quarter", "2025-4")[:2] == (0, "no hour is closed\n")


@pytest.mark.usefixtures("folder")
def test_an_hour_is_shown_with_all_its_revisions(run: Run) -> None:
    code, told, _ = run("hours", "show", "stack-1@2026-01-05T01")
    assert code == 0
    assert "stack-1 2026-01-05T01, revision 1" in told
    assert "SO2C - no valid" in told or "SO2C - " in told
    assert "NOXR 0." in told
    assert "by 19-7" in told
    (shown,) = json.loads(run("hours", "show", "stack-1@2026-01-05T01", "--json")[1])
    assert (shown["revision"], shown["closed"]["hour"], len(shown["inputs"]["hash"])) == (1, "2026-01-05T01", 64)


def test_hours_computed_anew_are_compared_with_the_ledger(folder: Path, run: Run) -> None:
    assert run("hours", "recompute")[:2] == (0, "4 hours computed anew, 0 differ from the ledger\n")
    ledger = Ledger(folder / "journal" / "hours", "stack-1")
    wrong = ledger.entry(Hour(FIRST + 2))
    assert wrong is not None
    ledger.append([wrong._replace(reason="a mistake", closed=wrong.closed._replace(fuel="gas"))])
    code, told, _ = run("hours", "recompute", "--quarter", "2026Q1")
    assert code == 1
    assert told.splitlines()[-1] == "4 hours computed anew, 1 differ from the ledger"
    assert told.startswith("2026-01-05T02: ")


def test_a_person_revises_with_a_reason_that_stays(folder: Path, run: Run) -> None:
    raw = yaml.safe_load((folder / "gateway.yml").read_text())
    raw["emissions"]["stacks"][0]["constants"]["Fc"] = 1840
    (folder / "gateway.yml").write_text(yaml.safe_dump(raw))
    config = ("--config", str(folder / "gateway.yml"))
    since = ("--since", "2026-01-05T02", "--until", "2026-01-05T03")
    code, told, _ = run("hours", "recompute", "--revise", "wrong coal", *since, *config)
    assert (code, told) == (0, "2026-01-05T02: revision 2\n1 hours revised\n")
    (_, after) = json.loads(run("hours", "show", "stack-1@2026-01-05T02", "--json")[1])
    assert (after["revision"], after["reason"]) == (2, "wrong coal")
    (record,) = records(evidence(folder / "journal" / "audit").log)
    assert (record.what["reason"], record.what["point"]) == ("wrong coal", "stack-1/hour")
    assert set(dict(record.what["new"])) == {"HI", "NOXR", "NOX"}  # type: ignore[call-overload]  # JSON
    assert run("hours", "recompute")[0] == 0  # each by its own plan
    assert run("hours", "recompute", "--revise", "wrong coal", *since, *config)[1] == "0 hours revised\n"
    assert run("hours", "recompute", "--revise", " ", *config)[0] == 2
    assert "say --config FILE too" in run("hours", "recompute", "--revise", "why")[2]


def test_a_test_that_failed_takes_hours_back(folder: Path, run: Run) -> None:
    asked = ("hours", "recompute", "--config", str(folder / "gateway.yml"), "--since", "2026-01-05T03")
    failed = ("--revise", "calibration failed at 03:00")
    assert run(*asked, *failed, "--out-of-control", "NOXC")[1].endswith("1 hours revised\n")
    told = run("hours", "show", "stack-1@2026-01-05T03")[1]
    assert "out of control: NOXC" in told
    assert "NOXC - the analyser is out of control" in told
    assert run("hours", "recompute")[0] == 0
    run(*asked, "--revise", "wrong hour", "--out-of-control", "none")
    last = Ledger(folder / "journal" / "hours", "stack-1").revisions(Hour(FIRST + 3))
    assert [each.closed.measured["NOXC"].value is None for each in last] == [False, True, False]
    assert "does not measure 'NOX'; did you mean 'NOXC'" in run(*asked, *failed, "--out-of-control", "NOX")[2]


def test_missing_data_is_substituted_in_a_plane_of_its_own(folder: Path, run: Run) -> None:
    config = ("--config", str(folder / "gateway.yml"))
    before = run("hours", "hash")[1]
    code, told, _ = run("hours", "substitute", "--json", *config)
    found = {each["hour"]: each for each in map(json.loads, told.splitlines())}
    assert code == 0
    assert len(found) == 4
    known = [found[written(Hour(FIRST + each))] for each in (0, 2)]
    substitute = found[written(Hour(FIRST + 1))]
    assert (substitute["method"], substitute["provisional"]) == ("07", False)
    assert min(float(each["value"]) for each in known) <= float(substitute["value"])
    assert float(substitute["value"]) <= max(float(each["value"]) for each in known)
    code, told, _ = run("hours", "substitute", "--explain", *config)
    assert "SO2C: 1 substitutes, 0 of them provisional" in told
    assert "75.31" in told
    assert run("hours", "hash")[1] == before
    assert "add emissions.substitution" in run("hours", "substitute")[2]


@pytest.mark.usefixtures("folder")
def test_equal_results_have_an_equal_hash(run: Run) -> None:
    told = json.loads(run("hours", "hash", "--json")[1])
    assert (told["stack"], told["hours"], len(told["sha256"])) == ("stack-1", 4, 64)
    assert run("hours", "hash", "--quarter", "2026-1")[1] == f"{told['sha256']}  stack-1, 4 hours\n"
    assert json.loads(run("hours", "hash", "--json", "--until", "2026-01-05T03")[1])["sha256"] != told["sha256"]


def test_a_changed_ledger_is_named_with_its_line_by_every_command(folder: Path, run: Run) -> None:
    path = folder / "journal" / "hours" / "stack-1" / "2026-1.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"revision":1', b'"revision":3', 1))
    for command in (("list",), ("hash",), ("recompute",), ("show", "stack-1@2026-01-05T03")):
        code, told, _ = run("hours", *command)
        assert code == 1, command
        assert "2026-1.jsonl, line 1: the line of 2026-01-05T00 was changed" in told, command


def test_what_cannot_be_answered_says_what_to_do(folder: Path, run: Run) -> None:
    table: Sequence[tuple[Sequence[str], str]] = (
        (("hours", "list", "--stack", "stack-2"), "there is no stack 'stack-2'; did you mean 'stack-1'"),
        (("hours", "list", "--quarter", "2026-5"), "--quarter: '2026-5' is no quarter; write 2026-1"),
        (("hours", "list", "--since", "yesterday"), "--since: 'yesterday' is no hour"),
        (("hours", "list", "--since", "2026-01-02T00", "--until", "2026-01-01T00"), "it ends before it begins"),
        (("hours", "show", "stack-1"), "'stack-1' names no hour; write stack-1@2026-01-31T09"),
        (("hours", "show", "stack-1@2027-01-31T09"), "2027-01-31T09 of 'stack-1' is not closed"),
        (("trace", "hour:stack-1/NOXR"), "'hour:stack-1/NOXR' is no value of an hour; write hour:"),
        (("trace", "hour:stack-1/NOXR@2027-01-31T09"), "is not in the ledger"),
        (("trace", "hour:stack-1/NOXX@2026-01-05T00"), "the hour has no 'NOXX'; did you mean"),
    )
    for arguments, told in table:
        code, _, error = run(*arguments)
        assert code == 2, arguments
        assert told in error, (arguments, error)
    empty = main(["hours", "list", "--directory", str(folder / "nowhere")])
    assert empty == 2


@pytest.mark.usefixtures("folder")
def test_a_value_is_traced_to_its_equation_constants_samples_and_registers(run: Run) -> None:
    code, told, _ = run("trace", "hour:stack-1/NOXR@2026-01-05T00")
    assert "everything fits" in told, told
    assert code == 0
    for part in ("19-7 (40 CFR 60", "Fc = 1800 is a constant of the plan", "hourly average of NOXC", "from registers"):
        assert part in told, part
    found = json.loads(run("trace", "hour:stack-1/NOXR@2026-01-05T00", "--json")[1])
    assert [each["parameter"] for each in found["working"]["inputs"]] == ["NOXC", "CO2C"]
    noxc = found["working"]["inputs"][0]
    assert (len(noxc["samples"]), noxc["point"]) == (15, "analyser-1/nox")
    registers: Any = noxc["registers"][0]
    assert len(registers["configuration"]) == 64
    assert registers["registers"]["words"]
    missing = json.loads(run("trace", "hour:stack-1/SO2@2026-01-05T01", "--json")[1])
    assert missing["value"] is None
    assert "SO2C" in missing["working"]["why"]
    (so2c,) = [each for each in missing["working"]["inputs"] if each["parameter"] == "SO2C"]
    assert {each["status"] for each in so2c["samples"]} == {"calibration"}


def test_a_trace_doubts_what_was_tampered_with(folder: Path, run: Run) -> None:
    path = folder / "journal" / "hours" / "stack-1" / "2026-1.jsonl"
    with closing(path.open("rb")) as file:
        text = file.read()
    path.write_bytes(text.replace(b'"unadjusted":"1', b'"unadjusted":"9', 1))
    code, told, _ = run("trace", "hour:stack-1/NOXR@2026-01-05T00")
    assert code == 1
    assert "BAD  2026-1.jsonl, line 1" in told
    assert "BAD  computed anew:" in told
    assert civil(FIRST)[1] == 0


@pytest.mark.parametrize("ledger", [None, "elsewhere"])
async def test_a_running_gateway_answers_the_same_trace(folder: Path, run: Run, ledger: str | None) -> None:
    place = None
    if ledger is not None:
        place = (folder / "journal" / "hours").rename(folder / ledger)
    page = Page(folder / "journal", place)
    asked = "hour:stack-1/NOXR@2026-01-05T00"
    answer = await page.respond(Request("GET", PAGE, {}, query=f"id={asked}"))
    found = json.loads(answer.body)
    assert (answer.status, found["parameter"], found["doubts"]) == (200, "NOXR", [])
    if ledger is None:
        assert found == json.loads(run("trace", asked, "--json")[1])
    lost = await page.respond(Request("GET", PAGE, {}, query="id=hour:stack-1/NOXR@2027-01-05T00"))
    assert (lost.status, "is not in the ledger" in json.loads(lost.body)["error"]) == (404, True)
