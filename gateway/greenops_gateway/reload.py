"""Another configuration on demand, by signal or by ``POST /-/reload``: one reload at a time, and none while ending."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from greenops_core.catalogue import CONFIGURATION_RELOADS
from greenops_core.errors import ConfigError
from greenops_gateway.acquisition import Acquisition
from greenops_gateway.configuration import Gateway
from greenops_telemetry.answer import Answer, plain
from greenops_telemetry.client import Request
from greenops_telemetry.live import Live

log = logging.getLogger(__name__)

SIGNAL, POST = "SIGHUP", "POST /-/reload"
"""Who wants a reload, as far as it can be known."""


class Taker(Protocol):
    """What works by one configuration and can take over another; ``take`` says what changed, in words.

    Raises:
        ConfigError: it cannot be taken over; nothing changed.
    """

    @property
    def acquisitions(self) -> Sequence[Acquisition]: ...

    async def take(self, config: Gateway, who: str) -> list[str]: ...


class Reloads:
    """Reads the configuration anew and hands it over."""

    def __init__(self, site: str, live: Live, read: Callable[[], Gateway]) -> None:
        """*read* runs in a thread: a large file takes seconds."""
        self._site, self._live, self._read = site, live, read
        self._gate: Taker | None = None
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[list[str] | ConfigError]] = set()
        for result in ("success", "failure"):
            self._count(result, 0)

    @property
    def acquisitions(self) -> Sequence[Acquisition]:
        """The devices at work; none before the start and after the end."""
        return self._gate.acquisitions if self._gate else ()

    @asynccontextmanager
    async def of(self, gate: Taker) -> AsyncIterator[None]:
        """Hand over to *gate* while the context lasts; a reload under way is given up at its end."""
        self._gate = gate
        try:
            yield
        finally:
            self._gate = None
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def ask(self, who: str = SIGNAL) -> asyncio.Task[list[str] | ConfigError] | None:
        """Begin a reload that *who* wants; how it went is logged and counted. Nothing outside ``of``."""
        if self._gate is None:
            return None
        task = asyncio.create_task(self._reload(self._gate, who), name="reload")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def page(self, _: Request) -> Answer:
        """Reload, and say how it went."""
        task = self.ask(POST)
        if task is not None:
            await asyncio.wait([task])  # goes on when whoever asked has gone
        if task is None or task.cancelled():
            return plain(503, "nothing changed: the gateway is starting or ending; ask again")
        told = task.result()
        if isinstance(told, ConfigError):
            return plain(400, f"nothing changed:\n{told}")
        return plain(200, "\n".join(told or ["nothing changed"]))

    async def _reload(self, gate: Taker, who: str) -> list[str] | ConfigError:
        async with self._lock:
            try:
                told = await gate.take(await asyncio.to_thread(self._read), who)
            except ConfigError as error:
                self._count("failure")
                log.error("the configuration stays as it was: %s", error)  # noqa: TRY400  # the operator's mistake
                return error
            self._count("success")
            log.info("configuration taken over: %s", "; ".join(told) or "nothing changed")
            return told

    def _count(self, result: str, amount: float = 1) -> None:
        self._live.count(CONFIGURATION_RELOADS, time.time(), amount, site=self._site, result=result)
