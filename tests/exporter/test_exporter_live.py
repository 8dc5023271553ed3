"""The exporter beside a real Prometheus that scrapes a counter as it grows: outage, and restart in an outage."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import real_servers
from greenops_core.budget import month
from greenops_core.catalogue import HOST_EMISSIONS
from stack import Service, free_port, program, running, server

GRAMS_PER_SECOND = 40.0
HISTORY = 3 * 3600 + 30 * 60
LABELS = 'host="h",department="research",zone="DE"'


def grams(born: float, at: float) -> float:
    return (at - born) * GRAMS_PER_SECOND


@contextmanager
def growing(born: float) -> Iterator[str]:
    """A host on loopback whose counter grows by the clock since *born*; gives its ``host:port``."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (
                f"# TYPE {HOST_EMISSIONS.name} counter\n{HOST_EMISSIONS.name}{{{LABELS}}} {grams(born, time.time())}\n"
            )
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_request(self, *_: object, **__: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


def remember(folder: Path, born: float, address: str) -> None:
    """Write the last hours of the counter as if Prometheus in *folder* had scraped them."""
    labels = f'{LABELS},instance="{address}",job="host"'
    lines = [
        f"{HOST_EMISSIONS.name}{{{labels}}} {grams(born, born + age)} {born + age}" for age in range(0, HISTORY, 15)
    ]
    folder.mkdir()
    text = "\n".join([f"# TYPE {HOST_EMISSIONS.otlp_name} counter", *lines, "# EOF", ""])
    (folder / "history.om").write_text(text, encoding="utf-8")
    subprocess.run(
        [server("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "history.om", folder / "data"],
        check=True,
        capture_output=True,
    )


def exposed(port: int) -> Mapping[tuple[str, str], float]:
    """Value by metric and department, of the budgets' metrics."""
    text = real_servers.get(f"http://127.0.0.1:{port}/metrics")
    return {
        (sample.name.removeprefix("greenops_budget_"), sample.labels["department"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("greenops_budget_")
    }


def consumption(port: int) -> tuple[float, ...]:
    """Grams of research, and when they were read; nothing while that is not known."""
    found = exposed(port)
    if ("consumed_grams", "research") not in found:
        return ()
    return found["consumed_grams", "research"], found["updated_timestamp_seconds", "research"]


def test_consumption_follows_the_counter_and_stays_while_prometheus_is_gone(tmp_path: Path) -> None:
    born, port, log = time.time() - HISTORY, free_port(), tmp_path / "exporter.log"
    config = tmp_path / "exporter.yml"
    config.write_text(
        "refresh: 200ms\nbudgets:\n- { department: research, limit: 1t }\n- { department: reserch, limit: 1t }\n"
    )
    began = max(born, month(datetime.now(UTC)).start)
    with growing(born) as host, ExitStack() as outage:
        remember(tmp_path / "prometheus", born, host)
        source = outage.enter_context(real_servers.prometheus(tmp_path / "prometheus", targets={"host": host}))
        command: list[str | Path] = [
            program("greenops-exporter"),
            "run",
            "--config",
            config,
            "--listen",
            f"127.0.0.1:{port}",
        ]
        command += ["--prometheus", source.url, "--data", tmp_path / "data"]
        service = Service("exporter", command, f"http://127.0.0.1:{port}/-/ready")

        with running(service, log):
            consumed, read = real_servers.eventually(lambda: consumption(port), patience=60)
            assert time.time() - 20 < read <= time.time()
            # One scrape of the history is 15 s.
            assert consumed == pytest.approx((read - began) * GRAMS_PER_SECOND, abs=15 * GRAMS_PER_SECOND)
            assert ("consumed_grams", "reserch") not in exposed(port)
            assert "no host reported for department 'reserch' this month; did you mean 'research'?" in log.read_text()

            outage.close()
            real_servers.eventually(lambda: "the last known stays" in log.read_text())
            kept = consumption(port)
            assert kept >= (consumed, read)

        with running(service, log):
            remembered = real_servers.eventually(lambda: consumption(port))
        assert remembered[1] % 3600 == 0
        assert remembered[0] == pytest.approx((remembered[1] - began) * GRAMS_PER_SECOND, abs=15 * GRAMS_PER_SECOND)
