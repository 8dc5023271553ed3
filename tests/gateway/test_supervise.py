from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from greenops_core.catalogue import POINT_VALUE
from greenops_core.errors import DeviceError
from greenops_core.sample import Sample
from greenops_gateway.supervise import backoff, supervise

Connection = AbstractAsyncContextManager[AsyncIterator[Sample]]

SAMPLE = POINT_VALUE.sample(1, 0, site="s", stack="s", device="d", point="p")


class EnoughError(Exception):
    """Ends the test."""


class Receiver:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def put(self, sample: Sample) -> None:
        self.told.append(f"{sample.value:g}")

    def seconds(self) -> float:
        """A clock by which a sample comes every second."""
        return self.told.count("1")

    def up(self) -> None:
        self.told.append("up")

    def down(self) -> None:
        self.told.append("down")


def refuse() -> DeviceError:
    return DeviceError("cannot connect to 10.0.0.5:502: Connection refused")


def scripted(script: list[int | Exception]) -> Callable[[], Connection]:
    """Connections that do, one after the other, what *script* says: raise, or give so many samples and end."""
    acts = iter(script)

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Sample]]:
        act = next(acts, None)
        if act is None:
            raise EnoughError
        if isinstance(act, Exception):
            raise act

        async def samples() -> AsyncGenerator[Sample, None]:
            for _ in range(act):
                yield SAMPLE

        yield samples()

    return connect


@pytest.mark.parametrize(
    ("script", "delays", "told"),
    [
        pytest.param([refuse(), refuse(), 1], [1, 2, 4], ["down", "up", "1", "down"], id="refuse, refuse, one sample"),
        pytest.param(
            [refuse(), refuse(), 29, 1], [1, 2, 4, 8], ["down", "up", *["1"] * 29, "down", "up", "1", "down"], id="29 s"
        ),
        pytest.param(
            [refuse(), refuse(), 31, 1], [1, 2, 1, 2], ["down", "up", *["1"] * 31, "down", "up", "1", "down"], id="31 s"
        ),
        pytest.param([0, 0, 0, 0], [1, 2, 4, 8], ["down"], id="a stream that just ends is no hot loop"),
        pytest.param([1] * 6, [1, 2, 4, 8, 16, 30], ["up", "1", "down"] * 6, id="answers once and ends"),
        pytest.param([1, refuse(), 1], [1, 2, 4], ["up", "1", "down", "up", "1", "down"], id="comes and goes"),
        pytest.param([refuse()] * 7, [1, 2, 4, 8, 16, 30, 30], ["down"], id="never more than 30 s"),
        pytest.param([OSError("no route"), TimeoutError()], [1, 2], ["down"], id="what the system says"),
        pytest.param([2], [1], ["up", "1", "1", "down"], id="up is said once"),
    ],
)
async def test_it_tries_again_after_growing_delays(
    script: list[int | Exception], delays: list[float], told: list[str]
) -> None:
    slept: list[float] = []

    async def sleep(delay: float) -> None:
        slept.append(delay)

    receiver = Receiver()
    with pytest.raises(EnoughError):
        await supervise(
            "analyser-1", scripted(script), receiver, 10, sleep=sleep, jitter=lambda: 0.5, clock=receiver.seconds
        )
    assert slept == delays
    assert receiver.told == told


async def test_it_says_each_change_of_state_once_and_only_when_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def sleep(_: float) -> None:
        return

    receiver = Receiver()
    script: list[int | Exception] = [refuse(), refuse(), 40, refuse(), 1, 2, 1, 3, 40, 40]
    with pytest.raises(EnoughError):
        await supervise("analyser-1", scripted(script), receiver, 10, sleep=sleep, clock=receiver.seconds)
    assert caplog.messages == [
        "analyser-1: down: cannot connect to 10.0.0.5:502: Connection refused; trying again, at least every 30 s",
        "analyser-1: delivers samples",
        "analyser-1: down: the stream of samples ended; trying again, at least every 30 s",
        "analyser-1: delivers samples",
        "analyser-1: down: the stream of samples ended; trying again, at least every 30 s",
        "analyser-1: delivers samples",
        "analyser-1: down: the stream of samples ended; trying again, at least every 30 s",
    ]


async def test_the_first_samples_are_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def sleep(_: float) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        await supervise("analyser-1", scripted([1]), Receiver(), 10, sleep=sleep)
    assert caplog.messages[0] == "analyser-1: delivers samples"


@pytest.mark.parametrize(("before", "told"), [(0, ["down"]), (3, ["up", "1", "1", "1", "down"])])
async def test_a_stream_that_falls_silent_is_torn_down(
    before: int, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Sample]]:
        async def samples() -> AsyncGenerator[Sample, None]:
            for _ in range(before):
                yield SAMPLE
                await asyncio.sleep(0.2)
            await asyncio.sleep(60)

        try:
            yield samples()
        finally:
            closed.append("closed")

    async def sleep(_: float) -> None:
        raise EnoughError

    receiver = Receiver()
    with pytest.raises(EnoughError):
        await supervise("analyser-1", connect, receiver, 0.5, sleep=sleep)
    assert receiver.told == told
    assert closed == ["closed"]
    assert "nothing came for 0.5 s" in caplog.text


async def test_a_connection_that_hangs_is_torn_down_too(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Sample]]:
        await asyncio.sleep(60)
        async with scripted([0])() as samples:
            yield samples

    async def sleep(_: float) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        await supervise("analyser-1", connect, Receiver(), 0.05, sleep=sleep)
    assert "nothing came for 0.05 s" in caplog.text


def test_jitter_spreads_reconnects_by_a_tenth() -> None:
    low, high = backoff(lambda: 0.0), backoff(lambda: 1.0)
    assert [next(low) for _ in range(3)] == pytest.approx([0.9, 1.8, 3.6])
    assert [next(high) for _ in range(3)] == pytest.approx([1.1, 2.2, 4.4])
