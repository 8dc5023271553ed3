"""Prometheus remote write, versions 1.0 and 2.0: requests as bytes, and what the receiver answers. Pure.

1.0 is taken as a whole or not at all. 2.0 is shorter, and the receiver tells how many samples it has written; one that
does not know 2.0 may answer 204 and store nothing, so only that number is believed. Specifications:
prometheus.io/docs/specs/prw/remote_write_spec and remote_write_spec_2_0.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import cramjam

from greenops_telemetry.delivery.protobuf import BYTES, FIXED64, VARINT, double, nested, number, tag, text, varint
from greenops_telemetry.delivery.sink import Batch
from greenops_telemetry.delivery.status import Post, Reply, interpreted, words
from greenops_telemetry.delivery.told import Points, Told
from greenops_telemetry.delivery.verdict import Later, Refused, Taken, Verdict
from greenops_telemetry.journal.series import Series

STALE = (0x7FF0000000000002).to_bytes(8, "little")
"""The value that ends a series: a NaN that no arithmetic makes."""
UNSUPPORTED = 415
WRITTEN = "x-prometheus-remote-write-samples-written"

_VALUE = tag(1, FIXED64)
_MOMENT = tag(2, VARINT)
_COUNTER, _GAUGE = 1, 2  # Metadata.MetricType of 2.0


class Version(StrEnum):
    """Of the protocol."""

    V1 = "1.0"
    V2 = "2.0"


class Request(NamedTuple):
    """A body, and how many samples it holds."""

    body: bytes
    samples: int


_HEADERS = {
    Version.V1: {
        "content-type": "application/x-protobuf",
        "content-encoding": "snappy",
        "x-prometheus-remote-write-version": "0.1.0",
    },
    Version.V2: {
        "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "content-encoding": "snappy",
        "x-prometheus-remote-write-version": "2.0.0",
    },
}


def headers(version: Version) -> Mapping[str, str]:
    """What stands before a request of *version*."""
    return _HEADERS[version]


class Encoder:
    """Makes requests; the labels of a series are written once for all of them."""

    def __init__(self) -> None:
        self._labels: dict[Hashable, bytes] = {}
        self._pairs: dict[Hashable, list[tuple[bytes, bytes]]] = {}

    def request(self, points: Iterable[Points], version: Version) -> Request:
        """*points* as a compressed body.

        Raises:
            ValueError: a time that milliseconds in 64 bits cannot say.
        """
        body, samples = self._second(points) if version is Version.V2 else self._first(points)
        return Request(bytes(cramjam.snappy.compress_raw(body)), samples)

    def _first(self, points: Iterable[Points]) -> tuple[bytes, int]:
        """``prometheus.WriteRequest`` of 1.0."""
        moments = _Moments()
        out, count = [], 0
        for some in points:
            if (labels := self._labels.get(some.key)) is None:
                pairs = [nested(1, text(1, name), text(2, value)) for name, value in labels_of(some.series)]
                labels = self._labels[some.key] = b"".join(pairs)
            out.append(nested(1, labels, _samples(some, moments)))
            count += len(some.at)
        return b"".join(out), count

    def _second(self, points: Iterable[Points]) -> tuple[bytes, int]:
        """``io.prometheus.write.v2.Request``: each text once, in front."""
        moments = _Moments()
        symbols: dict[bytes, int] = {b"": 0}
        out, count = [], 0
        for some in points:
            if (pairs := self._pairs.get(some.key)) is None:
                pairs = [(_utf8(name), _utf8(value)) for name, value in labels_of(some.series)]
                self._pairs[some.key] = pairs
            references = b"".join(varint(symbols.setdefault(word, len(symbols))) for pair in pairs for word in pair)
            kind = number(1, _COUNTER if some.series.is_counter else _GAUGE)
            out.append(nested(5, nested(1, references), _samples(some, moments), nested(5, kind)))
            count += len(some.at)
        return b"".join((*(nested(4, symbol) for symbol in symbols), *out)), count


def labels_of(series: Series) -> list[tuple[str, str]]:
    """Name and labels in the order that the specification asks for; an empty one is the same as none.

    >>> labels_of(Series("m", "", "", False, (("site", "s"), ("Area", "a"), ("stack", ""))))
    [('Area', 'a'), ('__name__', 'm'), ('site', 's')]
    """
    return sorted([("__name__", series.name), *(pair for pair in series.labels if pair[1])])


def interpret(request: Request, version: Version, reply: Reply, now: float) -> Verdict:
    """What *reply* says of *request*; *now* is Unix seconds."""
    verdict = interpreted(reply, now)
    if verdict is not None:
        return verdict
    if version is Version.V1:
        return Taken()
    if (told := written(reply)) is None:
        return Later(
            f"{words(reply)}, and no word of how many samples were written: the receiver does not know remote write "
            "2.0, which version: auto finds out by itself"
        )
    if told != request.samples:
        return Refused(f"{words(reply)}, and {told} of {request.samples} samples were written")
    return Taken()


def written(reply: Reply) -> int | None:
    """How many samples the receiver says it has written, if it does.

    >>> written(Reply(204, {WRITTEN: "12"}, b"")), written(Reply(204, {}, b""))
    (12, None)
    """
    told = reply.headers.get(WRITTEN, "")
    return int(told) if told.isascii() and told.isdigit() else None


class Writer:
    """Sends batches by *post*. Without *version* it is 2.0 when a request without samples is answered as 2.0 is."""

    def __init__(self, post: Post, clock: Callable[[], float], version: Version | None = None) -> None:
        self._post, self._clock, self._version = post, clock, version
        self._is_fixed = version is not None
        self._encoder, self._told = Encoder(), Told()

    def send(self, batch: Batch) -> Verdict:
        """What became of *batch*. Raises ValueError: it has a time that milliseconds cannot say."""
        points = self._told.points(batch)
        if not points:
            self._told.keep()
            return Taken()
        if self._version is None and (trouble := self._agree()) is not None:
            return trouble
        version = self._version or Version.V1
        request = self._encoder.request(points, version)
        reply = self._post(request.body, headers(version))
        if isinstance(reply, Later):
            return reply
        verdict = interpret(request, version, reply, self._clock())
        if verdict == Taken():
            self._told.keep()
        elif version is Version.V2 and not self._is_fixed and written(reply) is None:
            self._version = None  # what answers now may be another receiver
        return verdict

    def _agree(self) -> Verdict | None:
        """Find out which version the receiver knows; what is in the way of that, if anything is."""
        request = self._encoder.request((), Version.V2)
        reply = self._post(request.body, headers(Version.V2))
        if isinstance(reply, Later):
            return reply
        if written(reply) is not None:
            self._version = Version.V2
            return None
        verdict = interpreted(reply, self._clock())
        if isinstance(verdict, Later) and reply.status != UNSUPPORTED:
            return verdict
        self._version = Version.V1
        return None


class _Moments(dict[float, tuple[bytes, bytes]]):
    """What stands around the value of a sample at a time in Unix seconds; points are often read together."""

    def __missing__(self, at: float) -> tuple[bytes, bytes]:
        try:
            moment = _MOMENT + varint(round(at * 1000))
        except (OverflowError, ValueError):
            raise ValueError(f"the time {at!r} is none in milliseconds") from None
        size = len(_VALUE) + 8 + len(moment)
        made = self[at] = tag(2, BYTES) + varint(size) + _VALUE, moment
        return made


def _samples(points: Points, moments: _Moments) -> bytes:
    """The samples of one series; the field is the same in both versions."""
    around: Sequence[tuple[bytes, bytes]] = [moments[at] for at in points.at]
    return b"".join(
        [
            head + (STALE if value is None else double(value)) + tail
            for (head, tail), value in zip(around, points.values, strict=True)
        ]
    )


def _utf8(words: str) -> bytes:
    return words.encode(errors="replace")
