"""A Modbus TCP device that misbehaves on purpose: raw asyncio, so that any bytes can go out, at any time."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple


class Request(NamedTuple):
    """One read request as it came."""

    transaction: int
    unit: int
    function: int
    address: int
    quantity: int

    def answered(self, pdu: bytes, transaction: int | None = None, unit: int | None = None) -> bytes:
        """*pdu* in a header that fits this request, but for what is given."""
        return struct.pack(
            ">HHHB",
            self.transaction if transaction is None else transaction,
            0,
            len(pdu) + 1,
            self.unit if unit is None else unit,
        ) + bytes(pdu)

    def good(self) -> bytes:
        """The right answer: every register holds its own address, every odd bit is set."""
        if self.function in {1, 2}:
            bits = sum(1 << place for place in range(self.quantity) if (self.address + place) % 2)
            data = bits.to_bytes((self.quantity + 7) // 8, "little")
        else:
            data = struct.pack(f">{self.quantity}H", *range(self.address, self.address + self.quantity))
        return self.answered(bytes([self.function, len(data)]) + data)

    def exception(self, code: int) -> bytes:
        return self.answered(bytes([self.function | 0x80, code]))


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


async def good(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(request.good())


async def silent(_: Request, __: asyncio.StreamWriter) -> None:
    """Half open: the connection stands, and nothing comes."""


async def closing(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def byte_at_a_time(request: Request, writer: asyncio.StreamWriter) -> None:
    for byte in request.good():
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.001)


def saying(make: Callable[[Request], bytes]) -> Behaviour:
    """Answers at once with what *make* makes."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(make(request))

    return behave


def illegal(*addresses: int, code: int = 2) -> Behaviour:
    """Refuses every read that touches one of *addresses*."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        touched = range(request.address, request.address + request.quantity)
        writer.write(request.exception(code) if any(address in touched for address in addresses) else request.good())

    return behave


def silent_on(*addresses: int) -> Behaviour:
    """Says nothing to a read that touches one of *addresses*."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        if not any(address in range(request.address, request.address + request.quantity) for address in addresses):
            writer.write(request.good())

    return behave


def late(delay: float) -> Behaviour:
    """The right answer, *delay* seconds later."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay)
        writer.write(request.good())

    return behave


@dataclass
class FaultDevice:
    """What it does next, and what it was asked."""

    port: int
    behaviour: Behaviour = good
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def fault_device(behaviour: Behaviour = good) -> AsyncIterator[FaultDevice]:
    """A device on a free port of loopback while the context lasts."""
    device = FaultDevice(0, behaviour)
    writers: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        device.connections += 1
        writers.add(writer)
        try:
            while True:
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                function, address, count = struct.unpack(">BHH", await reader.readexactly(length - 1))
                request = Request(transaction, unit, function, address, count)
                device.requests.append(request)
                await device.behaviour(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # a cancelled stream task is logged as an error otherwise
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()
        for writer in list(writers):
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)
