"""Every metric is documented and shown, every alert has a runbook, and what is generated is current."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from generated.promql_tree import examine
from generated.spoken import ROOT, boards, in_rules, on_boards, rules, vocabulary
from greenops_alerting import rules as alerting_rules
from greenops_core.catalogue import CATALOGUE
from greenops_dashboards.boards import ALL
from greenops_dashboards.files import files
from greenops_dashboards.shown import DELIBERATELY_NOT_SHOWN

RUNBOOK_HEADINGS = ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_metric_is_on_a_board_or_deliberately_not() -> None:
    words = vocabulary()
    shown = {name for one in on_boards() for name in examine(one.text, words).names}
    used_by_rules_only = {name for one in in_rules() for name in examine(one.text, words).names} - shown
    missing = {metric.name for metric in CATALOGUE if metric not in DELIBERATELY_NOT_SHOWN} - shown
    assert missing == set(), f"add a panel, or a reason; a rule is not a panel: {missing & used_by_rules_only}"


def test_what_is_deliberately_not_shown_has_a_reason_and_is_not_shown() -> None:
    shown = {name for one in on_boards() for name in examine(one.text, vocabulary()).names}
    assert not {metric.name for metric in DELIBERATELY_NOT_SHOWN} & shown
    assert all(len(reason) > 10 for reason in DELIBERATELY_NOT_SHOWN.values())


def test_every_metric_is_documented() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert {metric.name for metric in CATALOGUE if f"`{metric.name}`" not in text} == set()


def test_every_alert_has_a_runbook_that_says_what_to_do() -> None:
    for name in sorted({rule["alert"] for _, rule in rules() if "alert" in rule}):
        runbook = ROOT / f"alerting/runbooks/{name}.md"
        assert runbook.is_file(), f"{runbook.relative_to(ROOT)} is missing"
        text = runbook.read_text(encoding="utf-8")
        assert [heading for heading in RUNBOOK_HEADINGS if heading not in text] == [], name


def test_every_runbook_belongs_to_an_alert() -> None:
    names = {rule["alert"] for _, rule in rules() if "alert" in rule}
    assert {path.stem for path in (ROOT / "alerting/runbooks").glob("[A-Z]*.md")} - names - {"README"} == set()


def test_every_alert_links_to_its_runbook_and_to_a_board_with_the_variables_it_sets() -> None:
    variables = {board.uid: {variable.name for variable in board.variables} for board in ALL}
    for _, rule in rules():
        if "alert" not in rule:
            continue
        links = rule["annotations"]
        assert links["runbook_url"].endswith(f"/{rule['alert']}.md")
        board = re.search(r"/d/([\w-]+)", links["dashboard_url"])
        assert board, f"{rule['alert']} links to {links['dashboard_url']}"
        assert set(re.findall(r"var-(\w+)=", links["dashboard_url"])) <= variables[board[1]], rule["alert"]


def test_the_alerts_of_a_board_are_those_that_link_to_it() -> None:
    linked = {alert.dashboard for alert in alerting_rules.alerts()}
    assert linked <= {board.uid for board in ALL}


def test_dashboards_are_current() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "dashboards/json").iterdir()}
    assert committed == files(), "run: greenops-dashboards write"


def test_documentation_and_schemas_are_current(generate: ModuleType) -> None:
    stale = [name for name, text in generate.files().items() if (ROOT / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run: python docs/generate.py"


def test_stale_documentation_is_named(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "docs/metrics.md is not current; run: make generate" in capsys.readouterr().err


def test_rules_and_alertmanager_configuration_are_current() -> None:
    program = [sys.executable, "-m", "greenops_alerting.cli"]
    done = subprocess.run([*program, "check"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_board_is_a_file_and_every_file_a_board() -> None:
    assert {board["uid"] for board in boards().values()} == {board.uid for board in ALL}
