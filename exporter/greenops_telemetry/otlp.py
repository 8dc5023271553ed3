"""Push of the live picture by OTLP over HTTP: the same samples, names and labels as /metrics.

A gateway or exporter pushes while a context lasts, and an agent gives a turn of its loop; ``otlp`` is
``otlp: Otlp | None = None`` of the program's configuration, and nothing at all happens without it::

    async with pushing(config.otlp, live, program):  # asyncio
        ...
    with in_thread(config.otlp, program) as push:  # a loop of one's own
        wait = push(live, time.time())  # seconds until it wants to be called again

Rules of this file: only the owner's thread touches the live picture; the sending thread gets immutable snapshots and
gives back results. OpenTelemetry is imported when a push is configured, never before.
"""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import urlsplit

import msgspec

from greenops_core.catalogue import OTLP_EXPORTS
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError
from greenops_telemetry.answer import Program
from greenops_telemetry.configuration import Secret, Section, Url, lasting
from greenops_telemetry.live import Live, Snapshot

log = logging.getLogger(__name__)

Export = Callable[[Snapshot, float], str]
"""Sends a snapshot taken at a Unix time; gives the reason when it did not arrive, else nothing."""

Push = Callable[[Live, float], float]
"""Takes a snapshot when one is due, at Unix time; gives the seconds until it wants to be called again."""

PATIENCE_AT_END = 1.0


class Otlp(Section, frozen=True):
    """Where to push to, and how often. *endpoint* is the full URL; a header's value is a reference to a secret."""

    endpoint: Url
    every: Duration = lasting("10s")
    timeout: Duration = lasting("10s")
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if "@" in urlsplit(self.endpoint).netloc:
            raise ValueError("endpoint must not hold a user or a password; put them into headers, as a secret")
        if urlsplit(self.endpoint).path in {"", "/"}:
            raise ValueError(
                f"endpoint needs the path too, like {self.endpoint.rstrip('/')}/v1/metrics; found {self.endpoint!r}"
            )


@asynccontextmanager
async def pushing(config: Otlp | None, live: Live, program: Program) -> AsyncIterator[None]:
    """Push *live* while the context lasts; it is read in the event loop and sent by a thread.

    Raises:
        ConfigError: the extra ``otlp`` is not installed.
    """
    if config is None:
        yield
        return
    with in_thread(config, program) as push:

        async def keep() -> None:
            while True:
                wait = push(live, time.time())
                await asyncio.sleep(wait)

        task = asyncio.create_task(keep())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@contextmanager
def in_thread(config: Otlp | None, program: Program) -> Iterator[Push]:
    """A push for a loop that has no time to wait: what it hands over is sent by a thread.

    Raises:
        ConfigError: the extra ``otlp`` is not installed.
    """
    if config is None:
        yield lambda _live, _now: math.inf
        return
    try:
        from greenops_telemetry import otlp_export  # noqa: PLC0415  # heavy, and only there with the extra
    except ImportError as error:
        raise ConfigError(
            f"otlp: needs a package that is not installed ({error.name}); install the extra otlp: in the checkout, "
            "pip install '.[otlp]'"
        ) from None
    with otlp_export.opened(config.endpoint, config.headers, config.timeout, program, time.time()) as export:
        sender = Sender(config.endpoint, config.every, program.name, export)
        sender.thread.start()
        try:
            yield sender.push
        finally:
            sender.end()


class Sender:
    """One snapshot at a time on its way; while it is, no further one is taken."""

    def __init__(self, endpoint: str, every: float, program: str, export: Export) -> None:
        self.thread = threading.Thread(target=self._send, name="otlp", daemon=True)
        self._endpoint, self._every, self._program, self._export = endpoint, every, program, export
        self._outgoing: queue.SimpleQueue[tuple[Snapshot, float] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._on_its_way = False
        self._due = -math.inf
        self._reason = ""

    def push(self, live: Live, now: float) -> float:
        """Count what came back since the last call, and hand over what is fresh at *now* when it is time."""
        if self._due == -math.inf:
            for result in ("success", "failure"):
                live.count(OTLP_EXPORTS, now, 0, program=self._program, result=result)
        while not self._results.empty():
            reason = self._results.get()
            self._on_its_way = False
            live.count(OTLP_EXPORTS, now, program=self._program, result="failure" if reason else "success")
        clock = time.monotonic()
        if clock >= self._due and not self._on_its_way:
            self._due = clock + self._every
            self._on_its_way = True
            self._outgoing.put((live.snapshot(now), now))
        return max(self._due - clock, min(self._every, 0.1))

    def end(self) -> None:
        """Let the thread go; a push that is on its way may take ``PATIENCE_AT_END`` to arrive."""
        self._outgoing.put(None)
        self.thread.join(PATIENCE_AT_END)

    def _send(self) -> None:
        while (handed := self._outgoing.get()) is not None:
            reason = self._export(*handed)
            self._tell(reason)
            self._results.put(reason)

    def _tell(self, reason: str) -> None:
        """One line per change of state; a receiver that is down for a week does not fill the log."""
        if reason and not self._reason:
            log.warning("otlp: push to %s fails: %s", self._endpoint, reason)
        elif self._reason and not reason:
            log.info("otlp: push to %s works again", self._endpoint)
        self._reason = reason
