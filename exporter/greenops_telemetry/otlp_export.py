"""OTLP as OpenTelemetry's own packages write and send it. Imported only when a push is configured.

The data is built by hand, not measured by the SDK's instruments: those give every value the time of collection, and
merge the attribute sets of an instrument beyond 2000 into one.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import export as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from greenops_core.sample import Kind, Metric
from greenops_telemetry.answer import Program
from greenops_telemetry.live import Series, Snapshot

NANOSECONDS = 1_000_000_000


def metrics_data(
    snapshot: Snapshot, started: float, at: float, resource: Mapping[str, str], version: str = ""
) -> otel.MetricsData:
    """*snapshot*, taken at *at* by a process that began at *started* (Unix seconds), as OpenTelemetry's data model.

    A series that ends by age carries the time it was measured. One that holds until it is replaced is as true at *at*
    as when it was put, and says so: a receiver forgets a series whose time stands still for five minutes.
    """
    scope = otel.ScopeMetrics(
        InstrumentationScope("greenops", version), [_metric(*family, started, at) for family in snapshot], ""
    )
    return otel.MetricsData([otel.ResourceMetrics(Resource(resource), [scope], "")])


def _metric(metric: Metric, family: tuple[Series, ...], started: float, at: float) -> otel.Metric:
    points = [_point(metric, series, started, at) for series in family]
    data: otel.Sum | otel.Gauge = (
        otel.Sum(points, otel.AggregationTemporality.CUMULATIVE, is_monotonic=True)
        if metric.kind is Kind.COUNTER
        else otel.Gauge(points)
    )
    return otel.Metric(metric.otlp_name, metric.help, metric.unit.otlp, data)


def _point(metric: Metric, series: Series, started: float, at: float) -> otel.NumberDataPoint:
    moment = at if series.at is None else series.at
    return otel.NumberDataPoint(
        dict(zip(metric.labels, map(_utf8, series.labels), strict=True)),
        round(min(started, moment) * NANOSECONDS),
        round(moment * NANOSECONDS),
        float(series.value),
    )


def _utf8(label: str) -> str:
    """*label* without what UTF-8 cannot say, as in the text for Prometheus."""
    return label if label.isascii() else label.encode(errors="replace").decode()


@contextmanager
def opened(
    endpoint: str, headers: Mapping[str, str], timeout: float, program: Program, started: float
) -> Iterator[Callable[[Snapshot, float], str]]:
    """What sends a snapshot taken at a Unix time to *endpoint*, and gives the reason when it did not arrive."""
    # Its loggers speak at each try; the owner tells once per change of state, with the reason given here.
    logging.getLogger("opentelemetry.exporter.otlp.proto.http").setLevel(logging.CRITICAL + 1)
    resource = {
        "service.name": program.name,
        "service.version": program.version,
        "service.instance.id": socket.gethostname(),
    }
    session = _Session()
    exporter = OTLPMetricExporter(
        endpoint=endpoint,
        headers=headers,
        timeout=timeout,
        compression=Compression.Gzip,
        session=session,
    )

    def export(snapshot: Snapshot, at: float) -> str:
        session.outcome = "the data cannot be encoded"
        result = exporter.export(metrics_data(snapshot, started, at, resource, program.version))
        return "" if result is otel.MetricExportResult.SUCCESS else session.outcome

    try:
        yield export
    finally:
        exporter.shutdown()


class _Session(requests.Session):
    """Remembers in words how the last request went; the exporter's result does not say."""

    outcome = ""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401  # passed on
        try:
            response = super().send(request, **kwargs)
        except requests.RequestException as error:
            self.outcome = _cause(error)
            raise
        said = " ".join(response.text.split())[:200]
        self.outcome = f"{response.status_code} {response.reason}" + (f": {said}" if said else "")
        if response.is_redirect:
            # The exporter takes every answer below 400 for a success.
            self.outcome += f"; it moved to {response.headers['location']}"
            raise requests.exceptions.InvalidURL(self.outcome, request=request, response=response)
        return response


def _cause(error: BaseException) -> str:
    """The operating system's words at the bottom of *error*, if there are any."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__context__
    return str(error)
