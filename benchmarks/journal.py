"""The journal: what durability costs, how soon a sample is seen, how fast a backlog goes, and what a large one takes.

What a sample takes when it is archived is in the benchmark ``archive``.
"""

from __future__ import annotations

from benchmarks import journal_drain, journal_gateway, journal_pending, journal_store
from benchmarks.process import load
from benchmarks.table import Table


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """One row for each number, with what it is to be compared with, and the ratio to that."""
    rows = [
        *journal_gateway.rows(quick),
        *journal_store.rows(quick),
        *journal_drain.rows(quick),
        *journal_pending.rows(quick),
    ]
    head = ["what", "measured", "unit", "beside", "that", "ratio"]
    return Table(f"The journal, load {load()}", head, [_whole(row) for row in rows])


def _whole(row: list[str | float]) -> list[str | float]:
    """*row* with all its cells."""
    if len(row) < 5:
        return [*row, "", "", ""]
    ratio: str | float = float(row[1]) / float(row[4]) if row[4] else ""
    return [*row, ratio]
