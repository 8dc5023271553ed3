"""The command line as an operator meets it: output, exit codes, signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from real_servers import eventually, get
from stack import Service, free_port, program, running

COMMAND = program("greenops-exporter")
CONFIG = """\
time_zone: Asia/Kolkata
zones: [DE]
budgets: [{ department: research, limit: 2000kg }]
"""


def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "exporter.yml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def test_help_teaches_with_an_example() -> None:
    given = call("--help")
    assert given.returncode == 0
    assert "greenops-exporter run --config exporter.yml --prometheus http://127.0.0.1:9090" in given.stdout
    assert "--listen" in call("run", "--help").stdout


def test_version_is_that_of_the_package() -> None:
    assert call("--version").stdout.startswith("greenops-exporter 0.")


@pytest.mark.parametrize("arguments", [[], ["serve"], ["run", "--port", "1"], ["check"]])
def test_wrong_usage_is_code_2(arguments: list[str]) -> None:
    given = call(*arguments)
    assert (given.returncode, given.stdout) == (2, "")
    assert given.stderr.startswith("usage: greenops-exporter")


def test_check_says_what_the_file_means(config: Path) -> None:
    given = call("check", config)
    assert given.returncode == 0
    lines = given.stdout.splitlines()
    assert lines[:4] == [
        f"{config}: right",
        "listens on 127.0.0.1:9840",
        "reads no Prometheus: consumption is not published",
        "months of Asia/Kolkata",
    ]
    assert lines[5].split("  ")[0] == "department"
    assert lines[6].startswith("research    2,000 kg  ")
    assert lines[6].count("-01 00:00 IST") == 2
    assert lines[8:] == ["zone  g/kWh   source  version", "DE    342.06  ember   2024.1.0"]


def test_check_of_a_wrong_file_is_code_2_with_the_place(config: Path) -> None:
    config.write_text("budgets:\n  - { department: research, limit: 2000 kg }\n", encoding="utf-8")
    given = call("check", config)
    assert (given.returncode, given.stdout) == (2, "")
    assert given.stderr == (
        f"greenops-exporter: {config}:2: budgets[0].limit: "
        "'2000 kg' is not a mass; write a number with a unit, like 500g, 2000kg or 1.5t\n"
    )


def test_a_file_that_is_not_there_is_code_2(tmp_path: Path) -> None:
    given = call("run", "--config", tmp_path / "none.yml")
    assert given.returncode == 2
    assert given.stderr == f"greenops-exporter: {tmp_path / 'none.yml'}: cannot be read: No such file or directory\n"


def test_factors_are_listed_with_source_and_version() -> None:
    lines = call("factors", "--zone", "US").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["zone", "g/kWh", "source", "version"],
        ["US", "349.667", "egrid", "2023.2.0"],
        ["US", "383.55", "ember", "2024.1.0"],
        ["US", "420", "legacy", "1.0.0"],
    ]
    assert len(call("factors").stdout.splitlines()) > 15


def test_an_unknown_zone_is_code_2() -> None:
    given = call("factors", "--zone", "WORLDS")
    assert (given.returncode, given.stderr) == (
        2,
        "greenops-exporter: --zone: no static factor for 'WORLDS'; did you mean 'WORLD'?\n",
    )


def test_schema_is_json() -> None:
    assert json.loads(call("schema").stdout)["$defs"]["BudgetEntry"]["required"] == ["department", "limit"]


def test_a_taken_port_is_told_with_both_ways_out(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = call("run", "--config", config, GREENOPS_EXPORTER_PORT=str(port))
    assert given.returncode == 2
    assert f"greenops-exporter: cannot listen on 127.0.0.1:{port}: " in given.stderr
    assert "choose another with --listen HOST:PORT or GREENOPS_EXPORTER_PORT=PORT" in given.stderr
    assert "Traceback" not in given.stderr


def test_a_folder_that_cannot_be_made_is_code_2(config: Path) -> None:
    given = call("run", "--config", config, "--prometheus", "http://127.0.0.1:1", "--data", config)
    assert given.returncode == 2
    assert given.stderr == f"greenops-exporter: data: {config} cannot be made: File exists\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0(config: Path, tmp_path: Path, number: signal.Signals) -> None:
    port, log = free_port(), tmp_path / "log"
    command: list[str | Path] = [COMMAND, "run", "--config", config, "--listen", f"127.0.0.1:{port}"]
    with running(Service("exporter", command, f"http://127.0.0.1:{port}/-/ready"), log) as process:
        process.send_signal(number)
        assert process.wait(10) == 0
    assert log.read_text() == (
        "warning greenops_exporter.run: prometheus is not configured: "
        "budgets are published without what was consumed of them\n"
        f"info greenops_telemetry.server: listening on 127.0.0.1:{port}\n"
    )


def test_without_prometheus_limits_and_factors_are_there_and_consumption_is_absent(
    config: Path, tmp_path: Path
) -> None:
    port = free_port()
    command: list[str | Path] = [COMMAND, "run", "--config", config, "--listen", f"127.0.0.1:{port}"]
    with running(Service("exporter", command, f"http://127.0.0.1:{port}/-/ready"), tmp_path / "log"):
        families = {
            family.name: family for family in text_string_to_metric_families(get(f"http://127.0.0.1:{port}/metrics"))
        }
    (limit,) = families["greenops_budget_limit_grams"].samples
    assert (limit.labels, limit.value) == ({"department": "research", "period": "month"}, 2e6)
    assert families["greenops_grid_carbon_intensity_grams_per_kwh"].samples[0].labels == {
        "zone": "DE",
        "kind": "average",
        "source": "ember",
        "version": "2024.1.0",
    }
    assert "greenops_budget_period_start_timestamp_seconds" in families
    assert "greenops_budget_consumed_grams" not in families
    assert "greenops_budget_updated_timestamp_seconds" not in families


def test_an_unreachable_prometheus_is_said_once_and_does_not_keep_it_from_being_ready(
    config: Path, tmp_path: Path
) -> None:
    port, nobody, log = free_port(), free_port(), tmp_path / "log"
    config.write_text(CONFIG + "refresh: 100ms\n", encoding="utf-8")
    command: list[str | Path] = [COMMAND, "run", "--config", config, "--listen", f"127.0.0.1:{port}"]
    command += ["--prometheus", f"http://127.0.0.1:{nobody}", "--data", tmp_path / "data"]
    with running(Service("exporter", command, f"http://127.0.0.1:{port}/-/ready"), log):
        eventually(lambda: "Cannot connect" in log.read_text())
        time.sleep(0.5)  # five more refreshes
        assert "greenops_budget_consumed_grams" not in get(f"http://127.0.0.1:{port}/metrics")
    warnings = [line for line in log.read_text().splitlines() if line.startswith("warning")]
    assert len(warnings) == 1
    assert warnings[0].startswith(
        "warning greenops_exporter.run: consumption cannot be read, the last known stays: "
        f"Prometheus http://127.0.0.1:{nobody}: Cannot connect"
    )
