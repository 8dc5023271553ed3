"""What leaves is schema 42, the same each time, and what Grafana's own types allow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from greenops_dashboards.board import Board, Place, places
from greenops_dashboards.boards import ALL
from greenops_dashboards.grafana import panel_id, text, to_grafana
from greenops_dashboards.panel import Panel
from stack import ROOT

SCHEMA = ROOT / "dashboards/schema"


def nulls(value: object, path: str = "") -> Iterator[str]:
    """Where null stands."""
    match value:
        case None:
            yield path
        case dict():
            for key, inner in value.items():
                yield from nulls(inner, f"{path}.{key}")
        case list():
            for place, inner in enumerate(value):
                yield from nulls(inner, f"{path}[{place}]")
        case _:
            return


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.uid)
def test_the_text_is_the_same_each_time_and_sorted(board: Board) -> None:
    assert text(board) == text(replace(board))
    content = json.loads(text(board))
    assert text(board) == json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.uid)
def test_nothing_is_null_but_the_lowest_threshold(board: Board) -> None:
    found = set(nulls(to_grafana(board)))
    assert {path for path in found if not path.endswith("steps[0].value")} == set()
    assert found


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.uid)
def test_a_panel_keeps_its_number_when_others_come_and_go(board: Board) -> None:
    numbers = [panel_id(board, panel) for panel in board.panels]
    assert len(set(numbers)) == len(numbers)
    shorter = replace(board, panels=board.panels[3:])
    assert [panel["id"] for panel in to_grafana(shorter)["panels"]] == numbers[3:]  # type: ignore[attr-defined]  # JSON


def test_panels_flow_left_to_right_and_rows_are_as_high_as_their_highest_panel() -> None:
    sizes = [(12, 4), (12, 8), (24, 2), (8, 3), (12, 3), (12, 3)]
    panels = [
        Panel(plugin="text", key=str(n), title="", description="", width=width, height=height)
        for n, (width, height) in enumerate(sizes)
    ]
    assert list(places(panels)) == [
        Place(0, 0, 12, 4),
        Place(12, 0, 12, 8),
        Place(0, 8, 24, 2),
        Place(0, 10, 8, 3),
        Place(8, 10, 12, 3),
        Place(0, 13, 12, 3),
    ]


@pytest.fixture(scope="module")
def schemas() -> Path:
    """JSON Schemas of Grafana's types, made once from its published packages."""
    folder = ROOT / ".greenops/grafana-schema"
    command = [sys.executable, str(SCHEMA / "generate.py"), "--dest", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def deviations(files: list[Path], schemas: Path) -> str:
    command = [sys.executable, str(SCHEMA / "validate.py"), *map(str, files), "--schemas", str(schemas)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout + done.stderr


def test_committed_dashboards_are_what_grafana_13_allows(schemas: Path) -> None:
    files = sorted((ROOT / "dashboards/json").glob("*.json"))
    assert len(files) == len(ALL)
    assert deviations(files, schemas) == ""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(lambda panel: panel["options"].update(graphMoode="area"), "graphMoode", id="unknown option"),
        pytest.param(
            lambda panel: panel["fieldConfig"]["defaults"].update(unit="Watt"), "'Watt' is neither", id="unknown unit"
        ),
        pytest.param(lambda panel: panel.update(gridPos="left"), "gridPos", id="wrong type"),
    ],
)
def test_what_grafana_does_not_know_is_named(change: object, complaint: str, schemas: Path, tmp_path: Path) -> None:
    board = json.loads(text(ALL[0]))
    assert callable(change)
    change(board["panels"][0])
    file = tmp_path / "board.json"
    file.write_text(json.dumps(board), encoding="utf-8")
    assert complaint in deviations([file], schemas)
