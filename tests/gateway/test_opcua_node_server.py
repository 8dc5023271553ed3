"""The driver and the tools against a server of another make: node-opcua, from npm."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from greenops_core.errors import DeviceError
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink
from greenops_gateway.opcua.driver import PLUGIN
from greenops_gateway.opcua.tools import TOOLS
from greenops_gateway.plugin import Desk
from greenops_gateway.point import series
from greenops_gateway.tools import Scan
from greenops_telemetry.configuration import convert
from opcua_node_peer import NODE, NodePeer, node_peer
from opcua_peer import PASSWORD, USER, Credential, credential

COUNT, MOST = 30, 7

pytestmark = pytest.mark.skipif(
    not (NODE / "node_modules").is_dir(),
    reason="the OPC UA server of another make is not installed: run make test, which installs it",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodePeer]:
    with node_peer(tmp_path_factory.mktemp("node-opcua"), COUNT, MOST) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Credential:
    return credential(tmp_path_factory.mktemp("own"), "gateway")


def link(server: NodePeer, **more: object) -> OpcUaLink:
    found = convert({"protocol": "opcua", "url": server.url, "publishing": "100ms", **more}, OpcUaLink)
    found.check()
    return found


def device(*names: str, **more: object) -> OpcUaDevice:
    points = [{"name": name, "unit": "1", "node": f"ns=1;s={name}"} for name in names]
    found = convert({"name": "d", "link": "l", "stack": "s", "poll": "100ms", "points": points, **more}, OpcUaDevice)
    found.check()
    return found


ALL = tuple(f"v{number}" for number in range(COUNT))


class Reader:
    """One device that is read as often as is wanted; what was learnt of it stays."""

    def __init__(self, link: OpcUaLink, config: OpcUaDevice) -> None:
        self._link, self._config = link, config
        self.told: Counter[str] = Counter()
        self._desk: Desk[OpcUaDevice] = Desk(
            config,
            tuple(series("plant", config, point) for point in config.points),
            lambda result: self.told.update([result.value]),
            lambda event: self.told.update([event.value]),
            lambda why: self.told.update([why]),
            lambda _, __: None,
        )

    async def read(self, count: int) -> dict[str, list[Sample]]:
        """At least *count* samples of each point."""
        found: dict[str, list[Sample]] = {point.name: [] for point in self._config.points}
        async with PLUGIN.connect(self._link, [self._desk]) as batches, asyncio.timeout(15):
            async for batch in batches:
                for sample in batch:
                    found[sample.labels[-1]].append(sample)
                if min(map(len, found.values())) >= count:
                    await anext(batches)
                    break
        return found


@pytest.mark.parametrize("mode", ["poll", "subscribe"])
async def test_all_values_come_within_the_server_s_limits(server: NodePeer, mode: str) -> None:
    reader = Reader(link(server, mode=mode), device(*ALL))
    found = await reader.read(5)
    for name, samples in found.items():
        assert all(sample.quality is Quality.GOOD for sample in samples), name
        times = [sample.at for sample in samples]
        assert times == sorted(times)
    rounds = {sample.value - int(name[1:]) for name, samples in found.items() for sample in samples}
    assert all(number == int(number) for number in rounds)
    if mode == "subscribe":
        values = [sample.value for sample in found["v3"]]
        assert [b - a for a, b in pairwise(values)] == [1.0] * (len(values) - 1)  # none was lost
    assert "sequence_gap" not in reader.told


@pytest.mark.parametrize("mode", ["poll", "subscribe"])
async def test_status_and_unknown_nodes_are_told_alone(server: NodePeer, mode: str) -> None:
    server.set("v5", 1.0, "UncertainLastUsableValue")
    server.set("v6", 1.0, "BadOutOfService")
    await asyncio.sleep(0.3)
    found = await Reader(link(server, mode=mode), device("v4", "v5", "v6", "none")).read(1)
    assert {name: samples[0].reason for name, samples in found.items()} == {
        "v4": Reason.NONE,
        "v5": Reason.STALE,
        "v6": Reason.MAINTENANCE,
        "none": Reason.DEVICE_EXCEPTION,
    }


async def test_a_gap_is_filled_from_its_history(server: NodePeer) -> None:
    reader = Reader(link(server), device("v0"))
    before = (await reader.read(5))["v0"]
    await asyncio.sleep(1)
    after = (await reader.read(5))["v0"]
    assert reader.told["backfill"] == 1
    values = [sample.value for sample in before + after]
    missing = set(range(int(values[0]), int(values[-1]))) - {int(value) for value in values}
    assert not missing
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("Basic256Sha256", "sign"),
        ("Aes128_Sha256_RsaOaep", "sign_and_encrypt"),
        ("Aes256_Sha256_RsaPss", "sign_and_encrypt"),
    ],
)
async def test_a_secure_session_with_a_user(
    server: NodePeer, gateway: Credential, tmp_path: Path, policy: str, mode: str
) -> None:
    files = {"policy": policy, "mode": mode, "certificate": str(gateway.certificate), "key": str(gateway.key)}
    (tmp_path / "password").write_text(PASSWORD)
    identity = {"user": USER, "password": f"file:{tmp_path / 'password'}"}
    asked = link(server, security={**files, "trust": [str(gateway.certificate)]}, identity=identity)
    findings = {finding.what: finding async for finding in TOOLS.probe(asked, [device("v1")])}
    assert "its certificate is not trusted" in findings["server certificate"].seen
    (tmp_path / "server.pem").write_text(findings["server certificate"].advice.partition("trust:\n")[2])
    trusted = link(server, security={**files, "trust": [str(tmp_path / "server.pem")]}, identity=identity)
    assert (await Reader(trusted, device("v1")).read(2))["v1"][0].quality is Quality.GOOD
    (tmp_path / "password").write_text("wrong")
    wrong = {"user": USER, "password": f"file:{tmp_path / 'password'}"}
    with pytest.raises(DeviceError, match="refuses its user"):
        await Reader(
            link(server, security={**files, "trust": [str(tmp_path / "server.pem")]}, identity=wrong), device("v1")
        ).read(1)


async def test_its_variables_are_found(server: NodePeer) -> None:
    (found,) = await TOOLS.scan(link(server), Scan(), lambda *_: None)
    nodes = {point["node"]: point["name"] for point in found.profile["points"]}
    assert {f"ns=1;s={name}": f"Plant-{name}" for name in ALL}.items() <= nodes.items()
