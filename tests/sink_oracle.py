"""A remote-write receiver that writes down all it was sent, and answers as a test wants it to.

It reads the wire by itself: nothing of the code that wrote it is used here.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import cramjam

STALE = 0x7FF0000000000002


class Told(NamedTuple):
    """One sample as it came: *bits* are those of the value, *at* is Unix milliseconds, *heard* our Unix seconds."""

    name: str
    labels: Mapping[str, str]
    bits: int
    at: int
    heard: float

    @property
    def value(self) -> float:
        number: float = struct.unpack("<d", self.bits.to_bytes(8, "little"))[0]
        return number

    @property
    def is_stale_marker(self) -> bool:
        return self.bits == STALE


class Reply(NamedTuple):
    """An answer; nothing of the request is kept unless it is one of 2xx."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = {}


Behaviour = Callable[[Sequence[Told]], Reply]


def takes(_: Sequence[Told]) -> Reply:
    return Reply(204)


class SinkOracle:
    """*stored* is what a 2xx was given for, in order; *requests* is when each came; *asked* is set by each."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = takes
        self.stored: list[Told] = []
        self.requests: list[float] = []
        self.asked = threading.Event()
        self.port = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/write"

    def take(self, body: bytes) -> Reply:
        """What is answered to a request with *body*."""
        heard = time.time()
        told = list(_write_request(bytes(cramjam.snappy.decompress_raw(body)), heard))
        reply = self.behaviour(told)
        with self._lock:
            self.requests.append(heard)
            if 200 <= reply.status < 300:
                self.stored.extend(told)
        self.asked.set()
        return reply


@contextmanager
def sink_oracle() -> Iterator[SinkOracle]:
    """A receiver on a free port of loopback while the context lasts."""
    oracle = SinkOracle()

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = oracle.take(bytes(body))
            text = reply.text.encode()
            self.send_response(reply.status)
            for key, value in {**reply.headers, "Content-Length": str(len(text))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as its class calls it
            """Not on the screen."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that was killed says no goodbye."""

    with Server(("127.0.0.1", 0), Request) as server:
        oracle.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield oracle
        finally:
            server.shutdown()
            thread.join()


def _write_request(data: bytes, heard: float) -> Iterator[Told]:
    """Prometheus WriteRequest 1.0: field 1 is a series with labels (1) and samples (2)."""
    for number, series in _fields(data):
        if number != 1:
            continue
        labels: dict[str, str] = {}
        samples: list[tuple[int, int]] = []
        for part, content in _fields(_message(series)):
            inner = dict(_fields(_message(content)))
            if part == 1:
                labels[_message(inner[1]).decode()] = _message(inner.get(2, b"")).decode()
            elif part == 2:
                bits, at = inner.get(1, 0), inner.get(2, 0)
                assert isinstance(bits, int)
                assert isinstance(at, int)
                samples.append((bits, at))
        name = labels.pop("__name__")
        for bits, at in samples:
            yield Told(name, labels, bits, at, heard)


def _message(content: int | bytes) -> bytes:
    assert isinstance(content, bytes)
    return content


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and content of each field of a protobuf message."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        match key & 7:
            case 0:
                content: int | bytes
                content, place = _varint(data, place)
            case 1:
                content, place = int.from_bytes(data[place : place + 8], "little"), place + 8
            case 2:
                size, place = _varint(data, place)
                content, place = data[place : place + size], place + size
            case wire:
                raise AssertionError(f"wire type {wire}")
        yield key >> 3, content


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if byte < 0x80:
            return value, place
