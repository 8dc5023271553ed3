"""The command line's words for ECMPS. What works is imported when it is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

Say = Callable[[str], None]

ECMPS_EPILOG = """\
Hours come from the ledger that the gateway keeps (section emissions of gateway.yml), or from JSON Lines (--hours).
ecmps.yml has the codes and ids of the monitoring plan (docs/ecmps.md; report plan-from-ecmps --codes proposes one).

  greenops-gateway report ecmps --year 2026 --quarter 2 --earlier 2026-1.json --output 2026-2.json
  greenops-gateway report ecmps-check 2026-2.json --plan ecmps.yml

The file is written whenever it can be made; what an inspector would object to is said, with exit code 1.
"""
CHECK_EPILOG = """\
Which kind of file it is, its keys say: emissions, QA tests, or a monitoring plan. An emissions file is held against its
JSON Schema (--schema prints it), then against itself, and with --plan against the plans and their equations. The
results of QA tests are computed anew from their injections and runs, within EPA's tolerances.

exit codes: 0 nothing to object to, 1 something is, 2 it cannot be read
"""
PLAN_EPILOG = """\
  greenops-gateway report plan-from-ecmps plan.json --standard-time=-06:00 > stacks.yml
  greenops-gateway report plan-from-ecmps plan.json --standard-time=-06:00 --codes > ecmps.yml

What a monitoring plan does not have is said in comments: points of devices, heating values, when the unit operates.
"""


def add_ecmps(command: argparse.ArgumentParser) -> None:
    """The words of ``report ecmps``."""
    _plans(command, required=True)
    command.add_argument("--year", type=int, required=True, metavar="YEAR")
    command.add_argument("--quarter", type=int, required=True, choices=range(1, 5), metavar="1-4")
    command.add_argument("--output", type=Path, required=True, metavar="FILE", help="where the file goes")
    command.add_argument("--hours", type=Path, metavar="FILE", help="closed hours, JSON Lines, instead of the ledger's")
    command.add_argument("--tests", type=Path, metavar="FILE", help="daily calibrations, JSON Lines")
    command.add_argument("--earlier", type=Path, metavar="FILE", help="the file of the quarter before: totals to date")
    command.add_argument("--json", action="store_true", help="for programs")


def add_check(command: argparse.ArgumentParser) -> None:
    """The words of ``report ecmps-check``."""
    command.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a file of ECMPS, JSON")
    _plans(command, required=False)
    command.add_argument("--monitoring-plan", type=Path, metavar="FILE", help="of QA tests: what their components are")
    command.add_argument("--schema", action="store_true", help="print the JSON Schema of an emissions file")
    command.add_argument("--json", action="store_true", help="for programs")


def add_plan(command: argparse.ArgumentParser) -> None:
    """The words of ``report plan-from-ecmps``."""
    command.add_argument("file", type=Path, metavar="FILE", help="a monitoring plan of ECMPS, JSON")
    command.add_argument("--standard-time", required=True, metavar="OFFSET", help="local standard time, like =-06:00")
    command.add_argument("--location", metavar="NAME", help="of a plan with several: which unit or stack")
    command.add_argument("--at", metavar="DAY", help="as the plan was on that day (today)")
    command.add_argument("--codes", action="store_true", help="the codes and ids (ecmps.yml) instead of the stack")


def ecmps(given: argparse.Namespace, say: Say) -> int:
    """Write the file of a quarter; gives the exit code."""
    from greenops_gateway.regulatory.ecmps import making  # noqa: PLC0415  # it costs memory, where it is wanted

    return making.make(given, say)


def check(given: argparse.Namespace, say: Say) -> int:
    """Say what is wrong with a file; gives the exit code."""
    from greenops_gateway.regulatory.ecmps import checking  # noqa: PLC0415  # the same

    return checking.check(given, say)


def plan(given: argparse.Namespace, say: Say) -> int:
    """Print what a monitoring plan proposes; gives the exit code."""
    from greenops_gateway.regulatory.ecmps import proposing  # noqa: PLC0415  # the same

    return proposing.propose(given, say)


def _plans(command: argparse.ArgumentParser, *, required: bool) -> None:
    command.add_argument(
        "--config", type=Path, default=Path("gateway.yml"), metavar="FILE", help="plans of stacks (%(default)s)"
    )
    command.add_argument(
        "--plan",
        type=Path,
        default=Path("ecmps.yml") if required else None,
        metavar="FILE",
        help="codes and ids of the monitoring plan" + (" (%(default)s)" if required else ""),
    )
