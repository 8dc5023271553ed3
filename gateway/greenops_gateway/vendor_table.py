"""A vendor's table of points as CSV: a header with the keys of a point, one line each; comma, semicolon or tab.

``range_low`` and ``range_high`` are one range, a cell with ``|`` is a list, an empty cell is a key that is not given.
With semicolons a decimal comma is understood.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenops_core.errors import ConfigError
from greenops_telemetry.document import content

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\Z")
_WHOLE = re.compile(r"[-+]?(?:0|[1-9]\d*)\Z")
TEXTS = ("name", "unit", "node", "topic", "path")
"""Never numbers, whatever they look like."""


@dataclass(frozen=True, slots=True)
class Table:
    """The points as YAML would have them, each with its line."""

    path: Path
    points: tuple[dict[str, Any], ...]
    lines: tuple[int, ...]

    @classmethod
    def read(cls, path: Path) -> Table:
        """The table in the file *path*.

        Raises:
            ConfigError: unreadable, without a header, a quote never ends, or a line has more cells than the header; the
                message says where.
        """
        text = content(path)
        first = text.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        rows = _rows(path, text, separator)
        header = [cell.strip() for cell in next(rows, (1, []))[1]]
        if "name" not in header:
            raise ConfigError(
                f"{path}:1: the first line must name the columns, as keys of a point, like name{separator}at{separator}"
                f"unit; found {first[:80]!r}"
            )
        if twice := next((cell for cell in header if cell and header.count(cell) > 1), None):
            raise ConfigError(f"{path}:1: the column '{twice}' stands twice")
        points, lines = [], []
        for line, row in rows:
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                continue
            if len(row) > len(header):
                raise ConfigError(f"{path}:{line}: {len(row)} cells, but the header names {len(header)}")
            points.append(_point(dict(zip(header, row, strict=False)), decimal_comma=separator == ";"))
            lines.append(line)
        return cls(path, tuple(points), tuple(lines))

    def located(self, errors: Iterable[ConfigError]) -> Iterator[ConfigError]:
        """*errors*, whose paths begin with ``points``, with the table's file and line in front.

        What is wrong in many lines, such as a column that is no key, is told once.
        """
        alike: dict[tuple[object, ...], list[ConfigError]] = {}
        for error in errors:
            alike.setdefault((error.message, *error.path[2:]), []).append(error)
        for first, *others in alike.values():
            index = first.path[1] if len(first.path) > 1 else None
            line = self.lines[index] if isinstance(index, int) and index < len(self.lines) else 1
            message = f"{first.message}{'; so in other lines' if others else ''}"
            yield ConfigError(f"{self.path}:{line}: {ConfigError(message, first.path[2:])}")


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of *text*, each with the line on which it begins.

    Raises:
        ConfigError: a quote that never ends.
    """
    reader = csv.reader(text.splitlines(), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ConfigError(f'{path}:{line}: {error}; a quote (") that begins a cell must end it') from None


def _point(cells: dict[str, str], *, decimal_comma: bool) -> dict[str, Any]:
    point = {key: _value(key, cell.strip(), decimal_comma) for key, cell in cells.items() if key and cell.strip()}
    low, high = point.pop("range_low", None), point.pop("range_high", None)
    if low is not None or high is not None:
        point["range"] = [low, high]
    return point


def _value(key: str, cell: str, decimal_comma: bool) -> object:  # noqa: FBT001  # a fact about the file
    if key in TEXTS:
        return cell
    if "|" in cell:
        return [_scalar(part.strip(), decimal_comma) for part in cell.split("|")]
    return _scalar(cell, decimal_comma)


def _scalar(cell: str, decimal_comma: bool) -> object:  # noqa: FBT001  # the same
    if decimal_comma and re.fullmatch(r"[-+]?\d+,\d+", cell):
        cell = cell.replace(",", ".")
    if _WHOLE.match(cell):
        return int(cell)
    if _NUMBER.match(cell) and not (cell.isdecimal() and cell.startswith("0")):
        return float(cell)
    return {"true": True, "false": False}.get(cell.lower(), cell)
