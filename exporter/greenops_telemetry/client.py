"""One client of the HTTP server of gateway and exporter: h11 understands it, asyncio carries the bytes.

Rules of this file: every wait for a client has a deadline; no further request is looked at before the last response has
left; of a long response one piece is in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

import h11

from greenops_telemetry.answer import Answer, Stream, plain
from greenops_telemetry.exposition import PIECE

LONGEST_HEAD = 16 * 1024
LONGEST_BODY = 1024 * 1024
AT_ONCE = 16 * 1024
"""Bytes that are received at once."""

PATIENCE_IDLE = 300.0
"""Seconds until the next request begins."""
PATIENCE = 10.0
"""Seconds for a request from its first byte to its last, and for each piece of a response to leave."""
PATIENCE_END = 2.0
"""Seconds for the client to end, after we did."""

FAILED = plain(500, "This page failed; the log of the program says why.", {"connection": "close"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its path, what stands behind the question mark, its headers with lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""


class Refused(Exception):  # noqa: N818  # the peer's mistake, not ours
    """The request is answered with *status* and *reason*, and the connection ends."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


Respond = Callable[[Request], Awaitable[Answer | Stream]]
"""The page for a request."""

Count = Callable[[Request | None, int], None]
"""Told of each request and the status of its answer; none is one that was refused before it was understood."""


class Client:
    """A client for as long as its connection lasts; *count* is told of every request."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond, count: Count
    ) -> None:
        self.idle, self.heard = True, time.monotonic()  # whether nothing is under way; when it last sent something
        self._reader, self._writer, self._respond, self._count = reader, writer, respond, count
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        writer.transport.set_write_buffer_limits(0)  # so that to drain means that all has left

    async def converse(self) -> None:
        """Answer one request after the other, until one of the two ends, or the client is too slow."""
        try:
            while await self._turn():
                self._http.start_next_cycle()
        except OSError:
            pass  # it has gone, or is let go: TimeoutError is one as well
        finally:
            self._writer.transport.abort()

    async def _turn(self) -> bool:
        """Answer one request; whether another may follow."""
        try:
            request = await self._receive()
        except Refused as refused:
            await self._give(None, plain(refused.status, refused.reason, {"connection": "close"}))
        else:
            if request is None:
                return False
            given: Answer | Stream = FAILED
            try:
                given = await self._respond(request)
            finally:  # whatever happens, whoever asked gets an answer; asyncio logs what it was
                await self._give(request, given)
        if self._http.our_state is self._http.their_state is h11.DONE:
            return True
        await self._end()
        return False

    async def _receive(self) -> Request | None:
        """The next request; none when the client has ended.

        Raises:
            Refused: too long, not for a page, or not HTTP.
            TimeoutError: the client is silent or slow.
        """
        self.idle = True
        if not self._http.trailing_data[0]:
            async with asyncio.timeout(PATIENCE_IDLE):
                await self._read()
        self.idle = False
        async with asyncio.timeout(PATIENCE):
            head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            headers = _headers(head)
            if int(headers.get("content-length", 0)) > LONGEST_BODY:
                raise Refused(413, f"The body of a request has {LONGEST_BODY} bytes at most.")
            if self._http.they_are_waiting_for_100_continue:
                self._writer.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
            body = bytearray()
            while isinstance(part := await self._event(), h11.Data):
                body += part.data
                if len(body) > LONGEST_BODY:
                    raise Refused(413, f"The body of a request has {LONGEST_BODY} bytes at most.")
        path, query = _target(head.target.decode("latin-1"))
        return Request(head.method.decode(), path, headers, bytes(body), query)

    async def _event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                await self._read()
        except h11.RemoteProtocolError as error:
            raise Refused(error.error_status_hint, f"This is not HTTP/1.1: {error}.") from None
        return event

    async def _read(self) -> None:
        self._http.receive_data(await self._reader.read(AT_ONCE))
        self.heard = time.monotonic()

    async def _give(self, request: Request | None, given: Answer | Stream) -> None:
        try:
            await self._send(given, body=request is None or request.method != "HEAD")
        finally:
            self._count(request, given.status)

    async def _send(self, given: Answer | Stream, *, body: bool) -> None:
        headers = {"content-type": given.media_type, "date": formatdate(usegmt=True), **given.headers}
        pieces: Iterable[bytes]
        if isinstance(given, Answer):
            headers["content-length"], pieces = str(len(given.body)), (given.body,)
        else:
            pieces = given.pieces
        reason = HTTPStatus(given.status).phrase.encode()
        unsent = self._http.send(h11.Response(status_code=given.status, headers=list(headers.items()), reason=reason))
        for piece in pieces if body else ():
            unsent += self._http.send(h11.Data(data=piece))
            if len(unsent) >= PIECE:
                await self._write(unsent)
                unsent = b""
        await self._write(unsent + self._http.send(h11.EndOfMessage()))

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        transport = self._writer.transport
        if transport.get_write_buffer_size() or transport.is_closing():  # else it has left, and no other needs a turn
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()

    async def _end(self) -> None:
        """End our side and wait for the client's: one that is still sending would lose the response by a hard close."""
        self.idle = True
        if self._writer.can_write_eof():
            self._writer.write_eof()
        async with asyncio.timeout(PATIENCE_END):
            while await self._reader.read(AT_ONCE):
                pass


def _headers(head: h11.Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _target(target: str) -> tuple[str, str]:
    """Path and query of a request's target; a proxy may send all of the URL.

    >>> _target("/metrics?x=1"), _target("http://host:9842/metrics"), _target("http://host")
    (('/metrics', 'x=1'), ('/metrics', ''), ('/', ''))

    Raises:
        Refused: it has none.
    """
    if target.startswith(("http://", "https://")):
        target = "/" + target.partition("//")[2].partition("/")[2]
    if not target.startswith("/"):
        raise Refused(400, "The target of a request is a path.")
    path, _, query = target.partition("?")
    return path, query
