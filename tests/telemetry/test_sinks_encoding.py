"""Requests, decoded by Google's protobuf from the published definitions, say what the samples say, bit for bit."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import cramjam
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]  # it has no stubs
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags, NumberDataPoint

from greenops_core.sample import Reason
from greenops_telemetry.delivery import otlp_sink, protobuf
from greenops_telemetry.delivery.remote_write import STALE, Encoder, Version, headers
from greenops_telemetry.delivery.told import Points, Told
from greenops_telemetry.journal.series import Series
from sample_batch import BAD, COUNTER, POINT, Taking, batch

FIELD = descriptor_pb2.FieldDescriptorProto
T = 1_700_000_000.0
STARTED = T - 5


def definitions() -> Mapping[str, Any]:
    """prometheus/prompb/remote.proto and types.proto, and io/prometheus/write/v2/types.proto, as far as we send it."""
    scalar = {
        "double": FIELD.TYPE_DOUBLE,
        "int64": FIELD.TYPE_INT64,
        "uint32": FIELD.TYPE_UINT32,
        "string": FIELD.TYPE_STRING,
    }
    messages = {
        "Label": ["1 name string", "2 value string"],
        "Sample": ["1 value double", "2 timestamp int64"],
        "TimeSeries": ["1 labels Label*", "2 samples Sample*"],
        "WriteRequest": ["1 timeseries TimeSeries*"],
        "Metadata2": ["1 type uint32", "3 help_ref uint32", "4 unit_ref uint32"],
        "TimeSeries2": ["1 labels_refs uint32*", "2 samples Sample*", "5 metadata Metadata2"],
        "Request2": ["4 symbols string*", "5 timeseries TimeSeries2*"],
    }
    file = descriptor_pb2.FileDescriptorProto(name="write.proto", package="write", syntax="proto3")
    for name, lines in messages.items():
        message = file.message_type.add(name=name)
        for line in lines:
            number, field, kind = line.split()
            label = FIELD.LABEL_REPEATED if kind.endswith("*") else FIELD.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            added = message.field.add(name=field, number=int(number), label=label)
            if kind in scalar:
                added.type = scalar[kind]
            else:
                added.type, added.type_name = FIELD.TYPE_MESSAGE, f".write.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"write.{name}")) for name in messages}


MESSAGES = definitions()
Decoded = list[tuple[list[tuple[str, str]], list[tuple[int, bytes]]]]


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def decoded(body: bytes, version: Version) -> Decoded:
    """Labels, and milliseconds with the bits of the value, in the order of the request."""
    raw = bytes(cramjam.snappy.decompress_raw(body))
    if version is Version.V1:
        first = MESSAGES["WriteRequest"].FromString(raw)
        return [
            ([(pair.name, pair.value) for pair in some.labels], _samples(some.samples)) for some in first.timeseries
        ]
    second = MESSAGES["Request2"].FromString(raw)
    symbols = second.symbols
    assert symbols[0] == ""
    assert len(set(symbols)) == len(symbols)
    found: Decoded = []
    for some in second.timeseries:
        words = [symbols[number] for number in some.labels_refs]
        found.append((list(zip(words[::2], words[1::2], strict=True)), _samples(some.samples)))
        assert some.metadata.type == (1 if words[1].endswith("_total") else 2)
    return found


def _samples(samples: Iterable[Any]) -> list[tuple[int, bytes]]:
    return [(sample.timestamp, bits(sample.value)) for sample in samples]


@pytest.mark.parametrize("version", Version)
def test_remote_write_says_series_times_values_ends_and_qualities(version: Version) -> None:
    rows = batch(
        Taking(2, 12.0, T),
        Taking(0, 0.1 + 0.2, T + 0.0004),
        Taking(0, 5.0, T + 0.0016, BAD, Reason.RANGE),
        Taking(1, -0.0, T),
    )
    request = Encoder().request(Told().points(rows), version)
    ms = int(T * 1000)
    place = [("site", "Lünen"), ("stack", "1")]
    name, quality, device = ("__name__", POINT.name), ("__name__", "greenops_point_quality"), ("device", "analyser")
    assert decoded(request.body, version) == [
        ([name, device, ("point", "t1"), *place], [(ms, bits(0.1 + 0.2)), (ms + 2, STALE)]),
        ([quality, device, ("point", "t1"), ("reason", "none"), *place], [(ms, bits(0.0)), (ms + 2, STALE)]),
        ([quality, device, ("point", "t1"), ("reason", "range"), *place], [(ms + 2, bits(2.0))]),
        ([name, device, ("point", "t2"), *place], [(ms, bits(-0.0))]),
        ([quality, device, ("point", "t2"), ("reason", "none"), *place], [(ms, bits(0.0))]),
        ([("__name__", COUNTER.name), *sorted(COUNTER.labels)], [(ms, bits(12.0))]),
    ]
    assert request.samples == 8


def test_the_bytes_of_a_request_are_these() -> None:
    points = [Points(0, Series("m", "m", "", False, (("a", "b"),)), [1.0], [1.0])]
    body = Encoder().request(points, Version.V1).body
    assert bytes(cramjam.snappy.decompress_raw(body)) == bytes.fromhex(
        "0a25  0a0d 0a085f5f6e616d655f5f 12016d  0a06 0a0161 120162  120c 09000000000000f03f 10e807"
    )


def test_each_version_is_announced_as_its_specification_says() -> None:
    assert headers(Version.V1) == {
        "content-type": "application/x-protobuf",
        "content-encoding": "snappy",
        "x-prometheus-remote-write-version": "0.1.0",
    }
    assert headers(Version.V2)["content-type"] == "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    assert headers(Version.V2)["x-prometheus-remote-write-version"] == "2.0.0"


any_double = st.integers(0, 2**64 - 1).map(lambda number: struct.unpack("<d", number.to_bytes(8, "little"))[0])


@pytest.mark.parametrize("version", Version)
@given(samples=st.lists(st.tuples(st.floats(-1e13, 1e13), st.none() | any_double), min_size=1))
def test_any_time_and_any_value_arrive(version: Version, samples: list[tuple[float, float | None]]) -> None:
    at, values = zip(*samples, strict=True)
    ((_, found),) = decoded(Encoder().request([Points(0, POINT, at, values)], version).body, version)
    assert found == [(round(t * 1000), STALE if v is None else bits(v)) for t, v in samples]


@given(words=st.text(), other=st.text())
def test_any_label_arrives_as_utf_8_says_it(words: str, other: str) -> None:
    series = Series("m", "m", "", False, (("b", words), ("a", other)))
    points = [Points(0, series, [T], [1.0])]
    for version in Version:
        ((labels, _),) = decoded(Encoder().request(points, version).body, version)
        expected = [("a", other), ("b", words)]
        assert labels == [
            ("__name__", "m"),
            *((name, value.encode(errors="replace").decode()) for name, value in expected if value),
        ]


@pytest.mark.parametrize("at", [float("nan"), float("inf"), 1e300])
def test_a_time_that_cannot_be_said_is_an_error_of_the_batch(at: float) -> None:
    points = [Points(0, POINT, [at], [1.0])]
    for version in Version:
        with pytest.raises(ValueError, match="is none in milliseconds"):
            Encoder().request(points, version)
    with pytest.raises(ValueError, match="is none in nanoseconds since 1970"):
        otlp_sink.Encoder({}, "", 0.0).request(points)


def test_otlp_says_resource_names_units_times_values_and_ends() -> None:
    rows = batch(
        Taking(0, 0.1 + 0.2, T + 0.234),
        Taking(0, 5.0, T + 0.5, BAD, Reason.RANGE),
        Taking(1, -0.0, T),
        Taking(2, 12.0, T),
        Taking(2, 13.0, STARTED - 1),
    )
    resource = {"service.name": "greenops-gateway", "service.instance.id": "höst"}
    body = otlp_sink.Encoder(resource, "1.2.3", STARTED).request(Told().points(rows))
    (sent,) = ExportMetricsServiceRequest.FromString(gzip.decompress(body)).resource_metrics
    assert {pair.key: pair.value.string_value for pair in sent.resource.attributes} == resource
    (scope,) = sent.scope_metrics
    assert (scope.scope.name, scope.scope.version) == ("greenops", "1.2.3")
    gauge, quality, total = scope.metrics
    assert [(metric.name, metric.unit) for metric in scope.metrics] == [
        (POINT.otlp_name, POINT.otlp_unit),
        ("greenops_point_quality", ""),
        (COUNTER.otlp_name, COUNTER.otlp_unit),
    ]
    assert [_said(point) for point in gauge.gauge.data_points] == [
        (0, T + 0.234, bits(0.1 + 0.2), "t1"),
        (0, T + 0.5, None, "t1"),
        (0, T, bits(-0.0), "t2"),
    ]
    assert [_said(point)[1:3] for point in quality.gauge.data_points] == [
        (T + 0.234, bits(0.0)),
        (T + 0.5, None),
        (T + 0.5, bits(2.0)),
        (T, bits(0.0)),
    ]
    assert total.sum.is_monotonic
    assert total.sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert [_said(point)[:3] for point in total.sum.data_points] == [
        (STARTED - 1, STARTED - 1, bits(13.0)),
        (STARTED, T, bits(12.0)),
    ]


def _said(point: NumberDataPoint) -> tuple[float, float, bytes | None, str]:
    """Start and time in Unix seconds, bits of the value unless there is none, and the label ``point``."""
    labels = {pair.key: pair.value.string_value for pair in point.attributes}
    is_absent = point.flags == DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
    assert point.HasField("as_double") is not is_absent
    value = None if is_absent else bits(point.as_double)
    assert point.time_unix_nano % 1000 == 0
    seconds, nanoseconds = divmod(point.time_unix_nano, 10**9)
    return point.start_time_unix_nano / 1e9, seconds + nanoseconds / 1e9, value, labels.get("point", "")


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1) | st.binary()), max_size=5))
def test_a_message_is_read_as_it_was_written(message: list[tuple[int, int | bytes]]) -> None:
    data = b"".join(
        protobuf.nested(field, value) if isinstance(value, bytes) else protobuf.number(field, value)
        for field, value in message
    )
    assert list(protobuf.fields(data)) == message


@given(st.binary())
def test_whatever_is_read_as_a_message_is_one_or_an_error(data: bytes) -> None:
    with suppress(ValueError):
        list(protobuf.fields(data))


def test_numbers_of_a_fixed_width_are_read_as_bytes_and_long_ones_are_none() -> None:
    data = protobuf.tag(1, protobuf.FIXED64) + b"12345678" + protobuf.tag(2, protobuf.FIXED32) + b"1234"
    assert list(protobuf.fields(data)) == [(1, b"12345678"), (2, b"1234")]
    with pytest.raises(ValueError, match="more than 64 bits"):
        protobuf.varint(2**64)
