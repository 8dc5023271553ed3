"""The command line's words: what can be asked, and help that teaches."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

from greenops_gateway.emissions.hour_words import add_hour
from greenops_gateway.emissions.words import add_hours
from greenops_gateway.journal.audit import add_audit
from greenops_gateway.journal.words import add_journal, add_trace
from greenops_gateway.limit_command import add_limits
from greenops_gateway.qa.words import add_cems, add_qa
from greenops_gateway.regulatory.command import add_report
from greenops_gateway.simulator.control import DEFAULT_CONTROL
from greenops_gateway.simulator.process import SCENARIOS

_EPILOG = """\
a first look, in two terminals:
  greenops-gateway simulate gateway.yml
  greenops-gateway run --config gateway.yml

in the shelter, with a file (link and device are names in it):
  greenops-gateway check gateway.yml           every mistake at once, with its line
  greenops-gateway explain gateway.yml         addresses in both notations, requests, bus load
  greenops-gateway probe gas --config gateway.yml
  greenops-gateway read gateway.yml --device analyser-1
  greenops-gateway watch gateway.yml

in the shelter, without one (a link is protocol:key=value,key=value):
  greenops-gateway scan modbus:host=10.0.0.5 --within 1-16 --write profiles/
  greenops-gateway probe opcua:url=opc.tcp://10.0.0.6:4840

afterwards, from what the journal kept (section journal in the file):
  greenops-gateway journal status              does it add up? what is owed to whom?
  greenops-gateway trace analyser-1/so2@2026-11-21T10:00:00Z
  greenops-gateway audit verify
  greenops-gateway hours list --quarter 2026-1 closed hours (section emissions), and what they came from

exit codes: 0 ended as asked, 1 a point is bad or nobody answers, 2 wrong usage or configuration
"""

_LINK = "a link's name in the file, or protocol:key=value,key=value"


def parser() -> argparse.ArgumentParser:
    """The parser of ``greenops-gateway``."""
    whole = argparse.ArgumentParser(
        prog="greenops-gateway",
        description="Reads CEMS devices, judges the quality of what they say, and watches emission limits.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"greenops-gateway {version('greenops')}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="read devices and serve metrics until SIGTERM or Ctrl-C; SIGHUP reloads")
    _config_option(run)
    run.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where to answer; goes before GREENOPS_GATEWAY_PORT, and that before the file",
    )
    check = _on_file(commands, "check", "say every mistake in a configuration file, each with its line")
    check.add_argument("--json", action="store_true", help="for programs")
    explain = _on_file(commands, "explain", "say what a configuration file means: addresses, requests, bus load")
    explain.add_argument("--device", action="append", default=[], metavar="NAME", help="only this one; may be repeated")
    explain.add_argument("--json", action="store_true", help="for programs")
    read = _on_file(commands, "read", "connect once and print every point; exit code 1 when one is bad")
    watch = _on_file(commands, "watch", "print every point each second, with its quality, until Ctrl-C")
    for reading in (read, watch):
        reading.add_argument("--device", action="append", default=[], metavar="NAME", help="only this; may be repeated")
        reading.add_argument("--json", action="store_true", help="for programs; watch gives one line each second")
    read.add_argument("--for", dest="seconds", default="10s", metavar="TIME", help="how long to wait (%(default)s)")
    watch.add_argument("--for", dest="seconds", metavar="TIME", help="how long; until Ctrl-C unless given")
    probe = commands.add_parser("probe", help="try a link: time it, find its limits, show numbers in all word orders")
    scan = commands.add_parser("scan", help="look for what is there, and write a profile to start from")
    for looking in (probe, scan):
        looking.add_argument("link", metavar="LINK", help=_LINK)
        _config_option(looking)
        looking.add_argument("--json", action="store_true", help="for programs")
    scan.add_argument(
        "--within",
        metavar="WHERE",
        help="Modbus: units, like 1-16; OPC UA: a node to start from; MQTT: a topic filter; DNP3: addresses, like 1-20",
    )
    scan.add_argument("--for", dest="seconds", default="10s", metavar="TIME", help="how long to listen (%(default)s)")
    scan.add_argument("--write", type=Path, metavar="FOLDER", help="where profiles go; printed unless given")
    scan.add_argument("--dry-run", action="store_true", help="say which files would be written, and write none")
    add_audit(commands)
    add_journal(commands)
    add_trace(commands)
    add_report(commands)
    add_limits(commands)
    add_hour(commands)
    add_hours(commands)
    add_qa(commands)
    add_cems(commands)
    _simulate(commands)
    commands.add_parser("profiles", help="list the profiles that can be used here")
    commands.add_parser("schema", help="print the JSON Schema of gateway.yml, for editors")
    return whole


def _simulate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    simulate = commands.add_parser(
        "simulate", help="be the devices of a configuration file, or of one profile, where the file looks for them"
    )
    simulate.add_argument("file", nargs="?", type=Path, default=Path("gateway.yml"), metavar="FILE")
    simulate.add_argument(
        "--profile",
        metavar="NAME[:KEY=VALUE,...]",
        help="be one device of this profile instead; keys of the device follow, like demo-boiler-rtu:address=10",
    )
    simulate.add_argument("--link", metavar="LINK", help="where that device answers; protocol:key=value,key=value")
    simulate.add_argument(
        "--control", default=DEFAULT_CONTROL, metavar="HOST:PORT", help="where scenarios are switched (%(default)s)"
    )
    simulate.add_argument("--scenario", default="normal", metavar="NAME", help=", ".join(SCENARIOS))
    simulate.add_argument("--script", type=Path, metavar="FILE", help="steps to go through, in YAML")
    simulate.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same plant")
    change = commands.add_parser("scenario", help="switch a running simulator")
    change.add_argument("name", metavar="NAME", help=", ".join(SCENARIOS))
    change.add_argument("--device", metavar="NAME", help="only this device")
    change.add_argument(
        "--control",
        default=DEFAULT_CONTROL,
        metavar="HOST:PORT",
        help="where the simulator is switched, or its URL (%(default)s)",
    )


def _on_file(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=does)
    command.add_argument("file", nargs="?", type=Path, default=Path("gateway.yml"), metavar="FILE")
    return command


def _config_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config", type=Path, default=Path("gateway.yml"), metavar="FILE", help="configuration (default gateway.yml)"
    )
