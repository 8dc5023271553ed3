"""One link, many devices, over real sockets and pseudo-terminals."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from fault_device import Behaviour, Request, closing, fault_device, good, illegal, saying, silent_on
from greenops_core.errors import DeviceError
from greenops_gateway.modbus.link import ModbusLink
from greenops_telemetry.configuration import convert
from libmodbus_server import BITS, HOLDING, INPUT, UNIT
from modbus_bus import Bus, Seen, device, link, polled
from modbus_peer import cable, libmodbus, pymodbus_serial, pymodbus_tcp
from self_signed import self_signed

TEN = {f"p{at}": float(at) for at in range(10)}


def by_unit(behaviours: Mapping[int, Behaviour]) -> Behaviour:
    """Each unit behaves in its own way; who is not listed is not there."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.unit in behaviours:
            await behaviours[request.unit](request, writer)

    return behave


async def test_every_device_of_a_link_is_polled_over_one_connection() -> None:
    async with fault_device() as faulty:
        devices = [device(unit) for unit in (1, 2, 3)]
        seen = await polled(link(host="127.0.0.1", port=faulty.port), devices, lambda seen: seen.batches.total() >= 9)
        assert faulty.connections == 1
    assert seen.batches.keys() == {"unit-1", "unit-2", "unit-3"}
    assert seen.last == dict.fromkeys(seen.batches, TEN)


async def test_a_dead_unit_behind_a_gateway_does_not_end_the_others() -> None:
    async with fault_device(by_unit({1: good})) as faulty:
        seen = await polled(
            link(host="127.0.0.1", port=faulty.port), [device(1), device(2)], lambda seen: seen.batches.total() >= 12
        )
        assert faulty.connections == 1
    assert seen.batches == {"unit-1": 12}
    assert seen.downs["unit-1"] == []
    assert set(seen.downs["unit-2"]) == {"read of holding 0 (40001), 10 registers: no answer within 100ms"}


async def test_without_transaction_ids_a_dead_unit_costs_a_connection_but_not_the_link() -> None:
    bus, connections = Bus("", 9600, {2}), Counter[str]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections["opened"] += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                writer.write(bus.answer(await reader.readexactly(8)))
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        config = link(transport="rtu-over-tcp", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        seen = await polled(config, [device(1), device(2)], lambda seen: seen.batches.total() >= 12)
    assert seen.batches == {"unit-1": 12}
    assert len(seen.downs["unit-2"]) == bus.asked[2] == connections["opened"] - 1
    assert seen.results["unit-1"].keys() == {"ok"}
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_says_that_a_unit_is_down(code: int) -> None:
    behaviour = by_unit({1: good, 2: saying(lambda request: request.exception(code))})
    async with fault_device(behaviour) as faulty:
        seen = await polled(
            link(host="127.0.0.1", port=faulty.port), [device(1), device(2)], lambda seen: seen.batches["unit-1"] >= 5
        )
        asked = Counter(request.unit for request in faulty.requests)
    assert seen.batches.keys() == {"unit-1"}
    assert "exception" in seen.downs["unit-2"][0]
    assert asked[2] == 1


async def test_a_unit_that_comes_back_is_noticed() -> None:
    behaviours = {1: good}
    async with fault_device(by_unit(behaviours)) as faulty:

        def enough(seen: Seen) -> bool:
            if seen.batches["unit-1"] == 3:
                behaviours[2] = good
            return seen.batches["unit-2"] >= 2

        seen = await polled(link(host="127.0.0.1", port=faulty.port), [device(1), device(2)], enough)
        assert faulty.connections == 1
    assert seen.last["unit-2"] == TEN
    assert seen.batches["unit-1"] < 30


async def test_one_missed_answer_is_no_failure_of_a_unit_that_shares_its_link() -> None:
    async with fault_device() as faulty:

        async def once_silent(request: Request, writer: asyncio.StreamWriter) -> None:
            if sum(each.unit == 2 for each in faulty.requests) != 3 or request.unit == 1:
                writer.write(request.good())

        faulty.behaviour = once_silent
        seen = await polled(
            link(host="127.0.0.1", port=faulty.port), [device(1), device(2)], lambda seen: seen.batches["unit-2"] >= 5
        )
    assert seen.results["unit-2"]["timeout"] == 1
    assert seen.downs == {"unit-1": [], "unit-2": []}


async def test_a_link_on_which_nobody_answers_is_given_up_and_says_so() -> None:
    async with fault_device(by_unit({})) as faulty:
        config, seen = link(host="127.0.0.1", port=faulty.port), Seen()
        devices = [device(unit) for unit in (1, 2, 3)]
        with pytest.raises(DeviceError, match=r"none of 3 units answers; the last: unit-\d: read of holding 0 "):
            await polled(config, devices, lambda _: False, seen)
        assert len(faulty.requests) == 3
        faulty.requests.clear()
        with pytest.raises(DeviceError, match="none of 3 units answers"):
            await polled(config, devices, lambda _: False, seen)
        assert len(faulty.requests) == 2  # enough to see whether the link is back
        faulty.behaviour = good
        seen = await polled(config, devices, lambda seen: len(seen.batches) == 3, seen)
    assert seen.last == dict.fromkeys(seen.batches, TEN)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda writer: writer.transport.abort(), id="reset"),
        pytest.param(lambda writer: writer.close(), id="closed"),
    ],
)
async def test_a_device_that_restarts_is_read_again_over_a_new_connection(
    end: Callable[[asyncio.StreamWriter], None],
) -> None:
    async def ending(_: Request, writer: asyncio.StreamWriter) -> None:
        end(writer)

    async with fault_device() as faulty:
        config, seen = link(host="127.0.0.1", port=faulty.port), Seen()

        def then_ends(seen: Seen) -> bool:
            faulty.behaviour = ending if seen.batches.total() == 2 else good
            return False

        with pytest.raises(DeviceError):
            await polled(config, [device()], then_ends, seen)
        faulty.behaviour = good
        await polled(config, [device()], lambda seen: seen.batches.total() >= 4, seen)
    assert seen.results["unit-1"]["connect"] == 1
    assert seen.last["unit-1"] == TEN


async def test_a_poll_that_was_lost_with_its_connection_is_made_up_for() -> None:
    async with fault_device(closing) as faulty:
        config, seen = link(host="127.0.0.1", port=faulty.port), Seen()
        with pytest.raises(DeviceError, match="closed the connection"):
            await polled(config, [device(poll="1h")], lambda _: False, seen)
        faulty.behaviour = good
        await polled(config, [device(poll="1h")], lambda seen: seen.batches.total() == 1, seen)
        with pytest.raises(TimeoutError):  # and none is made twice
            async with asyncio.timeout(0.2):
                await polled(config, [device(poll="1h")], lambda _: False, seen)
    assert seen.batches.total() == 1


async def test_a_device_that_ends_the_connection_whenever_it_is_asked_keeps_no_other_from_its_turn() -> None:
    async with fault_device(by_unit({1: closing, 2: good, 3: good})) as faulty:
        config, seen = link(host="127.0.0.1", port=faulty.port), Seen()
        for _ in range(3):
            with pytest.raises(DeviceError, match="closed the connection"):
                await polled(config, [device(unit, poll="24h") for unit in (1, 2, 3)], lambda _: False, seen)
        asked = [request.unit for request in faulty.requests]
    assert asked == [1, 2, 3, 1, 1]
    assert seen.batches == {"unit-2": 1, "unit-3": 1}


async def test_a_device_that_ends_idle_connections_loses_no_poll() -> None:
    async def then_ends(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(request.good())
        writer.close()

    async with fault_device(then_ends) as faulty:
        seen = await polled(
            link(host="127.0.0.1", port=faulty.port), [device()], lambda seen: seen.batches.total() == 5
        )
        assert faulty.connections == 5
    assert seen.results["unit-1"] == {"ok": 5}


async def test_what_came_before_the_connection_ended_is_given_on() -> None:
    points = [{"name": "a", "at": 1, "unit": "1"}, {"name": "b", "at": 300, "unit": "1"}]

    async def ends(request: Request, writer: asyncio.StreamWriter) -> None:
        await (good if request.address == 1 else closing)(request, writer)

    async with fault_device(ends) as faulty:
        seen = Seen()
        with pytest.raises(DeviceError, match="closed the connection"):
            await polled(link(host="127.0.0.1", port=faulty.port), [device(points=points)], lambda _: False, seen)
    assert seen.last == {"unit-1": {"a": 1.0}}


FIVE_HUNDRED = [{"name": f"p{at}", "at": at, "unit": "1"} for at in range(500)]


@pytest.mark.parametrize("bad", [0, 124, 125, 250, 499, *random.Random(1).sample(range(500), 15)])
async def test_one_bad_address_of_five_hundred_costs_its_own_point(bad: int) -> None:
    async with fault_device(illegal(bad)) as faulty:
        seen = await polled(
            link(host="127.0.0.1", port=faulty.port),
            [device(points=FIVE_HUNDRED)],
            lambda seen: seen.batches.total() == 2,
        )
    assert seen.last["unit-1"] == {f"p{at}": float(at) for at in range(500)} | {f"p{bad}": "device_exception"}


async def test_one_address_of_many_that_is_met_with_silence_costs_its_own_point() -> None:
    points = [{"name": f"p{at}", "at": at, "unit": "1"} for at in (0, 1, 2, 200)]
    all_but_one = {"p0": 0.0, "p1": "communication", "p2": 2.0, "p200": 200.0}
    async with fault_device(silent_on(1)) as faulty:
        config, seen = link(host="127.0.0.1", port=faulty.port, timeout="50ms"), Seen()
        while seen.last.get("unit-1") != all_but_one:
            assert faulty.connections < 5
            with suppress(DeviceError):
                await polled(config, [device(points=points)], lambda seen: seen.last["unit-1"] == all_but_one, seen)


def shown_last(seen: Seen, point: str) -> float | str:
    return seen.last["unit-1"][point]


async def test_what_was_learnt_is_forgotten_when_the_points_change() -> None:
    async with fault_device(illegal(4)) as faulty:
        config, seen = link(host="127.0.0.1", port=faulty.port), Seen()
        await polled(config, [device()], lambda seen: seen.batches.total() >= 1, seen)
        faulty.behaviour = good
        await polled(config, [device()], lambda seen: seen.batches.total() >= 2, seen)
        assert shown_last(seen, "p4") == "device_exception"
        other = device(points=[{"name": f"p{at}", "at": at, "unit": "1"} for at in range(2, 9)])
        await polled(config, [other], lambda seen: seen.batches.total() >= 3, seen)
    assert shown_last(seen, "p4") == 4.0


@pytest.mark.parametrize(
    ("pauses", "least"),
    [
        pytest.param({"between_requests": "40ms"}, 0.16, id="between requests"),
        pytest.param({"after_connect": "150ms"}, 0.15, id="after connect"),
        pytest.param({"turn_around": "50ms"}, 0.15, id="before another unit"),
    ],
)
@pytest.mark.parametrize("whose", ["link", "device"])
async def test_pauses_are_kept(pauses: Mapping[str, str], least: float, whose: str) -> None:
    clock = asyncio.get_running_loop().time
    async with fault_device() as faulty:
        config = link(host="127.0.0.1", port=faulty.port, **(pauses if whose == "link" else {}))
        points = [{"name": "a", "at": 1, "unit": "1"}, {"name": "b", "at": 300, "unit": "1"}]
        quirks = pauses if whose == "device" else {}
        begun = clock()
        await polled(
            config,
            [device(unit, points, quirks=quirks, poll="1s") for unit in (1, 2)],
            lambda seen: len(seen.batches) == 2,
        )
        first = clock() - begun
        if "turn_around" in pauses:
            assert first >= 0.05
        else:
            assert first >= min(least, 0.12)


@pytest.mark.parametrize("transport", ["tcp", "rtu-over-tcp", "ascii-over-tcp"])
async def test_pymodbus_is_read_over_tcp(transport: str) -> None:
    async with pymodbus_tcp(transport.partition("-")[0]) as port:
        await reads_all_tables(link(transport=transport, host="127.0.0.1", port=port))


@pytest.mark.parametrize("transport", ["rtu", "ascii"])
async def test_pymodbus_is_read_over_a_serial_line(transport: str) -> None:
    with cable() as (ours, theirs):
        async with pymodbus_serial(transport, theirs):
            await reads_all_tables(link(transport=transport, device=ours, baud=115200, timeout="1s"))


async def test_libmodbus_is_read_over_a_serial_line() -> None:
    with cable() as (ours, theirs), libmodbus("rtu", theirs):
        await reads_all_tables(link(transport="rtu", device=ours, baud=115200, timeout="1s"))


async def reads_all_tables(config: ModbusLink, seen: Seen | None = None) -> None:
    tables: dict[str, list[bool] | list[int]] = {"coil": BITS, "discrete": BITS, "holding": HOLDING, "input": INPUT}
    points = [
        {"name": f"{table}-{at}", "at": at, "table": table, "unit": "1"} for table in tables for at in range(0, 40, 3)
    ]
    seen = await polled(config, [device(UNIT, points)], lambda seen: seen.batches.total() >= 2, seen)
    expected = {f"{table}-{at}": float(held[at]) for table, held in tables.items() for at in range(0, 40, 3)}
    assert seen.last[f"unit-{UNIT}"] == expected
    assert seen.results[f"unit-{UNIT}"].keys() == {"ok"}


async def test_over_tls_both_certificates_are_watched(tmp_path: Path) -> None:
    pair = self_signed(tmp_path)
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pair.certificate)
    secure.verify_mode = ssl.CERT_REQUIRED
    secure.load_cert_chain(pair.certificate, pair.key)
    async with pymodbus_tcp("tcp", secure) as port:
        keys = {"ca": pair.certificate, **pair.files}
        seen = Seen()
        await reads_all_tables(link(transport="tls", host="127.0.0.1", port=port, tls=keys, timeout="1s"), seen)
        assert seen.ends == {"own": pair.end, "server": pair.end}
        (tmp_path / "analyser.key").unlink()
        with pytest.raises(DeviceError, match=r"tls\.key: cannot read .*\.key: No such file or directory"):
            await reads_all_tables(
                convert({"protocol": "modbus", "transport": "tls", "host": "h", "tls": keys}, ModbusLink)
            )
