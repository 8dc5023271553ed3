"""Devices of which every value can be recognised, as pages and by Modbus, and a book of what they served."""

from __future__ import annotations

import socketserver
import struct
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import NamedTuple

from stamped_device import Stamp, stamped

UNITS, TAGS = 4, 16
STALL = 0.3
_REQUEST = struct.Struct(">HHHBBHH")


class Key(NamedTuple):
    """One value that was served, for ever recognised."""

    unit: int
    tag: int
    number: int


class Source:
    """*served* is when each value went out, Unix seconds; *begun* is when each life of the program under test began."""

    def __init__(self) -> None:
        self.served: dict[Key, float] = {}
        self.begun: list[float] = []
        self.asked = threading.Event()
        self.modbus = self.pages = 0
        self.stalls: list[tuple[float, float]] = []
        """When nothing was answered because this process was not let run; Unix seconds."""
        self._count: dict[int, int] = {}
        self._lock = threading.Lock()

    def answer(self, unit: int, tags: range) -> list[int]:
        """The values of *tags*, under the unit's next number."""
        with self._lock:
            number = self._count[unit] = self._count.get(unit, 0) + 1
            now = time.time()
            self.served.update((Key(unit, tag, number), now) for tag in tags)
        self.asked.set()
        return [stamped(Stamp(number, tag)) for tag in tags]

    def owed(self, until: float) -> set[Key]:
        """What was served by *until* and followed in the same life by the same point's next value."""
        with self._lock:
            book = sorted(self.served.items())
        return {
            key
            for (key, at), (after, then) in pairwise(book)
            if key[:2] == after[:2]
            and at <= until
            and not self._stalled(at)
            and bisect_right(self.begun, at) == bisect_right(self.begun, then)
        }

    def _stalled(self, at: float) -> bool:
        return any(since <= at <= until + STALL for since, until in self.stalls)

    def watch(self, over: threading.Event) -> None:
        """Until it is *over*."""
        while not over.is_set():
            before = time.time()
            time.sleep(0.02)
            if (now := time.time()) - before > STALL:
                self.stalls.append((before, now))


@contextmanager
def source() -> Iterator[Source]:
    """Devices on free ports of loopback while the context lasts."""
    made = Source()

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            unit = int(self.path.removeprefix("/u").partition("?")[0])
            values = made.answer(unit, range(TAGS))
            lines = [f'stamp{{device="u{unit}",point="t{tag}"}} {value}' for tag, value in enumerate(values)]
            page = "\n".join(["# TYPE stamp gauge", *lines, ""]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Not on the screen."""

    class Slave(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(head := self.rfile.read(_REQUEST.size)) == _REQUEST.size:
                transaction, _, _, unit, function, address, quantity = _REQUEST.unpack(head)
                values = made.answer(unit, range(address // 2, (address + quantity) // 2))
                data = b"".join(value.to_bytes(4, "big") for value in values)
                body = bytes([unit, function, len(data)]) + data
                self.wfile.write(struct.pack(">HHH", transaction, 0, len(body)) + body)

    class Pages(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A program that was killed says no goodbye."""

    class Modbus(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A program that was killed says no goodbye."""

    with Pages(("127.0.0.1", 0), Page) as pages, Modbus(("127.0.0.1", 0), Slave) as modbus:
        made.pages, made.modbus = pages.server_port, modbus.server_address[1]
        servers: list[socketserver.BaseServer] = [pages, modbus]
        over = threading.Event()
        threads = [threading.Thread(target=each.serve_forever, args=(0.05,)) for each in servers]
        threads.append(threading.Thread(target=made.watch, args=(over,)))
        for thread in threads:
            thread.start()
        try:
            yield made
        finally:
            over.set()
            for each in servers:
                each.shutdown()
            for thread in threads:
                thread.join()
