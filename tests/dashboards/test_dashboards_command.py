"""``greenops-dashboards`` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from greenops_dashboards.boards import ALL
from greenops_dashboards.cli import main
from greenops_dashboards.files import files
from stack import ROOT


def test_write_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "boards"
    assert main(["write", "--dest", str(folder)]) == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == files()
    assert main(["write", "--check", "--dest", str(folder)]) == 0

    (folder / "fleet.json").write_text("{}", encoding="utf-8")
    (folder / "overview.json").unlink()
    capsys.readouterr()
    assert main(["write", "--check", "--dest", str(folder)]) == 1
    told = capsys.readouterr().err
    assert f"{folder}/fleet.json is not current; run: greenops-dashboards write --dest {folder}" in told
    assert "overview.json" in told
    assert "gateway.json" not in told


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["write", "--dest", str(tmp_path / "taken")]) == 1
    assert f"cannot write {tmp_path}/taken: File exists" in capsys.readouterr().err


def test_list_names_every_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [board.uid for board in ALL]


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["--help"], 0), ([], 2), (["paint"], 2)])
def test_exit_codes(arguments: list[str], code: int) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == code


def test_grafana_is_told_where_boards_and_data_are() -> None:
    provisioning = ROOT / "dashboards/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/greenops.yml").read_text(encoding="utf-8"))["providers"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    mounted = {volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]}
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert provider["options"]["path"] in mounted
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
