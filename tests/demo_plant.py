"""The demo plant for tests: the real broker and the simulator as processes of their own, on free ports."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from plan import Ports, broker_config, gateway_config, services
from stack import free_port, running

Change = Callable[[dict[str, Any]], object]


class DemoPlant(NamedTuple):
    """Where it is switched, gateway.yml with its ports, and the simulator's process."""

    process: subprocess.Popen[bytes]
    control: str
    config: Path
    log: Path


@contextmanager
def demo_plant(folder: Path, *arguments: str, change: Change = lambda _: None) -> Iterator[DemoPlant]:
    """All four subsystems of gateway/gateway.yml, which *change* may alter first, while the context lasts."""
    ports = Ports(*(free_port() for _ in Ports().items()))
    config = folder / "config" / "gateway.yml"
    config.parent.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_load(gateway_config(ports, folder))
    change(content)
    config.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    (config.parent / "mosquitto.conf").write_text(broker_config(ports), encoding="utf-8")
    broker, simulator = services(ports, folder)[:2]
    simulator = replace(simulator, command=[*simulator.command, *arguments])
    log = folder / "simulator.log"
    with ExitStack() as stack:
        stack.enter_context(running(broker, folder / "broker.log"))
        process = stack.enter_context(running(simulator, log))
        yield DemoPlant(process, f"http://127.0.0.1:{ports.simulator}", config, log)
