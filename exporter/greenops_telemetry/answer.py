"""What a program answers over HTTP, as a pure function: the servers at the edge only carry it.

The agent's small server and the aiohttp servers of gateway and exporter give the same pages.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

from greenops_telemetry import exposition
from greenops_telemetry.live import Page

PATHS = ("/", "/metrics", "/-/healthy", "/-/ready")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, media type, body, and what else stands in the head."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """Who answers: its name for the front page, and why it is not ready yet (empty when it is)."""

    name: str
    version: str
    waiting_for: str = ""


def answer(path: str, headers: Mapping[str, str], program: Program, page: Page, more: bytes = b"") -> Answer:
    """The answer to ``GET path``. Header names are lower case. *more* is exposition text that others wrote."""
    match path:
        case "/metrics":
            return _metrics(headers, page, more)
        case "/-/healthy":
            return _plain(200, f"{program.name} is healthy.\n")
        case "/-/ready" if program.waiting_for:
            return _plain(503, f"{program.name} is not ready: {program.waiting_for}.\n")
        case "/-/ready":
            return _plain(200, f"{program.name} is ready.\n")
        case "/":
            return _plain(200, f"{program.name} {program.version}\n\n/metrics\n/-/healthy\n/-/ready\n")
        case _:
            return _plain(404, "There is no such page here; try / for those there are.\n")


def wants_openmetrics(headers: Mapping[str, str]) -> bool:
    """Whether the client reads OpenMetrics; what is added to a page must be written the same way."""
    return "application/openmetrics-text" in headers.get("accept", "")


def _metrics(headers: Mapping[str, str], page: Page, more: bytes) -> Answer:
    if wants_openmetrics(headers):
        media_type, body = (
            exposition.OPENMETRICS,
            exposition.openmetrics(page) + more.removesuffix(b"# EOF\n") + b"# EOF\n",
        )
    else:
        media_type, body = exposition.TEXT, exposition.text(page) + more
    extra = {"vary": "accept, accept-encoding"}
    if _takes_gzip(headers.get("accept-encoding", "")):
        return Answer(200, media_type, gzip.compress(body, 1, mtime=0), {**extra, "content-encoding": "gzip"})
    return Answer(200, media_type, body, extra)


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


def _plain(status: int, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", text.encode())
