"""What gateway.yml may say about MQTT, and what is told when it says something else."""

from __future__ import annotations

from typing import Any

import pytest

from greenops_core.errors import ConfigError
from greenops_gateway.mqtt.configuration import MqttDevice, MqttLink
from greenops_telemetry.configuration import convert

LINK = {"protocol": "mqtt", "host": "broker.plant"}
POINT = {"name": "so2", "unit": "mg/m3", "path": "so2"}
DEVICE = {"name": "cems", "link": "b", "stack": "s", "topic": "plant/cems", "points": [POINT]}
SPARKPLUG = {
    "name": "cems", "link": "b", "stack": "s", "payload": "sparkplug", "group": "g", "node": "n",
    "points": [{"name": "so2", "unit": "mg/m3"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "port", "level"),
    [
        ({}, 1883, 5),
        ({"version": "3.1.1"}, 1883, 4),
        ({"version": "5", "tls": {}}, 8883, 5),
        ({"port": 1900, "tls": {}}, 1900, 5),
    ],
)
def test_a_link_has_sensible_defaults(keys: dict[str, Any], port: int, level: int) -> None:
    link = convert({**LINK, **keys}, MqttLink)
    link.check()
    assert (link.at_port, link.level()) == (port, level)
    assert link.client("b") == link.client("b")
    assert link.client("b").startswith("greenops-b-")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"host": "mqtt://broker"}, r"host: 'mqtt://broker' is no host"),
        ({"version": 4}, r"version"),
        ({"client_id": ""}, r"client_id"),
        ({"password": "file:/dev/null"}, r"is empty"),
        ({"tls": {"certificate": "c.pem"}}, r"tls\.key: .* key is missing"),
        ({"tls": {"ca": "/no/ca.pem"}}, r"tls\.ca: cannot read /no/ca\.pem"),
        ({"host": "mqtt.plant:1883"}, r"the port apart, as port: 1883"),
        ({"keep_alive": "1d"}, r"keep_alive: 1d is not between"),
        ({"qos": 1}, r"qos"),
        ({"max_packet": "4GiB"}, r"max_packet: 4294967296 bytes are not between 1B and 268435455B"),
        ({"max_packet": "0B"}, r"max_packet: 0 bytes"),
    ],
)
def test_a_wrong_link_is_told(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        convert({**LINK, **keys}, MqttLink).check()


def test_a_password_needs_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "secret")
    with pytest.raises(ConfigError, match="password: a password goes with a user"):
        convert({**LINK, "password": "env:MQTT_PASSWORD"}, MqttLink).check()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"topic": ""}, r"points\[0\].topic: an empty topic|topic"),
        ({"topic": "a/#/b"}, r"topic: '#' stands alone"),
        ({"topic": "$share/g/a"}, r"topic: '\$share/g/a' would share its messages out"),
        ({"points": [{**POINT, "path": "a..b"}]}, r"points\[0\].path: 'a..b' is no path"),
        ({"points": [{"name": "so2", "unit": "mg/m3"}]}, r"points\[0\].path: where in the JSON"),
        ({"points": [{**POINT, "scale": 0}]}, r"points\[0\].scale: scale 0"),
        ({"points": [{**POINT, "scale": 2, "enum": {1: 1}}]}, r"points\[0\].scale: scale does nothing"),
        ({"points": [{**POINT, "enum": {}}]}, r"points\[0\].enum: an empty enum"),
        ({"time": {"path": "["}}, r"time.path: '\[' is no path"),
        ({"time": {"path": "t", "format": "unix_s"}}, r"time.format"),
        ({"quality": {"path": "q", "good": []}}, r"quality.good: no state is good"),
        ({"quality": {"path": "q", "good": [0], "reasons": {"calibration": [0]}}}, r"0 is listed as good too"),
        ({"alive": {"topic": "/+/alive"}}, r"alive.topic: .* without wildcards"),
        ({"payload": "plain"}, r"points\[0\].path: a plain payload is the number itself"),
        ({"payload": "plain", "time": {"path": "t"}, "points": [{"name": "a", "unit": "1"}]}, r"time: time is read"),
        (
            {"payload": "plain", "points": [{"name": "a", "unit": "1"}, {"name": "b", "unit": "1"}]},
            r"points\[0\].topic: a and b would be the same number",
        ),
        ({"group": "g"}, r"group: group goes with payload: sparkplug"),
    ],
)
def test_a_wrong_device_is_told(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        convert({**DEVICE, **keys}, MqttDevice).check()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"node": None}, r"payload: .* node is missing"),
        ({"group": "a/b"}, r"group: 'a/b' is no name in Sparkplug"),
        ({"topic": "x"}, r"topic: Sparkplug has its own rules"),
        ({"points": [{"name": "a", "unit": "1", "topic": "x"}]}, r"points\[0\].topic: Sparkplug has its own rules"),
    ],
)
def test_a_wrong_sparkplug_device_is_told(keys: dict[str, Any], said: str) -> None:
    convert(SPARKPLUG, MqttDevice).check()
    with pytest.raises(ConfigError, match=said):
        convert({**SPARKPLUG, **keys}, MqttDevice).check()


def test_what_is_subscribed_to_is_explained() -> None:
    link = convert(LINK, MqttLink)
    devices = (
        convert({**DEVICE, "time": {"path": "ts"}, "alive": {"topic": "alive"}}, MqttDevice),
        convert({**DEVICE, "name": "other", "topic": "plant/+"}, MqttDevice),
    )
    lines = list(link.explain(devices))
    assert lines[0] == "broker broker.plant:1883, MQTT 5, keep alive 30s"
    assert "subscribes to plant/+ with QoS 1" in lines
    assert "subscribes to plant/cems/alive with QoS 1" in lines
    assert list(devices[1].explain()) == [
        "json messages with the time of their arrival, QoS 0",
        "so2: mg/m3 from plant/+ at so2",
    ]


def test_a_guest_is_another_client_and_takes_no_messages_out_of_a_session() -> None:
    link = convert({**LINK, "client_id": "ours"}, MqttLink)
    assert link.guest().client("b") not in {"ours", link.client("b")}
    assert link.guest().session_expiry is None
    assert link.guest().client("b").startswith("ours-look-")
    assert link.guest().client("b") != link.guest().client("b")


def test_a_password_in_the_clear_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_PASSWORD", "secret")
    keys = {**LINK, "user": "ana", "password": "env:MQTT_PASSWORD"}
    assert any("note: without tls" in line for line in convert(keys, MqttLink).explain(()))
    assert not any("note" in line for line in convert({**keys, "tls": {}}, MqttLink).explain(()))


@pytest.mark.parametrize(
    ("keys", "warned"),
    [
        ({}, None),
        ({"qos": 1}, "warning: cems: what waits at the broker comes late with QoS 1, and without time: "),
        ({"qos": 1, "time": {"path": "ts"}}, None),
        ({"topic": "wide/cems"}, "warning: cems: wide/cems is in wide/#, so what waits at the broker comes late"),
        ({"topic": "wide/cems", "time": {"path": "ts"}}, None),
    ],
)
def test_what_may_come_late_without_a_time_is_warned_of(keys: dict[str, Any], warned: str | None) -> None:
    link = convert(LINK, MqttLink)
    wide = convert({**DEVICE, "name": "wide", "topic": "wide/#", "time": {"path": "ts"}}, MqttDevice)
    lines = [line for line in link.explain((convert({**DEVICE, **keys}, MqttDevice), wide)) if "warning" in line]
    assert [line.startswith(str(warned)) for line in lines] == ([] if warned is None else [True])


def test_what_a_sparkplug_device_subscribes_to_is_all_that_shares_its_sequence() -> None:
    assert convert(SPARKPLUG, MqttDevice).filters() == [("spBv1.0/g/+/n/#", 1)]
