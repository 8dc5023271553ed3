"""What an answer means for a batch: taken, again later, refused, too old or too long, and what an operator looks at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from greenops_telemetry.delivery import otlp_sink, remote_write
from greenops_telemetry.delivery.remote_write import WRITTEN, Request, Version
from greenops_telemetry.delivery.status import LONGEST, Reply
from greenops_telemetry.delivery.verdict import Later, Refused, Taken, TooLarge, TooOld, Verdict

NOW = 784111777.0 - 60  # Sun, 06 Nov 1994 08:48:37 GMT
PROTOBUF = {"content-type": "application/x-protobuf"}


def of_remote_write(reply: Reply) -> Verdict:
    return remote_write.interpret(Request(b"", 3), Version.V1, reply, NOW)


def of_otlp(reply: Reply) -> Verdict:
    return otlp_sink.interpret(reply, NOW)


@pytest.mark.parametrize("interpret", [of_remote_write, of_otlp])
@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(200, {}, b""), Taken, ""),
        (Reply(204, {}, b""), Taken, ""),
        (Reply(200, {"content-type": "text/html; charset=utf-8"}, b"<p>Log in"), Later, "a web page answers there"),
        (Reply(400, {}, b"out of order sample"), TooOld, "400 Bad Request: out of order sample"),
        (Reply(400, {}, b"rpc error: Out of Bounds"), TooOld, "Out of Bounds"),
        (Reply(400, {}, b"too old sample"), TooOld, "too old"),
        (Reply(400, {}, b"duplicate sample for timestamp"), TooOld, "duplicate sample"),
        (Reply(400, {}, b"(err-mimir-sample-out-of-order)"), TooOld, "err-mimir"),
        (Reply(400, {}, b"out of bounds: timestamp is too far in the future"), Refused, "in the future"),
        (Reply(400, {}, b"invalid label name"), Refused, "400 Bad Request: invalid label name"),
        (Reply(422, {}, b""), Refused, "422 Unprocessable"),
        (Reply(409, {}, b""), Refused, "409 Conflict"),
        (Reply(400, {}, b"Client sent an HTTP request to an HTTPS server."), Later, "must begin with https"),
        (Reply(400, {}, b"limit exceeded, see https://example.org/limits"), Refused, "limit exceeded"),
        (Reply(301, {"location": "https://new/"}, b""), Later, "it has moved to https://new/; write that as url"),
        (Reply(304, {}, b""), Later, "something else than a receiver"),
        (Reply(401, {}, b""), Later, "look at the user, the password or the token"),
        (Reply(403, {}, b""), Later, "may not write there"),
        (Reply(404, {}, b""), Later, "look at the path in url"),
        (Reply(405, {}, b""), Later, "something else answers there"),
        (Reply(408, {}, b""), Later, "408 Request Timeout"),
        (Reply(413, {}, b""), TooLarge, "413 Request Entity Too Large"),
        (Reply(415, {}, b""), Later, "does not know this kind of request"),
        (Reply(500, {}, b"too old sample"), TooOld, "500 Internal Server Error: too old sample"),
        (Reply(500, {}, b"the client is too old"), Later, "500 Internal Server Error"),
        (Reply(502, {}, b""), Later, "502 Bad Gateway"),
        (Reply(504, {}, b""), Later, "504 Gateway Timeout"),
        (Reply(599, {}, b"\xff\x00strange\n thing" + b"x" * 999), Later, "599: \ufffdstrange thingxxx"),
    ],
)
def test_an_answer_means(interpret: Callable[[Reply], Verdict], reply: Reply, kind: type[Verdict], words: str) -> None:
    verdict = interpret(reply)
    assert type(verdict) is kind
    assert words in getattr(verdict, "why", "")
    assert len(getattr(verdict, "why", "")) < LONGEST + 120


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own time is not that of Greenwich."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("status", [429, 503, 500])
@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("7", 7.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:49:37", 60.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-7", None),
        ("٣", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
    ],
)
def test_a_receiver_says_when_it_wants_to_be_asked_again(status: int, header: str, after: float | None) -> None:
    verdict = of_remote_write(Reply(status, {"retry-after": header}, b""))
    assert isinstance(verdict, Later)
    assert verdict.after == after


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({WRITTEN: "3"}, Taken()),
        ({WRITTEN: "2"}, Refused("204 No Content, and 2 of 3 samples were written")),
        ({}, Later),
        ({WRITTEN: "-3"}, Later),
        ({WRITTEN: "three"}, Later),
    ],
)
def test_success_of_remote_write_2_is_believed_only_when_the_numbers_add_up(
    headers: dict[str, str], expected: Verdict | type[Verdict]
) -> None:
    verdict = remote_write.interpret(Request(b"", 3), Version.V2, Reply(204, headers, b""), NOW)
    assert (type(verdict) if isinstance(expected, type) else verdict) == expected


def partial(rejected: int, why: str) -> bytes:
    success = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=why)
    data: bytes = ExportMetricsServiceResponse(partial_success=success).SerializeToString()
    return data


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (PROTOBUF, b"", Taken()),
        (PROTOBUF, partial(0, "a warning"), Taken()),
        (PROTOBUF, partial(2, "out of range"), Refused("2 points rejected: out of range")),
        (PROTOBUF, partial(2**40, "x" * 999), Refused(f"{2**40} points rejected: {'x' * LONGEST}")),
        (PROTOBUF, partial(2, "cut")[:-1], Taken()),
        (PROTOBUF, b"\x0b\xff", Taken()),
        (PROTOBUF, b"\xff" * 20, Taken()),
        ({"content-type": "application/json"}, b"", Taken()),
        ({"content-type": "application/json"}, b"[1]", Taken()),
        ({"content-type": "application/json"}, b"{", Taken()),
        ({"content-type": "application/json"}, b'{"partialSuccess": null}', Taken()),
        (
            {"content-type": "application/json"},
            json.dumps({"partialSuccess": {"rejectedDataPoints": "4", "errorMessage": "no"}}).encode(),
            Refused("4 points rejected: no"),
        ),
    ],
)
def test_an_otlp_receiver_may_reject_points_in_an_answer_of_success(
    headers: dict[str, str], body: bytes, expected: Verdict
) -> None:
    assert of_otlp(Reply(200, headers, body)) == expected
