"""What a program answers over HTTP, as a table."""

from __future__ import annotations

import gzip

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from greenops_core.catalogue import BUILD_INFO, HTTP_REQUESTS
from greenops_telemetry.answer import Program, answer, metrics
from greenops_telemetry.block import plainly
from greenops_telemetry.exposition import PIECE
from greenops_telemetry.live import Live

READY = Program("greenops-test", "1.2.3")
WAITING = Program("greenops-test", "1.2.3", waiting_for="the first device")
PAGE = b"""\
# HELP greenops_build_info 1, labelled with the program and its version.
# TYPE greenops_build_info gauge
greenops_build_info{program="p",version="v"} 1.0
"""


def live() -> Live:
    filled = Live()
    filled.put(BUILD_INFO.sample(1, 0.0, program="p", version="v"))
    return filled


@pytest.mark.parametrize(
    ("path", "program", "status", "body"),
    [
        ("/metrics", READY, 200, PAGE),
        ("/-/healthy", WAITING, 200, b"greenops-test is healthy.\n"),
        ("/-/ready", READY, 200, b"greenops-test is ready.\n"),
        ("/-/ready", WAITING, 503, b"greenops-test is not ready: the first device.\n"),
        ("/", READY, 200, b"greenops-test 1.2.3\n\n/metrics\n/-/healthy\n/-/ready\n"),
        ("/metrics/", READY, 404, b"There is no such page here; try / for those there are.\n"),
        ("", READY, 404, b"There is no such page here; try / for those there are.\n"),
    ],
)
def test_pages(path: str, program: Program, status: int, body: bytes) -> None:
    given = answer(path, {}, program, live().page(0.0))
    assert (given.status, given.body) == (status, body)


SCRAPER = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (SCRAPER, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_the_client_chooses_the_format(accept: str, media_type: str) -> None:
    assert answer("/metrics", {"accept": accept}, READY, live().page(0.0)).media_type == media_type


def test_openmetrics_ends_once_whatever_is_added() -> None:
    headers = {"accept": "application/openmetrics-text"}
    for more in ([], [b"# TYPE x gauge\nx 1\n"], [b"# TYPE x gauge\nx 1\n# EOF\n"]):
        body = b"".join(metrics(headers, live().page(0.0), more).pieces).decode()
        assert body.count("# EOF") == 1
        families = list(text_string_to_metric_families(body))  # type: ignore[no-untyped-call]  # prometheus-client
        assert len(families) == 1 + bool(more)


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_a_long_page_comes_in_pieces_that_are_the_page(accept: str, accepted: str) -> None:
    many = Live()
    for number in range(5_000):
        many.put(BUILD_INFO.sample(number, 0.0, program=f"program-{number}", version="v"))
    headers = {"accept": accept, "accept-encoding": accepted}
    pieces = list(metrics(headers, many.page(0.0)).pieces)
    assert len(pieces) > (1 if accepted == "gzip" else 3)
    assert max(map(len, pieces)) < 3 * PIECE
    body = b"".join(pieces)
    plain = gzip.decompress(body) if accepted == "gzip" else body
    assert plain == answer("/metrics", {"accept": accept}, READY, many.page(0.0)).body
    lines = plain.decode().splitlines()
    assert lines[2:5_002] == [
        f'greenops_build_info{{program="program-{number}",version="v"}} {number}.0' for number in range(5_000)
    ]
    assert lines[5_002:] == (["# EOF"] if "openmetrics" in accept else [])


def test_a_page_is_made_while_it_is_read() -> None:
    many, asked = live(), 0

    def numbers(values: list[float]) -> list[bytes]:
        nonlocal asked
        asked += len(values)
        return plainly(values)

    for number in range(5_000):
        many.put(BUILD_INFO.sample(number, 0.0, program=f"program-{number}", version="v"))
    stream = metrics({}, many.page(0.0, numbers))
    assert asked == 0
    first = next(stream.pieces)
    assert 0 < asked < 2_500
    many.put(HTTP_REQUESTS.sample(1, 0.0, program="p", path="/", code="200"))  # while it is read
    assert (first + b"".join(stream.pieces)).count(b"\n") == 2 + 5_001


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, GZIP ;q=0.8", True),
        ("gzip;q=1", True),
        ("gzip; q=0.0", False),
        ("gzip;q=0", False),
        ("x-gzip-not", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_given_to_who_takes_it(accepted: str, packed: bool) -> None:  # noqa: FBT001  # a table's column
    given = answer("/metrics", {"accept-encoding": accepted}, READY, live().page(0.0))
    assert (given.headers.get("content-encoding") == "gzip") is packed
    assert (gzip.decompress(given.body) if packed else given.body) == PAGE
    assert given.headers["vary"] == "accept, accept-encoding"
