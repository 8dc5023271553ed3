"""What a DNP3 outstation says of itself: restarts, lost events, an unset clock, requests that it does not know."""

from __future__ import annotations

import asyncio
import time

import pytest
from dnp3.core.flags import IIN

from dnp3_peer import (
    Office,
    Wire,
    after,
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
from greenops_gateway.plugin import Event, Result
from stack import free_port


async def test_a_restarted_outstation_is_told_and_read_anew() -> None:
    port = free_port()
    office = Office(device(poll=0.1))
    async with simulated(port=port):
        told = asyncio.create_task(fails(port, office))
        await when(lambda: office.counts[Result.OK] and office.kept)
    assert "closed" in await told or "reset" in told.result()
    assert await fails(port, office) == f"cannot connect to 127.0.0.1:{port}: Connection refused"
    assert office.counts[Result.CONNECT] == 1
    async with simulated(port=port) as outstation:
        outstation.update(0, 42.5)
        async with reading(port, office) as batches:
            await until(batches, has("p0", 42.5))
    assert office.events == [Event.RESTART, Event.RESTART]


async def test_a_restart_without_loss_of_the_connection_leads_to_an_integrity_poll() -> None:
    async with simulated() as outstation:
        office = Office(device(poll=0.1, refresh=Duration(60)))
        async with reading(outstation.port, office) as batches:
            await until(batches, has("p0", 0.25))
            outstation.station.database.analog_inputs[0].value = 5.5
            outstation.station.outstation._state.set_restart()  # noqa: SLF001  # the library restarts in no other way
            await until(batches, has("p0", 5.5))
    assert office.events == [Event.RESTART, Event.RESTART]


async def test_a_restart_indication_that_stays_is_ignored_at_the_second_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with simulated() as outstation:
        monkeypatch.setattr(outstation.station.outstation, "_handle_write_iin", lambda _: None)
        office = Office(device())
        assert "keeps its restart indication" in await fails(outstation.port, office)
        assert sum(office.counts.values()) < 20
        async with reading(outstation.port, office) as batches:
            await until(batches, has("p0", 0.25))


@pytest.mark.parametrize("mended", ["by and by", "at once"])
async def test_a_restart_indication_is_not_ignored_for_ever(monkeypatch: pytest.MonkeyPatch, mended: str) -> None:
    office = Office(device(poll=0.1))
    async with simulated() as outstation:
        with monkeypatch.context() as kept:
            kept.setattr(outstation.station.outstation, "_handle_write_iin", lambda _: None)
            await fails(outstation.port, office)
        if mended == "at once":
            outstation.station.outstation._state.clear_restart()  # noqa: SLF001  # as its panel would
            async with reading(outstation.port, office) as batches:
                await settled(batches, office)
            outstation.station.outstation._state.set_restart()  # noqa: SLF001  # the library restarts in no other way
        else:
            monkeypatch.setattr("greenops_gateway.dnp3.driver.IGNORING", 0.0)
        async with reading(outstation.port, office) as batches:
            await until(batches, lambda _: not outstation.station.outstation.iin & IIN.DEVICE_RESTART)


@pytest.mark.parametrize("stays", [False, True], ids=["told once", "told for ever"])
async def test_lost_events_are_told_and_everything_is_read_once(
    monkeypatch: pytest.MonkeyPatch, *, stays: bool
) -> None:
    monkeypatch.setattr("greenops_gateway.dnp3.driver.OVERFLOW_PAUSE", 0.1)
    async with simulated(events=10) as outstation:
        station = outstation.station
        if stays:
            monkeypatch.setattr(station.outstation._state, "clear_event_overflow", lambda: None)  # noqa: SLF001  # see above
        office = Office(device(poll=0.1, unsolicited=False, refresh=Duration(60)))
        async with reading(outstation.port, office) as batches:
            await settled(batches, office)
            for step in range(50):
                outstation.update(0, 100.0 + step)
            station.database.analog_inputs[1].value = 5.5
            samples = await until(batches, has("p1", 5.5))
            samples += await until(batches, after(office, 5))
    assert office.events == [Event.RESTART, Event.OVERFLOW]
    assert ("p0", 149.0) in map(value, samples)
    assert [value(sample) for sample in samples].count(("p1", 5.5)) == 1


async def test_everything_is_read_when_events_were_lost_and_not_at_the_next_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("greenops_gateway.dnp3.driver.OVERFLOW_PAUSE", 0.1)
    async with simulated(events=10) as outstation:
        office = Office(device(poll=3600))
        async with reading(outstation.port, office) as batches:
            await settled(batches, office)
            outstation.station.database.analog_inputs[1].value = 5.5
            for step in range(50):
                outstation.update(0, 100.0 + step)
            await until(batches, has("p1", 5.5))
    assert office.events == [Event.RESTART, Event.OVERFLOW]


async def test_an_overflow_that_comes_and_goes_does_not_read_everything_again_and_again() -> None:
    async with simulated() as outstation, Wire(outstation.port).running() as wire:
        office = Office(device(poll=0.1, unsolicited=False, refresh=Duration(60)))
        state = outstation.station.outstation._state  # noqa: SLF001  # the library has no other way
        async with reading(wire.port, office) as batches:
            await settled(batches, office)
            for _ in range(4):
                state.set_event_overflow()
                await until(batches, after(office, 1))
                state.clear_event_overflow()
                await until(batches, after(office, 1))
    assert office.events.count(Event.OVERFLOW) == 4
    present = [request for request in requests(bytes(wire.sent)) if bytes([30, 5, 0, 0, 2]) in request]
    assert len(present) == 1


async def test_the_first_event_of_a_device_that_needs_the_time_has_no_time_of_its_own() -> None:
    async with simulated() as outstation:
        office = Office(device(poll=3600))
        async with reading(outstation.port, office) as batches:
            await settled(batches, office)
            outstation.station.outstation._state.set_need_time()  # noqa: SLF001  # the library has no other way
            outstation.update(1, 77.5, at=time.time() - 3600)
            samples = await until(batches, has("p1", 77.5))
    assert (samples[-1].quality, samples[-1].reason) == (Quality.UNCERTAIN, Reason.CLOCK)
    assert samples[-1].at == pytest.approx(time.time(), abs=60)


async def test_what_the_outstation_does_not_know_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    points = (Dnp3Point(name="p0", unit="mg/m3", index=0), Dnp3Point(name="none", unit="mg/m3", index=99))
    port = free_port()
    with program("opendnp3", port, 3):
        office = Office(device(points, poll=0.1))
        async with reading(port, office) as batches:
            await settled(batches, office)
            await until(batches, after(office, 3))
    told = [record.getMessage() for record in caplog.records if record.name == "greenops_gateway.dnp3.driver"]
    (said,) = told
    assert said.startswith("rtu: answers 'parameter error' to a request (user_task); points that it does not have are")
