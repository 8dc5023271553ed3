"""Measure footprint and throughput on this machine: ``make bench``, or ``python benchmarks/run.py --help``.

To add a benchmark, write a file with ``measure(quick) -> Table`` and name it in ``BENCHMARKS``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "deploy" / "local")]

from benchmarks import agent, archive, bus, dnp3, exposition, gateway, hours, journal, journal_day, mqtt, opcua, scale  # noqa: E402  # a script's folders come first
from benchmarks.table import Table, markdown, progress  # noqa: E402  # same

from stack import StackError  # noqa: E402  # same

BENCHMARKS: Mapping[str, Callable[[bool], Table]] = {
    "exposition": exposition.measure,
    "agent": agent.measure,
    "gateway": gateway.measure,
    "scale": scale.measure,
    "bus": bus.measure,
    "mqtt": mqtt.measure,
    "dnp3": dnp3.measure,
    "opcua": opcua.measure,
    "archive": archive.measure,
    "journal_day": journal_day.measure,
    "journal": journal.measure,
    "hours": hours.measure,
}


def main() -> int:
    """Print one table for each benchmark; gives 1 when a program to be measured did not start."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0] if __doc__ else None,
        epilog="example: python benchmarks/run.py --quick exposition",
    )
    parser.add_argument("benchmarks", nargs="*", metavar="name", help=f"which of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="10 s instead of a minute, fewer rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers to FILE, too")
    given = parser.parse_args()
    if unknown := set(given.benchmarks) - set(BENCHMARKS):
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; known: {', '.join(BENCHMARKS)}")
    tables = {}
    for name in given.benchmarks or BENCHMARKS:
        try:
            tables[name] = BENCHMARKS[name](given.quick)
        except StackError as error:
            progress(f"{name}: {error}\n")
            return 1
        progress("")
        print(markdown(tables[name]))
    if given.json:
        given.json.write_text(json.dumps({name: asdict(table) for name, table in tables.items()}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
