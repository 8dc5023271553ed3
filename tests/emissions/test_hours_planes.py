"""What is substituted reaches no limit, no alert and no metric: no import leads there."""

from __future__ import annotations

from collections.abc import Sequence

import grimp
import pytest

SUBSTITUTES: Sequence[str] = (
    "greenops_gateway.cems.substitution.part75",
    "greenops_gateway.cems.substitution.ets",
    "greenops_gateway.cems.substitution.table",
    "greenops_gateway.cems.substitution.lookback",
    "greenops_gateway.regulatory.reported_plane",
)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("greenops_gateway", "greenops_alerting", "greenops_core", "greenops_telemetry")


@pytest.mark.parametrize(
    "reader",
    [
        "greenops_alerting",
        "greenops_gateway.limit",
        "greenops_gateway.limit_hours",
        "greenops_gateway.limit_metrics",
        "greenops_gateway.emissions.metrics",
        "greenops_gateway.emissions.run",
        "greenops_gateway.emissions.follow",
        "greenops_gateway.gateway",
        "greenops_gateway.cems.closing",
        "greenops_telemetry.live",
    ],
)
def test_no_import_leads_from_what_people_are_paged_by_to_substitutes(graph: grimp.ImportGraph, reader: str) -> None:
    whole = {reader, *graph.find_descendants(reader)}
    for substitute in SUBSTITUTES:
        assert substitute in graph.modules, f"{substitute} has another name now: the test must follow it"
        for module in whole:
            assert graph.find_shortest_chain(module, substitute) is None, (module, substitute)
