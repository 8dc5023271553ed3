"""What is published of consumption when Prometheus, its clock or the ledger fails, and how often that is said."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from greenops_exporter.account import Account
from greenops_exporter.configuration import Configuration, File, meant
from greenops_exporter.prometheus import connected
from greenops_exporter.run import Source
from stack import free_port

NOW = datetime(2026, 2, 1, 0, 4, tzinfo=UTC).timestamp()
CONFIGURATION = meant(File())


class Fleet:
    """A Prometheus of one department that emits a gram a second, with a clock of its own."""

    def __init__(self) -> None:
        self.clock = NOW
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form["query"] == "vector(time())":
            result: list[object] = [{"metric": {}, "value": [0, str(self.clock)]}]
        else:
            seconds = int(str(form["query"]).rpartition("[")[2].partition("ms")[0]) // 1000
            result = [{"metric": {"department": "research"}, "value": [0, str(seconds)]}]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return web.json_response(body, status=self.status) if self.status == 200 else web.Response(status=self.status)


@asynccontextmanager
async def source(fleet: Fleet, folder: Path) -> AsyncIterator[Source]:
    app, port = web.Application(), free_port()
    app.add_routes([web.post("/api/v1/query", fleet.answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with connected(f"http://127.0.0.1:{port}") as client:
            yield Source(client, Account(folder / "ledger.db", client.emissions))
    finally:
        await runner.cleanup()


async def grams(given: Source, now: float, configuration: Configuration = CONFIGURATION) -> float | None:
    found = await given.consumption(configuration, now)
    return found.grams["research"] if found else None


@pytest.mark.parametrize(
    ("clock", "counted"),
    [
        pytest.param(NOW + 59, 240, id="a minute ahead"),
        pytest.param(NOW - 59, 240, id="a minute behind"),
        pytest.param(NOW + 61, None, id="further ahead"),
        pytest.param(NOW - 3600, None, id="further behind"),
    ],
)
async def test_nothing_is_counted_while_the_clocks_differ(
    tmp_path: Path, clock: float, counted: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Hours that have not happened yet would stand in the ledger as empty."""
    fleet = Fleet()
    fleet.clock = clock
    async with source(fleet, tmp_path) as given:
        assert await grams(given, NOW) == counted
    assert ("its clock and this one differ by more than 60 s; set them right" in caplog.text) == (counted is None)


async def test_the_last_value_stays_and_each_change_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Fleet()
    async with source(fleet, tmp_path) as given:
        with caplog.at_level(logging.INFO):
            assert await grams(given, NOW) == 240
            fleet.status = 503
            assert [await grams(given, NOW + later) for later in (15, 30, 45)] == [240, 240, 240]
            fleet.status = 200
            assert [await grams(given, NOW + later) for later in (15, 30)] == [255, 270]
    trouble, over = caplog.records
    assert trouble.levelno == logging.WARNING
    assert trouble.message.startswith("consumption cannot be read, the last known stays: Prometheus http://127.0.0.1:")
    assert trouble.message.endswith(": HTTP 503: it is not ready")
    assert (over.levelno, over.message) == (logging.INFO, f"over: {trouble.message}")


async def test_a_damaged_ledger_is_filled_again_in_the_next_round(tmp_path: Path) -> None:
    fleet = Fleet()
    async with source(fleet, tmp_path) as given:
        later = fleet.clock = NOW + 3 * 3600
        assert await grams(given, later) == 3 * 3600 + 240
        (tmp_path / "ledger.db").write_bytes(b"garbage, " * 1000)  # nothing else runs in this loop
        assert [await grams(given, later + 15), await grams(given, later + 30)] == [3 * 3600 + 240, 3 * 3600 + 270]
    assert len(list(tmp_path.glob("ledger.db.bad-*"))) >= 1  # noqa: ASYNC240  # same


async def test_after_a_start_into_an_outage_the_ledger_speaks(tmp_path: Path) -> None:
    fleet = Fleet()
    later = fleet.clock = NOW + 3 * 3600
    async with source(fleet, tmp_path) as given:
        await grams(given, later)
    fleet.status = 500
    async with source(fleet, tmp_path) as given:
        found = await given.consumption(CONFIGURATION, later)
    assert found is not None
    assert (found.grams, found.until) == ({"research": 2 * 3600.0}, NOW - 240 + 2 * 3600)
