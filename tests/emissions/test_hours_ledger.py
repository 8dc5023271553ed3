"""The ledger of closed hours: what was acknowledged is there, digit by digit; whoever changes it is found."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hours_writer
from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour
from greenops_gateway.emissions.entry import BEGINNING, Inputs, entry_of, line, results_hash
from greenops_gateway.emissions.ledger import Ledger, closed_hours
from hours_writer import FIRST, closed, entry


def filled(directory: Path, hours: int = 5) -> Ledger:
    ledger = Ledger.open(directory, "stack-1")
    ledger.append([entry(FIRST + each) for each in range(hours)])
    return ledger


def again(directory: Path) -> Ledger:
    """The same as another process sees it."""
    return Ledger(directory, "stack-1")


def hours_of(ledger: Ledger) -> list[int]:
    return [each.closed.hour - FIRST for each in ledger.hours(range(FIRST, FIRST + 5000))]


@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.integers(0, 400_000),
    st.lists(st.tuples(st.integers(0, 2**50), st.integers(0, 2**50)), max_size=3),
)
def test_what_is_written_is_read_back_digit_by_digit(
    value: Decimal, reason: str, hour: int, sequences: list[tuple[int, int]]
) -> None:
    known = entry(hour, value, reason)._replace(inputs=Inputs("cd" * 32, 1, tuple(sequences)))
    text, own = line(known, BEGINNING)
    found = entry_of(text, BEGINNING)
    assert (found.entry, found.hash, found.fits) == (known, own, True)
    assert str(found.entry.closed.measured["SO2C"].value) == str(value)  # equal numbers have many writings


def test_an_hour_has_its_number_its_revision_and_its_place_in_its_quarter(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    april = 90 * 24
    (revised, later) = ledger.append([entry(FIRST + 1, Decimal(22), "3 samples came late"), entry(FIRST + april)])
    assert (revised.number, revised.revision, later.number, later.revision) == (6, 2, 1, 1)
    assert [path.name for path in sorted(ledger.folder.glob("*.jsonl"))] == ["2026-1.jsonl", "2026-2.jsonl"]
    other = again(tmp_path)
    assert [each.closed.measured["SO2C"].value for each in other.revisions(Hour(FIRST + 1))] == [
        Decimal("21.40"),
        Decimal(22),
    ]
    found = other.entry(Hour(FIRST + 1))
    last = other.last
    assert found is not None
    assert last is not None
    assert (found.reason, last.closed.hour, hours_of(other)) == (
        "3 samples came late",
        FIRST + april,
        [*range(5), april],
    )
    assert len(closed_hours(tmp_path, "stack-1", range(FIRST, FIRST + 5))) == 5


def test_half_a_line_at_the_end_is_cut_off_wherever_it_was_cut(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    (path,) = ledger.folder.glob("*.jsonl")
    whole = path.read_bytes()
    begin = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(begin, len(whole), 7):
        path.write_bytes(whole[:cut])
        other = again(tmp_path)
        assert hours_of(other) == list(range(4)), cut
        other.append([entry(FIRST + 4)])
        assert path.read_bytes() == whole, cut
        assert other.findings() == again(tmp_path).findings() == [], cut


def test_whoever_changes_removes_or_moves_a_line_is_found_by_its_number(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    (path,) = ledger.folder.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    changed = lines[2].replace(b"21.40", b"21.30")
    forged = line(entry(FIRST + 2, Decimal(1))._replace(number=3, revision=1), "00" * 32)[0]
    table: Sequence[tuple[list[bytes], int]] = (
        ([*lines[:2], changed, *lines[3:]], 3),
        ([*lines[:2], forged, *lines[3:]], 3),
        ([*lines[:2], *lines[3:]], 3),
        ([lines[1], lines[0], *lines[2:]], 1),
        ([*lines[:2], b"hello\n", *lines[2:]], 3),
    )
    for content, at in table:
        path.write_bytes(b"".join(content))
        found = again(tmp_path).findings()
        assert found, at
        assert found[0].line == at
        with pytest.raises(ConfigError, match=rf"2026-1\.jsonl, line {at}: .*restore the file"):
            closed_hours(tmp_path, "stack-1", range(FIRST, FIRST + 5))


def test_lines_that_vanish_under_a_running_ledger_are_noticed(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    (path,) = ledger.folder.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    assert ledger.place(Hour(FIRST + 4)) is None
    assert "the file was cut" in ledger.findings()[0].meaning


def test_two_programs_may_append_in_turn(tmp_path: Path) -> None:
    one, other = filled(tmp_path, 1), again(tmp_path)
    for hour in range(1, 9):
        (one, other)[hour % 2].append([entry(FIRST + hour)])
    assert hours_of(again(tmp_path)) == list(range(9))
    assert again(tmp_path).findings() == []


def test_a_plan_is_kept_by_its_hash_and_one_that_was_changed_is_refused(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    name = ledger.keep_plan({"plan": {"fuel": "C"}, "sources": {}})
    assert ledger.plan(name) == {"plan": {"fuel": "C"}, "sources": {}}
    path = ledger.folder / "plans" / f"{name}.json"
    path.write_text(path.read_text().replace('"C"', '"D"'))
    with pytest.raises(ConfigError, match="was changed: its content does not fit its name"):
        ledger.plan(name)
    with pytest.raises(ConfigError, match="cannot be read"):
        ledger.plan("0" * 64)


def test_a_full_disk_leaves_nothing_of_an_hour_and_the_next_try_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = filled(tmp_path)
    (path,) = ledger.folder.glob("*.jsonl")
    before = path.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            ledger.append([entry(FIRST + 5)])
    assert path.read_bytes() == before
    assert [each.number for each in ledger.append([entry(FIRST + 5)])] == [6]


@pytest.mark.parametrize("point", [None, "after write:4", "after fsync:3"])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, point: str | None) -> None:
    acknowledged, hours = 0, list[int]()
    for _ in range(3):
        environment = {**os.environ, **({} if point is None else {"GREENOPS_FAILPOINT": point})}
        command = (sys.executable, hours_writer.__file__, "append", str(tmp_path), "4000")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            for count, said in enumerate(writer.stdout):
                acknowledged = int(said)
                if point is None and count > random.randrange(5, 60):  # any moment will do
                    os.kill(writer.pid, signal.SIGKILL)
                    break
        assert writer.returncode == -signal.SIGKILL
        found = again(tmp_path)
        hours = hours_of(found)
        assert hours == list(range(len(hours)))
        assert len(hours) >= acknowledged - FIRST + 1 if acknowledged else True
        assert found.findings() == []
    assert results_hash(closed(FIRST + each) for each in hours) == results_hash(
        each.closed for each in again(tmp_path).hours(range(FIRST, FIRST + 5000))
    )
