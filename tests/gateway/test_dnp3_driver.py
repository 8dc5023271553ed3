"""The DNP3 driver against outstations of two makes, over real sockets: what comes, and in which order."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import time

import pytest

from dnp3_peer import (
    Office,
    Wire,
    database,
    device,
    fails,
    has,
    program,
    reading,
    requests,
    settled,
    simulated,
    until,
    value,
    when,
)
from greenops_core.duration import Duration
from greenops_core.sample import Quality, Reason
from greenops_gateway.dnp3.configuration import Dnp3Point
from greenops_gateway.dnp3.flags import Kind
from greenops_gateway.plugin import Event, Result
from greenops_gateway.schedule import BEGUN, SLOT
from stack import free_port


async def test_present_values_come_at_once_and_with_every_poll() -> None:
    async with simulated() as outstation:
        office = Office(device())
        async with reading(outstation.port, office) as batches:
            await until(batches, has("p2", 2.25))
            samples = await until(batches, lambda samples: len(samples) >= 9)
    assert [value(sample) for sample in samples] == 3 * [("p0", 0.25), ("p1", 1.25), ("p2", 2.25)]
    assert {sample.quality for sample in samples} == {Quality.GOOD}
    assert {samples[index + 3].at > samples[index].at for index in range(6)} == {True}
    assert office.events == [Event.RESTART]
    assert set(office.counts) == {Result.OK}


async def test_events_come_unsolicited_with_the_devices_time() -> None:
    async with simulated() as outstation:
        office = Office(device(poll=3600))
        async with reading(outstation.port, office) as batches:
            await settled(batches, office)
            asked, went = office.counts[Result.OK], time.time()
            outstation.update(1, 77.5, at=went - 0.5)
            samples = await until(batches, has("p1", 77.5))
    assert office.counts[Result.OK] == asked
    assert samples[-1].at == pytest.approx(went - 0.5, abs=0.002)
    assert samples[-1].quality is Quality.GOOD


async def test_events_come_by_polling_where_unsolicited_ones_are_turned_off() -> None:
    async with simulated() as outstation:
        office = Office(device(poll=0.3, unsolicited=False, refresh=Duration(60)))
        async with reading(outstation.port, office) as batches:
            await settled(batches, office)
            outstation.update(0, 10.5)
            outstation.update(0, 11.5)
            samples = await until(batches, has("p0", 11.5))
    assert [value(sample) for sample in samples] == [("p0", 10.5), ("p0", 11.5)]


async def test_only_the_classes_asked_for_are_polled() -> None:
    async with simulated() as outstation:
        office = Office(device(unsolicited=False, classes=(2,), refresh=Duration(60)))
        async with reading(outstation.port, office) as batches:
            await settled(batches, office)
            outstation.update(0, 10.5)
            outstation.update(1, 11.5)
            samples = await until(batches, has("p1", 11.5))
    assert [value(sample) for sample in samples] == [("p1", 11.5)]


@pytest.mark.parametrize(
    ("flags", "quality", "reason"),
    [
        (0x01, Quality.GOOD, Reason.NONE),
        (0x02, Quality.BAD, Reason.WARM_UP),
        (0x04, Quality.BAD, Reason.COMMUNICATION),
        (0x11, Quality.UNCERTAIN, Reason.FORCED),
        (0x21, Quality.BAD, Reason.RANGE),
        (0x41, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN),
    ],
)
async def test_flags_arrive_as_quality(flags: int, quality: Quality, reason: Reason) -> None:
    async with simulated(points=1) as outstation:
        outstation.update(0, 12.75, flags)
        async with reading(outstation.port, Office(device(1))) as batches:
            samples = await until(batches, lambda samples: len(samples) >= 2)
    assert {(sample.quality, sample.reason) for sample in samples} == {(quality, reason)}
    assert all(math.isnan(sample.value) == (quality is Quality.BAD) for sample in samples)


async def test_a_point_that_the_device_does_not_have_is_bad_and_the_others_are_good() -> None:
    points = (Dnp3Point(name="p0", unit="mg/m3", index=0), Dnp3Point(name="none", unit="mg/m3", index=99))
    async with simulated() as outstation, reading(outstation.port, Office(device(points))) as batches:
        samples = await until(batches, lambda samples: any(sample.quality is Quality.BAD for sample in samples))
    assert value(samples[0]) == ("p0", 0.25)
    assert (samples[-1].labels[3], samples[-1].reason) == ("none", Reason.DEVICE_EXCEPTION)


async def test_a_request_that_is_too_long_for_a_fragment_is_sent_in_parts() -> None:
    kinds: tuple[Kind, ...] = ("analog", "binary", "counter")
    points = tuple(
        Dnp3Point(name=f"{kind}{index}", unit="1", kind=kind, index=index)
        for kind in kinds
        for index in range(300, 500, 2)
    )
    async with simulated() as outstation, Wire(outstation.port).running() as wire:
        office = Office(device(points))
        async with reading(wire.port, office) as batches:
            samples = await until(batches, lambda samples: len(samples) >= len(points))
    assert {sample.labels[3] for sample in samples} == {point.name for point in points}
    assert {sample.reason for sample in samples} == {Reason.DEVICE_EXCEPTION}
    assert max(map(len, requests(bytes(wire.sent)))) <= 249


async def test_all_scattered_points_come_in_one_poll() -> None:
    port = free_port()
    points = tuple(Dnp3Point(name=f"p{index}", unit="mg/m3", index=index) for index in range(0, 200, 2))
    with program("opendnp3", port, 200):
        office = Office(device(points))
        async with reading(port, office) as batches:
            await settled(batches, office)
            samples = await until(batches, lambda samples: len(samples) >= 200)
    assert {value(sample) for sample in samples} == {(f"p{index}", index + 0.25) for index in range(0, 200, 2)}


async def test_a_request_that_cannot_be_written_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenops_gateway.dnp3.configuration.REQUEST", 100_000)
    kinds: tuple[Kind, ...] = ("analog", "binary", "counter", "double_bit")
    points = tuple(
        Dnp3Point(name=f"{kind}{index}", unit="1", kind=kind, index=index)
        for kind in kinds
        for index in range(300, 500, 2)
    )
    async with simulated() as outstation:
        said = await fails(outstation.port, Office(device(points)))
    assert said == "a request to outstation 1024 is longer than a fragment may be"


async def test_a_half_open_connection_is_found_between_two_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenops_gateway.dnp3.driver.GRACE", 0.2)
    port = free_port()
    with program("opendnp3", port, 3) as outstation:
        office = Office(device(poll=3600))
        quick = {"keep_alive": Duration(0.1), "timeout": Duration(0.6)}
        told = asyncio.create_task(fails(port, office, **quick))
        await when(lambda: office.counts[Result.OK] >= 5)
        await asyncio.sleep(1.3)
        assert not told.done()
        outstation.process.send_signal(signal.SIGSTOP)
        assert "sends nothing and answers no link status request (keep_alive 100ms)" in await told
    assert office.counts[Result.TIMEOUT] == 0


async def test_an_outstation_that_falls_silent_is_given_up() -> None:
    async with simulated() as outstation:
        office = Office(device(poll=0.1))
        told = asyncio.create_task(fails(outstation.port, office, timeout=Duration(0.5)))
        await when(lambda: office.counts[Result.OK] >= 5)
        outstation.station.answers = False
        assert await told == "outstation 1024 did not answer a request for present values"
    assert office.counts[Result.TIMEOUT] == 1


async def test_a_poll_that_was_interrupted_is_made_up_for_over_the_next_connection() -> None:
    async with simulated() as outstation:
        office = Office(device(poll=3600))
        async with reading(outstation.port, office) as batches:
            await until(batches, lambda _: office.counts[Result.OK] == 4)  # the stack's own requests
            outstation.station.answers = False
            waiting = asyncio.ensure_future(anext(batches))
            await when(lambda: BEGUN in office.kept)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert SLOT not in office.kept
        outstation.station.answers = True
        async with reading(outstation.port, office) as batches:
            await until(batches, lambda _: SLOT in office.kept)


async def test_a_wrong_address_is_said_to_be_possible() -> None:
    async with simulated() as outstation:
        office = Office(device(address=7))
        said = await fails(outstation.port, office, timeout=Duration(0.3))
    assert said == "outstation 7 did not answer its requests; is its address 7 right, and this master's?"


async def test_a_stalled_wire_is_given_up_and_a_new_connection_works() -> None:
    async with simulated() as outstation, Wire(outstation.port).running() as wire:
        office = Office(device(poll=0.1))
        told = asyncio.create_task(fails(wire.port, office, timeout=Duration(0.5)))
        await when(lambda: office.counts[Result.OK] >= 5)
        wire.flows.clear()
        assert "did not answer" in await told
        wire.drop()
        wire.flows.set()
        async with reading(wire.port, office) as batches:
            await until(batches, has("p0", 0.25))


async def test_garbage_is_no_value_and_no_crash() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                writer.write(bytes(range(256)) + b"\x05\x64\xff\x44")
                await asyncio.sleep(0.01)
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        office = Office(device())
        said = await fails(server.sockets[0].getsockname()[1], office, timeout=Duration(0.5))
    assert "did not answer" in said


async def test_a_host_that_takes_no_connection_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        first.connect(full.getsockname())
        said = await fails(full.getsockname()[1], Office(device()), connect_timeout=Duration(0.3))
    assert "no answer within 300ms" in said


async def test_ten_thousand_analogs_of_another_make_are_all_right() -> None:
    port, count = free_port(), 10_000
    with program("opendnp3", port, count):
        office = Office(device(count, poll=0.5, static={"analog": 5}))
        async with reading(port, office) as batches:
            samples = await until(batches, has(f"p{count - 1}", count - 1 + 0.25))
    assert [value(sample) for sample in samples if sample.quality is Quality.GOOD] == [
        (f"p{index}", index + 0.25) for index in range(count)
    ]


async def test_an_outstation_of_another_make_gives_events_with_time_when_asked_for_them() -> None:
    port = free_port()
    with program("opendnp3", port, 3) as outstation:
        office = Office(device(poll=0.1, unsolicited=False, classes=(), events={"analog": 7}))
        async with reading(port, office) as batches:
            await settled(batches, office)
            at = time.time() - 3
            outstation.tell(f"set 1 55.125 {int(at * 1000)}")
            samples = await until(batches, has("p1", 55.125))
    events = [sample for sample in samples if sample.at < time.time() - 2]
    assert [value(sample) for sample in events] == [("p1", 55.125)]
    assert events[0].at == pytest.approx(at, abs=0.002)
    assert events[0].quality is Quality.GOOD


async def test_a_rounded_event_of_another_make_is_uncertain() -> None:
    port = free_port()
    with program("opendnp3", port, 3) as outstation:
        office = Office(device(poll=5))
        async with reading(port, office) as batches:
            await settled(batches, office)
            outstation.tell("set 1 55.875 0")
            samples = await until(batches, lambda samples: samples)
    assert (value(samples[0]), samples[0].quality) == (("p1", 55.0), Quality.UNCERTAIN)


def test_the_database_of_the_tests_has_no_event_to_begin_with() -> None:
    assert database(3).event_buffer.total_count == 0
