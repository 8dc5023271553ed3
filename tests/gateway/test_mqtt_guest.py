"""A look at a broker beside a running gateway, which must not notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import yaml

from greenops_gateway.commissioning import read
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.link import way
from greenops_gateway.plugin import Batch
from greenops_gateway.tools import Scan, load
from mqtt_broker import broker
from mqtt_desk import content, desk, publisher

MESSAGES = 45


def configured(port: int) -> dict[str, object]:
    """Two links to one broker, whose client_ids are given."""
    link = {"protocol": "mqtt", "host": "127.0.0.1", "port": port, "client_id": "gateway"}
    point = {"name": "v", "unit": "1", "path": "v"}
    device = {"name": "a", "link": "l", "stack": "s", "topic": "cems", "time": {"path": "ts"}, "points": [point]}
    links = {"l": link, "m": link | {"client_id": "other"}}
    return {"site": "demo-plant", "links": links, "devices": [device, device | {"name": "b", "link": "m"}]}


async def looks(config: Gateway, file: Path) -> None:
    """Read, probe and scan."""
    found = await read(config, 5)
    assert [(reading.device, reading.quality) for reading in found] == [("a", "good"), ("b", "good")]
    tools = load("mqtt")
    scanned = await tools.scan(way("l", file).link, Scan(seconds=0.5), lambda _, __: None)
    assert [each.name for each in scanned] == ["cems"]
    looked = way("l", file)
    async for finding in tools.probe(looked.link, looked.devices):
        assert finding.well, finding


async def test_a_look_costs_a_running_gateway_no_connection_and_no_sample(tmp_path: Path) -> None:
    with broker(tmp_path) as mosquitto:
        raw = configured(mosquitto.port)
        file = tmp_path / "gateway.yml"
        file.write_text(yaml.safe_dump(raw))
        config = parse(raw, tmp_path)
        taken: list[float] = []
        ours = config.ways[0]
        to, _ = desk(ours.devices[0])  # type: ignore[arg-type]  # they are of MQTT

        async def take(batches: AsyncIterator[Batch]) -> None:
            async for batch in batches:
                taken.extend(sample.value for sample in batch)

        def send() -> None:
            with publisher(mosquitto.port) as publish:
                for number in range(MESSAGES):
                    publish("cems", content(number))
                    time.sleep(0.1)

        async with asyncio.timeout(30), ours.protocol.connect(ours.link, [to]) as batches:
            running, sending = asyncio.create_task(take(batches)), asyncio.create_task(asyncio.to_thread(send))
            await looks(config, file)
            await sending
            while len(taken) < MESSAGES:
                assert not running.done()
                await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.wait([running])
        assert taken == [float(number) for number in range(MESSAGES)]
        assert "already connected" not in mosquitto.log
