"""The command line's words for computing an hour. What computes is imported when it is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

_EPILOG = """\
FILE has the plans of stacks and hours of them (docs/hours.md; --schema for editors):

  stacks:
    - stack: unit-8
      standard_time: "-06:00"
      measured: {NOXC: {basis: dry}, O2C: {basis: dry}}
      constants: {Fd: 8710}
      computed: {NOXR: F-5}
  hours:
    - hour: 2021-11-06T00
      operating_time: 0.83
      averages: {NOXC: 21.4}                                 made already
      readings: {O2C: [[0, 15.5], [900, 15.6], [1800, 15.7], [2700, null, calibration]]}

  greenops-gateway hour --config unit-8.yml
  greenops-gateway hour --config unit-8.yml --explain        each equation, its inputs, steps and rounding
  greenops-gateway hour --config gateway.yml --stack unit-8 --inputs hours.yml --json

With --json there is one object on a line for each hour. A value that cannot be had is null, and 'why' says why.

exit codes: 0 computed, 2 wrong usage or a mistake in a file
"""


def add_hour(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of the command."""
    hour = commands.add_parser(
        "hour",
        help="compute an hour of a stack from its readings or averages, and explain each number",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    hour.add_argument(
        "--config", type=Path, default=Path("gateway.yml"), metavar="FILE", help="plans, perhaps hours (%(default)s)"
    )
    hour.add_argument("--inputs", type=Path, metavar="FILE", help="hours, when --config has none or others")
    hour.add_argument("--stack", metavar="NAME", help="only this one")
    hour.add_argument("--json", action="store_true", help="for programs: one object on a line for each hour")
    hour.add_argument("--explain", action="store_true", help="the working of each number too")
    hour.add_argument("--schema", action="store_true", help="print the JSON Schema of such a file, for editors")
