"""Sparkplug B over a real broker: the driver on one side, an edge node on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from greenops_core.sample import Sample
from greenops_gateway.mqtt.client import Client, Identity, connected
from greenops_gateway.mqtt.configuration import MqttLink
from greenops_gateway.mqtt.driver import PLUGIN
from greenops_gateway.mqtt.packet import Will
from greenops_gateway.mqtt.sparkplug_node import EdgeNode
from greenops_gateway.plugin import Event, Result
from greenops_telemetry.configuration import convert
from mqtt_broker import Broker, broker
from sparkplug_host import AT, GOOD, VALUES, Host, born, node, shown

PATIENCE = 5.0
# Written by pysparkplug 0.3.2: a birth with bdSeq, flow (Int16, alias 1), so2 (Float, alias 2); data by alias, -2 and
# 21.5; the death.
BIRTH = bytes.fromhex(
    "08fbd095ffbc3112120a05626453657118fbd095ffbc312004580712210a144e6f646520436f6e74726f6c2f5265626972746818fbd095ffbc"
    "31200b700012150a04666c6f77100118fbd095ffbc31200250ffff0312150a03736f32100218fbd095ffbc312009650000a4411800"
)
DATA = bytes.fromhex("08e3d895ffbc31120d100118e3d895ffbc3150feff03120e100218e3d895ffbc31650000ac411801")
DEATH = bytes.fromhex("08fbd095ffbc3112120a05626453657118fbd095ffbc3120045807")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "mosquitto") as running:
        yield running


def link(server: Broker, version: str = "5") -> MqttLink:
    return convert({"protocol": "mqtt", "host": "127.0.0.1", "port": server.port, "version": version}, MqttLink)


class Gateway:
    """The driver at work, and what it gave."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.samples: list[Sample] = []

    def taken(self) -> list[Sample]:
        """What came since the last call."""
        found, self.samples = self.samples, []
        return found


@asynccontextmanager
async def gateway(link: MqttLink, host: Host) -> AsyncIterator[Gateway]:
    made = Gateway(host)
    async with PLUGIN.connect(link, host.desks) as batches:

        async def read() -> None:
            async for batch in batches:
                made.samples += batch

        task = asyncio.create_task(read())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def station(link: MqttLink, edge: EdgeNode) -> AsyncIterator[Client]:
    """An edge node's connection, with its will, that answers requests for a birth."""
    will = edge.will()
    who = Identity("shelter", resume=False, will=Will(will.topic, will.payload))
    async with connected(link, who) as client:
        await client.subscribe([(edge.commands, 1)])

        async def serve() -> None:
            while True:
                for _, messages in await client.received() or ():
                    for message in messages:
                        if edge.asked(message.topic, message.payload):
                            for each in born(edge):
                                client.publish(*each)

        task = asyncio.create_task(serve())
        try:
            yield client
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(seen: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not seen():  # noqa: ASYNC110  # nobody tells when
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_gateway_that_comes_late_asks_and_reads(server: Broker, version: str) -> None:
    edge = node()
    async with station(link(server, version), edge) as client:
        for each in born(edge):
            client.publish(*each)
        async with gateway(link(server, version), Host()) as reader:
            await until(lambda: len(reader.samples) == 2)
            assert shown(reader.taken()) == GOOD
            assert reader.host.events == {Event.REBIRTH: 1}

            client.publish(*edge.data("cems", VALUES, AT))
            await until(lambda: len(reader.samples) == 2)
            assert shown(reader.taken()) == GOOD
            assert reader.host.results == {Result.OK: 2}


async def test_a_node_whose_cable_is_pulled_is_down_until_its_next_birth(server: Broker) -> None:
    edge = node()
    async with gateway(link(server), Host()) as reader:
        async with station(link(server), edge) as client:
            for each in born(edge):
                client.publish(*each)
            await until(lambda: len(reader.samples) == 2)
            late = edge.will()
            client.abort()
        await until(lambda: reader.host.downs)
        assert reader.host.downs == ["edge node plant/shelter is gone (NDEATH)"]
        assert reader.host.events[Event.DEATH] == 1

        edge.renew()
        reader.taken()
        async with station(link(server), edge) as client:
            for each in [*born(edge), late, edge.data("cems", VALUES, AT)]:
                client.publish(*each)
            await until(lambda: len(reader.samples) == 4)
        assert shown(reader.taken()) == GOOD + GOOD
        assert reader.host.events[Event.DEATH] == 1, "the late death of the older session counts for nothing"


async def test_a_lost_message_is_noticed_and_the_node_is_born_again(server: Broker) -> None:
    edge = node()
    async with gateway(link(server), host := Host()) as reader, station(link(server), edge) as client:
        for each in born(edge):
            client.publish(*each)
        await until(lambda: len(reader.samples) == 2)
        host.desks[0].kept.clear()  # long after the first request
        edge.data("cems", VALUES, AT)  # lost
        client.publish(*edge.data("cems", VALUES, AT))

        await until(lambda: len(reader.samples) == 6)
        assert shown(reader.taken()) == GOOD * 3
        assert host.events == {Event.REBIRTH: 2, Event.SEQUENCE_GAP: 1}

        client.publish(*edge.data("cems", VALUES, AT))
        await until(lambda: len(reader.samples) == 2)
        assert host.events[Event.SEQUENCE_GAP] == 1


async def test_an_edge_node_of_another_make_is_read(server: Broker) -> None:
    points = [{"name": "flow", "unit": "m3/s"}, {"name": "so2", "unit": "mg/m3"}]
    async with (
        gateway(link(server), Host({"sparkplug_device": None, "points": points})) as reader,
        connected(link(server), Identity("other", resume=False)) as client,
    ):
        for kind, payload, qos in (("NBIRTH", BIRTH, 0), ("NDATA", DATA, 0), ("NDEATH", DEATH, 1)):
            client.publish(f"spBv1.0/plant/{kind}/shelter", payload, qos)
        await until(lambda: reader.host.downs)

    assert [(sample.labels[-1], sample.value, sample.at) for sample in reader.samples] == [
        ("flow", -1, AT + 0.123),
        ("so2", 20.5, AT + 0.123),
        ("flow", -2, AT + 1.123),
        ("so2", 21.5, AT + 1.123),
    ]
    assert reader.host.events == {Event.REBIRTH: 1, Event.DEATH: 1}
