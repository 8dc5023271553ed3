"""The driver over real sockets, with a device that does what devices do."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import entry_points

import pytest

import stack
from fault_device import (
    Behaviour,
    Request,
    byte_at_a_time,
    closing,
    fault_device,
    good,
    illegal,
    late,
    saying,
    silent,
    silent_on,
)
from greenops_core.errors import DeviceError
from greenops_core.sample import Quality, Sample
from greenops_gateway.modbus.configuration import ModbusDevice, ModbusPoint
from greenops_gateway.modbus.driver import PLUGIN
from greenops_gateway.modbus.link import ModbusLink
from greenops_gateway.plugin import GROUP, Desk, Plugin
from greenops_gateway.point import series
from greenops_gateway.schedule import SLOT
from greenops_telemetry.configuration import convert

TIMEOUT = 0.3


def link(port: int, **more: object) -> ModbusLink:
    given = {"protocol": "modbus", "host": "127.0.0.1", "port": port, "timeout": f"{TIMEOUT * 1000:.0f}ms", **more}
    config = convert(given, ModbusLink)
    config.check()
    return config


def device(**more: object) -> ModbusDevice:
    """Three registers that hold their own address, far enough apart for three requests, and two coils."""
    given: Mapping[str, object] = {
        "name": "analyser-1",
        "link": "bus",
        "stack": "stack-1",
        "poll": "100ms",
        "defaults": {"table": "input"},
        "points": [
            {"name": "a", "at": 10, "unit": "1"},
            {"name": "b", "at": 11, "unit": "1"},
            {"name": "c", "at": 200, "unit": "1"},
            {"name": "even", "at": 4, "unit": "1", "table": "coil"},
            {"name": "odd", "at": 7, "unit": "1", "table": "discrete"},
        ],
        **more,
    }
    config = convert(given, ModbusDevice)
    config.check()
    return config


class Counted:
    """What a desk was told."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()
        self.downs: list[str] = []
        self.kept: dict[str, object] = {}

    def desk(self, config: ModbusDevice) -> Desk[ModbusDevice]:
        return Desk(
            config,
            tuple(series("demo-plant", config, point) for point in config.points),
            lambda result: self.results.update([result.value]),
            lambda _: None,
            self.downs.append,
            lambda _, __: None,
            self.kept,
        )


async def rounds(
    port: int, config: ModbusDevice, count: int, counted: Counted | None = None, **more: object
) -> list[dict[str, Sample]]:
    """The samples of *count* rounds by point name."""
    found: list[dict[str, Sample]] = [{}]
    async with PLUGIN.connect(link(port, **more), [(counted or Counted()).desk(config)]) as batches:
        async for batch in batches:
            for sample in batch:
                found[-1][sample.labels[-1]] = sample
            if len(found[-1]) == len(config.points):
                if len(found) == count:
                    break
                found.append({})
    return found


def values(samples: dict[str, Sample]) -> dict[str, float | str]:
    """Good values, and reasons of the bad ones."""
    return {
        name: sample.value if sample.quality is Quality.GOOD else sample.reason.value
        for name, sample in samples.items()
    }


GOOD = {"a": 10.0, "b": 11.0, "c": 200.0, "even": 0.0, "odd": 1.0}


async def test_all_tables_are_read_in_blocks() -> None:
    counted = Counted()
    async with fault_device() as faulty:
        (first,) = await rounds(faulty.port, device(unit=17), 1, counted)
        asked = sorted(request[1:] for request in faulty.requests)
    assert values(first) == GOOD
    assert asked == [(17, 1, 4, 1), (17, 2, 7, 1), (17, 4, 10, 2), (17, 4, 200, 1)]
    assert counted.results == {"ok": 4}


async def test_one_connection_serves_every_poll() -> None:
    async with fault_device() as faulty:
        found = await rounds(faulty.port, device(), 3)
        assert faulty.connections == 1
    assert [values(samples) for samples in found] == [GOOD] * 3
    times = [samples["a"].at for samples in found]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "behaviour", [pytest.param(byte_at_a_time, id="byte at a time"), pytest.param(late(TIMEOUT / 3), id="slow")]
)
async def test_a_slow_answer_is_an_answer(behaviour: Behaviour) -> None:
    async with fault_device(behaviour) as faulty:
        (first,) = await rounds(faulty.port, device(), 1)
    assert values(first) == GOOD


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        pytest.param(illegal(11), GOOD | {"b": "device_exception"}, id="one illegal address"),
        pytest.param(illegal(10, 11), GOOD | {"a": "device_exception", "b": "device_exception"}, id="two in a block"),
        pytest.param(
            illegal(10, code=6), GOOD | {"a": "device_exception", "b": "device_exception"}, id="busy costs its block"
        ),
        pytest.param(
            saying(lambda request: request.exception(4)), dict.fromkeys(GOOD, "device_exception"), id="all fail"
        ),
    ],
)
async def test_an_exception_spares_the_other_points(behaviour: Behaviour, expected: dict[str, float | str]) -> None:
    counted = Counted()
    async with fault_device(behaviour) as faulty:
        found = await rounds(faulty.port, device(), 2, counted)
    assert [values(samples) for samples in found] == [expected] * 2
    assert counted.results.keys() <= {"ok", "exception"}


@pytest.mark.parametrize(
    ("behaviour", "message", "result"),
    [
        pytest.param(silent, r"read of coil 4 \(00005\), 1 bit: no answer within 300ms", "timeout", id="half open"),
        pytest.param(late(5), "no answer within 300ms", "timeout", id="too late"),
        pytest.param(closing, "the device closed the connection", "connect", id="closes"),
        pytest.param(saying(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol identifier", "decode", id="web"),
        pytest.param(saying(lambda _: b"\xff" * 255), "protocol identifier", "decode", id="noise"),
        pytest.param(
            saying(lambda request: request.answered(b"\x04\x02\0\0", transaction=0)),
            "transaction",
            "timeout",
            id="id 0",
        ),
        pytest.param(
            saying(lambda request: request.answered(b"\x04\x02\0\0", unit=9)), "unit is 9", "decode", id="wrong unit"
        ),
        pytest.param(
            saying(lambda request: request.answered(bytes([request.function, 2, 0]))),
            "byte count",
            "decode",
            id="short",
        ),
        pytest.param(
            saying(lambda request: request.answered(bytes([request.function ^ 7, 2, 0, 0]))),
            "function",
            "decode",
            id="fn",
        ),
        pytest.param(
            saying(lambda request: request.good() + b"\0"), "protocol identifier", "decode", id="a byte too many"
        ),
    ],
)
async def test_a_device_that_makes_no_sense_is_a_device_error(
    behaviour: Behaviour, message: str, result: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    counted = Counted()
    async with fault_device(behaviour) as faulty:
        with pytest.raises(DeviceError, match=message):
            await rounds(faulty.port, device(), 1, counted)
    assert counted.results[result] == 1
    assert caplog.messages == []


async def test_a_short_answer_is_waited_for_and_then_given_up() -> None:
    async with fault_device(saying(lambda request: request.good()[:-1])) as faulty:
        with pytest.raises(DeviceError, match="no answer within 300ms"):
            await rounds(faulty.port, device(), 1)


async def test_a_slow_device_delivers_what_it_has_after_a_second() -> None:
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(0, 600, 20)]
    status = {"at": 900, "bits": {15: "calibration"}}
    async with fault_device(late(0.05)) as faulty:
        config = device(points=points, quality_from=status)
        async with PLUGIN.connect(link(faulty.port), [Counted().desk(config)]) as batches:
            first = await anext(aiter(batches))
        assert len(faulty.requests) < 30
    assert (first[0].value, first[0].quality) == (0.0, Quality.GOOD)


async def test_what_one_connection_taught_is_used_on_the_next() -> None:
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(6)]
    async with fault_device(illegal(4)) as faulty:
        counted, config = Counted(), device(points=points)
        await rounds(faulty.port, config, 1, counted)
        faulty.requests.clear()
        await rounds(faulty.port, config, 1, counted)
        assert len(faulty.requests) == 3  # 0 to 2, 3, and 5
        faulty.behaviour = silent_on(1)
        found: list[dict[str, Sample]] = []
        while not found:
            assert faulty.connections < 20
            with suppress(DeviceError):
                found = await rounds(faulty.port, config, 1, counted)
    reasons = {"p1": "communication", "p4": "device_exception"}
    assert values(found[0]) == {f"p{at}": float(at) for at in range(6)} | reasons


async def test_a_gateway_without_its_device_is_a_device_error() -> None:
    async with fault_device(saying(lambda request: request.exception(11))) as faulty:
        with pytest.raises(DeviceError, match=r"exception 11 \(gateway target device failed to respond\)"):
            await rounds(faulty.port, device(), 1)


async def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    """Each answer comes when the next request is on its way: plausible, and of other registers."""
    counted, found = Counted(), []
    held: list[bytes] = []

    async def previous(request: Request, writer: asyncio.StreamWriter) -> None:
        held.append(request.good())
        if len(held) > 1:
            writer.write(held[-2])

    async with fault_device(previous) as faulty:
        for _ in range(10):
            with suppress(DeviceError):
                found += await rounds(faulty.port, device(), 1, counted, timeout="20ms")
    assert found == []
    assert "ok" not in counted.results


async def test_an_answer_that_came_too_late_is_dropped_and_counted() -> None:
    counted = Counted()
    async with fault_device() as faulty:

        async def once_late(request: Request, writer: asyncio.StreamWriter) -> None:
            if request.unit == 2 and len([each for each in faulty.requests if each.unit == 2]) == 1:
                asyncio.get_running_loop().call_later(0.15, writer.write, request.good())
            else:
                writer.write(request.good())

        faulty.behaviour = once_late
        points = [{"name": "a", "at": 1, "unit": "1"}]
        other = Counted()
        desks = [
            counted.desk(device(name="late", unit=2, points=points)),
            other.desk(device(name="well", unit=1, points=points)),
        ]
        seen = Counter[str]()
        async with PLUGIN.connect(link(faulty.port, timeout="100ms"), desks) as batches:
            async for batch in batches:
                seen.update(sample.labels[-2] for sample in batch)
                if seen["well"] >= 5 and seen["late"]:
                    break
        assert faulty.connections == 1
    assert (counted.results["timeout"], counted.results["late"]) == (1, 1)
    assert other.results.keys() == {"ok"}
    assert counted.downs == ["read of input 1 (30002), 1 register: no answer within 100ms"]


async def test_an_answer_that_comes_twice_is_dropped_and_counted() -> None:
    counted = Counted()
    async with fault_device(saying(lambda request: request.good() * 2)) as faulty:
        found = await rounds(faulty.port, device(), 2, counted)
    assert [values(samples) for samples in found] == [GOOD] * 2
    assert counted.results["late"] >= 7


async def test_a_gateway_that_does_not_echo_the_transaction_is_a_quirk() -> None:
    async with fault_device(saying(lambda request: b"\0\0" + request.good()[2:])) as faulty:
        with pytest.raises(DeviceError, match="ignore_transaction_id"):
            await rounds(faulty.port, device(), 1)
        (first,) = await rounds(faulty.port, device(quirks={"ignore_transaction_id": True}), 1)
    assert values(first) == GOOD


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        pytest.param(
            "127.0.0.1", stack.free_port, "cannot connect to 127.0.0.1:{port}: Connection refused", id="refused"
        ),
        pytest.param("no-such-host.invalid", lambda: 502, "cannot connect to no-such-host.invalid:502: ", id="no name"),
    ],
)
async def test_nobody_there_is_said_with_the_address(host: str, port: Callable[[], int], message: str) -> None:
    counted, number = Counted(), port()
    with pytest.raises(DeviceError) as caught:
        await rounds(number, device(), 1, counted, host=host)
    assert str(caught.value).startswith(message.format(host=host, port=number))
    assert counted.results == {"connect": 1}


async def test_a_connection_that_is_not_accepted_is_given_up() -> None:
    with socket.socket() as full, socket.socket() as filler:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        filler.connect(("127.0.0.1", port))
        others = [socket.socket() for _ in range(4)]
        for other in others:  # the queue of the listener is full after these
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
        try:
            with pytest.raises(DeviceError, match=f"127.0.0.1:{port}: no answer within 200ms"):
                await rounds(port, device(), 1, connect_timeout="200ms")
        finally:
            for other in others:
                other.close()


STATUS = {"at": 8, "table": "input", "bits": {3: "calibration", 5: "device_fault"}}


@pytest.mark.parametrize(
    ("status_at", "behaviour", "reason"),
    [
        pytest.param(0, good, "none", id="clear"),
        pytest.param(8, good, "calibration", id="bit 3"),
        pytest.param(32, good, "device_fault", id="bit 5"),
        pytest.param(40, good, "device_fault", id="both"),
        pytest.param(8, illegal(8), "device_exception", id="status word cannot be read"),
    ],
)
async def test_a_status_word_judges_the_points_but_not_itself(
    status_at: int, behaviour: Behaviour, reason: str
) -> None:
    async with fault_device(behaviour) as faulty:  # a register holds its own address
        config = device(
            quality_from=STATUS | {"at": status_at},
            points=[
                {"name": "so2", "at": 10, "unit": "mg/m3"},
                {"name": "status", "at": status_at, "unit": "1"},
            ],
        )
        (first,) = await rounds(faulty.port, config, 1)
    assert first["so2"].reason == reason
    assert first["so2"].quality is (Quality.GOOD if reason == "none" else Quality.BAD)
    assert first["status"].quality is (Quality.BAD if reason == "device_exception" else Quality.GOOD)


async def test_polls_keep_to_their_grid_and_a_late_one_is_not_made_up_for() -> None:
    async with fault_device() as faulty:

        async def once_slow(request: Request, writer: asyncio.StreamWriter) -> None:
            if len(faulty.requests) == 3:
                await asyncio.sleep(0.25)
            writer.write(request.good())

        faulty.behaviour = once_slow
        desk = Counted().desk(device(poll="100ms", points=[{"name": "a", "at": 1, "unit": "1"}]))
        slots = []
        async with PLUGIN.connect(link(faulty.port), [desk]) as batches:
            async for _ in batches:
                slots.append(desk.kept[SLOT][1])
                if len(slots) == 8:
                    break
    # However late a poll is, it takes the slot that has come by then; those before it are not made up for.
    assert sorted(set(slots)) == slots
    assert slots[3] - slots[2] >= 2


async def test_the_connection_ends_with_its_context() -> None:
    async with fault_device() as faulty:
        async with PLUGIN.connect(link(faulty.port), [Counted().desk(device())]) as batches:
            async for _ in batches:
                break
        connected = asyncio.all_tasks()
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) < len(connected)  # the device's own task for the connection


def test_the_entry_point_gives_a_plugin_of_the_right_types() -> None:
    (entry,) = entry_points(group=GROUP, name="modbus")
    found = entry.load()
    assert found is PLUGIN
    assert isinstance(found, Plugin)
    assert (found.name, found.link, found.device) == ("modbus", ModbusLink, ModbusDevice)
    assert ModbusDevice.__annotations__["points"] == "tuple[ModbusPoint, ...]"
    assert isinstance(device().points[0], ModbusPoint)
