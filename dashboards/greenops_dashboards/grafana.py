"""A board as Grafana's JSON, by grafanalib. The only module that knows grafanalib.

grafanalib 0.7.1 writes schema 12 with empty and obsolete keys; what leaves here is schema 42, byte for byte the same
each time: ids come from keys, keys are sorted, and nothing is null but the value of the lowest threshold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

import grafanalib.core
from grafanalib._gen import DashboardEncoder

from greenops_dashboards.board import Board, Place, places
from greenops_dashboards.field import Json
from greenops_dashboards.panel import Panel, Query
from greenops_dashboards.promql import Variable

core: Any = grafanalib.core  # it has no types

SCHEMA_VERSION = 42
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "greenops"

# What grafanalib writes and Grafana 13 no longer knows.
_OF_DASHBOARD = {"__inputs", "hideControls", "rows", "sharedCrosshair", "style", "gnetId", "id"}
_OF_PANEL = {"editable", "error", "height", "hideTimeOverride", "minSpan", "span", "cacheTimeout", "maxDataPoints"}
_OF_TARGET = {"intervalFactor", "metric", "query", "step", "target", "interval"}
_OF_VARIABLE = {"auto", "auto_count", "auto_min", "tagValuesQuery", "tagsQuery", "useTags", "regex"}


def to_grafana(board: Board) -> Json:
    """*board* as a Grafana 13 dashboard."""
    dashboard = core.Dashboard(
        title=board.title,
        uid=board.uid,
        description=board.question,
        tags=[TAG],
        editable=False,
        graphTooltip=1,
        refresh="30s",
        style=None,
        time=core.Time(f"now-{board.span}", "now"),
        timezone="browser",
        version=1,
        links=[_link()],
        annotations=core.Annotations([_annotation(board)]),
        templating=core.Templating([_data_source(), *map(_variable, board.variables)]),
        panels=[_panel(board, panel, place) for panel, place in zip(board.panels, places(board.panels), strict=True)],
    )
    return _normal(json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder)))


def text(board: Board) -> str:
    """The file's content."""
    return json.dumps(to_grafana(board), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def panel_id(board: Board, panel: Panel) -> int:
    """A number that stays when other panels come and go."""
    return int(hashlib.sha256(f"{board.uid}/{panel.key}".encode()).hexdigest()[:7], 16)


class _Panel(core.Panel):  # type: ignore[misc]  # grafanalib has no types
    """A panel of any plugin, in today's form: grafanalib's own classes still write the one of Grafana 6."""

    def __init__(self, given: Panel, **settings: object) -> None:
        super().__init__(title=given.title, description=given.description, **settings)
        self.given = given

    def to_json_data(self) -> Any:  # noqa: ANN401  # grafanalib's encoder takes what it gets
        return self.panel_json({}) | {
            "type": self.given.plugin,
            "options": self.given.options,
            "fieldConfig": {"defaults": self.given.defaults, "overrides": self.given.overrides},
        }


def _panel(board: Board, panel: Panel, place: Place) -> _Panel:
    return _Panel(
        panel,
        id=panel_id(board, panel),
        dataSource=DATA_SOURCE if panel.queries else None,
        gridPos=core.GridPos(h=place.height, w=place.width, x=place.x, y=place.y),
        targets=[_target(query, chr(ord("A") + number)) for number, query in enumerate(panel.queries)],
        transformations=list(panel.transformations),
    )


def _target(query: Query, letter: str) -> Any:  # noqa: ANN401  # grafanalib has no types
    return core.Target(
        expr=str(query.expr),
        refId=letter,
        legendFormat=query.legend or "__auto",
        instant=query.instant,
        format="table" if query.as_table else "time_series",
        datasource=DATA_SOURCE,
    )


def _link() -> Any:  # noqa: ANN401  # grafanalib has no types
    return core.DashboardLink(
        title="GreenOps boards", tooltip="The other boards, with the same choices and time range",
        type="dashboards", tags=[TAG], asDropdown=True, includeVars=True, keepTime=True,
    )  # fmt: skip


def _annotation(board: Board) -> Json:
    return {
        "datasource": DATA_SOURCE,
        "enable": True,
        "expr": str(board.alerts),
        "iconColor": "red",
        "name": "Firing alerts",
        "step": "30s",
        "textFormat": "{{severity}} {{site}} {{stack}} {{parameter}} {{device}} {{department}} {{host}}",
        "titleFormat": "{{alertname}}",
    }


def _data_source() -> Any:  # noqa: ANN401  # grafanalib has no types
    return core.Template(
        name="datasource", label="Data source", type="datasource", query="prometheus", refresh=1, default=None
    )


def _variable(variable: Variable) -> Any:  # noqa: ANN401  # grafanalib has no types
    # Everything includes what has an empty label: a host without a department must not vanish.
    if variable.is_one:
        return core.Template(
            name=variable.name, label=variable.title, query=variable.query, dataSource=DATA_SOURCE,
            includeAll=False, multi=False, refresh=2, default=None,
        )  # fmt: skip
    return core.Template(
        name=variable.name, label=variable.title, query=variable.query, dataSource=DATA_SOURCE,
        includeAll=True, allValue=".*", multi=True, refresh=2, default="$__all",
    )  # fmt: skip


def _normal(raw: Mapping[str, Any]) -> Json:
    dashboard = cast("dict[str, Any]", _without_nulls(_without(raw, _OF_DASHBOARD)))
    dashboard["schemaVersion"] = SCHEMA_VERSION
    dashboard["timepicker"].pop("time_options", None)
    dashboard["panels"] = [_normal_panel(panel) for panel in dashboard["panels"]]
    dashboard["templating"]["list"] = [_normal_variable(variable) for variable in dashboard["templating"]["list"]]
    return dashboard


def _normal_panel(panel: Mapping[str, Any]) -> Json:
    kept = _without(panel, _OF_PANEL)
    kept["targets"] = [_without(target, _OF_TARGET) | {"range": not target["instant"]} for target in kept["targets"]]
    return {key: value for key, value in kept.items() if value not in ([], False)}


def _normal_variable(variable: Mapping[str, Any]) -> Json:
    kept = _without(variable, _OF_VARIABLE)
    chosen = {"selected": True, "text": ["All"], "value": ["$__all"]}
    kept.pop("current")
    return {**kept, "current": chosen} if kept.get("includeAll") else kept


def _without(mapping: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}


def _without_nulls(value: object) -> object:
    """*value* without null entries; a threshold's ``value: null`` means minus infinity and stays."""
    match value:
        case {"color": _, "value": _}:
            return value
        case {**entries}:
            return {key: _without_nulls(entry) for key, entry in entries.items() if entry is not None}
        case [*items]:
            return [_without_nulls(item) for item in items]
        case _:
            return value
