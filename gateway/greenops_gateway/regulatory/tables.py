"""A report for machines: one JSON document, and each of its tables as CSV. The same report has the same bytes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from io import StringIO

import msgspec

from greenops_gateway.regulatory.document import Cell, Document, Table

_encoded = msgspec.json.Encoder(decimal_format="number").encode
FORMAT = 1
"""Of the JSON document; it changes when a key changes its meaning or goes."""


def as_json(document: Document) -> bytes:
    """*document* as JSON; numbers keep their digits, days are as ISO 8601 writes them."""
    whole = {
        "format": FORMAT,
        "report": document.kind,
        "title": document.title,
        "subject": document.subject,
        "period": document.period,
        "provenance": document.provenance._asdict(),
        "figures": {
            group: {key: {"value": fact.value, "unit": fact.unit} for key, fact in facts.items()}
            for group, facts in document.figures.items()
        },
        "tables": {table.key: _objects(table) for table in document.tables},
    }
    return msgspec.json.format(_encoded(whole), indent=2) + b"\n"


def as_csv(document: Document) -> dict[str, bytes]:
    """The tables of *document* by their key, as RFC 4180 has them, and its figures."""
    figures = [
        (f"{group}.{key}", fact.value, fact.unit)
        for group, facts in document.figures.items()
        for key, fact in facts.items()
    ]
    found = {"figures": _csv(("figure", "value", "unit"), figures)} if figures else {}
    for table in document.tables:
        titles = tuple(f"{column.key} ({column.unit})" if column.unit else column.key for column in table.columns)
        found[table.key] = _csv(titles, _counted(table))
    return found


def _objects(table: Table) -> dict[str, object]:
    keys = [column.key for column in table.columns]
    units = {column.key: column.unit for column in table.columns if column.unit}
    return {"units": units, "rows": [dict(zip(keys, row, strict=True)) for row in _counted(table)]}


def _counted(table: Table) -> tuple[tuple[Cell, ...], ...]:
    """The rows without those that close the table: whoever counts does so once."""
    return table.rows[: len(table.rows) - table.totals]


def _csv(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(titles)
    writer.writerows([[_plain(cell) for cell in row] for row in rows])
    return text.getvalue().encode()


def _plain(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:f}"
        case date():
            return cell.isoformat()
    return str(cell)
