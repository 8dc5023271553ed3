"""What the command line asks for, and the answers that need no agent.

Runs in a child process, because its libraries must not stay in the agent's memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from greenops_agent import configuration
from greenops_agent.run import NAME
from greenops_agent.server import PORT_VARIABLE
from greenops_agent.settings import Settings, Task
from greenops_core.address import chosen
from greenops_telemetry.configuration import schema
from greenops_telemetry.delivery.configuration import Jsonl

EXAMPLES = """\
examples:
  greenops-agent read                          what is measured here, once, as text
  greenops-agent run                           serve it on http://127.0.0.1:9841/metrics
  greenops-agent check agent.yml               is this file right, and what does it come to?
  greenops-agent run --config agent.yml --listen 0.0.0.0:9841

The variable GREENOPS_AGENT_PORT changes the port.
"""


def understand(arguments: Sequence[str] | None) -> Task | int:
    """The task that *arguments* ask for; or the exit code, where all is said already.

    Raises:
        ConfigError: the configuration is wrong.
    """
    try:
        given = _parser().parse_args(arguments)
    except SystemExit as done:  # help, version or wrong usage, told by argparse
        return int(done.code or 0)
    match given.command:
        case "check":
            sys.stdout.write(_resolved(_settings(given.file, Path("/"))) + "\n")
        case "schema":
            sys.stdout.write(json.dumps(schema(configuration.Configuration), indent=2) + "\n")
        case "read":
            return Task("read", _settings(given.config, given.root), given.root)
        case _:
            settings = _settings(given.config, given.root)
            listen = chosen(settings.listen, given.listen, PORT_VARIABLE, os.environ)
            return Task("run", replace(settings, listen=listen), given.root)
    return 0


def _settings(config: Path | None, root: Path) -> Settings:
    return configuration.read(config, root, version("greenops"))


def _resolved(settings: Settings) -> str:
    """What the agent would run with, one value a line."""
    who, model = settings.identity, settings.model
    origin = f"{settings.factor.source} {settings.factor.version}".strip()
    lines = {
        "host": who.host,
        "department": who.department,
        "zone": who.zone,
        "listen": settings.listen,
        "every": f"{settings.every:g} s",
        "tariff": f"{settings.tariff.per_kwh:g} {settings.tariff.currency}/kWh",
        "carbon": f"{settings.factor.grams_per_kwh:g} g/kWh ({origin})",
        "power": f"modelled as {model.idle:g} W at rest, {model.active:g} W at full load, {model.monitor:g} W monitor; "
        "where energy counters can be read, they hold",
        "idle": f"after {settings.policy.after:g} s "
        + ("without input, or " if settings.sessions else "")
        + f"with load below {settings.policy.load_below:g}",
        "otlp": settings.otlp.endpoint if settings.otlp else "no push",
        **_sinks(settings),
    }
    return "\n".join(f"{name}: {value}" for name, value in lines.items())


def _sinks(settings: Settings) -> dict[str, str]:
    if (journal := settings.journal) is None:
        return {"sinks": "none"}
    shown = f"{journal.max_size / 2**20:g}"
    to = {name: sink.directory if isinstance(sink, Jsonl) else sink.url for name, sink in settings.sinks.items()}
    return {
        "sinks": ", ".join(f"{name} ({place})" for name, place in to.items()),
        "journal": f"every {journal.every:g} s into {journal.directory}, which takes up to {shown} MiB",
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME,
        description="Energy, emissions, cost and idleness of this host, for Prometheus.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {version('greenops')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, what in (("run", "collect, and serve /metrics until ended"), ("read", "collect once and print the text")):
        command = commands.add_parser(name, help=what, description=what.capitalize() + ".")
        command.add_argument("--config", type=Path, metavar="FILE", help="configuration; without it, defaults hold")
        command.add_argument(
            "--root", type=Path, default=Path("/"), metavar="DIR", help="where the host's files are, in a container"
        )
        if name == "run":
            command.add_argument("--listen", metavar="HOST:PORT", help="address of /metrics; goes over the file's")
    check = commands.add_parser("check", help="check a configuration file and print what it comes to")
    check.add_argument("file", type=Path, metavar="FILE")
    commands.add_parser("schema", help="print the JSON Schema of the configuration")
    return parser
