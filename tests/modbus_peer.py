"""The other side of a Modbus wire, by other people's code: pymodbus and libmodbus, over TCP, TLS and pseudo-terminals.

All of them hold what ``libmodbus_server`` says, and refuse a request beyond that.
"""

from __future__ import annotations

import asyncio
import ctypes.util
import os
import select
import ssl
import struct
import subprocess
import sys
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

import libmodbus_server
from greenops_gateway.modbus.frame import Answer, Ask
from greenops_gateway.modbus.wire import Wire
from libmodbus_server import BITS, HOLDING, INPUT, SIZE, UNIT
from stack import free_port, server

PATIENCE = 2.0
LOOK_EVERY = 0.02
"""Seconds after which a server's thread looks whether it is to end."""


@asynccontextmanager
async def raw_server(reply: Callable[[bytes], bytes], size: int) -> AsyncIterator[int]:
    """The port of a server that answers every request of *size* bytes with *reply*."""
    writers: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                writer.write(reply(await reader.readexactly(size)))
        writers.discard(writer)
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in list(writers):
            writer.transport.abort()
        await listening.wait_closed()
        await asyncio.sleep(0)


def _device() -> SimDevice:
    return SimDevice(
        UNIT,
        simdata=(
            [SimData(0, values=BITS, datatype=DataType.BITS)],
            [SimData(0, values=BITS, datatype=DataType.BITS)],
            [SimData(0, values=HOLDING, datatype=DataType.REGISTERS)],
            [SimData(0, values=INPUT, datatype=DataType.REGISTERS)],
        ),
    )


@asynccontextmanager
async def pymodbus_tcp(framing: str, secure: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of pymodbus' server with the framing tcp, rtu or ascii."""
    framer = {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU, "ascii": FramerType.ASCII}[framing]
    address = ("127.0.0.1", free_port())
    if secure is None:
        serving = ModbusTcpServer(_device(), framer=framer, address=address)
    else:
        serving = ModbusTlsServer(_device(), framer=framer, address=address, sslctx=secure)
    await serving.serve_forever(background=True)
    try:
        yield address[1]
    finally:
        await serving.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
        await asyncio.sleep(0.01)


@asynccontextmanager
async def pymodbus_serial(framing: str, port: str) -> AsyncIterator[None]:
    """pymodbus' server at the serial *port* with the framing rtu or ascii."""
    framer = {"rtu": FramerType.RTU, "ascii": FramerType.ASCII}[framing]
    serving = ModbusSerialServer(_device(), framer=framer, port=port, baudrate=115200)
    await serving.serve_forever(background=True)
    try:
        yield
    finally:
        await serving.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
        await asyncio.sleep(0.01)


@contextmanager
def _thread(work: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


@contextmanager
def libmodbus(kind: str, where: str) -> Iterator[None]:
    """libmodbus' server, in a process of its own: *kind* tcp at a port, for one connection, or rtu at a serial port."""
    library, loader = ctypes.util.find_library("modbus"), []
    if library is None:  # unpacked from a release whose C library may be newer than this machine's
        library = str(server("../lib/libmodbus.so.5"))
        beside = server("../lib/mosquitto.d/ld.so")
        loader = [str(beside), "--library-path", str(beside.parent)]
    script = Path(libmodbus_server.__file__)
    process = subprocess.Popen([*loader, sys.executable, script, library, kind, where], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def cable() -> Iterator[tuple[str, str]]:
    """Two serial ports, as if a null-modem cable lay between them."""
    ends = [os.openpty() for _ in range(2)]
    masters = [master for master, _ in ends]
    for master, slave in ends:
        tty.setraw(slave)
        os.set_blocking(master, False)

    def carry(stop: threading.Event) -> None:
        while not stop.is_set():
            for ready in select.select(masters, [], [], LOOK_EVERY)[0]:
                with suppress(OSError):  # nobody has the other end open
                    os.write(masters[1 - masters.index(ready)], os.read(ready, 4096))

    with _thread(carry):
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    for end in ends:
        for descriptor in end:
            os.close(descriptor)


def words(values: Sequence[int]) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def bits(values: Sequence[bool]) -> bytes:
    return sum(value << place for place, value in enumerate(values)).to_bytes((len(values) + 7) // 8, "little")


async def expect_all_tables(wire: Wire) -> None:
    """Every table of a peer as it must be, at every size, and its refusal of what it does not have."""
    for start, count in ((0, 1), (3, 17), (75, 125), (SIZE - 1, 1)):
        assert await wire.ask(Ask(UNIT, 3, start, count), PATIENCE) == Answer(words(HOLDING[start : start + count]))
        assert await wire.ask(Ask(UNIT, 4, start, count), PATIENCE) == Answer(words(INPUT[start : start + count]))
        assert await wire.ask(Ask(UNIT, 1, start, count), PATIENCE) == Answer(bits(BITS[start : start + count]))
        assert await wire.ask(Ask(UNIT, 2, start, count), PATIENCE) == Answer(bits(BITS[start : start + count]))
    assert await wire.ask(Ask(UNIT, 3, SIZE, 1), PATIENCE) == Answer(b"", 2)
    assert wire.late == 0
