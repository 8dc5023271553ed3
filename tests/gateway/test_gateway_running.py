"""The whole gateway in this process: real sockets to the simulator, real scrapes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

import stack
from fault_device import fault_device, silent
from greenops_core.address import address
from greenops_core.errors import ConfigError
from greenops_gateway import gateway
from greenops_gateway.configuration import Gateway, parse
from greenops_gateway.gateway import running
from greenops_gateway.simulator.process import Plant
from greenops_gateway.simulator.run import simulating
from greenops_telemetry.live import Live

BESIDE = stack.ROOT / "gateway"
TOLD = ("point", "parameter", "reason", "result")
Scraped = dict[str, float]


def config(port: int, **more: object) -> Gateway:
    return parse(example(port, **more), BESIDE)


def example(port: int, **more: object) -> dict[str, Any]:
    """The gas analyser of the example at *port*, in quick motion: 20 blocks of 0.1 s."""
    raw: dict[str, Any] = yaml.safe_load((BESIDE / "gateway.yml").read_text(encoding="utf-8"))
    raw["links"] = {"gas": raw["links"]["gas"] | {"port": port, "timeout": "300ms"}}
    raw["devices"] = [raw["devices"][0] | {"poll": "100ms", "stale_after": "500ms", **more}]
    for elsewhere in ("derived", "journal", "sinks"):
        del raw[elsewhere]
    raw["limits"] = [
        limit | {"averaging": "2s"}
        for limit in raw["limits"]
        if limit["averaging"] == "1m" and limit["device"] == "analyser-1" and "points" not in more
    ]
    return raw


@asynccontextmanager
async def analyser(port: int) -> AsyncIterator[Plant]:
    """The simulated gas analyser at *port*."""
    plant = Plant(since=time.time())
    async with simulating(config(port).ways, plant):
        yield plant


class Scraper:
    """Reads /metrics as Prometheus does."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def scrape(self) -> Scraped:
        """Values by name and the labels that tell the demo plant's series apart."""
        async with self._session.get(f"{self._url}/metrics") as reply:
            assert reply.status == 200
            text = await reply.text()
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                told = [sample.labels[name] for name in TOLD if name in sample.labels]
                found[" ".join([sample.name.removeprefix("greenops_"), *told])] = sample.value
        return found

    async def until(self, holds: Callable[[Scraped], bool], patience: float = 15) -> Scraped:
        deadline = time.monotonic() + patience
        while not holds(scraped := await self.scrape()):
            assert time.monotonic() < deadline, scraped
            await asyncio.sleep(0.05)
        return scraped

    async def ready(self) -> int:
        async with self._session.get(f"{self._url}/-/ready") as reply:
            return reply.status


@asynccontextmanager
async def scraped(configured: Gateway) -> AsyncIterator[Scraper]:
    port = stack.free_port()
    async with running(configured, address(f"127.0.0.1:{port}")), aiohttp.ClientSession() as session:
        yield Scraper(f"http://127.0.0.1:{port}", session)


async def test_from_normal_to_exceedance_to_failure_and_back() -> None:
    port = stack.free_port()
    async with analyser(port) as plant, scraped(config(port)) as up:
        normal = await up.until(lambda now: now.get("emission_average_valid SO2") == 1)
        assert normal["device_up"] == 1
        assert 0.5 < normal["emission_limit_ratio SO2"] < 0.7
        assert 80 < normal["emission_average SO2"] < 100
        assert normal["emission_limit SO2"] == 150
        assert 80 < normal["point_concentration_mg_per_m3 so2"] < 100
        assert 0.055 < normal["point_share_ratio o2"] < 0.065
        assert normal["point_quality so2 none"] == 0
        assert normal["device_requests_total ok"] > 5

        plant.switch("exceedance", time.time())
        over = await up.until(lambda now: now.get("emission_limit_ratio SO2", 0) > 1)
        assert over["emission_limit_ratio NOx"] < 0.7

        plant.switch("failure", time.time())
        lost = await up.until(
            lambda now: now["device_requests_total connect"] > 0 and now["emission_average_valid SO2"] == 0
        )
        assert lost["device_up"] == 0
        for absent in ("emission_average SO2", "emission_limit_ratio SO2", "point_concentration_mg_per_m3 so2"):
            assert absent not in lost
        assert lost["emission_limit SO2"] == 150
        assert lost["emission_average_coverage_ratio SO2"] < 0.75
        assert lost["point_quality so2 communication"] == 2
        assert "point_quality so2 none" not in lost

        plant.switch("normal", time.time())
        back = await up.until(lambda now: now["device_up"] == 1 and now["emission_average_valid SO2"] == 1)
        assert back["point_quality so2 none"] == 0
        assert "point_quality so2 communication" not in back


async def test_a_wrong_cable_keeps_nobody_from_starting(caplog: pytest.LogCaptureFixture) -> None:
    port = stack.free_port()
    async with scraped(config(port)) as up:
        lost = await up.until(lambda now: now.get("device_up") == 0)
        assert await up.ready() == 200
    assert lost["point_quality so2 communication"] == 2
    assert not any(name.startswith(("point_concentration", "emission_average ")) for name in lost)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"gas: down: cannot connect to 127.0.0.1:{port}: Connection refused; trying again, at least every 3 s"
    ]


async def test_it_is_ready_when_every_device_was_tried() -> None:
    async with fault_device(silent) as faulty, scraped(config(faulty.port)) as up:
        assert await up.ready() == 503
        await up.until(lambda now: now.get("device_up") == 0)
        assert await up.ready() == 200


async def test_a_taken_port_is_an_error() -> None:
    port = stack.free_port()
    async with analyser(port):
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with running(config(port), address(f"127.0.0.1:{port}")):
                pass


async def test_a_device_that_hangs_in_the_middle_is_marked_and_comes_back() -> None:
    async with fault_device() as faulty:
        points = [{"name": "so2", "at": 30002, "type": "u16", "unit": "mg/m3"}]
        async with scraped(config(faulty.port, points=points, quality_from=None)) as up:
            await up.until(lambda now: now.get("point_concentration_mg_per_m3 so2") == 1)
            healthy, faulty.behaviour = faulty.behaviour, silent
            lost = await up.until(lambda now: now["device_up"] == 0)
            assert "point_concentration_mg_per_m3 so2" not in lost
            assert lost["device_requests_total timeout"] == 1
            faulty.behaviour = healthy
            await up.until(lambda now: now["device_up"] == 1)
        assert faulty.connections == 2


async def test_it_is_not_ready_and_reloads_nothing_before_it_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    listening, begin = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def late(*_: object) -> AsyncIterator[None]:
        listening.set()
        await begin.wait()
        yield

    monkeypatch.setattr(gateway, "pushing", late)
    port = stack.free_port()
    url = f"http://127.0.0.1:{port}"

    async def start() -> None:
        async with running(config(stack.free_port()), address(f"127.0.0.1:{port}")):
            pass

    starting = asyncio.create_task(start())
    async with aiohttp.ClientSession() as session:
        await asyncio.wait_for(listening.wait(), 5)
        assert await Scraper(url, session).ready() == 503
        async with session.post(f"{url}/-/reload") as reply:
            assert reply.status == 503
            assert "ask again" in await reply.text()
    begin.set()
    await starting


async def test_reading_a_large_file_stops_nothing_else_and_is_given_up_at_the_end() -> None:
    reading, port = threading.Event(), stack.free_port()

    def read() -> Gateway:
        reading.set()
        time.sleep(0.5)
        return config(port)

    async with running(config(port), address(f"127.0.0.1:{stack.free_port()}"), read) as reload:
        began = time.monotonic()
        for _ in range(3):
            reload()
        assert await asyncio.to_thread(reading.wait, 5)
        assert time.monotonic() - began < 0.3
    assert time.monotonic() - began < 1.2, "three reads would take longer"
    assert reload() is None
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "reload"] == []


async def test_it_looks_at_each_full_second(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[float] = []
    monkeypatch.setattr(gateway.Gate, "tick", lambda gate: ticks.append(gate.clock()))
    async with gateway.acquiring(config(stack.free_port()), Live(), lambda: time.time() + 0.25):
        await asyncio.sleep(2.1)
    assert len(ticks) >= 3
    for tick in ticks[1:]:
        assert abs(tick - round(tick)) < 0.2, ticks


async def test_what_is_configured_for_otlp_is_pushed() -> None:
    pushed = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        if b"greenops_device_up" in await request.read():
            pushed.set()
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.add_routes([web.post("/v1/metrics", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = stack.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    raw = example(stack.free_port()) | {"otlp": {"endpoint": f"http://127.0.0.1:{port}/v1/metrics", "every": "100ms"}}
    try:
        async with scraped(parse(raw, BESIDE)):
            await asyncio.wait_for(pushed.wait(), 15)
    finally:
        await runner.cleanup()
