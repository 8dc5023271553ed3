"""What a broker allows and when it delivers: subscriptions, what it kept for us, and how much is taken at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from greenops_core.errors import DeviceError
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.mqtt import packet, subscription
from greenops_gateway.mqtt.client import Identity, connected
from greenops_gateway.mqtt.driver import PLUGIN
from greenops_gateway.mqtt.packet import Publish
from greenops_gateway.plugin import Result
from mqtt_broker import broker
from mqtt_desk import GRANTED, answering, content, desk, device, first, link, publisher, scripted
from sparkplug_host import AT, GOOD, VALUES, Host, born, node, shown

connect = PLUGIN.connect


async def test_what_waited_is_in_doubt_until_the_broker_is_through(tmp_path: Path) -> None:
    """However slowly it comes; with a small window, most of it comes only when something was acknowledged."""
    with broker(tmp_path / "mosquitto", "max_inflight_messages 2") as mosquitto:
        to, _ = desk(device(time=None, qos=1, poll="1s"))
        here = link(mosquitto.port)
        async with connect(here, [to]):
            pass
        with publisher(mosquitto.port) as publish:
            for number in range(8):
                publish("cems", content(number))
            found: list[Sample] = []
            async with connect(here, [to]) as batches, asyncio.timeout(15):
                while len(found) < 8:
                    found += await first(batches)
                    if len(found) == 2:
                        await asyncio.sleep(0.6)  # more than half a poll
                assert {(each.quality, each.reason) for each in found} == {(Quality.UNCERTAIN, Reason.CLOCK)}
                assert not await anext(batches), "the answer to the ping"
                publish("cems", content(8))
                (now,) = await first(batches)
                assert (now.value, now.quality, now.reason) == (8, Quality.GOOD, Reason.NONE)


async def test_a_broker_that_wants_a_shorter_keep_alive_gets_it(tmp_path: Path) -> None:
    """Though it sends all the time: it counts what we send (MQTT 5, 3.2.2.3.14)."""
    with broker(tmp_path / "mosquitto", "max_keepalive 10") as mosquitto:
        to, _ = desk(device())
        here = link(mosquitto.port, client_id="ours")
        sender = Identity("sender", resume=False)
        async with (
            asyncio.timeout(8),
            connected(link(mosquitto.port, keep_alive="5s"), sender) as sending,
            connect(here, [to]) as batches,
        ):
            while "PINGREQ from ours" not in mosquitto.log:
                sending.publish("cems", content(1))
                assert await first(batches)
                await asyncio.sleep(0.1)


async def test_one_refused_subscription_takes_down_only_its_devices(caplog: pytest.LogCaptureFixture) -> None:
    (one, told), (other, told_other) = desk(device(name="one", topic="one")), desk(device(name="other", topic="other"))
    message = packet.publish(5, Publish("one", content(1))).hex()
    async with (
        scripted(answering([GRANTED, f"90 05 00 01 00 01 87 {message}"], "falls silent")) as port,
        connect(link(port), [one, other]) as batches,
    ):
        assert [each.labels[2] for each in await first(batches)] == ["one"]
    assert told_other.downs == [f"127.0.0.1:{port} refuses the subscription to 'other': not authorized"]
    assert (told.downs, told.counts, told_other.counts) == ([], {Result.OK: 1}, {Result.EXCEPTION: 1})
    assert not caplog.messages


async def test_one_refused_topic_of_a_device_is_told_while_the_others_live(caplog: pytest.LogCaptureFixture) -> None:
    to, told = desk(device(alive={"topic": "alive"}))
    message = packet.publish(5, Publish("cems", content(1))).hex()
    async with (
        scripted(answering([GRANTED, f"90 05 00 01 00 01 87 {message}"], "falls silent")) as port,
        connect(link(port), [to]) as batches,
    ):
        assert await first(batches)
    assert told.downs == []
    assert caplog.messages == [f"cems: 127.0.0.1:{port} refuses the subscription to 'cems/alive': not authorized"]


async def test_of_a_wide_refused_subscription_the_narrow_ones_are_asked_for() -> None:
    (wide, told_wide), (narrow, told) = desk(device(name="wide", topic="w/#")), desk(device(name="narrow", topic="w/a"))
    message = packet.publish(5, Publish("w/a", content(1))).hex()
    answers = [GRANTED, "90 04 00 01 00 87", f"90 04 00 02 00 01 {message}"]
    async with scripted(answering(answers, "falls silent")) as port, connect(link(port), [wide, narrow]) as batches:
        assert {each.labels[2] for each in await first(batches)} == {"wide", "narrow"}
    assert (len(told_wide.downs), told.downs) == (1, [])


async def test_a_refused_subscription_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "ASK_AGAIN", 1.0)
    (one, _), (other, told) = desk(device(name="one", topic="one")), desk(device(name="other", topic="other"))
    message = packet.publish(5, Publish("other", content(1))).hex()
    answers = [GRANTED, "90 05 00 01 00 01 87", f"90 04 00 02 00 01 {message}"]
    async with (
        scripted(answering(answers, "falls silent")) as port,
        connect(link(port, keep_alive="1m"), [one, other]) as batches,
    ):
        assert [each.labels[2] for each in await first(batches)] == ["other"]
    assert len(told.downs) == 1


async def test_a_broker_that_gives_less_than_was_asked_for_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    to, _ = desk(device())
    forgets = "20 08 00 00 05 11 00 00 00 3c"
    for _ in range(2):
        script = answering([forgets, "90 04 00 01 00 00"], "falls silent")
        async with scripted(script) as port, connect(link(port), [to]):
            pass
    less, short = caplog.messages
    assert "gives 'cems' only with QoS 0, not 1: what is sent while the gateway is away" in less
    assert "keeps messages for us only 1m, not the 1h of session_expiry" in short


async def test_what_is_held_is_taken_in_parts_and_acknowledged_in_parts() -> None:
    """So that a slow taker blocks nobody, and loses no more than a part of it when it dies."""
    count, acknowledged = 2500, bytearray()
    messages = b"".join(packet.publish(5, Publish("cems", content(n), 1, id=n + 1)) for n in range(count))

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (bytes.fromhex(GRANTED), bytes.fromhex("90 04 00 01 00 01") + messages):
            await reader.read(4096)
            writer.write(answer)
        while heard := await reader.read(65536):
            acknowledged.extend(heard)

    to, _ = desk(device())
    async with scripted(script) as port, connect(link(port), [to]) as batches, asyncio.timeout(5):
        values: list[float] = []
        await asyncio.sleep(0.2)
        while len(values) < count:
            batch = await anext(batches)
            await asyncio.sleep(0.01)
            assert bytes(acknowledged) == packet.pubacks([int(each) + 1 for each in values])
            assert len(batch) <= 1000
            values += [each.value for each in batch]
    assert values == list(range(count))


async def test_what_came_before_a_connection_was_lost_is_taken_though_a_birth_is_wanted() -> None:
    host, edge = Host(), node()
    births = [packet.publish(5, Publish(*each)) for each in born(edge)]
    edge.data("cems", VALUES, AT)  # lost
    data = [packet.publish(5, Publish(*edge.data("cems", VALUES, AT))) for _ in range(2)]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (bytes.fromhex(GRANTED), bytes.fromhex("90 04 00 01 00 01") + b"".join(births)):
            await reader.read(4096)
            writer.write(answer)
        await asyncio.sleep(0.1)
        writer.write(b"".join(data))
        writer.close()

    async with scripted(script) as port, connect(link(port), host.desks) as batches, asyncio.timeout(5):
        found = list(await first(batches))
        host.desks[0].kept.clear()  # long after the last request
        await asyncio.sleep(0.3)
        found += await first(batches)
        assert shown(found) == GOOD * 3
        with pytest.raises(DeviceError, match="closed the connection"):
            await first(batches)


async def test_a_session_that_another_program_left_is_told(tmp_path: Path) -> None:
    with broker(tmp_path / "mosquitto") as mosquitto:
        theirs = paho.Client(CallbackAPIVersion.VERSION2, client_id="same", clean_session=False)
        theirs.connect("127.0.0.1", mosquitto.port)
        theirs.subscribe("cems", 2)
        for _ in range(20):
            theirs.loop(0.02)
        theirs.disconnect()
        with publisher(mosquitto.port) as publish:
            publish("cems", content(1), 2)
        to, _ = desk(device())
        with pytest.raises(
            DeviceError, match=r"another program used client_id same and left .* give the link a client_id"
        ):
            async with connect(link(mosquitto.port, client_id="same"), [to]) as batches:
                await first(batches)
