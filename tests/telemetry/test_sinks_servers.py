"""Sinks to the real servers: what is stored there is what was sent, by name, value, source time, and where it ends.

Prometheus with and without a window for what comes late, which take everything or nothing, and VictoriaMetrics.
"""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Callable

import pytest

from greenops_core.catalogue import POINT_QUALITY
from greenops_core.sample import Reason
from greenops_telemetry.answer import Program
from greenops_telemetry.configuration import convert
from greenops_telemetry.delivery.configuration import SinkConfig, open_sink
from greenops_telemetry.delivery.sink import Sink
from greenops_telemetry.delivery.verdict import Later, Taken, TooOld, Verdict
from greenops_telemetry.journal.series import Series
from real_servers import QueryApi
from sample_batch import BAD, COUNTER, POINT, Taking, batch

PROGRAM = Program("greenops-test", "1.2.3")
WINDOW = json.dumps({"storage": {"tsdb": {"out_of_order_time_window": "24h"}}})
RECEIVES = ("--web.enable-remote-write-receiver",)
CUT = Reason.COMMUNICATION
VALUES = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, math.pi, 2**53 + 1.0, -1 / 3, math.inf]

Start = Callable[..., QueryApi]


def opened(**config: object) -> Sink:
    made: SinkConfig = convert(config, SinkConfig)  # type: ignore[arg-type]  # a union, which convert takes
    return open_sink("test", made, PROGRAM, time.time() - 60)


def remote_write(server: QueryApi, version: str = "1.0", path: str = "/api/v1/write", **more: object) -> Sink:
    return opened(kind="remote_write", url=f"{server.url}{path}", version=version, **more)


def otlp(server: QueryApi) -> Sink:
    return opened(kind="otlp", url=f"{server.url}/opentelemetry/v1/metrics")


def stored(server: QueryApi, series: Series, at: float, **labels: str) -> list[tuple[float, float]]:
    """Unix seconds and value of each sample in the hour up to *at*."""
    wanted = {**dict(series.labels), **labels}
    select = ", ".join(f"{name}={json.dumps(value)}" for name, value in wanted.items())
    found = server.api("query", query=f"{series.name}{{{select}}}[1h]", time=f"{at}")["result"]
    return [(moment, float(value)) for some in found for moment, value in some["values"]]


def same(found: list[tuple[float, float]], expected: list[tuple[float, float]]) -> bool:
    """Whether times agree to the millisecond and values bit for bit."""
    return [(round(at * 1000), struct.pack("<d", value)) for at, value in found] == [
        (round(at * 1000), struct.pack("<d", value)) for at, value in expected
    ]


def shown(server: QueryApi, series: Series, at: float) -> list[float]:
    """What an instant query at *at* says of *series*."""
    return [value for _, value in server.query(f'{series.name}{{point="{dict(series.labels)["point"]}"}}', at)]


@pytest.mark.parametrize("version", ["1.0", "auto"])
def test_prometheus_stores_each_value_bit_for_bit_at_its_source_time(version: str, prometheus: Start) -> None:
    server, start = prometheus(flags=RECEIVES), math.floor(time.time()) - 60 + 0.2346
    rows = [Taking(0, value, start + number) for number, value in enumerate(VALUES)]
    counts = [Taking(2, 10.0 * number, start + number) for number in range(5)]
    assert remote_write(server, version).send(batch(*rows, *counts)) == Taken()
    assert same(stored(server, POINT, start + 60), [(row.at, row.value) for row in rows])
    assert same(stored(server, COUNTER, start + 60), [(row.at, row.value) for row in counts])
    (labels,) = server.api("series", **{"match[]": POINT.name})
    assert labels == {"__name__": POINT.name, **dict(POINT.labels)}


@pytest.mark.parametrize("kind", [remote_write, otlp])
def test_victoria_metrics_stores_each_value_at_its_source_time(
    kind: Callable[[QueryApi], Sink], victoria_metrics: Start
) -> None:
    server, start = victoria_metrics(), math.floor(time.time()) - 60 + 0.234
    rows = [Taking(0, value, start + number) for number, value in enumerate([0.1, -7.5, 1e-9, 123456.789])]
    counts = [Taking(2, 10.0 * number, start + number) for number in range(5)]
    assert kind(server).send(batch(*rows, *counts)) == Taken()
    assert same(stored(server, POINT, start + 60), [(row.at, row.value) for row in rows])
    assert same(stored(server, COUNTER, start + 60), [(row.at, row.value) for row in counts])


@pytest.mark.parametrize("kind", [remote_write, otlp])
def test_a_bad_sample_ends_the_series_and_says_why(kind: Callable[[QueryApi], Sink], victoria_metrics: Start) -> None:
    ends(victoria_metrics(), kind)


def test_a_bad_sample_ends_the_series_in_prometheus_and_says_why(prometheus: Start) -> None:
    ends(prometheus(flags=RECEIVES), remote_write)


def ends(server: QueryApi, kind: Callable[[QueryApi], Sink]) -> None:
    start = math.floor(time.time()) - 60
    rows = [Taking(0, 7.0, start), Taking(0, 7.0, start + 10, BAD, CUT), Taking(0, 8.0, start + 20)]
    assert kind(server).send(batch(*rows)) == Taken()
    assert [shown(server, POINT, start + second) for second in (5, 15, 25)] == [[7.0], [], [8.0]]
    qualities = [
        {labels["reason"]: value for labels, value in server.query(POINT_QUALITY.name, start + second)}
        for second in (5, 15, 25)
    ]
    assert qualities == [{"none": 0}, {"communication": 2}, {"none": 0}]


def test_what_prometheus_takes_no_more_is_too_old(prometheus: Start) -> None:
    """Without a window for what comes late: nothing before the newest of a series, nor far behind all of them."""
    server, now = prometheus(flags=RECEIVES), math.floor(time.time())
    sink = remote_write(server)
    assert sink.send(batch(Taking(0, 1.0, now - 60))) == Taken()
    verdict: Verdict
    for row, words in (
        (Taking(0, 2.0, now - 120), "400 Bad Request: out of order sample"),
        (Taking(0, 2.0, now - 7200), "400 Bad Request: out of bounds"),
        (Taking(0, 2.0, now - 60), "400 Bad Request: duplicate sample for timestamp"),
    ):
        for rows in ([row], [row, Taking(1, 1.0, now - 30)]):
            verdict = sink.send(batch(*rows))
            assert isinstance(verdict, TooOld)
            assert verdict.why.startswith(words)
    assert stored(server, Series(POINT.name, "", "", False, (("point", "t2"),)), now) == []
    assert sink.send(batch(Taking(0, 1.0, now - 60))) == Taken()
    assert same(stored(server, POINT, now), [(now - 60, 1.0)])


def test_prometheus_with_a_window_takes_what_is_late_and_once(prometheus: Start) -> None:
    server, now = prometheus(config=WINDOW, flags=RECEIVES), math.floor(time.time())
    sink = remote_write(server)
    assert sink.send(batch(Taking(0, 1.0, now - 5))) == Taken()
    late = [Taking(0, float(number), now - 7200 + number) for number in range(50)]
    for half in (late[25:], late[:25], late):
        assert sink.send(batch(*half)) == Taken()
    assert same(stored(server, POINT, now - 7000), [(row.at, row.value) for row in late])
    verdict = sink.send(batch(Taking(0, 1.0, now - 90000), Taking(0, 1.0, now)))
    assert isinstance(verdict, TooOld)
    assert "too old sample" in verdict.why


def test_version_2_counts_only_where_it_is_stored(prometheus: Start, victoria_metrics: Start) -> None:
    """VictoriaMetrics, and Prometheus before 3.0, answer 204 to it and store nothing."""
    for server in (prometheus(flags=RECEIVES), victoria_metrics()):
        now = math.floor(time.time()) - 10
        verdict = remote_write(server, "2.0").send(batch(Taking(0, 1.0, now)))
        if stored(server, POINT, now + 5):
            assert verdict == Taken()
        else:
            assert isinstance(verdict, Later)
            assert "no word of how many samples were written" in verdict.why
        assert remote_write(server, "auto").send(batch(Taking(0, 1.0, now))) == Taken()
        assert same(stored(server, POINT, now + 5), [(now, 1.0)])


def test_a_receiver_that_is_not_switched_on_is_told_and_loses_nothing(prometheus: Start) -> None:
    server = prometheus()
    for version in ("1.0", "auto"):
        verdict = remote_write(server, version).send(batch(Taking(0, 1.0, time.time())))
        assert isinstance(verdict, Later)
        assert verdict.why.startswith(
            "404 Not Found: remote write receiver needs to be enabled with --web.enable-remote"
        )
    verdict = remote_write(server, path="/elsewhere").send(batch(Taking(0, 1.0, time.time())))
    assert isinstance(verdict, Later)
    assert "look at the path in url, and whether the receiver is switched on there" in verdict.why
