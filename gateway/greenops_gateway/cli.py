"""The command line: ``greenops-gateway``."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from greenops_core.address import address, chosen
from greenops_core.duration import duration
from greenops_core.errors import ConfigError, ConfigErrors, within
from greenops_core.table import aligned
from greenops_gateway import commissioning, limit_command, link, profile, tools
from greenops_gateway.arguments import parser
from greenops_gateway.configuration import json_schema, load
from greenops_gateway.gateway import NAME, PORT_VARIABLE, running
from greenops_gateway.journal import audit
from greenops_gateway.regulatory.command import report
from greenops_gateway.simulator import script as scripts
from greenops_gateway.simulator.control import controlling, scenario, switch
from greenops_gateway.simulator.process import Plant
from greenops_gateway.simulator.run import simulating
from greenops_telemetry.configuration import url
from greenops_telemetry.process import ended
from greenops_telemetry.server import signalled

log = logging.getLogger(__name__)

EVERY = 1.0
CLEAR = "\x1b[H\x1b[J"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    return ended(NAME, lambda: _command(parser().parse_args(arguments)))


def _command(given: argparse.Namespace) -> int:
    answering = {
        "check": _check,
        "read": _read,
        "audit": _audit,
        "journal": _journal,
        "trace": _trace,
        "hour": _hour,
        "hours": _hours,
        "limits": _limits,
        "qa": _qa,
        "cems": _qa,
        "report": _report,
    }
    if given.command in answering:
        return answering[given.command](given)
    match given.command:
        case "probe":
            return asyncio.run(_probe(given))
        case "scan":
            return asyncio.run(_scan(given))
        case "run" | "watch" | "simulate" as command:
            asyncio.run({"run": _run, "watch": _watch, "simulate": _simulate}[command](given))
        case "explain":
            lines = list(commissioning.explained(commissioning.narrowed(load(given.file), given.device)))
            print(json.dumps(lines, indent=2) if given.json else "\n".join(lines))
        case "scenario":
            _scenario(given)
        case "profiles":
            print("\n".join(aligned(*profile.listed(Path()))))
        case _:
            print(json.dumps(json_schema(), indent=2))
    return 0


async def _run(given: argparse.Namespace) -> None:
    loop, wished = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, wished.set)
    stop = signalled()
    config = load(given.config)
    listen = chosen(config.listen, given.listen, PORT_VARIABLE, os.environ)
    async with running(config, listen, partial(load, given.config)) as reload:
        loop.add_signal_handler(signal.SIGHUP, reload)
        if wished.is_set():
            reload()
        await stop.wait()


def _check(given: argparse.Namespace) -> int:
    try:
        config = load(given.file)
    except ConfigError as error:
        if not given.json:
            raise
        each = error.errors if isinstance(error, ConfigErrors) else (error,)
        print(json.dumps({"file": str(given.file), "mistakes": [str(mistake) for mistake in each]}, indent=2))
        return 2
    warnings = list(commissioning.warnings(config))
    if given.json:
        print(json.dumps({"file": str(given.file), "mistakes": [], "warnings": warnings}, indent=2))
    else:
        print(f"{given.file}: right: {commissioning.counted(config)}")
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
    return 0


def _read(given: argparse.Namespace) -> int:
    config = commissioning.narrowed(load(given.file), given.device)
    with within("--for"):
        patience = duration(given.seconds)
    found = asyncio.run(commissioning.read(config, patience))
    if given.json:
        print(json.dumps([reading._asdict() for reading in found], indent=2))
    else:
        print("\n".join(_table(found)))
    for hint in commissioning.hints(config, found):
        log.warning("%s", hint)
    return 1 if any(reading.quality == "bad" for reading in found) else 0


async def _watch(given: argparse.Namespace) -> None:
    config = commissioning.narrowed(load(given.file), given.device)
    with within("--for"):
        seconds = None if given.seconds is None else duration(given.seconds)
    stop = signalled()
    until = asyncio.get_running_loop().time() + seconds if seconds else None
    async with commissioning.watching(config) as gate:
        while not stop.is_set() and (until is None or asyncio.get_running_loop().time() < until):
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY)
            found = commissioning.readings(gate)
            if given.json:
                print(json.dumps([reading._asdict() for reading in found]), flush=True)
            else:
                print((CLEAR if sys.stdout.isatty() else "") + "\n".join(_table(found)), flush=True)


async def _probe(given: argparse.Namespace) -> int:
    way = link.way(given.link, given.config)
    findings = []
    async for finding in tools.load(way.protocol.name).probe(way.link, way.devices):
        findings.append(finding)
        if not given.json:
            mark = "ok  " if finding.well else "BAD "
            print(f"{mark} {finding.what}: {finding.seen}", flush=True)
            if finding.advice:
                print(f"     {finding.advice}", flush=True)
    if given.json:
        print(json.dumps([finding._asdict() for finding in findings], indent=2))
    return 0 if findings and all(finding.well for finding in findings) else 1


async def _scan(given: argparse.Namespace) -> int:
    way = link.way(given.link, given.config)
    with within("--for"):
        scan = tools.Scan(given.within, duration(given.seconds))
    found = await tools.load(way.protocol.name).scan(way.link, scan, _progress)
    print(end="\r\x1b[K" if sys.stderr.isatty() else "", file=sys.stderr)
    if given.json:
        print(json.dumps([discovery._asdict() for discovery in found], indent=2))
        return 0
    code = 0
    for discovery in found:
        text = commissioning.profile_text(way.protocol.name, discovery)
        print(f"{discovery.name}: {discovery.seen}", file=sys.stderr)
        if given.write is None:
            print(text)
            continue
        path = given.write / f"{discovery.name}{profile.SUFFIX}"
        if path.exists():
            log.error("%s is there already; move it away, or write to another folder. It would be:\n%s", path, text)
            code = 2
        else:
            if not given.dry_run:
                _write(path, text)
            print(f"{'would write' if given.dry_run else 'wrote'} {path}")
    return code


def _audit(given: argparse.Namespace) -> int:
    return audit.audit(given, print)


def _journal(given: argparse.Namespace) -> int:
    from greenops_gateway.journal import commands  # noqa: PLC0415  # it costs memory, where it is wanted

    try:
        return commands.journal(given, print, _progress)
    finally:
        print(end="\r\x1b[K" if sys.stderr.isatty() else "", file=sys.stderr)


def _qa(given: argparse.Namespace) -> int:
    from greenops_gateway.qa import command, record  # noqa: PLC0415  # the same

    if given.records == "record":
        return record.record(given, print)

    return command.qa(given, print)


def _limits(given: argparse.Namespace) -> int:
    return limit_command.limits(given, print)


def _trace(given: argparse.Namespace) -> int:
    from greenops_gateway.journal import trace_command  # noqa: PLC0415  # the same

    return trace_command.trace(given, print)


def _hour(given: argparse.Namespace) -> int:
    from greenops_gateway.emissions import hour_command  # noqa: PLC0415  # the same

    return hour_command.hour(given, print)


def _hours(given: argparse.Namespace) -> int:
    from greenops_gateway.emissions import command  # noqa: PLC0415  # the same

    return command.hours(given, print)


def _report(given: argparse.Namespace) -> int:
    return report(given, print)


def _write(path: Path, text: str) -> None:
    """Raises ConfigError: *path* cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--write: {path} cannot be written: {error.strerror or error}") from None


async def _simulate(given: argparse.Namespace) -> None:
    with within("--control"):
        control = address(given.control)
    config = load(given.file) if given.profile is None else link.alone(given.profile, given.link)
    script = None if given.script is None else scripts.load(given.script, config.devices)
    plant = Plant(given.seed, scenario(given.scenario), script=script, since=time.time())
    names = [device.name for device in config.devices]
    async with simulating(config.ways, plant) as places, controlling(plant, control, names) as place:
        for way in config.ways:
            log.info("simulator: %s: %s", ", ".join(device.name for device in way.devices), places[way.name])
        log.info("simulator: scenario at http://%s/scenario", place)
        await signalled().wait()


def _scenario(given: argparse.Namespace) -> None:
    with within("--control"):
        control = url(given.control if "://" in given.control else f"http://{address(given.control)}")
    print(switch(control, scenario(given.name), given.device))


def _table(found: Sequence[commissioning.Reading]) -> list[str]:
    rows = [
        (
            reading.device,
            reading.point,
            "-" if reading.value is None else commissioning.shown(reading.value),
            reading.unit,
            reading.quality,
            reading.reason,
            "-" if reading.age is None else f"{reading.age:.1f} s",
        )
        for reading in found
    ]
    return aligned(commissioning.Reading._fields, *rows)


def _progress(share: float, text: str) -> None:
    """Say on stderr how far it is; on a terminal as a bar in one line."""
    if sys.stderr.isatty():
        width = 30
        bar = "#" * round(share * width)
        print(f"\r\x1b[K[{bar:<{width}}] {share:4.0%} {text}", end="", file=sys.stderr, flush=True)
