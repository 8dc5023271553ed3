from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

import aiohttp
import pytest
import yaml

import stack
from greenops_core.address import Address, address
from greenops_core.errors import ConfigError, DeviceError
from greenops_gateway import commissioning
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.simulator.control import controlling, scenario, switch
from greenops_gateway.simulator.device import simulating
from greenops_gateway.simulator.process import EXCEEDING, SIGNALS, Process

T0 = 1_700_000_000.0
LIMITS = {"so2": 150.0, "nox": 200.0, "co": 100.0, "dust": 10.0}


def test_the_process_is_the_same_for_the_same_seed() -> None:
    assert Process(1).values(T0) == Process(1).values(T0)
    assert Process(1).values(T0) != Process(2).values(T0)
    assert Process(1).values(T0) != Process(1).values(T0 + 1)


def test_normal_stays_near_sixty_percent_of_the_limits() -> None:
    for second in range(600):
        values = Process(1).values(T0 + second)
        for name, limit in LIMITS.items():
            assert 0.5 < values[name] / limit < 0.7


def test_signals_are_smooth() -> None:
    before = Process(1).values(T0)
    for second in range(1, 300):
        now = Process(1).values(T0 + second)
        assert all(abs(now[name] - before[name]) < 0.06 * SIGNALS[name][0] for name in SIGNALS)
        before = now


def test_an_exceedance_rises_within_seconds_and_goes_back() -> None:
    process = Process(1).switched("exceedance", T0)
    assert process.values(T0)["so2"] == pytest.approx(Process(1).values(T0)["so2"])
    assert process.values(T0 + 5)["so2"] > LIMITS["so2"]
    assert process.values(T0 + 60)["so2"] == pytest.approx(EXCEEDING["so2"], rel=0.1)
    assert all(process.values(T0 + 60)[name] < limit for name, limit in LIMITS.items() if name != "so2")
    back = process.switched("normal", T0 + 60)
    assert back.values(T0 + 60)["so2"] == pytest.approx(process.values(T0 + 60)["so2"])
    assert back.values(T0 + 90)["so2"] < 0.7 * LIMITS["so2"]


def test_drift_moves_the_zero_of_nox_only() -> None:
    drifting, steady = Process(1).switched("drift", T0), Process(1)
    later, normal = drifting.values(T0 + 600), steady.values(T0 + 600)
    assert later["nox"] == pytest.approx(normal["nox"] + 30, rel=0.02)
    assert {name: value for name, value in later.items() if name != "nox"} == pytest.approx(
        {name: value for name, value in normal.items() if name != "nox"}
    )


def example(port: int) -> Gateway:
    """gateway.yml with the simulator's port."""
    raw = yaml.safe_load((stack.ROOT / "gateway" / "gateway.yml").read_text(encoding="utf-8"))
    raw["devices"][0]["port"] = port
    return parse(raw)


async def test_the_register_map_is_that_of_the_example() -> None:
    async with simulating(address("127.0.0.1:0"), clock=lambda: T0) as analyser:
        config = example(analyser.port)
        readings = await commissioning.read(config, config.devices)
    expected = {**Process(1).values(T0), "status": 0.0}
    assert {reading.point: reading.value for reading in readings} == pytest.approx(expected, rel=1e-6)
    assert {reading.quality for reading in readings} == {"good"}


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        pytest.param("04 0014 0001", "04 02 0000", id="the status word"),
        pytest.param("04 0014 0002", "84 02", id="beyond the last register"),
        pytest.param("04 0000 007e", "84 03", id="more than 125 registers"),
        pytest.param("03 0000 0001", "83 02", id="a table it does not have"),
        pytest.param("06 0000 0001", "86 01", id="a write"),
        pytest.param("04 0000", "84 03", id="a short request"),
    ],
)
async def test_it_speaks_modbus(request_: str, answer: str) -> None:
    pdu = bytes.fromhex(request_)
    async with simulating(address("127.0.0.1:0"), clock=lambda: T0) as analyser:
        reader, writer = await asyncio.open_connection("127.0.0.1", analyser.port)
        writer.write(struct.pack(">HHHB", 7, 0, len(pdu) + 1, 1) + pdu)
        transaction, protocol, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
        assert (transaction, protocol, unit) == (7, 0, 1)
        assert (await reader.readexactly(length - 1)).hex(" ") == bytes.fromhex(answer).hex(" ")
        writer.close()


async def test_failure_is_a_pulled_cable_and_heals_on_the_same_port() -> None:
    async with simulating(address("127.0.0.1:0")) as analyser:
        reader, writer = await asyncio.open_connection("127.0.0.1", analyser.port)
        await analyser.switch("failure")
        with suppress(ConnectionResetError):
            assert await reader.read(1) == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", analyser.port)
        writer.close()
        await analyser.switch("normal")
        _, again = await asyncio.open_connection("127.0.0.1", analyser.port)
        again.close()


async def test_scenarios_are_switched_over_http() -> None:
    port = stack.free_port()
    async with (
        simulating(address("127.0.0.1:0")) as analyser,
        controlling(analyser, address(f"127.0.0.1:{port}")),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        async with session.get("/scenario") as reply:
            assert await reply.json() == {
                "scenario": "normal",
                "known": ["normal", "exceedance", "failure", "drift"],
            }
        assert await asyncio.to_thread(switch, f"http://127.0.0.1:{port}/", scenario("drift")) == "drift"
        assert analyser.process.scenario == "drift"
        for body, message in (
            (b'{"scenario": "exceedence"}', "unknown scenario 'exceedence'; did you mean 'exceedance'?"),
            (b'{"szenario": "drift"}', 'send for example {"scenario": "exceedance"}'),
            (b'{"scenario": "\xff"}', 'send for example {"scenario": "exceedance"}'),
            (b"drift", 'send for example {"scenario": "exceedance"}'),
        ):
            async with session.put("/scenario", data=body) as reply:
                assert (reply.status, await reply.json()) == (400, {"error": message})


async def test_a_taken_port_is_named() -> None:
    async with simulating(address("127.0.0.1:0")) as analyser:
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{analyser.port}: "):
            async with simulating(address(f"127.0.0.1:{analyser.port}")):
                pass
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{analyser.port}: "):
            async with controlling(analyser, address(f"127.0.0.1:{analyser.port}")):
                pass


@pytest.mark.parametrize("host", ["plc..north", f"{'x' * 64}.example"])
async def test_a_host_that_cannot_be_one_is_named(host: str) -> None:
    where = Address(f"{host}:5020")
    with pytest.raises(ConfigError, match=f"cannot listen on {host}:5020: .*choose another with --listen"):
        async with simulating(where):
            pass
    async with simulating(address("127.0.0.1:0")) as analyser:
        with pytest.raises(ConfigError, match=f"cannot listen on {host}:5020: .*choose another with --control"):
            async with controlling(analyser, where):
                pass


async def test_an_encoding_that_nobody_knows_is_refused() -> None:
    port = stack.free_port()
    async with (
        simulating(address("127.0.0.1:0")) as analyser,
        controlling(analyser, address(f"127.0.0.1:{port}")),
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
