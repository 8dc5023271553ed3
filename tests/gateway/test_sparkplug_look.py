"""Commissioning of Sparkplug: what probe says of each point, and that probe and scan ask for the births they need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from greenops_core.sample import Reason
from greenops_gateway.mqtt.configuration import MqttDevice, MqttLink
from greenops_gateway.mqtt.sparkplug_look import findings
from greenops_gateway.mqtt.sparkplug_payload import Address, Datatype, Holder, Metric, Payload, encode
from greenops_gateway.mqtt.tools import TOOLS
from greenops_gateway.point import Device
from greenops_gateway.tools import Scan
from greenops_telemetry.configuration import convert
from mqtt_broker import broker
from sparkplug_host import AT, device

PLACE = Address("plant", "DBIRTH", "shelter", "cems").topic
SO2 = Metric("gas/so2", 1, AT, Datatype.DOUBLE, Holder.DOUBLE, 20.5)


def said(of: MqttDevice, heard: Mapping[str, bytes]) -> list[tuple[str, str, bool, str]]:
    return [(each.what, each.seen, each.well, each.advice) for each in findings(of, heard)]


@pytest.mark.parametrize(
    ("metric", "seen", "well"),
    [
        pytest.param(SO2, "metric 'gas/so2' (double) is 20.5 mg/m3", True, id="a number"),
        pytest.param(
            SO2._replace(datatype=2, holder=Holder.INT, raw=0xFFFF),
            "metric 'gas/so2' (int16) is -1 mg/m3",
            True,
            id="signed",
        ),
        pytest.param(
            SO2._replace(null=True),
            "metric 'gas/so2' (double) is null: the device has no value at present",
            True,
            id="null",
        ),
        pytest.param(SO2._replace(quality=0), "metric 'gas/so2' (double) has quality code 0", False, id="bad"),
        pytest.param(SO2._replace(quality=500), "metric 'gas/so2' (double) has quality code 500", True, id="stale"),
        pytest.param(
            SO2._replace(datatype=12, holder=Holder.STRING, raw="hot"),
            "metric 'gas/so2' (string): a string value is no number of datatype 12",
            False,
            id="text",
        ),
        pytest.param(
            SO2._replace(datatype=99), "metric 'gas/so2' (datatype 99): a double value is no", False, id="unheard of"
        ),
        pytest.param(SO2._replace(raw=float("nan")), "metric 'gas/so2' (double) is nan: sentinel", False, id="nan"),
    ],
)
def test_probe_shows_what_a_birth_means_for_a_point(metric: Metric, seen: str, *, well: bool) -> None:
    of = device(points=[{"name": "so2", "unit": "mg/m3", "path": "gas/so2"}])

    birth, point = said(of, {PLACE: encode(Payload((metric,), AT, 1))})

    assert birth == ("analyser: DBIRTH of plant/shelter", "tells of 1 metrics", True, "")
    assert (point[0], point[1][: len(seen)], point[2]) == ("analyser: so2", seen, well)


def test_probe_reads_words_and_names_the_nearest_metric() -> None:
    points = [
        {"name": "mode", "unit": "1", "enum": {"RUN": 1}},
        {"name": "nox", "unit": "mg/m3", "path": "gas/so"},
    ]
    mode = Metric("mode", 2, AT, Datatype.STRING, Holder.STRING, "RUN")

    assert said(device(points=points), {PLACE: encode(Payload((SO2, mode), AT, 1))})[1:] == [
        ("analyser: mode", "metric 'mode' (string) is 'RUN': 1 1", True, ""),
        ("analyser: nox", "no metric 'gas/so'", False, "did you mean 'gas/so2'?"),
    ]


@pytest.mark.parametrize(
    ("heard", "seen", "advice"),
    [
        pytest.param([], "nothing", "is group right, and is it on?", id="silence"),
        pytest.param(
            ["spBv1.0/plan/NDATA/shelter"],
            "nothing",
            "is group right, and is it on? did you mean 'plan'?",
            id="another group",
        ),
        pytest.param(
            ["spBv1.0/plant/NDATA/Shelter"],
            "nothing",
            "is node right, and is it on? did you mean 'Shelter'?",
            id="another node",
        ),
        pytest.param(
            ["spBv1.0/plant/NBIRTH/shelter", "spBv1.0/plant/DBIRTH/shelter/CEMS", "spBv1.0/plant/NCMD/shelter", "x"],
            "DBIRTH, NBIRTH",
            "is sparkplug_device right, and is it on? did you mean 'CEMS'?",
            id="another device",
        ),
        pytest.param(
            ["spBv1.0/plant/DDATA/shelter/cems"],
            "DDATA",
            "it may not answer requests for a birth: start it again while you listen",
            id="data alone",
        ),
    ],
)
def test_probe_says_why_there_is_no_birth(heard: Sequence[str], seen: str, advice: str) -> None:
    assert said(device(), dict.fromkeys(heard, b"")) == [
        ("analyser: DBIRTH of plant/shelter", f"did not come; the edge node sent {seen}", False, advice)
    ]


def test_probe_says_that_a_birth_cannot_be_read() -> None:
    (finding,) = said(device(), {PLACE: b"{}"})
    assert finding[2:] == (False, "is this a payload of Sparkplug B?")


class Steady:
    """A plant where nothing happens."""

    def values(self, device: Device, now: float) -> Mapping[str, float]:  # noqa: ARG002  # a Plant
        return {point.name: 20.5 for point in device.points}

    def state(self, device: Device, now: float) -> Reason:  # noqa: ARG002  # a Plant
        return Reason.NONE

    def answers(self, device: Device, now: float) -> bool:  # noqa: ARG002  # a Plant
        return True


@asynccontextmanager
async def simulated(folder: Path) -> AsyncIterator[MqttLink]:
    """A simulated edge node whose birth is long over."""
    with broker(folder) as server:
        link = convert({"protocol": "mqtt", "host": "127.0.0.1", "port": server.port}, MqttLink)
        async with TOOLS.simulate(link, [device(poll="200ms")], Steady()):
            await asyncio.sleep(0.3)
            yield link


async def test_probe_asks_for_the_birth_that_it_shows(tmp_path: Path) -> None:
    async with simulated(tmp_path) as link:
        found = [finding async for finding in TOOLS.probe(link, [device(poll="200ms")])]

    assert [(each.what, each.seen) for each in found[-3:]] == [
        ("analyser: DBIRTH of plant/shelter", "tells of 2 metrics"),
        ("analyser: so2", "metric 'gas/so2' (double) is 20.5 mg/m3"),
        ("analyser: temperature", "metric 'gas/temperature' (double) is 20.5 degC"),
    ]


async def test_scan_asks_for_the_births_that_it_missed(tmp_path: Path) -> None:
    async with simulated(tmp_path) as link:
        (found,) = await TOOLS.scan(link, Scan(seconds=1.0), lambda _, __: None)

    profile = {key: found.profile[key] for key in ("payload", "group", "node", "sparkplug_device")}
    assert profile == {"payload": "sparkplug", "group": "plant", "node": "shelter", "sparkplug_device": "cems"}
    assert [point["path"] for point in found.profile["points"]] == ["gas/so2", "gas/temperature"]
