"""A program that writes closed hours until it is killed, and entries that can be recognised.

``hours_writer.py append LEDGER HOURS`` appends entries; ``hours_writer.py close JOURNAL LEDGER HOURS`` closes the hours
of a journal. Both say each hour once it is acknowledged.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import stack_hours
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.reading import Calibration
from greenops_gateway.cems.record import ClosedHour, Computed, Measured
from greenops_gateway.emissions.entry import AnalyserTests, Entry, Inputs
from greenops_gateway.emissions.ledger import Ledger
from greenops_telemetry.journal.store import Store

FIRST = stack_hours.start()


def closed(hour: int, value: Decimal = Decimal("21.40")) -> ClosedHour:
    measured = {
        "SO2C": Measured("SO2C", value, Decimal("20.4"), "01", "", 60),
        "O2C": Measured("O2C", None, None, "", "calibration in quadrants 1 and 2", 12),
    }
    computed = {"SO2": Computed("SO2", value * 2, "lb/h", "F-1", "ab" * 32)}
    return ClosedHour(Hour(hour), Decimal("0.50"), Decimal(180), "C", hour % 2 == 0, measured, computed)


def entry(hour: int, value: Decimal = Decimal("21.40"), reason: str = "") -> Entry:
    tests = AnalyserTests(frozenset({"O2C"}), {"SO2C": (Calibration(17.5, passed=False),)})
    inputs = Inputs("cd" * 32, 600, ((1, 601), (700, 720)))
    whole = ("", "1.2.3", "ef" * 32, inputs, tests, 601, ("12" * 32,))
    return Entry(0, "stack-1", 0, reason, *whole, closed(hour, value))


def append(directory: Path, hours: int) -> None:
    """Go on behind what is there."""
    ledger = Ledger.open(directory, "stack-1")
    last = ledger.last
    print("ready", flush=True)
    for hour in range(FIRST if last is None else last.closed.hour + 1, FIRST + hours):
        print(ledger.append([entry(hour)])[0].closed.hour, flush=True)


def close(journal: Path, ledger: Path, hours: int) -> None:
    """Close what is not closed yet."""
    follower = stack_hours.follower(Store.visit(journal), ledger)
    print("ready", flush=True)
    for entries in follower.advance(stack_hours.due(FIRST + hours)):
        print(*(each.closed.hour for each in entries), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "append":
        append(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        close(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
