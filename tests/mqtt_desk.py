"""Links and desks for tests of MQTT, an independent publisher, and a broker that does as it is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from greenops_core.sample import Sample
from greenops_gateway.mqtt.configuration import MqttDevice, MqttLink
from greenops_gateway.plugin import Batch, Desk, Event, Result
from greenops_gateway.point import series
from greenops_telemetry.configuration import convert

GRANTED = "20 03 00 00 00"
"""A CONNACK of MQTT 5 without a session, in hex."""


def link(port: int, **keys: Any) -> MqttLink:  # noqa: ANN401  # as in YAML
    """A checked link to a broker on loopback."""
    made = convert({"protocol": "mqtt", "host": "127.0.0.1", "port": port, **keys}, MqttLink)
    made.check()
    return made


def device(**keys: Any) -> MqttDevice:  # noqa: ANN401  # as in YAML
    """A checked device with one point ``v`` under the topic ``cems``, with its own time in ``ts``."""
    point = {"name": "v", "unit": "1", "path": "v"}
    usual = {"name": "cems", "link": "broker", "stack": "s", "topic": "cems", "points": [point], "time": {"path": "ts"}}
    made = convert({**usual, **keys}, MqttDevice)
    made.check()
    return made


@dataclass
class Told:
    """What a device's desk was told."""

    counts: Counter[Result] = field(default_factory=Counter)
    events: Counter[Event] = field(default_factory=Counter)
    downs: list[str] = field(default_factory=list)
    expiries: dict[str, float] = field(default_factory=dict)


def desk(of: MqttDevice) -> tuple[Desk[MqttDevice], Told]:
    told = Told()
    made = Desk(
        of,
        tuple(series("site", of, point) for point in of.points),
        lambda result: told.counts.update([result]),
        lambda event: told.events.update([event]),
        told.downs.append,
        told.expiries.__setitem__,
    )
    return made, told


def content(value: float, at: float | None = None) -> bytes:
    """The payload of ``device``."""
    return json.dumps({"v": value, "ts": round(1000 * (time.time() if at is None else at))}).encode()


async def first(batches: AsyncIterator[Batch], seconds: float = 5.0) -> Sequence[Sample]:
    """The first batch that holds something."""
    async with asyncio.timeout(seconds):
        async for batch in batches:
            if batch:
                return batch
    raise AssertionError("the stream ended")


@contextmanager
def publisher(port: int) -> Iterator[Callable[..., None]]:
    """Another make of client; what it gives publishes and waits for the broker's answer."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()

    def publish(topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        client.publish(topic, payload, qos, retain).wait_for_publish(5)

    try:
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    """A broker that does what *script* does with each connection; its port."""
    open_: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)
        await script(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)


def answering(answers: list[str], then: str) -> Script:
    """Send one answer (hex) after each thing that is heard, and at the end hang up or fall silent."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(4096)
            writer.write(bytes.fromhex(answer))
        if not answers or then == "falls silent":
            await reader.read(4096 if then == "hangs up" else -1)
        writer.close()

    return script
