from __future__ import annotations

import logging
import struct

import pytest

from fault_device import Behaviour, fault_device, late, saying, silent
from greenops_core.sample import Quality, Sample
from greenops_gateway.acquisition import Acquisition
from greenops_gateway.commissioning import Reading, explained, read
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.point import Device, Point, series
from greenops_telemetry.live import Live


def config(port: int, *points: dict[str, object], **more: object) -> Gateway:
    device = {
        "name": "a",
        "protocol": "modbus",
        "stack": "s",
        "host": "127.0.0.1",
        "port": port,
        "points": list(points),
    }
    return parse({"site": "demo-plant", "devices": [device | {"timeout": "300ms"} | more]})


async def readings(gateway: Gateway) -> list[Reading]:
    return await read(gateway, gateway.devices)


def registers(raw: bytes) -> Behaviour:
    """Answers every read with these bytes, over and over."""
    return saying(lambda asked: asked.answered(bytes([asked.function, 2 * asked.quantity]) + raw))


async def test_a_slow_but_healthy_device_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModbusDevice, "patience", lambda _: 0.5)
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(0, 400, 20)]
    async with fault_device(late(0.1)) as faulty:
        gateway = config(faulty.port, *points)
        found = await readings(gateway)
    assert [reading.value for reading in found] == [float(at) for at in range(0, 400, 20)]


async def test_a_device_that_times_out_is_told_why(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModbusDevice, "patience", lambda _: 0.5)
    async with fault_device(silent) as faulty:
        (found,) = await readings(config(faulty.port, {"name": "p", "at": 0, "unit": "1"}, timeout="5s"))
    assert (found.quality, found.reason) == ("bad", "communication")
    assert caplog.messages == ["a: nothing complete within 0.5 s"]


@pytest.mark.parametrize(("type_", "raw"), [("f32", "000042c8"), ("f64", "0000000042c80000")])
async def test_a_wrong_word_order_is_bad_and_hinted_at(type_: str, raw: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with fault_device(registers(bytes.fromhex(raw))) as faulty:
        gateway = config(faulty.port, {"name": "so2", "at": 0, "type": type_, "unit": "mg/m3", "range": [0, 2000]})
        (found,) = await readings(gateway)
    assert (found.value, found.quality, found.reason) == (None, "bad", "decode")
    assert caplog.messages == [f"a: so2: no {type_} that an instrument gives; is the word order right? It is ABCD"]


async def test_an_exception_is_told_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    async with fault_device(saying(lambda request: request.exception(4))) as faulty:
        (found,) = await readings(config(faulty.port, {"name": "p", "at": 0, "unit": "1"}))
    assert found.reason == "device_exception"
    assert caplog.messages == ["a: holding 0 (40001), 1 register: exception 4 (server device failure)"]


@pytest.mark.parametrize(
    ("value", "unit", "range_"),
    [(7, "%", (0, 7)), (7, "%", (7, 9)), (0.1, "ug/m3", (0, 0.1)), (77.7, "degF", (0, 77.7)), (3.3, "m3/h", (3.3, 4))],
)
async def test_read_and_run_judge_alike(value: float, unit: str, range_: tuple[float, float]) -> None:
    raw = struct.pack(">d", value)
    async with fault_device(registers(raw)) as faulty:
        gateway = config(faulty.port, {"name": "p", "at": 0, "type": "f64", "unit": unit, "range": list(range_)})
        (found,) = await readings(gateway)
    assert found.quality == "good"
    assert found.value == pytest.approx(value)
    device = Device(name="a", protocol="modbus", stack="s", points=(Point(name="p", unit=unit, range=range_),))
    to, live = series("demo-plant", device, device.points[0]), Live()
    Acquisition("demo-plant", device, {}, live, lambda: 0.0).put(to.sample(value, 0.0))
    shown: list[Sample] = [
        shown.sample for metric, family in live.snapshot(0.0) if metric is to.metric for shown in family
    ]
    assert [sample.quality for sample in shown] == [Quality.GOOD]


def test_check_says_what_one_compares_with_the_manual() -> None:
    gateway = config(
        1502,
        {
            "name": "so2",
            "at": 0,
            "type": "i16",
            "unit": "mg/m3",
            "scale": 0.1,
            "offset": -40,
            "sentinel": [-32768, 32767],
        },
        {"name": "dust", "at": 1, "type": "u32", "unit": "mg/m3", "range": [0, 100]},
        {"name": "low", "at": 2, "type": "u16", "unit": "1", "enum": {1: 10, 0: 1.5}},
        {"name": "alarm", "at": 3, "bit": 7, "unit": "1"},
        {"name": "fault", "at": 3, "bit": 8, "unit": "1", "quality_from": {"at": 9, "bits": {3: "calibration"}}},
        {"name": "coil", "at": 5, "table": "coil", "unit": "1"},
        unit=17,
    )
    lines = [line.strip() for line in explained(gateway)]
    assert lines[3:] == [
        "host 127.0.0.1, port 1502, unit id 17",
        "so2: mg/m3 from holding 0 (40001), 1 register, i16 ABCD, scale 0.1, offset -40, sentinel -32768 32767",
        "dust: mg/m3 from holding 1 (40002), 2 registers, u32 ABCD, range [0, 100]",
        "low: 1 from holding 2 (40003), 1 register, u16 ABCD, enum 0=1.5 1=10",
        "alarm: 1 from holding 3 (40004), 1 register, bit 7 ABCD",
        "fault: 1 from holding 3 (40004), 1 register, bit 8 ABCD, quality from holding 9 (40010), 1 register",
        "coil: 1 from coil 5 (00006), 1 bit",
        "status word at holding 9 (40010), 1 register, ABCD: bit 3 calibration",
        "note: dust and low overlap at holding 2 (40003), 1 register",
        "request: coil 5 (00006), 1 bit",
        "request: holding 0 (40001), 10 registers",
    ]
