"""Real servers for tests: each is a context manager, on a free port, with its data below a folder of the test.

A server that is not on this machine fails the test in the words of ``StackError``; it is never skipped.
"""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stack import Service, free_port, running, server

T = TypeVar("T")

ROUTE_NOWHERE = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def get(url: str, timeout: float = 10.0) -> str:
    """The text that ``GET url`` answers."""
    with urllib.request.urlopen(url, timeout=timeout) as reply:
        text: str = reply.read().decode()
        return text


def eventually(probe: Callable[[], T], patience: float = 15.0, every: float = 0.05) -> T:
    """The first truthy thing that *probe* gives; fails with its last answer when *patience* seconds have passed."""
    deadline = time.monotonic() + patience
    while not (found := probe()):
        assert time.monotonic() < deadline, f"nothing after {patience:g} s; the last answer was {found!r}"
        time.sleep(every)
    return found


@dataclass(frozen=True, slots=True)
class QueryApi:
    """A server that answers PromQL below *url*."""

    url: str

    @property
    def address(self) -> str:
        """``host:port``."""
        return urllib.parse.urlsplit(self.url).netloc

    def api(self, path: str, **parameters: str | Sequence[str]) -> Any:  # noqa: ANN401  # JSON
        """The ``data`` of ``GET /api/v1/<path>``."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        return json.loads(get(f"{self.url}/api/v1/{path}?{query}"))["data"]

    def query(self, promql: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series of the instant vector *promql*; Unix time *at* is now when not given."""
        moment = {} if at is None else {"time": f"{at}"}
        return [
            (found["metric"], float(found["value"][1])) for found in self.api("query", query=promql, **moment)["result"]
        ]

    def series(self, match: str) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        """Name and other labels of each series that *match* selects."""
        return {
            (found["__name__"], frozenset((key, value) for key, value in found.items() if key != "__name__"))
            for found in self.api("series", **{"match[]": match})
        }

    def reload(self) -> None:
        """Have the configuration read again."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/reload", method="POST"), timeout=10).close()


class FlushedQueryApi(QueryApi):
    """VictoriaMetrics, made to show at once what it has taken; by itself it takes some ten seconds."""

    __slots__ = ()

    def api(self, path: str, **parameters: str | Sequence[str]) -> Any:  # noqa: ANN401  # JSON
        get(f"{self.url}/internal/force_flush")
        return QueryApi.api(self, path, **parameters)


def scrape_config(
    targets: Mapping[str, str], rules: Sequence[str], alertmanagers: Sequence[str], every: str = "250ms"
) -> str:
    """A Prometheus configuration (JSON is YAML): *targets* maps a job's name to its ``host:port``."""
    return json.dumps(
        {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": list(rules),
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()
            ],
        },
        indent=1,
    )


@contextmanager
def prometheus(
    folder: Path,
    *,
    targets: Mapping[str, str] | None = None,
    config: str | None = None,
    rules: Mapping[str, str] | None = None,
    alertmanagers: Sequence[str] = (),
    flags: Sequence[str] = (),
    every: str = "250ms",
) -> Iterator[QueryApi]:
    """Prometheus with *config*, or one made of *targets*, *rules* (file name to text) and *alertmanagers*.

    *config* may name the files of *rules* by their bare names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (rules or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    file, port = folder / "prometheus.yml", free_port()
    file.write_text(config or scrape_config(targets or {}, tuple(rules or {}), alertmanagers, every), encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        server("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        "--rules.alert.resend-delay=1s",
        *flags,
    ]
    with running(Service("prometheus", command, f"{url}/-/ready"), folder / "prometheus.log"):
        yield QueryApi(url)


@contextmanager
def alertmanager(folder: Path, config: str = ROUTE_NOWHERE, flags: Sequence[str] = ()) -> Iterator[str]:
    """Alertmanager with *config*; its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    file, port = folder / "alertmanager.yml", free_port()
    file.write_text(config, encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        server("alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        *flags,
    ]
    with running(Service("alertmanager", command, f"{url}/-/ready"), folder / "alertmanager.log"):
        yield url


@contextmanager
def victoria_metrics(folder: Path, port: int | None = None, flags: Sequence[str] = ()) -> Iterator[QueryApi]:
    """VictoriaMetrics that names OTLP metrics as Prometheus does; on *port*, or on a free one."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{port or free_port()}"
    command: list[str | Path] = [
        server("victoria-metrics"),
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr={urllib.parse.urlsplit(url).netloc}",
        "-retentionPeriod=1",
        "-opentelemetry.usePrometheusNaming",
        "-search.latencyOffset=0s",
        *flags,
    ]
    with running(Service("victoria-metrics", command, f"{url}/health"), folder / "victoria-metrics.log"):
        yield FlushedQueryApi(url)
