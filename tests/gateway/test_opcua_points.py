"""Links, devices and points of OPC UA as they are written, and what becomes of a status and a time. No socket."""

from __future__ import annotations

import math
import uuid
from pathlib import Path

import pytest
from asyncua.ua.status_codes import get_name_and_doc
from hypothesis import example, given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_core.sample import Quality, Reason
from greenops_gateway.opcua import status
from greenops_gateway.opcua.address import NodeAddress, address
from greenops_gateway.opcua.codec import Item, ticks
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink
from greenops_gateway.opcua.source import Source, plain, samples
from greenops_gateway.point import series
from greenops_telemetry.configuration import convert

NOW = 1_780_000_000.0
FRESH = ticks(NOW - 1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ns=2;s=Stack.SO2", NodeAddress(2, "s", "Stack.SO2")),
        ("ns=2;s=a;b=c", NodeAddress(2, "s", "a;b=c")),
        ("i=2258", NodeAddress(0, "i", 2258)),
        ("nsu=http://vendor.example/UA/;i=7", NodeAddress("http://vendor.example/UA/", "i", 7)),
        (
            "ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a",
            NodeAddress(1, "g", uuid.UUID("09087e75-8e5e-499b-954f-f2a9603db28a")),
        ),
        ("ns=1;b=AAE=", NodeAddress(1, "b", b"\0\1")),
    ],
)
def test_a_node_id_is_read_as_it_is_written(text: str, found: NodeAddress) -> None:
    assert address(text) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Stack.SO2", "is no node id; write for example ns=2;s=Stack.SO2"),
        ("ns=two;s=x", "is no node id; write for example"),
        ("ns=2;s=", "is no node id; write for example"),
        ("ns=70000;s=x", "a namespace index is 0 to 65535"),
        ("ns=2;i=x", "i= takes a whole number"),
        ("i=4294967296", "i= takes a whole number"),
        ("g=1234", "g= takes a GUID"),
        ("b=?", "b= takes base64"),
        ("s=" + 5000 * "x", "s= takes 1 to 4096 characters"),
    ],
)
def test_what_names_no_node_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        address(text)


def test_a_namespace_is_found_by_its_name() -> None:
    assert address("nsu=urn:b;i=1").index(["urn:a", "urn:b"]) == 1
    assert address("nsu=urn:c;i=1").index(["urn:a", "urn:b"]) is None
    assert address("ns=5;i=1").index([]) == 5


def test_the_names_of_status_codes_are_the_standard_s() -> None:
    named = (
        {code: judged.name for code, judged in status.TABLE.items()} | dict(status.TOO_MUCH) | dict(status.NO_FILTER)
    )
    assert {code: get_name_and_doc(code)[0] for code in named} == named


@pytest.mark.parametrize(
    ("code", "quality", "reason"),
    [
        pytest.param(0x80050000, Quality.BAD, Reason.COMMUNICATION, id="communication error"),
        pytest.param(0x808C0000, Quality.BAD, Reason.DEVICE_FAULT, id="sensor failure"),
        pytest.param(0x80340000, Quality.BAD, Reason.DEVICE_EXCEPTION, id="node unknown"),
        pytest.param(0x80990000, Quality.BAD, Reason.DEVICE_EXCEPTION, id="a bad one that is not listed"),
        pytest.param(0x40990000, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN, id="an uncertain one that is not listed"),
        pytest.param(0x00A60000, Quality.GOOD, Reason.NONE, id="a good one that is not listed"),
        pytest.param(0xC0000000, Quality.BAD, Reason.DECODE, id="the severity that is none"),
        pytest.param(0x40940480, Quality.UNCERTAIN, Reason.RANGE, id="with flags"),
    ],
)
def test_every_code_has_a_meaning(code: int, quality: Quality, reason: Reason) -> None:
    assert status.judgement(code)[1:] == (quality, reason)


@pytest.mark.parametrize("state", list(Reason))
def test_a_state_is_read_as_it_is_told(state: Reason) -> None:
    reason = status.judgement(status.code(state)).reason
    assert reason is (state if state in status.CODES else Reason.MAINTENANCE)


def device(**point: object) -> OpcUaDevice:
    given = {"name": "a", "unit": "1", "node": "ns=2;s=x", **point}
    found = convert({"name": "d", "link": "l", "stack": "s", "points": [given]}, OpcUaDevice)
    found.check()
    return found


def source(*, by_server: bool = False, **point: object) -> Source:
    config = device(**point)
    return Source(series("p", config, config.points[0]), config.points[0].meaning(), config.points[0].index, by_server)


NONE = Reason.NONE


@pytest.mark.parametrize(
    ("item", "value", "quality", "reason"),
    [
        pytest.param((20.5, 0, FRESH, 0), 20.5, Quality.GOOD, NONE, id="a number"),
        pytest.param((True, 0, FRESH, 0), 1.0, Quality.GOOD, NONE, id="true is one"),
        pytest.param((7, 0, FRESH, 0), 7.0, Quality.GOOD, NONE, id="a whole number"),
        pytest.param((None, 0, FRESH, 0), math.nan, Quality.BAD, Reason.DECODE, id="nothing"),
        pytest.param((math.nan, 0, FRESH, 0), math.nan, Quality.BAD, Reason.SENTINEL, id="not a number"),
        pytest.param((-999.0, 0, FRESH, 0), math.nan, Quality.BAD, Reason.SENTINEL, id="the sentinel"),
        pytest.param((20.5, 0x80310000, FRESH, 0), math.nan, Quality.BAD, Reason.COMMUNICATION, id="bad with a value"),
        pytest.param((-999.0, 0x40000000, FRESH, 0), math.nan, Quality.BAD, Reason.SENTINEL, id="uncertain sentinel"),
        pytest.param((20.5, 0, ticks(NOW + 100), 0), 20.5, Quality.UNCERTAIN, Reason.CLOCK, id="from the future"),
        pytest.param((20.5, 0, ticks(9.0), 0), 20.5, Quality.UNCERTAIN, Reason.CLOCK, id="from 1970"),
        pytest.param((20.5, 0, -5, 0), 20.5, Quality.UNCERTAIN, Reason.CLOCK, id="from before the calendar"),
        pytest.param((20.5, 0, ticks(NOW + 10), 0), 20.5, Quality.GOOD, NONE, id="a little ahead"),
    ],
)
def test_a_sample_says_what_the_server_said(item: Item, value: float, quality: Quality, reason: Reason) -> None:
    sample = source(sentinel=-999).sample(item, NOW)
    assert (sample.quality, sample.reason) == (quality, reason)
    assert sample.value == value or math.isnan(value)


@pytest.mark.parametrize(
    ("stamps", "by_server", "at"),
    [
        pytest.param((ticks(NOW - 5), ticks(NOW - 1)), False, NOW - 5, id="the source's"),
        pytest.param((0, ticks(NOW - 1)), False, NOW - 1, id="the server's where there is none of the source"),
        pytest.param((0, 0), False, NOW, id="when it came, where there is none"),
        pytest.param((ticks(NOW - 5), ticks(NOW - 1)), True, NOW - 1, id="the server's when wanted"),
        pytest.param((ticks(NOW - 5), 0), True, NOW - 5, id="the source's where there is none of the server"),
        pytest.param((ticks(NOW + 500), 0), False, NOW, id="when it came, when the stamp cannot be"),
    ],
)
def test_a_sample_has_the_time_of_its_measurement(stamps: tuple[int, int], by_server: bool, at: float) -> None:  # noqa: FBT001  # a case
    assert source(by_server=by_server).sample((1.0, 0, *stamps), NOW).at == pytest.approx(at)


NUMBERS = st.floats() | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.sampled_from([0, -999, -999.0, 3, 1e-30])
STATUSES = st.sampled_from([0, 0x0480, 0x40900000])
STAMPS = st.sampled_from([0, -5, ticks(9.0), FRESH, ticks(NOW + 59), ticks(NOW + 61)])
WRITTEN = st.sampled_from(
    [
        {},
        {"scale": 0.1, "offset": -5, "unit": "degC"},
        {"scale": 1e300},
        {"scale": 2, "offset": 1e308},
        {"sentinel": [-999, 0]},
        {"enum": {3: 1}},
        {"index": 1},
    ]
)


@given(
    st.tuples(
        NUMBERS | st.none() | st.tuples(NUMBERS, NUMBERS), st.sampled_from([0, 0x0480, 0x40900000]), STAMPS, STAMPS
    ),
    WRITTEN,
    st.booleans(),
)
@example((0.0, 0, FRESH, 0), {"enum": {3: 1}}, False)
@example((-999, 0, FRESH, 0), {"sentinel": [-999]}, False)
def test_many_samples_at_once_are_what_each_would_be(item: Item, point: dict[str, object], by_server: bool) -> None:  # noqa: FBT001  # a case
    one = source(by_server=by_server, **point)
    assert repr(samples([plain(one)], [item], NOW)) == repr([one.sample(item, NOW)])


def test_an_element_of_an_array_and_a_listed_state_are_read() -> None:
    assert source(index=1).sample(((1.0, 2.0), 0, 0, 0), NOW).value == 2
    assert source(index=2).sample(((1.0, 2.0), 0, 0, 0), NOW).reason is Reason.DECODE
    assert source(index=0).sample((1.0, 0, 0, 0), NOW).reason is Reason.DECODE
    assert source().sample(((1.0,), 0, 0, 0), NOW).reason is Reason.DECODE
    assert source(enum={3: 1}).sample((3, 0, 0, 0), NOW).value == 1


@pytest.mark.parametrize(
    ("point", "says"),
    [
        ({"node": "x"}, r"points\[0\]\.node: 'x' is no node id"),
        ({"scale": 0}, r"points\[0\]\.scale: scale 0 makes a false zero"),
        ({"offset": math.inf}, r"points\[0\]\.offset: inf makes no number"),
        ({"enum": {}}, r"points\[0\]\.enum: an empty enum"),
        ({"enum": {1: math.nan}}, r"points\[0\]\.enum\[1\]: nan makes no number"),
        ({"enum": {1: 1}, "scale": 2}, r"points\[0\]\.scale: scale does nothing beside enum"),
        ({"unit": "furlong"}, r"points\[0\]\.unit: unknown unit"),
    ],
)
def test_a_point_that_means_nothing_is_refused(point: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        device(**point)


def link(**more: object) -> OpcUaLink:
    found = convert({"protocol": "opcua", "url": "opc.tcp://10.0.0.5", **more}, OpcUaLink)
    found.check()
    return found


OWN = {"policy": "Basic256Sha256", "certificate": __file__, "key": __file__}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"url": "http://10.0.0.5"}, "url: .* is no address of a server; write for example opc.tcp://"),
        ({"url": "opc.tcp://"}, "url: .* is no address"),
        ({"url": "opc.tcp://x:99999"}, "url: .* is no address"),
        ({"url": "opc.tcp://me:secret@x"}, "url: user and password stand under identity"),
        ({"security": {"policy": "none", "key": "k"}}, "security.key: policy none protects nothing, so key"),
        ({"security": {"policy": "Basic256Sha256"}}, "security.certificate: policy Basic256Sha256 needs"),
        ({"security": OWN}, "security.trust: which server is believed"),
        (
            {"security": {**OWN, "trust": ["x"], "accept_any_server": True}},
            "any server is accepted, so trust does nothing",
        ),
        ({"security": {**OWN, "trust": [__file__, "/nowhere"]}}, r"security.trust\[1\]: there is no file /nowhere"),
        ({"security": {**OWN, "key": "/nowhere", "trust": [__file__]}}, "security.key: there is no file"),
        ({"identity": {}}, "identity: write user and password, or certificate and key"),
        ({"identity": {"user": "me"}}, "identity.password: user and password go together"),
        ({"identity": {"certificate": __file__}}, "identity.key: certificate and key go together"),
        ({"identity": {"user": "me", "key": __file__}}, "identity: a user with a password or a certificate"),
    ],
)
def test_a_link_that_cannot_be_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        link(**given)


def test_a_link_explains_itself_and_warns(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("secret")
    identity = {"user": "me", "password": f"file:{tmp_path / 'p'}"}
    explained = list(link(identity=identity).explain((device(),)))
    assert explained[0] == "server opc.tcp://10.0.0.5, one session for 1 device"
    assert "warning: without security the password may be read on the way" in explained
    assert not any("secret" in line for line in explained)
    secured = list(link(security={**OWN, "accept_any_server": True}).explain(()))
    assert "warning: accept_any_server: whoever answers at this address is believed" in secured
    assert link().place == ("10.0.0.5", 4840)
    assert list(device(index=1, scale=2, sentinel=[1], range=[0, 5]).explain()) == [
        "time of a value: its source's",
        "a: 1 from ns=2;s=x, element 1, scale 2, sentinel 1, range [0, 5]",
    ]


def test_a_hint_says_where_to_look() -> None:
    config = device()
    assert "does the node exist" in config.hint("a", Reason.DEVICE_EXCEPTION)
    assert "picked by index" in config.hint("a", Reason.DECODE)
    assert "timestamp: server" in config.hint("a", Reason.STALE)
    assert config.hint("a", Reason.RANGE) == config.hint("b", Reason.DECODE) == ""
