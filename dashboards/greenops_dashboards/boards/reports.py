"""Reports on their way to authorities."""

from __future__ import annotations

from greenops_alerting.thresholds import REPORT_DUE
from greenops_core import catalogue as c
from greenops_core.duration import duration
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import firing, of_board
from greenops_dashboards.board import Board
from greenops_dashboards.document import document
from greenops_dashboards.panel import Query, stat, timeseries
from greenops_dashboards.promql import Expr, aggregate, combine, highest, total, within
from greenops_dashboards.style import BAD, NEUTRAL, WARNING, Ladder, ladder
from greenops_dashboards.table import Column, table
from greenops_dashboards.variable import SITE

UID = "greenops-reports"
VARIABLES = (SITE,)
of = within(*VARIABLES)
NO_QUEUE = "No gateway keeps reports: has its configuration a section 'journal'?"
NONE_WAITS = "No report waits to be sent"
LEFT = Ladder(steps=((-1e10, BAD), (0, WARNING), (duration(REPORT_DUE), NEUTRAL)))
"""Below all of them stands what has no value: nothing that waits is nothing bad."""
_MILLISECONDS = 1000  # Grafana's dates count them
PENDING = highest(of(c.REPORT_SUBMISSIONS_PENDING), "site")
FAILED = highest(of(c.REPORT_SUBMISSIONS_FAILED), "site")
DEADLINE = highest(of(c.REPORT_SUBMISSION_DEADLINE), "site")

BOARD = Board(
    uid=UID,
    title="GreenOps / Reports",
    question="Does every report reach its authority in time?",
    variables=VARIABLES,
    alerts=firing(of_board(UID), *VARIABLES),
    panels=(
        stat(
            "pending",
            "Reports that wait",
            "Prepared or approved, and not sent yet.",
            Query(total(PENDING), instant=True),
            unit=unit.NONE,
            no_value=NO_QUEUE,
            width=8,
        ),
        stat(
            "failed",
            "Reports not sent",
            "Approved reports of which the last sending failed.",
            Query(total(FAILED), instant=True),
            unit=unit.NONE,
            thresholds=ladder((1,), (WARNING,)),
            no_value=NO_QUEUE,
            width=8,
        ),
        stat(
            "left",
            "Time left for the next one",
            f"Until the end of its last day; below zero it is late. The alert tells {REPORT_DUE} before.",
            Query(combine(aggregate("min", DEADLINE), "-", Expr("time()")), instant=True),
            unit=unit.SECONDS,
            thresholds=LEFT,
            no_value=NONE_WAITS,
            width=8,
        ),
        timeseries(
            "waiting",
            "Reports that wait, by site",
            "A line that stays up is a report that nobody approves or sends.",
            Query(PENDING, "{{site}} waiting"),
            Query(FAILED, "{{site}} failed"),
            unit=unit.NONE,
            no_value=NO_QUEUE,
            width=12,
            height=9,
        ),
        table(
            "sites",
            "Reports by site",
            "What is due next at each site, and how long the oldest one has waited.",
            (
                Column(title="Waiting", expr=PENDING, unit=unit.NONE),
                Column(title="Failed", expr=FAILED, unit=unit.NONE, thresholds=ladder((1,), (WARNING,))),
                Column(title="Due", expr=DEADLINE * _MILLISECONDS, unit=unit.DATE),
                Column(
                    title="Oldest has waited",
                    expr=highest(of(c.REPORT_SUBMISSION_AGE), "site"),
                    unit=unit.DURATION,
                ),
            ),
            labels={"site": "Site"},
            no_value=NO_QUEUE,
            widths={"Due": 170},
            width=12,
            height=9,
        ),
        document(
            "Does every report reach its authority in time?",
            (
                "A report is prepared, approved by a person, and sent by a person at the authority's portal.",
                "Nobody approves by default. Each step has a name and a reason in the audit log.",
            ),
            (
                "greenops-gateway report submissions list names each report, where it stands, and since when.",
                "A report that nobody prepared is not here: the calendar of reports is the plant's own.",
            ),
        ),
    ),
    span="7d",
)
