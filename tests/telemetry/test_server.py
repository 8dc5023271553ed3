"""The aiohttp edge on a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from greenops_core.address import address
from greenops_core.catalogue import HTTP_REQUESTS, POINT_TEMPERATURE
from greenops_core.errors import ConfigError
from greenops_telemetry.answer import Program
from greenops_telemetry.live import Live
from greenops_telemetry.server import serve
from stack import free_port

PROGRAM = Program("greenops-test", "1.2.3")


async def zone(request: web.Request) -> web.Response:
    if request.match_info["zone"] == "broken":
        raise web.HTTPBadRequest(text="no such zone\n")
    return web.json_response({"zone": request.match_info["zone"]})


@asynccontextmanager
async def serving(live: Live) -> AsyncIterator[tuple[aiohttp.ClientSession, int]]:
    port = free_port()
    async with (
        serve(live, lambda: PROGRAM, address(f"127.0.0.1:{port}"), "PORT", [web.get("/v1/factors/{zone}", zone)]),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        yield client, port


def counted(live: Live) -> dict[tuple[str, str], float]:
    return {
        series.labels[1:]: series.value  # type: ignore[misc]  # path and code
        for metric, family in live.snapshot(time.time())
        if metric is HTTP_REQUESTS
        for series in family
    }


async def test_requests_are_counted_by_known_path_and_code_only() -> None:
    live = Live()
    async with serving(live) as (client, _):
        for method, path, status in (
            ("GET", "/metrics", 200),
            ("HEAD", "/metrics", 200),
            ("POST", "/metrics", 405),
            ("GET", "/-/ready", 200),
            ("GET", "/wp-login.php", 404),
            ("GET", "/v2/../../etc/passwd", 404),
            ("DELETE", "/anything", 405),
            ("GET", "/v1/factors/DE", 200),
            ("GET", "/v1/factors/FR", 200),
            ("GET", "/v1/factors/broken", 400),
        ):
            async with client.request(method, path) as reply:
                assert (path, reply.status) == (path, status)
    assert counted(live) == {
        ("/metrics", "200"): 2,
        ("/metrics", "405"): 1,
        ("/-/ready", "200"): 1,
        ("other", "404"): 2,
        ("other", "405"): 1,
        ("/v1/factors/{zone}", "200"): 2,
        ("/v1/factors/{zone}", "400"): 1,
    }


@pytest.mark.parametrize(
    ("accept", "parse"), [("text/plain", text_families), ("application/openmetrics-text", openmetrics_families)]
)
async def test_the_page_with_process_metrics_is_one_valid_text(accept: str, parse: object) -> None:
    async with serving(Live()) as (client, _), client.get("/metrics", headers={"accept": accept}) as reply:
        assert reply.headers["content-type"].startswith(accept)
        assert reply.headers["content-encoding"] == "gzip"
        names = {family.name for family in parse(await reply.text())}  # type: ignore[operator]  # one of the two
    assert {"greenops_build_info", "process_resident_memory_bytes", "python_info"} <= names


async def test_a_client_that_does_not_read_holds_up_nobody() -> None:
    live = Live()
    for number in range(50_000):
        live.put(POINT_TEMPERATURE.sample(number, 0.0, site="s", stack="1", device="d", point=f"p{number}"))
    async with serving(live) as (client, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n" * 3)
        await asyncio.sleep(0.3)
        async with client.get("/-/healthy") as reply:
            assert reply.status == 200
        ending = time.monotonic()
    assert time.monotonic() - ending < 5
    writer.close()


async def test_a_taken_port_and_an_unknown_host_are_told() -> None:
    async with serving(Live()) as (_, port):
        with pytest.raises(ConfigError) as error:
            async with serve(Live(), lambda: PROGRAM, address(f"127.0.0.1:{port}"), "GREENOPS_PORT"):
                pass
    assert str(error.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; "
        "choose another with --listen HOST:PORT or GREENOPS_PORT=PORT"
    )
    with pytest.raises(ConfigError, match=r"^cannot listen on no\.such\.host\.invalid:1: "):
        async with serve(Live(), lambda: PROGRAM, address("no.such.host.invalid:1"), "GREENOPS_PORT"):
            pass
