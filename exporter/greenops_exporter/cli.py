"""The command line: ``greenops-exporter``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from greenops_core.budget import month
from greenops_core.carbon import Factor
from greenops_core.errors import ConfigError, nearest
from greenops_core.factor import FACTORS
from greenops_core.table import aligned
from greenops_exporter.configuration import Configuration, File, load, meant, moved
from greenops_exporter.run import NAME, run
from greenops_telemetry.configuration import schema
from greenops_telemetry.process import ended

_EPILOG = """\
examples:
  greenops-exporter check exporter.yml
  greenops-exporter run --config exporter.yml --prometheus http://127.0.0.1:9090
  curl http://127.0.0.1:9840/metrics

exit codes: 0 ended as asked, 2 wrong usage or configuration
"""

_RUN_EPILOG = """\
GREENOPS_EXPORTER_PORT moves the port of the configuration file; --listen goes before both.

The ledger in DIR/ledger.db holds the emissions of closed hours. It may be deleted while the exporter is stopped: it is
filled again as far back as Prometheus holds data.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    return ended(NAME, lambda: _command(_parser().parse_args(arguments)))


def _command(given: argparse.Namespace) -> int:
    match given.command:
        case "run":
            configuration = load(given.config) if given.config else meant(File())
            asyncio.run(run(moved(configuration, os.environ, given.listen, given.prometheus, given.data)))
        case "check":
            print(_checked(given.file, load(given.file)))
        case "factors":
            print(_factors(given.zone))
        case _:
            print(json.dumps(schema(File), indent=2))
    return 0


def _checked(path: Path, configuration: Configuration) -> str:
    """What the configuration means, for people."""
    now = datetime.now(configuration.zone)
    period = month(now)
    first, last = (
        datetime.fromtimestamp(at, configuration.zone).strftime("%Y-%m-%d %H:%M %Z")
        for at in (period.start, period.end)
    )
    budgets = [(budget.department, f"{budget.limit / 1e3:,g} kg", first, last) for budget in configuration.budgets]
    return "\n".join(
        [
            f"{path}: right",
            f"listens on {configuration.listen}",
            f"reads {configuration.prometheus or 'no Prometheus: consumption is not published'}",
            f"months of {configuration.zone.key}",
            "",
            *aligned(("department", "limit", "this month from", "until"), *budgets),
            "",
            *_listed(configuration.factors),
        ]
    )


def _factors(zone: str | None) -> str:
    zones = {known.zone for known in FACTORS}
    if zone is not None and zone not in zones:
        raise ConfigError(f"--zone: no static factor for '{zone}'{nearest(zone, zones)}")
    found = [known for known in FACTORS if zone in {None, known.zone}]
    return "\n".join(_listed(found))


def _listed(factors: Iterable[Factor]) -> list[str]:
    rows = [
        (factor.zone, f"{factor.grams_per_kwh:g}", factor.source, factor.version)
        for factor in sorted(factors, key=lambda factor: (factor.zone, factor.source))
    ]
    return aligned(("zone", "g/kWh", "source", "version"), *rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greenops-exporter",
        description="Carbon budgets of departments and the carbon intensity of grids, as metrics for Prometheus.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"greenops-exporter {version('greenops')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser(
        "run",
        help="serve metrics until SIGTERM or Ctrl-C",
        epilog=_RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serving.add_argument("--config", type=Path, metavar="FILE", help="configuration (YAML); without it, no budgets")
    serving.add_argument("--listen", metavar="HOST:PORT", help="where to answer (default 127.0.0.1:9840)")
    serving.add_argument("--prometheus", metavar="URL", help="the Prometheus that holds the hosts' emissions")
    serving.add_argument("--data", metavar="DIR", help="folder of the ledger (default ./data)")
    checking = commands.add_parser("check", help="say what a configuration file means, or what is wrong with it")
    checking.add_argument("file", type=Path, metavar="FILE")
    table = commands.add_parser("factors", help="list the built-in static factors with source and version")
    table.add_argument("--zone", metavar="Z", help="of one zone only, like DE")
    commands.add_parser("schema", help="print the JSON Schema of the configuration file, for editors")
    return parser
