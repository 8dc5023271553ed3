"""What runs in the local stack: ports, configuration files and commands, as values.

Rendering is pure; ``up.py`` and the end-to-end tests write the files and start the programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from stack import ROOT, Service, StackError, program, server

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each program listens on loopback; ``GREENOPS_<NAME>_PORT`` moves it."""

    exporter: int = 9840
    agent: int = 9841
    gateway: int = 9842
    pages: int = 9843
    simulator: int = 9844
    broker: int = 1883
    modbus: int = 5020
    opcua: int = 4840
    dnp3: int = 20000
    alertmanager: int = 9093
    prometheus: int = 9090

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Ports:
        """The defaults, moved by the environment.

        Raises:
            StackError: a variable is no port number.
        """
        moved: dict[str, int] = {}
        for field in fields(cls):
            text = environment.get(variable(field.name))
            if text:
                if not text.isdecimal() or not 0 < int(text) < 65536:
                    raise StackError(f"{variable(field.name)}={text} is no port; use a number from 1 to 65535")
                moved[field.name] = int(text)
        return cls(**moved)

    def items(self) -> list[tuple[str, int]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


def variable(name: str) -> str:
    """The environment variable that moves the port *name*."""
    return f"GREENOPS_{name.upper()}_PORT"


def prometheus_config(ports: Ports, rules: Path) -> str:
    """deploy/prometheus/prometheus.yml with this machine's addresses and rule files."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    config["rule_files"] = [f"{rules}/*.yml"]
    for holder in (*config["scrape_configs"], *config["alerting"]["alertmanagers"]):
        for group in holder["static_configs"]:
            group["targets"] = [f"{HOST}:{getattr(ports, target.split(':')[0])}" for target in group["targets"]]
    return yaml.safe_dump(config, sort_keys=False)


def gateway_config(ports: Ports, data: Path) -> str:
    """gateway/gateway.yml with this machine's ports, to be read from another folder; samples are kept below *data*."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "gateway/gateway.yml").read_text(encoding="utf-8"))
    for link in config["links"].values():
        match link["protocol"]:
            case "opcua":
                link["url"] = f"opc.tcp://{HOST}:{ports.opcua}"
            case "mqtt":
                link["host"], link["port"] = HOST, ports.broker
            case name:
                link["host"], link["port"] = HOST, getattr(ports, name)
    for device in config["devices"]:
        device["profile"] = str(ROOT / "gateway/profiles" / f"{device['profile']}.yaml")
    config["journal"]["directory"] = str(data / "gateway" / "journal")
    config["sinks"]["archive"]["directory"] = str(data / "gateway" / "samples")
    return yaml.safe_dump(config, sort_keys=False)


def broker_config(ports: Ports) -> str:
    """The MQTT broker between simulator and gateway: on loopback, for everybody, and it keeps nothing."""
    return f"listener {ports.broker} {HOST}\nallow_anonymous true\npersistence false\n"


def services(ports: Ports, data: Path) -> list[Service]:
    """The programs in the order in which they start; their configuration is expected in ``data/config``."""
    config = data / "config"
    url = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    listen = {name: f"{HOST}:{port}" for name, port in ports.items()}
    return [
        Service("broker", [server("mosquitto"), "-c", config / "mosquitto.conf"], f"tcp://{listen['broker']}"),
        Service(
            "simulator",
            [program("greenops-gateway"), "simulate", config / "gateway.yml", "--control", listen["simulator"]],
            url["simulator"] + "/scenario",
        ),
        Service(
            "gateway",
            [program("greenops-gateway"), "run", "--config", config / "gateway.yml", "--listen", listen["gateway"]],
            url["gateway"] + "/-/healthy",
        ),
        Service(
            "agent",
            [program("greenops-agent"), "run", "--config", config / "agent.yml", "--listen", listen["agent"]],
            url["agent"] + "/-/healthy",
        ),
        Service(
            "exporter",
            [
                program("greenops-exporter"),
                "run",
                "--config",
                config / "exporter.yml",
                "--listen",
                listen["exporter"],
                "--prometheus",
                url["prometheus"],
                "--data",
                data / "exporter",
            ],
            url["exporter"] + "/-/healthy",
        ),
        Service(
            "pages",
            [program("greenops-alerting"), "receive", "--listen", listen["pages"]],
            url["pages"] + "/-/healthy",
        ),
        Service(
            "alertmanager",
            [
                server("alertmanager"),
                f"--config.file={config / 'alertmanager.yml'}",
                f"--storage.path={data / 'alertmanager'}",
                f"--web.listen-address={listen['alertmanager']}",
                "--cluster.listen-address=",  # one instance: no gossip port
            ],
            url["alertmanager"] + "/-/ready",
        ),
        Service(
            "prometheus",
            [
                server("prometheus"),
                f"--config.file={config / 'prometheus.yml'}",
                f"--storage.tsdb.path={data / 'prometheus'}",
                f"--web.listen-address={listen['prometheus']}",
                "--storage.tsdb.retention.time=30d",
                "--rules.alert.resend-delay=5s",  # what fires in the first seconds is told again soon
                "--log.level=warn",
            ],
            url["prometheus"] + "/-/ready",
        ),
    ]
