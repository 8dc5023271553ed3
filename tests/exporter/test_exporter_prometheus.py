"""Grams of a span as a real Prometheus tells them, against counters whose truth is known to the last digit."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from greenops_core.budget import Period, hours, month
from greenops_exporter.account import HELD, HELD_RUNNING, Account
from greenops_exporter.prometheus import PrometheusError, connected
from real_servers import prometheus
from stack import free_port, server

BEGIN = datetime(2026, 1, 31, 17, tzinfo=UTC).timestamp()
END = datetime(2026, 2, 1, 5, tzinfo=UTC).timestamp()
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Host:
    """A counter as it was scraped: *rates* are grams per second from a time on, at *restarts* it begins again at 0."""

    name: str
    department: str
    every: float
    first: float = BEGIN
    rates: Sequence[tuple[float, float]] = ((BEGIN, 0.02),)
    restarts: Sequence[float] = ()
    gap: Period = field(default=Period(0, 0))
    jobs: Sequence[str] = ("agent",)

    def emitted(self, at: float) -> float:
        """Grams since the counter was born, over all restarts: the truth."""
        bounds = [*(start for start, _ in self.rates), END]
        return sum(
            rate * max(min(at, end) - start, 0)
            for (start, rate), (_, end) in zip(self.rates, pairwise(bounds), strict=True)
        )

    def scrapes(self) -> list[float]:
        """When it was scraped."""
        count = int((END - self.first) / self.every) + 1
        times = [round(self.first + index * self.every, 3) for index in range(count)]
        return [at for at in times if not self.gap.start <= at < self.gap.end]

    def value(self, at: float) -> float:
        """What a scrape at *at* saw."""
        born = max((restart for restart in self.restarts if restart <= at), default=BEGIN)
        return self.emitted(at) - self.emitted(born)


@cache
def seen(host: Host) -> Sequence[tuple[float, float]]:
    """Its scrapes: when, and what."""
    return [(at, host.value(at)) for at in host.scrapes()]


def growth(host: Host, span: Period) -> float:
    """What can be known: from the last scrape before *span* to the last in it, over restarts."""
    before = [value for at, value in seen(host) if at <= span.start]
    inside = [value for at, value in seen(host) if span.start < at <= span.end]
    values = [*before[-1:], *inside]
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(values))


def at(hour: float) -> float:
    return BEGIN + hour * HOUR


BURSTS = tuple((at(index / 6), 0.9 if index % 2 else 0.001) for index in range(12 * 6))
HOSTS = (
    Host("steady", "steady", 15),
    Host("bursts-a-minute", "bursts", 60, first=BEGIN + 7.123, rates=BURSTS),
    Host("bursts-5s", "bursts", 5, first=BEGIN + 1.5, rates=BURSTS),
    Host("restarted", "restarts", 15, first=BEGIN + 4, restarts=(at(2.4), at(2.41), at(7.0))),
    Host("unheard", "gap", 15, gap=Period(at(5.5), at(8.2))),
    Host("newcomer", "newcomer", 30, first=at(3.6), rates=((at(3.5), 0.1),)),
    Host("twice", "twice", 15, jobs=("agent", "agent-copy")),
    Host("asleep", "asleep", 15, rates=((BEGIN, 0.0),)),
)
DEPARTMENTS = sorted({host.department for host in HOSTS})


def openmetrics(hosts: Sequence[Host]) -> str:
    lines = ["# TYPE greenops_host_emissions_grams counter"]
    for host in hosts:
        for job in host.jobs:
            labels = f'host="{host.name}",department="{host.department}",zone="DE",job="{job}"'
            lines += [f"greenops_host_emissions_grams_total{{{labels}}} {value!r} {at}" for at, value in seen(host)]
    broken = 'host="broken",department="steady",zone="DE",job="agent"'
    lines += [f"greenops_host_emissions_grams_total{{{broken}}} NaN {at(index / 60)}" for index in range(12 * 60)]
    return "\n".join([*lines, "# EOF", ""])


def counted(department: str, span: Period) -> float:
    """What can be known of a department in *span*."""
    return sum(growth(host, span) for host in HOSTS if host.department == department)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus that holds what HOSTS say."""
    folder = tmp_path_factory.mktemp("past")
    (folder / "truth.om").write_text(openmetrics(HOSTS), encoding="utf-8")
    subprocess.run(
        [server("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "truth.om", folder / "data"],
        check=True,
        capture_output=True,
    )
    with prometheus(folder, flags=["--storage.tsdb.retention.time=100y"]) as running:
        yield running.url


async def ask(url: str, span: Period, held: float = HELD) -> Mapping[str, float]:
    async with connected(url) as client:
        return await client.emissions(span, held)


@pytest.fixture(scope="module")
def told(past: str) -> Mapping[Period, Mapping[str, float]]:
    """What Prometheus says of every hour but the first."""

    async def asked() -> Mapping[Period, Mapping[str, float]]:
        async with connected(past) as client:
            return {piece: await client.emissions(piece, HELD) for piece in hours(Period(at(1), at(12)))}

    return asyncio.run(asked())


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_hours_add_up_to_the_growth_of_the_counter(told: Mapping[Period, Mapping[str, float]], department: str) -> None:
    """Nothing is extrapolated, lost between two hours or counted twice: 1 in a million, at every scrape interval."""
    # Only what a newcomer emitted before it was first seen is estimated, by increase(): half a step of the grid.
    estimated = 0.1 * 7.51 if department == "newcomer" else 0.0
    for piece, grams in told.items():
        assert grams.get(department, 0.0) == pytest.approx(counted(department, piece), rel=1e-6, abs=estimated), piece
    whole = sum(grams.get(department, 0.0) for grams in told.values())
    assert whole == pytest.approx(counted(department, Period(at(1), at(12))), rel=1e-6, abs=estimated)


@pytest.mark.parametrize(
    ("department", "tolerance"),
    [
        pytest.param("steady", 0.02 * 15, id="one scrape interval of the rate"),
        pytest.param("bursts", 0.9 * 65, id="one scrape interval of two hosts in a burst"),
        pytest.param("restarts", 0.02 * 15 * 4, id="one scrape interval, and one more for each restart"),
        pytest.param("gap", 0.02 * 15, id="one scrape interval, for the gap of 2.7 h lies inside"),
        pytest.param("twice", 0.02 * 15, id="one scrape interval, for two jobs see the same host"),
        pytest.param("asleep", 0.0, id="nothing emitted is zero"),
    ],
)
def test_the_sum_is_the_truth_to_one_scrape_interval(
    told: Mapping[Period, Mapping[str, float]], department: str, tolerance: float
) -> None:
    span = Period(at(1), at(12))
    found = sum(grams[department] for grams in told.values())
    truth = sum(host.emitted(span.end) - host.emitted(span.start) for host in HOSTS if host.department == department)
    assert abs(found - truth) <= tolerance * 1.001


async def test_what_a_gap_hid_counts_in_the_hour_in_which_the_host_is_heard_again(past: str) -> None:
    inside, after = await ask(past, Period(at(6), at(7))), await ask(past, Period(at(8), at(9)))
    assert inside["gap"] == 0
    assert after["gap"] == pytest.approx(0.02 * 3.5 * HOUR, abs=0.02 * 16)


async def test_what_a_gap_hid_is_missing_from_the_running_hour_until_it_closes(past: str) -> None:
    running = await ask(past, Period(at(8), at(8.5)), HELD_RUNNING)
    assert running["gap"] == pytest.approx(0.02 * 0.3 * HOUR, abs=0.02 * 15)


async def test_a_department_that_nobody_reported_for_is_absent(past: str) -> None:
    assert "newcomer" not in await ask(past, Period(at(2), at(3)))
    assert await ask(past, Period(at(-30), at(-29))) == {}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
async def test_the_account_of_a_month_is_the_growth_since_it_began(past: str, zone: str, tmp_path: Path) -> None:
    moment = at(12) - 100
    period = month(datetime.fromtimestamp(moment, ZoneInfo(zone)))
    async with connected(past) as client:
        account = Account(tmp_path / "ledger.db", client.emissions)
        first = await account.read(ZoneInfo(zone), moment)
        again = await Account(tmp_path / "ledger.db", client.emissions).read(ZoneInfo(zone), moment)
    assert first == again
    assert first is not None
    assert first.period == period
    known = Period(max(period.start, BEGIN), first.until)
    for department in set(DEPARTMENTS) - {"newcomer"}:
        assert first.grams[department] == pytest.approx(counted(department, known), rel=1e-6), department


ANSWERS = {
    "not JSON": (200, "<html>hello</html>", "HTTP 200: no Prometheus; is the URL right?"),
    "another API": (404, '{"detail": "not found"}', "HTTP 404: no Prometheus; is the URL right?"),
    "an error": (
        422,
        '{"status":"error","errorType":"execution","error":"too many samples"}',
        "HTTP 422: too many samples",
    ),
    "not ready": (503, "Service Unavailable", "HTTP 503: it is not ready"),
    "a scalar": (
        200,
        '{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}',
        "HTTP 200: no Prometheus; is the URL right?",
    ),
}


@pytest.mark.parametrize(("status", "body", "message"), ANSWERS.values(), ids=ANSWERS)
async def test_a_useless_answer_is_a_named_error(status: int, body: str, message: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.add_routes([web.post("/prefix/api/v1/query", answer)])
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        with pytest.raises(PrometheusError) as caught:
            await ask(f"http://user:secret@127.0.0.1:{port}/prefix/", Period(0, HOUR))
    finally:
        await runner.cleanup()
    assert str(caught.value) == f"Prometheus http://127.0.0.1:{port}/prefix/: {message}"


async def test_nobody_there_is_a_named_error() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(PrometheusError, match="Cannot connect to host"):
        await ask(url, Period(0, HOUR))


async def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with connected(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2) as client:
            with pytest.raises(PrometheusError, match=r"no answer within 0\.2 s"):
                await client.clock()
