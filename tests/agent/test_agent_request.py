"""Heads of requests, and bytes of responses."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_agent.request import LONGEST_HEAD, Refused, Request, parse, refusal, rendered, split
from greenops_telemetry.answer import Answer


@pytest.mark.parametrize(
    ("head", "request_"),
    [
        pytest.param(
            b"GET /metrics HTTP/1.1\r\nHost: a:9841\r\nAccept: text/plain\r\nAccept: */*",
            Request("/metrics", {"host": "a:9841", "accept": "text/plain, */*"}, keep_alive=True),
            id="a scrape; a header given twice is a list",
        ),
        pytest.param(
            b"GET /metrics?target=x HTTP/1.1\r\nhost:a\r\nconnection: Close",
            Request("/metrics", {"host": "a", "connection": "Close"}, keep_alive=False),
            id="a query is left out, the last request says so",
        ),
        pytest.param(b"GET / HTTP/1.0", Request("/", {}, keep_alive=False), id="HTTP/1.0 ends by itself"),
        pytest.param(
            b"GET / HTTP/1.0\r\nconnection: keep-alive",
            Request("/", {"connection": "keep-alive"}, keep_alive=True),
            id="HTTP/1.0 that wishes to go on",
        ),
        pytest.param(
            b"GET http://a/metrics HTTP/1.1\r\nhost: a",
            Request("/metrics", {"host": "a"}, keep_alive=True),
            id="the whole URL, as proxies send it",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0",
            Request("/", {"host": "a", "content-length": "0"}, keep_alive=True),
            id="a body of nothing",
        ),
        pytest.param(
            b"HEAD /metrics HTTP/1.1\r\nhost: a",
            Request("/metrics", {"host": "a"}, keep_alive=True, body=False),
            id="only the head of the answer",
        ),
    ],
)
def test_a_request_is_understood(head: bytes, request_: Request) -> None:
    assert parse(head) == request_


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"POST /metrics HTTP/1.1\r\nhost: a", 405, id="another method"),
        pytest.param(b"head / HTTP/1.1\r\nhost: a", 405, id="a method in small letters"),
        pytest.param(b"GET /metrics", 400, id="HTTP/0.9"),
        pytest.param(b"GET /metrics HTTP/2.0\r\nhost: a", 400, id="another version"),
        pytest.param(b"GET  /metrics HTTP/1.1\r\nhost: a", 400, id="two spaces"),
        pytest.param(b"GET metrics HTTP/1.1\r\nhost: a", 400, id="no path"),
        pytest.param(b"GET / HTTP/1.1", 400, id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 5", 400, id="a body"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 5", 400, id="two lengths"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked", 400, id="a body in chunks"),
        pytest.param(b"GET / HTTP/1.1\r\nhost : a", 400, id="space before the colon"),
        pytest.param(b"GET / HTTP/1.1\r\n host: a", 400, id="folded header"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\nx: b", 400, id="bare line feed"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", 400, id="TLS"),
        pytest.param(b"", 400, id="nothing"),
    ],
)
def test_what_is_not_understood_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(Refused) as caught:
        parse(head)
    assert caught.value.status == status


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_refused(head: bytes) -> None:
    with suppress(Refused):
        assert parse(head).path.startswith("/")


@given(st.lists(st.sampled_from([b"/metrics", b"/", b"/-/ready"]), min_size=1, max_size=8))
def test_requests_in_a_row_come_apart_as_they_were(targets: list[bytes]) -> None:
    received = b"".join(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % target for target in targets)
    found: list[bytes] = []
    while (parts := split(received)) is not None:
        head, received = parts
        found.append(head.split(b" ")[1])
    assert (found, received) == (targets, b"")


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["unended", "ended"])
def test_a_head_has_a_longest_length(end: bytes) -> None:
    assert split(b"x" * LONGEST_HEAD) is None
    with pytest.raises(Refused) as caught:
        split(b"x" * (LONGEST_HEAD + 1) + end)
    assert caught.value.status == 431


def test_a_response_tells_its_length_and_whether_more_may_follow() -> None:
    page = Answer(200, "text/plain", b"abc", {"vary": "accept"})
    assert rendered(page, keep_alive=True) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\nvary: accept\r\n"
        b"connection: keep-alive\r\n\r\nabc"
    )
    assert b"connection: close\r\n" in rendered(page, keep_alive=False)


def test_a_head_alone_is_the_same_without_the_body() -> None:
    page = Answer(200, "text/plain", b"abc")
    assert rendered(page, keep_alive=True, body=False) + b"abc" == rendered(page, keep_alive=True)


def test_a_refused_method_is_told_the_right_one() -> None:
    assert refusal(Refused(405, "no")).headers == {"allow": "GET, HEAD"}
