"""The command line: ``greenops-gateway``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from greenops_core.address import Address, address, chosen
from greenops_core.errors import ConfigError, nearest, within
from greenops_core.table import aligned
from greenops_gateway import commissioning
from greenops_gateway.configuration import Gateway, json_schema, load
from greenops_gateway.gateway import NAME, PORT_VARIABLE, running
from greenops_gateway.simulator.control import DEFAULT_CONTROL, controlling, scenario, switch
from greenops_gateway.simulator.device import simulating
from greenops_gateway.simulator.process import SCENARIOS, Scenario
from greenops_telemetry.configuration import url
from greenops_telemetry.process import ended
from greenops_telemetry.server import signalled

log = logging.getLogger(__name__)

_EPILOG = """\
examples, in two terminals:
  greenops-gateway simulate
  greenops-gateway run --config gateway.yml
and then:
  greenops-gateway read gateway.yml
  greenops-gateway scenario exceedance
  curl http://127.0.0.1:9842/metrics

exit codes: 0 ended as asked, 1 a point is bad or nobody answers, 2 wrong usage or configuration
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    return ended(NAME, lambda: _command(_parser().parse_args(arguments)))


def _command(given: argparse.Namespace) -> int:
    match given.command:
        case "run":
            config = load(given.config)
            asyncio.run(_run(config, chosen(config.listen, given.listen, PORT_VARIABLE, os.environ)))
        case "check":
            print("\n".join([f"{given.file}: right", *commissioning.explained(load(given.file))]))
        case "read":
            return _read(load(given.file), given.device, as_json=given.json)
        case "simulate":
            with within("--listen"):
                listen = address(given.listen)
            with within("--control"):
                switched = address(given.control)
            asyncio.run(_simulate(listen, switched, scenario(given.scenario)))
        case "scenario":
            with within("--control"):
                control = url(given.control)
            print(switch(control, scenario(given.name)))
        case _:
            print(json.dumps(json_schema(), indent=2))
    return 0


async def _run(config: Gateway, listen: Address) -> None:
    async with running(config, listen):
        log.info("listening on %s", listen)
        await signalled().wait()


async def _simulate(listen: Address, control: Address, first: Scenario) -> None:
    async with simulating(listen, first) as analyser, controlling(analyser, control):
        log.info("simulator: Modbus TCP on %s, scenario at http://%s/scenario", listen, control)
        await signalled().wait()


def _read(config: Gateway, device: str | None, *, as_json: bool) -> int:
    names = {known.name for _, known in config.devices}
    if device is not None and device not in names:
        raise ConfigError(f"--device: there is no device '{device}'{nearest(device, names)}")
    chosen = [(protocol, known) for protocol, known in config.devices if device in {None, known.name}]
    readings = asyncio.run(commissioning.read(config, chosen))
    if as_json:
        print(json.dumps([reading._asdict() for reading in readings], indent=2))
    else:
        rows = [(*row[:2], "-" if row.value is None else f"{row.value:.6g}", *row[3:]) for row in readings]
        print("\n".join(aligned(commissioning.Reading._fields, *rows)))
    return 1 if any(reading.quality == "bad" for reading in readings) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greenops-gateway",
        description="Reads CEMS devices, judges the quality of what they say, and watches emission limits.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"greenops-gateway {version('greenops')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="read devices and serve metrics until SIGTERM or Ctrl-C")
    run.add_argument(
        "--config", type=Path, default=Path("gateway.yml"), metavar="FILE", help="configuration (default gateway.yml)"
    )
    run.add_argument(
        "--listen", metavar="HOST:PORT", help=f"where to answer; goes before {PORT_VARIABLE}, and that before the file"
    )
    check = commands.add_parser("check", help="say what a configuration file means, or what is wrong with it")
    check.add_argument("file", type=Path, metavar="FILE")
    read = commands.add_parser("read", help="connect once and print every point; exit code 1 when one is bad")
    read.add_argument("file", type=Path, metavar="FILE")
    read.add_argument("--device", metavar="NAME", help="only this device")
    read.add_argument("--json", action="store_true", help="for programs")
    simulate = commands.add_parser("simulate", help="be a stack analyser on Modbus TCP, as gateway.yml describes it")
    simulate.add_argument("--listen", default="127.0.0.1:5020", metavar="HOST:PORT", help="Modbus TCP (%(default)s)")
    simulate.add_argument(
        "--control", default=DEFAULT_CONTROL, metavar="HOST:PORT", help="where scenarios are switched (%(default)s)"
    )
    simulate.add_argument("--scenario", default="normal", metavar="NAME", help=", ".join(SCENARIOS))
    change = commands.add_parser("scenario", help="switch a running simulator")
    change.add_argument("name", metavar="NAME", help=", ".join(SCENARIOS))
    change.add_argument("--control", default=f"http://{DEFAULT_CONTROL}", metavar="URL", help="default %(default)s")
    commands.add_parser("schema", help="print the JSON Schema of gateway.yml, for editors")
    return parser
