"""What every board and panel must have; each rule is named by its test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from generated.promql_tree import selectors
from generated.spoken import ROOT, boards
from greenops_alerting.thresholds import BUDGET, EMISSION
from greenops_dashboards import grafana_unit
from greenops_dashboards.board import places
from greenops_dashboards.boards import ALL
from greenops_dashboards.variable import TRACED_AT

BOARDS = boards()
DATA = {"stat", "timeseries", "bargauge", "table", "state-timeline"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panels(*plugins: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and JSON of the panels of *plugins*, or of all."""
    for board in BOARDS.values():
        for panel in board["panels"]:
            if not plugins or panel["type"] in plugins:
                yield f"{board['uid']} / {panel['title']}", panel


def targets() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for where, panel in panels(*DATA):
        for target in panel["targets"]:
            yield where, panel, target


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_fixed_tagged_linked_and_annotated(name: str) -> None:
    board = BOARDS[name]
    assert board["uid"] == f"greenops-{name.removesuffix('.json')}"
    assert board["schemaVersion"] == 42
    assert board["editable"] is False
    assert board["refresh"] == "30s"
    assert board["description"].endswith("?")
    (link,) = board["links"]
    assert link["includeVars"]
    assert link["keepTime"]
    assert link["tags"] == board["tags"] == ["greenops"]
    (annotation,) = board["annotations"]["list"]
    assert "ALERTS{" in annotation["expr"]
    assert 'alertstate="firing"' in annotation["expr"]


@pytest.mark.parametrize("name", BOARDS)
def test_variables_begin_with_the_data_source_and_offer_all_on_every_change_of_time(name: str) -> None:
    source, *others = BOARDS[name]["templating"]["list"]
    assert (source["name"], source["type"]) == ("datasource", "datasource")
    assert others
    for variable in others:
        assert variable["datasource"] == SOURCE
        assert variable["refresh"] == 2
        if variable["name"] == TRACED_AT.name:
            assert (variable["includeAll"], variable["multi"]) == (False, False), "an address is one"
            continue
        assert variable["includeAll"]
        assert variable["multi"]
        assert variable["allValue"] == ".*", "a series with an empty label must not vanish under All"


def test_a_query_is_narrowed_by_every_variable_whose_label_its_metric_has() -> None:
    for board in ALL:
        known = {variable.name for variable in board.variables}
        for panel in board.panels:
            for query in panel.queries:
                for selector in selectors(str(query.expr)):
                    matched = {matcher.name for matcher in selector.matchers.matchers}
                    unknown = set(re.findall(r"\$(\w+)", str(query.expr))) - known - {"__range", "__rate_interval"}
                    assert not unknown, (board.uid, panel.title)
                    assert matched >= known & set(labels_of(selector.name)), (board.uid, panel.title, selector.name)


PROGRAM_WIDE = {"greenops_grid_carbon_intensity_grams_per_kwh"}


def labels_of(name: str | None) -> tuple[str, ...]:
    from generated.spoken import vocabulary

    series = vocabulary().series[name or ""]
    return () if name in {"ALERTS", *PROGRAM_WIDE} else tuple(series.labels)


def test_every_panel_says_what_it_shows() -> None:
    for where, panel in panels():
        assert panel["title"], where
        assert len(panel["description"]) > 15, where
        assert panel["description"].endswith("."), where


def test_every_panel_says_why_it_is_empty() -> None:
    for where, panel in panels(*DATA):
        if where != "greenops-gateway / Last readings":  # an empty cell is another quantity
            assert len(panel["fieldConfig"]["defaults"]["noValue"]) > 3, where


def test_every_unit_is_one_of_our_constants() -> None:
    known = {value for name, value in vars(grafana_unit).items() if name.isupper()}
    for where, panel in panels(*DATA):
        assert panel["fieldConfig"]["defaults"]["unit"] in known, where
        for override in panel["fieldConfig"]["overrides"]:
            units = {change["value"] for change in override["properties"] if change["id"] == "unit"}
            assert units <= known, where


def test_thresholds_come_from_the_alerts_and_are_never_grafanas_default() -> None:
    for where, panel in panels(*DATA):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None, where
        assert 80 not in [step["value"] for step in steps], where
    shares = {panel["title"]: panel for _, panel in panels("bargauge")}
    for title, ladder in (("Average as a share of its limit", EMISSION), ("Budget used", BUDGET)):
        steps = shares[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert tuple(step["value"] for step in steps[1:]) == ladder


def test_only_fitting_windows_are_used_and_only_the_chosen_data_source() -> None:
    for where, panel, target in targets():
        assert panel["datasource"] == target["datasource"] == SOURCE, where
        windows = re.findall(r"(?<!last_over_time)\(\w+(?:\{[^}]*\})?\[([^\]]+)\]", target["expr"])
        assert set(windows) <= {"$__rate_interval", "$__range", "3d"}, where
        assert ("$__rate_interval" in target["expr"]) <= ("rate(" in target["expr"]), where


def test_a_value_of_now_is_asked_for_once() -> None:
    for where, panel, target in targets():
        assert target["instant"] is not target["range"], where
        if panel["type"] in {"timeseries", "state-timeline"}:
            assert target["range"], where
        if panel["type"] == "table":
            assert target["instant"], where
            assert target["format"] == "table", where


def test_gaps_stay_gaps() -> None:
    for where, panel in panels("timeseries"):
        assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False, where


def test_lines_are_told_apart_by_a_legend() -> None:
    for where, panel, target in targets():
        if panel["type"] in {"timeseries", "state-timeline", "bargauge"}:
            assert target["legendFormat"] not in {"", "__auto"}, where
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"], where


def test_a_state_is_told_in_words() -> None:
    for where, panel in panels("state-timeline"):
        (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
        assert all(option["text"] and option["color"] for option in mapping["options"].values()), where


def test_rows_are_full_and_even_and_no_panel_is_too_narrow() -> None:
    for board in ALL:
        rows: dict[int, list[tuple[int, int]]] = {}
        for place in places(board.panels):
            rows.setdefault(place.y, []).append((place.width, place.height))
            assert place.width >= 6, board.uid
        for row in rows.values():
            assert sum(width for width, _ in row) == 24, board.uid
            assert len({height for _, height in row}) == 1, board.uid


def test_the_first_panels_are_the_answer_and_the_last_explains() -> None:
    for board in ALL:
        assert [panel.plugin for panel in board.panels[:3]] == ["stat"] * 3, board.uid
        *others, last = board.panels
        assert last.plugin == "text"
        assert "text" not in {panel.plugin for panel in others}
        content = str(last.options["content"])
        assert board.question in content
        assert "No data is not zero" in content
        (runbooks,) = re.findall(r"runbooks \(`(\S+)` in the project\)", content)
        assert (ROOT / runbooks).is_dir()


def test_a_link_opens_a_board_that_knows_the_variable() -> None:
    variables = {board.uid: {variable.name for variable in board.variables} for board in ALL}
    found = [url for _, panel in panels("table") for url in re.findall(r"'url': '([^']+)'", str(panel["fieldConfig"]))]
    found = [url for url in found if not url.startswith("http://${instance}/")]  # followed on a running whole
    assert found
    for url in found:
        match = re.fullmatch(r"/d/([\w-]+)\?.*&var-(\w+)=\$\{__value\.raw\}", url)
        assert match, url
        assert match[2] in variables[match[1]], url
