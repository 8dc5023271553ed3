"""Tables: a row per thing, a column per number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greenops_dashboards import grafana_unit
from greenops_dashboards.field import Json, defaults, mappings_of, override, thresholds_of
from greenops_dashboards.panel import Panel, Query
from greenops_dashboards.promql import Expr
from greenops_dashboards.style import PLAIN, Ladder, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of numbers in a table, and how they are shown. *board* is opened with the row's *label* chosen."""

    title: str
    expr: Expr
    unit: str = grafana_unit.NONE
    thresholds: Ladder | None = None
    states: Sequence[State] = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """From a row to another board, with the row's *label* chosen there."""

    board: str
    label: str


@dataclass(frozen=True, slots=True)
class Page:
    """From the cell of a row's *label* to a page elsewhere: *url* may use Grafana's variables."""

    label: str
    title: str
    url: str


def table(
    key: str,
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    labels: Mapping[str, str],
    no_value: str,
    sort: str = "",
    links: Sequence[Link | Page] = (),
    widths: Mapping[str, int] | None = None,
    width: int = 24,
    height: int = 8,
) -> Panel:
    """One row per combination of *labels* (label to heading), one column per entry of *columns*.

    *widths* are pixels by heading; the other columns share the rest.
    """
    names = [f"Value #{chr(ord('A') + place)}" for place in range(len(columns))] if len(columns) > 1 else ["Value"]
    headings = dict(labels) | {name: column.title for name, column in zip(names, columns, strict=True)}
    order = [*labels, *names]
    return Panel(
        plugin="table",
        key=key,
        title=title,
        description=description,
        queries=tuple(Query(column.expr, instant=True, as_table=True) for column in columns),
        width=width,
        height=height,
        options={
            "cellHeight": "sm",
            "showHeader": True,
            "sortBy": [{"desc": True, "displayName": sort}] if sort else [],
        },
        defaults={
            **defaults(grafana_unit.NONE, no_value, PLAIN),
            "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "minWidth": 50},
        },
        overrides=[
            # A label that looks like a number stays as it is written.
            *(override(heading, unit=grafana_unit.TEXT) for heading in labels.values()),
            *(_look(column) for column in columns),
            *(override(labels[link.label], links=[_data_link(link)]) for link in links),
            *(override(heading, **{"custom.width": pixels}) for heading, pixels in (widths or {}).items()),
        ],
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "includeByName": {},
                    "indexByName": {name: place for place, name in enumerate(order)},
                    "renameByName": headings,
                },
            },
        ],
    )


def _look(column: Column) -> Json:
    properties: Json = {"unit": column.unit}
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.thresholds is not None:
        properties["thresholds"] = thresholds_of(column.thresholds)
    if column.states:
        properties["mappings"] = mappings_of(column.states)
    if column.thresholds is not None or column.states:
        properties["custom.cellOptions"] = {"type": "color-text"}
    return override(column.title, **properties)


def _data_link(link: Link | Page) -> Json:
    if isinstance(link, Page):
        return {"title": link.title, "url": link.url, "targetBlank": True}
    return {
        "title": f"Open {link.board} for this {link.label}",
        "url": f"/d/{link.board}?${{__url_time_range}}&${{datasource:queryparam}}&var-{link.label}=${{__value.raw}}",
    }
