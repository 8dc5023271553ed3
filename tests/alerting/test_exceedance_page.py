"""From a metric to the words on a screen, through a real Prometheus, Alertmanager and the shipped receiver."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from greenops_alerting import alertmanager as configuration
from greenops_alerting import rules
from greenops_alerting.rules import Links
from greenops_alerting.thresholds import Windows
from greenops_core import catalogue as c
from greenops_core.sample import Metric
from greenops_telemetry.configuration import Url
from real_servers import QueryApi, eventually
from stack import Service, free_port, program, running

SHORT = Windows(device_silent="3s", confirm="1s")
NOX = {"site": "north", "stack": "s1", "parameter": "nox", "averaging": "1h"}


class Plant:
    """A gateway's page, to be changed while it is scraped."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        plant = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write("".join(f"{name} {value}\n" for name, value in sorted(plant.values.items())).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature is http.server's
                """Nothing: scrapes are many."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def put(self, metric: Metric, value: float | None, **labels: str) -> None:
        pairs = ",".join(f'{key}="{labels[key]}"' for key in metric.labels)
        name = f"{metric.name}{{{pairs}}}"
        self.values = {key: old for key, old in self.values.items() if key != name} | (
            {} if value is None else {name: value}
        )

    def emission(self, average: float | None) -> None:
        self.put(c.EMISSION_AVERAGE, average, unit="mg/m3", **NOX)
        self.put(c.EMISSION_LIMIT_RATIO, None if average is None else average / 50, **NOX)
        self.put(c.EMISSION_LIMIT, 50, unit="mg/m3", **NOX)
        self.put(c.EMISSION_AVERAGE_VALID, float(average is not None), **NOX)

    def device(self, up: float) -> None:
        self.put(c.DEVICE_UP, up, site="north", stack="s1", device="a1", protocol="modbus")


@pytest.fixture
def plant() -> Iterator[Plant]:
    made = Plant()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_an_exceedance_becomes_a_page_and_outlives_the_data(
    plant: Plant, tmp_path: Path, prometheus: Callable[..., QueryApi], alertmanager: Callable[..., str]
) -> None:
    port, log = free_port(), tmp_path / "pages.log"
    command = [str(program("greenops-alerting")), "receive", "--listen", f"127.0.0.1:{port}"]
    files = {
        name: re.sub(r"interval: \w+", "interval: 1s", rules.render(groups, Links()))
        for name, groups in rules.files(SHORT).items()
    }
    config = configuration.render(configuration.everybody(Url(f"http://127.0.0.1:{port}")), rules.alerts())
    config = re.sub(r"group_(interval|wait): \w+", r"group_\1: 1s", config)
    plant.emission(42)
    plant.device(1)
    with running(Service("pages", command, f"http://127.0.0.1:{port}/-/healthy"), log):
        url = alertmanager(config)
        api = prometheus(targets={"gateway": plant.address}, rules=files, alertmanagers=[url.removeprefix("http://")])

        def said(*words: str) -> str:
            blocks = re.split(r"\n(?=\d{4}-)", log.read_text())
            return next((block for block in blocks if all(word in block for word in words)), "")

        def firing(name: str) -> bool:
            return bool(api.query(f'ALERTS{{alertname="{name}",alertstate="firing"}}'))

        eventually(lambda: api.query("site_stack_parameter_averaging:greenops_emission_limit_ratio:last"))
        assert not firing("EmissionLimitExceeded")
        eventually(lambda: said("alerting is alive"))

        began = time.monotonic()
        plant.emission(63.2)
        page = eventually(lambda: said("FIRING PAGE EmissionLimitExceeded"))
        print(f"\nfrom the metric to the page: {time.monotonic() - began:.1f} s\n\n{page}")
        for words in (
            "site north, stack s1, parameter nox",
            "average    63.2 mg/m3",
            "period     1h",
            "limit      50 mg/m3",
            "over by    26.4% (13.2 mg/m3)",
            "data       valid now",
            "runbooks/EmissionLimitExceeded.md",
            "/d/greenops-emissions?var-site=north&var-stack=s1&var-parameter=nox",
        ):
            assert words in page
        assert not said("EmissionLimitApproaching", "FIRING"), "the warnings belong to the exceedance"

        plant.emission(None)
        plant.device(0)
        lost = eventually(lambda: said("FIRING PAGE DeviceConnectionLost"), patience=40)
        assert "a1 at north/s1 (modbus): it has not answered the gateway for 3s" in lost
        assert firing("EmissionLimitExceeded"), "silence does not clear an exceedance"
        assert not said("RESOLVED")

        plant.emission(40)
        plant.device(1)
        over = eventually(lambda: said("RESOLVED PAGE EmissionLimitExceeded"), patience=30)
        assert "over after" in over
        eventually(lambda: said("RESOLVED PAGE DeviceConnectionLost"), patience=30)
        print(f"\n{lost}\n\n{over}")
