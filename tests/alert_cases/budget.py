"""Budgets used, used too fast, about to run out, or not known."""

from __future__ import annotations

from alert_cases.case import Case, alert, of
from greenops_core import catalogue as c

MONTH = {"department": "research", "period": "month"}
T, B = 30 * 86400, 2_592_000
"""A month in seconds and a budget in grams that bears exactly one gram a second."""
EMITTED = of(c.HOST_EMISSIONS, host="pc-1", department="research", zone="DE")


def budget(
    name: str,
    *expect: tuple[str, str, int],
    used: float = 0.2,
    pace: float = 1.0,
    elapsed: float = 0.2,
    hours: int = 40,
) -> Case:
    """*used* and *elapsed* are shares at Unix time 0; *pace* is a multiple of the sustainable one."""
    minutes = hours * 60
    start = -elapsed * T
    return Case(
        name,
        "budget.yml",
        {
            of(c.BUDGET_LIMIT, **MONTH): f"{B}x{minutes}",
            of(c.BUDGET_CONSUMED, **MONTH): f"{used * B:g}+{60 * pace:g}x{minutes}",
            of(c.BUDGET_START, **MONTH): f"{start:g}x{minutes}",
            of(c.BUDGET_END, **MONTH): f"{start + T:g}x{minutes}",
            of(c.BUDGET_UPDATED, **MONTH): f"0+60x{minutes}",
            EMITTED: f"0+{60 * pace:g}x{minutes}",
        },
        list(expect),
        every="15m" if hours > 3 else "1m",
    )


USED, BURN, SOON, STALE = (
    "CarbonBudgetConsumed",
    "CarbonBudgetBurnFast",
    "CarbonBudgetExhaustionPredicted",
    "BudgetDataStale",
)
CASES = [
    *(
        budget(
            f"{used:g} of a budget {'reaches' if count else 'is below'} {rung} %",
            ("4m", alert(USED, threshold=rung), 0),
            ("10m", alert(USED, threshold=rung), count),
            used=used,
            pace=0,
            hours=1,
        )
        for rung, used, count in (
            ("75", 0.7499, 0),
            ("75", 0.75, 1),
            ("90", 0.8999, 0),
            ("90", 0.9, 1),
            ("100", 0.9999, 0),
            ("100", 1, 1),
        )
    ),
    budget(
        "half as fast again for a day",
        ("24h", alert(BURN), 0),
        ("26h", alert(BURN, window="1d"), 1),
        ("26h", alert(BURN, window="3d"), 1),
        pace=1.51,
    ),
    budget("not quite half as fast again", ("39h", alert(BURN, window="1d"), 0), pace=1.49),
    budget(
        "a third faster for days", ("39h", alert(BURN, window="3d"), 1), ("39h", alert(BURN, window="1d"), 0), pace=1.31
    ),
    budget("not quite a third faster", ("39h", alert(BURN, window="3d"), 0), pace=1.29),
    budget("fast, but the month ends within budget", ("39h", alert(BURN), 0), pace=1.6, used=0.3, elapsed=0.8),
    budget(
        "a department of some hours is not judged by its pace", ("23h", alert(BURN), 0), ("23h", alert(SOON), 0), pace=5
    ),
    budget("a pace that ends over the budget", ("29h", alert(SOON), 0), ("31h", alert(SOON), 1), pace=1.03, used=0.21),
    budget("a pace that ends on the budget", ("39h", alert(SOON), 0), pace=1.01),
    budget("too early in the month to predict", ("39h", alert(SOON), 0), pace=1.2, used=0, elapsed=0.03),
    budget("a budget that is used up is not predicted any more", ("39h", alert(SOON), 0), pace=1.2, used=1.01),
    budget("a month on budget is quiet", ("39h", 'alertname=~"CarbonBudget.*"', 0), pace=0.9, used=0.18),
    Case(
        "consumption that is not read for a quarter of an hour is stale",
        "budget.yml",
        {of(c.BUDGET_LIMIT, **MONTH): "5x90", of(c.BUDGET_UPDATED, **MONTH): "0+60x20 1200x70"},
        [("34m", alert(STALE), 0), ("45m", alert(STALE), 1)],
    ),
    Case(
        "consumption that was never read is stale",
        "budget.yml",
        {of(c.BUDGET_LIMIT, **MONTH): "5x90"},
        [("15m", alert(STALE), 0), ("25m", alert(STALE), 1)],
    ),
    Case(
        "a department that no host reported for has no consumption, which is read all the same",
        "budget.yml",
        {of(c.BUDGET_LIMIT, **MONTH): "5x90", of(c.BUDGET_UPDATED, **MONTH): "0+60x90"},
        [("25m", alert(STALE), 0), ("80m", alert(STALE), 0), ("80m", alert(USED), 0)],
    ),
    Case(
        "a budget taken out of the configuration is not stale",
        "budget.yml",
        {of(c.BUDGET_LIMIT, **MONTH): "5x20 stale", of(c.BUDGET_UPDATED, **MONTH): "0+60x20 stale"},
        [("60m", alert(STALE), 0)],
    ),
]
