"""Starting and ending programs on this machine, as ``make up`` and the tests do."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
import yaml

from greenops_gateway.configuration import load
from greenops_telemetry.delivery.configuration import Jsonl
from plan import Ports, broker_config, gateway_config, prometheus_config, services
from stack import Service, StackError, answers, end, free_port, running, server
from up import main, refuse_taken_ports

PAGE = "import http.server as h; h.test(HandlerClass=h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, 9842),
        ({"GREENOPS_GATEWAY_PORT": "19842"}, 19842),
        ({"GREENOPS_GATEWAY_PORT": ""}, 9842),
    ],
    ids=["default", "moved", "empty is not set"],
)
def test_a_variable_moves_a_port(environment: dict[str, str], expected: int) -> None:
    assert Ports.from_environment(environment).gateway == expected


@pytest.mark.parametrize("text", ["0", "65536", "x", "-1", "9842 "])
def test_a_variable_that_is_no_port_is_named(text: str) -> None:
    with pytest.raises(StackError, match=r"GREENOPS_AGENT_PORT=.* is no port"):
        Ports.from_environment({"GREENOPS_AGENT_PORT": text})


def test_a_taken_port_is_said_by_name_with_the_variable_to_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} \\(gateway\\) is taken; .*GREENOPS_GATEWAY_PORT="):
            refuse_taken_ports(Ports(gateway=port))
        monkeypatch.setenv("GREENOPS_GATEWAY_PORT", str(port))
        assert main([]) == 1
    assert "GREENOPS_GATEWAY_PORT" in capsys.readouterr().err


def test_two_programs_on_one_port_are_refused() -> None:
    port = free_port()
    with pytest.raises(StackError, match=f"port {port} \\(gateway\\) is also that of agent"):
        refuse_taken_ports(Ports(agent=port, gateway=port))


def test_a_program_runs_while_the_context_lasts_and_not_longer(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    service = Service("page", [sys.executable, "-c", PAGE.format(port=port)], url, {})
    with running(service, tmp_path / "page.log") as process:
        assert answers(url)
    assert process.returncode is not None
    assert not answers(url)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param("raise SystemExit('no such cable')", "ended with code 1", id="it exits"),
        pytest.param("import time; time.sleep(60)", "is not ready after 1 s", id="it never answers"),
    ],
)
def test_a_program_that_does_not_start_is_explained_with_its_log(tmp_path: Path, script: str, message: str) -> None:
    service = Service("wrong", [sys.executable, "-c", script], f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(StackError, match=message), running(service, tmp_path / "log", patience=1):
        pass


def test_a_program_deaf_to_term_is_killed(tmp_path: Path) -> None:
    port = free_port()
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PAGE.format(port=port)
    with running(Service("deaf", [sys.executable, "-c", deaf], f"http://127.0.0.1:{port}/"), tmp_path / "log") as child:
        pid = child.pid
        end(child, patience=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_missing_server_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENOPS_SERVERS", str(tmp_path))
    with pytest.raises(StackError, match="make setup"):
        server("prometheus")


def test_every_scrape_target_is_moved_to_this_machine(tmp_path: Path) -> None:
    ports = Ports(agent=11111, gateway=11112, exporter=11113, prometheus=11114, alertmanager=11115)
    config = yaml.safe_load(prometheus_config(ports, tmp_path))
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert targets == {name: [f"127.0.0.1:{getattr(ports, name)}"] for name in targets}
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:11115"]


def test_the_gateway_of_the_stack_reads_the_simulator(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yml"
    ports = Ports(modbus=11111, opcua=11112, broker=11113, dnp3=11114)
    config.write_text(gateway_config(ports, tmp_path / "data"), encoding="utf-8")
    links = yaml.safe_load(config.read_text(encoding="utf-8"))["links"].values()
    assert sorted(link.get("port", link.get("url")) for link in links if link["protocol"] != "opcua") == [
        11111,
        11113,
        11114,
    ]
    assert {link["url"] for link in links if "url" in link} == {"opc.tcp://127.0.0.1:11112"}
    loaded = load(config)
    assert len(loaded.devices) == 4
    assert loaded.journal is not None
    archive = loaded.sinks["archive"]
    assert isinstance(archive, Jsonl)
    for directory in (loaded.journal.directory, archive.directory):
        assert Path(directory).is_relative_to(tmp_path / "data")


def test_every_port_belongs_to_a_program_of_the_plan(tmp_path: Path) -> None:
    ports = Ports()
    commands = " ".join(str(part) for service in services(ports, tmp_path) for part in service.command)
    told = commands + gateway_config(ports, tmp_path) + broker_config(ports)
    assert not [name for name, port in ports.items() if f"{port}" not in told]
