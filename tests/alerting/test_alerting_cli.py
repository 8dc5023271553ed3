"""The command line: what is committed is current, and mistakes are answered in words."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import yaml

from greenops_alerting import rules
from greenops_alerting.cli import ROOM, main


def test_the_committed_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", "--check"]) == 0, capsys.readouterr().err
    assert {path.name for path in (ROOM / "rules").iterdir()} == set(rules.files())


def test_writing_twice_gives_the_same_bytes_and_a_change_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def snapshot() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert main(["write", "--to", str(tmp_path)]) == 0
    first = snapshot()
    assert main(["write", "--to", str(tmp_path)]) == 0
    assert snapshot() == first
    changed = tmp_path / "rules" / "gateway.yml"
    changed.write_text(changed.read_text().replace("for: 1m", "for: 2m"))
    assert main(["write", "--check", "--to", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{changed} is not current; run 'greenops-alerting write'\n"


def test_links_lead_where_the_operator_says(tmp_path: Path) -> None:
    assert (
        main(["write", "--to", str(tmp_path), "--runbooks", "https://wiki/r/", "--dashboards", "https://grafana"]) == 0
    )
    for file in (tmp_path / "rules").iterdir():
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    assert rule["annotations"]["runbook_url"] == f"https://wiki/r/{rule['alert']}.md"
                    assert rule["annotations"]["dashboard_url"].startswith("https://grafana/d/greenops-")


def test_without_an_address_of_grafana_nothing_is_said_of_dashboards(tmp_path: Path) -> None:
    assert main(["write", "--to", str(tmp_path), "--dashboards", ""]) == 0
    written = "".join(file.read_text() for file in (tmp_path / "rules").iterdir())
    assert "dashboard" not in written
    assert "runbook_url: alerting/runbooks/EmissionLimitExceeded.md" in written


WRONG_LINKS = (
    "/etc/greenops", "wiki.example.org:80/r", "ftp://wiki", "https://", "a b", "a//b", 'https://w/"x', "https://w/'",
    "https://w/{{ .Value }}", "https://w/a b", "https://w/{x}", "https://w?page=", "https://w/`x`",
)  # fmt: skip


@pytest.mark.parametrize(
    ("option", "text"), [("--runbooks", ""), *product(("--runbooks", "--dashboards"), WRONG_LINKS)]
)
def test_a_link_that_a_page_could_not_bear_is_refused(
    option: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["write", "--to", str(tmp_path), option, text]) == 2
    assert f"{option}: '{text}' is " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("quick", [[], ["--quick"]], ids=["as shipped", "quick"])
def test_promtool_and_amtool_find_what_is_written_good(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["write", "--to", str(tmp_path), *quick]) == 0
    capsys.readouterr()
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "promtool: good\namtool: good\n"
    broken = tmp_path / "rules" / "gateway.yml"
    broken.write_text(broken.read_text().replace("max by (site)", "max by (site", 1))
    assert main(["check", str(tmp_path)]) == 1
    assert "promtool: bad" in capsys.readouterr().out


def test_a_checker_that_is_missing_has_not_found_the_files_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["write", "--to", str(tmp_path)]) == 0
    monkeypatch.setenv("GREENOPS_SERVERS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["check", str(tmp_path)]) == 1
    assert "promtool: not found; run 'make setup' or set GREENOPS_SERVERS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "{tmp}"], "has no rules/*.yml or no alertmanager/alertmanager.yml"),
        (["write", "--to", "{tmp}", "--routes", "{tmp}/none.yml"], "none.yml: cannot be read"),
        (["write", "--to", "/dev/null"], "cannot be written"),
        (["alertmanager", "--webhook", "pages:9843"], "--webhook: 'pages:9843' is not an address"),
        (["receive", "--listen", "9843"], "--listen: '9843' is not HOST:PORT"),
    ],
)
def test_a_mistake_is_answered_in_words(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.replace("{tmp}", str(tmp_path)) for argument in arguments]) == 2
    assert message in capsys.readouterr().err


def test_help_teaches_and_usage_errors_are_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in ((["--help"], 0), (["--version"], 0), ([], 2), (["nonsense"], 2)):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == code
    assert "greenops-alerting preview" in capsys.readouterr().out


def test_the_list_has_every_alert(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(rules.alerts())
