"""The one page for everybody: are we within limits and budgets, and can we see everything?"""

from __future__ import annotations

from greenops_alerting import rules
from greenops_alerting.records import (
    BUDGET_RATIO,
    DEPARTMENT_COST_RATE,
    DEPARTMENT_IDLE_COST,
    DEPARTMENT_IDLE_SHARE,
    DEPARTMENT_POWER,
)
from greenops_alerting.rule import Severity
from greenops_alerting.thresholds import BUDGET as SHARES
from greenops_alerting.thresholds import IDLE_COST, IDLE_SHARE
from greenops_core import catalogue as c
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import ALERTS, IDENTITY, fires, firing
from greenops_dashboards.board import Board
from greenops_dashboards.boards import budgets, emissions
from greenops_dashboards.document import document
from greenops_dashboards.panel import Query, alert_list, bar_gauge, stat, state_timeline, timeseries
from greenops_dashboards.promql import Expr, age, first_of, highest, last, select, total, within
from greenops_dashboards.style import BAD, COMPLIANCE, FIRES, WARNING, Ladder, ladder
from greenops_dashboards.table import Column, Link, table
from greenops_dashboards.variable import DEPARTMENT, SITE

UID = "greenops-overview"
VARIABLES = (SITE, DEPARTMENT)
of = within(*VARIABLES)
QUESTION = "Are we within our emission limits and carbon budgets, and does everything that watches them work?"
NO_RULES = "No alert at all, not even the one that always fires: does Prometheus evaluate the rules?"
RANKS = {Severity.PAGE: 3, Severity.TICKET: 2, Severity.NONE: 1}
ALARM = ("alertname", "severity", "what")


def alarms() -> Expr:
    """How many alerts page now; nothing when the alert that always fires does not."""
    paging = total(select(ALERTS, alertstate="firing", severity=Severity.PAGE))
    heartbeat = total(select(ALERTS, alertstate="firing", severity=Severity.NONE))
    return first_of(paging, heartbeat * 0, on=())


def per_alarm(expr: Expr) -> Expr:
    """*expr*, with all that identifies an alert in one label."""
    sources = ", ".join(f'"{label}"' for label in IDENTITY)
    return highest(Expr(f'label_join({expr}, "what", " ", {sources})'), *ALARM)


def seen() -> Expr:
    """By severity of an alert that fires, 3 page, 2 ticket, 1 the one that always does; 0 for one that did fire."""
    now = (
        per_alarm(select(ALERTS, VARIABLES, alertstate="firing", severity=severity)) * rank
        for severity, rank in RANKS.items()
    )
    return first_of(*now, per_alarm(last(fires(rules.alerts(), VARIABLES))) * 0, on=ALARM)


def last_seen() -> Expr:
    """Seconds since an alert was last seen firing."""
    stamps = f"max_over_time(timestamp({fires(rules.alerts(), VARIABLES)})[$__range:1m])"
    return age(per_alarm(Expr(stamps)))


BOARD = Board(
    uid=UID,
    title="GreenOps / Overview",
    question=QUESTION,
    variables=VARIABLES,
    alerts=firing(rules.alerts(), *VARIABLES),
    panels=(
        stat(
            "pages",
            "Alerts that page",
            "Alerts of severity page that fire now. Shows nothing, rather than 0, when alerting itself does not run.",
            Query(alarms()),
            unit=unit.NONE,
            thresholds=Ladder(steps=((1, BAD),)),
            no_value=NO_RULES,
        ),
        stat(
            "limit",
            "Highest share of an emission limit",
            "The valid average that stands nearest to its limit or furthest above it.",
            Query(highest(of(c.EMISSION_LIMIT_RATIO))),
            unit=unit.SHARE,
            thresholds=emissions.SHARE_OF_LIMIT,
            decimals=1,
            no_value=emissions.NO_AVERAGE,
        ),
        stat(
            "budget",
            "Largest share of a carbon budget",
            "The department that has used most of its budget of the current period.",
            Query(highest(of(BUDGET_RATIO))),
            unit=unit.SHARE,
            thresholds=ladder(SHARES),
            decimals=1,
            no_value=budgets.NO_BUDGET,
        ),
        stat(
            "power",
            "Power of all hosts",
            "Electrical power of the departments chosen.",
            Query(total(of(DEPARTMENT_POWER))),
            unit=unit.WATTS,
            no_value="No agent measures power",
        ),
        state_timeline(
            "compliance",
            "Compliance of stacks",
            "Per limit: within, near, exceeded, not valid, or unknown. What is not valid is never shown as within.",
            Query(emissions.compliance(SITE), "{{site}} {{stack}} {{parameter}} {{averaging}}"),
            states=COMPLIANCE,
            no_value=emissions.NO_GATEWAY,
        ),
        bar_gauge(
            "budgets",
            "Carbon budgets used",
            "Share of each budget that is used; coloured at the shares that the alerts use.",
            Query(of(BUDGET_RATIO), "{{department}} ({{period}})", instant=True),
            unit=unit.SHARE,
            thresholds=ladder(SHARES),
            maximum=1.2,
            decimals=1,
            no_value=budgets.NO_BUDGET,
        ),
        timeseries(
            "power_by_department",
            "Power by department",
            "Electrical power of all hosts, stacked.",
            Query(of(DEPARTMENT_POWER), "{{department}}"),
            unit=unit.WATTS,
            stacked=True,
            no_value="No agent measures power",
        ),
        table(
            "idle",
            "Cost, and idle waste of the last day",
            f"Cost a day at this pace; what idle hosts used in the last day. Its alert needs both {IDLE_SHARE:.0%} "
            f"and {IDLE_COST:g} a day.",
            (
                Column(
                    title="Cost a day",
                    expr=highest(of(DEPARTMENT_COST_RATE), "department", "currency") * 86400,
                    decimals=2,
                ),
                Column(
                    title="Idle share",
                    expr=highest(of(DEPARTMENT_IDLE_SHARE), "department"),
                    unit=unit.SHARE,
                    thresholds=ladder((IDLE_SHARE,), (WARNING,)),
                    decimals=1,
                ),
                Column(
                    title="Idle cost",
                    expr=highest(of(DEPARTMENT_IDLE_COST), "department", "currency"),
                    thresholds=ladder((IDLE_COST,), (WARNING,)),
                    decimals=2,
                ),
            ),
            labels={"department": "Department", "currency": "Currency"},
            sort="Idle share",
            links=(Link("greenops-fleet", "department"),),
            no_value="not known",
            width=12,
            height=9,
        ),
        alert_list(
            "alerts",
            "Alerts now",
            "Alerts that fire or are about to.",
            label_filter='{severity=~"page|ticket"}',
            width=8,
        ),
        table(
            "history",
            "Alerts in the time range",
            "What fires now, by severity, and what is over. The Watchdog always fires: it shows that alerting works.",
            (
                Column(title="State", expr=seen(), states=FIRES),
                Column(title="Last fired", expr=last_seen(), unit=unit.DURATION),
            ),
            labels={"alertname": "Alert", "severity": "Severity", "what": "What"},
            sort="State",
            widths={"Alert": 200, "Severity": 80, "State": 80, "Last fired": 110},
            no_value="none",
            width=16,
        ),
        document(
            QUESTION,
            (
                "Gateways give emission averages, agents energy and CO2 equivalent, the exporter budgets.",
                "Prometheus compares them with limits; the colours here change where its alerts do.",
                "The other boards (top right) show each part: plant emissions, gateway health, fleet, carbon budgets.",
            ),
            (
                "Purple is an average that is not valid; grey is unknown: no average yet, or a silent gateway.",
                "A panel without data says why.",
            ),
        ),
    ),
)
