"""What a report says, once, for people and for machines: facts, tables, charts and notes, with where they come from.

Numbers are decimals that already have their last digit. Keys name things for machines, titles for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

Cell = str | int | Decimal | date | None


class Fact(NamedTuple):
    """One thing that is so; *title* for people, *unit* behind the value."""

    key: str
    title: str
    value: Cell
    unit: str = ""


class Facts(NamedTuple):
    """Facts below a heading."""

    key: str
    title: str
    facts: tuple[Fact, ...]


class Column(NamedTuple):
    """A column; *width* is percent of the page, less where all columns want more than that."""

    key: str
    title: str
    unit: str = ""
    width: int = 10


class Table(NamedTuple):
    """Rows of cells as *columns* say; *empty* is said where there is none. *totals* are how many rows close it."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = "None."
    note: str = ""
    totals: int = 0


class Line(NamedTuple):
    """A curve; a value that is not known breaks it."""

    name: str
    values: tuple[Decimal | None, ...]


class LineChart(NamedTuple):
    """Curves over *labels*, one for each value, and a level that must not be passed."""

    title: str
    labels: tuple[str, ...]
    lines: tuple[Line, ...]
    unit: str
    limit: Decimal | None = None
    limit_name: str = "limit"
    note: str = ""


class BarChart(NamedTuple):
    """A bar for each of *bars*, with its name."""

    title: str
    bars: tuple[tuple[str, Decimal], ...]
    unit: str
    note: str = ""


class Notes(NamedTuple):
    """Paragraphs below a heading."""

    title: str
    paragraphs: tuple[str, ...]


Part = Facts | Table | LineChart | BarChart | Notes


class Provenance(NamedTuple):
    """From what a report was made: SHA-256 of inputs and configuration, the code's version. *made* is as given."""

    inputs: str
    configuration: str
    code: str
    made: str = ""


class Document(NamedTuple):
    """A report of *kind* on the period that *period* writes."""

    kind: str
    title: str
    subject: str
    period: str
    parts: tuple[Part, ...]
    provenance: Provenance

    @property
    def tables(self) -> Iterator[Table]:
        """Its tables, in order."""
        return (part for part in self.parts if isinstance(part, Table))

    @property
    def figures(self) -> Mapping[str, Mapping[str, Fact]]:
        """Its facts, by the key of their heading and their own."""
        return {part.key: {fact.key: fact for fact in part.facts} for part in self.parts if isinstance(part, Facts)}


def shown(value: Cell) -> str:
    """*value* for a person; a number keeps its digits, in groups of three.

    >>> shown(Decimal("-0.50")), shown(date(2026, 1, 2)), shown(1234).split()
    ('-0.50', '2026-01-02', ['1', '234'])
    """
    match value:
        case None:
            return "\N{EN DASH}"
        case int():
            return f"{value:,d}".replace(",", "\N{NO-BREAK SPACE}")
        case Decimal():
            return f"{value:,f}".replace(",", "\N{NO-BREAK SPACE}")
        case date():
            return value.isoformat()
    return value
