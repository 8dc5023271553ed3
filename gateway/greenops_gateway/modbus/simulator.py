"""Simulated Modbus devices on the wire: each transport's device side, where the link would look for it.

While no device of a network link answers, its port is closed, as if the cable were pulled. On a serial line a device
that does not answer is silent. A serial port that does not exist is made: a pseudo-terminal, named as the link says.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import struct
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from greenops_core.errors import ConfigError, DeviceError
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.modbus.serial_port import SerialPort
from greenops_gateway.modbus.station import NO_TARGET, Habits, Mode, Unit, framed, taken, units
from greenops_gateway.tools import Plant

LOOKS_EVERY = 0.05
"""Seconds between two looks whether the devices are there."""
QUIET = 0.02
"""Seconds without a byte that end a serial request of unknown length."""
LONGEST = 1024
GOOD = Habits()


class Station:
    """The devices of a link, whatever the transport."""

    def __init__(
        self,
        link: ModbusLink,
        devices: Sequence[ModbusDevice],
        plant: Plant,
        habits: Habits,
        clock: Callable[[], float],
    ) -> None:
        self.link, self._habits, self._clock = link, habits, clock
        self._units: dict[int, Unit] = units(devices, plant)
        self._heard = 0

    def there(self) -> bool:
        """Whether any device answers now."""
        now = self._clock()
        return any(unit.there(now) for unit in self._units.values())

    async def tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk Modbus TCP until the other side ends (Messaging Guide V1.0b, section 3.1.3)."""
        rested = -1.0
        while True:
            transaction, protocol, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
            if protocol != 0 or not 2 <= length <= 254:
                return
            request = await reader.readexactly(length - 1)
            if self._deaf(rested):
                continue
            answer = await self._answered(unit, request)
            if answer is None:
                answer = bytes([request[0] | 0x80, NO_TARGET])
            echoed = transaction if self._habits.transaction is None else self._habits.transaction
            writer.write(struct.pack(">HHHB", echoed, 0, len(answer) + 1, unit) + answer)
            await writer.drain()
            rested = asyncio.get_running_loop().time() + self._habits.pause

    async def line(self, mode: Mode, reader: asyncio.StreamReader, write: Callable[[bytes], None]) -> None:
        """Talk RTU or ASCII until the other side ends."""
        received, rested = b"", -1.0
        while True:
            quiet = False
            try:
                async with asyncio.timeout(QUIET if received else None):
                    more = await reader.read(LONGEST)
            except TimeoutError:
                quiet = True
            else:
                if not more:
                    return
                received += more
            request, received = taken(mode, received[-LONGEST:], quiet=quiet)
            if request is None or self._deaf(rested):
                continue
            answer = await self._answered(request[0], request[1:])
            if answer is not None:
                write(framed(mode, request[:1] + answer))
                rested = asyncio.get_running_loop().time() + self._habits.pause

    def _deaf(self, rested: float) -> bool:
        """Whether a request that came now is not heard."""
        self._heard += 1
        too_soon = asyncio.get_running_loop().time() < rested
        return too_soon or bool(self._habits.drop_every and self._heard % self._habits.drop_every == 0)

    async def _answered(self, unit: int, request: bytes) -> bytes | None:
        if self._habits.latency:
            await asyncio.sleep(self._habits.latency)
        now = self._clock()
        known = self._units.get(unit)
        return known.answer(request, now) if known is not None and known.there(now) else None


class Port:
    """A port that is open while the devices are there."""

    def __init__(self, station: Station, tls: ssl.SSLContext | None) -> None:
        self._station, self._tls = station, tls
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def watch(self) -> None:
        """Open and close with the devices, for ever."""
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            if self._station.there():
                with suppress(OSError):  # another program has taken the port: tried again
                    await self.open()
            else:
                await self.close()

    async def open(self) -> None:
        """Raises OSError: the port cannot be had."""
        if self._server is None:
            link = self._station.link
            self._server = await asyncio.start_server(self._talk, link.host, link.at_port, ssl=self._tls)

    async def close(self) -> None:
        """End all connections and take no more."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for writer in self._talks.values():
            writer.transport.abort()
        await asyncio.gather(*self._talks)
        await server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._talks[task] = writer
        transport = self._station.link.transport
        with suppress(asyncio.IncompleteReadError, OSError):
            if transport in {"tcp", "tls"}:
                await self._station.tcp(reader, writer)
            else:
                await self._station.line("rtu" if transport == "rtu-over-tcp" else "ascii", reader, writer.write)
        self._talks.pop(task)
        writer.transport.abort()


class _Received(asyncio.Protocol):
    """Passes what comes from a serial port on to a reader."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()

    def data_received(self, data: bytes) -> None:
        self.reader.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # why is of no use here
        self.reader.feed_eof()


@asynccontextmanager
async def simulate(
    link: ModbusLink,
    devices: Sequence[ModbusDevice],
    plant: Plant,
    habits: Habits = GOOD,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[str]:
    """Be the *devices* where *link* looks for them; gives where that is, in words.

    Raises:
        ConfigError: the place cannot be had.
    """
    station = Station(link, devices, plant, habits, clock)
    serving = _serial(link, station) if link.is_serial else _network(link, station)
    async with serving as where:
        yield f"{where}, unit {', '.join(map(str, sorted({device.unit for device in devices})))}"


@asynccontextmanager
async def _network(link: ModbusLink, station: Station) -> AsyncIterator[str]:
    port = Port(station, _tls(link) if link.transport == "tls" else None)
    try:
        await port.open()
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else None
        raise ConfigError(
            f"cannot listen on {link.where}: {said or error}; to simulate, host and port of the link must be free here"
        ) from None
    watch = asyncio.create_task(port.watch())
    try:
        yield f"{link.transport} on {link.where}"
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await port.close()


@asynccontextmanager
async def _serial(link: ModbusLink, station: Station) -> AsyncIterator[str]:
    received = _Received()
    mode: Mode = "rtu" if link.transport == "rtu" else "ascii"
    with _line(link, received) as write:
        talk = asyncio.create_task(station.line(mode, received.reader, write))
        try:
            yield f"{link.transport} on {link.device}"
        finally:
            talk.cancel()
            with suppress(asyncio.CancelledError):
                await talk


@contextmanager
def _line(link: ModbusLink, received: _Received) -> Iterator[Callable[[bytes], None]]:
    """The serial port of *link*, which is made if it is not there; gives how to write to it."""
    path = Path(str(link.device))
    if not path.exists():
        with _pseudo_terminal(path, received) as write:
            yield write
        return
    try:
        port = SerialPort(str(path), link.line(), received)
    except DeviceError as error:
        raise ConfigError(str(error), ("device",)) from None
    try:
        yield port.write
    finally:
        port.close()


@contextmanager
def _pseudo_terminal(path: Path, received: _Received) -> Iterator[Callable[[bytes], None]]:
    """The far end of a new serial port called *path*."""
    ours, theirs = os.openpty()
    loop = asyncio.get_running_loop()
    try:
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        try:
            path.symlink_to(os.ttyname(theirs))
        except OSError as error:
            raise ConfigError(f"cannot make the serial port {path}: {error.strerror}", ("device",)) from None

        loop.add_reader(ours, lambda: received.data_received(os.read(ours, LONGEST)))
        unsettling = asyncio.create_task(_unsettled(theirs))
        try:
            yield lambda data: _written(ours, data)
        finally:
            unsettling.cancel()
            loop.remove_reader(ours)
            path.unlink(missing_ok=True)
    finally:
        os.close(ours)
        os.close(theirs)


async def _unsettled(terminal: int) -> None:
    """See to it that *terminal* can be set the same again whenever it is opened again.

    A pseudo-terminal has no parity: to ask it for one is an error unless something else changes at the same time.
    """
    while True:
        attributes = termios.tcgetattr(terminal)
        if not attributes[0] & termios.IGNBRK:  # a pseudo-terminal has no breaks either, and Modbus no use for them
            attributes[0] |= termios.IGNBRK
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        await asyncio.sleep(LOOKS_EVERY)


def _written(port: int, data: bytes) -> None:
    with suppress(OSError):  # nobody reads at the other end
        os.write(port, data)


def _tls(link: ModbusLink) -> ssl.SSLContext:
    """What the simulated server shows: the certificate of the link itself, which is what there is."""
    if link.tls is None or link.tls.certificate is None:
        raise ConfigError("transport tls needs tls: {ca: …, certificate: …, key: …}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(link.tls.certificate, link.tls.key)
        context.load_verify_locations(link.tls.ca)
    except OSError as error:  # of SSL, too
        raise ConfigError(f"the simulator cannot use these files: {error.strerror or error}", ("tls",)) from None
    return context
