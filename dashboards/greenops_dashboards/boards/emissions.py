"""Stack emissions against the limits of the permit."""

from __future__ import annotations

from greenops_alerting.records import EMISSION_RATIO, LIMIT
from greenops_alerting.thresholds import EMISSION, EXCEEDANCE_WITHIN, HELD
from greenops_core import catalogue as c
from greenops_core.duration import duration
from greenops_core.sample import Metric
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import firing, of_board
from greenops_dashboards.board import Board
from greenops_dashboards.document import document
from greenops_dashboards.panel import Panel, Query, bar_gauge, stat, state_timeline, timeseries
from greenops_dashboards.promql import (
    Expr,
    Variable,
    aggregate,
    first_of,
    highest,
    increase,
    last,
    total,
    where,
    within,
)
from greenops_dashboards.style import BAD, COMPLIANCE, INVALID, NEUTRAL, NOTICE, VALID, WARNING, Ladder, ladder
from greenops_dashboards.table import Column, Link, table
from greenops_dashboards.variable import PARAMETER, SITE, STACK

VARIABLES = (SITE, STACK, PARAMETER)
of = within(*VARIABLES)
UID = "greenops-emissions"
NEAR, *_, EXCEEDED = EMISSION
SHARE_OF_LIMIT = ladder(EMISSION, (NOTICE, WARNING, WARNING, BAD))
AT_STACK, STACK_PARAMETER = ("site", "stack"), ("site", "stack", "parameter")
HOUR, _MILLISECONDS = 3600.0, 1000
ANY = Ladder(steps=((1, BAD),))
ANY_INVALID = Ladder(steps=((1, INVALID),))
SOON = Ladder(steps=((0, BAD), (HOUR, WARNING), (duration(EXCEEDANCE_WITHIN), NEUTRAL)))
NO_GATEWAY = "No limit is reported: is the gateway running, and has it limits configured?"
NO_RATE = "Nothing was measured lately: there is no rate to go on at"
NO_AVERAGE = "No average is valid: too little usable data; see Compliance"
_NAME = "{{stack}} {{parameter}} {{averaging}}"


def limit(selector: Expr) -> Expr:
    """One series per limit, whoever exports it."""
    return highest(selector, *LIMIT)


def figure(metric: Metric) -> Expr:
    """One series per limit, in the permit's unit."""
    return highest(of(metric), *LIMIT, "unit")


def compliance(*scope: Variable) -> Expr:
    """0 within, 1 near, 2 over the limit, 3 average not valid, 4 unknown: a limit without an average."""
    of = within(*scope)
    ratio = limit(of(c.EMISSION_LIMIT_RATIO))
    return first_of(
        where(limit(of(c.EMISSION_AVERAGE_VALID)), "== 0") + 3,
        where(ratio, f">= bool {NEAR}") + where(ratio, f"> bool {EXCEEDED:g}"),
        limit(last(of(c.EMISSION_LIMIT), HELD)) * 0 + 4,
        on=LIMIT,
    )


def reading(title: str, key: str, metric: Metric, unit_id: str, what: str, *, from_zero: bool = True) -> Panel:
    """A graph of one quantity at all points."""
    return timeseries(
        key,
        title,
        f"{what} A gap is a time without a usable value.",
        Query(highest(of(metric), "stack", "point"), "{{stack}} {{point}}"),
        unit=unit_id,
        no_value="No point measures this here, or all such values are bad",
        from_zero=from_zero,
    )


BOARD = Board(
    uid=UID,
    title="GreenOps / Plant emissions",
    question="Is every stack within the limits of its permit, and can the numbers be trusted?",
    variables=VARIABLES,
    alerts=firing(of_board(UID), *VARIABLES),
    panels=(
        stat(
            "exceeded",
            "Limits exceeded",
            "Limits whose valid average stands above the limit now. Averages that are not valid do not count.",
            Query(total(where(limit(of(c.EMISSION_LIMIT_RATIO)), f"> bool {EXCEEDED:g}"))),
            unit=unit.NONE,
            thresholds=ANY,
            no_value=NO_AVERAGE,
        ),
        stat(
            "invalid",
            "Averages not valid",
            "Limits that cannot be judged now, because too little of the averaging period holds usable data.",
            Query(total(where(limit(of(c.EMISSION_AVERAGE_VALID)), "== bool 0"))),
            unit=unit.NONE,
            thresholds=ANY_INVALID,
            no_value=NO_GATEWAY,
        ),
        stat(
            "highest",
            "Highest share of a limit",
            "The valid average that stands nearest to its limit or furthest above it.",
            Query(highest(limit(of(c.EMISSION_LIMIT_RATIO)))),
            unit=unit.SHARE,
            thresholds=SHARE_OF_LIMIT,
            decimals=1,
            no_value=NO_AVERAGE,
        ),
        stat(
            "next_exceedance",
            "Next exceedance in",
            "The shortest time until an average passes its limit, if all goes on at the present rate.",
            Query(aggregate("min", limit(of(c.EMISSION_EXCEEDANCE_DUE)))),
            unit=unit.DURATION,
            thresholds=SOON,
            no_value="None at the present rate",
        ),
        state_timeline(
            "compliance",
            "Compliance",
            f"Per limit: within, near ({NEAR:.0%} and more), exceeded, not valid, or unknown. "
            "Not valid is never shown as within.",
            Query(compliance(*VARIABLES), _NAME),
            states=COMPLIANCE,
            no_value=NO_GATEWAY,
        ),
        bar_gauge(
            "ratio_now",
            "Average as a share of its limit",
            f"Last valid average, up to {HELD} old, as a share of its limit. Coloured at the alerts' shares.",
            Query(limit(of(EMISSION_RATIO)), _NAME, instant=True),
            unit=unit.SHARE,
            thresholds=SHARE_OF_LIMIT,
            maximum=1.2,
            decimals=1,
            no_value=NO_AVERAGE,
        ),
        timeseries(
            "ratio",
            "Averages against their limits",
            "Valid rolling averages as shares of their limits. Lines mark the alerts' shares; gaps have none.",
            Query(limit(of(c.EMISSION_LIMIT_RATIO)), _NAME),
            unit=unit.SHARE,
            thresholds=SHARE_OF_LIMIT,
            no_value=NO_AVERAGE,
        ),
        timeseries(
            "projected",
            "Projected averages against their limits",
            "Highest average that falls due within one averaging period at the present rate, as a share of its limit. "
            "Over 100 % it will be exceeded unless the rate falls.",
            Query(figure(c.EMISSION_AVERAGE_PROJECTED) / figure(c.EMISSION_LIMIT), _NAME),
            unit=unit.SHARE,
            thresholds=SHARE_OF_LIMIT,
            no_value=NO_RATE,
        ),
        timeseries(
            "time_left",
            "Time to exceedance",
            "How long until an average passes its limit at the present rate. No line: it does not.",
            Query(limit(of(c.EMISSION_EXCEEDANCE_DUE)), _NAME),
            unit=unit.DURATION,
            calcs=("lastNotNull", "min"),
            no_value="No average passes its limit at the present rate",
        ),
        timeseries(
            "coverage",
            "Usable data in the averaging period",
            "Share of each averaging period that holds usable data. What is missing here makes an average invalid.",
            Query(limit(of(c.EMISSION_AVERAGE_COVERAGE)), _NAME),
            unit=unit.SHARE,
            maximum=1,
            calcs=("lastNotNull", "min"),
            no_value=NO_GATEWAY,
        ),
        timeseries(
            "allowed",
            "Mean still allowed, against its limit",
            "Highest mean that keeps every average due within one averaging period within its limit, as a share of "
            "the limit; at 0 none does. Towards the end of a day or month it grows beyond the graph.",
            Query(figure(c.EMISSION_MEAN_ALLOWED) / figure(c.EMISSION_LIMIT), _NAME),
            unit=unit.SHARE,
            maximum=2,
            calcs=("lastNotNull", "min"),
            no_value=NO_RATE,
            width=24,
        ),
        table(
            "limits",
            "Limits",
            "Every limit with its average in the permit's own unit. Without a valid average the row has none.",
            (
                Column(title="Average", expr=figure(c.EMISSION_AVERAGE)),
                Column(title="Limit", expr=figure(c.EMISSION_LIMIT)),
                Column(
                    title="Share",
                    expr=limit(of(c.EMISSION_LIMIT_RATIO)),
                    unit=unit.SHARE,
                    thresholds=SHARE_OF_LIMIT,
                    decimals=1,
                ),
                Column(title="Projected", expr=figure(c.EMISSION_AVERAGE_PROJECTED)),
                Column(title="Still allowed", expr=figure(c.EMISSION_MEAN_ALLOWED)),
                Column(
                    title="Exceeded in", expr=limit(of(c.EMISSION_EXCEEDANCE_DUE)), unit=unit.DURATION, thresholds=SOON
                ),
                Column(title="Average is", expr=limit(of(c.EMISSION_AVERAGE_VALID)), states=VALID),
                Column(title="Usable data", expr=limit(of(c.EMISSION_AVERAGE_COVERAGE)), unit=unit.SHARE, decimals=1),
            ),
            labels={
                "site": "Site",
                "stack": "Stack",
                "parameter": "Parameter",
                "averaging": "Averaged over",
                "unit": "Unit",
            },
            links=(Link("greenops-gateway", "stack"),),
            widths={"Averaged over": 170, "Exceeded in": 120},
            no_value="none",
            height=10,
        ),
        table(
            "hours",
            "Last closed hours",
            "What each stack's last closed hour measured, by parameter. An hour that is not valid has no value.",
            (
                Column(title="Value", expr=highest(of(c.EMISSION_HOUR), *STACK_PARAMETER, "unit")),
                Column(title="Hour is", expr=highest(of(c.EMISSION_HOUR_VALID), *STACK_PARAMETER), states=VALID),
            ),
            labels={"site": "Site", "stack": "Stack", "parameter": "Parameter", "unit": "Unit"},
            no_value="none",
            width=12,
        ),
        table(
            "closing",
            "Closing of hours",
            "How far hours are closed, how much later than due, and what late samples changed in the time range.",
            (
                Column(
                    title="Closed until",
                    expr=highest(of(c.EMISSION_HOUR_END), *AT_STACK) * _MILLISECONDS,
                    unit=unit.DATE,
                ),
                Column(title="Behind", expr=highest(of(c.EMISSION_HOUR_LAG), *AT_STACK), unit=unit.DURATION),
                Column(
                    title="Operated",
                    expr=highest(of(c.EMISSION_HOUR_OPERATING), *AT_STACK),
                    unit=unit.SHARE,
                    decimals=0,
                ),
                Column(title="Revised", expr=highest(increase(of(c.EMISSION_HOUR_REVISIONS)), *AT_STACK), decimals=0),
            ),
            labels={"site": "Site", "stack": "Stack"},
            no_value="none",
            width=12,
        ),
        reading(
            "Concentrations",
            "concentration",
            c.POINT_CONCENTRATION,
            unit.MILLIGRAMS_PER_M3,
            "Mass concentrations as measured, before averaging.",
        ),
        reading(
            "Shares of the flue gas",
            "share",
            c.POINT_SHARE,
            unit.SHARE,
            "Oxygen, moisture and the like, by volume: what concentrations are referred to.",
        ),
        reading("Volume flow", "volume_flow", c.POINT_VOLUME_FLOW, unit.M3_PER_SECOND, "Flue gas flow as measured."),
        reading(
            "Temperature",
            "temperature",
            c.POINT_TEMPERATURE,
            unit.CELSIUS,
            "Temperatures as measured.",
            from_zero=False,
        ),
        document(
            "Is every stack within the limits of its permit, and can the numbers be trusted?",
            (
                "The gateway averages usable samples of a point, or closed hours of a stack, as the permit names it.",
                "An average is valid when enough of its period holds usable data. Boards and alerts only compare.",
                "Values stand in the permit's unit; shares are average divided by limit.",
                "A bad reading (lost device, sentinel, out of range, calibration) is absent; it never counts as zero.",
            ),
            (
                "Purple is an average that is not valid; neither that nor grey is compliance.",
                "Grey is unknown: a gateway that is silent, or that has not watched one whole period yet.",
                "A gap in a line is a time without usable data.",
            ),
            height=8,
        ),
    ),
)
