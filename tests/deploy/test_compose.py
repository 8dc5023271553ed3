"""docker-compose.yml, validated by Compose itself; no container engine is needed for that."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from plan import Ports, variable
from stack import ROOT, server

COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def resolved() -> dict[str, Any]:
    """The file as Compose understands it: anchors, variables and defaults resolved."""
    done = subprocess.run(
        [server("docker-compose"), "-f", COMPOSE, "config"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_compose_accepts_the_file_and_refuses_a_misspelt_key(resolved: dict[str, Any], tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("healthcheck:", "healthchek:", 1))
    done = subprocess.run([server("docker-compose"), "-f", wrong, "config", "-q"], capture_output=True, check=False)
    assert resolved["services"]
    assert done.returncode != 0


def test_every_part_of_the_stack_has_a_container(resolved: dict[str, Any]) -> None:
    wanted = {"prometheus", "alertmanager", "grafana", "exporter", "agent", "gateway", "broker", "simulator", "pages"}
    assert resolved["services"].keys() == wanted


def test_every_service_is_checked_for_health_and_runs_without_privileges(resolved: dict[str, Any]) -> None:
    for name, service in resolved["services"].items():
        assert service.get("healthcheck", {}).get("test"), f"{name} has no health check"
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service.get("user", "") not in {"0", "root"}, name


def test_whoever_depends_on_another_waits_for_its_health(resolved: dict[str, Any]) -> None:
    order = {name: list(service.get("depends_on", {})) for name, service in resolved["services"].items()}
    assert {"agent", "gateway", "alertmanager"} <= set(order["prometheus"])
    assert order["grafana"] == ["prometheus"]
    for name, service in resolved["services"].items():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy", f"{name} does not wait for {needed}"


def test_ports_are_open_on_loopback_only(resolved: dict[str, Any]) -> None:
    for name, service in resolved["services"].items():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", f"{name} publishes {port}"


def test_the_variables_that_move_ports_are_those_of_make_up() -> None:
    known = {variable(name): str(port) for name, port in Ports().items()} | {"GREENOPS_GRAFANA_PORT": "3000"}
    for name, default in re.findall(r"\$\{(\w+):-(\d+)\}", COMPOSE.read_text()):
        assert known.get(name) == default


def test_no_password_stands_in_the_file(resolved: dict[str, Any]) -> None:
    environment = resolved["services"]["grafana"]["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert not [
        key
        for service in resolved["services"].values()
        for key in service.get("environment", {})
        if "PASSWORD" in key or "TOKEN" in key
    ]


def test_what_is_mounted_is_in_the_checkout(resolved: dict[str, Any]) -> None:
    for service in resolved["services"].values():
        for mount in service.get("volumes", []):
            if mount["type"] == "bind" and mount["source"].startswith(str(ROOT)):
                assert Path(mount["source"]).exists(), mount["source"]
    for config in resolved["configs"].values():
        assert Path(config["file"]).exists(), config["file"]


def test_the_agent_sees_what_it_reads_of_the_host_and_can_change_none_of_it(resolved: dict[str, Any]) -> None:
    mounts = resolved["services"]["agent"]["volumes"]
    wanted = {"/proc", "/sys", "/dev/pts", "/run/systemd/seats", "/run/systemd/sessions"}
    assert {(mount["source"], mount["target"]) for mount in mounts} == {(path, f"/host{path}") for path in wanted}
    assert all(mount["read_only"] for mount in mounts)


def test_images_are_built_in_stages_and_run_as_uid_1000() -> None:
    recipe = (ROOT / "deploy/Dockerfile").read_text()
    assert len(re.findall(r"^FROM ", recipe, re.MULTILINE)) == 2
    assert "USER 1000:1000" in recipe.split("FROM ")[-1]
