"""The command line as its users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import stack
from conftest import Golden

EXAMPLE = stack.ROOT / "gateway" / "gateway.yml"
PROGRAM = stack.program("greenops-gateway")


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, **environment},
    )


class Simulator(NamedTuple):
    """A simulator as a process of its own, and the example with its port."""

    process: subprocess.Popen[bytes]
    control: str
    config: Path


@contextmanager
def simulator(tmp_path: Path, *arguments: str) -> Iterator[Simulator]:
    port, control = stack.free_port(), f"127.0.0.1:{stack.free_port()}"
    config = tmp_path / "gateway.yml"
    config.write_text(EXAMPLE.read_text(encoding="utf-8").replace("port: 5020", f"port: {port}"), encoding="utf-8")
    listen = ["simulate", "--listen", f"127.0.0.1:{port}", "--control", control, *arguments]
    service = stack.Service("simulator", [PROGRAM, *listen], f"http://{control}/scenario")
    with stack.running(service, tmp_path / "simulator.log") as process:
        yield Simulator(process, f"http://{control}", config)


def test_read_prints_every_point_and_scenarios_are_switched(tmp_path: Path) -> None:
    with simulator(tmp_path) as running:
        table = command("read", running.config)
        assert (table.returncode, table.stderr) == (0, "")
        head, *rows = [line.split() for line in table.stdout.splitlines()]
        assert head == ["device", "point", "value", "unit", "quality", "reason"]
        assert [row[1] for row in rows] == [
            "so2",
            "nox",
            "co",
            "dust",
            "o2",
            "temperature",
            "pressure",
            "flow",
            "status",
        ]
        assert {tuple(row[4:]) for row in rows} == {("good", "none")}

        assert command("scenario", "failure", "--control", running.control).stdout == "failure\n"
        lost = command("read", running.config, "--json")
        assert lost.returncode == 1
        assert "cannot connect to 127.0.0.1" in lost.stderr
        assert {(row["value"], row["quality"], row["reason"]) for row in json.loads(lost.stdout)} == {
            (None, "bad", "communication")
        }
        assert command("scenario", "normal", "--control", running.control).returncode == 0
        assert command("read", running.config, "--device", "analyser-1").returncode == 0

        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
    assert "Traceback" not in (tmp_path / "simulator.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_serves_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    with simulator(tmp_path, "--scenario", "drift") as running:
        port = stack.free_port()
        service = stack.Service(
            "gateway",
            [PROGRAM, "run", "--config", running.config],
            f"http://127.0.0.1:{port}/-/ready",
            {"GREENOPS_GATEWAY_PORT": str(port)},
        )
        log = tmp_path / "gateway.log"
        with stack.running(service, log) as gateway:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
                assert b'greenops_device_up{site="demo-plant",stack="stack-1",device="analyser-1"' in reply.read()
            gateway.send_signal(number)
            assert gateway.wait(10) == 0
    assert log.read_text().splitlines() == [
        f"info greenops_gateway.cli: listening on 127.0.0.1:{port}",
        "info greenops_gateway.supervise: analyser-1: delivers samples",
    ]


def test_a_taken_port_names_both_ways_to_choose_another(tmp_path: Path) -> None:
    with simulator(tmp_path) as running:
        taken = running.control.removeprefix("http://")
        for ended in (
            command("run", "--config", running.config, "--listen", taken),
            command("run", "--config", running.config, GREENOPS_GATEWAY_PORT=taken.rpartition(":")[2]),
        ):
            assert ended.returncode == 2
            (line,) = ended.stderr.splitlines()
            assert line.startswith(f"greenops-gateway: cannot listen on {taken}: ")
            assert line.endswith("; choose another with --listen HOST:PORT or GREENOPS_GATEWAY_PORT=PORT")


def test_check_explains_the_example(golden: Golden) -> None:
    checked = command("check", EXAMPLE)
    assert (checked.returncode, checked.stderr) == (0, "")
    golden("gateway-check.txt", checked.stdout.replace(str(EXAMPLE), "gateway.yml"))


def test_schema_is_json() -> None:
    printed = command("schema")
    assert printed.returncode == 0
    assert "ModbusDevice" in json.loads(printed.stdout)["$defs"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["check", "no-such.yml"], 2, "no-such.yml: cannot be read: No such file or directory"),
        (["run", "--config", "no-such.yml"], 2, "no-such.yml: cannot be read: No such file or directory"),
        (["run", "--config", EXAMPLE, "--listen", "here"], 2, "--listen: 'here' is not HOST:PORT; write"),
        (["read", EXAMPLE, "--device", "analyzer-1"], 2, "--device: there is no device 'analyzer-1'; did you mean"),
        (["simulate", "--listen", "5020"], 2, "--listen: '5020' is not HOST:PORT"),
        (["simulate", "--scenario", "failing"], 2, "unknown scenario 'failing'"),
        (["scenario", "exceedence"], 2, "unknown scenario 'exceedence'; did you mean 'exceedance'?"),
        (["scenario", "drift", "--control", "http://127.0.0.1:1"], 1, "no simulator answers at http://127.0.0.1:1: "),
        (["scenario", "drift", "--control", "127.0.0.1:1"], 2, "--control: '127.0.0.1:1' is not an address; write"),
    ],
)
def test_a_mistake_ends_with_one_line(arguments: list[str | Path], code: int, message: str) -> None:
    ended = command(*arguments)
    assert ended.returncode == code
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"greenops-gateway: {message}")


def test_a_port_of_the_environment_that_is_none_is_named() -> None:
    ended = command("run", "--config", EXAMPLE, GREENOPS_GATEWAY_PORT="ninety")
    assert ended.returncode == 2
    assert (
        ended.stderr
        == "greenops-gateway: GREENOPS_GATEWAY_PORT: 'ninety' is not a port; write a number from 0 to 65535\n"
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["simulate", "--help"]])
def test_help_teaches(arguments: list[str]) -> None:
    told = command(*arguments)
    assert (told.returncode, told.stderr) == (0, "")
    assert "greenops-gateway" in told.stdout


def test_no_command_is_a_usage_error() -> None:
    assert command().returncode == 2
