"""The gateway as a process of its own: what it costs while nobody answers, and a flood while it is held up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import yaml
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client.parser import text_string_to_metric_families

from mqtt_broker import broker
from real_servers import eventually, get
from stack import Service, free_port, program, running

Told = Callable[[str, object], None]
MOST_IDLE = 0.10
"""Of a core; the goal is 0.01, and a busy machine is no failure."""
USUAL = 100
"""Messages a second."""
SECONDS = 3
HELD_UP = 0.6
MOST_GROWTH = 40.0

KINDS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"protocol": "modbus"}, {}, {"at": 0}),
    ({"protocol": "opcua"}, {}, {"node": "ns=2;s=x"}),
    ({"protocol": "mqtt"}, {"topic": "x"}, {"path": "x"}),
    ({"protocol": "dnp3"}, {"address": 10}, {"kind": "analog", "index": 0}),
]
"""What is written for a link, its device and its point."""


class Process:
    """A running gateway, from outside."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process, self._url = process, url

    def seconds(self) -> float:
        """CPU time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the series *name* with *labels*."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(get(f"{self._url}/metrics"))
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@contextmanager
def gateway(folder: Path, content: Mapping[str, Any]) -> Iterator[Process]:
    """``greenops-gateway run`` with *content*, once every device was tried."""
    file, port = folder / "gateway.yml", free_port()
    file.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [program("greenops-gateway"), "run", "--config", file, "--listen", f"127.0.0.1:{port}"]
    with running(Service("gateway", command, f"{url}/-/ready"), folder / "gateway.log", 60) as process:
        yield Process(process, url)
    assert process.returncode == 0, (folder / "gateway.log").read_text()
    assert "Traceback" not in (folder / "gateway.log").read_text()


@contextmanager
def takes_and_says_nothing() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        yield listener.getsockname()[1]


def nobody(dead: int, silent: int) -> dict[str, Any]:
    """Twenty links by four protocols: to a port that is closed, and to one that takes connections and never answers."""
    links: dict[str, Any] = {}
    devices: list[dict[str, Any]] = []
    for number in range(20):
        port = (dead, silent)[number // 4 % 2]
        name, at = f"l{number}", {"host": "127.0.0.1", "port": port}
        link, device, point = KINDS[number % 4]
        links[name] = link | ({"url": f"opc.tcp://127.0.0.1:{port}"} if link["protocol"] == "opcua" else at)
        points = [{"name": "x", "unit": "mg/m3", **point}]
        devices.append({**device, "name": f"d{number}", "link": name, "stack": "s", "points": points})
    return {"site": "plant", "links": links, "devices": devices}


async def test_a_gateway_to_whom_nobody_answers_is_idle(tmp_path: Path, record_property: Told) -> None:
    def work() -> float:
        with takes_and_says_nothing() as silent, gateway(tmp_path, nobody(1, silent)) as process:
            assert process.metric("greenops_device_up") == 0
            time.sleep(1.0)
            used, began = process.seconds(), time.monotonic()
            time.sleep(3.0)
            share = (process.seconds() - used) / (time.monotonic() - began)
            assert process.metric("greenops_device_requests_total", result="ok") == 0
            return share

    share = await asyncio.to_thread(work)
    record_property("cpu", share)
    assert share < MOST_IDLE


def test_a_flood_while_the_gateway_is_held_up_loses_nothing(tmp_path: Path, record_property: Told) -> None:
    """Twenty times the usual rate at QoS 1 for three seconds, of which the gateway stands still for most."""
    point = {"name": "x", "unit": "mg/m3", "path": "x"}
    device = {"name": "dust", "link": "dust", "stack": "s", "topic": "dust", "time": {"path": "t"}, "points": [point]}
    with broker(tmp_path / "mosquitto") as mosquitto:
        link = {"protocol": "mqtt", "host": "127.0.0.1", "port": mosquitto.port}
        content = {"site": "plant", "links": {"dust": link}, "devices": [{**device, "poll": "1s"}]}
        with gateway(tmp_path, content) as process, flood(mosquitto.port) as send:
            send(0)
            eventually(lambda: process.metric("greenops_device_requests_total", result="ok") == 1)
            before, largest, count = process.megabytes(), 0.0, 20 * USUAL * SECONDS
            began = time.monotonic()
            for held_up in range(SECONDS):
                process.process.send_signal(signal.SIGSTOP)
                for number in range(held_up * count // SECONDS, (held_up + 1) * count // SECONDS):
                    send(1 + number)
                time.sleep(HELD_UP)
                process.process.send_signal(signal.SIGCONT)
                time.sleep(max(0.0, began + held_up + 1 - time.monotonic()))
                largest = max(largest, process.megabytes())
            eventually(lambda: process.metric("greenops_device_requests_total", result="ok") >= count + 1, 30)
            largest = max(largest, process.megabytes())
            assert process.metric("greenops_device_requests_total", result="ok") == count + 1
            eventually(lambda: process.metric("greenops_device_samples_total") == count + 1)
            assert process.metric("greenops_device_samples_total", quality="good") == count + 1
            assert process.metric("greenops_point_concentration_mg_per_m3") == count
    record_property("megabytes", largest - before)
    assert largest - before < MOST_GROWTH


@contextmanager
def flood(port: int) -> Iterator[Any]:
    """Publishes a number at QoS 1, and waits for nothing until its end."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()

    def send(number: int) -> None:
        client.publish("dust", json.dumps({"x": number, "t": round(time.time() * 1000)}).encode(), 1)

    try:
        yield send
    finally:
        client.disconnect()
        client.loop_stop()
