"""The command greenops-agent, as an operator meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from greenops_agent.command import understand
from greenops_agent.settings import Task
from real_servers import eventually
from stack import Service, end, free_port, program, running

AGENT = program("greenops-agent")
QUIET = {name: value for name, value in os.environ.items() if name not in {"GREENOPS_AGENT_PORT", "PYTHONUNBUFFERED"}}
HOST = Path(__file__).parent / "host"
EXAMPLE = Path(__file__).parents[2] / "agent" / "agent.yml"


def agent(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AGENT, *arguments], capture_output=True, text=True, timeout=30, check=False, env={**QUIET, **environment}
    )


def service(port: int, *arguments: str | Path) -> Service:
    address = f"127.0.0.1:{port}"
    return Service("agent", (AGENT, "run", "--listen", address, *arguments), f"http://{address}/-/ready")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "Ctrl-C"])
def test_it_runs_without_a_configuration_and_ends_cleanly_when_told(sign: signal.Signals, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with running(service(port), log) as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
            assert b"greenops_host_memory_bytes{" in reply.read()
        process.send_signal(sign)
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        pytest.param((), {}, "127.0.0.1:9841", id="by default"),
        pytest.param((), {"GREENOPS_AGENT_PORT": "7001"}, "127.0.0.1:7001", id="the variable changes the port"),
        pytest.param(("--listen", ":7002"), {"GREENOPS_AGENT_PORT": "7001"}, ":7002", id="the option goes over it"),
    ],
)
def test_where_it_listens_is_said_in_three_places(
    arguments: tuple[str, ...], environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GREENOPS_AGENT_PORT", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    task = understand(("run", *arguments))
    assert isinstance(task, Task)
    assert task.settings.listen == expected


def test_it_measures_again_and_again(tmp_path: Path) -> None:
    file = tmp_path / "agent.yml"
    file.write_text("host: bench\nevery: 100ms\npower: {idle: 50, active: 50}\n")
    port = free_port()

    def joules() -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
            lines: list[str] = reply.read().decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith("greenops_host_energy_joules_total{"))

    with running(service(port, "--config", file, "--root", HOST), tmp_path / "log"):
        assert joules() == 0  # the files of this host stand still: no processor time passes, so no load is known
    with running(service(port, "--config", file), tmp_path / "log"):
        first = eventually(joules)
        assert eventually(lambda: joules() > first)


def test_a_taken_port_is_told_with_what_to_change(tmp_path: Path) -> None:
    port = free_port()
    with running(service(port), tmp_path / "log"):
        second = agent("run", GREENOPS_AGENT_PORT=str(port))
    assert second.returncode == 2
    assert second.stderr.startswith(f"greenops-agent: cannot listen on 127.0.0.1:{port}: Address already in use")
    assert "--listen" in second.stderr
    assert "GREENOPS_AGENT_PORT" in second.stderr


@pytest.mark.parametrize(
    "command", [("check",), ("run", "--config"), ("read", "--config")], ids=["check", "run", "read"]
)
def test_a_wrong_configuration_is_told_with_file_and_line(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "agent.yml"
    file.write_text("host: a\nzonne: DE\n")
    done = agent(*command, file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"greenops-agent: {file}:2: zonne: unknown key 'zonne'; did you mean 'zone'?\n"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = agent("check", tmp_path / "no.yml")
    assert done.returncode == 2
    assert "no.yml: cannot be read: No such file or directory" in done.stderr


def test_check_prints_what_a_file_comes_to(tmp_path: Path) -> None:
    file = tmp_path / "agent.yml"
    file.write_text("host: a\nzone: DE\n")
    done = agent("check", file)
    assert done.returncode == 0
    assert "carbon: 342.06 g/kWh (ember 2024.1.0)\n" in done.stdout


@pytest.mark.parametrize(
    ("sessions", "told"),
    [("auto", "after 60 s without input, or with load below 0.05"), ("none", "after 60 s with load below 0.05")],
)
def test_check_tells_when_the_host_is_idle(tmp_path: Path, sessions: str, told: str) -> None:
    file = tmp_path / "agent.yml"
    file.write_text(f"idle: {{after: 1m, sessions: {sessions}}}\n")
    assert f"idle: {told}\n" in agent("check", file).stdout


def test_check_tells_where_figures_are_pushed_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "agent.yml"
    told = agent("check", EXAMPLE)
    assert "sinks: none\n" in told.stdout
    file.write_text(
        "journal: {directory: /var/lib/agent, every: 2m}\n"
        "sinks:\n  files: {kind: jsonl, directory: /srv}\n"
        "  plant: {kind: otlp, url: 'https://c/v1/metrics', headers: {authorization: 'env:TOKEN'}}\n"
    )
    told = agent("check", file, TOKEN="s3cret")
    assert "sinks: files (/srv), plant (https://c/v1/metrics)\n" in told.stdout
    assert "journal: every 120 s into /var/lib/agent, which takes up to 8 MiB\n" in told.stdout
    assert "s3cret" not in told.stdout + told.stderr


def test_read_prints_one_collection_with_power() -> None:
    done = agent("read")
    assert done.returncode == 0
    assert "greenops_host_power_watts{" in done.stdout


def test_schema_is_json() -> None:
    described = json.loads(agent("schema").stdout)
    assert described["$defs"]["Configuration"]["additionalProperties"] is False


def test_version_is_told() -> None:
    assert agent("--version").stdout.startswith("greenops-agent ")


@pytest.mark.parametrize("arguments", [(), ("fly",), ("run", "--port", "1")], ids=["none", "unknown", "wrong option"])
def test_wrong_usage_is_told(arguments: tuple[str, ...]) -> None:
    done = agent(*arguments)
    assert done.returncode == 2
    assert "usage: greenops-agent" in done.stderr


def test_help_teaches_with_examples() -> None:
    assert "greenops-agent run --config agent.yml" in agent("--help").stdout


APART = """
import os
from greenops_agent.apart import apart
from greenops_core.errors import ConfigError
assert apart(lambda: os.getpid()) != os.getpid()
try:
    apart(lambda: (_ for _ in ()).throw(ConfigError("wrong", ("a", 1))))
except ConfigError as error:
    assert str(error) == "a[1]: wrong", error
try:
    apart(lambda: 1 // 0)
except ZeroDivisionError:
    pass
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child is left")
"""


def test_work_done_apart_gives_its_result_or_its_error_and_leaves_no_child() -> None:
    done = subprocess.run([sys.executable, "-c", APART], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("no child is left\n", "")


HEAVY = {
    "argparse",
    "aiohttp",
    "asyncio",
    "asyncua",
    "cramjam",
    "email",
    "greenops_agent.configuration",
    "greenops_agent.journal",
    "greenops_agent.push",
    "greenops_telemetry.delivery",
    "greenops_telemetry.journal",
    "grafanalib",
    "http.client",
    "http.server",
    "importlib.metadata",
    "msgspec",
    "opentelemetry",
    "prometheus_client",
    "pymodbus",
    "requests",
    "sqlite3",
    "ssl",
    "urllib.request",
    "yaml",
}
TELLING = """
import atexit, pathlib, sys
atexit.register(lambda: pathlib.Path(sys.argv[1]).write_text("\\n".join(sys.modules)))
from greenops_agent.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_a_running_agent_has_not_imported_anything_heavy(tmp_path: Path) -> None:
    port, told = free_port(), tmp_path / "modules"
    file = tmp_path / "agent.yml"
    file.write_text("host: a\n")
    command = (sys.executable, "-c", TELLING, told, "run", "--listen", f"127.0.0.1:{port}", "--config", file)
    with running(Service("agent", command, f"http://127.0.0.1:{port}/metrics"), tmp_path / "log") as process:
        end(process)
    modules = set(told.read_text().split())
    assert "greenops_agent.server" in modules
    assert modules & HEAVY == set()


def test_its_memory_stays_small(tmp_path: Path) -> None:
    port = free_port()
    with running(service(port), tmp_path / "log") as process:
        for _ in range(10):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
                reply.read()
        status = Path(f"/proc/{process.pid}/status").read_text()
    (resident,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    print(f"resident: {resident / 1024:.1f} MiB")
    assert resident < 20_000
