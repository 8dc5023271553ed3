"""Modbus TCP over the wire: pymodbus carries the bytes, ``frame`` judges them, ``codec`` reads them. Read-only.

pymodbus is a transport here and nothing more: it does not retry, does not reconnect, and what it decodes is not used.
On any doubt (no answer in time, an answer to something else, bytes nobody asked for) the connection is given up, so
that nothing late can be taken for something current.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from greenops_core.errors import DecodeError, DeviceError
from greenops_core.sample import Sample
from greenops_gateway import schedule
from greenops_gateway.modbus import frame
from greenops_gateway.modbus.configuration import ModbusDevice, spans
from greenops_gateway.modbus.plan import Span
from greenops_gateway.modbus.reader import Reader, SilenceError, place
from greenops_gateway.modbus.source import Reply
from greenops_gateway.plugin import Link, Plugin, Result
from greenops_gateway.point import series

# What it would say is said by the supervisor, once and with the device's name.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


@asynccontextmanager
async def connect(config: ModbusDevice, link: Link) -> AsyncIterator[AsyncIterator[Sample]]:
    """A connected device's stream of samples: all points, round by round, each as soon as it is read."""
    wire = Wire(config, link)
    await wire.open()
    try:
        async with aclosing(_samples(wire, config, link)) as samples:
            yield samples
    finally:
        wire.close()


PLUGIN = Plugin("modbus", ModbusDevice, connect)


async def _samples(wire: Wire, config: ModbusDevice, link: Link) -> AsyncGenerator[Sample, None]:
    sources = config.sources()
    points = [(source, series(link.site, config, point)) for source, point in zip(sources, config.points, strict=True)]
    judging = {source.status.span for source in sources if source.status is not None}
    fresh = Reader(config.name, spans(sources), config.limits(), link.clock, judging)
    reader: Reader = link.kept.setdefault("reader", fresh)
    offset = schedule.phase(config.name, config.poll)
    while True:
        replies: dict[Span, Reply] = {}
        waiting = points
        async with aclosing(reader.round(wire.read)) as answers:
            async for come in answers:
                replies |= come
                later = []
                for source, to in waiting:
                    if all(span in replies for span in source.spans()):
                        yield source.sample(to, replies)
                    else:
                        later.append((source, to))
                waiting = later
        await schedule.pause(config.poll, offset)


class Wire:
    """One connection with one request on its way at a time."""

    def __init__(self, config: ModbusDevice, link: Link) -> None:
        self._config, self._link = config, link
        self._client = AsyncModbusTcpClient(
            config.host,
            port=config.port,
            timeout=2 * config.timeout,  # ours is over first
            retries=0,
            reconnect_delay=0,
            trace_packet=self._packet,
            trace_connect=self._connection,
        )
        self._reads = {
            "coil": self._client.read_coils,
            "discrete": self._client.read_discrete_inputs,
            "holding": self._client.read_holding_registers,
            "input": self._client.read_input_registers,
        }
        self._request = b""
        self._answer: frame.Answer | None = None
        self._broken: Exception | None = None

    async def open(self) -> None:
        """Raises DeviceError: nobody answers there."""
        where = f"{self._config.host}:{self._config.port}"
        try:
            async with asyncio.timeout(self._config.connect_timeout):
                # Not client.connect(), which keeps the reason to itself.
                await self._client.ctx.call_create()
        except TimeoutError:
            self._link.count(Result.CONNECT)
            raise DeviceError(f"cannot connect to {where}: no answer within {self._config.connect_timeout}") from None
        except OSError as error:
            self._link.count(Result.CONNECT)
            raise DeviceError(f"cannot connect to {where}: {_said(error)}") from None
        except UnicodeError as error:  # a host name with an empty label, or one too long
            self._link.count(Result.CONNECT)
            raise DeviceError(f"cannot connect to {where}: {error}") from None

    def close(self) -> None:
        self._client.close()

    async def read(self, span: Span) -> frame.Answer:
        """The device's answer to a read of *span*, which may be an exception.

        Raises:
            SilenceError: no answer in time.
            DeviceError: none that fits, or the connection ended.
        """
        try:
            if self._broken is not None:
                raise self._broken
            async with asyncio.timeout(self._config.timeout):
                await self._reads[span.table](span.address, count=span.count, device_id=self._config.unit)
        except TimeoutError:
            self._link.count(Result.TIMEOUT)
            raise SilenceError(f"no answer within {self._config.timeout} to a read of {place(span)}") from None
        except OSError as error:
            self._link.count(Result.CONNECT)
            raise DeviceError(_said(error)) from None
        except (DecodeError, ModbusException) as error:
            self._link.count(Result.DECODE)
            raise DeviceError(f"read of {place(span)}: {error}") from None
        finally:
            self._request = b""
        if self._answer is None:
            raise DeviceError(f"read of {place(span)}: no data")
        self._link.count(Result.EXCEPTION if self._answer.exception else Result.OK)
        return self._answer

    def _packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001  # called by pymodbus
        if sending:
            self._request, self._answer = data, None
            return data
        if not self._request:
            self._fail(DecodeError("data came that nobody asked for"))
            return b""
        try:
            self._answer = frame.answer(self._request, data)
        except DecodeError as error:
            self._fail(error)
            return b""
        return data

    def _connection(self, up: bool) -> None:  # noqa: FBT001  # called by pymodbus
        if not up:
            self._fail(ConnectionResetError("the device closed the connection"))

    def _fail(self, error: Exception) -> None:
        """End the request on its way at once, or the next one."""
        self._broken = error
        answered = self._client.ctx.response_future
        if self._request and not answered.done():
            answered.set_exception(error)


def _said(error: OSError) -> str:
    """What the system says, without the address that asyncio repeats."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
