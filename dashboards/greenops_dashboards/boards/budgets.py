"""Carbon budgets by department."""

from __future__ import annotations

from greenops_alerting import budget
from greenops_alerting.records import (
    BUDGET,
    BUDGET_BURN,
    BUDGET_ELAPSED,
    BUDGET_EXHAUSTION,
    BUDGET_PROJECTED,
    BUDGET_RATIO,
    DEPARTMENT_EMISSIONS_RATE,
    DEPARTMENT_PACE,
)
from greenops_alerting.thresholds import BUDGET as SHARES
from greenops_alerting.thresholds import BURN, HISTORY_HOURS, PROJECTED
from greenops_core import catalogue as c
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import firing
from greenops_dashboards.board import Board
from greenops_dashboards.document import document
from greenops_dashboards.panel import Query, bar_gauge, stat, timeseries
from greenops_dashboards.promql import age, combine, highest, total, where, within
from greenops_dashboards.style import BAD, PLAIN, WARNING, Ladder, ladder
from greenops_dashboards.table import Column, Link, table
from greenops_dashboards.variable import BUDGETED

of = within(BUDGETED)

NO_BUDGET = "No budget is reported: is the exporter running, and has it budgets configured?"
USED = ladder(SHARES)
STALE = ladder((budget.STALE_SECONDS,), (WARNING,))
_WHO = "{{department}} ({{period}})"
_MILLISECONDS = 1000  # Grafana's dates count them

BOARD = Board(
    uid="greenops-budgets",
    title="GreenOps / Carbon budgets",
    question="Which department uses its carbon budget faster than its period passes, and when will it be used up?",
    variables=(BUDGETED,),
    alerts=firing([alert for group in budget.groups() for alert in group.alerts], BUDGETED),
    panels=(
        stat(
            "over",
            "Budgets used up",
            "Departments that have used all of their budget of the current period.",
            Query(total(where(of(BUDGET_RATIO), f">= bool {SHARES[-1]:g}"))),
            unit=unit.NONE,
            thresholds=Ladder(steps=((1, BAD),)),
            no_value=NO_BUDGET,
        ),
        stat(
            "ahead",
            "Budgets ahead of time",
            "Departments that have used a larger share of their budget than of its period.",
            Query(total(combine(of(BUDGET_RATIO), "> bool", of(BUDGET_ELAPSED)))),
            unit=unit.NONE,
            thresholds=Ladder(steps=((1, WARNING),)),
            no_value=NO_BUDGET,
        ),
        stat(
            "highest",
            "Largest share used",
            "The department that has used most of its budget.",
            Query(highest(of(BUDGET_RATIO))),
            unit=unit.SHARE,
            thresholds=USED,
            decimals=1,
            no_value=NO_BUDGET,
        ),
        stat(
            "read",
            "Consumption last read",
            "How long ago the exporter read what was consumed. When it stands still, so does every share here.",
            Query(highest(age(of(c.BUDGET_UPDATED)))),
            unit=unit.DURATION,
            thresholds=STALE,
            no_value="The exporter has not read any consumption yet",
        ),
        bar_gauge(
            "used",
            "Budget used",
            "Share of each budget that is used; coloured at the shares that the alerts use.",
            Query(of(BUDGET_RATIO), _WHO, instant=True),
            unit=unit.SHARE,
            thresholds=USED,
            maximum=1.2,
            decimals=1,
            no_value=NO_BUDGET,
        ),
        bar_gauge(
            "elapsed",
            "Time passed",
            "Share of each period that has passed: a budget should not be used faster.",
            Query(of(BUDGET_ELAPSED), _WHO, instant=True),
            unit=unit.SHARE,
            thresholds=PLAIN,
            maximum=1.2,
            decimals=1,
            no_value=NO_BUDGET,
        ),
        table(
            "budgets",
            "Budgets",
            f"Budgets of the current period. Projected adds the last week's pace, after {HISTORY_HOURS} hours of data. "
            "Used up at is empty when that is not foreseen, or has happened.",
            (
                Column(
                    title="Used", expr=highest(of(BUDGET_RATIO), *BUDGET), unit=unit.SHARE, thresholds=USED, decimals=1
                ),
                Column(title="Time passed", expr=highest(of(BUDGET_ELAPSED), *BUDGET), unit=unit.SHARE, decimals=1),
                Column(
                    title="Projected",
                    expr=highest(of(BUDGET_PROJECTED), *BUDGET),
                    unit=unit.SHARE,
                    thresholds=ladder((PROJECTED,), (WARNING,)),
                    decimals=1,
                ),
                Column(
                    title="Used up at", expr=highest(of(BUDGET_EXHAUSTION), *BUDGET) * _MILLISECONDS, unit=unit.DATE
                ),
                Column(title="Consumed", expr=highest(of(c.BUDGET_CONSUMED), *BUDGET), unit=unit.GRAMS),
                Column(title="Budget", expr=highest(of(c.BUDGET_LIMIT), *BUDGET), unit=unit.GRAMS),
                Column(title="From", expr=highest(of(c.BUDGET_START), *BUDGET) * _MILLISECONDS, unit=unit.DATE),
                Column(title="To", expr=highest(of(c.BUDGET_END), *BUDGET) * _MILLISECONDS, unit=unit.DATE),
            ),
            labels={"department": "Department", "period": "Period"},
            sort="Used",
            links=(Link("greenops-fleet", "department"),),
            no_value="not known",
            height=7,
        ),
        timeseries(
            "ratio",
            "Budget used over time",
            "Share of the budget that was used; a new period begins at 0. Lines mark the alerts' shares.",
            Query(of(BUDGET_RATIO), _WHO),
            unit=unit.SHARE,
            thresholds=USED,
            no_value=NO_BUDGET,
        ),
        timeseries(
            "burn",
            "Pace against the budget",
            "Emissions as a multiple of the pace that uses the budget exactly. The line marks the alert's.",
            *(Query(of(record), f"{_WHO}, mean of {days} d") for days, record in BUDGET_BURN.items()),
            unit=unit.TIMES,
            thresholds=ladder((BURN[0].threshold,), (WARNING,)),
            no_value="No department with a budget reports emissions",
        ),
        timeseries(
            "emissions",
            "Emissions by department",
            "CO2 equivalent per hour, and the mean of the last week that projections use.",
            Query(of(DEPARTMENT_EMISSIONS_RATE) * 3600, "{{department}}"),
            Query(of(DEPARTMENT_PACE) * 3600, "{{department}}, mean of 7 d"),
            unit=unit.GRAMS_PER_HOUR,
            no_value="No agent reports emissions",
        ),
        table(
            "grid",
            "Carbon intensity of electricity",
            "What the exporter knows of each zone, and the edition that says so.",
            (
                Column(
                    title="Intensity",
                    expr=highest(of(c.GRID_INTENSITY), *c.GRID_INTENSITY.labels),
                    unit=unit.GRAMS_PER_KWH,
                ),
            ),
            labels={"zone": "Zone", "kind": "Kind", "source": "Source", "version": "Version"},
            sort="Intensity",
            no_value="not known",
            width=12,
            height=9,
        ),
        document(
            "Which department uses its carbon budget faster than its period passes, and when will it be used up?",
            (
                "The exporter adds up, hour by hour, the CO2 equivalent that the agents counted.",
                "A period begins and ends in the organisation's time zone.",
                "Time passed is where an even use would stand. Pace is emissions per second over budget per second.",
                "The projection is what is used so far and the pace of the last week for the time that remains.",
                "Mg in a unit is a megagram, a tonne.",
            ),
            (
                "A budget whose consumption is not read is not at 0 %: see Consumption last read.",
                "An empty projection has too little data.",
            ),
            height=8,
        ),
    ),
    span="7d",
)
