"""Commissioning a DNP3 link: probe, scan and simulate, against each other and against an outstation of another make."""

from __future__ import annotations

import asyncio
import math
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from dnp3.core.flags import IIN

from dnp3_peer import ADDRESS, Office, device, link, program, simulated, value
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, DeviceError
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.dnp3.configuration import LAST_ADDRESS, Dnp3Device, Dnp3Point
from greenops_gateway.dnp3.driver import connect
from greenops_gateway.dnp3.flags import Indications
from greenops_gateway.dnp3.measurement import Block, Value
from greenops_gateway.dnp3.probe import findings
from greenops_gateway.dnp3.survey import Survey
from greenops_gateway.dnp3.tools import TOOLS
from greenops_gateway.plugin import Batch
from greenops_gateway.point import Device
from greenops_gateway.tools import Finding, Scan, numbers
from greenops_telemetry.tls import Tls
from stack import free_port

POINTS = (
    Dnp3Point(name="no", unit="mg/m3", index=4, scale=0.5),
    Dnp3Point(name="door", unit="1", kind="binary", index=0),
    Dnp3Point(name="starts", unit="1", kind="counter", index=2),
    Dnp3Point(name="mode", unit="1", index=5, enum={1: 10.0, 2: 20.0}),
)


@dataclass
class Plant:
    now: dict[str, float] = field(default_factory=lambda: {"no": 120.5, "door": 1.0, "starts": 7.0, "mode": 20.0})
    is_in: Reason = Reason.NONE
    is_there: bool = True

    def values(self, device: Device, now: float) -> Mapping[str, float]:  # noqa: ARG002  # as every plant
        return self.now

    def state(self, device: Device, now: float) -> Reason:  # noqa: ARG002  # as every plant
        return self.is_in

    def answers(self, device: Device, now: float) -> bool:  # noqa: ARG002  # as every plant
        return self.is_there


async def probed(port: int, given: Dnp3Device, seconds: float = 1) -> list[Finding]:
    async with asyncio.timeout(10):
        return [finding async for finding in TOOLS.probe(link(port, timeout=Duration(seconds)), (given,))]


@asynccontextmanager
async def read_back(plant: Plant) -> AsyncIterator[AsyncIterator[Batch]]:
    """A simulated device, and what the driver reads of it."""
    port, given = free_port(), device(POINTS, poll=0.1)
    async with TOOLS.simulate(link(port), (given,), plant) as where:
        assert where == f"DNP3 outstation {ADDRESS} on 127.0.0.1:{port}"
        wire = link(port, timeout=Duration(0.5))
        async with asyncio.timeout(10), connect(wire, [Office(given).desk()]) as batches:
            yield batches


async def named(batches: AsyncIterator[Batch], name: str, number: float) -> Sample:
    async for batch in batches:
        for sample in batch:
            if value(sample) == (name, number):
                return sample
    raise AssertionError("the stream ended")


async def test_a_simulated_device_gives_what_the_plant_says() -> None:
    plant = Plant()
    async with read_back(plant) as batches:
        for name, number in plant.now.items():
            assert (await named(batches, name, number)).quality is Quality.GOOD
        plant.now["no"] = 33.25
        changed = time.time()
        sample = await named(batches, "no", 33.25)
        assert changed - 0.05 <= sample.at <= time.time()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Reason.COMMUNICATION, (Quality.BAD, Reason.COMMUNICATION)),
        (Reason.WARM_UP, (Quality.BAD, Reason.WARM_UP)),
        (Reason.FORCED, (Quality.UNCERTAIN, Reason.FORCED)),
        (Reason.OUT_OF_CONTROL, (Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN)),
        (Reason.CALIBRATION, (Quality.BAD, Reason.DEVICE_FAULT)),
    ],
)
async def test_a_simulated_state_arrives(state: Reason, expected: tuple[Quality, Reason]) -> None:
    plant = Plant(is_in=state)
    async with read_back(plant) as batches:
        async for batch in batches:
            found = [sample for sample in batch if sample.labels[3] == "no"]
            if found:
                assert {(sample.quality, sample.reason) for sample in found} == {expected}
                break


@pytest.mark.parametrize(
    ("request_octets", "indexes"),
    [
        pytest.param("1e 05 00 02 03", [2, 3], id="a range in one octet each"),
        pytest.param("1e 05 01 02 00 03 00 1e 05 00 07 07", [2, 3, 7], id="two ranges"),
        pytest.param("1e 05 00 63 63", [], id="no such index"),
        pytest.param("1e 05 06", list(range(10)), id="all"),
    ],
)
async def test_a_simulated_device_gives_the_indexes_that_it_is_asked_for(
    request_octets: str, indexes: list[int]
) -> None:
    async with simulated(points=10) as outstation:
        (part,) = outstation.station.outstation.process_request(b"\xc0\x01" + bytes.fromhex(request_octets))
    ranges = [struct.unpack_from("<HH", block.data) for block in part.objects]
    assert [index for start, stop in ranges for index in range(start, stop + 1)] == indexes


async def test_a_number_that_is_none_is_a_lost_source() -> None:
    plant = Plant()
    plant.now["no"] = math.nan
    async with read_back(plant) as batches:
        async for batch in batches:
            found = [sample for sample in batch if sample.labels[3] == "no"]
            if found:
                assert {(sample.quality, sample.reason) for sample in found} == {(Quality.BAD, Reason.COMMUNICATION)}
                break


async def test_a_pulled_cable_is_silence() -> None:
    plant = Plant()
    async with read_back(plant) as batches:
        await named(batches, "no", 120.5)
        plant.is_there = False
        with pytest.raises(TimeoutError, match="did not answer"):
            await named(batches, "no", math.inf)


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ((Dnp3Point(name="p", unit="1", kind="double_bit", index=0),), ("points", 0, "kind"), "no double_bit points"),
        (None, ("port",), "nobody can listen"),
    ],
)
async def test_what_cannot_be_simulated_is_told(
    given: tuple[Dnp3Point, ...] | None, path: tuple[str | int, ...], words: str
) -> None:
    async with simulated() as outstation:
        port = free_port() if given else outstation.port
        with pytest.raises(ConfigError, match=words) as raised:
            async with TOOLS.simulate(link(port), (device(given or 1),), Plant()):
                pass
    assert raised.value.path == path


async def test_a_simulator_has_no_certificate() -> None:
    with pytest.raises(ConfigError, match="leave tls out"):
        async with TOOLS.simulate(link(1, tls=Tls(ca="ca.pem")), (device(),), Plant()):
            pass


async def test_a_probe_tells_what_is_there() -> None:
    async with simulated() as outstation:
        outstation.update(1, 5.5, at=time.time() - 2)
        points = (
            Dnp3Point(name="p1", unit="mg/m3", index=1),
            Dnp3Point(name="none", unit="mg/m3", index=9),
        )
        found = await probed(outstation.port, device(points))
        assert outstation.station.database.event_buffer.total_count == 0
    told = {finding.what: finding for finding in found}
    assert told["connect"].seen.endswith(" ms")
    assert told["integrity poll"].seen.startswith("3 analog as g30v5, 1 event as g32v7 in ")
    assert told["indications"].seen.startswith("device restart")
    assert told["unsolicited events"].seen == "supported"
    assert told["clock"].seen.startswith("the newest event is 2.")
    assert told["p1 (analog 1)"].seen == "5.5 mg/m3"
    assert [finding.what for finding in found if not finding.well] == ["none (analog 9)"]


async def test_a_probe_says_when_nobody_is_there() -> None:
    (finding,) = await probed(free_port(), device())
    assert (finding.what, finding.well) == ("connect", False)
    assert "is the device on" in finding.advice


@asynccontextmanager
async def busy() -> AsyncIterator[int]:
    """Who takes one connection, and closes every other; its port."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_probe_of_an_outstation_that_drops_the_connection_says_why_it_may() -> None:
    async with busy() as port:
        found = await probed(port, device())
    assert not found[-1].well
    assert "one connection at a time; stop a gateway that reads this one" in found[-1].advice


async def test_a_scan_of_an_outstation_that_drops_the_connection_says_why_it_may() -> None:
    async with busy() as port:
        with pytest.raises(DeviceError, match="closed the connection; many outstations serve one connection at a time"):
            await TOOLS.scan(link(port), Scan("7", seconds=0.2), lambda _, __: None)


async def test_a_probe_leaves_a_restart_to_be_seen_by_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulated() as outstation:
        monkeypatch.setattr(outstation.station.outstation, "_handle_write_iin", lambda _: pytest.fail("it writes"))
        found = await probed(outstation.port, device())
        assert outstation.station.outstation.iin & IIN.DEVICE_RESTART
    assert [finding.what for finding in found if not finding.well] == []


async def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenops_gateway.dnp3.survey.PHASE", 0.01)
    async with simulated(points=5_000) as outstation:
        found = await probed(outstation.port, device())
    assert (found[-1].seen, found[-1].well) == ("no end of an answer within 0.01 s", False)


async def test_a_probe_of_a_wrong_address_says_so() -> None:
    async with simulated() as outstation:
        found = await probed(outstation.port, device(address=3), seconds=0.2)
    assert (found[-1].what, found[-1].seen, found[-1].well) == ("outstation 3", "no answer within 200ms", False)
    assert "by scan" in found[-1].advice


async def test_a_probe_finds_that_another_make_has_no_trouble() -> None:
    port = free_port()
    with program("opendnp3", port, 2):
        found = await probed(port, device(2))
    assert [finding for finding in found if not finding.well] == []
    assert {finding.what: finding.seen for finding in found}["p1 (analog 1)"] == "1 mg/m3"


def test_a_probe_says_what_to_do_about_indications_and_clocks() -> None:
    late = Value(0, 1.5, 1, 1_000_000, True)
    block = Block(32, 7, [late])
    seen = Survey(
        indications=[Indications(0x50, 0x08)], blocks=[block], present={("analog", 0): (Block(30, 1, [late]), late)}
    )
    told = {finding.what: finding for finding in findings(device(1), seen, 900.0)}
    assert told["indications"].seen == "device trouble, need time, event buffer overflow"
    assert "poll more often" in told["indications"].advice
    assert told["clock"].seen == "the newest event is 100.0 s ahead of this clock"
    assert told["unsolicited events"].seen.startswith("not supported")
    assert told["p0 (analog 0)"].advice == "it comes as g30v1 only; write static: {analog: 0}"
    assert [told[name].well for name in ("indications", "clock", "p0 (analog 0)")] == [False, False, False]


async def test_a_scan_finds_outstations_and_writes_a_profile() -> None:
    told: list[float] = []
    async with simulated() as outstation:
        (found,) = await TOOLS.scan(
            link(outstation.port), Scan("5-7,1024", seconds=0.5), lambda share, _: told.append(share)
        )
    assert found.name == "outstation-1024"
    assert found.profile["address"] == 1024
    assert found.profile["points"][2] == {"name": "analog-2", "unit": "1", "index": 2}
    assert found.seen.startswith("3 analog as g30v5, device restart; analog 0 = 0.25 (flags 0x01)")
    assert told == sorted(told)
    assert told[-1] == 1.0


async def test_a_scan_of_another_make_finds_every_kind() -> None:
    port = free_port()
    with program("opendnp3", port, 2):
        (found,) = await TOOLS.scan(link(port), Scan("1024", seconds=0.5), lambda _, __: None)
    kinds = {point.get("kind", "analog") for point in found.profile["points"]}
    assert kinds >= {"analog", "binary", "double_bit", "counter", "frozen_counter", "analog_output", "binary_output"}
    assert "static" not in found.profile


async def test_a_scan_that_finds_nobody_says_so() -> None:
    async with simulated() as outstation:
        with pytest.raises(DeviceError, match="no outstation answers a link status request of master 1 at 7"):
            await TOOLS.scan(link(outstation.port), Scan("7", seconds=0.2), lambda _, __: None)


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "65520", "1;2"])
def test_what_are_no_addresses_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="names no addresses; they go from 0 to 65519"):
        numbers(text, "addresses", LAST_ADDRESS)
