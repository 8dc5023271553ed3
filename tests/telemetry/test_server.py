"""The HTTP server of gateway and exporter on real sockets."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from greenops_core.address import address
from greenops_core.catalogue import HTTP_REQUESTS, POINT_TEMPERATURE
from greenops_core.errors import ConfigError
from greenops_telemetry import client as edge
from greenops_telemetry import server
from greenops_telemetry.answer import Answer, Program, Stream
from greenops_telemetry.client import LONGEST_BODY, Request
from greenops_telemetry.live import Live
from greenops_telemetry.server import Routes, serve
from stack import free_port

PROGRAM = Program("greenops-test", "1.2.3")
HEALTHY = b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n"
PAGE = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"


async def echo(request: Request) -> Answer:
    return Answer(200, "application/octet-stream", request.body)


async def slow(_: Request) -> Answer:
    await asyncio.sleep(0.2)
    return Answer(200, "text/plain", b"done")


async def broken(_: Request) -> Answer:
    raise ValueError("a mistake")


async def cut(_: Request) -> Stream:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ValueError("a mistake")

    return Stream(200, "text/plain", pieces(), {})


ROUTES: Routes = {"/echo": {"PUT": echo}, "/slow": {"GET": slow}, "/broken": {"GET": broken}, "/cut": {"GET": cut}}


@asynccontextmanager
async def serving(
    live: Live | None = None, routes: Routes = ROUTES
) -> AsyncIterator[tuple[aiohttp.ClientSession, int]]:
    port = free_port()
    async with (
        serve(live or Live(), lambda: PROGRAM, address(f"127.0.0.1:{port}"), "PORT", routes),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        yield client, port


async def exchanged(port: int, sent: bytes, *, ended: bool = True) -> bytes:
    """All that comes back until the server ends; *ended*: the client ends its side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        writer.write(sent)
        if ended:
            writer.write_eof()
        received = await reader.read()
    writer.close()
    return received


def crowded() -> Live:
    """A page of several MB."""
    live = Live()
    for number in range(50_000):
        live.put(POINT_TEMPERATURE.sample(number, 0.0, site="s", stack="1", device="d", point=f"p{number}"))
    return live


def counted(live: Live) -> dict[tuple[str, str], float]:
    return {
        series.labels[1:]: series.value  # type: ignore[misc]  # path and code
        for metric, family in live.snapshot(time.time())
        if metric is HTTP_REQUESTS
        for series in family
    }


async def test_requests_are_counted_by_known_path_and_code_only() -> None:
    live = Live()
    async with serving(live) as (client, port):
        for method, path, status, allowed in (
            ("GET", "/metrics", 200, None),
            ("GET", "/metrics?name=x", 200, None),
            ("HEAD", "/metrics", 200, None),
            ("POST", "/metrics", 405, "GET, HEAD"),
            ("GET", "/-/ready", 200, None),
            ("GET", "/wp-login.php", 404, None),
            ("GET", "/v2/../../etc/passwd", 404, None),
            ("DELETE", "/anything", 405, "GET, HEAD"),
            ("PUT", "/echo", 200, None),
            ("GET", "/echo", 405, "PUT"),
        ):
            async with client.request(method, path) as reply:
                assert (path, reply.status, reply.headers.get("allow")) == (path, status, allowed)
        assert await exchanged(port, b"nonsense\r\n\r\n")
        async with client.get("/-/healthy") as reply:
            assert reply.status == 200
    assert counted(live) == {
        ("/metrics", "200"): 3,
        ("/metrics", "405"): 1,
        ("/-/ready", "200"): 1,
        ("/-/healthy", "200"): 1,
        ("other", "404"): 2,
        ("other", "405"): 1,
        ("other", "400"): 1,
        ("/echo", "200"): 1,
        ("/echo", "405"): 1,
    }


@pytest.mark.parametrize(
    ("accept", "parse"), [("text/plain", text_families), ("application/openmetrics-text", openmetrics_families)]
)
async def test_the_page_with_process_metrics_is_one_valid_text(accept: str, parse: object) -> None:
    async with serving() as (client, _), client.get("/metrics", headers={"accept": accept}) as reply:
        assert reply.headers["content-type"].startswith(accept)
        assert reply.headers["content-encoding"] == "gzip"
        assert reply.headers["vary"] == "accept, accept-encoding"
        names = {family.name for family in parse(await reply.text())}  # type: ignore[operator]  # one of the two
    assert {"greenops_build_info", "process_resident_memory_bytes", "python_info"} <= names


async def test_a_long_page_arrives_whole_packed_or_not() -> None:
    live = crowded()
    async with serving(live) as (client, _):
        for accepted in ("identity", "gzip"):
            async with client.get("/metrics", headers={"accept-encoding": accepted}) as reply:
                values = {
                    sample.labels["point"]: sample.value
                    for family in text_families(await reply.text())
                    if family.name == POINT_TEMPERATURE.name
                    for sample in family.samples
                }
            assert values == {f"p{number}": number for number in range(50_000)}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request"),  # no host
        (b"GET / HTTP/1.1\r\nhost: x\r\nna me: x\r\n\r\n", b"400 Bad Request"),
        (b"GET metrics HTTP/1.1\r\nhost: x\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nhost:", b"400 Bad Request"),  # and then the end
        (b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nabc", b"400 Bad Request"),
        (b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", b"400 Bad Request"),
        (b"PUT /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 65_536, b"431 Request Header Fields Too Large"),
        (b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1048577\r\n\r\n", b"413 Request Entity Too Large"),
        (
            b"PUT /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
            + b"10000\r\n%s\r\n" % (b"x" * 65_536) * 40,
            b"413 Request Entity Too Large",
        ),
        (b"PUT /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: br\r\n\r\n", b"501 Not Implemented"),
    ],
)
async def test_what_cannot_be_served_is_refused_and_the_connection_ends(sent: bytes, status: bytes) -> None:
    async with serving() as (client, port):
        received = await exchanged(port, sent)
        assert received.startswith(b"HTTP/1.1 " + status), received[:200]
        assert b"\r\nconnection: close\r\n" in received.lower()
        assert received.endswith(b".\n"), "it says why"
        async with client.get("/-/healthy") as reply:
            assert reply.status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 1048576\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n100000\r\n",
        b"content-length: 1048576\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
    ],
)
async def test_a_body_of_1_mib_is_read(head: bytes) -> None:
    body = b"b" * LONGEST_BODY
    end = b"\r\n0\r\n\r\n" if b"chunked" in head else b""
    async with serving() as (_, port):
        received = await exchanged(port, b"PUT /echo HTTP/1.1\r\nhost: x\r\n" + head + body + end)
    assert received.endswith(b"\r\n\r\n" + body)
    if b"expect" in head:
        assert received.startswith(b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_requests_in_a_row_are_answered_in_order_however_they_are_cut(size: int) -> None:
    put = b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n"
    last = HEALTHY.replace(b"host: x", b"host: x\r\nconnection: close")
    sent = put + b"one" + HEALTHY.replace(b"GET", b"HEAD") + put + b"two" + last
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in range(0, len(sent), size):
            writer.write(sent[at : at + size])
            await asyncio.sleep(0)
        received = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 4
    bodies = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [b"one", b"", b"two", b"greenops-test is healthy.\n"]
    assert received.count(b"content-length: 26\r\n") == 2, "the length is told without the body, too"


async def test_old_clients_get_the_page_until_the_end_of_the_connection() -> None:
    async with serving() as (_, port):
        received = await exchanged(port, b"GET /metrics HTTP/1.0\r\naccept-encoding: gzip\r\n\r\n", ended=False)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head.lower()
    assert gzip.decompress(body).startswith(b"# HELP greenops_build_info ")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", HEALTHY + b"GET", b"PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc"],
    ids=["nothing", "half a head", "one and a half", "half a body"],
)
async def test_a_silent_client_is_let_go(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "PATIENCE", 0.2)
    monkeypatch.setattr(edge, "PATIENCE_IDLE", 0.3)
    async with serving() as (_, port):
        with suppress(ConnectionResetError):
            received = await exchanged(port, sent, ended=False)
            assert received.count(b"HTTP/1.1") == sent.count(b"healthy")


async def test_a_client_that_sends_a_byte_now_and_then_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "PATIENCE", 0.3)
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        writer.close()


async def test_a_client_that_does_not_read_holds_up_nobody_and_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "PATIENCE", 0.5)
    live = crowded()
    async with serving(live) as (client, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writer.write(PAGE * 20)
        while ("/metrics", "200") not in counted(live):
            async with client.get("/-/healthy") as reply:
                assert reply.status == 200
            await asyncio.sleep(0.05)
        writer.transport.abort()


async def test_no_more_of_a_page_is_made_than_the_client_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "PATIENCE", 0.5)
    made, over = 0, asyncio.Event()

    async def endless(_: Request) -> Stream:
        def pieces() -> Iterator[bytes]:
            nonlocal made
            try:
                while made < 2_000:
                    made += 1
                    yield b"x" * 65_536
            finally:
                over.set()

        return Stream(200, "text/plain", pieces(), {})

    async with serving(routes={"/endless": {"GET": endless}}) as (_, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(over.wait(), 10)
        writer.transport.abort()
    assert made < 1_000, "the rest was not made, for nobody took it"


async def test_when_there_are_too_many_the_one_that_is_silent_longest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MOST_CLIENTS", 4)
    async with serving() as (_, port):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        for reader, writer in silent[::-1]:  # the last to come is silent longest
            writer.write(HEALTHY)
            assert (await reader.readuntil(b"healthy.\n")).startswith(b"HTTP/1.1 200")
        assert (await exchanged(port, HEALTHY)).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(10):
            assert await silent[-1][0].read() == b""
        for reader, writer in silent[:-1]:
            writer.write(HEALTHY)
            assert (await reader.readuntil(b"healthy.\n")).startswith(b"HTTP/1.1 200")
        for _, writer in silent:
            writer.close()


async def test_at_the_end_what_is_under_way_is_finished_and_nobody_waits_for_who_does_not_read() -> None:
    async with serving(crowded()) as (_, port):
        idle = await asyncio.open_connection("127.0.0.1", port)
        deaf = await asyncio.open_connection("127.0.0.1", port)
        deaf[1].write(PAGE * 20)
        waiting = await asyncio.open_connection("127.0.0.1", port)
        waiting[1].write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        ending = time.monotonic()
    assert time.monotonic() - ending < 1.0
    assert (await waiting[0].read()).endswith(b"\r\n\r\ndone")
    assert await idle[0].read() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    for _, writer in (idle, deaf, waiting):
        writer.transport.abort()


async def test_a_page_that_fails_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    live = Live()
    async with serving(live) as (client, port):
        async with client.get("/broken") as reply:
            assert (reply.status, await reply.text()) == (500, "This page failed; the log of the program says why.\n")
        assert not (await exchanged(port, b"GET /cut HTTP/1.1\r\nhost: x\r\n\r\n")).endswith(b"0\r\n\r\n")
    assert [record.message.splitlines()[0] for record in caplog.records if record.levelno == logging.ERROR] == [
        "Task exception was never retrieved",  # asyncio tells of it
        "Task exception was never retrieved",
    ]
    assert counted(live) == {("/broken", "500"): 1, ("/cut", "200"): 1}


async def test_clients_that_go_in_the_middle_leave_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(crowded()) as (client, port):
        for sent in (b"", b"GET / HT", PAGE * 3, HEALTHY):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            await asyncio.sleep(0.05)
            writer.transport.abort()
        async with client.get("/-/healthy") as reply:
            assert reply.status == 200
    assert [record.message for record in caplog.records if record.levelno > logging.INFO] == []
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "http"] == []


async def test_a_taken_port_and_an_unknown_host_are_told() -> None:
    async with serving() as (_, port):
        with pytest.raises(ConfigError) as error:
            async with serve(Live(), lambda: PROGRAM, address(f"127.0.0.1:{port}"), "GREENOPS_PORT"):
                pass
    assert str(error.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; "
        "choose another with --listen HOST:PORT or GREENOPS_PORT=PORT"
    )
    for host in ("no.such.host.invalid", "plc..north"):
        with pytest.raises(ConfigError, match=rf"^cannot listen on {host}:1: .*choose another with --listen"):
            async with serve(Live(), lambda: PROGRAM, address(f"{host}:1"), "GREENOPS_PORT"):
                pass


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_the_port_that_was_found_is_logged(host: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve(Live(), lambda: PROGRAM, address(f"{host}:0"), "GREENOPS_PORT"):
        (told,) = [record.message for record in caplog.records if record.message.startswith("listening on ")]
        found = address(told.removeprefix("listening on "))
        assert found.port > 0
        async with aiohttp.ClientSession() as client, client.get(f"http://{found}/-/healthy") as reply:
            assert reply.status == 200
