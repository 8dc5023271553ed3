"""The kinds of panel that a board is made of. To add a panel to a board, add one call of these.

Every panel says what it shows (description) and why it may be empty (no_value): no data is never drawn as zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from greenops_dashboards import grafana_unit
from greenops_dashboards.field import Json, defaults
from greenops_dashboards.promql import Expr
from greenops_dashboards.style import ABSENT, NEUTRAL, NORMAL, PLAIN, Ladder, State

WIDTH = 24


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and the legend of its series; *instant* gives the value now, *as_table* one row per series."""

    expr: Expr
    legend: str = ""
    instant: bool = False
    as_table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What Grafana is told about one panel, without its place and its number."""

    plugin: str
    key: str
    title: str
    description: str
    queries: tuple[Query, ...] = ()
    width: int = 6
    height: int = 8
    options: Mapping[str, object] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    overrides: Sequence[Mapping[str, object]] = ()
    transformations: Sequence[Mapping[str, object]] = ()


def stat(
    key: str,
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    no_value: str,
    thresholds: Ladder = PLAIN,
    states: Sequence[State] = (),
    decimals: int | None = None,
    width: int = 6,
    height: int = 4,
) -> Panel:
    """One big number per series."""
    return Panel(
        plugin="stat",
        key=key,
        title=title,
        description=description,
        queries=(query,),
        width=width,
        height=height,
        options={
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": _last_value(),
            "showPercentChange": False,
            "textMode": "value_and_name" if query.legend else "value",
            "wideLayout": True,
        },
        defaults=defaults(unit, no_value, thresholds, states, decimals=decimals),
    )


def bar_gauge(
    key: str,
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    no_value: str,
    thresholds: Ladder = PLAIN,
    maximum: float | None = None,
    decimals: int | None = None,
    width: int = 12,
    height: int = 9,
) -> Panel:
    """One bar per series, from zero to *maximum*."""
    bars = replace(thresholds, base=NORMAL) if thresholds.base == NEUTRAL else thresholds
    return Panel(
        plugin="bargauge",
        key=key,
        title=title,
        description=description,
        queries=(query,),
        width=width,
        height=height,
        options={
            "displayMode": "basic",
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
            "maxVizHeight": 300,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": _last_value(),
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        },
        defaults={
            **defaults(unit, no_value, bars, decimals=decimals),
            "min": 0,
            **({} if maximum is None else {"max": maximum}),
        },
    )


def timeseries(
    key: str,
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    no_value: str,
    thresholds: Ladder = PLAIN,
    stacked: bool = False,
    maximum: float | None = None,
    from_zero: bool = True,
    calcs: Sequence[str] = ("lastNotNull", "max"),
    links: Sequence[tuple[str, str]] = (),
    width: int = 12,
    height: int = 9,
) -> Panel:
    """Lines over time, with a gap where there is no data; *thresholds* are drawn as lines and always in sight.

    *links* are titles and addresses that a point of a line leads to.
    """
    return Panel(
        plugin="timeseries",
        key=key,
        title=title,
        description=description,
        queries=queries,
        width=width,
        height=height,
        options={
            "legend": {"calcs": list(calcs), "displayMode": "table", "placement": "bottom", "showLegend": True},
            "tooltip": {"hideZeros": False, "mode": "multi", "sort": "desc"},
        },
        defaults={
            **defaults(unit, no_value, thresholds),
            "color": {"mode": "palette-classic"},
            "custom": {
                "drawStyle": "line",
                "fillOpacity": 40 if stacked else 0,
                "lineWidth": 1 if stacked else 2,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
                "thresholdsStyle": {"mode": "dashed" if thresholds.steps else "off"},
                **({"axisSoftMin": 0} if from_zero else {}),
                **({"axisSoftMax": thresholds.steps[-1][0]} if thresholds.steps else {}),
            },
            **({} if maximum is None else {"max": maximum}),
            **({"links": [{"title": to, "url": url, "targetBlank": True} for to, url in links]} if links else {}),
        },
    )


def state_timeline(
    key: str,
    title: str,
    description: str,
    *queries: Query,
    states: Sequence[State],
    no_value: str,
    width: int = 12,
    height: int = 9,
) -> Panel:
    """One bar per series, coloured and worded by state; nothing is drawn where nothing is known."""
    return Panel(
        plugin="state-timeline",
        key=key,
        title=title,
        description=description,
        queries=queries,
        width=width,
        height=height,
        options={
            "alignValue": "left",
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "mergeValues": True,
            "perPage": 20,
            "rowHeight": 0.8,
            "showValue": "auto",
            "tooltip": {"hideZeros": False, "mode": "single", "sort": "none"},
        },
        defaults={
            **defaults(grafana_unit.NONE, no_value, Ladder(ABSENT), states),
            "custom": {"fillOpacity": 80, "lineWidth": 0},
        },
    )


def text(key: str, content: str, *, title: str = "", width: int = 24, height: int = 6) -> Panel:
    """Markdown."""
    return Panel(
        plugin="text",
        key=key,
        title=title,
        description="What this board answers, how its numbers are made, and what to do.",
        width=width,
        height=height,
        options={"content": content, "mode": "markdown"},
    )


def alert_list(
    key: str, title: str, description: str, *, label_filter: str = "", width: int = 12, height: int = 8
) -> Panel:
    """Alerts that fire or are pending now. Its history is not here: that comes from ``ALERTS``."""
    return Panel(
        plugin="alertlist",
        key=key,
        title=title,
        description=description,
        width=width,
        height=height,
        options={
            "alertInstanceLabelFilter": label_filter,
            "alertName": "",
            "dashboardAlerts": False,
            "groupBy": [],
            "groupMode": "default",
            "maxItems": 20,
            "showInactiveAlerts": False,
            "sortOrder": 3,
            "stateFilter": {
                "error": True,
                "firing": True,
                "noData": True,
                "normal": False,
                "pending": True,
                "recovering": True,
            },
            "viewMode": "list",
        },
    )


def _last_value() -> Json:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}
