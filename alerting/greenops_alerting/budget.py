"""Carbon budgets of departments: used, used too fast, about to run out, or not known."""

from __future__ import annotations

from greenops_alerting.annotation import TIME, Text, ask, label, mine, text, value
from greenops_alerting.promql import Series, highest, last, select
from greenops_alerting.records import (
    BUDGET,
    BUDGET_BURN,
    BUDGET_ELAPSED,
    BUDGET_EXHAUSTION,
    BUDGET_PROJECTED,
    BUDGET_RATIO,
    BUDGETS,
)
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import BUDGET as SHARES
from greenops_alerting.thresholds import BURN, ELAPSED, PROJECTED, BurnWindow
from greenops_core.catalogue import BUDGET_CONSUMED, BUDGET_LIMIT, BUDGET_UPDATED

BOARD = "greenops-budgets"
MONTH = "month"
STALE_SECONDS = 900


def _kilograms(metric: Series, example: str) -> Text:
    return ask(f"max({mine(metric)}) / 1000", '{{ .Value | printf "%.1f" }} kg', example)


WHOSE = text(label("department"), ", budget of the ", label("period"), ": ")
AMOUNTS = text(_kilograms(BUDGET_CONSUMED, "1512.3 kg"), " of ", _kilograms(BUDGET_LIMIT, "2000.0 kg"), " CO2e")
FACTS = {"used": _kilograms(BUDGET_CONSUMED, "1512.3 kg"), "limit": _kilograms(BUDGET_LIMIT, "2000.0 kg")}
EXHAUSTED = ask(mine(BUDGET_EXHAUSTION), TIME, "2026-02-24 09:12:00 +0000 UTC", "already used up")


def consumed(share: float) -> Alert:
    """The rung at *share* of the budget; of those that fire together only the highest is sent."""
    percent = f"{share * 100:g}"
    return Alert(
        "CarbonBudgetConsumed",
        f"{select(BUDGET_RATIO)} >= {share:g}",
        hold="5m",
        severity=Severity.PAGE if share >= 1 else Severity.TICKET,
        identity=BUDGET,
        labels={"threshold": percent},
        summary=f"A department has used {percent} % of its carbon budget.",
        description=text(
            WHOSE, value("humanizePercentage", "75.6%"), " used, ", AMOUNTS, f" (reported from {percent} %).",
        ),
        dashboard=BOARD,
        facts=FACTS,
    )  # fmt: skip


def burn_fast(window: BurnWindow) -> Alert:
    """Faster than the budget bears, over *window* and every shorter one, and on course to exceed it."""
    paces = [BUDGET_BURN[other.days] for other in BURN if other.days <= window.days]
    fast = [f"{select(pace, period=MONTH)} > {window.threshold:g}" for pace in reversed(paces)]
    return Alert(
        "CarbonBudgetBurnFast",
        "\nand\n".join([*fast, f"{select(BUDGET_PROJECTED, period=MONTH)} > 1"]),
        hold="30m",
        keep_firing_for="6h",
        severity=Severity.TICKET,
        identity=BUDGET,
        labels={"window": f"{window.days}d"},
        summary=f"A department has used its carbon budget too fast for {window.days} d.",
        description=text(
            WHOSE, f"over the last {window.days} d emissions ran at ", value('printf "%.2f"', "1.74"),
            f" times the pace that the budget bears (reported above {window.threshold:g}), ", AMOUNTS,
            " used. At the pace of the week it is used up at ", EXHAUSTED, ".",
        ),
        dashboard=BOARD,
        facts=FACTS,
    )  # fmt: skip


def exhaustion_predicted() -> Alert:
    """The projection, once enough of the period and of data is there to trust it."""
    return Alert(
        "CarbonBudgetExhaustionPredicted",
        f"{select(BUDGET_PROJECTED)} > {PROJECTED:g}\nand\n{select(BUDGET_ELAPSED)} > {ELAPSED:g}\n"
        f"and\n{select(BUDGET_RATIO)} < 1",
        hold="6h",
        severity=Severity.TICKET,
        identity=BUDGET,
        summary="A carbon budget is going to run out before its period ends.",
        description=text(
            WHOSE, "at the pace of the last week the period ends at ", value("humanizePercentage", "112.4%"),
            " of the budget; it is used up at ", EXHAUSTED, ". So far ", AMOUNTS, " are used.",
        ),
        dashboard=BOARD,
        facts=FACTS,
    )  # fmt: skip


def data_stale() -> Alert:
    """A budget whose consumption is not read any more, or never was, is not at 0 %.

    The time of reading is given for every budget, also for a department that no host reported for.
    """
    planned = highest(BUDGET, select(BUDGET_LIMIT))
    return Alert(
        "BudgetDataStale",
        f"time() - ({last(BUDGET_UPDATED, '1d', BUDGET)}\nor\n0 * {planned}) > {STALE_SECONDS}\nand\n{planned}",
        hold="5m",
        severity=Severity.TICKET,
        identity=BUDGET,
        summary="The consumption of a carbon budget is out of date.",
        description=text(
            WHOSE,
            ask(f"max(last_over_time({mine(BUDGET_UPDATED, '1d')}))", f"consumption was last read at {TIME}",
                "consumption was last read at 2026-02-11 12:00:00 +0000 UTC",
                "consumption has not been read in the last day"),
            f" ({STALE_SECONDS // 60} minutes are allowed). Thresholds and projections of the budget stand still.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def groups() -> tuple[Group, ...]:
    """The file's groups."""
    alerts = (
        *(consumed(share) for share in SHARES),
        *(burn_fast(window) for window in BURN),
        exhaustion_predicted(),
        data_stale(),
    )
    return (Group("greenops-budget", "1m", (*BUDGETS, *alerts)),)
