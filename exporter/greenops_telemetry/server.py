"""The HTTP edge of gateway and exporter: aiohttp carries what ``answer`` says, and counts it.

Process, platform and garbage-collector metrics come from prometheus-client's own registry.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from greenops_core.address import OPTION, Address, unusable
from greenops_core.catalogue import BUILD_INFO, HTTP_REQUESTS
from greenops_telemetry.answer import PATHS, Program, answer, wants_openmetrics
from greenops_telemetry.live import Live, Page

PATIENCE_AT_END = 1.0
_NUMBERS = msgspec.json.Encoder()


@asynccontextmanager
async def serve(
    live: Live,
    program: Callable[[], Program],
    where: Address,
    variable: str,
    routes: Iterable[web.AbstractRouteDef] = (),
) -> AsyncIterator[None]:
    """Answer on *where* while the context lasts. *variable* is what changes its port, *routes* the program's own pages.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    name = program().name

    async def respond(request: web.Request) -> web.Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        page: Page = ()
        more = b""
        if request.path == "/metrics":
            page = live.page(time.time(), numbers)
            write = generate_openmetrics if wants_openmetrics(headers) else generate_latest
            more = write(REGISTRY)
        given = answer(request.path, headers, program(), page, more)
        return web.Response(
            status=given.status, body=given.body, headers={"content-type": given.media_type, **given.headers}
        )

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        code = 500
        try:
            response = await handler(request)
            code = response.status
        except web.HTTPException as error:
            code = error.status
            raise
        else:
            return response
        finally:
            live.count(HTTP_REQUESTS, time.time(), program=name, path=_page(request), code=str(code))

    app = web.Application(middlewares=[counted], client_max_size=2**20)
    app.add_routes([*routes, web.get("/{rest:.*}", respond)])
    live.put(BUILD_INFO.sample(1, time.time(), program=name, version=program().version))
    async with listening(app, where, variable):
        yield


@asynccontextmanager
async def listening(
    app: web.Application, where: Address, variable: str = "", option: str = OPTION
) -> AsyncIterator[None]:
    """*app* answers on *where* while the context lasts; *variable* and *option* are what chooses another address.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE_AT_END)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, where.host, where.port).start()
        except OSError as error:
            raise unusable(where, reason(error), variable, option) from None
        yield
    finally:
        await runner.cleanup()


def reason(error: OSError) -> str:
    """Why asyncio could not listen; its own words would name the address once more."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def numbers(values: list[float]) -> list[str]:
    """Three times as quick as ``repr`` for each, and with thousands of series that is most of a page."""
    return _NUMBERS.encode(values)[1:-1].decode().split(",")


def signalled() -> asyncio.Event:
    """What SIGTERM and Ctrl-C set from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _page(request: web.Request) -> str:
    """The path as a label: known ones only, a scanner must not create series."""
    if request.path in PATHS:
        return request.path
    resource = request.match_info.route.resource
    return "other" if resource is None or resource.canonical == "/{rest}" else resource.canonical
