from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from greenops_core.errors import DeviceError
from greenops_gateway.modbus.frame import Answer, Ask, Framing, GarbledError, SilenceError
from greenops_gateway.modbus.serial_line import Ascii, Rtu, crc16
from greenops_gateway.modbus.wire import Wire, open_serial
from modbus_peer import cable, expect_all_tables, libmodbus, pymodbus_serial, words

PATIENCE = 2.0
SHORT = 0.05
ASK = Ask(1, 3, 5, 2)
GOOD = Answer(bytes.fromhex("00050006"))


@asynccontextmanager
async def serial(port: str, framing: Framing) -> AsyncIterator[Wire]:
    wire = await open_serial(port, 115200, 8, "N", 1, framing=framing)
    try:
        yield wire
    finally:
        wire.close()
        await wire.wait_closed()


@pytest.mark.parametrize("framing", [Rtu(), Ascii()], ids=["rtu", "ascii"])
async def test_all_tables_are_read_from_pymodbus_on_a_serial_line(framing: Framing) -> None:
    with cable() as (ours, theirs):
        async with pymodbus_serial(framing.name, theirs), serial(ours, framing) as wire:
            await expect_all_tables(wire)


async def test_all_tables_are_read_from_libmodbus_on_a_serial_line() -> None:
    with cable() as (ours, theirs), libmodbus("rtu", theirs):
        async with serial(ours, Rtu()) as wire:
            await expect_all_tables(wire)


@asynccontextmanager
async def slave(port: str, behave: Callable[[bytes], bytes]) -> AsyncIterator[None]:
    """An RTU device at *port* that answers each request of 8 bytes with what *behave* makes."""
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    loop = asyncio.get_running_loop()
    received = b""

    def readable() -> None:
        nonlocal received
        received += os.read(descriptor, 4096)
        while len(received) >= 8:
            request, received = received[:8], received[8:]
            os.write(descriptor, behave(request))

    loop.add_reader(descriptor, readable)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def reply(request: bytes) -> bytes:
    unit, function, address, count = struct.unpack(">BBHH", request[:6])
    frame = bytes((unit, function, 2 * count)) + words(range(address, address + count))
    return frame + crc16(frame).to_bytes(2, "little")


async def test_on_a_serial_line_noise_costs_one_request_and_not_the_port() -> None:
    damage = [b"\0\xff", b"", b"\0\xff"]

    def noisy(request: bytes) -> bytes:
        if not damage:
            return reply(request)
        extra = damage.pop()
        return extra + reply(request) if extra else reply(request)[:-1] + b"\x55"

    with cable() as (ours, theirs):
        async with slave(theirs, noisy), serial(ours, Rtu()) as wire:
            assert await wire.ask(ASK, PATIENCE) == GOOD
            with pytest.raises(GarbledError, match="checksum"):
                await wire.ask(ASK, SHORT)
            assert not wire.broken
            assert 0 < wire.rest(ASK.unit) <= SHORT
            assert wire.rest(2) == 0
            assert await wire.ask(ASK, PATIENCE) == GOOD


async def test_a_silent_unit_rests_while_others_are_asked() -> None:
    def half(request: bytes) -> bytes:
        return b"" if request[0] == 1 else reply(request)

    with cable() as (ours, theirs):
        async with slave(theirs, half), serial(ours, Rtu()) as wire:
            with pytest.raises(SilenceError):
                await wire.ask(ASK, 4 * SHORT)
            gave_up = time.monotonic()
            assert await wire.ask(Ask(2, 3, 5, 2), 4 * SHORT) == GOOD
            assert time.monotonic() - gave_up < 3 * SHORT
            with pytest.raises(SilenceError):
                await wire.ask(ASK, SHORT)
            assert time.monotonic() - gave_up >= 5 * SHORT


async def test_a_late_answer_that_lies_unread_when_the_rest_is_over_is_no_answer() -> None:
    with ExitStack() as ends:
        master, end = os.openpty()
        ends.callback(os.close, master)
        ends.callback(os.close, end)
        async with serial(os.ttyname(end), Rtu()) as wire:
            with pytest.raises(SilenceError):
                await wire.ask(ASK, SHORT)
            os.write(master, reply(os.read(master, 100)))
            time.sleep(2 * SHORT)  # noqa: ASYNC251  # a loop that is held up reads nothing
            with pytest.raises(SilenceError):
                await wire.ask(ASK, SHORT)
            assert wire.late == 1


def descriptor_of(port: str) -> int:
    """The last descriptor that was opened on *port*."""
    return max(int(link.name) for link in Path("/proc/self/fd").iterdir() if link.resolve() == Path(port))


async def test_a_serial_port_that_cannot_be_read_any_more_is_gone() -> None:
    with cable() as (ours, _):
        async with serial(ours, Rtu()) as wire:
            descriptor = descriptor_of(ours)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, descriptor)
            os.close(nothing)
            with pytest.raises(DeviceError, match=r"serial port /dev/pts/\d+ is gone"):
                await wire.ask(ASK, SHORT)


async def test_a_serial_port_that_vanishes_ends_the_request_and_says_so() -> None:
    with ExitStack() as far:
        master, end = os.openpty()
        far.callback(os.close, end)
        async with serial(os.ttyname(end), Rtu()) as wire:
            asking = asyncio.create_task(wire.ask(ASK, 60))
            await asyncio.sleep(SHORT)
            os.close(master)
            with pytest.raises(DeviceError, match=r"serial port /dev/pts/\d+ is gone.*plugged in"):
                await asyncio.wait_for(asking, PATIENCE)
            assert wire.broken


async def test_a_serial_port_is_held_alone() -> None:
    with cable() as (ours, _):
        async with serial(ours, Rtu()):
            with pytest.raises(DeviceError, match="in use by another program"):
                await open_serial(ours, 9600, 8, "N", 1, framing=Rtu())


async def test_a_serial_port_that_does_not_open_says_what_to_do(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with pytest.raises(DeviceError, match=r"no such serial port /dev/ttyNONE9; (ports here: |this machine has none)"):
        await open_serial("/dev/ttyNONE9", 9600, 8, "N", 1, framing=Rtu())
    with pytest.raises(DeviceError, match="is no serial port"):
        await open_serial(str(plain), 9600, 8, "N", 1, framing=Rtu())


async def test_a_port_that_does_not_take_its_settings_is_told_and_no_mistake_of_the_program() -> None:
    with cable() as (ours, _):
        wire = await open_serial(ours, 9600, 8, "E", 1, framing=Rtu())
        wire.close()
        await wire.wait_closed()
        # A pseudo-terminal keeps no parity bit, which the system tells the second time.
        with pytest.raises(DeviceError, match=f"^{ours} is no serial port, or it cannot do .* bits: Invalid argument$"):
            await open_serial(ours, 9600, 8, "E", 1, framing=Rtu())
