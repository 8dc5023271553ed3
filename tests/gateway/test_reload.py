"""Another configuration takes the place of the one at work; what it leaves as it was loses nothing."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fault_device import FaultDevice, Request, fault_device, good
from greenops_core.errors import ConfigError
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.gateway import Gate, acquiring
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live
from stack import Service, free_port, program, running

Change = Callable[[dict[str, Any]], object]


def raw(one: int, other: int) -> dict[str, Any]:
    """Two links, the first with two units, each with one point that is polled every 100 ms."""

    def device(name: str, link: str, unit: int) -> dict[str, Any]:
        point = {"name": "x", "at": 7, "unit": "mg/m3"}
        return {"name": name, "link": link, "unit": unit, "stack": "s", "poll": "100ms", "points": [point]}

    return {
        "site": "plant",
        "links": {
            "bus": {"protocol": "modbus", "host": "127.0.0.1", "port": one},
            "far": {"protocol": "modbus", "host": "127.0.0.1", "port": other},
        },
        "devices": [
            device("a", "bus", 1),
            device("b", "bus", 2),
            device("c", "far", 1),
        ],
        "limits": [
            {
                "stack": "s",
                "parameter": "X",
                "device": "a",
                "point": "x",
                "limit": 150,
                "unit": "mg/m3",
                "averaging": "1m",
            }
        ],
    }


def changed(content: dict[str, Any], change: Change) -> Gateway:
    change(content)
    return parse(content, Path())


def lines(live: Live, start: str) -> dict[str, float]:
    found = text(live.page(time.time())).decode().splitlines()
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in found) if name.startswith(start)}


def polls(live: Live, device: str) -> float:
    (count,) = (
        value
        for name, value in lines(live, "greenops_device_requests_total").items()
        if f'device="{device}",result="ok"' in name
    )
    return count


async def test_devices_that_stay_as_they_were_lose_no_poll_and_repeat_none() -> None:
    """Every reload strikes amid the poll of a device that shares its link with the one that changes."""
    answers = asyncio.Event()

    async def held(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.unit == 1:
            await answers.wait()
        await good(request, writer)

    async with fault_device(held) as one, fault_device() as other:
        live, content = Live(), raw(one.port, other.port)
        content["links"]["bus"]["timeout"] = "60s"
        del content["limits"]
        for each in content["devices"]:
            each["poll"] = "24h"

        async def reload(number: int) -> None:
            """The second unit of the bus becomes another one."""
            content["devices"][1]["points"][0]["at"] = number
            assert await gate.take(parse(content, Path())) == ["device b: changed"]

        async with acquiring(parse(content, Path()), live) as gate:
            for number in range(8):
                await so(lambda: asked(one, 1) > number)  # noqa: B023  # called at once
                assert polls(live, "a") == 0
                await reload(number)
            answers.set()
            await so(lambda: polls(live, "a") == 1)
            for number in range(8, 10):
                before = asked(one, 2)
                await reload(number)
                await so(lambda: asked(one, 2) > before)  # noqa: B023  # called at once
            await so(lambda: polls(live, "c") == 1)
        assert (asked(one, 1), polls(live, "a")) == (9, 1)
        assert (asked(other, 1), other.connections) == (1, 1)


def asked(device: FaultDevice, unit: int) -> int:
    return sum(request.unit == unit for request in device.requests)


async def so(holds: Callable[[], bool]) -> None:
    """Wait until it is."""
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was so")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda _: None, [], id="nothing"),
        pytest.param(lambda now: now["devices"].pop(2), ["link far: removed"], id="the last device of a link goes"),
        pytest.param(lambda now: now["devices"].pop(1), ["device b: removed"], id="a device goes"),
        pytest.param(
            lambda now: now["devices"].append({**now["devices"][2], "name": "d", "unit": 9}),
            ["device d: added"],
            id="+",
        ),
        pytest.param(
            lambda now: now["links"]["far"].update(timeout="900ms"), ["link far: timeout"], id="a link's setting"
        ),
        pytest.param(
            lambda now: now["limits"][0].update(limit=140),
            ["limit s/X over 1m: changed"],
            id="a limit",
        ),
        pytest.param(
            lambda now: now.update(
                derived=[
                    {
                        "name": "calc",
                        "stack": "s",
                        "points": [{"name": "y", "unit": "mg/m3", "value": "2 * x", "from": {"x": "a/x"}}],
                    }
                ]
            ),
            ["derived calc: added"],
            id="something derived",
        ),
    ],
)
async def test_what_changed_is_told_and_nothing_else_is_touched(change: Change, told: list[str]) -> None:
    async with fault_device() as one, fault_device() as other:
        live = Live()
        content = raw(one.port, other.port)
        async with acquiring(parse(content, Path()), live) as gate:
            await gathered(gate)
            before = {each.device.name: each for each in gate.acquisitions}
            assert await gate.take(changed(content, change)) == told
            kept = {each.device.name for each in gate.acquisitions if before.get(each.device.name) is each}
            assert kept == {device.name for device in parse(content, Path()).devices} - {"d"}
            await gathered(gate)
        shown = lines(live, "greenops_device_up")
        assert {name.split('device="')[1][0] for name in shown} == {each["name"] for each in content["devices"]}


async def gathered(gate: Gate) -> None:
    for _ in range(250):
        if all(intake.is_known for intake in gate.intakes() if intake.series.labels[2] != "calc"):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody answered")


@pytest.mark.parametrize(
    ("key", "value"),
    [("site", "other"), ("listen", "127.0.0.1:1"), ("otlp", {"endpoint": "http://127.0.0.1:1/v1/metrics"})],
)
async def test_what_needs_a_restart_changes_nothing(key: str, value: object) -> None:
    async with fault_device() as one, fault_device() as other:
        content = raw(one.port, other.port)
        async with acquiring(parse(content, Path()), Live()) as gate:
            before = gate.acquisitions
            with pytest.raises(ConfigError, match=f"{key}: cannot be changed while the gateway runs; restart it"):
                await gate.take(changed(content, lambda now: now.update({key: value})))
            assert gate.acquisitions == before


async def test_a_running_gateway_reloads_by_signal_and_by_post_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    async with fault_device() as one, fault_device() as other:
        content = raw(one.port, other.port)
        path = tmp_path / "gateway.yml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command: list[str | Path] = [
            program("greenops-gateway"),
            "run",
            "--config",
            path,
            "--listen",
            f"127.0.0.1:{port}",
        ]
        service, log = Service("gateway", command, f"{url}/-/healthy"), tmp_path / "log"

        def work() -> None:
            with running(service, log) as process:
                assert post(url) == (200, "nothing changed\n")
                content["devices"][1]["poll"] = "200ms"
                path.write_text(yaml.safe_dump(content), encoding="utf-8")
                process.send_signal(signal.SIGHUP)
                waiting(lambda: "configuration taken over: device b: changed" in log.read_text(), process)
                content["devices"][1]["poll"] = "200 ms"
                path.write_text(yaml.safe_dump(content), encoding="utf-8")
                status, told = post(url)
                assert status == 400
                assert told.startswith("nothing changed:\n")
                assert "devices[1].poll: '200 ms' is not a duration" in told
                process.send_signal(signal.SIGHUP)
                waiting(lambda: log.read_text().count("the configuration stays as it was") == 2, process)
                with urllib.request.urlopen(f"{url}/metrics", timeout=5) as reply:
                    page = reply.read().decode()
                assert 'greenops_configuration_reloads_total{site="plant",result="success"} 2.0' in page
                assert 'greenops_configuration_reloads_total{site="plant",result="failure"} 2.0' in page
            assert process.returncode == 0

        await asyncio.to_thread(work)


@pytest.mark.parametrize("between", [0.0, 0.005, 0.05])
def test_a_reload_just_before_the_end_harms_nothing(tmp_path: Path, between: float) -> None:
    content = raw(free_port(), free_port())
    path, port = tmp_path / "gateway.yml", free_port()
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    command: list[str | Path] = [program("greenops-gateway"), "run", "--config", path, "--listen", f"127.0.0.1:{port}"]
    service, log = Service("gateway", command, f"http://127.0.0.1:{port}/-/healthy"), tmp_path / "log"
    with running(service, log) as process:
        waiting(lambda: log.read_text().count("down: ") == 2, process)
        for each in content["links"].values():
            each["timeout"] = "900ms"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        time.sleep(between)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def post(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/-/reload", method="POST"), timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def waiting(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
