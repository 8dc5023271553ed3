"""Samples in files: all of each, every one once, whatever the end of a file looks like, and durably or not at all."""

from __future__ import annotations

import errno
import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.sample import Reason
from greenops_telemetry.delivery.jsonl import OPEN_DAYS, Files
from greenops_telemetry.delivery.verdict import Later, Taken
from sample_batch import BAD, POINT, Taking, batch

MIDNIGHT = 1_700_006_400.0  # 2023-11-15
T = MIDNIGHT - 3600
SIGNALLING: float = struct.unpack("<d", b"\2\0\0\0\0\0\xf0\x7f")[0]


def read(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What each file holds; a file that does not end with a whole line fails."""
    found = {}
    for file in sorted(folder.iterdir()):
        text = file.read_text(encoding="utf-8")
        assert text == "" or text.endswith("\n")
        found[file.name] = [json.loads(line) for line in text.splitlines()]
    return found


def sequences(folder: Path) -> list[int]:
    return [line["sequence"] for lines in read(folder).values() for line in lines]


def test_a_line_says_all_of_a_sample(tmp_path: Path) -> None:
    at = T + 0.123456789
    assert Files(tmp_path / "a" / "b").send(batch(Taking(0, 0.1 + 0.2, at), first=41, received=T)) == Taken()
    assert read(tmp_path / "a" / "b") == {
        "2023-11-14.jsonl": [
            {
                "sequence": 41,
                "metric": POINT.name,
                "labels": dict(POINT.labels),
                "value": 0.1 + 0.2,
                "at": at,
                "received": T,
                "quality": "good",
                "reason": "none",
            }
        ]
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, pytest.param(SIGNALLING, id="signalling")])
def test_what_is_no_number_in_json_stands_there_by_its_bits(value: float, tmp_path: Path) -> None:
    Files(tmp_path).send(batch(Taking(0, value, T, BAD, Reason.SENTINEL)))
    ((line,),) = read(tmp_path).values()
    assert line["value"] is None
    assert bytes.fromhex(line["bits"]) == struct.pack(">d", value)
    assert (line["quality"], line["reason"]) == ("bad", "sentinel")


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(), st.floats(0, 4e9))))
def test_every_sample_is_there_in_the_order_of_its_sequence(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float, float]]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    Files(folder).send(batch(*(Taking(*row) for row in rows), received=T))
    lines = [line for found in read(folder).values() for line in found]
    assert [line["sequence"] for line in lines] == list(range(1, len(rows) + 1))
    for line, (_, value, at) in zip(lines, rows, strict=True):
        said = bytes.fromhex(line["bits"]) if line["value"] is None else struct.pack(">d", line["value"])
        assert said == struct.pack(">d", value)
        assert line["at"] == at


def test_a_day_has_a_file_of_its_own_by_when_samples_came(tmp_path: Path) -> None:
    files = Files(tmp_path)
    for day in range(OPEN_DAYS + 3):
        files.send(batch(Taking(0, 1.0, T), first=day + 1, received=MIDNIGHT + 86400 * day - 1))
        files.send(batch(Taking(0, 1.0, T), first=day + 101, received=MIDNIGHT + 86400 * day))
    found = read(tmp_path)
    assert [line["sequence"] for line in found["2023-11-14.jsonl"]] == [1]
    assert [line["sequence"] for line in found["2023-11-15.jsonl"]] == [101, 2]
    assert len(found) == OPEN_DAYS + 4
    assert files.send(batch(Taking(0, 1.0, T), first=1, received=MIDNIGHT - 1)) == Taken()
    assert read(tmp_path) == found


@pytest.mark.parametrize("again", [Files, None])
def test_what_is_sent_again_is_not_written_again(again: type[Files] | None, tmp_path: Path) -> None:
    files = Files(tmp_path)
    rows = [Taking(number % 3, 1.0, T + number) for number in range(10)]
    files.send(batch(*rows))
    files = again(tmp_path) if again else files
    assert files.send(batch(*rows, *[row._replace(at=row.at + 100) for row in rows])) == Taken()
    assert sequences(tmp_path) == list(range(1, 21))


def test_samples_that_do_not_follow_one_another_are_known_too(tmp_path: Path) -> None:
    for first in (101, 1, 7):
        rows = [Taking(0, 1.0, T), Taking(0, 1.0, T + 1)]
        for _ in range(2):
            assert Files(tmp_path).send(batch(*rows, first=first)) == Taken()
    assert sequences(tmp_path) == [101, 102, 1, 2, 7, 8]


def test_a_line_that_was_cut_anywhere_is_written_anew(tmp_path: Path) -> None:
    rows = [Taking(0, 1.5, T + number) for number in range(3)]
    Files(tmp_path).send(batch(*rows))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for size in range(0, len(whole), 5):
        file.write_bytes(whole[:size])
        assert Files(tmp_path).send(batch(*rows)) == Taken()
        assert file.read_bytes() == whole


def test_zeroes_behind_the_last_line_and_lines_of_a_person_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "2023-11-14.jsonl"
    file.write_bytes(b'hello\n[1]\n{"sequence": "x"}\n{"sequence": 1}\n' + b"\0" * 100)
    assert Files(tmp_path).send(batch(Taking(0, 1.0, T), Taking(0, 1.0, T + 1))) == Taken()
    kept = file.read_text(encoding="utf-8").splitlines()
    assert kept[:4] == ["hello", "[1]", '{"sequence": "x"}', '{"sequence": 1}']
    assert [json.loads(line)["sequence"] for line in kept[4:]] == [2]


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenops_telemetry.delivery.jsonl.TAIL", 600)
    rows = [Taking(0, 1.5, T + number) for number in range(20)]
    Files(tmp_path).send(batch(*rows))
    assert Files(tmp_path).send(batch(*rows[-2:], first=19)) == Taken()
    assert sequences(tmp_path) == list(range(1, 21))


@pytest.mark.parametrize(("at", "received"), [(math.nan, T), (math.inf, T), (T, math.nan), (T, 1e300)])
def test_a_time_that_is_none_is_an_error_of_the_batch(at: float, received: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the time .* is"):
        Files(tmp_path).send(batch(Taking(0, 1.0, at), received=received))


def test_a_full_disk_leaves_no_half_and_what_was_not_written_is_written_later(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from greenops_telemetry.delivery.jsonl import Files
from greenops_telemetry.delivery.verdict import Later, Taken
from sample_batch import Taking, batch
files, rows = Files(Path(sys.argv[1])), [Taking(0, 1.5, 1.7e9 + number) for number in range(10)]
assert files.send(batch(*rows[:4])) == Taken()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
verdict = files.send(batch(*rows))
assert isinstance(verdict, Later), verdict
assert verdict.why.endswith("File too large; look at the disk and at directory"), verdict
(file,) = Path(sys.argv[1]).iterdir()
assert len(file.read_text().splitlines()) == 4
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert files.send(batch(*rows)) == Taken()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert sequences(tmp_path) == list(range(1, 11))


def test_a_disk_that_fails_and_cannot_cut_off_what_was_written_makes_no_duplicates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    files, rows = Files(tmp_path), [Taking(0, 1.0, T + number) for number in range(4)]
    files.send(batch(*rows[:2]))
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", fail)
        disk.setattr(os, "ftruncate", fail)
        verdict = files.send(batch(*rows))
    assert verdict == Later(
        f"cannot write {tmp_path}/2023-11-14.jsonl: Input/output error; look at the disk and at directory"
    )
    assert files.send(batch(*rows)) == Taken()
    assert sequences(tmp_path) == [1, 2, 3, 4]


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    verdict = Files(tmp_path / "taken").send(batch(Taking(0, 1.0, T)))
    assert verdict == Later(
        f"cannot write {tmp_path}/taken/2023-11-14.jsonl: File exists; look at the disk and at directory"
    )
