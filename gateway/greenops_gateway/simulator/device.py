"""The simulated analyser on the wire: a small Modbus TCP server of its own, so that it is no echo of the reader's code.

It answers functions 1 to 4 for any unit. Numbers stand in input registers, two each, low word first; the status word
follows. In scenario *failure* it behaves like a pulled cable: connections end and no new one is taken.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from greenops_core.address import Address, unusable
from greenops_gateway.simulator.process import Process, Scenario
from greenops_telemetry.server import reason

STATUS = 20
"""Zero-based address of the status word."""
CALIBRATION, DEVICE_FAULT, MAINTENANCE = 3, 5, 6
"""Its bits."""
READ_BITS, READ_REGISTERS = (1, 2), (3, 4)
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3


class Analyser:
    """Holds the process and, while in a scenario that answers, an open port."""

    def __init__(self, where: Address, process: Process, clock: Callable[[], float] = time.time) -> None:
        self.where, self.port, self.process = where, where.port, process
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def switch(self, scenario: Scenario) -> None:
        """Go over to *scenario*.

        Raises:
            ConfigError: the port was taken by another program in the meantime.
        """
        self.process = self.process.switched(scenario, self._clock())
        if scenario == "failure":
            await self.close()
        else:
            await self.open()

    async def open(self) -> None:
        """Raises ConfigError: the address cannot be listened on."""
        if self._server is not None:
            return
        try:
            self._server = await asyncio.start_server(self._talk, self.where.host, self.port)
        except OSError as error:
            raise unusable(self.where, reason(error)) from None
        except UnicodeError as error:  # a host name with an empty label, or one too long
            raise unusable(self.where, str(error)) from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End all connections and take no more."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._talks.values():
            writer.transport.abort()
        await asyncio.gather(*(task for task in self._talks if task is not None))
        await self._server.wait_closed()
        self._server = None

    def registers(self) -> list[int]:
        """The input registers as they are now."""
        found: list[int] = []
        for value in self.process.values(self._clock()).values():
            high, low = struct.unpack(">HH", struct.pack(">f", value))
            found += [low, high]
        return [*found, *[0] * (STATUS - len(found)), 0]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._talks[task] = writer
        try:
            while True:
                header = await reader.readexactly(7)
                transaction, protocol, length, unit = struct.unpack(">HHHB", header)
                if protocol != 0 or not 2 <= length <= 254:
                    return
                answer = self._answer(await reader.readexactly(length - 1))
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._talks.pop(task)
            writer.close()

    def _answer(self, request: bytes) -> bytes:
        function = request[0]
        if function not in READ_BITS + READ_REGISTERS:
            return bytes([function | 0x80, ILLEGAL_FUNCTION])
        if len(request) != 5:
            return bytes([function | 0x80, ILLEGAL_VALUE])
        address, count = struct.unpack(">HH", request[1:])
        if not 1 <= count <= (2000 if function in READ_BITS else 125):
            return bytes([function | 0x80, ILLEGAL_VALUE])
        registers = self.registers()
        if function != 4 or address + count > len(registers):
            return bytes([function | 0x80, ILLEGAL_ADDRESS])
        return bytes([function, 2 * count]) + struct.pack(f">{count}H", *registers[address : address + count])


@asynccontextmanager
async def simulating(
    where: Address, scenario: Scenario = "normal", seed: int = 1, clock: Callable[[], float] = time.time
) -> AsyncIterator[Analyser]:
    """An analyser that answers on *where* while the context lasts; port 0 takes any that is free.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    analyser = Analyser(where, Process(seed), clock)
    await analyser.open()
    try:
        await analyser.switch(scenario)
        yield analyser
    finally:
        await analyser.close()
