"""One open connection to Modbus devices: one request on its way at a time, and never a late answer for a current one.

An answer that comes after its request was given up is told by its transaction id, dropped and counted. Where there is
none (RTU, ASCII, a gateway that does not echo it) nothing in the bytes tells, so time must:

- over TCP the connection is given up with the request, and what comes late comes to nobody;
- on a serial line, which cannot be left, the unit rests for as long again as was waited for it. ``ask`` keeps that
  itself, ``rest`` says how long it is, so that the owner may ask others meanwhile. A device that is later than twice
  the timeout cannot be told from one in time: set the timeout to more than half of its worst.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from greenops_core.duration import Duration
from greenops_core.errors import DecodeError, DeviceError
from greenops_gateway import tcp
from greenops_gateway.modbus.frame import Answer, Ask, Framing, GarbledError, SilenceError
from greenops_gateway.modbus.serial_line import Line, exchange_seconds, silence
from greenops_gateway.modbus.serial_port import SerialPort
from greenops_telemetry.tls import Tls

SHOWN = 16
"""So many bytes of what came stand in a message."""


class Wire(asyncio.Protocol):
    """An open connection; *late* is how many answers came that nobody waited for any more.

    *pause* is how long, in seconds, the wire is left alone before each request, *turn_around* the same before a request
    to another unit than the last. On a serial *line* both are at least the silence that the framing asks for.
    *secured*: there is TLS.
    """

    def __init__(
        self, framing: Framing, line: Line | None = None, *, pause: float = 0.0, turn_around: float = 0.0
    ) -> None:
        self.late = 0
        self.secured = False
        self._framing, self._line = framing, line
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lost = self._loop.create_future()
        self._ended = ""
        self._busy = False
        self._ask = Ask(0, 0, 0, 0)
        self._waiting: asyncio.Future[Answer] | None = None
        self._transaction = int.from_bytes(os.urandom(2), "big")
        self._received = b""
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._pause = max(pause, silence(framing, line) if line else 0.0)
        self._turn_around = max(self._pause, turn_around)
        self._paced = line is not None or self._turn_around > 0
        self._free_from = 0.0
        self._rests: dict[int, float] = {}

    @property
    def broken(self) -> bool:
        """Whether it must be opened anew."""
        return bool(self._ended)

    def rest(self, unit: int) -> float:
        """Seconds for which *unit* must not be asked yet."""
        until = self._rests.get(unit)
        return 0.0 if until is None else max(until - self._loop.time(), 0.0)

    async def ask(self, ask: Ask, timeout: float) -> Answer:  # noqa: ASYNC109  # asyncio.timeout costs more
        """The device's answer, which may be an exception.

        *timeout* is how many seconds the device has; what a serial line takes for the bytes comes on top of it.

        Raises:
            SilenceError: no answer in time.
            GarbledError: what came is no answer to this.
            DeviceError: the connection ended.
        """
        if self._busy:
            raise RuntimeError("there is a request on its way already")
        self._busy = True
        late = self.late
        try:
            if self._paced:
                await self._quiet(ask.unit, timeout)
            if self._ended or self._transport is None:
                raise DeviceError(self._ended or "the connection is not open")
            self._transaction = (self._transaction + 1) & 0xFFFF
            request = self._framing.request(ask, self._transaction)
            self._ask = ask
            waiting: asyncio.Future[Answer] = self._loop.create_future()
            self._waiting = waiting
            allowed = timeout if self._line is None else timeout + exchange_seconds(self._framing, ask, self._line)
            self._arm(self._loop.time() + allowed)
            self._transport.write(request)
            return await waiting
        except SilenceError:
            came, late = self._received, self.late - late
            self._give_up(timeout)
            raise SilenceError(f"no answer within {Duration(timeout)}{self._seen(came, late)}") from None
        except (GarbledError, asyncio.CancelledError):
            self._give_up(timeout)
            raise
        finally:
            self._busy = False
            self._waiting = None
            if self._paced:
                self._free_from = self._loop.time()

    def close(self) -> None:
        """Say goodbye; ``wait_closed`` waits until it is said."""
        self._end("the connection was closed")
        if self._transport is not None:
            self._transport.close()

    async def wait_closed(self) -> None:
        """Returns when nothing of the connection is left, after a moment at most."""
        if self._transport is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * tcp.GOODBYE):
                    await asyncio.shield(self._lost)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport} is no stream")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        waiting = self._waiting
        if waiting is not None and waiting.done():
            waiting = None
        if self._paced:
            self._free_from = self._loop.time()
        try:
            if waiting is None:
                read = self._framing.stray(received)
            else:
                read = self._framing.answer(self._ask, self._transaction, received)
        except DecodeError as error:
            self._garbled(str(error))
            return
        self.late += read.late
        self._received = received[read.used :]
        if waiting is not None and read.answer is not None:
            self._waiting = None
            waiting.set_result(read.answer)
            if self._received:
                self.data_received(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._end(tcp.said(exc))
        elif not self.secured:
            self._end("the device closed the connection")
        else:
            self._end("the device closed the connection; does it trust this side's certificate?")
        if not self._lost.done():
            self._lost.set_result(None)

    def _garbled(self, why: str) -> None:
        self._received = b""
        if self._line is None:
            self._fail(GarbledError(why))
            self._drop(why)
        else:  # noise is nothing new on a serial line; what it damaged is asked again by the owner
            self._fail(GarbledError(why))

    def _end(self, why: str) -> None:
        self._ended = self._ended or why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(DeviceError(self._ended))

    def _drop(self, why: str) -> None:
        self._end(why)
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: DeviceError) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)

    def _give_up(self, timeout: float) -> None:
        """See to it that an answer to the request just given up can do no harm."""
        self._waiting = None
        if self._framing.identified or self._ended:
            return
        if self._line is None:
            self._drop("a request was given up, and nothing would tell its answer from the next one's")
        else:
            self._rests[self._ask.unit] = self._loop.time() + timeout

    def _arm(self, deadline: float) -> None:
        """One timer for all requests: it is seldom reached, and to move it costs more than to look again."""
        self._deadline = deadline
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        reached, self._timer = self._timer, None
        if self._waiting is None or reached is None:
            return
        if reached.when() < self._deadline:
            self._arm(self._deadline)
        else:
            self._fail(SilenceError())

    def _seen(self, received: bytes, late: int) -> str:
        """What there was instead of an answer."""
        if received:
            return f"; {len(received)} bytes came, which begin {received[:SHOWN].hex(' ')}"
        if late and self._framing.identified:
            return "; one came to another transaction. Does the device echo the id? If not: ignore_transaction_id"
        return ""

    async def _quiet(self, unit: int, timeout: float) -> None:  # noqa: ASYNC109  # not a limit for the whole
        """Wait until *unit* may be asked, at most *timeout* longer than was to be expected at first."""
        pause = self._pause if unit == self._ask.unit else self._turn_around
        latest = 0.0
        while not self._ended:
            if isinstance(self._transport, SerialPort):
                self._transport.receive()
            now = self._loop.time()
            wait = max(self._free_from + pause, self._rests.get(unit, 0.0)) - now
            if wait <= 0:
                break
            latest = latest or now + wait + timeout
            if now > latest:
                raise GarbledError("the line does not fall silent; is there another master, or the wrong baud rate?")
            await asyncio.sleep(wait)
        self._rests.pop(unit, None)
        self._received = b"" if self._line else self._received


async def open_tcp(
    host: str,
    port: int,
    connect_timeout: float,
    framing: Framing,
    tls: Tls | None = None,
    *,
    pause: float = 0.0,
    turn_around: float = 0.0,
    told: tcp.Told | None = None,
) -> Wire:
    """A connection to *host*, with TLS where *tls* is given; what it takes must not last *connect_timeout* s.

    Raises:
        DeviceError: nobody answers there, or the other side is not trusted.
    """
    transport, wire = await tcp.connect(
        lambda: Wire(framing, pause=pause, turn_around=turn_around), host, port, connect_timeout, tls, told=told
    )
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wire.secured = tls is not None
    return wire


async def open_serial(
    port: str,
    baud: int,
    bytesize: int,
    parity: str,
    stopbits: int,
    *,
    framing: Framing,
    pause: float = 0.0,
    turn_around: float = 0.0,
) -> Wire:
    """A serial line, held alone. *parity* is N, E or O; see ``serial_line.Line``.

    Raises:
        DeviceError: there is no such port, it is in use, or it cannot be set so.
    """
    line = Line(baud, bytesize, parity, stopbits)
    wire = Wire(framing, line, pause=pause, turn_around=turn_around)
    wire.connection_made(SerialPort(port, line, wire))
    return wire
