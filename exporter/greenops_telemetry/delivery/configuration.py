"""The sections ``sinks:`` and ``journal:`` of a configuration file, and the sinks made from them.

::

    sinks:
      plant: {kind: remote_write, url: https://prometheus.example/api/v1/write, live_first: false}
      region: {kind: otlp, url: https://collector.example/v1/metrics, headers: {authorization: file:/run/secrets/otlp}}
      archive: {kind: jsonl, directory: /srv/greenops/samples}

What a kind of sink needs is imported when there is one.
"""

from __future__ import annotations

import base64
import re
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from greenops_core.duration import Duration, Size, size
from greenops_core.errors import ConfigError, Mistakes, within
from greenops_telemetry.answer import Program
from greenops_telemetry.configuration import Secret, Section, Url, lasting
from greenops_telemetry.delivery.sink import Sink
from greenops_telemetry.tls import Tls

if TYPE_CHECKING:
    from greenops_telemetry.delivery.http_post import Poster
    from greenops_telemetry.journal.house import Bounds

SMALLEST_SEGMENT, LARGEST_SEGMENT = 64 * 2**10, 2**30
FEWEST_SEGMENTS = 4

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, section 5.6.2
_OURS = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-prometheus-remote-write-version",
}
_EXAMPLES = {"remote_write": "/api/v1/write", "otlp": "/v1/metrics"}

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="A name: letters, digits, _ . -")]


def sized(text: str) -> Any:  # noqa: ANN401  # a field's default, as msgspec.field is
    """What a size key is when it is not given, such as ``16MiB``."""
    return msgspec.field(default_factory=partial(size, text))


class BasicAuth(Section, frozen=True):
    """User and password by RFC 7617; the password is a reference to a secret."""

    user: Annotated[str, Meta(min_length=1, pattern="^[^:]*$")]
    password: Secret


class Receiver(Section, frozen=True, kw_only=True):
    """What is sent to by HTTP, at most *batch* samples in a request that may take *timeout* in all.

    *live_first* sends what comes now before what is still owed, which the receiver must be able to put in order.
    Without it the oldest goes first, as a Prometheus without ``out_of_order_time_window`` needs it.
    """

    url: Url
    timeout: Duration = lasting("10s")
    batch: Annotated[int, Meta(ge=1, le=100_000)] = 5000
    live_first: bool = True
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    basic_auth: BasicAuth | None = None
    tls: Tls | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if "@" in parts.netloc:
            raise ValueError("url must not hold a user or a password; put them into basic_auth")
        if not self.url.isascii() or not self.url.isprintable():
            raise ValueError(f"url has letters that HTTP cannot say; write them as %XX; found {self.url!r}")
        if parts.path in {"", "/"}:
            example = _EXAMPLES[str(self.__struct_config__.tag)]
            raise ValueError(f"url needs the path too, like {self.url.rstrip('/')}{example}; found {self.url!r}")
        if self.tls is not None and parts.scheme != "https":
            raise ValueError("tls goes with a url that begins with https")
        for name, value in self.headers.items():
            _check_header(name, value)
        if self.basic_auth is not None and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("basic_auth and the header authorization are the same; leave one of them out")

    def check(self) -> None:
        """What types cannot say.

        Raises:
            ConfigError: a certificate is missing or does not fit; with the path from here to the key.
        """
        if self.tls is not None:
            with within("tls"):
                self.tls.check()


class RemoteWrite(Receiver, frozen=True, kw_only=True, tag_field="kind", tag="remote_write"):
    """Prometheus remote write. *version* is 1.0, 2.0, or auto: 2.0 where the receiver shows that it knows it.

    A request of 1.0 is taken as a whole or not at all, so auto is 1.0 where the oldest must go first.
    """

    version: Literal["auto", "1.0", "2.0"] | float = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if str(self.version) not in {"auto", "1.0", "2.0"}:
            raise ValueError(f"version is auto, 1.0 or 2.0; found {self.version}")


class OtlpHttp(Receiver, frozen=True, kw_only=True, tag_field="kind", tag="otlp"):
    """OTLP over HTTP, as protobuf."""


class Jsonl(Section, frozen=True, kw_only=True, tag_field="kind", tag="jsonl"):
    """Files in *directory*, one per UTC day and a line per sample."""

    directory: Annotated[str, Meta(min_length=1)]
    batch: Annotated[int, Meta(ge=1, le=10_000)] = 5000
    live_first: bool = False

    def check(self) -> None:
        """Nothing that types cannot say."""


SinkConfig = RemoteWrite | OtlpHttp | Jsonl
Sinks = dict[Name, SinkConfig]


class Retention(Section, frozen=True, kw_only=True):
    """How long samples are kept at least; after that they may go when room is wanted."""

    raw: Duration = lasting("10y")


class Journal(Section, frozen=True, kw_only=True):
    """Where samples are kept until every sink has them, and for the record after that.

    Whatever *retention* names is never deleted earlier; without it the oldest goes when *max_size* is reached.
    """

    directory: Annotated[str, Meta(min_length=1)]
    max_size: Size = sized("10GiB")
    segment: Size = sized("16MiB")
    retention: Retention | None = None

    def __post_init__(self) -> None:
        if not SMALLEST_SEGMENT <= self.segment <= LARGEST_SEGMENT:
            raise ValueError("segment is between 64KiB and 1GiB")
        if self.max_size < FEWEST_SEGMENTS * self.segment:
            raise ValueError(f"max_size holds at least {FEWEST_SEGMENTS} segments; raise it, or lower segment")

    def bounds(self) -> Bounds:
        """As the journal takes them."""
        from greenops_telemetry.journal.house import Bounds  # noqa: PLC0415  # with SQLite, where there is a journal

        keep = (self.retention or Retention()).raw
        return Bounds(int(self.segment), int(self.max_size), float(keep), self.retention is not None)


def check(sinks: Mapping[str, SinkConfig]) -> None:
    """What types cannot say of *sinks*.

    Raises:
        ConfigError: with the path from here to the key; ConfigErrors: several of them.
    """
    mistakes = Mistakes()
    for name, config in sinks.items():
        with mistakes.within(name):
            config.check()
    mistakes.tell()


def open_sink(
    name: str, config: SinkConfig, program: Program, started: float, clock: Callable[[], float] = time.time
) -> Sink:
    """The sink *name* of a program that began at *started* (Unix seconds); nothing is sent or made yet.

    Raises:
        ConfigError: a certificate does not fit, or a package is missing; with the path from here to the key.
    """
    match config:
        case RemoteWrite():
            return Sink(name, _remote_write(config, program, clock), config.batch, config.live_first)
        case OtlpHttp():
            from greenops_telemetry.delivery.otlp_sink import Encoder, Exporter  # noqa: PLC0415  # see the file's head

            encoder = Encoder(resource(program), program.version, started)
            send = Exporter(_poster(config, program).post, clock, encoder).send
            return Sink(name, send, config.batch, config.live_first)
        case Jsonl():
            from greenops_telemetry.delivery.jsonl import Files  # noqa: PLC0415  # see the file's head

            return Sink(name, Files(Path(config.directory)).send, config.batch, config.live_first)


def resource(program: Program) -> dict[str, str]:
    """Who sends, in OpenTelemetry's words."""
    return {
        "service.name": program.name,
        "service.version": program.version,
        "service.instance.id": socket.gethostname(),
    }


def _remote_write(config: RemoteWrite, program: Program, clock: Callable[[], float]) -> Any:  # noqa: ANN401  # Sink.send
    try:
        from greenops_telemetry.delivery.remote_write import Version, Writer  # noqa: PLC0415  # see the file's head
    except ImportError as error:
        raise ConfigError(
            f"remote_write needs a package that is not installed: {error.name}; pip install it beside greenops",
            ("kind",),
        ) from None
    version = None if config.version == "auto" else Version(str(config.version))
    if version is None and not config.live_first:
        version = Version.V1
    return Writer(_poster(config, program).post, clock, version).send


def _poster(config: Receiver, program: Program) -> Poster:
    from greenops_telemetry.delivery.http_post import Poster  # noqa: PLC0415  # see the file's head

    headers = {"user-agent": f"greenops/{program.version}", **config.headers}
    if (login := config.basic_auth) is not None:
        headers["authorization"] = f"Basic {base64.b64encode(f'{login.user}:{login.password}'.encode()).decode()}"
    with within("tls"):
        return Poster(config.url, headers, config.timeout, config.tls)


def _check_header(name: str, value: Secret) -> None:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a header")
    if name.lower() in _OURS:
        raise ValueError(f"the header {name} is not yours to set")
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"the value of the header {name} has letters, or more than one line, that HTTP cannot say")
