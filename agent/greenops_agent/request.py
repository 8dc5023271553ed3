"""HTTP/1.1 as far as a scrape needs it: the head of a GET or HEAD request in, a response out. Pure.

What is not understood is refused and the connection ends: a request whose end is not certain must not be followed by
another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from greenops_telemetry.answer import Answer

LONGEST_HEAD = 16 * 1024
ANSWERED = ("GET", "HEAD")
PHRASES = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(r"HTTP/1\.[01]")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its path without query, its headers with lower-case names, and whether more may follow.

    *body*: whether the response's body is wanted as well.
    """

    path: str
    headers: Mapping[str, str]
    keep_alive: bool
    body: bool = True


class Refused(Exception):  # noqa: N818  # the peer's mistake, not ours
    """The request is answered with *status* and *reason*, and the connection ends."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def split(received: bytes) -> tuple[bytes, bytes] | None:
    r"""The first head in *received* and what follows it; None while it is not complete.

    >>> split(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET")
    (b'GET / HTTP/1.1\r\nhost: a', b'GET')

    Raises:
        Refused: the head is too long.
    """
    head, end, rest = received.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if len(head) > LONGEST_HEAD:
        raise Refused(431, f"The head of a request has {LONGEST_HEAD} bytes at most.")
    return (head, rest) if end else None


def parse(head: bytes) -> Request:
    """The request that *head* spells.

    Raises:
        Refused: not a GET or HEAD request without a body.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    match first.split(" "):
        case [method, target, version] if _TOKEN.fullmatch(method) and _VERSION.fullmatch(version):
            pass
        case _:
            raise Refused(400, "This is not an HTTP/1.1 request.")
    headers = _headers(lines)
    if method not in ANSWERED:
        raise Refused(405, f"Only {ANSWERED[0]} and {ANSWERED[1]} are answered here.")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise Refused(400, "A request has no body here.")
    newest = version == "HTTP/1.1"
    if newest and "host" not in headers:
        raise Refused(400, "The host header is missing.")
    wishes = {wish.strip() for wish in headers.get("connection", "").lower().split(",")}
    return Request(_path(target), headers, "close" not in wishes if newest else "keep-alive" in wishes, method == "GET")


def rendered(answer: Answer, *, keep_alive: bool, body: bool = True) -> bytes:
    """The bytes of *answer*; without its *body*, the head tells the length all the same."""
    headers = {
        "content-type": answer.media_type,
        "content-length": str(len(answer.body)),
        **answer.headers,
        "connection": "keep-alive" if keep_alive else "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {answer.status} {PHRASES.get(answer.status, '')}\r\n{lines}\r\n".encode("latin-1")
    return head + answer.body if body else head


def refusal(refused: Refused) -> Answer:
    """The page that tells why."""
    headers = {"allow": ", ".join(ANSWERED)} if refused.status == 405 else {}
    return Answer(refused.status, "text/plain; charset=utf-8", f"{refused.reason}\n".encode(), headers)


def _headers(lines: list[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or "\n" in value or "\r" in value or "\0" in value:
            raise Refused(400, "A header is malformed.")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _path(target: str) -> str:
    """The path of a request's target; a proxy may send all of the URL.

    >>> _path("/metrics?x=1"), _path("http://host:9841/metrics"), _path("http://host")
    ('/metrics', '/metrics', '/')
    """
    if target.startswith("http://"):
        target = "/" + target.removeprefix("http://").partition("/")[2]
    if not target.startswith("/"):
        raise Refused(400, "The target of a request is a path.")
    return target.partition("?")[0]
