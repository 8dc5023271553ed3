"""The simulated Modbus device on every transport, asked by a client that is not ours."""

from __future__ import annotations

import asyncio
import os
import ssl
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.exceptions import ModbusIOException

import stack
from greenops_core.errors import ConfigError
from greenops_core.sample import Reason
from greenops_gateway.modbus.codec import Order, Type
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.driver import opened
from greenops_gateway.modbus.frame import Ask
from greenops_gateway.modbus.link import ModbusLink, Transport
from greenops_gateway.modbus.memory import spelt, status_word
from greenops_gateway.modbus.plan import Span
from greenops_gateway.modbus.simulator import GOOD, LOOKS_EVERY, simulate
from greenops_gateway.modbus.source import Status
from greenops_gateway.modbus.station import Habits, Mode, framed, taken, units
from greenops_gateway.simulator.process import Plant
from greenops_telemetry.configuration import convert
from self_signed import self_signed

T0 = 1_700_000_000.0
TRANSPORTS: tuple[Transport, ...] = ("tcp", "rtu-over-tcp", "ascii-over-tcp", "rtu", "ascii")


def device(name: str, unit: int, **keys: object) -> ModbusDevice:
    points = [
        {"name": "so2", "at": 0, "unit": "mg/m3"},
        {"name": "o2", "at": 2, "unit": "%", "type": "i16", "scale": 0.1},
        {"name": "live", "at": 3, "unit": "1", "type": "bit", "bit": 2, "quality_from": []},
    ]
    raw = {"defaults": {"table": "holding", "type": "f32", "order": "CDAB"}, "points": points, **keys}
    return convert({"name": name, "link": "link-1", "stack": "stack-1", "unit": unit, **raw}, ModbusDevice)


ONE, SEVEN = device("analyser-1", 1), device("analyser-7", 7)


def link(transport: Transport, folder: Path) -> ModbusLink:
    raw: dict[str, Any] = {"protocol": "modbus", "transport": transport}
    if transport in {"rtu", "ascii"}:
        raw |= {"device": str(folder / "tty"), "baud": 115200, "parity": "none", "data_bits": 8}
    else:
        raw |= {"host": "127.0.0.1", "port": stack.free_port()}
    if transport == "tls":
        pair = self_signed(folder)
        raw["tls"] = {"ca": pair.certificate, **pair.files}
    return convert(raw, ModbusLink)


@asynccontextmanager
async def client(to: ModbusLink) -> AsyncIterator[ModbusBaseClient]:
    """A client of another make, connected."""
    framer = {"rtu": FramerType.RTU, "ascii": FramerType.ASCII}.get(to.transport.removesuffix("-over-tcp"))
    common: dict[str, Any] = {"timeout": 0.3, "retries": 0, "reconnect_delay": 0}
    made: ModbusBaseClient
    if to.is_serial:
        line = to.line()
        made = AsyncModbusSerialClient(
            str(to.device), framer=framer or FramerType.RTU, baudrate=line.baud, bytesize=line.bytesize,
            parity=line.parity, stopbits=line.stopbits, **common,
        )  # fmt: skip
    else:
        made = AsyncModbusTcpClient(str(to.host), port=to.at_port, framer=framer or FramerType.SOCKET, **common)
    assert await made.connect()
    try:
        yield made
    finally:
        made.close()


@asynccontextmanager
async def simulating(
    transport: Transport, folder: Path, devices: Sequence[ModbusDevice] = (ONE, SEVEN), plant: Plant | None = None,
    habits: Habits = GOOD,
) -> AsyncIterator[tuple[ModbusLink, ModbusBaseClient]]:  # fmt: skip
    at = link(transport, folder)
    async with simulate(at, devices, plant or Plant(), habits, lambda: T0), client(at) as asker:
        yield at, asker


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_each_transport_gives_what_the_plant_says(transport: Transport, tmp_path: Path) -> None:
    plant = Plant()
    async with simulating(transport, tmp_path, plant=plant) as (_, asker):
        for each in (ONE, SEVEN):
            answer = await asker.read_holding_registers(0, count=4, device_id=each.unit)
            values = plant.values(each, T0)
            so2 = asker.convert_from_registers(answer.registers[:2], asker.DATATYPE.FLOAT32, word_order="little")
            assert so2 == pytest.approx(values["so2"], rel=1e-6)
            o2 = asker.convert_from_registers(answer.registers[2:3], asker.DATATYPE.INT16)
            assert o2 == round(10 * values["o2"])
            assert answer.registers[3] == 0
        refused = await asker.read_holding_registers(100, count=1, device_id=1)
        assert (refused.isError(), refused.exception_code) == (True, 2)
        written = await asker.write_register(0, 1, device_id=1)
        assert (written.isError(), written.exception_code) == (True, 1)
        many = await asker.write_registers(0, [1, 2, 3], device_id=1)
        assert (many.isError(), many.exception_code) == (True, 1)


async def test_over_tls_both_sides_show_a_certificate(tmp_path: Path) -> None:
    at = link("tls", tmp_path)
    assert at.tls is not None
    known, stranger = (ssl.create_default_context(cafile=at.tls.ca) for _ in range(2))
    known.load_cert_chain(str(at.tls.certificate), at.tls.key)
    async with simulate(at, [ONE], Plant(), clock=lambda: T0), asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(at.host, at.at_port, ssl=known)
        writer.write(bytes.fromhex("0007 0000 0006 01 03 0003 0001"))
        assert (await reader.readexactly(11)) == bytes.fromhex("0007 0000 0005 01 03 02 0000")
        writer.close()
        await writer.wait_closed()
        reader, writer = await asyncio.open_connection(at.host, at.at_port, ssl=stranger)
        with suppress(OSError):  # either way, there is no answer
            writer.write(bytes.fromhex("0007 0000 0006 01 03 0003 0001"))
            assert await reader.read(1) == b""
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_tls_without_usable_files_is_named(tmp_path: Path) -> None:
    at = link("tls", tmp_path)
    (tmp_path / "analyser.key").write_text("")
    with pytest.raises(ConfigError, match="tls: the simulator cannot use these files: "):
        async with simulate(at, [ONE], Plant()):
            pass


@pytest.mark.parametrize("transport", ["rtu-over-tcp", "ascii-over-tcp", "rtu", "ascii"])
async def test_a_strange_unit_on_a_line_is_silence(transport: Transport, tmp_path: Path) -> None:
    async with simulating(transport, tmp_path) as (_, asker):
        with pytest.raises(ModbusIOException):
            await asker.read_holding_registers(0, count=2, device_id=3)


async def test_one_silent_unit_leaves_the_others(tmp_path: Path) -> None:
    plant = Plant()
    async with simulating("tcp", tmp_path, plant=plant) as (_, asker):
        plant.switch("failure", T0, "analyser-7")
        assert not (await asker.read_holding_registers(0, count=2, device_id=1)).isError()
        assert (await asker.read_holding_registers(0, count=2, device_id=7)).exception_code == 11


async def test_a_silent_device_on_a_serial_line_is_silence_until_it_is_back(tmp_path: Path) -> None:
    plant = Plant()
    async with simulating("rtu", tmp_path, plant=plant) as (_, asker):
        plant.switch("failure", T0)
        with pytest.raises(ModbusIOException):
            await asker.read_holding_registers(0, count=2, device_id=1)
        plant.switch("normal", T0)
        if not asker.connected:
            await asker.connect()
        assert not (await asker.read_holding_registers(0, count=2, device_id=1)).isError()


async def test_a_profile_s_limit_is_the_device_s(tmp_path: Path) -> None:
    small = device("analyser-1", 1, quirks={"max_words": 2})
    async with simulating("tcp", tmp_path, [small]) as (_, asker):
        assert not (await asker.read_holding_registers(0, count=2, device_id=1)).isError()
        assert (await asker.read_holding_registers(0, count=3, device_id=1)).exception_code == 3


async def test_habits_delay_and_drop(tmp_path: Path) -> None:
    async with simulating("tcp", tmp_path, habits=Habits(latency=0.1, drop_every=2)) as (_, asker):
        begun = time.monotonic()
        assert not (await asker.read_holding_registers(0, count=2, device_id=1)).isError()
        assert time.monotonic() - begun >= 0.1
        with pytest.raises(ModbusIOException):
            await asker.read_holding_registers(0, count=2, device_id=1)


async def test_a_serial_port_that_is_there_is_used() -> None:
    """As on a machine with two adapters and a cable between them: here two pseudo-terminals joined."""
    ours, device_end = os.openpty()
    at = convert({"protocol": "modbus", "transport": "rtu", "device": os.ttyname(device_end)}, ModbusLink)
    try:
        async with simulate(at, [ONE], Plant(), clock=lambda: T0):
            os.write(ours, bytes.fromhex("01 03 00 03 00 01 74 0a"))
            answer = b""
            async with asyncio.timeout(5):
                while len(answer) < 7:
                    answer += await asyncio.to_thread(os.read, ours, 64)
        assert answer.hex(" ") == "01 03 02 00 00 b8 44"
    finally:
        os.close(ours)
        os.close(device_end)


async def test_the_port_that_was_made_is_gone_at_the_end(tmp_path: Path) -> None:
    port = tmp_path / "tty"
    async with simulating("rtu", tmp_path):
        there = await asyncio.to_thread(port.is_char_device)
    assert (there, await asyncio.to_thread(port.is_symlink)) == (True, False)


async def test_a_port_that_was_made_can_be_opened_again_with_a_parity_that_it_has_not(tmp_path: Path) -> None:
    at = convert({"protocol": "modbus", "transport": "rtu", "device": str(tmp_path / "tty")}, ModbusLink)
    async with simulate(at, [ONE], Plant(), clock=lambda: T0):
        for _ in range(3):
            wire = await opened(at)
            assert (await wire.ask(Ask(1, 3, 3, 1), 1.0)).data == bytes(2)
            wire.close()
            await wire.wait_closed()
            await asyncio.sleep(3 * LOOKS_EVERY)


@given(
    st.sampled_from(get_args(Type)), st.sampled_from(get_args(Order)),
    st.integers(-(2**64), 2**64) | st.floats(allow_nan=False),
)  # fmt: skip
def test_registers_spell_what_a_stranger_reads(type_: Type, order: Order, number: float) -> None:
    words = spelt(number, type_, order)
    if order in {"BADC", "DCBA"}:
        words = [(word & 0xFF) << 8 | word >> 8 for word in words]
    kinds = {kind.name: kind for kind in ModbusClientMixin.DATATYPE}
    names = {"u": "UINT", "i": "INT", "f": "FLOAT"}
    kind = kinds.get("UINT16" if type_ == "bit" else names[type_[0]] + type_[1:])
    if kind is None:  # it knows no half floats
        assert type_ == "f16"
        return
    turned: Any = "little" if order in {"CDAB", "DCBA"} else "big"
    read = ModbusClientMixin.convert_from_registers(words, kind, turned)
    assert isinstance(read, int | float)
    if type_ in {"f32", "f64"}:
        assert read == (float(number) if type_ == "f64" else _f32(float(number)))
        return
    size = 16 if type_ == "bit" else int(type_[1:])
    least, most = (-(2 ** (size - 1)), 2 ** (size - 1) - 1) if type_[0] == "i" else (0, 2**size - 1)
    assert read == min(max(round(number), least), most) if abs(number) != inf else read in {least, most}


def _f32(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return inf if number > 0 else -inf


@pytest.mark.parametrize(
    ("state", "word"),
    [
        pytest.param(Reason.NONE, 0b010000, id="measuring"),
        pytest.param(Reason.CALIBRATION, 0b011000, id="a bit that is set"),
        pytest.param(Reason.MAINTENANCE, 0b000000, id="a bit that is cleared"),
        pytest.param(Reason.WARM_UP, 0b010000, id="a state that it has no bit for"),
    ],
)
def test_a_status_word_has_bits_of_both_polarities(state: Reason, word: int) -> None:
    status = Status(Span("input", 0, 1), "ABCD", {3: Reason.CALIBRATION}, {4: Reason.MAINTENANCE})
    assert status_word(status, state) == (word, 0b011000)
    assert status.reason(word) is (state if state is not Reason.WARM_UP else Reason.NONE)


@given(st.sampled_from(get_args(Mode)), st.binary(max_size=64), st.booleans())
def test_no_bytes_upset_a_line(mode: Mode, received: bytes, quiet: bool) -> None:  # noqa: FBT001  # from hypothesis
    request, rest = taken(mode, received, quiet=quiet)
    assert len(rest) <= len(received)
    assert request is None or len(rest) < len(received)
    message = b"\1\3\0\0\0\1"
    assert taken(mode, framed(mode, message) + received, quiet=False)[0] == message


@given(st.binary(min_size=1, max_size=64))
def test_every_request_has_an_answer_to_its_function(request: bytes) -> None:
    answer = units([ONE], Plant())[1].answer(request, T0)
    assert answer[0] & 0x7F == request[0] & 0x7F
    assert len(answer) <= 253
    assert answer[0] & 0x80 == 0 or len(answer) == 2


async def test_a_port_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    at = link("rtu", tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"device: cannot make the serial port .*nowhere/tty: No such file"):
        async with simulate(at, [ONE], Plant()):
            pass
