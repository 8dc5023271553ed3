"""The agent's HTTP server: one thread, one selector, GET and HEAD only.

The standard library's servers and asyncio cost 6 to 10 MB of memory, half of what the whole agent may take. Rules of
this file: nothing waits for a client; one that does not read is not read from; one that is silent or slow is let go;
when there are too many, the one that has been silent longest makes room.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

from greenops_agent.request import Refused, Request, parse, rendered, split
from greenops_core.address import Address, unusable
from greenops_telemetry.answer import Answer

PORT_VARIABLE = "GREENOPS_AGENT_PORT"
MOST_CLIENTS = 128
CHUNK = 16 * 1024

Respond = Callable[[Request | Refused], Answer]
"""The page for a request, or the page that tells why it was refused."""


class Stage(Enum):
    """What is waited for."""

    IDLE = "the next request"
    HEAD = "the rest of a head"
    BODY = "room for a response"
    END = "the client to end, after we did"


PATIENCE = {Stage.IDLE: 300.0, Stage.HEAD: 10.0, Stage.BODY: 10.0, Stage.END: 2.0}


@dataclass(slots=True, eq=False)
class _Client:
    connection: socket.socket
    received: bytes = b""
    unsent: bytes = b""
    answered: int = 0
    last: bool = False  # what is unsent is the last response
    silent: bool = False  # the client has ended its side
    stage: Stage = Stage.IDLE
    heard: float = 0.0
    until: float = 0.0


def listening(address: Address) -> socket.socket:
    """A socket that listens on *address*.

    Raises:
        ConfigError: it cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=64)
    except OSError as error:
        raise unusable(address, error.strerror or str(error), PORT_VARIABLE) from None


class Server:
    """Answers on *listener* each time ``serve`` is called; leaving the context closes everything."""

    def __init__(self, listener: socket.socket, respond: Respond, clock: Callable[[], float] = time.monotonic) -> None:
        self._listener, self._respond, self._clock = listener, respond, clock
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()

    def __enter__(self) -> Self:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for client in tuple(self._clients):
            self._close(client)
        self._selector.close()
        self._listener.close()

    def serve(self, wait: float) -> None:
        """Answer who is there, or wait up to *wait* seconds for somebody."""
        deadline = min((client.until for client in self._clients), default=self._clock() + wait)
        for key, mask in self._selector.select(max(0.0, min(wait, deadline - self._clock()))):
            if key.data is None:
                self._accept()
            elif key.data in self._clients:
                self._turn(key.data, mask)
        now = self._clock()
        for client in [client for client in self._clients if client.until <= now]:
            self._close(client)

    def _accept(self) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            self._make_room()
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:  # most likely no file descriptor is left
            self._make_room()
            return
        connection.setblocking(False)
        now = self._clock()
        client = _Client(connection, heard=now, until=now + PATIENCE[Stage.IDLE])
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _make_room(self) -> None:
        if self._clients:
            self._close(min(self._clients, key=lambda client: client.heard))

    def _turn(self, client: _Client, mask: int) -> None:
        """Send or receive once, answer what is complete, and wait for what comes next."""
        before = client.answered
        try:
            if client.unsent and mask & selectors.EVENT_WRITE:
                client.unsent = client.unsent[client.connection.send(client.unsent) :]
            elif mask & selectors.EVENT_READ:
                self._receive(client)
            self._answer(client)
            over = self._over(client)
        except BlockingIOError:
            return
        except OSError:  # the client is gone
            over = True
        if over:
            self._close(client)
            return
        self._wait(client, further=client.answered > before)

    def _receive(self, client: _Client) -> None:
        data = client.connection.recv(CHUNK)
        client.silent = not data
        client.heard = self._clock()
        if client.stage is not Stage.END:
            client.received = (client.received + data).lstrip(b"\r\n")

    def _answer(self, client: _Client) -> None:
        """Answer one request after the other, but no further one before the last response has left."""
        while client.received and not client.unsent and not client.last:
            asked: Request | Refused
            try:
                parts = split(client.received)
                if parts is None:
                    return
                head, client.received = parts
                asked = parse(head)
            except Refused as refused:
                asked = refused
            client.answered += 1
            client.last = isinstance(asked, Refused) or not asked.keep_alive
            body = isinstance(asked, Refused) or asked.body
            client.unsent = rendered(self._respond(asked), keep_alive=not client.last, body=body)
            with suppress(BlockingIOError):
                client.unsent = client.unsent[client.connection.send(client.unsent) :]

    def _over(self, client: _Client) -> bool:
        """Whether nothing is left to do. A client that may still be sending would lose a response by a hard close."""
        if client.unsent:
            return False
        if client.silent:
            return True
        if client.last and client.stage is not Stage.END:
            client.received = b""
            client.connection.shutdown(socket.SHUT_WR)
        return False

    def _wait(self, client: _Client, *, further: bool) -> None:
        """Set what is waited for, and until when; only a step *further* buys time for a head."""
        stage = (
            Stage.BODY if client.unsent else Stage.END if client.last else Stage.HEAD if client.received else Stage.IDLE
        )
        if stage is not client.stage or stage in {Stage.IDLE, Stage.BODY} or (stage is Stage.HEAD and further):
            client.until = self._clock() + PATIENCE[stage]
        client.stage = stage
        interest = selectors.EVENT_WRITE if client.unsent else selectors.EVENT_READ
        self._selector.modify(client.connection, interest, client)

    def _close(self, client: _Client) -> None:
        self._clients.discard(client)
        self._selector.unregister(client.connection)
        client.connection.close()
