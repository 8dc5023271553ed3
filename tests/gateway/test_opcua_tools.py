"""Commissioning against the simulator: what is asked of it comes back, by the reader and by each tool."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

import stack
from greenops_core.errors import ConfigError, DeviceError
from greenops_core.sample import Quality, Reason
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink
from greenops_gateway.opcua.driver import PLUGIN
from greenops_gateway.opcua.tools import TOOLS
from greenops_gateway.plugin import Desk
from greenops_gateway.point import Device, series
from greenops_gateway.tools import Finding, Scan
from greenops_telemetry.configuration import convert
from opcua_peer import credential

POINTS = [
    {"name": "so2", "node": "ns=2;s=Stack.SO2", "unit": "mg/m3", "scale": 0.5, "offset": 1},
    {"name": "flow", "node": "nsu=urn:flow;i=7", "unit": "m3/h"},
    {"name": "left", "node": "ns=3;s=Pair", "unit": "kPa", "index": 0},
    {"name": "right", "node": "ns=3;s=Pair", "unit": "kPa", "index": 1},
    {"name": "valve", "node": "ns=3;g=09087e75-8e5e-499b-954f-f2a9603db28a", "unit": "1", "enum": {4: 0, 9: 1}},
    {"name": "raw", "node": "ns=3;b=M/RbKBsRVkePCePcx24oRA==", "unit": "ppm"},
]
VALUES = {"so2": 20.5, "flow": 3600.0, "left": 1.5, "right": 2.5, "valve": 1.0, "raw": 7.0}


class Plant:
    """Always the same values; its state and whether it is there are set by the test."""

    def __init__(self) -> None:
        self.now_in = Reason.NONE
        self.there = True

    def values(self, device: Device, now: float) -> Mapping[str, float]:
        assert now > 0
        return {point.name: VALUES[point.name] for point in device.points}

    def state(self, device: Device, now: float) -> Reason:  # noqa: ARG002  # the same for all
        return self.now_in

    def answers(self, device: Device, now: float) -> bool:  # noqa: ARG002  # the same for all
        return self.there


def link(**more: object) -> OpcUaLink:
    given = {"protocol": "opcua", "url": f"opc.tcp://127.0.0.1:{stack.free_port()}", "publishing": "100ms", **more}
    found = convert(given, OpcUaLink)
    found.check()
    return found


def device(**more: object) -> OpcUaDevice:
    found = convert({"name": "cems-1", "link": "l", "stack": "s", "points": POINTS, **more}, OpcUaDevice)
    found.check()
    return found


def desk(config: OpcUaDevice) -> Desk[OpcUaDevice]:
    to = tuple(series("plant", config, point) for point in config.points)
    return Desk(config, to, lambda _: None, lambda _: None, lambda _: None, lambda _, __: None)


async def read(link: OpcUaLink, wanted: tuple[Quality, Reason], seconds: float = 10) -> dict[str, float]:
    """The values once all are as *wanted*, in the points' own units."""
    config = device()
    back = {point.name: one.to_base for point, one in zip(config.points, desk(config).series, strict=True)}
    found: dict[str, float] = {}
    async with PLUGIN.connect(link, [desk(config)]) as batches, asyncio.timeout(seconds):
        async for batch in batches:
            for sample in batch:
                name = sample.labels[-1]
                if (sample.quality, sample.reason) == wanted:
                    found[name] = back[name].from_base(sample.value)
            if len(found) == len(POINTS):
                break
    return found


async def probed(link: OpcUaLink, config: OpcUaDevice) -> dict[str, Finding]:
    return {finding.what: finding async for finding in TOOLS.probe(link, [config])}


async def test_what_is_simulated_is_read_probed_and_found() -> None:
    plant, config, way = Plant(), device(), link(connect_timeout="1s")
    async with TOOLS.simulate(way, [config], plant) as where:
        assert where == f"{way.url}, {len({point.node for point in config.points})} nodes"
        assert await read(way, (Quality.GOOD, Reason.NONE)) == pytest.approx(VALUES)

        found = await probed(way, device(points=[*POINTS, {"name": "gone", "node": "ns=2;s=Gone", "unit": "1"}]))
        assert found["endpoints"].seen == "no security"
        assert found["server"].seen.startswith("FreeOpcUa")
        assert found["state"].seen == "Running"
        assert found["clock"].well
        assert found["limits"].seen.startswith("nodes in one request: read 10000")
        assert found["cems-1 so2"].seen == "20.5 mg/m3 (Double, Good, time from source and server)"
        assert found["cems-1 right"].seen.startswith("2.5 kPa (array of 2 Double")
        assert found["cems-1 gone"] == (
            "cems-1 gone",
            "ns=2;s=Gone: BadNodeIdUnknown",
            False,
            "the server refuses ns=2;s=Gone: does the node exist, and may the gateway's user read it?",
        )

        steps: list[float] = []
        (discovery,) = await TOOLS.scan(way, Scan(), lambda share, _: steps.append(share))
        assert discovery.profile["points"] == [
            {"name": "cems-1-so2", "node": "ns=2;s=Stack.SO2", "unit": "mg/m3"},
            {"name": "cems-1-flow", "node": "ns=4;i=7", "unit": "m3/h"},
            {"name": "cems-1-valve", "node": "ns=3;g=09087e75-8e5e-499b-954f-f2a9603db28a", "unit": "1"},
            {"name": "cems-1-raw", "node": "ns=3;b=M/RbKBsRVkePCePcx24oRA==", "unit": "ppm"},
        ]
        device(**discovery.profile)
        assert steps == sorted(steps)
        assert steps[-1] == 1
        assert await TOOLS.scan(way, Scan("ns=2;s=Stack.SO2"), lambda *_: None) == []
        with pytest.raises(ConfigError, match="the server has no namespace of 'nsu=urn:none;i=1'"):
            await TOOLS.scan(way, Scan("nsu=urn:none;i=1"), lambda *_: None)
        with pytest.raises(ConfigError, match=r"cannot be a server at 127\.0\.0\.1"):
            async with TOOLS.simulate(way, [config], plant):
                pass

        plant.now_in = Reason.CALIBRATION
        assert len(await read(way, (Quality.BAD, Reason.CALIBRATION))) == len(VALUES)
        plant.now_in, plant.there = Reason.NONE, False
        await asyncio.sleep(0.4)
        with pytest.raises((TimeoutError, OSError, DeviceError)):
            await read(way, (Quality.GOOD, Reason.NONE), seconds=1)
        plant.there = True
        await asyncio.sleep(0.4)
        assert await read(way, (Quality.GOOD, Reason.NONE)) == pytest.approx(VALUES)


async def test_a_simulated_server_may_be_secure_and_is_believed_only_when_known(tmp_path: Path) -> None:
    own, other = credential(tmp_path, "gateway"), credential(tmp_path, "other")
    files = {"certificate": str(own.certificate), "key": str(own.key), "policy": "Basic256Sha256", "mode": "sign"}
    way = link(security={**files, "trust": [str(other.certificate)]})
    async with TOOLS.simulate(way, [device()], Plant()) as where:
        found = await probed(way, device())
        assert found["endpoints"].seen == "Basic256Sha256 sign"
        assert found["own certificate"].seen.startswith("urn:test:gateway, good until")
        assert "not believed: its certificate is not trusted" in found["server certificate"].seen
        assert "not believed" in found["connection"].seen
        pem = found["server certificate"].advice.partition("trust:\n")[2]
        (tmp_path / "server.pem").write_text(pem)
        for trusted in (tmp_path / "server.pem", Path(where.rpartition(" ")[2])):
            known = link(url=way.url, security={**files, "trust": [str(trusted)]})
            assert await read(known, (Quality.GOOD, Reason.NONE)) == pytest.approx(VALUES)
        plain = await probed(link(url=way.url), device())
        assert plain["security"].seen.endswith("does not offer security none; it offers Basic256Sha256 sign")


async def test_nobody_there_is_a_finding() -> None:
    found = await probed(link(), device())
    assert not found["connection"].well
    assert "cannot connect to" in found["connection"].seen
    with pytest.raises(DeviceError, match="cannot connect to"):
        await TOOLS.scan(link(), Scan(), lambda *_: None)
