"""What a benchmark gives: a table, and how it is printed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

Rows = list[list[str | float]]


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers side by side, from one run on one machine: compare rows, not machines."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | float]]


def markdown(table: Table) -> str:
    """The table in Markdown.

    >>> print(markdown(Table("Sizes", ["what", "MB"], [["a", 12.3456], ["b", 2]])), end="")
    ### Sizes
    <BLANKLINE>
    | what | MB |
    | --- | ---: |
    | a | 12.3 |
    | b | 2 |
    """
    numeric = [isinstance(cell, int | float) for cell in table.rows[0]]
    lines = [table.head, ["---:" if number else "---" for number in numeric], *table.rows]
    return f"### {table.title}\n\n" + "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)


def progress(text: str) -> None:
    """Say on stderr how far it is; on a terminal in one line."""
    terminal = sys.stderr.isatty()
    print(f"\r\x1b[K{text}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
