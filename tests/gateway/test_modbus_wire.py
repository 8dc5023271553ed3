from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from fault_device import Behaviour, Request, byte_at_a_time, closing, fault_device, good, late, saying, silent
from greenops_core.errors import DeviceError
from greenops_gateway.modbus.frame import Answer, Ask, Framing, GarbledError, SilenceError, Tcp
from greenops_gateway.modbus.serial_line import Ascii, Rtu
from greenops_gateway.modbus.wire import Wire, open_tcp
from greenops_telemetry.tls import Tls
from modbus_peer import expect_all_tables, libmodbus, pymodbus_tcp, raw_server, words
from stack import free_port

HERE = "127.0.0.1"
PATIENCE = 2.0
SHORT = 0.05
ASK = Ask(1, 3, 5, 2)
GOOD = Answer(bytes.fromhex("00050006"))


@asynccontextmanager
async def tcp(port: int, framing: Framing | None = None, secure: Tls | None = None) -> AsyncIterator[Wire]:
    wire = await open_tcp(HERE, port, PATIENCE, framing or Tcp(), secure)
    try:
        yield wire
    finally:
        wire.close()
        await wire.wait_closed()


@pytest.mark.parametrize("framing", [Tcp(), Tcp(ignore_transaction_id=True), Rtu(), Ascii()])
async def test_all_tables_are_read_from_pymodbus_over_tcp(framing: Framing) -> None:
    async with pymodbus_tcp(framing.name) as port, tcp(port, framing) as wire:
        await expect_all_tables(wire)


async def test_all_tables_are_read_from_libmodbus_over_tcp() -> None:
    port = free_port()
    with libmodbus("tcp", str(port)):
        async with tcp(port) as wire:
            await expect_all_tables(wire)


@pytest.mark.parametrize("behaviour", [good, byte_at_a_time], ids=["at once", "byte at a time"])
async def test_an_answer_may_come_in_pieces(behaviour: Behaviour) -> None:
    async with fault_device(behaviour) as device, tcp(device.port) as wire:
        assert await wire.ask(ASK, PATIENCE) == GOOD


async def test_the_same_connection_serves_after_a_late_answer_which_is_counted() -> None:
    async with fault_device(late(2 * SHORT)) as device, tcp(device.port) as wire:
        with pytest.raises(SilenceError, match=r"no answer within 50ms$"):
            await wire.ask(ASK, SHORT)
        device.behaviour = good
        assert await wire.ask(Ask(1, 3, 7, 2), PATIENCE) == Answer(words([7, 8]))
        assert (wire.late, wire.broken, device.connections) == (1, False, 1)


async def test_a_late_answer_that_comes_while_nothing_is_asked_is_counted() -> None:
    async with fault_device(late(2 * SHORT)) as device, tcp(device.port) as wire:
        with pytest.raises(SilenceError):
            await wire.ask(ASK, SHORT)
        await asyncio.sleep(2 * SHORT)
        assert (wire.late, wire.broken) == (1, False)


async def test_a_second_answer_in_the_same_segment_is_counted_and_does_no_harm() -> None:
    async with fault_device(saying(lambda request: 2 * request.good())) as device, tcp(device.port) as wire:
        assert await wire.ask(ASK, PATIENCE) == GOOD
        assert await wire.ask(ASK, PATIENCE) == GOOD
        assert (wire.late, wire.broken) == (2, False)


async def test_a_gateway_that_does_not_echo_the_transaction_is_named_and_can_be_used() -> None:
    zero = saying(lambda request: request.answered(bytes.fromhex("03 04 0005 0006"), transaction=0))
    async with fault_device(zero) as device:
        async with tcp(device.port) as wire:
            with pytest.raises(SilenceError, match=r"another transaction.*ignore_transaction_id"):
                await wire.ask(ASK, SHORT)
        async with tcp(device.port, Tcp(ignore_transaction_id=True)) as wire:
            assert await wire.ask(ASK, PATIENCE) == GOOD


NONSENSE: list[tuple[Callable[[Request], bytes], str]] = [
    (lambda request: request.answered(bytes.fromhex("04 04 0005 0006")), "function is 4, not 3"),
    (lambda request: request.answered(bytes.fromhex("03 04 0005 0006"), unit=9), "unit is 9, not 1"),
    (lambda request: request.answered(bytes.fromhex("03 02 0005")), "length is 5, not 7"),
    (lambda request: request.answered(bytes.fromhex("83 00")), "exception without a code"),
    (lambda _: b"HTTP/1.1 400 Bad Request", "protocol identifier"),
]


@pytest.mark.parametrize(("make", "why"), NONSENSE, ids=[why for _, why in NONSENSE])
async def test_what_is_no_answer_breaks_the_connection_at_once(make: Callable[[Request], bytes], why: str) -> None:
    async with fault_device(saying(make)) as device, tcp(device.port) as wire:
        with pytest.raises(GarbledError, match=why):
            await wire.ask(ASK, PATIENCE)
        assert wire.broken
        with pytest.raises(DeviceError, match=why):
            await wire.ask(ASK, PATIENCE)


async def test_bytes_that_nobody_asked_for_break_the_connection() -> None:
    async with (
        fault_device(saying(lambda request: request.good() + b"hello, world")) as device,
        tcp(device.port) as wire,
    ):
        assert await wire.ask(ASK, PATIENCE) == GOOD
        with pytest.raises(DeviceError, match="protocol identifier"):
            await wire.ask(ASK, PATIENCE)


async def test_a_connection_that_ends_in_a_request_ends_it_at_once() -> None:
    async with fault_device(closing) as device, tcp(device.port) as wire:
        started = time.monotonic()
        with pytest.raises(DeviceError, match="the device closed the connection"):
            await wire.ask(ASK, 60)
        assert time.monotonic() - started < PATIENCE
        assert wire.broken


async def test_a_reset_ends_a_request_at_once() -> None:
    async def reset(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(*LINGER)
        writer.transport.abort()

    async with fault_device(reset) as device, tcp(device.port) as wire:
        with pytest.raises(DeviceError, match="reset by peer"):
            await wire.ask(ASK, 60)


LINGER = (1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: close with RST


@pytest.mark.parametrize("framing", [Rtu(), Ascii(), Tcp(ignore_transaction_id=True)])
async def test_without_an_id_silence_over_tcp_gives_the_connection_up(framing: Framing) -> None:
    async with raw_server(lambda _: b"", framing.request_size) as port, tcp(port, framing) as wire:
        with pytest.raises(SilenceError):
            await wire.ask(ASK, SHORT)
        assert wire.broken


@pytest.mark.parametrize(("framing", "broken"), [(Tcp(), False), (Tcp(ignore_transaction_id=True), True)])
async def test_a_cancelled_request_leaves_nothing_that_could_be_mistaken(framing: Framing, broken: bool) -> None:  # noqa: FBT001  # a table's column
    async with fault_device(late(SHORT)) as device, tcp(device.port, framing) as wire:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT / 2):
                await wire.ask(ASK, PATIENCE)
        assert wire.broken is broken
        if not broken:
            assert await wire.ask(Ask(1, 3, 9, 1), PATIENCE) == Answer(words([9]))


async def test_one_request_at_a_time() -> None:
    async with fault_device(late(SHORT)) as device, tcp(device.port) as wire:
        first = asyncio.create_task(wire.ask(ASK, PATIENCE))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="on its way already"):
            await wire.ask(ASK, PATIENCE)
        assert await first == GOOD


async def test_a_short_timeout_after_a_long_one_is_kept() -> None:
    async with fault_device() as device, tcp(device.port) as wire:
        await wire.ask(ASK, 60)
        device.behaviour = silent
        started = time.monotonic()
        with pytest.raises(SilenceError):
            await wire.ask(ASK, SHORT)
        assert time.monotonic() - started < PATIENCE
        device.behaviour = late(3 * SHORT)
        assert await wire.ask(ASK, PATIENCE) == GOOD


async def test_the_pause_between_requests_is_kept() -> None:
    async with fault_device() as device:
        wire = await open_tcp(HERE, device.port, PATIENCE, Tcp(), pause=SHORT, turn_around=3 * SHORT)
        started = time.monotonic()
        for unit in (1, 1, 2):
            await wire.ask(Ask(unit, 3, 0, 1), PATIENCE)
        assert time.monotonic() - started >= 4 * SHORT
        wire.close()
        await wire.wait_closed()


@pytest.mark.parametrize(
    ("host", "why"),
    [
        pytest.param(HERE, r"cannot connect to 127\.0\.0\.1:\d+: Connection refused", id="nobody listens"),
        pytest.param("no.such.host.invalid", r"cannot connect to no\.such\.host\.invalid:\d+: ", id="unknown name"),
        pytest.param("a..b", "cannot connect", id="no name"),
    ],
)
async def test_a_host_that_does_not_answer_is_named(host: str, why: str) -> None:
    with pytest.raises(DeviceError, match=why):
        await open_tcp(host, free_port(), PATIENCE, Tcp())
