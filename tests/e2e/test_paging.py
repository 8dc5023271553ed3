"""From the register of an analyser to the words of a page, through every real program in between.

The programs are those of ``make up``; only intervals are shorter.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from plan import Ports, services
from real_servers import QueryApi, eventually
from stack import free_port, running
from up import switch, write_configuration

AVERAGING = "5s"


@dataclass(frozen=True, slots=True)
class Whole:
    """The running stack."""

    ports: Ports
    prometheus: QueryApi
    pages: Path
    started: float

    def page(self, *words: str, since: int = 0, patience: float = 60) -> str:
        """The first printed page behind offset *since* that holds all *words*."""

        return eventually(lambda: next(iter(self.printed(*words, since=since)), ""), patience)

    def printed(self, *words: str, since: int = 0) -> list[str]:
        """The printed pages behind offset *since* that hold all *words*."""
        blocks = re.split(r"\n(?=\S)", self.pages.read_text(encoding="utf-8")[since:])
        return [block for block in blocks if all(word in block for word in words)]

    def firing(self, alert: str) -> list[dict[str, str]]:
        return [labels for labels, _ in self.prometheus.query(f'ALERTS{{alertname="{alert}",alertstate="firing"}}')]


def quickened(config: Path) -> None:
    """Seconds instead of minutes, in files that otherwise stay as they are shipped."""
    gateway = yaml.safe_load((config / "gateway.yml").read_text())
    gateway["links"]["gas"]["timeout"] = "200ms"
    gateway["links"]["flow"]["publishing"] = "200ms"
    for device in gateway["devices"]:
        device |= {"poll": "200ms", "stale_after": "1s"}
    for limit in gateway["limits"]:
        limit["averaging"] = {"1m": AVERAGING, "30m": "10s"}[limit["averaging"]]
    (config / "gateway.yml").write_text(yaml.safe_dump(gateway))
    prometheus = yaml.safe_load((config / "prometheus.yml").read_text())
    prometheus["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    (config / "prometheus.yml").write_text(yaml.safe_dump(prometheus))
    for rules in (config / "rules").glob("*.yml"):
        rules.write_text(re.sub(r"^  interval: \w+$", "  interval: 500ms", rules.read_text(), flags=re.MULTILINE))
    told = re.sub(r"group_(wait|interval): \w+", r"group_\1: 1s", (config / "alertmanager.yml").read_text())
    (config / "alertmanager.yml").write_text(told)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    data = tmp_path_factory.mktemp("whole")
    ports = Ports(*(free_port() for _ in Ports().items()))
    write_configuration(ports, data)
    quickened(data / "config")
    started = time.monotonic()
    with ExitStack() as stack:
        for service in services(ports, data):
            stack.enter_context(running(service, data / "logs" / f"{service.name}.log"))
        yield Whole(ports, QueryApi(f"http://127.0.0.1:{ports.prometheus}"), data / "logs" / "pages.log", started)


def value(whole: Whole, query: str) -> Callable[[], float]:
    return lambda: (whole.prometheus.query(query) or [({}, 0.0)])[0][1]


def test_a_pulled_cable_and_an_exceedance_become_pages_that_say_what_to_do(whole: Whole) -> None:
    # This host and the simulated stack are in Prometheus within a minute.
    for query in (
        "greenops_host_memory_bytes",
        "greenops_host_energy_joules_total",
        "greenops_host_emissions_grams_total",
        'greenops_point_concentration_mg_per_m3{point="so2"}',
        f'greenops_emission_limit_ratio{{parameter="SO2",averaging="{AVERAGING}"}}',
        *(f'greenops_device_up{{protocol="{protocol}"}}' for protocol in ("modbus", "opcua", "mqtt", "dnp3")),
        'greenops_point_mass_flow_grams_per_second{point="so2_mass"}',
        "greenops_budget_limit_grams",
    ):
        assert eventually(value(whole, query), patience=60) > 0, query
    assert time.monotonic() - whole.started < 60
    assert not whole.firing("EmissionLimitExceeded")

    # Exceedance: a page in plain words.
    began = time.monotonic()
    assert switch(whole.ports, "exceedance") == 0
    page = whole.page("FIRING", "SO2", f"{AVERAGING} average", "150 mg/m3")
    print(f"exceedance to page: {time.monotonic() - began:.1f} s (averaging {AVERAGING})")
    measured = re.search(r"average of ([\d.]+) mg/m3", page)
    assert measured
    assert float(measured[1]) > 150
    for words in ("demo-plant", "stack-1", "over", "EmissionLimitExceeded.md", "valid now"):
        assert words in page

    # The cable is pulled: the connection pages, the exceedance stays.
    seen = len(whole.pages.read_text())
    assert switch(whole.ports, "failure") == 0
    lost = whole.page("FIRING", "analyser-1", "DeviceConnectionLost.md", since=seen)
    assert "demo-plant" in lost
    lost_average = f'greenops_emission_average{{parameter="SO2",averaging="{AVERAGING}"}}'
    eventually(lambda: not whole.prometheus.query(lost_average))
    assert not whole.prometheus.query('greenops_point_concentration_mg_per_m3{point="so2"}')
    time.sleep(5)  # ten evaluations without valid data
    assert [labels for labels in whole.firing("EmissionLimitExceeded") if labels["parameter"] == "SO2"]
    assert not whole.printed("RESOLVED", "EmissionLimitExceeded", since=seen)

    # All is well again: both resolve, by valid data below the limit.
    assert switch(whole.ports, "normal") == 0
    eventually(lambda: not whole.firing("EmissionLimitExceeded"), patience=60)
    eventually(lambda: not whole.firing("DeviceConnectionLost"), patience=60)
    assert 0 < value(whole, f'greenops_emission_limit_ratio{{parameter="SO2",averaging="{AVERAGING}"}}')() < 1
    whole.page("RESOLVED", "DeviceConnectionLost", since=seen)
    whole.page("RESOLVED", "EmissionLimitExceeded", since=seen)
