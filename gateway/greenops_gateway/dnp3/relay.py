"""The wire between the DNP3 stack and the outstation: our own socket outside, a loopback socket towards the stack.

The stack confirms a response by itself as soon as its callbacks have returned. Here a connection can be cut first, so
that no such confirmation leaves; and connecting, TLS and its certificates are those of any other link.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from greenops_core.errors import DeviceError
from greenops_gateway import tcp
from greenops_gateway.dnp3.configuration import Dnp3Link

JOIN = 5.0
"""Seconds that the stack may take to come to its socket."""


class Relay:
    """One connection. *lost* is told once, when it ends without ``cut``, why.

    *heard* is given what the outstation sends, before the stack has it.
    """

    def __init__(self, link: Dnp3Link, lost: Callable[[str], None], heard: Callable[[bytes], None]) -> None:
        self._link, self._lost, self._heard = link, lost, heard
        self._outside, self._inside = _Half(self), _Half(self)
        self._outside.other, self._inside.other = self._inside, self._outside
        self._listener: socket.socket | None = None
        self.is_cut = False
        """From any thread: nothing goes out or in any more."""
        self.heard_at = time.monotonic()
        """When the outstation sent anything last, on the monotonic clock."""

    async def open(self, told: tcp.Told | None = None) -> int:
        """Connect to the outstation; gives the loopback port at which the stack finds it.

        *told* takes when certificates end.

        Raises:
            DeviceError: nobody answers in time, or not by TLS as configured.
        """
        link = self._link
        await tcp.connect(lambda: self._outside, link.host, link.port, link.connect_timeout, link.tls, told=told)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._listener.setblocking(False)
        port: int = self._listener.getsockname()[1]
        return port

    async def join(self) -> None:
        """Wait for the stack, and let bytes through.

        Raises:
            DeviceError: it does not come.
        """
        loop = asyncio.get_running_loop()
        if self._listener is None:
            raise DeviceError("the relay was not opened")
        try:
            async with asyncio.timeout(JOIN):
                while True:
                    end, peer = await loop.sock_accept(self._listener)
                    if is_ours(peer[1], end.getsockname()[1]):
                        break
                    end.close()
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each fragment waits 40 ms for an ACK
                await loop.create_connection(lambda: self._inside, sock=end)
        except TimeoutError:
            raise DeviceError(f"the DNP3 library did not come to its socket within {JOIN:g} s") from None
        finally:
            self._stop_listening()
        self._outside.resume_reading()

    def cut(self) -> None:
        """End the connection at once. What was not sent is not sent."""
        self.is_cut = True
        self._stop_listening()
        self._outside.abort()
        self._inside.abort()

    def ended(self, why: str) -> None:
        """One half has ended."""
        if not self.is_cut:
            self.cut()
            self._lost(why)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def passed(self, half: _Half, data: bytes) -> None:
        """*half* got *data*: on with it."""
        if self.is_cut:
            self.cut()
            return
        if half is self._outside:
            self.heard_at = time.monotonic()
            self._heard(data)
            self._inside.write(data)
        else:
            self._outside.write(data)


class _Half(asyncio.Protocol):
    """One of the two connections."""

    other: _Half

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # what create_connection makes
        self.transport = transport
        if self.other.transport is None:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._relay.passed(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.ended(tcp.said(exc) if exc is not None else "the outstation closed the connection")

    def pause_writing(self) -> None:
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.resume_reading()

    def resume_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


def is_ours(port: int, towards: int) -> bool:
    """Whether a loopback connection from *port* to *towards* is of this user: no other may speak as the stack."""
    for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        column = row.split()
        if column[1] == f"0100007F:{port:04X}" and column[2] == f"0100007F:{towards:04X}":
            return int(column[7]) == os.geteuid()
    return False
