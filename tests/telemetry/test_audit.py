"""The audit log on disk: nothing acknowledged is lost, and what was done to the files is told."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from greenops_core.errors import ConfigError
from greenops_telemetry.audit import GATEWAY, Audit, Kind, Record, configuration_hash, evidence
from greenops_telemetry.audit_chain import ANCHORS, HEAD, LOG, Head, written
from greenops_telemetry.audit_proof import Finding, findings, records
from greenops_telemetry.canonical_json import canonical

DAY = 86400.0
NOON = 1_770_000_000.0
CORRECTION: dict[str, object] = {
    "point": "stack-1/so2",
    "sequence": [7, 7],
    "old": 181.5,
    "new": 12.25,
    "reason": "span gas Ünïcode 😀",
}


def deeds(number: int) -> tuple[Kind, str, dict[str, object]]:
    each: tuple[tuple[Kind, str, dict[str, object]], ...] = (
        (Kind.START, GATEWAY, {"version": "1.0"}),
        (Kind.CONFIGURATION, "SIGHUP", {"hash": configuration_hash("site: a"), "changed": ["a", 0.1, None]}),
        (Kind.CORRECTION, "ada", CORRECTION),
    )
    return each[number % 3]


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def found_in(directory: Path) -> list[Finding]:
    return [each for each in findings(evidence(directory)) if not each.harmless]


def listed(directory: Path) -> list[Record]:
    return [*records(evidence(directory).log)]


def test_records_are_kept_for_the_owner_only_and_read_back(tmp_path: Path) -> None:
    clock = Clock()
    audit = Audit.open(tmp_path / "audit", clock)
    made = [audit.append(*deeds(number)) for number in range(3)]
    assert listed(tmp_path / "audit") == made
    assert found_in(tmp_path / "audit") == []
    assert [each.stat().st_mode & 0o777 for each in (tmp_path / "audit").iterdir()] == [0o600, 0o600]
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    again = Audit.open(tmp_path / "audit", clock).append(Kind.STOP, GATEWAY, {})
    assert (again.number, again.previous, again.at) == (4, made[-1].hash, "2026-02-02T02:40:00.000Z")


def test_the_first_record_of_a_day_is_the_anchor_of_the_day_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    audit = Audit.open(tmp_path, clock)
    last = [audit.append(*deeds(number)) for number in range(3)][-1]
    clock.now += DAY
    with caplog.at_level("INFO"):
        audit.anchor()
        audit.anchor()
    clock.now -= 2 * DAY
    audit.append(*deeds(0))  # the clock was set back: no day begins
    first = listed(tmp_path)[3]
    assert (first.kind, first.what) == (Kind.ANCHOR, {"number": last.number, "at": last.at, "hash": last.hash})
    assert (tmp_path / ANCHORS).read_bytes() == canonical(first.what) + b"\n"
    (line,) = caplog.messages
    assert line == f"audit anchor to keep elsewhere: record 3 of {last.at} has the hash {last.hash}"
    assert len(listed(tmp_path)) == 5
    assert found_in(tmp_path) == []


def test_an_anchor_whose_record_was_lost_with_the_power_is_not_written_twice(tmp_path: Path) -> None:
    clock = Clock()
    audit = Audit.open(tmp_path, clock)
    audit.append(*deeds(0))
    before = evidence(tmp_path)
    clock.now += DAY
    audit.append(*deeds(1))
    (tmp_path / LOG).write_bytes(before.log)
    (tmp_path / HEAD).write_bytes(before.head or b"")
    Audit.open(tmp_path, clock).append(*deeds(1))
    assert (tmp_path / ANCHORS).read_bytes().count(b"\n") == 1
    assert found_in(tmp_path) == []


@pytest.mark.parametrize("missing", [1, 2, 40, 300])
def test_half_a_line_is_cut_off_and_a_record_tells_it(
    tmp_path: Path, missing: int, caplog: pytest.LogCaptureFixture
) -> None:
    audit = Audit.open(tmp_path, Clock())
    audit.append(*deeds(0))
    head = (tmp_path / HEAD).read_bytes()
    line = audit.append(*deeds(2)).line()
    (tmp_path / HEAD).write_bytes(head)
    (tmp_path / LOG).write_bytes((tmp_path / LOG).read_bytes()[:-missing])
    assert [each.harmless for each in findings(evidence(tmp_path))] == [True]
    Audit.open(tmp_path, Clock()).append(*deeds(1))
    told = listed(tmp_path)[1]
    assert (told.kind, told.what["found"]) == (Kind.ACTION, "torn")
    assert f"{len(line) - missing} bytes" in str(told.what["meaning"])
    assert "half a line" in caplog.text
    assert [each.number for each in listed(tmp_path)] == [1, 2, 3]
    assert list(findings(evidence(tmp_path))) == []


def test_a_whole_line_that_was_not_acknowledged_is_taken_over(tmp_path: Path) -> None:
    audit = Audit.open(tmp_path, Clock())
    for number, head in ((0, None), (1, HEAD)):  # the very first one has no head before it
        before = (tmp_path / HEAD).read_bytes() if head else None
        audit.append(*deeds(number))
        if before is None:
            (tmp_path / HEAD).unlink()
        else:
            (tmp_path / HEAD).write_bytes(before)
        audit = Audit.open(tmp_path, Clock())
        audit.append(Kind.ACTION, "ada", {})
        assert list(findings(evidence(tmp_path))) == []
    assert [each.kind for each in listed(tmp_path)] == [Kind.START, Kind.ACTION, Kind.CONFIGURATION, Kind.ACTION]


def cut(directory: Path) -> None:
    lines = (directory / LOG).read_bytes().splitlines(keepends=True)
    (directory / LOG).write_bytes(b"".join(lines[:-1]))


def cut_inside(directory: Path) -> None:
    (directory / LOG).write_bytes((directory / LOG).read_bytes()[:-9])


def cut_with_head(directory: Path) -> None:
    cut(directory)
    (directory / HEAD).unlink()


def spoil_head(directory: Path) -> None:
    (directory / HEAD).write_bytes(b'{"number":-1}\n')


def add_lines(directory: Path) -> None:
    with (directory / LOG).open("ab") as file:
        file.write(b"one\ntwo\n")


def repeat_last_line(directory: Path) -> None:
    log = (directory / LOG).read_bytes()
    (directory / LOG).write_bytes(log + log.splitlines(keepends=True)[-1])


def count_backwards(directory: Path) -> None:
    (directory / HEAD).write_bytes(written(Head(9, "", "0" * 64, -5)))


def remove_head(directory: Path) -> None:
    (directory / HEAD).unlink()


def remove_log(directory: Path) -> None:
    (directory / LOG).unlink()


def remove_log_and_head(directory: Path) -> None:
    remove_log(directory)
    remove_head(directory)


TAMPERINGS = [
    cut,
    cut_inside,
    cut_with_head,
    spoil_head,
    count_backwards,
    add_lines,
    repeat_last_line,
    remove_head,
    remove_log,
    remove_log_and_head,
]


@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "while it is stopped"])
@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda each: each.__name__)
def test_the_log_goes_on_after_tampering_and_it_stays_found(
    tmp_path: Path, tamper: Callable[[Path], None], *, running: bool
) -> None:
    clock = Clock()
    audit = Audit.open(tmp_path, clock)
    for number in range(3):
        audit.append(*deeds(number))
    clock.now += DAY
    audit.anchor()
    audit.append(*deeds(0))
    tamper(tmp_path)
    if not running:
        audit = Audit.open(tmp_path, clock)
    for _ in range(2):
        audit.append(Kind.ACTION, "ada", {})
    assert found_in(tmp_path)
    assert {each.what["found"] for each in listed(tmp_path) if "found" in each.what} == {"tampered"}
    assert [each.who for each in listed(tmp_path)][-2:] == ["ada", "ada"]


def test_what_lacks_its_reason_is_refused_and_not_written(tmp_path: Path) -> None:
    audit = Audit.open(tmp_path, Clock())
    with pytest.raises(ConfigError, match="lacks: reason"):
        audit.append(Kind.CORRECTION, "ada", {**CORRECTION, "reason": " "})
    assert (tmp_path / LOG).read_bytes() == b""


APPEND = """
import sys, time
from pathlib import Path
from greenops_telemetry.audit import Audit, Kind
audit = Audit.open(Path(sys.argv[1]), time.time)
for number in range(int(sys.argv[2])):
    print(audit.append(Kind.ACTION, sys.argv[3], {"number": number, "text": "x" * 3000}).hash, flush=True)
"""


def appending(directory: Path, count: int, who: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPEND, str(directory), str(count), who], stdout=subprocess.PIPE, text=True
    )


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(4)
    acknowledged: list[str] = []
    for round_ in range(20):
        with appending(tmp_path, 10_000, f"round {round_}") as child:
            assert child.stdout
            acknowledged += [child.stdout.readline().strip() for _ in range(chance.randint(1, 8))]
            child.kill()
            acknowledged += [line.strip() for line in child.stdout if line.endswith("\n")]
        assert found_in(tmp_path) == []
    Audit.open(tmp_path).append(Kind.STOP, GATEWAY, {})
    assert list(findings(evidence(tmp_path), acknowledged)) == []
    assert len(set(acknowledged)) == len(acknowledged) > 20


def test_many_may_append_at_once(tmp_path: Path) -> None:
    children = [appending(tmp_path, 15, f"process {number}") for number in range(3)]
    audit = Audit.open(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        mine = [*threads.map(lambda number: audit.append(Kind.ACTION, "thread", {"number": number}), range(20))]
    for child in children:
        with child:
            assert len((child.stdout or pytest.fail("it has one")).readlines()) == 15
        assert child.returncode == 0
    assert [each.number for each in listed(tmp_path)] == [*range(1, 66)]
    assert {each.hash for each in mine} < {each.hash for each in listed(tmp_path)}
    assert list(findings(evidence(tmp_path))) == []


FILL = """
import resource, sys
from pathlib import Path
from greenops_telemetry.audit import Audit, Kind
audit = Audit.open(Path(sys.argv[1]))
audit.append(Kind.START, "gateway", {})
whole = resource.getrlimit(resource.RLIMIT_FSIZE)
for room in (0, 1, 100):
    size = (Path(sys.argv[1]) / "audit.jsonl").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, whole[1]))
    try:
        audit.append(Kind.ACTION, "ada", {"text": "x" * 500})
    except OSError as error:
        print(error.strerror)
    resource.setrlimit(resource.RLIMIT_FSIZE, whole)
    audit.append(Kind.ACTION, "ada", {"room": room})
"""


def test_a_disk_that_was_full_leaves_a_sound_log(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.splitlines() == ["File too large"] * 3
    assert [each.what.get("room") for each in listed(tmp_path)] == [None, 0, 1, 100]
    assert list(findings(evidence(tmp_path))) == []


class DiedError(BaseException):
    """The process ended here, as far as the files are concerned."""


STEPS = ["write", "fsync", "rename", "ftruncate"]


def fail_at(monkeypatch: pytest.MonkeyPatch, step: int, error: BaseException) -> list[str]:
    """The *step*-th call that changes a file raises *error*, a write after half of it; gives the calls made."""
    made: list[str] = []

    def failing(name: str, real: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: object, **keywords: object) -> int:
            made.append(name)
            if len(made) != step:
                return real(*arguments, **keywords)
            if isinstance(content := arguments[-1], bytes):
                real(arguments[0], content[: len(content) // 2])
            raise error

        return call

    for name in STEPS:
        monkeypatch.setattr(os, name, failing(name, getattr(os, name)))
    return made


@pytest.mark.parametrize("error", [DiedError(), OSError(5, "Input/output error")], ids=["death", "error"])
def test_a_death_or_an_error_at_any_step_leaves_a_sound_log(tmp_path: Path, error: BaseException) -> None:
    step, made, acknowledged = 0, [""], list[Record]()
    while len(acknowledged) < 3:
        step += 1
        directory, clock = tmp_path / str(step), Clock()
        audit = Audit.open(directory, clock)
        acknowledged = [audit.append(*deeds(0))]
        clock.now += DAY
        with (directory / LOG).open("ab") as file:
            file.write(b"half a line")
        with pytest.MonkeyPatch.context() as patch, suppress(DiedError, OSError):
            made = fail_at(patch, step, error)
            acknowledged.append(audit.append(*deeds(1)))
        if isinstance(error, DiedError):
            audit = Audit.open(directory, clock)
        acknowledged.append(audit.append(*deeds(2)))
        assert found_in(directory) == [], (step, made)
        assert set(made) <= set(STEPS)
        told = {each.hash for each in listed(directory)}
        assert {each.hash for each in acknowledged} <= told
        assert [each.kind for each in listed(directory)].count(Kind.ANCHOR) == 1
    assert step > 20
    assert set(made) == set(STEPS)


def test_a_record_is_on_disk_before_the_head_and_the_head_before_it_is_acknowledged(tmp_path: Path) -> None:
    audit = Audit.open(tmp_path, Clock())
    with pytest.MonkeyPatch.context() as patch:
        made = fail_at(patch, 0, DiedError())
        audit.append(*deeds(0))
    assert made == ["write", "fsync", "write", "fsync", "rename", "fsync"]


def test_a_log_that_another_process_keeps_locked_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit.open(tmp_path)
    audit.append(*deeds(0))
    monkeypatch.setattr("greenops_telemetry.audit.PATIENCE", 0.05)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError, match="another process has kept"):
            audit.append(*deeds(0))
        with pytest.raises(ConfigError, match="cannot be read: another process has kept"):
            evidence(tmp_path)
        with pytest.raises(ConfigError, match="no audit log can be kept in"):
            Audit.open(tmp_path)
    finally:
        os.close(folder)
    assert audit.append(*deeds(0)).number == 2


def test_files_belong_to_the_owner_of_the_directory_when_root_writes(tmp_path: Path) -> None:
    owner = 12345 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path, owner, -1)
    Audit.open(tmp_path).append(*deeds(0))
    assert {each.stat().st_uid for each in tmp_path.iterdir()} == {owner}


def test_a_place_without_a_log_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="no audit log can be kept in"):
        Audit.open(tmp_path / "file")
    with pytest.raises(ConfigError, match="there is no audit log in"):
        evidence(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        evidence(tmp_path / "nowhere")
