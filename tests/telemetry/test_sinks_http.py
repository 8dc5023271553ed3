"""Posting over real sockets: one deadline for all of it, a connection that is kept, words for what goes wrong."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from greenops_core.errors import ConfigError
from greenops_telemetry.delivery.http_post import MOST, Poster
from greenops_telemetry.delivery.status import Reply
from greenops_telemetry.delivery.verdict import Later
from greenops_telemetry.tls import Tls
from self_signed import Authority
from stack import free_port

HERE = "127.0.0.1"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nX-Some: Thing\r\n\r\n"
LONG = 30.0
SHORT = 0.3

Behaviour = Callable[[socket.socket, Event], None]


@contextmanager
def receiver(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[int]]]:
    """A server that does *behaviour* on each connection, one after the other; its ``host:port``, and one item for each.

    The event that *behaviour* gets is set when the test is over.
    """
    connections: list[int] = []
    over = Event()
    with socket.create_server((HERE, 0)) as listening:

        def serve() -> None:
            while not over.is_set():
                with suppress(OSError), listening.accept()[0] as line:
                    connections.append(1)
                    line.settimeout(LONG)
                    if context is None:
                        behaviour(line, over)
                    else:
                        with context.wrap_socket(line, server_side=True) as wrapped:
                            behaviour(wrapped, over)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"{HERE}:{listening.getsockname()[1]}", connections
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def poster(url: str, timeout: float = LONG, tls: Tls | None = None) -> Iterator[Poster]:
    made = Poster(url, {"user-agent": "greenops/1"}, timeout, tls)
    try:
        yield made
    finally:
        made.close()


def request(line: socket.socket) -> bytes:
    """One whole request; nothing when the other side has hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        some = line.recv(65536)
        if not some:
            return b""
        data += some
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = [int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length")]
    while len(body) < length:
        body += line.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(*answers: bytes) -> Behaviour:
    """Each of *answers* to a request of its own, then hang up."""

    def behave(line: socket.socket, _over: Event) -> None:
        for answer in answers:
            if request(line):
                line.sendall(answer)

    return behave


def test_a_request_says_what_it_must_and_the_answer_comes_back() -> None:
    seen: list[bytes] = []

    def behave(line: socket.socket, _over: Event) -> None:
        seen.append(request(line))
        line.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nX-Some: Thing\r\n\r\nno!\r\n")

    with receiver(behave) as (address, _), poster(f"http://{address}/api/v1/write?tenant=a") as sender:
        assert sender.post(b"body", {"content-type": "x/y"}) == Reply(
            400, {"content-length": "5", "x-some": "Thing"}, b"no!\r\n"
        )
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert body == b"body"
    assert sorted(head.split(b"\r\n")) == sorted(
        [
            b"POST /api/v1/write?tenant=a HTTP/1.1",
            f"Host: {address}".encode(),
            b"Accept-Encoding: identity",
            b"Content-Length: 4",
            b"user-agent: greenops/1",
            b"content-type: x/y",
        ]
    )


def test_the_connection_is_kept_and_opened_again_when_the_other_side_has_hung_up() -> None:
    def behave(line: socket.socket, over: Event) -> None:
        answering(*[NO_CONTENT] * 3)(line, over)
        line.shutdown(socket.SHUT_RDWR)
        hung_up.set()

    hung_up = Event()
    with receiver(behave) as (address, connections), poster(f"http://{address}/w") as sender:
        for _ in range(3):
            assert sender.post(b"x", {}) == Reply(204, {"x-some": "Thing"}, b"")
        assert hung_up.wait(LONG)
        for _ in range(3):
            assert isinstance(sender.post(b"x", {}), Reply)
        assert len(connections) == 2


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


@pytest.mark.parametrize(
    ("answers", "connections_made"),
    [
        pytest.param([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nyes"], 2, id="until the end"),
        pytest.param([b"HTTP/1.0 200 OK\r\n\r\nyes"], 2, id="HTTP/1.0"),
        pytest.param([CHUNKED, CHUNKED], 1, id="chunked"),
        pytest.param([CONTINUED, CONTINUED], 1, id="continued"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nyes"], 2, id="cut off"),
    ],
)
def test_a_body_may_end_in_any_way(answers: list[bytes], connections_made: int) -> None:
    with receiver(answering(*answers)) as (address, connections), poster(f"http://{address}/w") as sender:
        for _ in range(2):
            reply = sender.post(b"x", {})
            assert isinstance(reply, Reply)
            assert (reply.status, reply.body) == (200, b"yes")
        assert len(connections) == connections_made


def test_of_a_long_answer_only_the_start_is_read() -> None:
    long = b"HTTP/1.1 500 No\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (MOST + 1)

    def behave(line: socket.socket, over: Event) -> None:
        answering(long)(line, over)
        line.recv(1)

    with receiver(behave) as (address, connections), poster(f"http://{address}/w") as sender:
        for _ in range(2):
            reply = sender.post(b"x", {})
            assert isinstance(reply, Reply)
            assert reply.body == b"x" * MOST
        assert len(connections) == 2


def test_an_answer_that_comes_before_the_request_is_read_counts() -> None:
    def behave(line: socket.socket, _over: Event) -> None:
        line.recv(100)
        line.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    with receiver(behave) as (address, _), poster(f"http://{address}/w") as sender:
        reply = sender.post(b"x" * 2**25, {})
    assert isinstance(reply, Reply)
    assert reply.status == 413


def say_nothing(_line: socket.socket, over: Event) -> None:
    over.wait(LONG)


def trickle(start: bytes) -> Behaviour:
    def behave(line: socket.socket, over: Event) -> None:
        request(line)
        line.sendall(start)
        while not over.wait(0.01):
            line.sendall(b"x")

    return behave


@pytest.mark.parametrize(
    ("behaviour", "size", "phase"),
    [
        pytest.param(say_nothing, 2**25, "sending", id="never reads"),
        pytest.param(say_nothing, 1, "waiting for the answer", id="never answers"),
        pytest.param(trickle(b""), 1, "waiting for the answer", id="a byte of the status at a time"),
        pytest.param(
            trickle(b"HTTP/1.1 200 OK\r\nA: "), 1, "waiting for the answer", id="a byte of the head at a time"
        ),
        pytest.param(
            trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
            1,
            "waiting for the answer",
            id="a byte of the body at a time",
        ),
    ],
)
def test_whoever_takes_too_long_is_left_at_the_deadline(behaviour: Behaviour, size: int, phase: str) -> None:
    with receiver(behaviour) as (address, _), poster(f"http://{address}/w", SHORT) as sender:
        began = time.monotonic()
        assert sender.post(b"x" * size, {}) == Later(
            f"{address}: no end within 0.3 s, while {phase}; look at the line and at timeout"
        )
        assert SHORT <= time.monotonic() - began < LONG / 2


def test_a_handshake_that_does_not_end_is_left_at_the_deadline() -> None:
    with receiver(say_nothing) as (address, _), poster(f"https://{address}/w", SHORT) as sender:
        began = time.monotonic()
        verdict = sender.post(b"x", {})
        assert SHORT <= time.monotonic() - began < LONG / 2
    assert isinstance(verdict, Later)
    assert "no end within 0.3 s, while agreeing on TLS" in verdict.why


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (lambda line, _over: line.recv(1), "broke the connection off while"),
        (answering(b"SSH-2.0-OpenSSH\r\n"), "does not speak HTTP (BadStatusLine"),
        (answering(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101), "does not speak HTTP (HTTPException"),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "does not speak HTTP (Incomplete"),
    ],
)
def test_what_is_no_http_is_told(behaviour: Behaviour, words: str) -> None:
    with receiver(behaviour) as (address, _), poster(f"http://{address}/w") as sender:
        for _ in range(2):
            verdict = sender.post(b"x", {})
            assert isinstance(verdict, Later)
            assert verdict.why.startswith(f"{address}: {words}")


def test_what_cannot_be_reached_is_told() -> None:
    port = free_port()
    for url, words in (
        (f"http://{HERE}:{port}/w", f"{HERE}:{port}: refuses the connection; is the receiver running"),
        ("http://nobody.invalid/w", "nobody.invalid:80: the name cannot be looked up: "),
        ("http://" + "a" * 64 + ".example/w", "is no name that a host can have"),
        ("https://255.255.255.255/w", "255.255.255.255:443: "),
    ):
        with poster(url, 5.0) as sender:
            verdict = sender.post(b"x", {})
        assert isinstance(verdict, Later)
        assert words in verdict.why


def test_a_name_with_several_addresses_is_tried_at_each() -> None:
    """``localhost`` is ``::1`` too on most machines, where nobody listens here."""
    with (
        receiver(answering(NO_CONTENT)) as (address, _),
        poster(f"http://localhost:{address.partition(':')[2]}/w") as sender,
    ):
        assert isinstance(sender.post(b"x", {}), Reply)


def server_context(folder: Path, authority: Authority, *, host: str = HERE, clients: bool = False) -> ssl.SSLContext:
    own = authority.signed("receiver", host=host)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(own.certificate, own.key)
    if clients:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(authority.ca)
    assert Path(own.certificate).parent == folder
    return made


def test_tls_with_a_certificate_of_our_own_and_a_connection_that_is_kept(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours = authority.signed("gateway").files
    context = server_context(tmp_path, authority, host="receiver.example", clients=True)
    tls = Tls(ca=authority.ca, server_name="receiver.example", **ours)
    with (
        receiver(answering(*[NO_CONTENT] * 3), context) as (address, connections),
        poster(f"https://{address}/w", tls=tls) as sender,
    ):
        for _ in range(3):
            assert isinstance(sender.post(b"x" * 2**20, {}), Reply)
    assert len(connections) <= 2


def speak_http(line: socket.socket, _over: Event) -> None:
    line.recv(65536)
    line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_tls_that_fails_is_told(tmp_path: Path, lifetime: ExitStack) -> None:
    authority = Authority(tmp_path)
    secure, _ = lifetime.enter_context(receiver(say_nothing, server_context(tmp_path, authority, host="other.example")))
    plain, _ = lifetime.enter_context(receiver(speak_http))
    for address, tls, words in (
        (secure, None, "the server's certificate is not trusted: "),
        (secure, Tls(ca=authority.ca), "write the name that it is for as server_name"),
        (plain, None, "TLS: wrong version number; does the server speak TLS on this port?"),
    ):
        with poster(f"https://{address}/w", tls=tls) as sender:
            verdict = sender.post(b"x", {})
        assert isinstance(verdict, Later)
        assert words in verdict.why


def test_a_certificate_that_is_not_there_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"ca: cannot read nowhere\.pem"):
        Poster("https://h/w", {}, LONG, Tls(ca="nowhere.pem"))
