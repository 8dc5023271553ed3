"""The driver against a real broker, and against brokers that misbehave."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from greenops_core.errors import DeviceError
from greenops_core.sample import Quality, Reason
from greenops_gateway.mqtt.client import MOST_HELD, Identity, connected
from greenops_gateway.mqtt.driver import PLUGIN
from greenops_gateway.plugin import Event, Result
from mqtt_broker import Broker, broker
from mqtt_desk import GRANTED, answering, content, desk, device, first, link, publisher, scripted
from stack import ROOT

PATHS = os.pathsep.join(str(ROOT / each) for each in ("tests", "deploy/local"))
VERSIONS = pytest.mark.parametrize("version", [5, "3.1.1"])
connect = PLUGIN.connect


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "mosquitto") as made:
        yield made


@VERSIONS
async def test_what_another_client_publishes_becomes_samples(mosquitto: Broker, version: object) -> None:
    to, told = desk(device())
    async with connect(link(mosquitto.port, version=version), [to]) as batches:
        with publisher(mosquitto.port) as publish:
            publish("cems", content(12.5, at=1_795_000_000.25))
            (sample,) = await first(batches)
    assert (sample.value, sample.at, sample.quality) == (12.5, 1_795_000_000.25, Quality.GOOD)
    assert told.counts == {Result.OK: 1}


@VERSIONS
async def test_what_was_not_taken_over_comes_again_and_what_was_does_not(mosquitto: Broker, version: object) -> None:
    to, _ = desk(device())
    here = link(mosquitto.port, version=version)
    with publisher(mosquitto.port) as publish:
        async with connect(here, [to]) as batches:
            publish("cems", content(1))
            assert [each.value for each in await first(batches)] == [1]  # and we die before the next is asked for
        async with connect(here, [to]) as batches:
            assert [each.value for each in await first(batches)] == [1]
            publish("cems", content(2))
            assert [each.value for each in await first(batches)] == [2]  # asking for it took over the one before
        async with connect(here, [to]) as batches:
            assert [each.value for each in await first(batches)] == [2]


READER = """
import asyncio, sys
from greenops_gateway.mqtt.driver import PLUGIN
from mqtt_desk import desk, device, first, link

async def main():
    async with PLUGIN.connect(link(int(sys.argv[1]), client_id="ours"), [desk(device())[0]]) as batches:
        print("ready", flush=True)
        print([each.value for each in await first(batches, 20)], flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_gateway_that_is_killed_between_receipt_and_taking_over_loses_nothing(mosquitto: Broker) -> None:
    command = (sys.executable, "-c", READER, str(mosquitto.port))
    environment = {**os.environ, "PYTHONPATH": PATHS}
    reader = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=environment)
    assert reader.stdout is not None
    async with asyncio.timeout(20):
        assert await reader.stdout.readline() == b"ready\n"
        with publisher(mosquitto.port) as publish:
            publish("cems", content(7))
        assert await reader.stdout.readline() == b"[7.0]\n"
        reader.kill()
        await reader.wait()
    to, _ = desk(device())
    async with connect(link(mosquitto.port, client_id="ours"), [to]) as batches:
        assert [each.value for each in await first(batches)] == [7]


@VERSIONS
async def test_nothing_is_lost_though_the_connection_ends_again_and_again(mosquitto: Broker, version: object) -> None:
    dice, count = random.Random(7), 600
    to, told = desk(device())
    here = link(mosquitto.port, version=version)
    async with connect(here, [to]):
        pass
    seen: set[float] = set()

    def send() -> None:
        with publisher(mosquitto.port) as publish:
            for number in range(count):
                publish("cems", content(number))

    sending = asyncio.create_task(asyncio.to_thread(send))
    async with asyncio.timeout(20):
        while len(seen) < count:
            async with connect(here, [to]) as batches:
                taken: list[float] = []
                async for batch in batches:
                    seen.update(taken)  # asking for this one took over the one before
                    taken = [each.value for each in batch]
                    if dice.random() < 0.1 or len(seen) + len(taken) >= count:
                        break
                if not sending.done() or len(seen | set(taken)) < count:
                    continue
                seen.update(taken)
    await sending
    assert seen == set(range(count))
    assert set(told.counts) == {Result.OK}


async def test_a_broker_that_is_killed_and_started_again_delivers_what_was_not_taken_over(tmp_path: Path) -> None:
    with broker(tmp_path / "mosquitto", "persistence true") as mosquitto:
        to, told = desk(device())
        here = link(mosquitto.port)
        async with connect(here, [to]) as batches:
            with publisher(mosquitto.port) as publish:
                publish("cems", content(1))
            (one,) = await first(batches)
            mosquitto.save()
            mosquitto.kill()
            with pytest.raises(DeviceError, match="closed the connection"):
                await first(batches)
        with pytest.raises(DeviceError, match=r"cannot connect to 127.0.0.1:\d+: Connection refused"):
            async with connect(here, [to]):
                pass
        mosquitto.start()
        async with connect(here, [to]) as batches:
            assert await first(batches) == [one]
    assert told.counts[Result.CONNECT] == 1


@VERSIONS
async def test_a_kept_value_is_never_of_now(mosquitto: Broker, version: object) -> None:
    now = round(time.time())
    fresh, told = desk(device(name="fresh", topic="fresh", poll="1h"))
    old, told_old = desk(device(name="old", topic="old"))
    bare, told_bare = desk(device(name="bare", topic="bare", time=None))
    with publisher(mosquitto.port) as publish:
        publish("bare", content(3), retain=True)
        publish("old", content(2, at=1_700_000_000), retain=True)
        publish("fresh", content(1, at=now), retain=True)
    for time_ in (1, 2):  # on a new connection they come once more
        async with connect(link(mosquitto.port, version=version), [fresh, old, bare]) as batches, asyncio.timeout(5):
            found = []
            async for batch in batches:
                found += [(each.value, each.at) for each in batch]
                if found and told_old.events[Event.RETAINED] >= told_bare.events[Event.RETAINED] == time_:
                    break
        assert set(found) == {(1, now)}
    assert not told.events


async def test_a_message_that_waited_and_has_no_time_is_not_good(mosquitto: Broker) -> None:
    to, _ = desk(device(time=None, qos=1, poll="1s"))
    async with connect(link(mosquitto.port), [to]):
        pass
    with publisher(mosquitto.port) as publish:
        publish("cems", content(1))
    async with connect(link(mosquitto.port), [to]) as batches:
        (sample,) = await first(batches)
    assert (sample.quality, sample.reason) == (Quality.UNCERTAIN, Reason.CLOCK)


async def test_a_message_for_no_point_is_acknowledged_all_the_same(mosquitto: Broker, caplog: Any) -> None:  # noqa: ANN401  # pytest's own
    here = link(mosquitto.port, client_id="same")
    before, _ = desk(device(topic="of/before"))
    async with connect(here, [before]):
        pass
    to, told = desk(device())
    with publisher(mosquitto.port) as publish:
        async with connect(here, [to]) as batches:
            publish("of/before", content(1))
            publish("cems", content(2))
            await first(batches)
            publish("cems", content(3))
            await first(batches)
        assert told.events == {Event.STRANGER: 1}
        async with connect(here, [to]) as batches:
            await first(batches)
    assert told.events == {Event.STRANGER: 1}
    assert "topic of/before, which no device asks for" in caplog.text


async def test_the_last_will_of_a_device_says_that_it_is_gone(mosquitto: Broker) -> None:
    to, told = desk(device(alive={"topic": "alive"}))
    async with connect(link(mosquitto.port), [to]) as batches:
        with publisher(mosquitto.port) as publish:
            publish("cems/alive", b"offline")
            publish("cems", content(1))
            await first(batches)
    assert told.downs == ["its broker says 'offline'"]


@VERSIONS
async def test_a_wrong_password_is_told(tmp_path: Path, version: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIGHT", "right")
    monkeypatch.setenv("WRONG", "wrong")
    with broker(tmp_path / "mosquitto", users={"ana": "right"}) as mosquitto:
        to, told = desk(device())
        here = link(mosquitto.port, version=version, client_id="me", user="ana", password="env:RIGHT")
        async with connect(here, [to]):
            pass
        for keys, who in (({"user": "ana", "password": "env:WRONG"}, "user ana"), ({}, "a client without a user")):
            with pytest.raises(DeviceError, match=rf"refuses {who} with client_id me: .*(not authori[sz]ed|bad user)"):
                async with connect(link(mosquitto.port, version=version, client_id="me", **keys), [to]):
                    pass
    assert told.counts == {Result.CONNECT: 2}


@pytest.mark.parametrize(
    ("version", "said"),
    [(5, "another client uses client_id twin; give each its own"), ("3.1.1", "another client use client_id twin")],
)
async def test_a_second_client_with_the_same_name_is_told(mosquitto: Broker, version: object, said: str) -> None:
    to, _ = desk(device())
    here = link(mosquitto.port, version=version, client_id="twin")
    async with connect(here, [to]) as batches, connect(here, [to]):
        with pytest.raises(DeviceError, match=said):
            await first(batches)


async def test_a_slow_taker_costs_no_memory_and_no_message(tmp_path: Path) -> None:
    count, size = 10_000, 1000
    with broker(tmp_path / "mosquitto", "max_inflight_messages 0") as mosquitto:
        here = link(mosquitto.port, receive_maximum=65535, keep_alive="2s", timeout="1s")
        async with connected(here, Identity("slow"), interval=0.2) as client:
            await client.subscribe([("load", 1)])

            async def send() -> None:
                async with connected(here, Identity("sender", resume=False)) as sender:
                    for number in range(count):
                        sender.publish("load", number.to_bytes(4, "big") + bytes(size), 1)
                        if number % 500 == 499:
                            await sender.settled()

            await send()
            await asyncio.sleep(2.5)  # longer than the watchdog's patience: nothing is heard while nothing is read
            assert not client.transport.is_reading()
            seen: list[int] = []
            largest = 0
            async with asyncio.timeout(10):
                while len(seen) < count:
                    arrived = await client.received() or []
                    held = sum(len(message.payload) for _, messages in arrived for message in messages)
                    largest = max(largest, held)
                    seen += [int.from_bytes(message.payload[:4], "big") for _, found in arrived for message in found]
                    client.acknowledge(arrived)
    assert seen == list(range(count))
    assert largest < 1.2 * MOST_HELD


async def test_a_quiet_broker_gives_signs_of_life_and_a_silent_device_is_told(mosquitto: Broker) -> None:
    to, told = desk(device(poll="1s", stale_after="1s"))
    here = link(mosquitto.port, keep_alive="1s")
    async with connect(here, [to]) as batches, asyncio.timeout(6):
        signs = 0
        async for batch in batches:
            assert not batch
            signs += 1
            if told.downs:
                break
    assert signs > 0
    assert told.downs == ["no message for 1 s, though the broker is there"]


@pytest.mark.parametrize(
    ("answers", "then", "said"),
    [
        ([], "falls silent", "took the connection but gives no answer to CONNECT within 300ms"),
        (
            [],
            "hangs up",
            "closed the connection instead of an answer to CONNECT; does it want TLS, or speak only MQTT 3.1.1",
        ),
        (["20 02 00 01"], "hangs up", r"does not speak MQTT 5 \(unacceptable protocol version\); write version: 3.1.1"),
        (["20 03 00 84 00"], "hangs up", r"does not speak MQTT 5 \(unsupported protocol version\)"),
        (["20 03 00 88 00"], "hangs up", "refuses a client without a user with client_id me: server unavailable"),
        (["48 54 54 50 2f 31 2e 31"], "hangs up", "sends no MQTT 5: no packet for a client begins with 0x48"),
        (["d0 00"], "hangs up", "closed the connection instead of an answer"),
        (["30 04 00 01 61 00"], "hangs up", "a message that nobody asked for"),
        ([GRANTED], "falls silent", "gives no answer to SUBSCRIBE within 300ms"),
        ([GRANTED, "90 05 00 01 00 01 01"], "hangs up", "answers 2 of 1 subscriptions"),
        ([GRANTED, "90 04 00 01 00 87"], "hangs up", "refuses the subscription to 'cems': not authorized"),
        ([GRANTED, "40 02"], "hangs up", "closed the connection"),
        ([GRANTED, GRANTED], "hangs up", "breaks the rules of MQTT: Connack out of turn"),
        ([GRANTED, "e0 02 8b 00"], "hangs up", "ended the connection: server shutting down"),
        ([GRANTED, "30 ff ff 7f"], "hangs up", "raise max_packet"),
        ([GRANTED, "90 04 00 01 00 01"], "falls silent", "is silent: no answer within 300ms to a ping"),
        ([GRANTED, "90 04 00 01 00 01 30 20 00 04"], "hangs up", "closed the connection"),
    ],
)
async def test_a_broker_that_misbehaves_is_left_with_a_word(answers: list[str], then: str, said: str) -> None:
    to, _ = desk(device())
    begun = time.perf_counter()
    async with scripted(answering(answers, then)) as port:
        here = link(port, client_id="me", timeout="300ms", connect_timeout="300ms", keep_alive="1s")
        with pytest.raises(DeviceError, match=said):
            async with connect(here, [to]) as batches:
                await first(batches)
    assert time.perf_counter() - begun < 5


async def test_a_name_that_leads_nowhere_is_told() -> None:
    to, _ = desk(device())
    with pytest.raises(DeviceError, match=r"cannot connect to no-such-host\.invalid:1883: "):
        async with connect(link(1883, host="no-such-host.invalid"), [to]):
            pass
