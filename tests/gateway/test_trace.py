"""From a value back: over the command line and over HTTP, from a journal that a real gateway wrote."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import shutil
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import stack
from greenops_core.address import address
from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason
from greenops_core.unit import Linear
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.gateway import running
from greenops_gateway.journal.trace import Copy, asked, concerning, defined, fate, with_numbers
from greenops_gateway.journal.trace_command import trace
from greenops_gateway.journal.words import add_trace
from greenops_gateway.meaning import Meaning
from greenops_gateway.modbus.codec import FLOATS, Order, Type, decode, encode, words
from greenops_gateway.modbus.inverse import Spelling, spelling
from greenops_gateway.modbus.plan import Span
from greenops_gateway.modbus.source import Source
from greenops_gateway.simulator.process import Plant
from greenops_gateway.simulator.run import simulating
from greenops_telemetry.audit import Audit, Kind, evidence
from greenops_telemetry.audit_proof import records
from greenops_telemetry.journal.account import Account
from greenops_telemetry.journal.columns import Columns, Row
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.store import Bounds, Store

BESIDE = stack.ROOT / "gateway"
SAME = Linear(1)


def source(type_: Type, order: Order = "ABCD", meaning: Meaning | None = None) -> Source:
    return Source(Span("holding", 0, words(type_)), type_, order, meaning or Meaning())


def same(one: float, other: float) -> bool:
    return struct.pack("<d", one) == struct.pack("<d", other)


@pytest.mark.parametrize(
    ("value", "where", "to_base", "wanted"),
    [
        pytest.param(88.0, source("u16"), SAME, Spelling(88, ("0058",), 1), id="as it is"),
        pytest.param(100.0, source("f32", "CDAB"), SAME, Spelling(100.0, ("0000", "42c8"), 1), id="words turned"),
        pytest.param(0.21, source("u16"), Linear(1, divisor=100), Spelling(21, ("0015",), 1), id="percent to ratio"),
        pytest.param(21.5, source("i16", meaning=Meaning(scale=0.1)), SAME, Spelling(215, ("00d7",), 1), id="scaled"),
        pytest.param(-40.0, source("u16", meaning=Meaning(offset=-40.0)), SAME, Spelling(0, ("0000",), 1), id="offset"),
        pytest.param(
            1.0,
            source("bit", meaning=Meaning(bit=3)),
            SAME,
            Spelling(8, ("0008",), 1 << 15),
            id="one bit: nothing is known of the others",
        ),
        pytest.param(
            7.0,
            source("u16", meaning=Meaning(enum={1: 7.0, 2: 7.0, 3: 8.0})),
            SAME,
            Spelling(1, ("0001",), 2),
            id="two states of the same value",
        ),
        pytest.param(
            1.0,
            Source(Span("coil", 4, 1), "bit", "ABCD", Meaning()),
            SAME,
            Spelling(1, ("1",), 1),
            id="a coil",
        ),
        pytest.param(
            1.0,
            source("f64", meaning=Meaning(offset=1.0)),
            SAME,
            Spelling(0.0, ("0000",) * 4, 2, at_least=True),
            id="an offset that swallows the number: zero, and what is no instrument's",
        ),
        pytest.param(
            1000.0,
            source("f64", meaning=Meaning(offset=-1e6)),
            SAME,
            Spelling(1001000.0, ("412e", "8c50", "0000", "0000"), 1),
            id="an offset that is larger than the value",
        ),
        pytest.param(
            2.0**63,
            source("u64"),
            SAME,
            Spelling(1 << 63, ("8000", "0000", "0000", "0000"), 1 + 512 + 1000, at_least=True),
            id="a count beyond what 64 bits of a float tell apart",
        ),
        pytest.param(1.5, source("u16"), SAME, None, id="no whole number"),
        pytest.param(-1.0, source("u32"), SAME, None, id="below what the type has"),
        pytest.param(65536.0, source("u16"), SAME, None, id="above it"),
        pytest.param(9.0, source("u16", meaning=Meaning(enum={1: 7.0})), SAME, None, id="a state that is not listed"),
        pytest.param(
            -999.0, source("i16", meaning=Meaning(sentinels=frozenset({-999}))), SAME, None, id="what is no value"
        ),
        pytest.param(1e300, source("f32"), SAME, None, id="beyond a float"),
        pytest.param(1e308, source("u16", meaning=Meaning(scale=1e-300)), SAME, None, id="beyond all numbers"),
    ],
)
def test_registers_are_recomputed(value: float, where: Source, to_base: Linear, wanted: Spelling | None) -> None:
    assert spelling(value, where, to_base) == wanted


@given(
    type_=st.sampled_from(["u16", "i16", "u32", "i32", "u64", "i64", "f16", "f32", "f64"]),
    order=st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
    scale=st.sampled_from([1.0, 0.1, 0.01, -2.0, 1e-3, 1e6]),
    offset=st.sampled_from([0.0, -40.0, 273.15]),
    to_base=st.sampled_from([SAME, Linear(1, divisor=100), Linear(5, -160 / 9, divisor=9)]),
    raw=st.binary(min_size=8, max_size=8),
)
def test_what_is_recomputed_gives_the_same_bits(  # noqa: PLR0917  # hypothesis gives them
    type_: Type, order: Order, scale: float, offset: float, to_base: Linear, raw: bytes
) -> None:
    raw = raw[: 2 * words(type_)]
    meaning = Meaning(scale=scale, offset=offset)
    own, reason = meaning.of(decode(raw, type_, order))
    if reason is not Reason.NONE:
        return
    value = to_base.to_base(own)
    if not math.isfinite(value):
        return
    found = spelling(value, source(type_, order, meaning), to_base)
    assert found is not None
    again = decode(bytes.fromhex("".join(found.raw)), type_, order)
    assert same(to_base.to_base(meaning.of(again)[0]), value)
    if found.alike == 1:
        assert "".join(found.raw) == raw.hex()
    elif type_ not in FLOATS:
        assert encode(found.number, type_, order).hex() == "".join(found.raw)


@pytest.mark.parametrize(
    ("sequence", "wanted"),
    [
        (5, ("none", "the sink began later, with sequence 10")),
        (10, ("delivered", "")),
        (12, ("quarantined", "number 3, refused with: 400 no")),
        (14, ("pending", "held until its time has come")),
        (15, ("pending", "released from quarantine")),
        (20, ("pending", "")),
    ],
)
def test_what_became_of_a_sample_is_said_in_a_word(sequence: int, wanted: tuple[str, str]) -> None:
    account = Account("cloud", 10, Ranges([(10, 18)]))
    copies = [
        Copy(2, "other", "500", 0.0, Ranges([(10, 18)])),
        Copy(3, "cloud", "400 no", 0.0, Ranges([(12, 14)])),
        Copy(4, "cloud", None, 1.79e9, Ranges([(14, 15)])),
        Copy(5, "cloud", None, 0.0, Ranges([(15, 16)])),
    ]
    assert fate(sequence, account, copies) == wanted


def test_corrections_concern_a_point_and_a_time_or_its_numbers(tmp_path: Path) -> None:
    log = Audit.open(tmp_path)
    interval = {"interval": ["2026-09-21T14:00:00.000Z", "2026-09-21T15:00:00.000Z"]}
    rest = {"old": 1, "new": 2, "reason": "span gas"}
    for what in (
        {"point": "analyser-1/so2", **interval},
        {"point": "stack-1/so2", "sequence": [7, 9]},
        {"point": "stack-1/nox", **interval},
        {"point": "analyser-1/so2", "sequence": [8, 9]},
    ):
        log.append(Kind.CORRECTION, "ada", {**what, **rest})
    labels = {"site": "plant", "stack": "stack-1", "device": "analyser-1", "point": "so2"}
    row = Row(7, 1, 1.0, 1.79e9, 1.79e9, Quality.GOOD, Reason.NONE)
    every = list(records(evidence(tmp_path).log))
    found = concerning(every, labels, row, "2026-09-21T14:13:20.000Z")
    assert [each.number for each in found] == [1, 2]


def test_a_definition_is_found_by_device_and_point() -> None:
    kept = {
        "devices": [{"protocol": "modbus", "name": "a", "unit": 3, "points": [{"name": "so2"}, {"name": "nox"}]}],
        "derived": [{"name": "d", "points": [{"name": "sum", "value": "a + b"}]}],
    }
    found = defined(kept, ("a", "nox"))
    assert found == ("modbus", {"name": "a", "unit": 3}, {"name": "nox"})
    computed = defined(kept, ("d", "sum"))
    assert computed is not None
    assert computed.is_derived
    assert defined(kept, ("a", "co")) is None
    assert with_numbers({"points": [{"enum": {"-1": 2.0}, "name": "1"}]}) == {
        "points": [{"enum": {-1: 2.0}, "name": "1"}]
    }


@pytest.mark.parametrize("text", ["", "so2", "@", "a/so2@", "@2026-11-21", "1234567890123456"])
def test_what_is_neither_a_number_nor_a_point_at_a_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write 17, or device/point@TIME"):
        asked(text)


def config(port: int, directory: Path) -> Gateway:
    """The gas analyser of the example, with something derived and a journal."""
    raw: dict[str, Any] = yaml.safe_load((BESIDE / "gateway.yml").read_text(encoding="utf-8"))
    raw["links"] = {"gas": raw["links"]["gas"] | {"port": port}}
    raw["devices"] = [raw["devices"][0] | {"poll": "500ms"}]
    both = {"so2": "analyser-1/so2", "nox": "analyser-1/nox"}
    points = [{"name": "ratio", "unit": "%", "value": "so2 / (so2 + nox)", "from": both}]
    raw["derived"] = [{"name": "both", "stack": "stack-1", "points": points}]
    raw["limits"] = []
    raw["journal"] = {"directory": str(directory / "journal")}
    raw["sinks"] = {"file": {"kind": "jsonl", "directory": str(directory / "out")}}
    return parse(raw, BESIDE)


@asynccontextmanager
async def gateway(directory: Path) -> AsyncIterator[str]:
    """A gateway at work that has kept some samples of each point; gives its URL."""
    port, listen = stack.free_port(), stack.free_port()
    configured = config(port, directory)
    url = f"http://127.0.0.1:{listen}"
    async with (
        simulating(configured.ways, Plant(since=time.time())),
        running(configured, address(f"127.0.0.1:{listen}")),
        aiohttp.ClientSession() as session,
    ):
        async with asyncio.timeout(20):
            while True:
                async with session.get(f"{url}/journal/trace?id=both/ratio@1ms") as given:
                    if given.status == 200:
                        break
                await asyncio.sleep(0.2)
        yield url


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The journal of a gateway that has stopped, and what it answered while it ran."""
    place = tmp_path_factory.mktemp("trace")
    answers: dict[str, Any] = {}

    async def run() -> None:
        async with gateway(place) as url, aiohttp.ClientSession() as session:
            for asking in ("?id=1", "?id=both/ratio@1ms", "", "?id=1&id=2", "?id=0", "?id=x/y@1s", "?id=so2"):
                async with session.get(f"{url}/journal/trace{asking}") as given:
                    answers[asking] = given.status, given.content_type, await given.json()

    asyncio.run(run())
    return place / "journal", answers


def traced(directory: Path, text: str) -> tuple[int, dict[str, Any]]:
    parser = argparse.ArgumentParser()
    add_trace(parser.add_subparsers())
    said: list[str] = []
    code = trace(parser.parse_args(["trace", text, "--directory", str(directory), "--json"]), said.append)
    return code, json.loads("\n".join(said))


def told(directory: Path, text: str) -> tuple[int, list[str]]:
    parser = argparse.ArgumentParser()
    add_trace(parser.add_subparsers())
    said: list[str] = []
    code = trace(parser.parse_args(["trace", text, "--directory", str(directory)]), said.append)
    return code, "\n".join(said).splitlines()


def samples(directory: Path, point: str) -> list[tuple[int, float]]:
    """Sequence and time of all samples of *point*."""
    store = Store.visit(directory)
    try:
        run = store.read(1, store.next, 100_000)
        assert run is not None
        names = {number: dict(each.labels)["point"] for number, each in store.state.series().items()}
        return [(row.sequence, row.at) for row in run[1].rows(run[0]) if names[row.series] == point]
    finally:
        store.close()


@pytest.mark.parametrize("point", ["so2", "o2", "status"])
def test_a_measured_value_leads_to_its_registers(kept: tuple[Path, dict[str, Any]], point: str) -> None:
    directory, _ = kept
    for sequence, at in samples(directory, point)[:3]:
        code, found = traced(directory, str(sequence))
        assert (code, found["doubts"]) == (0, [])
        sample, registers = found["sample"], found["registers"]
        assert (sample["sequence"], sample["at"], sample["quality"]) == (sequence, at, "good")
        assert found["point"]["protocol"] == "modbus"
        assert found["configuration"]["fits"]
        raw = bytes.fromhex("".join(registers["words"]))
        number = decode(raw, registers["type"], registers["order"])
        assert number == registers["number"]
        assert sample["own"]["value"] == pytest.approx(number)
        if point != "o2":  # in percent here and as a share there, so that two words may give the same
            assert registers["alike"] == 1
        segment = (directory / sample["file"]).read_bytes()
        assert segment.startswith(b"\xf7GJ1\x01", sample["offset"])
        assert {sink["sink"]: sink["became"] in {"delivered", "pending"} for sink in found["sinks"]} == {"file": True}


def test_a_derived_value_is_computed_again_bit_for_bit(kept: tuple[Path, dict[str, Any]]) -> None:
    directory, _ = kept
    for sequence, at in samples(directory, "ratio"):
        code, found = traced(directory, str(sequence))
        assert (code, found["doubts"]) == (0, [])
        formula = found["formula"]
        assert (formula["value"], formula["same"]) == ("so2 / (so2 + nox)", True)
        assert formula["result"] == found["sample"]["value"]
        used = [each["sequence"] for each in formula["inputs"].values()]
        assert all(each < sequence for each in used)
        assert {at} == {traced(directory, str(each))[1]["sample"]["at"] for each in used}


def test_a_point_at_a_time_is_the_last_sample_until_then(kept: tuple[Path, dict[str, Any]]) -> None:
    directory, _ = kept
    every = samples(directory, "so2")

    for (sequence, at), (_, later) in pairwise(every):
        for moment in (at, (at + later) / 2):
            text = datetime.fromtimestamp(moment + 1e-6, UTC).isoformat()
            assert traced(directory, f"analyser-1/so2@{text}")[1]["sample"]["sequence"] == sequence
    with pytest.raises(ConfigError, match="has no sample of 'analyser-1/so2' until 2020-01-01"):
        traced(directory, "analyser-1/so2@2020-01-01")
    with pytest.raises(ConfigError, match="no point 'analyser-1/so3' in the journal; did you mean 'analyser-1/"):
        traced(directory, "analyser-1/so3@1s")


def test_a_running_gateway_answers_the_same(kept: tuple[Path, dict[str, Any]]) -> None:
    directory, answers = kept
    status, kind, found = answers["?id=1"]
    assert (status, kind) == (200, "application/json")
    here = traced(directory, "1")[1]
    for known in (found, here):
        del known["sinks"]
    assert found == here
    assert answers["?id=both/ratio@1ms"][2]["formula"]["same"]
    assert [answers[asking][0] for asking in ("", "?id=1&id=2", "?id=0", "?id=x/y@1s", "?id=so2")] == [
        400,
        400,
        404,
        404,
        404,
    ]
    assert "there is no sample 0; the journal has given out 1 to " in answers["?id=0"][2]["error"]


def test_it_is_told_to_people(kept: tuple[Path, dict[str, Any]]) -> None:
    directory, _ = kept
    Audit.open(directory / "audit").append(
        Kind.CORRECTION,
        "ada",
        {"point": "analyser-1/so2", "sequence": [1, 2], "old": 1, "new": 2, "reason": "span \x1b[31mgas"},
    )
    sequence = samples(directory, "so2")[0][0]
    code, lines = told(directory, str(sequence))
    assert code == 0
    assert lines[0].startswith(f"sample {sequence} of series ")
    assert any(line.startswith("registers, recomputed: input 0 (30001), 2 registers, f32 CDAB") for line in lines)
    assert any("decodes to the same bits" in line for line in lines)
    assert any(line.endswith(r"reason span \x1b[31mgas, old 1, new 2") or "by ada: " in line for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert lines[-1] == "everything fits"


def test_what_was_changed_afterwards_does_not_fit(kept: tuple[Path, dict[str, Any]]) -> None:
    directory, _ = kept
    (file,) = (directory / "configurations").iterdir()
    text = file.read_text()
    sequence = samples(directory, "so2")[0][0]
    try:
        file.write_text(text.replace('"f32"', '"u32"'))
        code, found = traced(directory, str(sequence))
        assert code == 1
        assert [each.split(": ")[-1].split(" gives")[0] for each in found["doubts"]] == [
            "its content does not fit its name",
            "no content of these registers",
        ]
        file.write_text(text.replace('"so2 / (so2 + nox)"', '"nox / (so2 + nox)"'))
        code, found = traced(directory, str(samples(directory, "ratio")[0][0]))
        assert (code, len(found["doubts"]), found["formula"]["same"]) == (1, 2, False)
        assert "computed again from its inputs it is " in found["doubts"][1]
        file.unlink()
        code, lines = told(directory, str(sequence))
        assert code == 1
        assert lines[-1] == f"BAD  {file} is not there, or cannot be read"
    finally:
        file.write_text(text)


def test_what_is_not_there_any_more_says_why(tmp_path: Path) -> None:
    with Store.open(tmp_path, Bounds(4096, 6000), lambda: 1.79e9) as store:
        from greenops_core.catalogue import POINT_TEMPERATURE
        from greenops_telemetry.journal.series import described

        number = store.number(described(POINT_TEMPERATURE, ("plant", "stack-1", "a", "t")))
        for _ in range(200):
            some = Columns()
            for _ in range(20):
                some.add(number, math.nan, 1.79e9, 1.79e9, Quality.BAD, Reason.COMMUNICATION)
            store.commit(some)
        store.keep_house(1.79e9)
        newest = store.next - 1
        assert store.oldest > 1
    with pytest.raises(ConfigError, match=r"sample 1 was evicted at 2026-09-21T14:13:20\.000Z: the journal is"):
        traced(tmp_path, "1")
    code, found = traced(tmp_path, str(newest))
    assert (code, found["doubts"]) == (1, ["nothing tells by which configuration it was taken"])
    assert (found["sample"]["value"], found["sample"]["reason"]) == (None, "communication")


def test_what_is_in_an_archive_is_traced_as_well(kept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    directory, _ = kept
    copy = Path(shutil.copytree(directory, tmp_path / "journal"))
    later = time.time() + 2 * 86400
    with Store.open(copy, Bounds(segment=64), lambda: later) as store:
        store.keep_house(later)
    for point in ("so2", "ratio"):
        sequence, at = samples(copy, point)[0]
        found, before = traced(copy, str(sequence))[1], traced(directory, str(sequence))[1]
        assert found["doubts"] == []
        for each in (found["sample"], before["sample"]):
            assert each.pop("file").startswith("archive/" if each is found["sample"] else "segments/")
            del each["offset"]
        assert found == before
        text = datetime.fromtimestamp(at + 1e-6, UTC).isoformat()
        assert traced(copy, f"{found['sample']['point']}@{text}")[1]["sample"]["sequence"] == sequence
