"""``audit verify``, ``show`` and ``add`` as an operator and an inspector use them."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from greenops_core.errors import ConfigError
from greenops_gateway.journal.audit import add_audit, audit
from greenops_telemetry.audit import GATEWAY, Audit, Kind, Record, evidence
from greenops_telemetry.audit_chain import LOG
from greenops_telemetry.audit_proof import records

CORRECTION = ["add", "correction", "--point", "stack-1/so2", "--old", "181.5", "--new", "12", "--reason", "span gas"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A log with three records, of two days."""
    Audit.open(tmp_path, lambda: 1_770_000_000.0).append(Kind.START, GATEWAY, {"version": "1.0"})
    log = Audit.open(tmp_path, lambda: 1_770_100_000.0)
    log.append(Kind.CONFIGURATION, "SIGHUP", {"changed": "gas \x1b[31m\n"})
    return tmp_path


def asked(directory: Path, *words: str) -> tuple[int, str]:
    """The exit code and what is printed."""
    parser = argparse.ArgumentParser()
    add_audit(parser.add_subparsers())
    said: list[str] = []
    code = audit(parser.parse_args(["audit", *words, "--directory", str(directory)]), said.append)
    return code, "\n".join(said)


def last(directory: Path) -> Record:
    return [*records(evidence(directory).log)][-1]


def test_a_sound_log_is_told_in_one_line(directory: Path) -> None:
    assert asked(directory, "verify") == (0, "3 records, all as they were written")
    code, text = asked(directory, "verify", "--json", "--anchor", f" {last(directory).previous.upper()} ")
    assert (code, json.loads(text)) == (0, {"directory": str(directory), "findings": []})


def test_a_changed_line_is_named_and_ends_with_1(directory: Path) -> None:
    log = directory / LOG
    log.write_bytes(log.read_bytes().replace(b"1.0", b"9.0"))
    code, text = asked(directory, "verify")
    assert code == 1
    assert text.startswith(f"BAD  {log}:1: this line was changed or put in: its content does not fit its hash\n")
    code, text = asked(directory, "verify", "--json")
    assert code == 1
    assert {each["line"] for each in json.loads(text)["findings"]} >= {1}


def test_half_a_line_is_a_note_and_ends_with_0(directory: Path) -> None:
    with (directory / LOG).open("ab") as file:
        file.write(b'{"at":"20')
    code, text = asked(directory, "verify")
    assert code == 0
    assert text.startswith(f"note {directory / LOG}:4: half a line")


def test_a_published_hash_that_is_not_there_is_a_finding(directory: Path) -> None:
    code, text = asked(directory, "verify", "--anchor", "0" * 64)
    assert (code, "no record has the published hash" in text) == (1, True)


def test_records_are_listed_on_one_line_each_that_no_terminal_obeys(directory: Path) -> None:
    _, text = asked(directory, "show")
    head, *rows = text.splitlines()
    assert head.split() == ["number", "at", "kind", "who", "what"]
    assert rows[0] == "1       2026-02-02T02:40:00.000Z  start          gateway  version 1.0"
    assert [row.split()[2] for row in rows] == ["start", "anchor", "configuration"]
    assert rows[2].endswith(r"SIGHUP   changed gas \x1b[31m\n")


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["--kind", "start"], [1]),
        (["--kind", "start", "--kind", "anchor"], [1, 2]),
        (["--since", "2026-02-03"], [2, 3]),
        (["--since", "2026-02-02T02:40:00+00:00"], [1, 2, 3]),
        (["--since", "2026-02-02T03:40:00+00:00", "--kind", "configuration"], [3]),
        (["--since", "5200w"], [1, 2, 3]),
        (["--since", "1ms"], []),
    ],
)
def test_what_is_listed_can_be_chosen(directory: Path, words: list[str], numbers: list[int]) -> None:
    _, text = asked(directory, "show", "--json", *words)
    assert [each["number"] for each in json.loads(text)] == numbers
    assert len(asked(directory, "show", *words)[1].splitlines()) == 1 + len(numbers)


def test_a_list_of_a_changed_log_warns(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = directory / LOG
    log.write_bytes(log.read_bytes().replace(b"1.0", b"9.0"))
    code, text = asked(directory, "show")
    assert (code, len(text.splitlines())) == (0, 3)
    assert caplog.messages == ["this log is not as it was written; ask: greenops-gateway audit verify"]


def test_a_correction_is_shown_first_and_then_recorded(directory: Path) -> None:
    interval = ["--interval", "2026-02-02T10:00+01:00/2026-02-02T10:00Z"]
    before = (directory / LOG).read_bytes()
    code, text = asked(directory, *CORRECTION, *interval, "--who", "ada", "--dry-run")
    assert (code, (directory / LOG).read_bytes()) == (0, before)
    assert text.startswith("would record: ")
    assert text.endswith(
        "correction  ada  point stack-1/so2, "
        'interval ["2026-02-02T09:00:00.000Z", "2026-02-02T10:00:00.000Z"], reason span gas, old 181.5, new 12.0'
    )
    _, text = asked(directory, *CORRECTION, *interval, "--who", "ada", "--dry-run", "--json")
    assert json.loads(text)["what"]["new"] == 12
    code, text = asked(directory, *CORRECTION, *interval, "--who", "ada")
    made = last(directory)
    assert (code, made.kind, made.who, made.what["old"], made.what["new"]) == (0, "correction", "ada", 181.5, 12)
    assert text.startswith("recorded: ")
    assert asked(directory, "verify")[0] == 0
    assert abs(datetime.now(UTC) - datetime.fromisoformat(made.at)).days == 0


def test_an_override_names_qualities_and_whoever_is_logged_in(directory: Path) -> None:
    words = ["add", "quality_override", "--point", "p", "--sequence", "7-9", "--old", "bad", "--reason", "r"]
    code, text = asked(directory, *words, "--new", "good", "--json")
    assert code == 0
    made = last(directory)
    assert json.loads(text) == made._asdict()
    assert (made.what["sequence"], made.what["new"]) == ([7, 9], "good")
    assert made.who
    with pytest.raises(ConfigError, match=r"--new: 'fine' is no quality; known: good, uncertain, bad"):
        asked(directory, *words, "--new", "fine")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["verify", "--anchor", "abc"], "--anchor: 'abc' is no hash"),
        (["show", "--since", "yesterday"], "--since: 'yesterday' is not a duration"),
        (["show", "--since", "2026-13-01"], "--since: '2026-13-01T00:00:00Z' is no time"),
        (["show", "--since", "2026-01-01T00:00"], "--since: the time '2026-01-01T00:00' has no zone"),
        ([*CORRECTION, "--sequence", "x"], "--sequence: 'x' is no sequence number"),
        ([*CORRECTION, "--sequence", "9-7"], "--sequence: 7 is before 9"),
        ([*CORRECTION, "--interval", "2026-01-01T00:00Z"], "--interval: write where it begins"),
        ([*CORRECTION, "--interval", "2026-01-02T00:00Z/2026-01-01T00:00Z"], "--interval: it ends before it begins"),
        ([*CORRECTION, "--interval", "0001-01-01T00:00+01:00/2026-01-01T00:00Z"], "--interval: '0001-01-01T00:00"),
        ([*CORRECTION, "--sequence", "7", "--reason", " "], "lacks: reason"),
        ([*CORRECTION, "--sequence", "7", "--who", " "], "says who"),
        ([*CORRECTION, "--sequence", "7", "--new", "1e999"], "inf is no number"),
    ],
)
def test_what_cannot_be_done_says_why(directory: Path, words: list[str], says: str) -> None:
    before = (directory / LOG).read_bytes()
    with pytest.raises(ConfigError) as told:
        asked(directory, *words)
    assert says in str(told.value)
    assert (directory / LOG).read_bytes() == before


@pytest.mark.parametrize("lacking", ["--reason", "--point", "--old", "--new"])
def test_a_correction_without_its_reason_is_wrong_usage(directory: Path, lacking: str) -> None:
    place = CORRECTION.index(lacking)
    words = [*CORRECTION[:place], *CORRECTION[place + 2 :], "--sequence", "7"]
    with pytest.raises(SystemExit) as ended:
        asked(directory, *words)
    assert ended.value.code == 2


@pytest.mark.parametrize("words", [["verify"], ["show"], [*CORRECTION, "--sequence", "7"]])
def test_a_wrong_directory_is_said_and_nothing_is_made_there(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(ConfigError, match="there is no audit log in"):
        asked(tmp_path, *words)
    assert list(tmp_path.iterdir()) == []
