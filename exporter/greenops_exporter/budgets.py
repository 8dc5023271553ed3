"""Budgets and factors as samples. Pure: what is known goes in, what is published comes out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from greenops_core.budget import Mass, Period
from greenops_core.carbon import Factor
from greenops_core.catalogue import (
    BUDGET_CONSUMED,
    BUDGET_END,
    BUDGET_LIMIT,
    BUDGET_START,
    BUDGET_UPDATED,
    GRID_INTENSITY,
)
from greenops_core.errors import nearest
from greenops_core.sample import Quality, Reason, Sample
from greenops_exporter.account import Consumption


@dataclass(frozen=True, slots=True)
class Budget:
    """What a department may emit in a calendar month."""

    department: str
    limit: Mass


def budget_samples(
    budgets: Iterable[Budget], period: Period, consumption: Consumption | None, at: float
) -> Iterator[Sample]:
    """Limit, bounds, consumption and its age of every budget in *period*.

    Consumption is bad, so absent, where nobody knows it: another month's, or of a department that no host reported for.
    Zero is published only where a host was counted and emitted nothing. The age is that of the reading: it is there for
    every budget once this month's consumption was read.
    """
    read = consumption if consumption and consumption.period == period else None
    grams = read.grams if read else {}
    until = read.until if read else math.nan
    for budget in budgets:
        labels = {"department": budget.department, "period": "month"}
        yield BUDGET_LIMIT.sample(budget.limit, at, **labels)
        yield BUDGET_START.sample(period.start, at, **labels)
        yield BUDGET_END.sample(period.end, at, **labels)
        consumed = BUDGET_CONSUMED.sample(grams.get(budget.department, math.nan), until, **labels)
        updated = BUDGET_UPDATED.sample(until, until, **labels)
        for sample, known in ((consumed, budget.department in grams), (updated, read is not None)):
            yield sample if known else sample.marked(Quality.BAD, Reason.COMMUNICATION)


def unheard(budgets: Iterable[Budget], consumption: Consumption) -> tuple[str, ...]:
    """What to tell the operator of budgets whose department no host reported for in this month.

    >>> unheard([Budget("reserch", Mass(1))], Consumption(Period(0, 9), 5, {"research": 2.0}))
    ("no host reported for department 'reserch' this month; did you mean 'research'?",)
    """
    return tuple(
        f"no host reported for department '{budget.department}' this month"
        f"{nearest(budget.department, consumption.grams)}"
        for budget in budgets
        if budget.department not in consumption.grams
    )


def factor_samples(factors: Iterable[Factor], at: float) -> Iterator[Sample]:
    """The static intensity of every zone: a yearly average."""
    for factor in factors:
        yield GRID_INTENSITY.sample(
            factor.grams_per_kwh, at, zone=factor.zone, kind="average", source=factor.source, version=factor.version
        )
