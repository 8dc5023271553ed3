"""The agent's server over real sockets: no client can hold up another."""

from __future__ import annotations

import gzip
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from fixture_host import SETTINGS, FixtureHost, steps, values
from greenops_agent import server as module
from greenops_agent.run import Agent
from greenops_agent.server import Server, Stage, listening
from greenops_core.address import address
from greenops_core.catalogue import HTTP_REQUESTS
from greenops_core.errors import ConfigError
from greenops_core.sample import Sample

REQUEST = b"GET /-/healthy HTTP/1.1\r\nhost: a\r\n\r\n"
CLOSE = b"\r\nconnection: close\r\n\r\n"


class Running:
    """The agent's pages, served by a thread of the test until it ends. ``ahead`` moves the server's clock."""

    def __init__(self, host: FixtureHost) -> None:
        self.agent = Agent(SETTINGS, host.source, lambda: host.clock, steps(by=0.1))
        for _ in range(2):
            host.passes(5, 0.1)
            self.agent.collect(host.at)
        self.at = host.at
        self.ahead = 0.0
        self.listener = listening(address("127.0.0.1:0"))
        self.port: int = self.listener.getsockname()[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _clock(self) -> float:
        return time.monotonic() + self.ahead

    def _serve(self) -> None:
        with Server(self.listener, lambda asked: self.agent.respond(asked, self.at), self._clock) as serving:
            while not self._over.is_set():
                serving.serve(0.02)

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as client:
            client.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = client.getresponse()
            return response, response.read()

    def counted(self) -> dict[tuple[str, ...], float]:
        found = [
            Sample(metric, series.labels, series.value, 0.0)
            for metric, family in self.agent.live.snapshot(self.at)
            for series in family
        ]
        return values(found, HTTP_REQUESTS)


@pytest.fixture
def running(host: FixtureHost) -> Iterator[Running]:
    started = Running(host)
    yield started
    started.end()


def until_closed(client: socket.socket) -> bytes:
    received = b""
    while data := client.recv(65536):
        received += data
    return received


def test_a_scrape_gets_text(running: Running) -> None:
    response, body = running.get("/metrics")
    assert (response.status, response.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b'greenops_host_cpus{host="office-17"} 4.0\n' in body


def test_a_scrape_that_asks_for_openmetrics_gets_it(running: Running) -> None:
    response, body = running.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in text_string_to_metric_families(body.decode())}  # type: ignore[no-untyped-call]  # the oracle has no types
    assert "greenops_host_energy_joules" in names


def test_a_scrape_that_takes_gzip_gets_it(running: Running) -> None:
    response, body = running.get("/metrics", accept_encoding="gzip")
    assert response.headers["content-encoding"] == "gzip"
    assert b"greenops_host_cpus" in gzip.decompress(body)


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/-/healthy", 200), ("/-/ready", 200), ("/etc/passwd", 404), ("/metrics/", 404)]
)
def test_each_page_has_its_status(running: Running, path: str, status: int) -> None:
    assert running.get(path)[0].status == status


def test_a_client_that_asks_for_the_head_gets_no_body_and_may_go_on(running: Running) -> None:
    with running.connected() as client:
        client.sendall(b"HEAD /metrics HTTP/1.1\r\nhost: a\r\n\r\n" + REQUEST.replace(b"\r\n\r\n", CLOSE))
        head, _, rest = until_closed(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length
    assert int(length[1]) > 1000
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_only_known_paths_are_counted_by_name(running: Running) -> None:
    for path in ("/metrics", "/a", "/b"):
        running.get(path)
    with running.connected() as client:
        client.sendall(b"rubbish\r\n\r\n")
        until_closed(client)
    assert running.counted() == {
        ("greenops-agent", "/metrics", "200"): 1,
        ("greenops-agent", "other", "404"): 2,
        ("greenops-agent", "other", "400"): 1,
    }


def test_one_connection_carries_many_requests(running: Running) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=5)) as client:
        for path, status in [("/metrics", 200), ("/no", 404), ("/metrics", 200)]:
            client.request("GET", path)
            response = client.getresponse()
            response.read()
            assert response.status == status
            assert response.headers["connection"] == "keep-alive"


@pytest.mark.parametrize("size", [1, 7, 10_000], ids=["byte by byte", "in pieces", "at once"])
def test_requests_sent_ahead_are_answered_in_order(running: Running, size: int) -> None:
    asked = REQUEST + b"GET /no HTTP/1.1\r\nhost: a\r\n\r\n" + b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    with running.connected() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(asked), size):
            client.sendall(asked[start : start + size])
        received = until_closed(client)
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"200", b"404", b"200"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc", b"405", id="another method"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400", id="rubbish"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000, b"431", id="a head without end"),
    ],
)
def test_a_refused_request_is_told_so_and_the_connection_ends(running: Running, sent: bytes, status: bytes) -> None:
    with running.connected() as client:
        client.sendall(sent)
        assert until_closed(client).startswith(b"HTTP/1.1 " + status)
    assert running.get("/metrics")[0].status == 200


def test_half_a_request_and_an_end_leave_nothing_behind(running: Running) -> None:
    with running.connected() as client:
        client.sendall(REQUEST[:20])
        client.shutdown(socket.SHUT_WR)
        assert until_closed(client) == b""
    assert running.get("/metrics")[0].status == 200


def test_a_client_that_ends_its_side_still_gets_its_answer(running: Running) -> None:
    with running.connected() as client:
        client.sendall(REQUEST)
        client.shutdown(socket.SHUT_WR)
        assert until_closed(client).startswith(b"HTTP/1.1 200")


def test_a_client_that_is_reset_is_forgotten(running: Running) -> None:
    client = running.connected()
    client.sendall(REQUEST * 50)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert running.get("/metrics")[0].status == 200


def test_a_slow_client_does_not_hold_up_another(running: Running) -> None:
    with running.connected() as slow:
        slow.sendall(REQUEST[:20])
        assert running.get("/metrics")[0].status == 200
        slow.sendall(REQUEST[20:])
        assert slow.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_client_that_reads_late_gets_every_answer(running: Running) -> None:
    many = 1000
    asked = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n" * (many - 1) + REQUEST.replace(b"GET /-", b"GET /no/-")
    with running.connected() as late:
        late.sendall(asked)
        assert running.get("/metrics")[0].status == 200
        late.shutdown(socket.SHUT_WR)
        received = until_closed(late)
    assert received.count(b"HTTP/1.1 200 OK") == many - 1
    assert received.count(b"HTTP/1.1 404") == 1


def test_a_last_answer_is_followed_by_the_end_at_once(running: Running) -> None:
    with running.connected() as client:
        client.settimeout(1)
        client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
        assert until_closed(client).startswith(b"HTTP/1.1 200")


def test_a_client_that_does_not_read_is_not_read_from(running: Running) -> None:
    asked = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n" * 3000
    with running.connected() as deaf:
        deaf.settimeout(0.3)
        with pytest.raises(TimeoutError):
            deaf.sendall(asked * 100)
        assert running.get("/metrics")[0].status == 200


@pytest.mark.parametrize(
    ("sent", "stage"),
    [
        pytest.param(b"", Stage.IDLE, id="a connection that says nothing"),
        pytest.param(REQUEST[:20], Stage.HEAD, id="a head that does not end"),
        pytest.param(REQUEST, Stage.IDLE, id="a client that asks nothing more"),
    ],
)
def test_a_silent_client_is_let_go(running: Running, sent: bytes, stage: Stage) -> None:
    with running.connected() as client:
        client.sendall(sent)
        if sent == REQUEST:
            assert client.recv(4096)
        running.get("/")  # so that the server has seen what was sent
        running.ahead = module.PATIENCE[stage] - 2
        running.get("/")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        running.ahead = module.PATIENCE[stage] + 1
        client.settimeout(5)
        assert client.recv(1) == b""


def test_a_head_that_comes_drop_by_drop_buys_no_time(running: Running) -> None:
    with running.connected() as client:
        client.sendall(b"GET ")
        running.get("/")
        running.ahead = module.PATIENCE[Stage.HEAD] - 2
        client.sendall(b"/")
        running.get("/")
        running.ahead = module.PATIENCE[Stage.HEAD] + 1
        assert client.recv(1) == b""


def test_when_there_are_too_many_the_longest_silent_makes_room(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CLIENTS", 3)
    clients = [running.connected() for _ in range(3)]
    try:
        for client in clients[1:]:
            client.sendall(REQUEST)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        assert running.get("/metrics")[0].status == 200
        assert clients[0].recv(1) == b""
        clients[2].sendall(REQUEST)
        assert clients[2].recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        for client in clients:
            client.close()


def test_a_taken_port_says_what_to_change() -> None:
    with listening(address("127.0.0.1:0")) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port}.*--listen.*GREENOPS_AGENT_PORT"):
            listening(address(f"127.0.0.1:{port}"))


def test_it_listens_on_ipv6_too() -> None:
    with listening(address("[::1]:0")) as listener:
        assert listener.family == socket.AF_INET6
