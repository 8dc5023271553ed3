"""Commissioning of MQTT, each tool with a real broker: simulate, probe, scan."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from greenops_core.errors import ConfigError, DeviceError
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.mqtt.configuration import MqttDevice
from greenops_gateway.mqtt.driver import PLUGIN
from greenops_gateway.mqtt.simulator import messages
from greenops_gateway.mqtt.tools import TOOLS
from greenops_gateway.plugin import Event
from greenops_gateway.point import Device
from greenops_gateway.tools import Finding, Scan
from greenops_telemetry.configuration import convert
from mqtt_broker import Broker, broker
from mqtt_desk import GRANTED, answering, desk, device, link, publisher, scripted
from stack import free_port

GOOD = {"path": "meta.state", "good": ["OK"], "reasons": {"calibration": ["CAL"]}}
JSON = device(
    name="cems",
    topic="plant/cems",
    poll="100ms",
    time={"path": "meta.at", "format": "rfc3339"},
    quality=GOOD,
    alive={"topic": "alive"},
    points=[
        {"name": "so2", "unit": "mg/m3", "path": "gas[1].value", "scale": 0.5, "offset": 1},
        {"name": "pump", "unit": "1", "path": '"a.b"', "enum": {"OFF": 0, "RUN": 1}},
    ],
)
PLAIN = device(
    name="flow",
    topic="plant/flow",
    payload="plain",
    time=None,
    poll="100ms",
    points=[{"name": "flow", "unit": "m3/s", "topic": "value"}, {"name": "on", "unit": "1", "topic": "on"}],
)
SPARKPLUG = convert(
    {
        "name": "edge", "link": "broker", "stack": "s", "payload": "sparkplug", "group": "g", "node": "n",
        "poll": "100ms", "sparkplug_device": "d", "points": [{"name": "no", "unit": "ppm", "path": "gas/no"}],
    },
    MqttDevice,
)  # fmt: skip
VALUES = {"so2": 12.5, "pump": 1.0, "flow": 3.25, "on": 1.0, "no": 7.0}


@dataclass
class Plant:
    """Measures always the same; devices can be unplugged and put into calibration."""

    states: dict[str, Reason] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def values(self, device: Device, now: float) -> Mapping[str, float]:  # noqa: ARG002  # it measures always the same
        return {point.name: VALUES[point.name] for point in device.points}

    def state(self, device: Device, now: float) -> Reason:  # noqa: ARG002  # changed by the test, not by time
        return self.states.get(device.name, Reason.NONE)

    def answers(self, device: Device, now: float) -> bool:  # noqa: ARG002  # same
        return device.name not in self.gone


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "mosquitto") as made:
        yield made


async def test_simulated_devices_are_read_as_the_plant_measures(mosquitto: Broker) -> None:
    here, plant = link(mosquitto.port), Plant()
    (cems, told), (flow, _), (edge, _) = desk(JSON), desk(PLAIN), desk(SPARKPLUG)
    seen: dict[str, Sample] = {}
    async with (
        asyncio.timeout(15),
        PLUGIN.connect(here, [cems, flow, edge]) as batches,
        TOOLS.simulate(here, [JSON, PLAIN, SPARKPLUG], plant) as where,
    ):
        assert where == f"publishing to the broker at 127.0.0.1:{mosquitto.port}"
        async for batch in batches:
            seen |= {sample.labels[-1]: sample for sample in batch}
            if seen.keys() == VALUES.keys():
                break
        assert {name: sample.value for name, sample in seen.items()} == VALUES
        assert {sample.quality for sample in seen.values()} == {Quality.GOOD}
        plant.states["cems"] = Reason.CALIBRATION
        async for batch in batches:
            if any(sample.reason is Reason.CALIBRATION for sample in batch):
                break
        plant.gone.add("cems")
        async for _ in batches:
            if told.downs:
                break
        plant.gone.clear()
        plant.states.clear()
        async for batch in batches:
            if any(sample.labels[-1] == "so2" and sample.quality is Quality.GOOD for sample in batch):
                break
    assert told.downs == ["its broker says 'offline'"]
    assert told.events[Event.DEATH] == 1


async def test_without_a_broker_the_simulator_says_how_to_start_one() -> None:
    port = free_port()
    with pytest.raises(ConfigError, match=rf"cannot connect to .* for example: mosquitto -p {port}"):
        async with TOOLS.simulate(link(port), [JSON], Plant()):
            pass


def test_what_a_point_cannot_be_is_not_simulated() -> None:
    ((_, content),) = messages(JSON, {"so2": float("nan"), "pump": 7.0}, Reason.MAINTENANCE, 1_795_000_000.5)
    assert json.loads(content) == {
        "gas": [None, {"value": None}],
        "a.b": None,
        "meta": {"state": "CAL", "at": "2026-11-18T11:06:40.500000+00:00"},
    }
    assert messages(PLAIN, {"flow": float("nan"), "on": 1.0}, Reason.NONE, 0) == [("plant/flow/on", b"1.0")]


async def _probed(mosquitto: Broker, *devices: MqttDevice, version: object = 5) -> dict[str, Finding]:
    async with asyncio.timeout(20):
        return {each.what: each async for each in TOOLS.probe(link(mosquitto.port, version=version), devices)}


async def test_probe_tells_limits_and_what_came_for_each_point(tmp_path: Path) -> None:
    lost = device(
        name="lost",
        topic="plant/cems",
        time={"path": "at"},
        points=[
            {"name": "so2", "unit": "mg/m3", "path": "gas[1].valu"},
            {"name": "q", "unit": "1", "topic": "/no/where", "path": "q"},
        ],
    )
    with broker(tmp_path / "mosquitto", "max_inflight_messages 33", "max_qos 1") as mosquitto:
        async with TOOLS.simulate(link(mosquitto.port), [JSON, PLAIN, SPARKPLUG], Plant()):
            found = await _probed(mosquitto, JSON, PLAIN, SPARKPLUG, lost)
    assert "accepts MQTT 5 after" in found["connect"].seen
    assert (found["highest QoS"].seen, found["messages in flight"].seen) == ("1", "33")
    assert found["cems: so2"] == Finding("cems: so2", "12.5 mg/m3")
    assert found["cems: pump"] == Finding("cems: pump", "1 1")
    assert found["flow: flow"] == Finding("flow: flow", "3.25 m3/s")
    assert found["edge: no"].well
    assert "leads to nothing" in found["lost: so2"].seen
    assert 'last payload \'{"gas":' in found["lost: so2"].seen
    assert found["lost: so2"].advice == "did you mean path: gas[1].value?"
    assert found["lost: q"].seen == "no message under no/where"
    assert not found["lost: q"].well


async def test_probe_says_what_stands_in_the_way() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        here = link(deaf.getsockname()[1], connect_timeout="300ms")
        found = [each async for each in TOOLS.probe(here, [JSON])]
    assert [(each.what, each.well) for each in found] == [("connect", False)]
    assert "gives no answer to CONNECT" in found[0].seen


async def test_probe_tells_a_clock_that_is_wrong(mosquitto: Broker) -> None:
    with publisher(mosquitto.port) as publish:
        publish("cems", b'{"v": 1, "ts": 1700000000}', retain=True)
    found = await _probed(mosquitto, device(), version="3.1.1")
    assert not found["cems: v"].well
    assert "s behind" in found["cems: v"].seen
    assert found["cems: v"].advice == "set the device's clock, or see time: is it in unix_ms?"


@pytest.mark.parametrize(
    ("suback", "seen", "well"),
    [
        ("90 05 00 01 00 00 01", "gives 'cems' only with QoS 0, not 1", True),
        ("90 05 00 01 00 87 01", "refuses the subscription to 'cems': not authorized", True),
        ("90 05 00 01 00 87 87", "refuses the subscription to 'cems': not authorized", False),
    ],
)
async def test_probe_tells_what_the_broker_makes_of_a_subscription(suback: str, seen: str, well: bool) -> None:  # noqa: FBT001  # a table
    """What is refused is told, and what is not is listened to all the same."""
    async with asyncio.timeout(10), scripted(answering([GRANTED, suback], "falls silent")) as port:
        here = link(port, keep_alive="10s")
        found = [each async for each in TOOLS.probe(here, [device(), device(name="b", topic="b")])]
    (told,) = [each for each in found if each.what == "subscribe" and "cems" in each.seen]
    assert seen in told.seen
    assert not told.well
    assert any(each.what == "listen" for each in found) == well


async def test_scan_says_what_the_broker_refuses() -> None:
    async with scripted(answering([GRANTED, "90 04 00 01 00 87"], "falls silent")) as port:
        with pytest.raises(DeviceError, match="refuses the subscription to '#': not authorized"):
            await TOOLS.scan(link(port), Scan(seconds=0.2), lambda share, what: None)  # noqa: ARG005  # nobody looks


async def test_scan_finds_the_numbers_of_every_topic(mosquitto: Broker) -> None:
    progress: list[float] = []
    listening = asyncio.Event()

    def told(share: float, what: str) -> None:  # noqa: ARG001  # the words are for people
        progress.append(share)
        listening.set()

    here = link(mosquitto.port)
    wanted = Scan(within=None, seconds=1.0)
    async with asyncio.timeout(20):
        scanning = asyncio.ensure_future(TOOLS.scan(here, wanted, told))
        await listening.wait()
        async with TOOLS.simulate(here, [JSON, PLAIN, SPARKPLUG], Plant()):
            found = {each.name: each for each in await scanning}
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert set(found) == {"plant-cems", "plant-flow", "spBv1.0-g-DBIRTH-n-d"}
    cems = found["plant-cems"].profile
    assert cems["time"] == {"path": "meta.at", "format": "rfc3339"}
    assert [point["path"] for point in cems["points"]] == ["gas[1].value"]
    assert found["plant-flow"].seen == "plain numbers: on 1.0, value 3.25"
    assert found["spBv1.0-g-DBIRTH-n-d"].profile["points"] == [{"name": "gas-no", "unit": "1", "path": "gas/no"}]
    for each in found.values():  # a profile to start from is one that can be used
        keys = {key: value for key, value in each.profile.items() if key not in {"protocol", "about"}}
        convert({"name": "new", "link": "b", "stack": "s", **keys}, MqttDevice).check()


async def test_a_scan_of_nothing_says_so(mosquitto: Broker) -> None:
    with pytest.raises(DeviceError, match=r"nothing came under 'no/#' in 0.2 s"):
        await TOOLS.scan(link(mosquitto.port), Scan(within="no/#", seconds=0.2), lambda share, what: None)  # noqa: ARG005  # nobody looks
    with pytest.raises(ConfigError, match="cannot listen there: '#' stands alone"):
        await TOOLS.scan(link(mosquitto.port), Scan(within="#/no"), lambda share, what: None)  # noqa: ARG005  # same
