"""``sinks:`` and ``journal:``: what may be written, what is said of the rest, and the sinks that come of it."""

from __future__ import annotations

import base64
import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from greenops_core.errors import ConfigError
from greenops_telemetry.answer import Program
from greenops_telemetry.configuration import Section, convert, convert_all, schema
from greenops_telemetry.delivery.configuration import (
    Journal,
    Jsonl,
    OtlpHttp,
    RemoteWrite,
    Sinks,
    check,
    open_sink,
)
from greenops_telemetry.delivery.remote_write import WRITTEN
from greenops_telemetry.delivery.verdict import Later, Refused, Taken, Verdict
from greenops_telemetry.journal.house import Bounds
from sample_batch import Taking, batch
from self_signed import Authority
from stack import free_port

PROGRAM = Program("greenops-test", "1.2.3")
WRITE = "http://h/api/v1/write"
T = 1_700_000_000.0


class File(Section, frozen=True):
    sinks: Sinks = {}  # noqa: RUF012  # msgspec copies it
    journal: Journal | None = None


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "geheim: ü")
    monkeypatch.setenv("TOKEN", "Bearer abc")
    monkeypatch.setenv("LINES", "a\nb")


def test_a_sink_needs_little_and_a_journal_less() -> None:
    file = convert_all(
        {
            "sinks": {
                "a": {"kind": "remote_write", "url": WRITE},
                "b": {"kind": "otlp", "url": WRITE},
                "c": {"kind": "jsonl", "directory": "samples"},
            },
            "journal": {"directory": "journal"},
        },
        File,
    )
    first, second, third = file.sinks.values()
    assert isinstance(first, RemoteWrite)
    assert isinstance(second, OtlpHttp)
    assert isinstance(third, Jsonl)
    assert (first.version, first.timeout, first.batch, first.live_first) == ("auto", 10.0, 5000, True)
    assert (second.timeout, second.batch, second.live_first) == (10.0, 5000, True)
    assert (third.batch, third.live_first) == (5000, False)
    assert file.journal is not None
    assert file.journal.bounds() == Bounds()
    check(file.sinks)


def test_what_a_journal_keeps_by_name_is_never_deleted_earlier() -> None:
    journal = convert({"directory": "j", "max_size": "1.5TiB", "segment": "64KiB", "retention": {"raw": "3y"}}, Journal)
    assert journal.bounds() == Bounds(2**16, 3 * 2**39, 3 * 365.25 * 86400, keep_named=True)


@pytest.mark.parametrize(
    ("sink", "words"),
    [
        ({}, "sinks.a: the key 'kind' is missing"),
        ({"kind": "remote_wite"}, "sinks.a.kind: unknown value 'remote_wite'; did you mean 'remote_write'?"),
        ({"kind": "jsonl"}, "sinks.a: the key 'directory' is missing"),
        ({"kind": "jsonl", "directory": ""}, "sinks.a.directory: "),
        ({"kind": "jsonl", "directory": "d", "batch": 10_001}, "sinks.a.batch: expected whole number <= 10000"),
        ({"kind": "jsonl", "directory": "d", "url": WRITE}, "sinks.a.url: unknown key 'url'"),
        ({"kind": "otlp", "url": WRITE, "batsh": 3}, "sinks.a.batsh: unknown key 'batsh'; did you mean 'batch'?"),
        ({"kind": "otlp", "url": WRITE, "batch": 0}, "sinks.a.batch: expected whole number >= 1; found 0"),
        ({"kind": "otlp", "url": "h:9090"}, "sinks.a.url: 'h:9090' is not an address"),
        ({"kind": "otlp", "url": "http://h"}, "sinks.a: url needs the path too, like http://h/v1/metrics"),
        ({"kind": "remote_write", "url": "http://h/"}, "sinks.a: url needs the path too, like http://h/api/v1/write"),
        ({"kind": "otlp", "url": "http://u:p@h/x"}, "sinks.a: url must not hold a user or a password"),
        ({"kind": "otlp", "url": "http://h/ü"}, "sinks.a: url has letters that HTTP cannot say; write them as %XX"),
        ({"kind": "remote_write", "url": WRITE, "version": "3"}, "sinks.a.version: unknown value '3'; known: 1.0"),
        ({"kind": "remote_write", "url": WRITE, "version": 3.0}, "sinks.a: version is auto, 1.0 or 2.0; found 3.0"),
        ({"kind": "otlp", "url": WRITE, "tls": {}}, "sinks.a: tls goes with a url that begins with https"),
        ({"kind": "otlp", "url": WRITE, "tls": {"cas": "x"}}, "sinks.a.tls.cas: unknown key 'cas'; did you mean 'ca'?"),
        ({"kind": "otlp", "url": WRITE, "headers": {"a b": "env:TOKEN"}}, "sinks.a: 'a b' is no name of a header"),
        ({"kind": "otlp", "url": WRITE, "headers": {"Host": "env:TOKEN"}}, "the header Host is not yours to set"),
        ({"kind": "otlp", "url": WRITE, "headers": {"x": "env:LINES"}}, "the value of the header x has letters, or"),
        ({"kind": "otlp", "url": WRITE, "headers": {"x": "abc"}}, "a secret is given by reference: env:NAME or"),
        (
            {
                "kind": "otlp",
                "url": WRITE,
                "headers": {"Authorization": "env:TOKEN"},
                "basic_auth": {"user": "u", "password": "env:PASSWORD"},
            },
            "sinks.a: basic_auth and the header authorization are the same; leave one of them out",
        ),
        (
            {"kind": "otlp", "url": WRITE, "basic_auth": {"user": "u:v", "password": "env:PASSWORD"}},
            "sinks.a.basic_auth.user: ",
        ),
    ],
)
def test_a_mistake_in_a_sink_is_told(sink: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as told:
        convert_all({"sinks": {"a": sink}}, File)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        ({}, "journal: the key 'directory' is missing"),
        ({"directory": "j", "segment": "1KiB"}, "journal: segment is between 64KiB and 1GiB"),
        ({"directory": "j", "segment": "2GiB", "max_size": "1TiB"}, "journal: segment is between 64KiB and 1GiB"),
        ({"directory": "j", "max_size": "20MiB"}, "journal: max_size holds at least 4 segments; raise it"),
        ({"directory": "j", "max_size": 10}, "journal.max_size: 10 has no unit; write for example 64KiB"),
        (
            {"directory": "j", "retention": {"row": "1y"}},
            "journal.retention.row: unknown key 'row'; did you mean 'raw'",
        ),
        ({"directory": "j", "retention": {"raw": "101y"}}, "journal.retention.raw: '101y' is longer than a century"),
    ],
)
def test_a_mistake_in_the_journal_is_told(journal: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as told:
        convert_all({"journal": journal}, File)
    assert words in str(told.value)


def test_a_certificate_that_does_not_fit_is_told_by_each_sink_before_anything_is_sent(tmp_path: Path) -> None:
    good = Authority(tmp_path).ca
    tls = {"a": {"ca": good}, "b": {"ca": "nowhere.pem"}, "c": {"certificate": good}}
    file = convert(
        {"sinks": {name: {"kind": "otlp", "url": "https://h/x", "tls": some} for name, some in tls.items()}}, File
    )
    with pytest.raises(ConfigError) as told:
        check(file.sinks)
    assert str(told.value).splitlines() == [
        "b.tls.ca: cannot read nowhere.pem: No such file or directory",
        "c.tls.key: certificate and key go together; key is missing",
    ]
    with pytest.raises(ConfigError, match=r"^tls\.ca: cannot read nowhere\.pem"):
        open_sink("b", file.sinks["b"], PROGRAM, T)


def test_the_types_have_a_schema_and_a_secret_is_not_shown() -> None:
    assert schema(File)["$defs"]
    sink = {"kind": "otlp", "url": WRITE, "basic_auth": {"user": "u", "password": "env:PASSWORD"}}
    assert "geheim" not in repr(convert({"sinks": {"a": sink}}, File))


class Receiver(HTTPServer):
    """Answers each request with the next of *answers*, the last of them for ever; keeps what it was sent."""

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.answers, self.requests = list(answers), list[tuple[dict[str, str], bytes]]()
        self.url = f"http://127.0.0.1:{self.server_port}/write"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast("Receiver", self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        server.requests.append(({key.lower(): value for key, value in self.headers.items()}, body))
        status, headers = server.answers[0]
        del server.answers[: len(server.answers) > 1]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the names are theirs
        """Nothing on the terminal."""


@contextmanager
def receiving(*answers: tuple[int, dict[str, str]]) -> Iterator[Receiver]:
    with Receiver(*answers) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def sent(server: Receiver, rows: list[Taking], times: int = 1, **config: Any) -> list[Verdict]:  # noqa: ANN401  # YAML
    sink = open_sink("a", convert({"sinks": {"a": {"url": server.url, **config}}}, File).sinks["a"], PROGRAM, T)
    return [sink.send(batch(*rows)) for _ in range(times)]


NONE, ALL, SOME = (204, {WRITTEN: "0"}), (204, {WRITTEN: "2"}), (204, {WRITTEN: "1"})
V1, V2 = "0.1.0", "2.0.0"


@pytest.mark.parametrize(
    ("config", "answers", "versions", "verdicts"),
    [
        pytest.param({}, [(204, {})], [V2, V1, V1], [Taken, Taken], id="knows 1.0 only"),
        pytest.param({}, [(415, {}), (204, {})], [V2, V1, V1], [Taken, Taken], id="refuses 2.0"),
        pytest.param({}, [(400, {}), (204, {})], [V2, V1, V1], [Taken, Taken], id="cannot read 2.0"),
        pytest.param({}, [NONE, ALL], [V2, V2, V2], [Taken, Taken], id="knows 2.0"),
        pytest.param({}, [(503, {}), NONE, ALL], [V2, V2, V2], [Later, Taken], id="asked again"),
        pytest.param({}, [NONE, (204, {}), (204, {})], [V2, V2, V2, V1], [Later, Taken], id="another one now"),
        pytest.param({}, [NONE, SOME, ALL], [V2, V2, V2], [Refused, Taken], id="one was not written"),
        pytest.param({"live_first": False}, [(204, {})], [V1, V1], [Taken, Taken], id="auto in order"),
        pytest.param({"version": 1.0}, [(204, {})], [V1, V1], [Taken, Taken], id="1.0"),
        pytest.param({"version": "2.0"}, [ALL, (204, {})], [V2, V2], [Taken, Later], id="2.0"),
    ],
)
def test_the_version_of_remote_write_is_agreed_on(
    config: dict[str, Any],
    answers: list[tuple[int, dict[str, str]]],
    versions: list[str],
    verdicts: list[type[Verdict]],
) -> None:
    with receiving(*answers) as server:
        found = sent(server, [Taking(2, 1.0, T), Taking(2, 2.0, T + 1)], 2, kind="remote_write", **config)
        assert [type(verdict) for verdict in found] == verdicts
        assert [headers["x-prometheus-remote-write-version"] for headers, _ in server.requests] == versions


def test_who_sends_and_by_what_right_stands_in_each_request() -> None:
    with receiving((200, {})) as server:
        sent(server, [Taking(0, 1.0, T)], kind="otlp", headers={"Authorization": "env:TOKEN"})
        auth = {"user": "u", "password": "env:PASSWORD"}
        sent(server, [Taking(0, 1.0, T)], kind="remote_write", version="1.0", basic_auth=auth)
        (first, body), (second, _) = server.requests
    assert (first["user-agent"], first["authorization"]) == ("greenops/1.2.3", "Bearer abc")
    assert second["authorization"] == "Basic " + base64.b64encode("u:geheim: ü".encode()).decode()
    (resource,) = ExportMetricsServiceRequest.FromString(gzip.decompress(body)).resource_metrics
    attributes = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert attributes.keys() == {"service.name", "service.version", "service.instance.id"}
    assert (attributes["service.name"], attributes["service.version"]) == ("greenops-test", "1.2.3")


@pytest.mark.parametrize("kind", ["otlp", "remote_write"])
def test_when_there_is_nothing_to_tell_nothing_is_sent(kind: str) -> None:
    with receiving((204, {})) as server:
        found = sent(server, [], kind=kind)
        assert found == [Taken()]
        assert server.requests == []


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cramjam", None)
    monkeypatch.delitem(sys.modules, "greenops_telemetry.delivery.remote_write")
    config = convert({"kind": "remote_write", "url": WRITE}, RemoteWrite)
    with pytest.raises(ConfigError, match=r"^kind: remote_write needs a package that is not installed: cramjam; "):
        open_sink("a", config, PROGRAM, T)


def test_samples_in_files_need_no_receiver(tmp_path: Path) -> None:
    config = convert({"sinks": {"a": {"kind": "jsonl", "directory": str(tmp_path)}}}, File).sinks["a"]
    assert open_sink("a", config, PROGRAM, T).send(batch(Taking(0, 1.0, T))) == Taken()
    assert [file.name for file in tmp_path.iterdir()] == ["2023-11-14.jsonl"]
