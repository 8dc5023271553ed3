"""What a program answers over HTTP, as pure functions: the servers at the edge only carry it.

The agent's small server and the server of gateway and exporter give the same pages.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from greenops_telemetry.exposition import OPENMETRICS, TEXT, pieces
from greenops_telemetry.live import Page

PATHS = ("/", "/metrics", "/-/healthy", "/-/ready")
OPENMETRICS_END = b"# EOF\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, media type, body, and what else stands in the head."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """The same for a body that is made piece by piece while it is sent."""

    status: int
    media_type: str
    pieces: Iterator[bytes]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Program:
    """Who answers: its name for the front page, and why it is not ready yet (empty when it is)."""

    name: str
    version: str
    waiting_for: str = ""


def answer(path: str, headers: Mapping[str, str], program: Program, page: Page) -> Answer:
    """The answer to ``GET path``. Header names are lower case."""
    match path:
        case "/metrics":
            given = metrics(headers, page)
            return Answer(given.status, given.media_type, b"".join(given.pieces), given.headers)
        case "/-/healthy":
            return plain(200, f"{program.name} is healthy.")
        case "/-/ready" if program.waiting_for:
            return plain(503, f"{program.name} is not ready: {program.waiting_for}.")
        case "/-/ready":
            return plain(200, f"{program.name} is ready.")
        case "/":
            return plain(200, f"{program.name} {program.version}\n\n/metrics\n/-/healthy\n/-/ready")
        case _:
            return plain(404, "There is no such page here; try / for those there are.")


def metrics(headers: Mapping[str, str], page: Page, more: Iterable[bytes] = ()) -> Stream:
    """*page* as ``GET /metrics`` gives it. *more* is text that others wrote, as ``wants_openmetrics`` says."""
    body: Iterator[bytes]
    if wants_openmetrics(headers):
        media_type, body = OPENMETRICS, _openmetrics(page, more)
    else:
        media_type, body = TEXT, _text(page, more)
    extra = {"vary": "accept, accept-encoding"}
    if _takes_gzip(headers.get("accept-encoding", "")):
        return Stream(200, media_type, _gzip(body), {**extra, "content-encoding": "gzip"})
    return Stream(200, media_type, body, extra)


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A page of text for people."""
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode(), headers or {})


def wants_openmetrics(headers: Mapping[str, str]) -> bool:
    """Whether the client reads OpenMetrics; what is added to a page must be written the same way."""
    return "application/openmetrics-text" in headers.get("accept", "")


def _text(page: Page, more: Iterable[bytes]) -> Iterator[bytes]:
    yield from pieces(page, TEXT)
    yield from more


def _openmetrics(page: Page, more: Iterable[bytes]) -> Iterator[bytes]:
    yield from pieces(page, OPENMETRICS)
    for text in more:
        yield text.removesuffix(OPENMETRICS_END)
    yield OPENMETRICS_END


def _gzip(body: Iterator[bytes]) -> Iterator[bytes]:
    """Packed at once as it comes; level 1 takes a fifth of the time of the usual 6, and gives a tenth more bytes."""
    packer = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16)
    for piece in body:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is wanted; ``gzip;q=0`` says no.

    >>> _takes_gzip("deflate, gzip; q=1.0"), _takes_gzip("gzip;q=0"), _takes_gzip("br")
    (True, False, False)
    """
    for offer in accept_encoding.lower().split(","):
        name, _, quality = offer.replace(" ", "").partition(";")
        if name == "gzip":
            return quality.rstrip("0.") != "q="
    return False
