from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from greenops_core.catalogue import POINT_VALUE
from greenops_core.errors import DeviceError
from greenops_gateway import supervise as supervising
from greenops_gateway.plugin import Batch
from greenops_gateway.supervise import backoff, supervise

Connection = AbstractAsyncContextManager[AsyncIterator[Batch]]

SAMPLE = POINT_VALUE.sample(1, 0, site="s", stack="s", device="d", point="p")


class EnoughError(BaseException):
    """Ends the test; no mistake that a protocol could make."""


class Receiver:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def put(self, batch: Batch) -> None:
        self.told += [f"{sample.value:g}" for sample in batch]

    async def kept(self) -> None:
        """At once."""

    def seconds(self) -> float:
        """A clock by which a sample comes every second."""
        return self.told.count("1")

    def down(self) -> None:
        self.told.append("down")


def refuse() -> DeviceError:
    return DeviceError("cannot connect to 10.0.0.5:502: Connection refused")


def scripted(script: list[int | Exception]) -> Callable[[], Connection]:
    """Connections that do, one after the other, what *script* says: raise, or give so many samples and end."""
    acts = iter(script)

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Batch]]:
        act = next(acts, None)
        if act is None:
            raise EnoughError
        if isinstance(act, Exception):
            raise act

        async def samples() -> AsyncGenerator[Batch, None]:
            for _ in range(act):
                yield [SAMPLE]

        yield samples()

    return connect


@pytest.mark.parametrize(
    ("script", "delays", "told"),
    [
        pytest.param([refuse(), refuse(), 1], [1, 2, 3], ["down", "1", "down"], id="refuse, refuse, one sample"),
        pytest.param([refuse(), refuse(), 29, 1], [1, 2, 3, 3], ["down", *["1"] * 29, "down", "1", "down"], id="29 s"),
        pytest.param([refuse(), refuse(), 31, 1], [1, 2, 1, 2], ["down", *["1"] * 31, "down", "1", "down"], id="31 s"),
        pytest.param([0, 0, 0, 0], [1, 2, 3, 3], ["down"], id="a stream that just ends is no hot loop"),
        pytest.param([1] * 6, [1, 2, 3, 3, 3, 3], ["1", "down"] * 6, id="answers once and ends"),
        pytest.param([1, refuse(), 1], [1, 2, 3], ["1", "down", "1", "down"], id="comes and goes"),
        pytest.param([refuse()] * 7, [1, 2, 3, 3, 3, 3, 3], ["down"], id="never more than 3 s"),
        pytest.param([OSError("no route"), TimeoutError()], [1, 2], ["down"], id="what the system says"),
        pytest.param([2], [1], ["1", "1", "down"], id="up is said once"),
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
        await supervise("gas", scripted(script), receiver, 10, sleep=sleep, jitter=lambda: 0.5, clock=receiver.seconds)
    assert slept == delays
    assert receiver.told == told


async def test_it_says_each_change_of_state_once_and_only_when_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def sleep(_: float) -> None:
        return

    receiver = Receiver()
    script: list[int | Exception] = [refuse(), refuse(), 40, refuse(), 1, 2, 1, 3, 40, 40]
    with pytest.raises(EnoughError):
        await supervise("gas", scripted(script), receiver, 10, sleep=sleep, clock=receiver.seconds)
    assert caplog.messages == [
        "gas: down: cannot connect to 10.0.0.5:502: Connection refused; trying again, at least every 3 s",
        "gas: delivers",
        "gas: down: the stream of samples ended; trying again, at least every 3 s",
        "gas: delivers",
        "gas: down: the stream of samples ended; trying again, at least every 3 s",
        "gas: delivers",
        "gas: down: the stream of samples ended; trying again, at least every 3 s",
    ]


async def test_the_first_samples_are_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def sleep(_: float) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        await supervise("gas", scripted([1]), Receiver(), 10, sleep=sleep)
    assert caplog.messages[0] == "gas: delivers"


@pytest.mark.parametrize(("before", "told"), [(0, ["down"]), (3, ["1", "1", "1", "down"])])
async def test_a_stream_that_falls_silent_is_torn_down(
    before: int, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Batch]]:
        async def samples() -> AsyncGenerator[Batch, None]:
            for _ in range(before):
                yield [SAMPLE]
                await asyncio.sleep(0.4)
            await asyncio.sleep(60)

        try:
            yield samples()
        finally:
            closed.append("closed")

    async def sleep(_: float) -> None:
        raise EnoughError

    receiver = Receiver()
    with pytest.raises(EnoughError):
        await supervise("gas", connect, receiver, 1, sleep=sleep)
    assert receiver.told == told
    assert closed == ["closed"]
    assert "nothing came for 1 s" in caplog.text


async def test_a_connection_that_hangs_is_torn_down_too(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Batch]]:
        await asyncio.sleep(60)
        async with scripted([0])() as samples:
            yield samples

    async def sleep(_: float) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        await supervise("gas", connect, Receiver(), 0.05, sleep=sleep)
    assert "nothing came for 0.05 s" in caplog.text


async def test_a_link_that_delivers_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "GOODBYE", 0.1)
    opened = 0

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Batch]]:
        nonlocal opened
        opened += 1

        async def samples() -> AsyncGenerator[Batch, None]:
            for _ in range(34):
                yield ()
                await asyncio.sleep(0.05)
            raise DeviceError("reset")

        yield samples()

    async def sleep(_: float) -> None:
        raise EnoughError

    began = asyncio.get_running_loop().time()
    with pytest.raises(EnoughError):
        await supervise("gas", connect, Receiver(), 1, sleep=sleep)
    assert opened == 1
    assert asyncio.get_running_loop().time() - began >= 1.7


@pytest.mark.parametrize(
    ("ends", "problem"),
    [
        pytest.param(None, "its connection could not be closed within 0.1 s", id="the stream ends"),
        pytest.param(DeviceError("reset"), "its connection could not be closed within 0.1 s", id="the device resets"),
        pytest.param(60.0, "nothing came for 0.2 s", id="silence"),
    ],
)
async def test_a_goodbye_that_never_ends_holds_nothing_up(
    ends: float | Exception | None, problem: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "GOODBYE", 0.1)
    opened = 0

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Batch]]:
        nonlocal opened
        opened += 1
        if opened == 3:
            raise EnoughError

        async def samples() -> AsyncGenerator[Batch, None]:
            yield ()
            if isinstance(ends, Exception):
                raise ends
            await asyncio.sleep(ends or 0)

        try:
            yield samples()
        finally:
            await asyncio.sleep(60)

    with pytest.raises(EnoughError):
        async with asyncio.timeout(5):
            await supervise("gas", connect, Receiver(), 0.2, sleep=lambda _: asyncio.sleep(0))
    assert f"gas: down: {problem}; trying again" in caplog.text


async def test_an_end_from_outside_waits_for_a_goodbye_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "GOODBYE", 0.1)

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncIterator[Batch]]:
        async def samples() -> AsyncGenerator[Batch, None]:
            yield ()
            await asyncio.sleep(60)

        try:
            yield samples()
        finally:
            await asyncio.sleep(60)

    link = asyncio.create_task(supervise("gas", connect, Receiver(), 30))
    await asyncio.sleep(0.05)
    link.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await link


async def test_a_mistake_in_a_protocol_fails_its_link_and_is_told_once_with_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    slept: list[float] = []

    async def sleep(delay: float) -> None:
        slept.append(delay)

    mistake = ValueError("Separator is not found")
    script: list[int | Exception] = [refuse(), mistake, ExceptionGroup("tasks", [mistake]), mistake]
    receiver = Receiver()
    with pytest.raises(EnoughError):
        await supervise("gas", scripted(script), receiver, 10, sleep=sleep, jitter=lambda: 0.5, clock=receiver.seconds)
    assert slept == [1, 2, 3, 3]
    assert receiver.told == ["down"]
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told.startswith(f"gas: a mistake in the protocol's program: ValueError at {__file__}:")
    assert told.endswith(": Separator is not found")


def test_jitter_spreads_reconnects_by_a_tenth() -> None:
    low, high = backoff(lambda: 0.0), backoff(lambda: 1.0)
    assert [next(low) for _ in range(3)] == pytest.approx([0.9, 1.8, 2.7])
    assert [next(high) for _ in range(3)] == pytest.approx([1.1, 2.2, 3.3])
