"""``greenops-gateway journal`` on real files: at rest, damaged, and beside a process that writes."""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from greenops_core.catalogue import POINT_TEMPERATURE
from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason
from greenops_gateway.cli import main
from greenops_gateway.journal.audit import add_audit, audit
from greenops_gateway.journal.commands import journal
from greenops_gateway.journal.words import add_journal
from greenops_telemetry.audit import GATEWAY, Audit, Kind, Record, evidence
from greenops_telemetry.audit_proof import records
from greenops_telemetry.journal.account import Held, Quarantined
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.frame import Frame, encode, frames
from greenops_telemetry.journal.frame import Kind as Note
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.series import described
from greenops_telemetry.journal.state_file import COLUMNS, checksum
from greenops_telemetry.journal.store import Bounds, Store
from journal_writer import EPOCH, row

POINTS = ("t1", "t2", "t3")
COMMITS, SAMPLES = 40, 50
NEXT = COMMITS * SAMPLES + 1
NOW = EPOCH + 1e5
ANSWER = "400 Bad Request: \x1b[31mno"


def taken(store: Store, first: int, count: int = SAMPLES) -> Columns:
    """The samples from *first* on, whose values are any 64 bits."""
    numbers = [
        store.number(described(POINT_TEMPERATURE, ("plant", "stack-1", "analyser-1", point))) for point in POINTS
    ]
    some = Columns()
    for sequence in range(first, first + count):
        some.add(numbers[sequence % len(POINTS)], *row(sequence)[2:])
    return some


def opened(directory: Path, size: int = 2**30) -> Store:
    return Store.open(directory, Bounds(4096, size), lambda: NOW)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2000 samples in small segments; one sink has all, another half of them, and three are in quarantine."""
    place = tmp_path_factory.mktemp("original") / "journal"
    with opened(place) as store:
        for _ in range(COMMITS):
            store.commit(taken(store, store.next))
        state = store.state
        state.account("file", 1)
        state.account("cloud", 1)
        state.settle("file", delivered=[(1, NEXT)])
        refused = Quarantined("cloud", NOW, ANSWER, Ranges([(1001, 1004)]), taken(store, 1001, 3))
        early = Held(Ranges([(1004, 1006)]), taken(store, 1004, 2), NOW)
        state.settle("cloud", delivered=[(1, 1001)], quarantined=[refused], held=[early])
        while store.keep_house(NOW):
            pass
        Audit.open(place / "audit", lambda: NOW).append(Kind.START, GATEWAY, {"version": "1.0"})
    return place


@pytest.fixture
def directory(original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(original, tmp_path / "journal"))


def asked(directory: Path | None, *words: str) -> tuple[int, str]:
    """The exit code and what is printed."""
    parser = argparse.ArgumentParser()
    add_journal(parser.add_subparsers())
    place = [] if directory is None else ["--directory", str(directory)]
    said: list[str] = []
    code = journal(parser.parse_args(["journal", *words, *place]), said.append)
    return code, "\n".join(said)


def told(directory: Path, *words: str) -> Any:  # noqa: ANN401  # as JSON has it
    code, text = asked(directory, *words, "--json")
    assert code == 0
    return json.loads(text)


def last(directory: Path) -> Record:
    return [*records(evidence(directory / "audit").log)][-1]


def live(directory: Path) -> list[Path]:
    return sorted((directory / "segments").iterdir())


def archived(directory: Path) -> list[Path]:
    return sorted((directory / "archive").iterdir())


def configured(directory: Path, sinks: str = "file: {kind: jsonl, directory: out}") -> Path:
    """A gateway.yml whose devices are not looked at."""
    file = directory.parent / "gateway.yml"
    file.write_text(f"journal: {{directory: {directory}, max_size: 1GiB}}\nsinks: {{{sinks}}}\ndevices: 7\n")
    return file


def test_status_adds_up_for_each_sink(directory: Path) -> None:
    found = told(directory, "status")
    assert (found["committed"], found["samples"], found["sequences"]) == (2000, 2000, [1, 2000])
    assert found["oldest"] == row(1).received
    assert found["newest"] == row(2000).received
    assert found["segments"]["archived"] > 2
    assert found["segments"]["live"] >= 1
    by_name = {sink.pop("sink"): sink for sink in found["sinks"]}
    assert by_name["file"] == {
        "committed": 2000,
        "delivered": 2000,
        "pending": 0,
        "quarantined": 0,
        "evicted": 0,
        "difference": 0,
        "oldest_pending_seconds": None,
        "configured": None,
        "last_refusal": None,
    }
    cloud = by_name["cloud"]
    assert [cloud[name] for name in ("committed", "delivered", "pending", "quarantined", "evicted", "difference")] == [
        2000,
        1000,
        997,
        3,
        0,
        0,
    ]
    assert cloud["oldest_pending_seconds"] > 0


def test_status_is_a_table_for_people_and_marks_a_sink_that_left(directory: Path) -> None:
    code, text = asked(None, "status", "--config", str(configured(directory)))
    assert code == 0
    assert "of 1.0 GiB, " in text
    lines = [line.split() for line in text.splitlines()]
    assert ["cloud", "2000", "1000", "997", "3", "0", "0"] in [line[:7] for line in lines]
    assert "note cloud left the configuration; see: greenops-gateway journal forget cloud" in text
    assert r"note cloud refused samples, last with: 400 Bad Request: \x1b[31mno" in text
    assert "note file" not in text


def test_a_sound_journal_is_proven(directory: Path) -> None:
    code, text = asked(directory, "verify")
    assert code == 0
    assert f"read 2000 samples in {len(live(directory))} live segments and {len(archived(directory))} archives" in text
    assert "file: 2000 committed = 2000 delivered + 0 pending + 0 quarantined + 0 evicted" in text
    assert "cloud: 2000 committed = 1000 delivered + 997 pending + 3 quarantined + 0 evicted" in text
    assert text.endswith("everything is there, and every account adds up")


def test_verify_shows_how_far_it_is(directory: Path) -> None:
    parser = argparse.ArgumentParser()
    add_journal(parser.add_subparsers())
    shares: list[float] = []
    given = parser.parse_args(["journal", "verify", "--directory", str(directory)])
    journal(given, lambda _: None, lambda share, _: shares.append(share))
    assert shares == sorted(shares)
    assert (shares[0], shares[-1], len(shares)) == (0, 1, len(live(directory)) + len(archived(directory)) + 1)


def flipped(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.write_bytes(data)


def sample_frame(path: Path, which: int) -> tuple[int, Frame]:
    """The frame of samples number *which* in a file, with where it begins."""
    found = [(at, each) for at, each in frames(path.read_bytes()) if isinstance(each, Frame) and each.samples]
    return found[which]


def test_every_damaged_place_is_named_with_what_it_costs(directory: Path) -> None:
    segment = live(directory)[0]
    offset, frame = sample_frame(segment, 1)
    flipped(segment, offset + 40)
    code, text = asked(directory, "verify")
    assert code == 1
    wanted = f"BAD  {segment}:{offset}: bytes {offset} to "
    (line,) = [each for each in text.splitlines() if each.startswith("BAD")]
    assert line.startswith(wanted)
    assert line.endswith(f"are damaged: samples {frame.first} to {frame.end - 1} are lost")
    assert f"read {2000 - frame.samples} samples" in text
    assert "Copy the folder before anything else" in text
    code, text = asked(directory, "verify", "--json")
    (finding,) = json.loads(text)["findings"]
    assert (finding["offset"], finding["harmless"]) == (offset, False)
    by_name = {sink["sink"]: sink for sink in json.loads(text)["sinks"]}
    assert by_name["cloud"]["pending"] - by_name["cloud"]["readable"] == frame.samples
    assert by_name["file"]["readable"] == 0


def test_a_damaged_archive_is_named(directory: Path) -> None:
    file = archived(directory)[1]
    offset, frame = sample_frame(file, 0)
    flipped(file, offset + 60)
    code, text = asked(directory, "verify")
    assert code == 1
    assert f"BAD  {file}:{offset}: bytes {offset} to " in text
    assert f"samples {frame.first} to {frame.end - 1} are lost" in text
    assert f"read {2000 - frame.samples} samples" in text


def test_an_archive_of_which_nothing_is_left_is_named(directory: Path) -> None:
    file = archived(directory)[0]
    file.write_bytes(bytes(file.stat().st_size))
    code, text = asked(directory, "verify")
    assert (code, f"BAD  {file}:0: nothing in it is whole: samples 1 to " in text) == (1, True)


def test_what_is_missing_without_a_record_is_told(directory: Path) -> None:
    gone = archived(directory)[1]
    first, stop = map(int, gone.stem.split("-"))
    gone.unlink()
    code, text = asked(directory, "verify")
    assert code == 1
    assert f"samples {first} to {stop - 1} are lost, and no damage and no eviction tells why" in text


def test_what_was_cut_off_the_end_is_told(directory: Path) -> None:
    with opened(directory) as store:
        store.state.keep_high_water(store.next)
    file = live(directory)[-1]
    offset, frame = sample_frame(file, -1)
    file.write_bytes(file.read_bytes()[:offset])
    code, text = asked(directory, "verify")
    assert code == 1
    assert f"state.db: samples {frame.first} to 2000 are lost" in text


def test_half_a_record_at_the_end_is_a_note(directory: Path) -> None:
    file = live(directory)[-1]
    size = file.stat().st_size
    with file.open("ab") as end:
        end.write(b"\xf7GJ1 half a record")
    code, text = asked(directory, "verify")
    assert code == 0
    assert f"note {file}:{size}: 18 bytes at its end are no record: " in text


def test_a_damaged_state_hides_no_sample(directory: Path) -> None:
    (directory / "state.db").write_bytes(b"no database" * 500)
    code, text = asked(directory, "verify")
    assert code == 1
    assert "BAD  " in text
    assert "start the gateway: it puts the file aside" in text
    assert "read 2000 samples" in text
    code, text = asked(directory, "status")
    assert (code, text.startswith("BAD  ")) == (1, True)
    assert "state.db cannot be used" in text


def test_an_account_that_does_not_add_up_is_told(directory: Path) -> None:
    with closing(sqlite3.connect(directory / "state.db")) as connection, connection:
        (found,) = connection.execute(f"SELECT {COLUMNS['account']} FROM account WHERE sink = 'file'")
        wrong = (*found[:3], found[3] - 1, *found[4:])
        connection.execute(
            "UPDATE account SET delivered = ?, sum = ? WHERE sink = 'file'", (wrong[3], checksum("account", wrong))
        )
    for words in (["status"], ["verify"]):
        code, text = asked(directory, *words)
        assert code == 1
        assert "the account of file does not add up" in text
    code, text = asked(directory, "status", "--json")
    assert (code, list(json.loads(text))) == (1, ["error"])


def test_a_write_that_failed_and_was_repeated_in_the_next_file_counts_once(tmp_path: Path) -> None:
    place = tmp_path / "journal"
    with opened(place) as store:
        for _ in range(COMMITS):
            store.commit(taken(store, store.next))
    first, second = live(place)[:2]
    size = first.stat().st_size
    again = encode(sample_frame(second, 0)[1])
    with first.open("ab") as end:
        end.write(again + again[:50])
    code, text = asked(place, "verify")
    assert (code, "read 2000 samples" in text) == (0, True)
    assert f"note {first}:{size + len(again)}: 50 bytes at its end are no record: a write that failed" in text


def test_what_was_evicted_is_no_loss_without_a_record(directory: Path) -> None:
    with opened(directory, size=6000) as store:
        store.keep_house(NOW)
        oldest = store.oldest
    assert oldest > 1
    assert asked(directory, "verify")[0] == 0
    found = told(directory, "status")
    assert found["evictions"] == {"the journal is as large as it may be": oldest - 1}
    parts = [gap for gap in told(directory, "gaps") if gap["kind"] == "evicted"]
    assert sum(gap["samples"] for gap in parts) == oldest - 1
    assert {gap["point"] for gap in parts} == {f"analyser-1/{point}" for point in POINTS}
    only = told(directory, "gaps", "--point", "*/t2")
    assert {gap["point"] for gap in only} == {"analyser-1/t2"}


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def test_jsonl_gives_everything_back_bit_for_bit(directory: Path) -> None:
    code, text = asked(directory, "export")
    assert code == 0
    found = [json.loads(line) for line in text.splitlines()]
    assert [each["sequence"] for each in found] == list(range(1, NEXT))
    for each in found:
        wanted = row(each["sequence"])
        value = struct.unpack(">d", bytes.fromhex(each["bits"]))[0] if each["value"] is None else each["value"]
        assert bits(value) == bits(wanted.value)
        assert (each["at"], each["received"]) == (wanted.at, wanted.received)
        assert (each["quality"], each["reason"]) == (wanted.quality.name.lower(), wanted.reason.value)
        assert each["labels"]["point"] == POINTS[each["sequence"] % 3]


def test_csv_gives_the_same(directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.csv"
    assert asked(directory, "export", "--format", "csv", "--out", str(out)) == (0, "")
    with out.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 2000
    for each in found:
        wanted = row(int(each["sequence"]))
        assert each["value"] == (repr(wanted.value) if math.isfinite(wanted.value) else "")
        assert (float(each["at"]), each["device"], each["reason"]) == (wanted.at, "analyser-1", wanted.reason.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv", "journal"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        pytest.param(["--sequence", "17"], {17}, id="one number"),
        pytest.param(["--sequence", "995-1005"], set(range(995, 1006)), id="from an archive into live segments"),
        pytest.param(["--point", "*/t1", "--sequence", "1-9"], {3, 6, 9}, id="one point"),
        pytest.param(["--since", "5200w", "--until", "5100w"], set(), id="long ago"),
        pytest.param(["--sequence", "5000"], set(), id="not yet there"),
    ],
)
def test_what_is_exported_can_be_chosen(directory: Path, words: list[str], wanted: set[int]) -> None:
    code, text = asked(directory, "export", *words)
    assert code == 0
    assert {json.loads(line)["sequence"] for line in text.splitlines()} == wanted


def test_times_are_those_of_measurement(directory: Path) -> None:
    since, until = ("2026-09-21T14:13:30Z", "2026-09-21T16:13:31+02:00")
    _, text = asked(directory, "export", "--since", since, "--until", until)
    found = [json.loads(line)["at"] for line in text.splitlines()]
    assert [EPOCH + 10 + number / 10 for number in range(10)] == pytest.approx(found)


def test_an_export_with_holes_says_so(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    segment = live(directory)[0]
    offset, frame = sample_frame(segment, 0)
    flipped(segment, offset + 40)
    code, text = asked(directory, "export")
    assert (code, len(text.splitlines())) == (1, 2000 - frame.samples)
    assert f"{frame.samples} samples between could not be read" in caplog.text


def test_gaps_of_all_kinds_are_one_list(tmp_path: Path) -> None:
    place = tmp_path / "journal"
    with opened(place) as store:
        point = {"site": "plant", "stack": "stack-1", "device": "analyser-1", "point": "t1"}
        silent = {**point, "why": "communication", "from": EPOCH + 50.0, "to": EPOCH + 60.0}
        disk = {"why": "disk", "from": EPOCH + 70.0, "to": EPOCH + 80.0, "lost": 9}
        store.commit(taken(store, 1), [(Note.GAP, silent), (Note.GAP, disk)])
    with opened(place) as store:
        some = Columns()
        some.add(1, 1.0, EPOCH + 100, EPOCH + 100, Quality.GOOD, Reason.NONE)
        store.commit(some)
    found = told(place, "gaps")
    assert [(gap["kind"], gap["point"], gap["reason"], gap["samples"]) for gap in found] == [
        ("process", "*", "not running", None),
        ("point", "analyser-1/t1", "communication", None),
        ("disk", "*", "disk", 9),
    ]
    assert (found[0]["from"], found[0]["to"]) == (row(50).received, EPOCH + 100)
    assert [gap["kind"] for gap in told(place, "gaps", "--point", "*/t2")] == ["process", "disk"]
    assert told(place, "gaps", "--since", "1s") == []
    assert asked(place, "gaps", "--since", "1s") == (0, "no gaps")
    _, text = asked(place, "gaps")
    assert text.splitlines()[2].split()[:2] == ["point", "analyser-1/t1"]


def test_quarantine_is_listed_with_the_answer(directory: Path) -> None:
    (one,) = told(directory, "quarantine")
    assert one == {
        "id": 1,
        "sink": "cloud",
        "series": [f"analyser-1/{point}" for point in POINTS],
        "from": row(1001).at,
        "to": row(1003).at,
        "samples": 3,
        "at": NOW,
        "answer": ANSWER,
    }
    _, text = asked(directory, "quarantine")
    assert r"analyser-1/t1 and 2 others" in text
    assert r"400 Bad Request: \x1b[31mno" in text
    _, text = asked(directory, "quarantine", "--show", "1")
    assert [json.loads(line)["sequence"] for line in text.splitlines()] == [1001, 1002, 1003]


@pytest.mark.parametrize("which", ["1", "all"])
def test_what_is_released_is_shown_first_then_recorded_and_owed_again(directory: Path, which: str) -> None:
    before = last(directory)
    code, text = asked(directory, "quarantine", "--release", which, "--dry-run")
    assert (code, text) == (0, "would release from quarantine, ids [1], samples 3")
    assert (last(directory), len(told(directory, "quarantine"))) == (before, 1)
    code, text = asked(directory, "quarantine", "--release", which)
    assert (code, text.startswith("done: release from quarantine, ids [1], samples 3; recorded")) == (0, True)
    record = last(directory)
    assert (record.kind, record.what) == (
        Kind.ACTION,
        {"action": "release from quarantine", "ids": [1], "samples": 3},
    )
    assert record.who not in {"", GATEWAY}
    assert asked(directory, "quarantine") == (0, "nothing is in quarantine")
    cloud = told(directory, "status")["sinks"][1]
    assert (cloud["quarantined"], cloud["pending"], cloud["difference"]) == (0, 1000, 0)
    assert asked(directory, "verify")[0] == 0


def test_a_sink_is_forgotten_only_when_it_left_the_configuration(directory: Path) -> None:
    here = ["--config", str(configured(directory))]
    with pytest.raises(ConfigError, match="still in the configuration; take it out"):
        asked(None, "forget", "file", *here)
    with pytest.raises(ConfigError, match="say --config FILE too"):
        asked(directory, "forget", "cloud")
    with pytest.raises(ConfigError, match="no sink 'clod'; there are: "):
        asked(None, "forget", "clod", *here)
    _, text = asked(None, "forget", "cloud", "--dry-run", *here)
    assert text == "would forget a sink, sink cloud, delivered 1000, pending 997, quarantined 3, evicted 0"
    assert len(told(directory, "status")["sinks"]) == 2
    code, _ = asked(None, "forget", "cloud", *here)
    assert code == 0
    assert [sink["sink"] for sink in told(directory, "status")["sinks"]] == ["file"]
    assert last(directory).what["pending"] == 997


def test_nothing_is_disturbed_by_a_look(directory: Path) -> None:
    def content() -> dict[str, bytes]:
        files = (path for path in directory.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files if not path.name.startswith("state.db-")}

    before = content()
    for words in (["status"], ["verify"], ["export"], ["gaps"], ["quarantine"]):
        asked(directory, *words)
    assert content() == before


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    """A journal that is written, delivered, archived and evicted all the time."""
    place = tmp_path / "journal"
    stop = threading.Event()
    failed: list[BaseException] = []

    def write(store: Store) -> None:
        try:
            while not stop.is_set():
                first = store.next
                store.commit(taken(store, first))
                store.state.settle("file", delivered=[(first, store.next)])
                store.keep_house(NOW)
        except OSError as error:
            failed.append(error)

    with opened(place, size=60_000) as store:
        store.commit(taken(store, 1))
        store.state.account("file", 1)
        store.state.settle("file", delivered=[(1, store.next)])
        thread = threading.Thread(target=write, args=[store])
        thread.start()
        try:
            yield place
        finally:
            stop.set()
            thread.join()
    assert failed == []


def grown(look: Callable[[], int], by: int) -> None:
    first = look()
    while look() < first + by:
        pass


def test_a_journal_that_is_being_written_adds_up_at_every_look(written: Path) -> None:
    grown(lambda: int(told(written, "status")["committed"]), 1000)
    for _ in range(4):
        (sink,) = told(written, "status")["sinks"]
        assert (sink["difference"], sink["evicted"]) == (0, 0)
        code, text = asked(written, "verify")
        assert code == 0, text
        code, text = asked(written, "export")
        assert code == 0
        found = [json.loads(line)["sequence"] for line in text.splitlines()]
        assert found == list(range(found[0], found[-1] + 1))


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (["export", "--since", "yesterday"], "--since: 'yesterday' is not a duration"),
        (["export", "--since", "1h", "--until", "2h"], "--until: it ends before it begins"),
        (["export", "--until", "2026-03-01T10:00:00"], "--until: the time '2026-03-01T10:00:00' has no zone"),
        (["export", "--sequence", "9-3"], "--sequence: 3 is before 9"),
        (["export", "--sequence", "x"], "--sequence: 'x' is no sequence number"),
        (["export", "--point", "boiler/*"], "no point is called 'boiler/*'; there are: analyser-1/t1, analyser-1/t2"),
        (["export", "--out", "."], "is there already"),
        (["export", "--out", "no/such/folder/x"], "cannot be written"),
        (["gaps", "--since", ""], "--since: '' is not a duration"),
        (["gaps", "--point", "x"], "no point is called 'x'"),
        (["quarantine", "--release", "7"], "there is no '7' in quarantine; there are: 1"),
        (["quarantine", "--show", "8"], "there is no '8' in quarantine; there are: 1"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence(directory: Path, words: list[str], meaning: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(directory, *words)
    assert meaning in str(caught.value)


def test_no_journal_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["status"], ["verify"], ["export"]):
        with pytest.raises(ConfigError, match="there is no journal in"):
            asked(tmp_path, *words)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"gateway\.yml.*say --config FILE, or --directory DIR"):
        asked(None, "status")
    (tmp_path / "gateway.yml").write_text("site: plant\n")
    with pytest.raises(ConfigError, match="there is no section 'journal'"):
        asked(None, "status")
    (tmp_path / "gateway.yml").write_text("site: plant\njournal: {directory: j, max_sise: 1GiB}\n")
    with pytest.raises(ConfigError, match=r"gateway\.yml:2: journal\.max_sise: .*max_size"):
        asked(None, "status")


def test_the_command_line_leads_here(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "verify", "--directory", str(directory)]) == 0
    assert "everything is there" in capsys.readouterr().out
    assert main(["journal", "status", "--directory", str(directory.parent)]) == 2
    assert "there is no journal in" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["journal", "status", "--jsn"])
    assert ended.value.code == 2


def test_the_audit_log_is_found_by_the_configuration(directory: Path) -> None:
    parser = argparse.ArgumentParser()
    add_audit(parser.add_subparsers())
    said: list[str] = []
    given = parser.parse_args(["audit", "verify", "--config", str(configured(directory))])
    assert (audit(given, said.append), said) == (0, ["1 records, all as they were written"])
