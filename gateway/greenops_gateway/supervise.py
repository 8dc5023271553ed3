"""The only loop that tries again: it opens a link, passes its samples on, and opens it anew when it fails."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, Protocol

from greenops_core.errors import DeviceError
from greenops_gateway.plugin import Batch

log = logging.getLogger(__name__)

LONGEST_DELAY = 3.0
"""Seconds; to try costs nothing, and with a poll a second a device that is back is good again within five."""
TOGETHER = 0.5
"""Seconds; tries begin at multiples of it: many links that are dead wake the program a few times only."""
LASTING = 30.0
"""Seconds for which a link must deliver until it counts as back."""
GOODBYE = 5.0
"""Seconds that closing a connection may take; longer than any protocol's own patience with a peer that is gone."""

Open = Callable[[], AbstractAsyncContextManager[AsyncIterator[Batch]]]


class Receiver(Protocol):
    """Who takes a link's samples and is told when the link is lost."""

    def put(self, batch: Batch) -> None: ...

    async def kept(self) -> None:
        """Return once the next batch may be asked for, which tells the sender that this one is kept."""

    def down(self) -> None:
        """The link was tried and delivers nothing."""


def backoff(jitter: Callable[[], float]) -> Iterator[float]:
    """Seconds before each next try: 1, 2, 3, 3 …, each 10 % more or less as *jitter* (0 to 1) says.

    >>> from itertools import islice
    >>> list(islice(backoff(lambda: 0.5), 5))
    [1.0, 2.0, 3.0, 3.0, 3.0]
    """
    delay = 1.0
    while True:
        yield min(delay, LONGEST_DELAY) * (0.9 + 0.2 * jitter())
        delay = min(2 * delay, LONGEST_DELAY)


def together(now: float, delay: float) -> float:
    """Seconds from *now* to the common instant that is nearest to *delay*, which is longer than ``TOGETHER``.

    >>> together(10.125, 1.0), together(20.375, 1.0)
    (0.875, 1.125)
    """
    return round((now + delay) / TOGETHER) * TOGETHER - now


async def supervise(
    link: str,
    connect: Open,
    receiver: Receiver,
    patience: float,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
    clock: Callable[[], float] = time.monotonic,
) -> NoReturn:
    """Keep *link* connected for ever; *patience* is how long, in seconds, it may give no batch at all.

    In the log, and in the delays, a link is back only once it has delivered for ``LASTING``. A mistake in a protocol's
    program fails its link and no other; each is told once, with its place.
    """
    delays = backoff(jitter)
    blunders: set[str] = set()
    delivers: bool | None = None
    said: bool | None = None
    since = 0.0

    def put(batch: Batch) -> None:
        nonlocal delays, delivers, said, since
        if not delivers:
            delivers, since = True, clock()
        if not said and (said is None or clock() - since >= LASTING):
            log.info("%s: delivers", link)
            said, delays = True, backoff(jitter)
        receiver.put(batch)

    while True:
        try:
            problem = await _deliver(connect, put, receiver.kept, patience)
        except (OSError, DeviceError) as error:  # TimeoutError is an OSError
            problem = str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001  # a protocol may be anybody's: its mistakes must not end other links
            problem = _blunder(error)
            if problem not in blunders:
                log.error("%s: a mistake in the protocol's program: %s", link, problem)  # noqa: TRY400  # its place is enough
                blunders.add(problem)
        if said is not False:
            log.warning("%s: down: %s; trying again, at least every %g s", link, problem, LONGEST_DELAY)
            said = False
        if delivers is not False:
            delivers = False
            receiver.down()
        await sleep(together(clock(), next(delays)))  # also when the stream just ended: never a hot loop


def _blunder(error: Exception) -> str:
    """*error* with the line that raised it; of a group of errors, the first."""
    first: BaseException = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    *_, place = traceback.extract_tb(first.__traceback__)
    return f"{type(first).__name__} at {place.filename}:{place.lineno}: {first}"


async def _deliver(
    connect: Open, put: Callable[[Batch], None], kept: Callable[[], Awaitable[None]], patience: float
) -> str:
    """Pass batches on until the stream ends; why it ended."""
    clock = asyncio.get_running_loop().time
    heard = clock()
    silence, goodbye = asyncio.timeout(patience), asyncio.timeout(patience + GOODBYE)
    try:
        async with goodbye, silence, connect() as batches:
            try:
                async for batch in batches:
                    put(batch)
                    await kept()
                    if (now := clock()) - heard > patience / 16:  # moving the deadlines costs more than a batch
                        heard = now
                        silence.reschedule(now + patience)
                        goodbye.reschedule(now + patience + GOODBYE)
            finally:
                goodbye.reschedule(clock() + GOODBYE)
    except TimeoutError:
        if silence.expired():
            return f"nothing came for {patience:g} s"
        if goodbye.expired():
            return f"its connection could not be closed within {GOODBYE:g} s"
        raise
    return "the stream of samples ended"
