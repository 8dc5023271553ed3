"""The simulated edge node, as the host application sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.mqtt.configuration import MqttLink
from greenops_gateway.mqtt.driver import PLUGIN
from greenops_gateway.mqtt.sparkplug_node import Message, Simulation
from greenops_gateway.mqtt.sparkplug_payload import Holder, Metric, Payload, decode, encode
from greenops_gateway.mqtt.tools import TOOLS
from greenops_gateway.plugin import Event
from greenops_gateway.point import Device
from greenops_telemetry.configuration import convert
from mqtt_broker import broker
from sparkplug_host import AT, Host, shown

POINTS = [
    {"name": "so2", "unit": "mg/m3", "path": "gas/so2", "scale": 0.1, "offset": -5},
    {"name": "door", "unit": "1", "path": "bits", "bit": 0},
    {"name": "pump", "unit": "1", "path": "bits", "bit": 3},
    {"name": "mode", "unit": "1", "enum": {7: 1, 8: 2}},
]
MEASURED = {"so2": 20.5, "door": 1.0, "pump": 1.0, "mode": 2.0}
GOOD = [(name, value, Quality.GOOD, Reason.NONE) for name, value in MEASURED.items()]


class Bench:
    """A plant on which cables are pulled and states are set by hand."""

    def __init__(self) -> None:
        self.pulled: set[str] = set()
        self.said = Reason.NONE
        self.measured = dict(MEASURED)

    def values(self, device: Device, now: float) -> Mapping[str, float]:  # noqa: ARG002  # a Plant
        return self.measured

    def state(self, device: Device, now: float) -> Reason:  # noqa: ARG002  # a Plant
        return self.said

    def answers(self, device: Device, now: float) -> bool:  # noqa: ARG002  # a Plant
        return device.name not in self.pulled


class Room:
    """A host application, and the simulation it hears."""

    def __init__(self, *devices: Mapping[str, object]) -> None:
        self.host = Host(*({"points": POINTS, **each} for each in devices or [{}]))
        self.bench = Bench()
        self.simulation = Simulation([desk.device for desk in self.host.desks], self.bench)
        self.simulation.node.renew()

    def birth(self) -> list[Sample]:
        return self.take(self.simulation.birth(AT))

    def tick(self) -> list[Sample]:
        return self.take(self.simulation.tick(AT))

    def take(self, messages: Sequence[Message]) -> list[Sample]:
        return self.host.take(*messages)


def in_order(samples: Sequence[Sample]) -> list[tuple[str, float, Quality, Reason]]:
    return sorted(shown(samples), key=lambda each: list(MEASURED).index(each[0]))


@pytest.mark.parametrize("of", [{}, {"sparkplug_device": None}])
def test_the_host_reads_what_the_plant_measures(of: Mapping[str, object]) -> None:
    room = Room(of)

    assert in_order(room.birth()) == GOOD
    assert in_order(room.tick()) == GOOD
    assert room.host.events == {}


def test_a_value_that_nothing_stands_for_is_null() -> None:
    room = Room()
    room.bench.measured |= {"mode": 5.0, "so2": float("nan")}

    found = {sample.labels[-1]: (sample.quality, sample.reason) for sample in room.birth()}

    assert found["mode"] == found["so2"] == (Quality.BAD, Reason.SENTINEL)
    assert found["door"] == (Quality.GOOD, Reason.NONE)


def test_a_device_that_does_not_measure_says_so() -> None:
    room = Room()
    room.birth()
    room.bench.said = Reason.CALIBRATION

    assert {sample.quality for sample in room.tick()} == {Quality.BAD}


def test_a_pulled_device_dies_alone_and_is_born_again() -> None:
    room = Room({"name": "a", "sparkplug_device": "a"}, {"name": "b", "sparkplug_device": "b"})
    room.birth()
    room.bench.pulled.add("a")

    assert {sample.labels[2] for sample in room.tick()} == {"b"}
    assert room.host.downs == ["device 'a' of edge node plant/shelter is gone, says its edge node (DDEATH)"]
    assert room.simulation.connected(AT)
    assert room.tick()
    assert room.host.events == {Event.DEATH: 1}
    room.bench.pulled.clear()
    assert {sample.labels[2] for sample in room.tick()} == {"a", "b"}
    assert room.host.sent == []


def test_the_nodes_own_cable_is_its_connection() -> None:
    room = Room({"sparkplug_device": None})

    assert room.simulation.connected(AT)
    room.bench.pulled.add("analyser")
    assert not room.simulation.connected(AT)


def test_a_request_for_a_birth_is_answered_and_nothing_else_is() -> None:
    room = Room()
    room.birth()
    room.host.again().tick(room.host.now)
    ((topic, payload, _),) = room.host.sent

    births = room.simulation.take(topic, payload, AT)

    assert [decode(each.payload).seq for each in births] == [0, 1]
    assert in_order(room.take(births)) == GOOD
    other = Metric("Node Control/Reboot", holder=Holder.BOOLEAN, raw=1)
    assert room.simulation.take(topic, encode(Payload((other,))), AT) == []
    assert room.simulation.take(topic, b"\0", AT) == []
    assert room.simulation.take("spBv1.0/plant/DCMD/shelter/cems", payload, AT) == []


async def test_the_simulator_and_the_driver_meet_at_a_broker(tmp_path: Path) -> None:
    room = Room({"poll": "200ms"}, {"name": "own", "sparkplug_device": None, "poll": "200ms"})
    with broker(tmp_path / "mosquitto") as server:
        link = convert({"protocol": "mqtt", "host": "127.0.0.1", "port": server.port}, MqttLink)
        found: set[str] = set()
        async with (
            TOOLS.simulate(link, [desk.device for desk in room.host.desks], room.bench),
            PLUGIN.connect(link, room.host.desks) as batches,
            asyncio.timeout(10),
        ):
            async for batch in batches:
                found |= {sample.labels[2] for sample in batch}
                if len(found) == 2:
                    room.bench.pulled.add("own")
                if len(room.host.downs) == 2:
                    break
    assert room.host.downs == ["edge node plant/shelter is gone (NDEATH)"] * 2
