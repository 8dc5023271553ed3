"""HTTP POST with one deadline for the whole exchange, over a connection that is kept.

``http.client`` does the protocol; here is the line under it, whose every operation gets what is left of the time. A
receiver that sends a byte a second, or never reads, is left at the deadline as much as one that says nothing.
"""

from __future__ import annotations

import io
import queue
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, cast
from urllib.parse import urlsplit

from greenops_telemetry.delivery.status import Reply
from greenops_telemetry.delivery.verdict import Later
from greenops_telemetry.tls import Tls, said

MOST = 65536
"""Bytes of an answer that are read."""

_Addresses = list[tuple[socket.AddressFamily, tuple[Any, ...]]]


class Poster:
    """Sends to *url*, which may take *timeout* seconds for everything from the name's address to the end of the answer.

    Every request has *headers*. One thread at a time; the connection ends with the object, or by ``close``.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float, tls: Tls | None = None) -> None:
        """Raises ConfigError: *tls* names files that do not fit."""
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers, self._timeout = dict(headers), timeout
        tls = tls or Tls()
        self._context = tls.context() if parts.scheme == "https" else None
        self._name = tls.name(self._host)
        self._http = HTTPConnection(self._host, self._port)
        weakref.finalize(self, self._http.close)

    def close(self) -> None:
        """End the connection; the next ``post`` opens another."""
        self._http.close()

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply | Later:
        """The answer to *body*, or why there was none, in words that say what to look at."""
        deadline = _Deadline(self._timeout)
        try:
            return self._exchange(body, {**self._headers, **headers}, deadline)
        except (OSError, HTTPException) as error:
            self._http.close()
            return Later(self._why(error, deadline))

    def _exchange(self, body: bytes, headers: Mapping[str, str], deadline: _Deadline) -> Reply:
        line = cast("_Line | None", self._http.sock)
        if line is None or line.is_over():
            self._http.close()
            line = self._http.sock = self._line(deadline)
        line.deadline = deadline
        deadline.phase = "sending"
        is_whole = False
        with suppress(ConnectionError):  # a receiver may answer, such as 413, before it has read everything
            self._http.request("POST", self._path, body, dict(headers))
            is_whole = True
        deadline.phase = "waiting for the answer"
        with self._http.getresponse() as response:
            start = response.read(MOST)
            if not is_whole or (not response.isclosed() and response.read(1)):
                self._http.close()  # what else it has to say is not waited for
            return Reply(response.status, {key.lower(): value for key, value in response.getheaders()}, start)

    def _line(self, deadline: _Deadline) -> Any:  # noqa: ANN401  # http.client wants a socket and uses two of its methods
        error: OSError = OSError(f"the name {self._host} has no address")
        deadline.phase = "looking the name up"
        addresses = _addresses(self._host, self._port, deadline)
        for untried, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            deadline.phase = "connecting"
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(deadline.left() / untried)
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context is not None:
                    deadline.phase = "agreeing on TLS"
                    sock.settimeout(deadline.left())
                    sock = self._context.wrap_socket(sock, server_hostname=self._name)
                return _Line(sock, deadline)
            except OSError as failed:
                sock.close()
                if deadline.is_over():
                    raise
                error = failed
        raise error

    def _why(self, error: OSError | HTTPException, deadline: _Deadline) -> str:
        match error:
            case TimeoutError():
                why = f"no end within {self._timeout:g} s, while {deadline.phase}; look at the line and at timeout"
            case ssl.SSLError():
                why = said(error)
            case socket.gaierror():
                why = f"the name cannot be looked up: {error.strerror}; look at url and at this machine's DNS"
            case ConnectionRefusedError():
                why = "refuses the connection; is the receiver running, and is the port in url right?"
            case ConnectionError():
                why = f"broke the connection off while {deadline.phase}; look at http or https in url"
            case HTTPException():
                what = f"{type(error).__name__}: {str(error)[:80]!r}"
                why = f"does not speak HTTP ({what}); look at the port, and at http or https in url"
            case _:
                why = f"{error.strerror or error}; look at the line and at url"
        return f"{self._host}:{self._port}: {why}"


class _Deadline:
    """When the time is up, and what it went into."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.phase = ""

    def left(self) -> float:
        """Seconds. Raises TimeoutError: none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def is_over(self) -> bool:
        return time.monotonic() >= self._end


class _Line:
    """A connected socket as http.client uses one."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self.sock, self.deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(self.deadline.left())
            rest = rest[self.sock.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self, self.sock.makefile("rb", buffering=0)))

    def close(self) -> None:
        self.sock.close()

    def is_over(self) -> bool:
        """Whether the other side has hung up, or said something without being asked."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


class _Incoming(io.RawIOBase):
    """What a line receives; the socket outlives the line until the answer has been read."""

    def __init__(self, line: _Line, raw: io.RawIOBase) -> None:
        self._line, self._raw = line, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  # whatever can be written into
        self._line.sock.settimeout(self._line.deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _addresses(host: str, port: int, deadline: _Deadline) -> _Addresses:
    """Where *host* is. The system's look-up knows no deadline, so it is left to its own thread when it takes longer.

    Raises:
        OSError: the name is not known, or it takes too long.
    """
    found: queue.SimpleQueue[_Addresses | OSError] = queue.SimpleQueue()

    def look() -> None:
        try:
            known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            found.put(error)
        except UnicodeError:
            found.put(OSError(f"{host} is no name that a host can have"))
        else:
            found.put([(family, address) for family, _, _, _, address in known])

    threading.Thread(target=look, name=f"look up {host}", daemon=True).start()
    try:
        outcome = found.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(outcome, OSError):
        raise outcome
    return outcome
