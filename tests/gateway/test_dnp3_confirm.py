"""An event is confirmed to the outstation after it was taken over, and never before: none is lost with our process."""

from __future__ import annotations

import asyncio
import math
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import dnp3_peer
from dnp3_peer import Office, Simulated, Wire, device, link, program, requests, simulated, value, when
from greenops_core.errors import DeviceError
from greenops_gateway.dnp3.driver import connect
from greenops_gateway.dnp3.master import Master
from greenops_gateway.plugin import Batch, Result
from stack import free_port

CONFIRM = 0


async def arrived(batches: AsyncIterator[Batch], number: float) -> list[tuple[str, float]]:
    """What came until *number* did; the batch that holds it is not taken over yet."""
    found: list[tuple[str, float]] = []
    async for batch in batches:
        found += map(value, batch)
        if number in (number for _, number in found):
            return found
    raise AssertionError("the stream ended")


async def delivered(port: int, number: float) -> list[tuple[str, float]]:
    async with asyncio.timeout(10), connect(link(port), [Office(device(poll=0.1)).desk()]) as batches:
        return await arrived(batches, number)


async def lost_with_a_killed_process(outstation: Simulated, times: int) -> list[float]:
    """What the outstation has not sent again after our process was killed between arrival and take-over."""
    lost = []
    for step in range(times):
        number = 1000.5 + step
        confirmed = outstation.station.confirmed
        with program("master", outstation.port, "hold") as child:
            outstation.update(step % 3, number)
            said = await asyncio.to_thread(child.line)
            assert said == f"event p{step % 3} {number}"
            await asyncio.sleep(0.05)
            assert outstation.station.confirmed == confirmed
            child.process.send_signal(signal.SIGKILL)
        if outstation.station.database.event_buffer.total_count == 0:
            lost.append(number)
        if ("p" + str(step % 3), number) not in await delivered(outstation.port, number):
            lost.append(number)
        async with asyncio.timeout(10), connect(link(outstation.port), [Office(device(poll=0.1)).desk()]) as batches:
            async for _ in batches:
                if outstation.station.database.event_buffer.total_count == 0:
                    break
    return lost


@pytest.mark.soak
async def test_no_event_is_lost_when_the_process_is_killed_before_take_over(request: pytest.FixtureRequest) -> None:
    """Five kills; with ``-m soak`` a hundred."""
    times = 100 if "soak" in str(request.config.getoption("-m")) else 5
    async with simulated() as outstation:
        assert await lost_with_a_killed_process(outstation, times) == []


async def test_an_event_is_confirmed_once_the_next_batch_is_asked_for() -> None:
    office = Office(device(poll=5))
    async with (
        asyncio.timeout(10),
        simulated() as outstation,
        connect(link(outstation.port), [office.desk()]) as batches,
    ):
        await arrived(batches, 2.25)
        while office.counts[Result.OK] < 5:
            await anext(batches)
        outstation.update(0, 50.5)
        await arrived(batches, 50.5)
        await asyncio.sleep(0.2)
        assert outstation.station.confirmed == 0
        waiting = asyncio.ensure_future(anext(batches))
        await when(lambda: outstation.station.confirmed == 1)
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_link_that_is_closed_before_take_over_confirms_nothing() -> None:
    async with simulated() as outstation, Wire(outstation.port).running() as wire:
        for step in range(10):
            outstation.update(0, 60.5 + step)
            await delivered(wire.port, 60.5 + step)
            await asyncio.sleep(0.02)
            assert outstation.station.confirmed == 0
            sent = list(requests(bytes(wire.sent)))
            assert not [request for request in sent if request[1] == CONFIRM]
            wire.sent.clear()


async def test_another_makes_outstation_sends_its_event_again_after_a_link_was_closed_before_take_over() -> None:
    port = free_port()
    with program("opendnp3", port, 3) as outstation:
        outstation.tell("set 1 1000 0")
        for _ in range(3):
            assert ("p1", 1000.0) in await delivered(port, 1000.0)
            assert outstation.tell("kept") in {"1", "all"}
        async with asyncio.timeout(10), connect(link(port), [Office(device(poll=0.1)).desk()]) as batches:
            async for _ in batches:
                if outstation.tell("kept") == "0":
                    break


async def test_a_fault_in_a_callback_ends_the_link_and_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a fault of ours")

    async with simulated() as outstation:
        outstation.update(0, 70.5)
        with monkeypatch.context() as patched:
            patched.setattr(Master, "hold", broken)
            with pytest.raises(DeviceError, match="a fault of ours"):
                await delivered(outstation.port, 70.5)
        assert outstation.station.confirmed == 0
        assert ("p0", 70.5) in await delivered(outstation.port, 70.5)


async def test_what_is_not_taken_over_in_time_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenops_gateway.dnp3.master.HOLD", 1.0)
    async with simulated() as outstation:
        outstation.update(0, 80.5)
        async with asyncio.timeout(10), connect(link(outstation.port), [Office(device()).desk()]) as batches:
            await arrived(batches, 80.5)
            await asyncio.sleep(1.3)
            with pytest.raises(DeviceError, match="was not taken over within 1 s"):
                await arrived(batches, math.inf)
        assert outstation.station.confirmed == 0


@pytest.mark.parametrize(("policy", "code"), [("exit", 0), ("fall", 3)])
async def test_a_process_with_a_running_link_ends_cleanly(policy: str, code: int) -> None:
    async with simulated() as outstation:
        with program("master", outstation.port, policy) as child:
            assert await asyncio.to_thread(child.line) == "leaving"
            assert await asyncio.to_thread(child.process.wait, 10) == code


async def test_a_process_that_never_closes_its_link_ends_all_the_same() -> None:
    script = (
        "import asyncio, sys; sys.path[:0] = sys.argv[2:]\n"
        "from dnp3_peer import *; from greenops_gateway.dnp3.driver import connect\n"
        "loop = asyncio.new_event_loop()\n"
        "opened = connect(link(int(sys.argv[1])), [Office(device()).desk()])\n"
        "batches = loop.run_until_complete(opened.__aenter__())\n"
        "while not loop.run_until_complete(anext(batches)): pass\n"
        "print('open', flush=True)\n"
    )
    async with simulated() as outstation:
        command = [sys.executable, "-c", script, str(outstation.port), str(Path(dnp3_peer.__file__).parent)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stdout) == (0, "open\n"), done.stderr
