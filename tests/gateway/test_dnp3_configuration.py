"""What may stand in gateway.yml of a DNP3 link and its outstation, and what is said of mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from dnp3_peer import device, link
from greenops_core.errors import ConfigError
from greenops_core.sample import Reason
from greenops_gateway.dnp3.configuration import REQUEST, Dnp3Device, Dnp3Link, Dnp3Point, Read, requests, runs
from greenops_gateway.dnp3.flags import Kind
from greenops_telemetry.configuration import convert

DEVICE = {"name": "rtu", "link": "l", "stack": "s1", "address": 10, "points": [{"name": "p", "unit": "1", "index": 0}]}


def made(**more: Any) -> Dnp3Device:  # noqa: ANN401  # any key of the section
    found = convert({**DEVICE, **more}, Dnp3Device)
    found.check()
    return found


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({"host": "10.0.0.1:20000"}, ("host",), "the port apart, as port: 20000"),
        ({"port": 0}, ("port",), ""),
        ({"address": 65520}, ("address",), ""),
        ({"tls": {"ca": "/no/ca.pem"}}, ("tls", "ca"), "cannot read /no/ca.pem"),
        ({"tls": {}}, ("tls", "ca"), "ca is missing"),
    ],
)
def test_a_wrong_link_is_told(keys: dict[str, Any], path: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        convert({"protocol": "dnp3", "host": "rtu.example", **keys}, Dnp3Link).check()
    assert raised.value.path == path
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({"static": {"analog": 7}}, ("static", "analog"), "g30v7 does not exist; known: 0, 1, 2, 3, 4, 5, 6"),
        ({"static": {"analogue": 5}}, ("static", "analogue"), "analog"),
        ({"classes": [0]}, ("classes", 0), ""),
        ({"classes": [], "refresh": "10s"}, ("classes",), "nothing is read at a poll"),
        ({"refresh": "100ms"}, ("refresh",), "100ms is shorter than poll (1s)"),
        ({"integrity": "100ms"}, ("integrity",), "100ms is shorter than poll (1s)"),
        ({"refresh": "1m", "stale_after": "30s"}, ("stale_after",), "shorter than refresh (1m)"),
        ({"points": [{"name": "p", "unit": "1", "index": 65536}]}, ("points", 0, "index"), ""),
        ({"points": [{"name": "p", "unit": "1", "index": 0, "kind": "anolog"}]}, ("points", 0, "kind"), "analog"),
        ({"points": [{"name": "p", "unit": "1", "index": 0, "scale": 0}]}, ("points", 0, "scale"), "false zero"),
        ({"points": [{"name": "p", "unit": "1", "index": 0, "enum": {}}]}, ("points", 0, "enum"), "empty enum"),
        (
            {"points": [{"name": "p", "unit": "1", "index": 0, "enum": {0: 1.0}, "offset": 2}]},
            ("points", 0, "offset"),
            "does nothing beside enum",
        ),
        (
            {"points": [{"name": "p", "unit": "1", "index": 0, "offset": float("inf")}]},
            ("points", 0, "offset"),
            "makes no number",
        ),
    ],
)
def test_a_wrong_device_is_told(keys: dict[str, Any], path: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        made(**keys)
    assert raised.value.path == path
    assert words in raised.value.message


def test_the_address_of_the_outstation_must_be_given() -> None:
    with pytest.raises(ConfigError, match="address"):
        convert({key: given for key, given in DEVICE.items() if key != "address"}, Dnp3Device)


def test_a_link_has_one_outstation() -> None:
    link(1).check_devices((device(),))
    with pytest.raises(ConfigError, match="write a link for each"):
        link(1).check_devices((device(), device(name="other")))


@pytest.mark.parametrize(
    ("keys", "seconds"),
    [({}, 3.0), ({"poll": "10s"}, 30.0), ({"refresh": "1m"}, 180.0), ({"stale_after": "7s"}, 7.0)],
)
def test_a_value_is_fresh_for_three_readings_of_present_values(keys: dict[str, Any], seconds: float) -> None:
    assert made(**keys).freshness() == seconds


def test_neighbours_are_read_together_and_nothing_else() -> None:
    points = (
        *(Dnp3Point(name=f"a{index}", unit="1", index=index) for index in (4, 3, 9, 300, 301)),
        Dnp3Point(name="b", unit="1", kind="binary", index=7),
    )
    assert device(points=points).present() == (
        Read(30, 5, (3, 4)),
        Read(30, 5, (9, 9)),
        Read(30, 5, (300, 301)),
        Read(1, 0, (7, 7)),
    )


def test_scattered_points_are_read_with_all_others_of_their_kind() -> None:
    scattered = tuple(Dnp3Point(name=f"p{index}", unit="1", index=index) for index in range(0, 400, 2))
    assert device(points=scattered).present() == (Read(30, 5),)


def test_what_is_too_long_for_one_request_is_read_in_several() -> None:
    kinds: tuple[Kind, ...] = ("analog", "binary", "counter")
    scattered = tuple(
        Dnp3Point(name=f"{kind}{index}", unit="1", kind=kind, index=index)
        for kind in kinds
        for index in range(200, 400, 2)
    )
    given = device(points=scattered)
    parts = list(requests(given.present()))
    assert [read for part in parts for read in part] == list(given.present())
    assert max(2 + sum(read.octets for read in part) for part in parts) <= REQUEST
    assert len(parts) == 8
    assert "every 200ms: " in (line := list(given.explain())[2])
    assert line.endswith(" (in 8 requests)")


def test_events_are_read_by_class_or_in_a_variation_of_ones_own() -> None:
    assert device().changes((1, 3)) == (Read(60, 2), Read(60, 4))
    assert device(events={"analog": 7}, classes=()).changes(()) == (Read(32, 7),)


def test_what_is_read_is_explained() -> None:
    text = list(made(refresh="10s", unsolicited=False).explain())
    assert text[0] == "outstation address 10"
    assert "every 1s: class 1, class 2, class 3" in text
    assert "every 10s: g30v5 0-0" in text
    assert "unsolicited events are turned off" in text
    assert text[-1] == "p: 1 from analog 0"
    assert next(link(20000).explain((device(),))) == "host 127.0.0.1, port 20000, master address 1"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.DEVICE_EXCEPTION, "no such point as g30v5; look for its index by scan, or try static: {analog: 0}"),
        (Reason.DEVICE_UNCERTAIN, "events: {analog: 7}"),
        (Reason.CLOCK, "trust_time: false"),
        (Reason.RANGE, ""),
    ],
)
def test_hints_say_what_to_look_at(reason: Reason, words: str) -> None:
    assert words in made().hint("p", reason)


def test_runs_of_nothing_are_none() -> None:
    assert list(runs([])) == []
