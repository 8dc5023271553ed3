"""The running agent: one loop that collects every few seconds and answers scrapes in between.

A scrape reads what the last collection found: no scraper can make the agent work harder, and all see the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from greenops_agent.collect import Collection, collectors
from greenops_agent.collectors.source import Source
from greenops_agent.login import Record
from greenops_agent.request import Refused, Request, refusal
from greenops_agent.server import Server, listening
from greenops_agent.settings import Settings
from greenops_core.catalogue import BUILD_INFO, HTTP_REQUESTS
from greenops_core.grid import due
from greenops_telemetry import exposition
from greenops_telemetry.answer import PATHS, Answer, Program, answer
from greenops_telemetry.live import Live

log = logging.getLogger("agent")

NAME = "greenops-agent"
PERIODS_TILL_STALE = 3


class Agent:
    """Collects into a live picture, and answers from it."""

    def __init__(
        self, settings: Settings, source: Source, clock: Callable[[], float], stopwatch: Callable[[], float]
    ) -> None:
        self.live = Live()
        self.program = Program(NAME, settings.version)
        self._every = settings.every
        self._collection = Collection(source, collectors(settings, clock), self.live, stopwatch)

    def collect(self, at: float) -> None:
        """One collection, at Unix time *at*; what it found is stale after three periods."""
        self.live.put(BUILD_INFO.sample(1, at, program=NAME, version=self.program.version))
        self._collection.run(at, at + PERIODS_TILL_STALE * self._every)

    def respond(self, asked: Request | Refused, now: float) -> Answer:
        """The page for a request, counted; only known paths become labels."""
        if isinstance(asked, Refused):
            path, page = "", refusal(asked)
        else:
            path, page = asked.path, answer(asked.path, asked.headers, self.program, self.live.page(now))
        known = path if path in PATHS else "other"
        self.live.count(HTTP_REQUESTS, now, program=NAME, path=known, code=str(page.status))
        return page


class Push(Protocol):
    """Hands over what is due, at a Unix time; gives the seconds until it wants to be called again."""

    def __call__(self, live: Live, now: float, /) -> float: ...


def run(settings: Settings, root: Path) -> None:
    """Collect and answer until interrupted.

    Raises:
        ConfigError: the address cannot be listened on, or a push is configured that cannot be.
    """
    agent = _agent(settings, root)
    listener = listening(settings.listen)
    with (
        Server(listener, lambda asked: agent.respond(asked, time.time())) as server,
        _pushing(agent, settings) as push,
        _keeping(agent, settings) as keep,
    ):
        log.info("%s listens on http://%s/metrics", settings.identity.host, settings.listen)
        began = following = time.monotonic()
        while True:
            if time.monotonic() >= following:
                agent.collect(time.time())
                keep(agent.live, time.time())
                following = due(time.monotonic(), settings.every, began)
            wait = push(agent.live, time.time())
            server.serve(min(wait, following - time.monotonic()))


def read(settings: Settings, root: Path, pause: float) -> str:
    """One collection as Prometheus text; it takes *pause* seconds, as power is a difference."""
    agent = _agent(settings, root)
    agent.collect(time.time())
    time.sleep(pause)
    agent.collect(time.time())
    return exposition.text(agent.live.page(time.time())).decode()


def _agent(settings: Settings, root: Path) -> Agent:
    source = Source(root, settings.identity.host, Record(root).sessions)
    return Agent(settings, source, time.monotonic, time.perf_counter)


@contextmanager
def _pushing(agent: Agent, settings: Settings) -> Iterator[Push]:
    if settings.otlp is None:
        yield lambda _live, _now: settings.every
        return
    from greenops_telemetry.otlp import in_thread  # noqa: PLC0415  # heavy, and only where a push is configured

    with in_thread(settings.otlp, agent.program) as push:
        yield push


@contextmanager
def _keeping(agent: Agent, settings: Settings) -> Iterator[Callable[[Live, float], None]]:
    if settings.journal is None:
        yield lambda _live, _now: None
        return
    from greenops_agent.push import pushing  # noqa: PLC0415  # heavy, and only where there are sinks

    with pushing(settings.journal, settings, agent.program) as keep:
        yield keep
