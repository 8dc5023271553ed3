"""Stack emissions against the limits of the permit."""

from __future__ import annotations

from greenops_alerting.records import EMISSION_RATIO, LIMIT
from greenops_alerting.thresholds import EMISSION, HELD
from greenops_core import catalogue as c
from greenops_core.sample import Metric
from greenops_dashboards import grafana_unit as unit
from greenops_dashboards.alert import firing, of_board
from greenops_dashboards.board import Board
from greenops_dashboards.document import document
from greenops_dashboards.panel import Panel, Query, bar_gauge, stat, state_timeline, timeseries
from greenops_dashboards.promql import Expr, Variable, first_of, highest, last, total, where, within
from greenops_dashboards.style import BAD, COMPLIANCE, INVALID, NOTICE, VALID, WARNING, Ladder, ladder
from greenops_dashboards.table import Column, Link, table
from greenops_dashboards.variable import PARAMETER, SITE, STACK

VARIABLES = (SITE, STACK, PARAMETER)
of = within(*VARIABLES)
UID = "greenops-emissions"
NEAR, *_, EXCEEDED = EMISSION
SHARE_OF_LIMIT = ladder(EMISSION, (NOTICE, WARNING, WARNING, BAD))
ANY = Ladder(steps=((1, BAD),))
ANY_INVALID = Ladder(steps=((1, INVALID),))
NO_GATEWAY = "No limit is reported: is the gateway running, and has it limits configured?"
NO_AVERAGE = "No average is valid: too little usable data; see Compliance"
_NAME = "{{stack}} {{parameter}} {{averaging}}"


def limit(selector: Expr) -> Expr:
    """One series per limit, whoever exports it."""
    return highest(selector, *LIMIT)


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
            width=8,
        ),
        stat(
            "invalid",
            "Averages not valid",
            "Limits that cannot be judged now, because too little of the averaging period holds usable data.",
            Query(total(where(limit(of(c.EMISSION_AVERAGE_VALID)), "== bool 0"))),
            unit=unit.NONE,
            thresholds=ANY_INVALID,
            no_value=NO_GATEWAY,
            width=8,
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
            width=8,
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
            "coverage",
            "Usable data in the averaging period",
            "Share of each averaging period that holds usable data. What is missing here makes an average invalid.",
            Query(limit(of(c.EMISSION_AVERAGE_COVERAGE)), _NAME),
            unit=unit.SHARE,
            maximum=1,
            calcs=("lastNotNull", "min"),
            no_value=NO_GATEWAY,
        ),
        table(
            "limits",
            "Limits",
            "Every limit with its average in the permit's own unit. Without a valid average the row has none.",
            (
                Column(title="Average", expr=highest(of(c.EMISSION_AVERAGE), "site", *LIMIT[1:], "unit")),
                Column(title="Limit", expr=highest(of(c.EMISSION_LIMIT), "site", *LIMIT[1:], "unit")),
                Column(
                    title="Share",
                    expr=limit(of(c.EMISSION_LIMIT_RATIO)),
                    unit=unit.SHARE,
                    thresholds=SHARE_OF_LIMIT,
                    decimals=1,
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
            no_value="none",
            height=10,
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
                "The gateway averages each parameter over the period that the permit names, from usable values only.",
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
