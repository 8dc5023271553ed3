"""What an HTTP answer means for a batch where receivers agree: retry, who must act, and the words for it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NamedTuple

from greenops_telemetry.delivery.verdict import Later, Refused, TooLarge, TooOld, Verdict

LONGEST = 200
"""Characters of an answer that are told."""
_OLD = ("out of order", "out of bounds", "too old", "duplicate sample", "duplicate timestamp")
_PLAIN = ("https server", "https port")  # said by servers for TLS that were spoken to without
_OLD_BY_500 = "too old sample"
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_ADVICE = {
    301: "it has moved",
    302: "it has moved",
    307: "it has moved",
    308: "it has moved",
    401: "look at the user, the password or the token in basic_auth or headers",
    402: "ask whoever runs the receiver",
    403: "this user or token may not write there; ask whoever runs the receiver",
    404: "look at the path in url, and whether the receiver is switched on there",
    405: "look at the path in url: something else answers there",
    407: "a proxy is in the way that wants a password",
    415: "the receiver does not know this kind of request; look at kind, version and url",
    421: "look at the host in url and at server_name",
}
"""What an operator looks at; none of these says anything about a sample, so nothing is given up."""


class Reply(NamedTuple):
    """An answer: header names are lower case, and *body* is the start of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Post = Callable[[bytes, Mapping[str, str]], Reply | Later]
"""Sends a body with headers, and returns within a deadline what came back, or why nothing did."""


def interpreted(reply: Reply, now: float) -> Verdict | None:
    """The verdict of *reply*, None of a success; *now* is Unix seconds, from which a date in Retry-After counts.

    Statuses by RFC 9110, section 15. A server's error is no word about a sample, except for the one by which Prometheus
    says that it is too old.
    """
    status, headers, said = reply.status, reply.headers, words(reply)
    if 200 <= status < 300:
        return _portal(reply)
    old = " ".join(reply.body.decode(errors="replace").lower().replace("-", " ").split())
    if status >= 500 and _OLD_BY_500 in old:
        return TooOld(said)
    if status in _AGAIN or status >= 500:
        return Later(said, retry_after(headers, now))
    if status in _ADVICE or status < 400:
        place = f" to {headers['location']}; write that as url" if "location" in headers else ""
        return Later(f"{said}; {_ADVICE.get(status, 'something else than a receiver answers; look at url')}{place}")
    return TooLarge(said) if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else _refusal(said, old)


def _portal(reply: Reply) -> Verdict | None:
    """A success that is none: no receiver answers with a web page."""
    if not reply.headers.get("content-type", "").lower().startswith("text/html"):
        return None
    why = "a web page answers there, not a receiver: look at url, and whether somebody must log in on the way"
    return Later(f"{reply.status}: {why}")


def _refusal(said: str, old: str) -> Verdict:
    """What a receiver means that does not take the data; *old* is its answer in lower case, without hyphens."""
    if any(phrase in old for phrase in _PLAIN):
        return Later(f"{said}; look whether url must begin with https")
    is_old = any(phrase in old for phrase in _OLD) and "in the future" not in old
    return TooOld(said) if is_old else Refused(said)


def words(reply: Reply) -> str:
    r"""Status and answer for a person, on one line and bounded.

    >>> words(Reply(400, {}, b"out of\n bounds"))
    '400 Bad Request: out of bounds'
    """
    try:
        phrase = f"{reply.status} {HTTPStatus(reply.status).phrase}"
    except ValueError:
        phrase = str(reply.status)
    said = " ".join(reply.body.decode(errors="replace").split())
    said = "".join(letter for letter in said if letter.isprintable())[:LONGEST]
    return f"{phrase}: {said}" if said else phrase


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from *now* (Unix) until the receiver wants to be asked again (RFC 9110, 10.2.3), if it says so.

    >>> retry_after({"retry-after": "120"}, 0.0), retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 15.0)
    (120.0, 45.0)
    >>> retry_after({"retry-after": "soon"}, 0.0)
    """
    when = headers.get("retry-after", "").strip()
    if when.isascii() and when.isdigit():
        return float(when[:12])
    try:
        date = parsedate_to_datetime(when)
        return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now)
    except (ValueError, OverflowError):
        return None
