"""A TCP line on loopback that fails on command, with TLS at its near end where a test wants that."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

_LOOK = 0.02
_MOST = 65536


class Way(Enum):
    """What becomes of bytes in one direction."""

    OPEN = auto()
    HELD = auto()
    """They are delivered once it is open again, if anybody is left to send them to."""
    DRIPPING = auto()
    """One byte a second."""


class Relay:
    """Takes connections at *port* for the port *towards*; *there* is the way to it, *back* the other one."""

    def __init__(self, towards: int) -> None:
        self.there = self.back = Way.OPEN
        self.context: ssl.SSLContext | None = None
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listening.getsockname()[1]
        self._towards = towards
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def serve(self) -> None:
        """Until ``close``."""
        while not self._over.is_set():
            try:
                near = self._listening.accept()[0]
            except OSError:
                return
            self._begin(self._connect, near)

    def close(self) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _begin(self, work: object, *sockets: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=sockets)  # type: ignore[arg-type]  # a method of this class
        self._threads.append(thread)
        thread.start()
        return thread

    def _connect(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            near.settimeout(5.0)
            line = self.context.wrap_socket(near, server_side=True) if self.context else near
            with line, socket.create_connection(("127.0.0.1", self._towards), 5.0) as far:
                line.settimeout(_LOOK)
                far.settimeout(_LOOK)
                other = self._begin(self._pump_back, far, line)
                self._pump(line, far, "there")
                other.join()

    def _pump_back(self, far: socket.socket, near: socket.socket) -> None:
        self._pump(far, near, "back")

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        """Carry bytes until one side hangs up; that is carried too."""
        with suppress(OSError):
            while not self._over.is_set():
                way: Way = getattr(self, direction)
                if way is Way.HELD:
                    time.sleep(_LOOK)
                    continue
                try:
                    data = source.recv(1 if way is Way.DRIPPING else _MOST)
                except TimeoutError:
                    continue
                if not data:
                    break
                sink.settimeout(5.0)
                sink.sendall(data)
                sink.settimeout(_LOOK)
                if way is Way.DRIPPING:
                    self._over.wait(1.0)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(towards: int) -> Iterator[Relay]:
    """A line to the port *towards* of loopback while the context lasts."""
    made = Relay(towards)
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
