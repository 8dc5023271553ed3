"""The only loop that tries again: it opens a device, passes its samples on, and opens it anew when it fails."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, Protocol

from greenops_core.errors import DeviceError
from greenops_core.sample import Sample

log = logging.getLogger(__name__)

LONGEST_DELAY = 30.0


class Receiver(Protocol):
    """Who takes a device's samples and is told when it comes and goes."""

    def put(self, sample: Sample) -> None: ...

    def up(self) -> None:
        """The device delivers again."""

    def down(self) -> None:
        """The device was tried and delivers nothing."""


def backoff(jitter: Callable[[], float]) -> Iterator[float]:
    """Seconds before each next try: 1, 2, 4 … 30, each 10 % more or less as *jitter* (0 to 1) says.

    >>> from itertools import islice
    >>> list(islice(backoff(lambda: 0.5), 7))
    [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """
    delay = 1.0
    while True:
        yield min(delay, LONGEST_DELAY) * (0.9 + 0.2 * jitter())
        delay = min(2 * delay, LONGEST_DELAY)


async def supervise(
    device: str,
    connect: Callable[[], AbstractAsyncContextManager[AsyncIterator[Sample]]],
    receiver: Receiver,
    patience: float,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
    clock: Callable[[], float] = time.monotonic,
) -> NoReturn:
    """Keep *device* connected for ever; *patience* is how long, in seconds, it may say nothing at all.

    A device that comes and goes is told to *receiver* each time. In the log, and in the delays, it is back only once it
    has delivered for ``LONGEST_DELAY``.
    """
    delays = backoff(jitter)
    delivers: bool | None = None
    said: bool | None = None
    since = 0.0

    def put(sample: Sample) -> None:
        nonlocal delays, delivers, said, since
        if not delivers:
            delivers, since = True, clock()
            receiver.up()
        if not said and (said is None or clock() - since >= LONGEST_DELAY):
            log.info("%s: delivers samples", device)
            said, delays = True, backoff(jitter)
        receiver.put(sample)

    while True:
        try:
            problem = await _deliver(connect, put, patience)
        except (OSError, DeviceError) as error:  # TimeoutError is an OSError
            problem = str(error) or type(error).__name__
        if said is not False:
            log.warning("%s: down: %s; trying again, at least every %g s", device, problem, LONGEST_DELAY)
            said = False
        if delivers is not False:
            delivers = False
            receiver.down()
        await sleep(next(delays))  # also when the stream just ended: never a hot loop


async def _deliver(
    connect: Callable[[], AbstractAsyncContextManager[AsyncIterator[Sample]]],
    put: Callable[[Sample], None],
    patience: float,
) -> str:
    """Pass samples on until the stream ends; why it ended."""
    clock = asyncio.get_running_loop().time
    heard = clock()
    deadline = asyncio.timeout(patience)
    try:
        async with deadline, connect() as samples:
            async for sample in samples:
                put(sample)
                if (now := clock()) - heard > patience / 16:  # moving the deadline costs more than a sample
                    heard = now
                    deadline.reschedule(now + patience)
    except TimeoutError:
        if deadline.expired():
            return f"nothing came for {patience:g} s"
        raise
    return "the stream of samples ended"
