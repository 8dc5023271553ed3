from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import stack
from fault_device import Behaviour, fault_device, late, saying, silent
from greenops_core.errors import ConfigError
from greenops_gateway.commissioning import Reading, hints, narrowed, profile_text, read, shown, warnings
from greenops_gateway.configuration import Gateway, load, parse
from greenops_gateway.point import Link
from greenops_gateway.tools import Discovery


def config(port: int, *points: dict[str, object], timeout: str = "300ms", **more: object) -> Gateway:
    link = {"protocol": "modbus", "host": "127.0.0.1", "port": port, "timeout": timeout}
    device = {"name": "a", "link": "l", "stack": "s", "points": list(points)}
    return parse({"site": "demo-plant", "links": {"l": link}, "devices": [device | more]}, Path())


async def readings(gateway: Gateway, patience: float = 5.0) -> list[Reading]:
    found = await read(gateway, patience)
    for hint in hints(gateway, found):
        logging.getLogger("test").warning("%s", hint)
    return found


def registers(raw: bytes) -> Behaviour:
    """Answers every read with these bytes, over and over."""
    return saying(lambda asked: asked.answered(bytes([asked.function, 2 * asked.quantity]) + raw))


async def test_a_slow_but_healthy_device_is_read() -> None:
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(0, 400, 20)]
    async with fault_device(late(0.1)) as faulty:
        gateway = config(faulty.port, *points)
        found = await readings(gateway)
    assert [reading.value for reading in found] == [float(at) for at in range(0, 400, 20)]


async def test_a_device_that_times_out_is_told_why(caplog: pytest.LogCaptureFixture) -> None:
    async with fault_device(silent) as faulty:
        (found,) = await readings(config(faulty.port, {"name": "p", "at": 0, "unit": "1"}))
    assert (found.quality, found.reason, found.value, found.age) == ("bad", "communication", None, None)
    assert "no answer within 300ms" in caplog.text


async def test_what_never_comes_is_waited_for_no_longer_than_asked() -> None:
    async with fault_device(silent) as faulty:
        before = time.monotonic()
        (found,) = await readings(config(faulty.port, {"name": "p", "at": 0, "unit": "1"}, timeout="5s"), 0.5)
        assert time.monotonic() - before < 3
    assert (found.quality, found.reason) == ("bad", "communication")


@pytest.mark.parametrize(("type_", "raw"), [("f32", "000042c8"), ("f64", "0000000042c80000")])
async def test_a_wrong_word_order_is_bad_and_hinted_at(type_: str, raw: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with fault_device(registers(bytes.fromhex(raw))) as faulty:
        gateway = config(faulty.port, {"name": "so2", "at": 0, "type": type_, "unit": "mg/m3", "range": [0, 2000]})
        (found,) = await readings(gateway)
    assert (found.value, found.quality, found.reason) == (None, "bad", "decode")
    assert caplog.messages == [f"a: so2: no {type_} that an instrument gives; is the word order right? It is ABCD"]


@pytest.mark.parametrize(
    ("raw", "quality", "reason", "hint"),
    [
        pytest.param("00004148", "bad", "decode", "no f32 that an instrument gives;", id="12.5"),
        pytest.param("cccd4234", "bad", "range", "if the device itself shows another value,", id="45.2"),
        pytest.param("3333433e", "good", "none", "4.2e-08 is next to nothing in its range;", id="190.2"),
    ],
)
async def test_a_wrong_word_order_is_hinted_at_however_it_reads(
    raw: str, quality: str, reason: str, hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with fault_device(registers(bytes.fromhex(raw))) as faulty:
        point = {"name": "nox", "at": 0, "type": "f32", "unit": "mg/m3", "range": [0, 2000]}
        (found,) = await readings(config(faulty.port, point))
    assert (found.quality, found.reason) == (quality, reason)
    assert caplog.messages == [f"a: nox: {hint} is the word order right? It is ABCD"]


async def test_an_exception_is_told_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    async with fault_device(saying(lambda request: request.exception(4))) as faulty:
        (found,) = await readings(config(faulty.port, {"name": "p", "at": 0, "unit": "1"}))
    assert found.reason == "device_exception"
    assert caplog.messages == ["a: holding 0 (40001), 1 register: exception 4 (server device failure)"]


def test_a_part_of_a_configuration_leaves_out_what_needs_the_rest() -> None:
    config = load(stack.ROOT / "gateway" / "gateway.yml")
    part = narrowed(config, ["flow-1"])
    assert [device.name for device in part.devices] == ["flow-1"]
    assert (part.derived, part.limits) == ((), ())
    assert list(warnings(narrowed(replace(config, unused=("spare",)), ["flow-1"]))) == []
    assert narrowed(config, []) is config
    with pytest.raises(ConfigError, match="--device: there is no device 'flow-2'; did you mean 'flow-1'"):
        narrowed(config, ["flow-1", "flow-2"])


def test_a_found_profile_is_written_with_one_line_for_each_point() -> None:
    points = [{"name": "so2", "at": 0, "unit": "mg/m3"}, {"name": "o2", "at": 2, "unit": "%"}]
    text = profile_text("modbus", Discovery("unit-1", {"address_style": "zero", "points": points}, "2 registers"))
    assert text.splitlines()[-2:] == ["  - {name: so2, at: 0, unit: mg/m3}", "  - {name: o2, at: 2, unit: '%'}"]
    written = yaml.safe_load(text)
    assert (written["protocol"], written["address_style"], written["points"]) == ("modbus", "zero", points)
    assert written["about"] == {"title": "unit-1", "maker": "unknown", "source": "found by scan: 2 registers"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12.5, "12.5"),
        (-999.0, "-999"),
        (12345678.9, "12345678.9"),
        (4294967295.0, "4294967295"),
        (18446744073709.0, "18446744073709"),
        (1 / 3, "0.3333333333"),
        (100.0999984741211, "100.1"),  # what a float of 32 bits makes of 100.1
        (16777217.5, "16777217.5"),
        (0.00012, "0.00012"),
        (1e-30, "1e-30"),
        (1e300, "1e+300"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_is_shown_with_the_digits_that_it_has(value: float, text: str) -> None:
    assert shown(value) == text


def plant(links: dict[str, object], *devices: tuple[str, str, dict[str, object]]) -> Gateway:
    """One point behind each (name, link, more)."""
    sections = [{"name": name, "link": link, "stack": "s"} | more for name, link, more in devices]
    return parse({"site": "s", "links": links, "devices": sections}, Path())


HOST = {"host": "127.0.0.1"}
AT = {"name": "x", "at": 1, "unit": "mg/m3"}
INDEX = {"name": "x", "index": 1, "unit": "mg/m3"}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param(
            plant(
                {"a": {"protocol": "dnp3", **HOST}, "b": {"protocol": "dnp3", **HOST}},
                ("x", "a", {"address": 1, "points": [INDEX]}),
                ("y", "b", {"address": 2, "points": [INDEX]}),
            ),
            [],
            id="two outstations at one address of the network",
        ),
        pytest.param(
            plant(
                {"a": {"protocol": "dnp3", **HOST}, "b": {"protocol": "dnp3", **HOST}},
                ("x", "a", {"address": 1, "points": [INDEX]}),
                ("y", "b", {"address": 1, "points": [INDEX, INDEX | {"name": "z", "unit": "ppm"}]}),
            ),
            [
                "b: goes to 127.0.0.1:20000, outstation 1 as a does; are two connections meant?",
                "y: x and z are read from the same place: kind analog, index 1",
            ],
            id="one outstation twice",
        ),
        pytest.param(
            plant(
                {"a": {"protocol": "modbus", **HOST}},
                ("x", "a", {"points": [AT | {"type": "bit", "bit": bit, "name": f"b{bit}"} for bit in range(3)]}),
                ("y", "a", {"points": [AT, AT | {"name": "y", "type": "f32"}], "unit": 2}),
            ),
            [],
            id="bits of one register, and one register read in two ways",
        ),
        pytest.param(
            plant(
                {"a": {"protocol": "mqtt", **HOST}, "b": {"protocol": "mqtt", "host": "127.0.0.2"}},
                ("x", "a", {"points": [{"name": n, "topic": "t", "path": p, "unit": "1"} for n, p in ("ab", "cb")]}),
                ("y", "b", {"points": [{"name": n, "topic": "t", "path": n, "unit": "1"} for n in "ab"]}),
            ),
            ["x: a and c are read from the same place: path b, topic t"],
            id="one path of a topic twice",
        ),
        pytest.param(
            plant(
                {name: {"protocol": "opcua", "url": "opc.tcp://h:4840"} for name in "ab"},
                ("x", "a", {"points": [{"name": "x", "node": "ns=2;i=1", "unit": "1"}]}),
                ("y", "b", {"points": [{"name": "x", "node": "ns=2;i=1", "unit": "1"}]}),
            ),
            ["b: goes to opc.tcp://h:4840 as a does; are two connections meant?"],
            id="two sessions with one server",
        ),
    ],
)
def test_likely_mistakes_are_warned_of(config: Gateway, told: list[str]) -> None:
    assert list(warnings(config)) == told


def test_links_of_which_nobody_knows_where_they_go_are_not_the_same() -> None:
    two = plant(
        {"a": {"protocol": "modbus", **HOST}, "b": {"protocol": "modbus", **HOST}},
        ("x", "a", {"points": [AT]}),
        ("y", "b", {"points": [AT]}),
    )
    assert len(list(warnings(two))) == 1
    own = Link(protocol="own")
    assert list(warnings(replace(two, ways=tuple(replace(way, link=own) for way in two.ways)))) == []


def test_the_example_warns_of_nothing() -> None:
    assert list(warnings(load(stack.ROOT / "gateway" / "gateway.yml"))) == []
