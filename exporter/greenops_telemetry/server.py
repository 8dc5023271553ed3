"""The HTTP edge of gateway and exporter: it carries what ``answer`` says, and counts it.

Process, platform and garbage-collector metrics come from prometheus-client's own registry.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from greenops_core.address import OPTION, Address, unusable
from greenops_core.catalogue import BUILD_INFO, HTTP_REQUESTS
from greenops_telemetry.answer import PATHS, Answer, Program, Stream, answer, metrics, plain, wants_openmetrics
from greenops_telemetry.client import AT_ONCE, Client, Count, Request, Respond
from greenops_telemetry.live import Live

log = logging.getLogger(__name__)

MOST_CLIENTS = 128
PATIENCE_AT_END = 0.5
"""Seconds for responses that are under way."""

Routes = Mapping[str, Mapping[str, Respond]]
"""What answers, by path and method; HEAD is answered by what answers GET."""

_NUMBERS = msgspec.json.Encoder()


@asynccontextmanager
async def serve(
    live: Live, program: Callable[[], Program], where: Address, variable: str, routes: Routes | None = None
) -> AsyncIterator[None]:
    """Answer on *where* while the context lasts. *variable* is what changes its port, *routes* the program's own pages.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    name, own = program().name, routes or {}

    async def page(request: Request) -> Answer | Stream:
        if request.path == "/metrics":
            return metrics(request.headers, live.page(time.time(), numbers), _process(request.headers))
        return answer(request.path, request.headers, program(), ())

    def count(request: Request | None, status: int) -> None:
        # Known paths only: a scanner must not create series.
        path = request.path if request and (request.path in PATHS or request.path in own) else "other"
        live.count(HTTP_REQUESTS, time.time(), program=name, path=path, code=str(status))

    live.put(BUILD_INFO.sample(1, time.time(), program=name, version=program().version))
    async with listening(routed(own, page), where, variable, count=count) as address:
        log.info("listening on %s", address)
        yield


def routed(routes: Routes, elsewhere: Respond) -> Respond:
    """What answers by *routes*, and GET of any other path by *elsewhere*."""

    async def respond(request: Request) -> Answer | Stream:
        methods = routes.get(request.path, {"GET": elsewhere})
        wanted = methods.get("GET" if request.method == "HEAD" else request.method)
        if wanted is None:
            allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
            return plain(405, f"Only {allowed} is answered here.", {"allow": allowed})
        return await wanted(request)

    return respond


@asynccontextmanager
async def listening(
    respond: Respond,
    where: Address,
    variable: str = "",
    option: str = OPTION,
    count: Count = lambda _request, _status: None,
) -> AsyncIterator[Address]:
    """*respond* answers on *where* while the context lasts; gives the same with the real port.

    *variable* and *option* are what chooses another address, *count* is told of each request. At the end, responses
    that are under way have ``PATIENCE_AT_END``.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    clients: dict[asyncio.Task[None], Client] = {}
    ending = False

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if ending:
            writer.transport.abort()
            return
        if len(clients) >= MOST_CLIENTS:  # the one that has been silent longest makes room
            silent = min(clients, key=lambda task: (not clients[task].idle, clients[task].heard))
            del clients[silent]
            silent.cancel()
        client = Client(reader, writer, respond, count)
        task = asyncio.create_task(client.converse(), name="http")
        clients[task] = client
        task.add_done_callback(lambda task: clients.pop(task, None))

    try:
        server = await asyncio.start_server(accept, where.host, where.port, limit=AT_ONCE)
    except OSError as error:
        raise unusable(where, _reason(error), variable, option) from None
    except UnicodeError as error:  # a host that cannot be one
        raise unusable(where, str(error), variable, option) from None
    try:
        yield Address(f"{where.rpartition(':')[0]}:{server.sockets[0].getsockname()[1]}")
    finally:
        ending = True
        server.close()
        for task, client in clients.items():
            if client.idle:
                task.cancel()
        if clients:
            _, late = await asyncio.wait(clients, timeout=PATIENCE_AT_END)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def numbers(values: list[float]) -> list[bytes]:
    """Three times as quick as ``repr`` for each, and with thousands of series that is most of a page."""
    return _NUMBERS.encode(values)[1:-1].split(b",")


def signalled() -> asyncio.Event:
    """What SIGTERM and Ctrl-C set from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _process(headers: Mapping[str, str]) -> Iterator[bytes]:
    write = generate_openmetrics if wants_openmetrics(headers) else generate_latest
    yield write(REGISTRY)


def _reason(error: OSError) -> str:
    """Why asyncio could not listen; its own words would name the address once more."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
