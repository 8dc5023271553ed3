"""OTLP over HTTP: samples of the journal as an ExportMetricsServiceRequest, and what the receiver answers. Pure.

Written by hand: the classes of opentelemetry-proto take many times as long, and it is a dozen fields. Field numbers are
those of opentelemetry/proto/metrics/v1/metrics.proto; names and units are those of /metrics and of the live push.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable, Hashable, Iterable, Mapping

from greenops_telemetry.delivery.protobuf import FIXED64, double, fields, fixed64, nested, number, tag, text
from greenops_telemetry.delivery.sink import Batch
from greenops_telemetry.delivery.status import LONGEST, Post, Reply, interpreted
from greenops_telemetry.delivery.told import Points, Told
from greenops_telemetry.delivery.verdict import Later, Refused, Taken, Verdict

HEADERS: Mapping[str, str] = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}

# A double that says when in this century is good for microseconds. What is behind them is noise, of which a receiver
# that cuts to milliseconds may make one millisecond less.
_MICROSECONDS, _NANOSECONDS = 1_000_000, 1_000
_SCOPE = "greenops"
_CUMULATIVE = number(2, 2) + number(3, 1)  # of a Sum: AGGREGATION_TEMPORALITY_CUMULATIVE, is_monotonic
_NO_RECORDED_VALUE = number(8, 1)
_START, _TIME, _VALUE = tag(2, FIXED64), tag(3, FIXED64), tag(4, FIXED64)
_FASTEST = 1  # of gzip; the last percents cost more than the link they save

_Metric = tuple[str, str, bool]


class Encoder:
    """Makes requests of a program that began at *started* (Unix seconds) and is known by *resource* and *version*."""

    def __init__(self, resource: Mapping[str, str], version: str, started: float) -> None:
        self._resource = nested(1, *(_attribute(1, *pair) for pair in resource.items()))
        self._scope = nested(1, text(1, _SCOPE), text(2, version))
        self._started = started
        self._attributes: dict[Hashable, bytes] = {}

    def request(self, points: Iterable[Points]) -> bytes:
        """*points* as a compressed body.

        Raises:
            ValueError: a time that nanoseconds since 1970 in 64 bits cannot say.
        """
        metrics: dict[_Metric, list[bytes]] = {}
        for some in points:
            series = some.series
            metric = series.otlp_name, series.otlp_unit, series.is_counter
            metrics.setdefault(metric, []).extend(self._points(some))
        scope = nested(2, self._scope, *(_metric(metric, data) for metric, data in metrics.items()))
        return gzip.compress(nested(1, self._resource, scope), _FASTEST, mtime=0)

    def _points(self, points: Points) -> list[bytes]:
        """Each as a NumberDataPoint, in the field of a Gauge or Sum."""
        if (attributes := self._attributes.get(points.key)) is None:
            attributes = b"".join(_attribute(7, *pair) for pair in points.series.labels)
            self._attributes[points.key] = attributes
        start = self._started if points.series.is_counter else None
        return [_point(attributes, start, at, value) for at, value in zip(points.at, points.values, strict=True)]


def interpret(reply: Reply, now: float) -> Verdict:
    """What *reply* says; *now* is Unix seconds.

    By the protocol 429, 502, 503 and 504 are asked again and the data of other statuses is dropped. A receiver's own
    error says nothing of the data, and here nothing is dropped for it: any 5xx is asked again.
    """
    verdict = interpreted(reply, now)
    if verdict is not None:
        return verdict
    try:
        rejected, why = _rejected(reply)
    except ValueError:
        rejected, why = 0, ""  # it says nothing more than that it is content
    return Refused(f"{rejected} points rejected: {why[:LONGEST]}") if rejected else Taken()


class Exporter:
    """Sends batches by *post*."""

    def __init__(self, post: Post, clock: Callable[[], float], encoder: Encoder) -> None:
        self._post, self._clock, self._encoder = post, clock, encoder
        self._told = Told()

    def send(self, batch: Batch) -> Verdict:
        """What became of *batch*. Raises ValueError: it has a time that nanoseconds cannot say."""
        if points := self._told.points(batch):
            reply = self._post(self._encoder.request(points), HEADERS)
            verdict = reply if isinstance(reply, Later) else interpret(reply, self._clock())
            if verdict != Taken():
                return verdict
        self._told.keep()
        return Taken()


def _rejected(reply: Reply) -> tuple[int, str]:
    """How many points the receiver rejects in an answer of success (partial_success), and why."""
    if "json" in reply.headers.get("content-type", ""):
        answer = json.loads(reply.body or b"{}")
        partial = answer.get("partialSuccess") if isinstance(answer, dict) else None
        if not isinstance(partial, dict):
            return 0, ""
        return int(partial.get("rejectedDataPoints", 0)), str(partial.get("errorMessage", ""))
    rejected, why = 0, ""
    for field, partial in fields(reply.body):
        if field != 1 or not isinstance(partial, bytes):
            continue
        for inner, value in fields(partial):
            if inner == 1 and isinstance(value, int):
                rejected = value
            elif inner == 2 and isinstance(value, bytes):
                why = value.decode(errors="replace")
    return rejected, why


def _metric(metric: _Metric, data: list[bytes]) -> bytes:
    name, unit, is_counter = metric
    points = nested(7, *data, _CUMULATIVE) if is_counter else nested(5, *data)
    return nested(2, text(1, name), text(3, unit), points)


def _point(attributes: bytes, started: float | None, at: float, value: float | None) -> bytes:
    start = b"" if started is None else _START + _moment(min(started, at))
    what = _NO_RECORDED_VALUE if value is None else _VALUE + double(value)
    return nested(1, start, _TIME, _moment(at), what, attributes)


def _moment(at: float) -> bytes:
    try:
        return fixed64(round(at * _MICROSECONDS) * _NANOSECONDS)
    except (OverflowError, ValueError, struct.error):
        raise ValueError(f"the time {at!r} is none in nanoseconds since 1970") from None


def _attribute(field: int, name: str, value: str) -> bytes:
    return nested(field, text(1, name), nested(2, text(1, value)))
