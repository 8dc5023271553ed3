"""Budgets as samples: absent is not zero, and last month's consumption is not this month's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from greenops_core.budget import Mass, Period
from greenops_core.factor import factor
from greenops_exporter.account import Consumption
from greenops_exporter.budgets import Budget, budget_samples, factor_samples, unheard
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live

MONTH, LAST_MONTH = Period(1000, 2000), Period(0, 1000)
BUDGETS = (Budget("research", Mass(2e6)), Budget("sales", Mass(500.0)))


def published(consumption: Consumption | None, live: Live | None = None) -> Mapping[str, float]:
    """Series of what is exposed, without ``greenops_budget_``."""
    live = live or Live()
    for sample in budget_samples(BUDGETS, MONTH, consumption, 1500):
        live.put(sample)
    lines = [line.rsplit(" ", 1) for line in text(live.page(1500)).decode().splitlines() if line[0] != "#"]
    return {name.removeprefix("greenops_budget_"): float(value) for name, value in lines}


def series(stem: str, department: str) -> str:
    return f'{stem}{{department="{department}",period="month"}}'


@pytest.mark.parametrize(
    ("consumption", "consumed"),
    [
        pytest.param(None, {}, id="nothing was ever read"),
        pytest.param(
            Consumption(MONTH, 1490, {"research": 7.5, "sales": 2.0}), {"research": 7.5, "sales": 2.0}, id="both known"
        ),
        pytest.param(Consumption(MONTH, 1490, {"research": 7.5}), {"research": 7.5}, id="no host of one reported"),
        pytest.param(Consumption(MONTH, 1490, {"research": 0.0}), {"research": 0.0}, id="counted, and nothing emitted"),
        pytest.param(Consumption(MONTH, 1490, {}), {}, id="Prometheus holds nothing"),
        pytest.param(Consumption(LAST_MONTH, 990, {"research": 9e9}), {}, id="of last month only"),
    ],
)
def test_consumption_is_published_where_it_is_known(
    consumption: Consumption | None, consumed: Mapping[str, float]
) -> None:
    bounds = {
        series(stem, budget.department): value
        for budget in BUDGETS
        for stem, value in (
            ("limit_grams", budget.limit),
            ("period_start_timestamp_seconds", 1000),
            ("period_end_timestamp_seconds", 2000),
        )
    }
    known = {series("consumed_grams", name): grams for name, grams in consumed.items()}
    assert {name: value for name, value in published(consumption).items() if "updated" not in name} == bounds | known


@pytest.mark.parametrize(
    ("consumption", "told"),
    [
        pytest.param(None, False, id="nothing was ever read"),
        pytest.param(Consumption(MONTH, 1490, {}), True, id="read, though no host reported"),
        pytest.param(Consumption(LAST_MONTH, 990, {"research": 9e9}), False, id="last month's reading"),
    ],
)
def test_the_age_of_the_reading_is_told_for_every_budget_once_this_month_was_read(
    consumption: Consumption | None, *, told: bool
) -> None:
    ages = {name: value for name, value in published(consumption).items() if "updated" in name}
    wanted = {series("updated_timestamp_seconds", budget.department): 1490 for budget in BUDGETS}
    assert ages == (wanted if told else {})


def test_consumption_that_is_no_longer_known_ends() -> None:
    live = Live()
    published(Consumption(MONTH, 1490, {"research": 7.5}), live)
    assert not [name for name in published(None, live) if name.startswith(("consumed", "updated"))]


def test_a_department_without_hosts_is_named_with_the_nearest_that_has_some() -> None:
    assert unheard(BUDGETS, Consumption(MONTH, 1490, {"sales": 1.0, "reserch": 2.0})) == (
        "no host reported for department 'research' this month; did you mean 'reserch'?",
    )
    assert unheard(BUDGETS, Consumption(MONTH, 1490, {"sales": 1.0, "research": 0.0})) == ()


def test_a_factor_says_where_it_comes_from() -> None:
    live = Live()
    for sample in factor_samples([factor("DE"), factor("US", "egrid")], 5.0):
        live.put(sample)
    name = "greenops_grid_carbon_intensity_grams_per_kwh"
    assert text(live.page(5.0)).decode().splitlines()[2:] == [
        name + '{zone="DE",kind="average",source="ember",version="2024.1.0"} 342.06',
        name + '{zone="US",kind="average",source="egrid",version="2023.2.0"} 349.667',
    ]
