"""The agent's whole exposition on the fixture host."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from fixture_host import SETTINGS, FixtureHost, powercap, steps, zone
from greenops_agent.login import Session
from greenops_agent.request import Request
from greenops_agent.run import Agent
from greenops_core.catalogue import CATALOGUE
from greenops_telemetry.exposition import text

PACKAGES = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram"}


def collected(host: FixtureHost, *, counters: bool) -> str:
    """Two looks, five seconds apart, and a scrape."""
    agent = Agent(SETTINGS, host.source, lambda: host.clock, stopwatch=steps(by=0.125))
    host.logs_in(Session("ana", "pts/0"), Session("ben", None))
    host.typed("pts/0", ago=90)
    for microjoules in (262_100_000_000, 156_671_149):
        if counters:
            powercap(host.root, {name: zone(what, microjoules) for name, what in PACKAGES.items()})
        host.passes(5, load=0.25)
        agent.collect(host.at)
    agent.respond(Request("/metrics", {}, keep_alive=True), host.at)
    return text(agent.live.page(host.at)).decode()


def test_a_host_with_energy_counters_reads_as_committed(host: FixtureHost, golden: Callable[[str, str], None]) -> None:
    golden("agent_rapl.prom", collected(host, counters=True))


def test_a_host_without_energy_counters_reads_as_committed(
    host: FixtureHost, golden: Callable[[str, str], None]
) -> None:
    golden("agent_model.prom", collected(host, counters=False))


def test_every_metric_of_a_host_is_told(host: FixtureHost) -> None:
    families = text_string_to_metric_families(collected(host, counters=False))
    told = {sample.name for family in families for sample in family.samples}
    ours = ("greenops_host_", "greenops_collector_", "greenops_build_info", "greenops_http_requests_total")
    assert told == {metric.name for metric in CATALOGUE if metric.name.startswith(ours)}
