from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

import stack
from greenops_core.address import Address, address
from greenops_core.errors import ConfigError, DeviceError
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.modbus.simulator import simulate
from greenops_gateway.simulator.control import controlling, scenario, switch
from greenops_gateway.simulator.process import Plant
from greenops_gateway.simulator.script import Script, Step
from greenops_telemetry.configuration import convert

T0 = 1_700_000_000.0
DEVICE = convert(
    {
        "name": "analyser-1",
        "link": "link-1",
        "stack": "stack-1",
        "defaults": {"table": "input", "type": "f32", "order": "CDAB"},
        "quality_from": {"at": 20, "bits": {3: "calibration", 5: "device_fault", 6: "maintenance"}},
        "points": [
            {"name": "so2", "at": 0, "unit": "mg/m3"},
            {"name": "flow", "at": 14, "unit": "m3/h"},
            {"name": "status", "at": 20, "type": "u16", "order": "ABCD", "unit": "1"},
        ],
    },
    ModbusDevice,
)


@asynccontextmanager
async def simulating(plant: Plant, port: int | None = None) -> AsyncIterator[int]:
    link = convert({"protocol": "modbus", "host": "127.0.0.1", "port": port or stack.free_port()}, ModbusLink)
    async with simulate(link, [DEVICE], plant, clock=lambda: T0):
        yield link.at_port


async def asked(port: int, pdu: bytes, unit: int = 1) -> bytes:
    """The answer to *pdu*, from the function on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(struct.pack(">HHHB", 7, 0, len(pdu) + 1, unit) + pdu)
    async with asyncio.timeout(5):
        transaction, protocol, length, answered = struct.unpack(">HHHB", await reader.readexactly(7))
        answer = await reader.readexactly(length - 1)
    writer.close()
    await writer.wait_closed()
    assert (transaction, protocol, answered) == (7, 0, unit)
    return answer


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        pytest.param("04 0014 0001", "04 02 0000", id="the status word"),
        pytest.param("04 0014 0002", "84 02", id="beyond the last register"),
        pytest.param("04 0002 0001", "84 02", id="a hole too wide to be read along"),
        pytest.param("04 0011 0002", "04 04 0000 0000", id="a hole that may be read along"),
        pytest.param("04 0000 007e", "84 03", id="more than 125 registers"),
        pytest.param("04 0000 0000", "84 03", id="no register"),
        pytest.param("03 0000 0001", "83 02", id="a table it does not have"),
        pytest.param("02 0000 0001", "82 02", id="bits it does not have"),
        pytest.param("06 0000 0001", "86 01", id="a write"),
        pytest.param("2b 0e01 00", "ab 01", id="a function that nobody needs"),
        pytest.param("04 0000", "84 03", id="a short request"),
    ],
)
async def test_it_speaks_modbus(request_: str, answer: str) -> None:
    async with simulating(Plant()) as port:
        assert (await asked(port, bytes.fromhex(request_))).hex(" ") == bytes.fromhex(answer).hex(" ")


async def test_another_unit_is_not_reached() -> None:
    async with simulating(Plant()) as port:
        assert await asked(port, bytes.fromhex("04 0014 0001"), unit=2) == bytes([0x84, 11])


@pytest.mark.parametrize(
    ("state", "word"), [("calibration", 0b1000), ("device_fault", 0b100000), ("warm_up", 0), ("measuring", 0)]
)
async def test_the_status_word_says_the_state(state: str, word: int) -> None:
    plant = Plant(script=Script([convert({"state": {"analyser-1": state}}, Step)]), since=T0)
    async with simulating(plant) as port:
        assert await asked(port, bytes.fromhex("04 0014 0001")) == bytes([4, 2]) + word.to_bytes(2, "big")


async def test_failure_is_a_pulled_cable_and_heals_on_the_same_port() -> None:
    plant = Plant()
    async with simulating(plant) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        plant.switch("failure", T0)
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                assert await reader.read(1) == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        plant.switch("normal", T0)
        for _ in range(100):
            with suppress(ConnectionRefusedError):
                assert await asked(port, bytes.fromhex("04 0014 0001")) == b"\4\2\0\0"
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come back")


async def test_scenarios_are_switched_over_http() -> None:
    port, plant = stack.free_port(), Plant()
    control = f"http://127.0.0.1:{port}"
    async with (
        controlling(plant, address(f"127.0.0.1:{port}"), ["analyser-1", "flow-1"], lambda: T0),
        aiohttp.ClientSession(control) as session,
    ):
        async with session.get("/scenario") as reply:
            assert await reply.json() == {
                "scenario": "normal",
                "devices": {},
                "known": ["normal", "exceedance", "failure", "drift", "calibration"],
            }
        assert await asyncio.to_thread(switch, f"{control}/", scenario("drift")) == "drift"
        assert plant.scenario == "drift"
        assert await asyncio.to_thread(switch, control, scenario("failure"), "flow-1") == "failure"
        assert await asyncio.to_thread(switch, control, scenario("drift"), "flow-1") == "drift"
        async with session.put("/scenario", json={"scenario": "failure", "device": "flow-1"}) as reply:
            assert (await reply.json())["devices"] == {"flow-1": "failure"}
        for body, message in (
            (b'{"scenario": "exceedence"}', "unknown scenario 'exceedence'; did you mean 'exceedance'?"),
            (b'{"scenario": "drift", "device": "flow-2"}', "there is no device 'flow-2'; did you mean 'flow-1'?"),
            (b'{"scenario": "drift", "device": 7}', 'send for example {"scenario": "exceedance"}'),
            (b'{"szenario": "drift"}', 'send for example {"scenario": "exceedance"}'),
            (b'{"scenario": "\xff"}', 'send for example {"scenario": "exceedance"}'),
            (b"drift", 'send for example {"scenario": "exceedance"}'),
        ):
            async with session.put("/scenario", data=body) as reply:
                assert (reply.status, await reply.json()) == (400, {"error": message})
        with pytest.raises(DeviceError, match=r"refuses: .*there is no device"):
            await asyncio.to_thread(switch, control, scenario("drift"), "flow-2")


async def test_a_taken_port_is_named() -> None:
    async with simulating(Plant()) as port:
        with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .* must be free here"):
            async with simulating(Plant(), port):
                pass
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}: "):
            async with controlling(Plant(), address(f"127.0.0.1:{port}")):
                pass


@pytest.mark.parametrize("host", ["plc..north", f"{'x' * 64}.example"])
async def test_a_control_host_that_cannot_be_one_is_named(host: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot listen on {host}:5020: .*choose another with --control"):
        async with controlling(Plant(), Address(f"{host}:5020")):
            pass


async def test_an_encoding_that_nobody_knows_is_refused() -> None:
    port = stack.free_port()
    async with (
        controlling(Plant(), address(f"127.0.0.1:{port}")),
        aiohttp.ClientSession() as session,
        session.put(
            f"http://127.0.0.1:{port}/scenario", data=b"{}", headers={"content-type": "application/json; charset=no"}
        ) as reply,
    ):
        assert reply.status == 400


def test_nobody_at_the_control_address_is_said() -> None:
    control = f"http://127.0.0.1:{stack.free_port()}"
    with pytest.raises(DeviceError, match=f"no simulator answers at {control}: .*Connection refused.*simulate"):
        switch(control, "drift")
