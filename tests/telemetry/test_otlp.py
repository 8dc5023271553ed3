"""OTLP to a real VictoriaMetrics: the series that /metrics gives a real Prometheus; failures are counted and told."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import pytest
from opentelemetry.sdk.metrics import export as otel

from greenops_core.address import address
from greenops_core.catalogue import CATALOGUE, HOST_POWER, OTLP_EXPORTS, POINT_TEMPERATURE
from greenops_core.errors import ConfigError
from greenops_core.sample import Kind, Quality, Reason
from greenops_telemetry.answer import Program
from greenops_telemetry.configuration import convert
from greenops_telemetry.live import Live, Snapshot
from greenops_telemetry.otlp import Otlp, Sender, in_thread, pushing
from greenops_telemetry.otlp_export import metrics_data
from greenops_telemetry.server import serve
from real_servers import QueryApi, eventually
from stack import free_port

PROGRAM = Program("greenops-test", "1.2.3")
RECEIVER_ADDS = {"service_name", "service_version", "service_instance_id", "job", "instance"}
AWKWARD = 'back\\slash "quoted"\nnew line, ünïcode, {brace}=,'


def settings(receiver: str, **more: object) -> Otlp:
    path = "/opentelemetry/v1/metrics"
    return convert({"endpoint": f"{receiver}{path}", "every": "100ms", "timeout": "1s", **more}, Otlp)


def everything() -> Live:
    """Each metric of the catalogue with two series, one of them awkward."""
    live, now = Live(), time.time()
    for number, metric in enumerate(CATALOGUE):
        for label in ("plain", AWKWARD):
            live.put(metric.sample(number + 0.5, now, **dict.fromkeys(metric.labels, label)))
    return live


def ours(series: set[tuple[str, frozenset[tuple[str, str]]]]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Without the labels that the way adds."""
    return {
        (name, frozenset(pair for pair in labels if pair[0] not in RECEIVER_ADDS))
        for name, labels in series
        if "program" not in dict(labels)  # a program's account of itself goes on while it is looked at
    }


def count(live: Live, result: str) -> float:
    for metric, family in live.snapshot(time.time()):
        if metric is OTLP_EXPORTS:
            return next(series.value for series in family if series.labels[1] == result)
    return 0


async def test_otlp_and_metrics_page_give_the_same_series(
    prometheus: Callable[..., QueryApi], victoria_metrics: Callable[..., QueryApi]
) -> None:
    live, port = everything(), free_port()
    receiver = await asyncio.to_thread(victoria_metrics)
    async with (
        serve(live, lambda: PROGRAM, address(f"127.0.0.1:{port}"), "PORT"),
        pushing(settings(receiver.url), live, PROGRAM),
    ):
        scraper = await asyncio.to_thread(prometheus, targets={"all": f"127.0.0.1:{port}"})

        def both() -> bool:
            return bool(scraper.query("greenops_build_info") and receiver.query("greenops_build_info"))

        await asyncio.to_thread(eventually, both)
        pulled = await asyncio.to_thread(scraper.series, '{__name__=~"greenops_.+"}')
        pushed = await asyncio.to_thread(receiver.series, '{__name__=~"greenops_.+"}')
    expected = sum(2 if metric.labels else 1 for metric in CATALOGUE if "program" not in metric.labels)
    assert len(ours(pulled)) == expected
    assert ours(pushed) == ours(pulled)


def test_more_series_than_the_sdk_keeps_apart_all_arrive(victoria_metrics: Callable[..., QueryApi]) -> None:
    live, receiver = Live(), victoria_metrics()
    for number in range(3000):
        labels = {"site": "s", "stack": "1", "device": "d", "point": f"p{number}"}
        live.put(POINT_TEMPERATURE.sample(number, time.time(), **labels))
    with in_thread(settings(receiver.url), PROGRAM) as push:
        push(live, time.time())
        assert eventually(lambda: receiver.query(f"count({POINT_TEMPERATURE.name})"))[0][1] == 3000
    assert receiver.query(f"sum({POINT_TEMPERATURE.name})")[0][1] == sum(range(3000))


def test_a_receiver_that_is_down_is_counted_told_once_and_found_again(
    victoria_metrics: Callable[..., QueryApi], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    live, port = Live(), free_port()
    with in_thread(settings(f"http://127.0.0.1:{port}", timeout="200ms"), PROGRAM) as push:

        def pushed(result: str, times: int) -> bool:
            push(live, time.time())
            return count(live, result) >= times

        push(live, time.time())
        assert (count(live, "success"), count(live, "failure")) == (0, 0)
        eventually(lambda: pushed("failure", 3))
        assert count(live, "success") == 0
        receiver = victoria_metrics(port=port)
        eventually(lambda: pushed("success", 2))
    assert eventually(lambda: receiver.query(OTLP_EXPORTS.name))
    endpoint = f"http://127.0.0.1:{port}/opentelemetry/v1/metrics"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO] == [
        f"otlp: push to {endpoint} fails: Connection refused",
        f"otlp: push to {endpoint} works again",
    ]


@contextmanager
def answering(code: int, body: bytes = b"", wait: float = 0.0) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers every POST with *code*; its URL, and the heads it got."""
    heads: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            heads.append({key.lower(): value for key, value in self.headers.items()})
            time.sleep(wait)
            self.send_response(code)
            self.send_header("content-length", str(len(body)))
            self.send_header("location", "http://elsewhere/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", heads
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "body", "told"),
    [
        pytest.param(400, b"no such\npath", "400 Bad Request: no such path", id="refused, in the receiver's words"),
        pytest.param(401, b"", "401 Unauthorized", id="refused without a word"),
        pytest.param(
            301, b"", "301 Moved Permanently; it moved to http://elsewhere/", id="moved: the SDK calls it success"
        ),
        pytest.param(503, b"busy", "503 Service Unavailable: busy", id="overloaded"),
    ],
)
def test_an_answer_that_is_no_success_is_told(
    code: int, body: bytes, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    live = Live()
    with answering(code, body) as (url, _), in_thread(settings(url, timeout="300ms"), PROGRAM) as push:

        def failed() -> bool:
            push(live, time.time())
            return count(live, "failure") >= 2

        eventually(failed)
    endpoint = f"{url}/opentelemetry/v1/metrics"
    assert [record.getMessage() for record in caplog.records] == [f"otlp: push to {endpoint} fails: {told}"]


def test_a_push_is_compressed_and_carries_its_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "Bearer s3cret")
    with (
        answering(200) as (url, heads),
        in_thread(settings(url, headers={"authorization": "env:TOKEN"}), PROGRAM) as push,
    ):
        push(Live(), time.time())
        eventually(lambda: heads)
    assert heads[0]["content-encoding"] == "gzip"
    assert heads[0]["authorization"] == "Bearer s3cret"


def test_a_slow_receiver_delays_neither_the_loop_nor_the_end() -> None:
    live = Live()
    with answering(200, wait=3.0) as (url, heads):
        with in_thread(settings(url, timeout="10s"), PROGRAM) as push:
            began = time.monotonic()
            for _ in range(100):
                push(live, time.time())
            assert time.monotonic() - began < 0.5
            eventually(lambda: heads)
            ending = time.monotonic()
        assert time.monotonic() - ending < 2.0
    assert len(heads) == 1


def test_while_a_push_is_on_its_way_no_other_is_taken() -> None:
    gate, taken, live = Event(), list[float](), Live()

    def export(_: Snapshot, at: float) -> str:
        taken.append(at)
        gate.wait(10)
        return ""

    sender = Sender("http://receiver", 0.0, "greenops-test", export)
    sender.thread.start()
    for at in (1.0, 2.0, 3.0):
        sender.push(live, at)
    gate.set()
    eventually(lambda: (sender.push(live, 4.0), len(taken) > 1)[1])
    sender.end()
    assert taken[:2] == [1.0, 4.0]


def test_nothing_happens_without_configuration() -> None:
    live = Live()
    with in_thread(None, PROGRAM) as push:
        assert push(live, 0.0) == float("inf")
    assert live.snapshot(0.0) == ()


def snapshot_with_age() -> tuple[otel.Metric, ...]:
    live = Live()
    power = {"host": "h", "department": "d", "zone": "DE", "method": "rapl", "scope": "package"}
    live.put(HOST_POWER.sample(5, at=1000.25, **power), expires=2000)
    live.put(HOST_POWER.sample(6, at=1000.25, **{**power, "host": "i"}))
    live.put(HOST_POWER.sample(7, at=1000.25, **{**power, "host": "j"}).marked(Quality.BAD, Reason.STALE))
    live.put(HOST_POWER.sample(8, at=1000.25, **{**power, "host": "k"}), expires=1100)
    data = metrics_data(live.snapshot(1200.5), started=900, at=1200.5, resource={"service.name": "x"})
    return tuple(data.resource_metrics[0].scope_metrics[0].metrics)


def test_what_ages_has_its_own_time_what_holds_the_present_and_bad_or_old_is_absent() -> None:
    (power,) = snapshot_with_age()
    assert (power.name, power.unit) == ("greenops_host_power_watts", "W")
    assert isinstance(power.data, otel.Gauge)
    assert [(dict(point.attributes or {})["host"], point.time_unix_nano) for point in power.data.data_points] == [
        ("h", 1_000_250_000_000),
        ("i", 1_200_500_000_000),
    ]


@pytest.mark.parametrize("metric", [metric for metric in CATALOGUE if metric.kind is Kind.COUNTER], ids=str)
def test_every_counter_is_a_cumulative_monotonic_sum_since_the_start(metric: otel.Metric) -> None:
    live = Live()
    live.put(metric.sample(3, at=50.0, **dict.fromkeys(metric.labels, "x")))  # type: ignore[attr-defined]
    data = metrics_data(live.snapshot(60.0), started=40.0, at=60.0, resource={})
    (found,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert isinstance(found.data, otel.Sum)
    assert found.data.is_monotonic
    assert found.data.aggregation_temporality is otel.AggregationTemporality.CUMULATIVE
    assert [point.start_time_unix_nano for point in found.data.data_points] == [40_000_000_000]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "the key 'endpoint' is missing"),
        (
            {"endpoint": "http://collector:4318"},
            "endpoint needs the path too, like http://collector:4318/v1/metrics; found 'http://collector:4318'",
        ),
        (
            {"endpoint": "http://u:pass@collector/v1/metrics"},
            "endpoint must not hold a user or a password; put them into headers, as a secret",
        ),
        (
            {"endpoint": "collector:4318"},
            "endpoint: 'collector:4318' is not an address; write for example http://127.0.0.1:9090",
        ),
        (
            {"endpoint": "http://c/v1", "headers": {"authorization": "Bearer x"}},
            "headers.authorization: a secret is given by reference: env:NAME or file:PATH",
        ),
    ],
)
def test_wrong_settings_are_explained(raw: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        convert(raw, Otlp)
    assert str(error.value) == message


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "greenops_telemetry.otlp_export")
    monkeypatch.delattr("greenops_telemetry.otlp_export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.metrics", None)
    with (
        pytest.raises(ConfigError, match=r"pip install '\.\[otlp\]'"),
        in_thread(settings("http://127.0.0.1:1"), PROGRAM),
    ):
        pass


def test_opentelemetry_is_not_imported_before_a_push_is_configured() -> None:
    code = "import sys, greenops_telemetry.otlp; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"opentelemetry", "requests", "aiohttp"}.isdisjoint(loaded)
