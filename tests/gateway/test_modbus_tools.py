"""What ``probe`` and ``scan`` say about simulated devices, over real sockets and pseudo-terminals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import stack
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, DeviceError
from greenops_gateway import profile
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.modbus.plausible import guess, spellings
from greenops_gateway.modbus.probe import answer_time
from greenops_gateway.modbus.simulator import GOOD, simulate
from greenops_gateway.modbus.station import Habits
from greenops_gateway.modbus.tools import TOOLS
from greenops_gateway.simulator.process import Plant
from greenops_gateway.tools import Discovery, Finding, Scan
from greenops_telemetry.configuration import convert

T0 = 1_790_000_000.0
POINTS = [
    {"name": "so2", "at": 10, "unit": "mg/m3", "range": [0, 2000]},
    {"name": "nox", "at": 12, "unit": "mg/m3", "range": [0, 1000]},
    {"name": "o2", "at": 14, "unit": "%", "range": [0, 25]},
]
DEFAULTS = {"table": "input", "type": "f32", "order": "CDAB"}


def device(unit: int = 1, **keys: Any) -> ModbusDevice:  # noqa: ANN401  # as in YAML
    raw = {"name": f"unit-{unit}", "unit": unit, "defaults": DEFAULTS, "points": POINTS, **keys}
    made = convert({"link": "link-1", "stack": "stack-1", **raw}, ModbusDevice)
    made.check()
    return made


def link(**keys: object) -> ModbusLink:
    where = {} if "device" in keys else {"host": "127.0.0.1", "port": stack.free_port()}
    return convert({"protocol": "modbus", "timeout": "300ms", **where, **keys}, ModbusLink)


@asynccontextmanager
async def simulating(
    devices: Sequence[ModbusDevice], at: ModbusLink | None = None, habits: Habits = GOOD
) -> AsyncIterator[ModbusLink]:
    at = at or link()
    async with simulate(at, devices, Plant(), habits, lambda: T0):
        yield at


async def probed(at: ModbusLink, *devices: ModbusDevice) -> dict[str, Finding]:
    async with asyncio.timeout(20):
        findings = [finding async for finding in TOOLS.probe(at, devices)]
    named = {finding.what.rpartition(": ")[2]: finding for finding in findings}
    assert len(named) == len(findings)
    return named


async def scanned(at: ModbusLink, within: str | None = None) -> tuple[list[Discovery], list[tuple[float, str]]]:
    told: list[tuple[float, str]] = []
    async with asyncio.timeout(20):
        found = await TOOLS.scan(at, Scan(within), lambda share, text: told.append((share, text)))
    return list(found), told


async def test_a_device_that_is_as_configured_is_well() -> None:
    async with simulating([device()], link(timeout="3s")) as at:
        found = await probed(at, device())
    assert all(finding.well and not finding.advice for finding in found.values())
    assert list(found) == [
        "connect", "transaction id", "pause", "answer time", "limit", "so2", "nox", "o2",
        "word order and addresses",        "two requests at once",
    ]  # fmt: skip
    assert "both are answered" in found["two requests at once"].seen
    assert "of 20 reads" in found["answer time"].seen
    assert found["limit"].seen.startswith("at least 6 registers; input 16 (30017)")


async def test_the_right_word_order_is_found() -> None:
    wrong = device(defaults={**DEFAULTS, "order": "ABCD"})
    async with simulating([device()]) as at:
        found = await probed(at, wrong)
    for name in ("so2", "nox", "o2"):
        assert not found[name].well
        assert " *, " not in found[name].seen.partition("CDAB")[0]
        assert found[name].seen.partition("CDAB")[2].split(",")[0].endswith(" *")
    assert found["word order and addresses"].seen == "0 of 3 plausible as configured; 3 of 3 with order: CDAB"
    assert found["word order and addresses"].advice == "set order: CDAB"


async def test_addresses_that_are_one_off_are_told() -> None:
    wide = [{**point, "at": 10 + 2 * place} for place, point in enumerate(POINTS)]
    surrounded = [{"name": "before", "at": 8, "unit": "1"}, *wide, {"name": "behind", "at": 16, "unit": "1"}]
    shifted = device(points=[{**point, "at": int(str(point["at"])) + 1} for point in wide])
    async with simulating([device(points=surrounded)]) as at:
        found = await probed(at, shifted)
    suiting = found["word order and addresses"]
    assert not suiting.well
    assert suiting.seen.endswith("with order: ABCD or order: CDAB and addresses one lower (address_style)")
    assert suiting.advice == "look into the manual which it is"


async def test_a_transaction_id_that_is_not_echoed_is_told() -> None:
    async with simulating([device()], link(timeout="1s"), Habits(transaction=0)) as at:
        found = await probed(at, device())
        assert not found["transaction id"].well
        assert found["transaction id"].advice == "set quirks: {ignore_transaction_id: true}"
        assert found["so2"].well
        assert all(
            finding.well for finding in (await probed(at, device(quirks={"ignore_transaction_id": True}))).values()
        )


async def test_the_pause_that_a_device_needs_is_measured() -> None:
    async with simulating([device()], link(timeout="100ms"), Habits(pause=0.04)) as at:
        found = await probed(at, device())
    assert not found["pause"].well
    assert found["pause"].seen == "needs 50ms between requests"
    assert found["pause"].advice == "set quirks: {between_requests: 50ms}"
    assert found["so2"].well


async def test_the_largest_request_is_found() -> None:
    points = [{"name": f"p-{at}", "at": at, "unit": "1", "type": "u16"} for at in range(120)]
    small = device(points=points, quirks={"max_words": 37})
    async with simulating([small]) as at:
        found = await probed(at, device(points=points[:30]))
        assert found["limit"].seen == "37 registers in one request"
        assert found["limit"].advice == "set quirks: {max_words: 37}"
        assert (await probed(at, small))["limit"].well
    async with simulating([device(points=[*points, {**points[0], "name": "last", "at": 124}])]) as at:
        assert (await probed(at, device(points=points[:2])))[
            "limit"
        ].seen == "125 registers in one request are answered"


async def test_what_must_never_be_read_is_not_probed() -> None:
    points = [{"name": f"p-{at}", "at": at, "unit": "1", "type": "u16"} for at in range(60)]
    careful = device(points=points[:10], quirks={"never": [["input", 20, 30]]})
    async with simulating([device(points=points)]) as at:
        assert (await probed(at, careful))["limit"].seen == "20 registers in one request are answered"


@pytest.mark.parametrize(
    ("taken", "advice"),
    [
        ([0.1] * 20, ""),
        ([0.1] * 19 + [0.39], ""),
        ([0.1] * 19 + [0.41], "set timeout to 1600ms or more"),
        ([0.5], "set timeout to 2s or more"),
    ],
)
def test_a_slow_device_is_told(taken: list[float], advice: str) -> None:
    found = answer_time(taken, Duration(0.8))
    assert (found.well, found.advice) == (not advice, advice)


@pytest.mark.parametrize(
    ("made", "asked", "what", "advice"),
    [
        pytest.param(device(), device(2), "unit 2", "scan shows which units answer", id="another unit"),
        pytest.param(
            device(),
            device(defaults={**DEFAULTS, "table": "holding"}),
            "reads",
            "table and address_style",
            id="no table",
        ),
    ],
)
async def test_who_does_not_answer_is_told(made: ModbusDevice, asked: ModbusDevice, what: str, advice: str) -> None:
    async with simulating([made]) as at:
        found = await probed(at, asked)
    assert not found[what].well
    assert advice in found[what].advice


async def test_nobody_at_the_far_end_is_one_finding() -> None:
    found = await probed(link(), device())
    assert list(found) == ["connect"]
    assert not found["connect"].well
    assert "Connection refused" in found["connect"].seen


async def test_a_link_without_devices_only_connects() -> None:
    async with simulating([device()]) as at:
        assert {what: finding.well for what, finding in (await probed(at)).items()} == {
            "connect": True,
            "devices": True,
        }


@pytest.mark.parametrize("transport", ["rtu", "ascii", "rtu-over-tcp"])
async def test_other_transports_are_probed_alike(transport: str, tmp_path: Path) -> None:
    serial = {"device": str(tmp_path / "tty"), "baud": 115200} if "over" not in transport else {}
    async with simulating([device()], link(transport=transport, timeout="3s", **serial)) as at:
        found = await probed(at, device())
    assert all(finding.well for finding in found.values())
    assert "transaction id" not in found


async def test_units_and_what_they_hold_are_found() -> None:
    t300 = convert(
        {"name": "co", "link": "l", "stack": "s", **profile.load("teledyne-t300", Path()).device, "unit": 3},
        ModbusDevice,
    )
    async with simulating([device(), t300]) as at:
        found, told = await scanned(at, "1-4")
    assert [discovery.name for discovery in found] == ["unit-1", "unit-3"]
    assert "input 10 to 15" in found[0].seen
    assert "discrete 14 to 18" in found[1].seen
    assert "input 18 to 37" in found[1].seen
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert told[-1] == (1.0, "2 found")


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
async def test_the_profile_of_a_scan_reads_the_device(order: str) -> None:
    made = device(defaults={**DEFAULTS, "order": order})
    async with simulating([made]) as at:
        (found,), _ = await scanned(at, "1")
    read = convert({"name": "d-1", "link": "l", "stack": "s", **found.profile}, ModbusDevice)
    read.check()
    assert [(source.span, source.type, source.order) for source in read.sources()] == [
        (source.span, source.type, source.order) for source in made.sources()
    ]


async def test_a_range_longer_than_a_request_is_found_whole() -> None:
    points = [{"name": f"p-{at}", "at": at, "unit": "1", "range": [at + 10, at + 20]} for at in range(100, 298, 2)]
    made = device(points=points)
    async with simulating([made]) as at:
        (found,), _ = await scanned(at, "1")
    assert found.seen.startswith("unit 1: input 100 to 297 (f32 CDAB: 114.")
    assert [point["at"] for point in found.profile["points"]] == list(range(100, 298, 2))


async def test_a_scan_of_a_line_asks_the_units_of_a_line(tmp_path: Path) -> None:
    at = link(transport="rtu", device=str(tmp_path / "tty"), baud=115200, timeout="50ms")
    async with simulating([device(5)], at):
        found, _ = await scanned(at, "4-5")
    assert [discovery.name for discovery in found] == ["unit-5"]


async def test_a_scan_that_finds_nobody_says_what_was_asked() -> None:
    async with simulating([device(9)]) as at:
        with pytest.raises(DeviceError, match=r"no unit answers on 127.0.0.1:\d+; asked: 1, 2\. Is it a Modbus device"):
            await scanned(at, "1-2")
    with pytest.raises(DeviceError, match="Connection refused"):
        await scanned(link())


@pytest.mark.parametrize("within", ["all", "1-", "5-3", "256", "", "-1"])
async def test_units_that_are_none_are_refused(within: str) -> None:
    if within == "":
        within = ","
    with pytest.raises(ConfigError, match="names no units"):
        await scanned(link(), within)


def test_a_guess_needs_most_numbers_to_look_like_some() -> None:
    words = b"".join(word.to_bytes(2, "big") for word in (1, 2, 3, 500, 65535, 7))
    assert guess(words).type == "u16"
    assert guess(bytes(8)).type == "u16"
    assert guess(bytes.fromhex("42c8 42c8")).order == "ABCD", "of two that suit alike, the usual one"


def test_no_order_is_plausible_where_none_is() -> None:
    (source, *_) = device().sources()
    assert not any(each.plausible for each in spellings(bytes.fromhex("7fc0 7fc0"), source, (0, 10)))
    abcd, *_, dcba = spellings(bytes.fromhex("2b8c bccc"), source, (0, 10))  # 1e-12 in the one order
    assert abcd.value == pytest.approx(1e-12)
    assert not abcd.plausible
    assert not dcba.plausible
    assert all(each.plausible for each in spellings(bytes(4), source, (0, 10)))
