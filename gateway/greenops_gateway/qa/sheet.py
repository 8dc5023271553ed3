"""A CSV file of test records, read cell by cell, so that every mistake in it is told at once, with line and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

from greenops_core.errors import ConfigError, Mistakes, nearest

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_MOST_DIGITS, _MOST_MAGNITUDE = 20, 15
_ZERO = Decimal(0)
FLAGS: Mapping[str, bool] = {"1": True, "0": False, "1.0": True, "0.0": False, "true": True, "false": False}
"""With a decimal, as spreadsheets and data frames write a column that has empty cells."""


def chosen(option: str, text: str | None, known: Mapping[str, T]) -> T | None:
    """What the word given to *option* means; absent where none was given.

    Raises:
        ConfigError: it means nothing.
    """
    if text is None:
        return None
    by_name = {name.lower(): meant for name, meant in known.items()}
    if text.lower() not in by_name:
        raise ConfigError(f"{option}: '{text}' is not known{nearest(text, known)}")
    return by_name[text.lower()]


class Row(NamedTuple):
    """A row by column; *line* is where it ends in the file."""

    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """What stands there; empty where the file has no such column."""
        return self.cells.get(column, "")


class Sheet:
    """The rows of the file *path*, which has the columns *needed*, and the mistakes in them until ``tell``.

    Raises:
        ConfigError: the file cannot be read, a column is missing, or a row has too few cells or too many.
    """

    def __init__(self, path: Path, needed: Iterable[str]) -> None:
        self.path = path
        self._mistakes = Mistakes()
        self._lines: dict[tuple[str, str, str], int] = {}
        self.rows = self._rows(needed)
        self.tell()

    def number(
        self, row: Row, column: str, between: tuple[Decimal, Decimal] | None = None, *, is_positive: bool = False
    ) -> Decimal:
        """The number that stands there, or a kept mistake and zero; *between*: from the first to below the second."""
        text = row.text(column)
        if not text:
            return self.complain(row, column, "a number is missing", _ZERO)
        if not _NUMBER.fullmatch(text):
            return self.complain(row, column, f"{text!r} is not a number; write it like 1234.5", _ZERO)
        value = Decimal(text)
        if abs(value.adjusted()) > _MOST_MAGNITUDE or len(value.as_tuple().digits) > _MOST_DIGITS:
            return self.complain(row, column, f"{text} is beyond what can be measured", _ZERO)
        if is_positive and value <= 0:
            return self.complain(row, column, f"{text} is not above zero", _ZERO)
        if between is not None and not between[0] <= value < between[1]:
            return self.complain(row, column, f"{text} is not from {between[0]} to {between[1]}", _ZERO)
        return value

    def optional(self, row: Row, column: str, between: tuple[Decimal, Decimal] | None = None) -> Decimal | None:
        """The number that stands there; absent where nothing does."""
        return self.number(row, column, between) if row.text(column) else None

    def name(self, row: Row, column: str) -> str:
        """The name that stands there, or a kept mistake and none."""
        return row.text(column) or self.complain(row, column, f"the {column} has no name", "")

    def once(self, row: Row, column: str, of: str) -> None:
        """Keep a mistake when an earlier row of the same, *of*, has what stands there."""
        if text := row.text(column):
            first = self._lines.setdefault((column, of, text), row.line)
            if first != row.line:
                self.complain(row, column, f"{column} {text} of {of} stands on line {first} already", None)

    def one_of(self, row: Row, column: str, known: Mapping[str, T], default: T) -> T:
        """What the word that stands there means, in capitals or not; *default* without one, or with a kept mistake."""
        try:
            meant = chosen(f"{self.path}: line {row.line}, column '{column}'", row.text(column) or None, known)
        except ConfigError as error:
            self._mistakes.keep(error)
            return default
        return default if meant is None else meant

    def complain(self, row: Row, column: str, message: str, stand_in: T) -> T:
        """Keep a mistake of the file; *stand_in* is what to go on with until it is told."""
        self._mistakes.keep(ConfigError(f"{self.path}: line {row.line}, column '{column}': {message}"))
        return stand_in

    def complain_of(self, row: Row, message: str) -> None:
        """Keep a mistake of several rows that begin with *row*."""
        self._mistakes.keep(ConfigError(f"{self.path}: line {row.line}: {message}"))

    def tell(self) -> None:
        """Raises ConfigError: there were mistakes; all of them."""
        self._mistakes.tell()

    def _rows(self, needed: Iterable[str]) -> Sequence[Row]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                found = list(self._read(file, needed))
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path} is no text in UTF-8: {error.reason} at byte {error.start}") from None
        if not found:
            raise ConfigError(f"{self.path} has no rows below its header")
        return found

    def _read(self, file: Iterable[str], needed: Iterable[str]) -> Iterator[Row]:
        """Raises ConfigError: that is no CSV."""
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            self._head(header, needed)
            yield from (Row(reader.line_num, self._cells(reader.line_num, header, cells)) for cells in reader if cells)
        except csv.Error as error:
            raise ConfigError(f"{self.path}: line {reader.line_num}: no CSV: {error}") from None

    def _head(self, header: Sequence[str], needed: Iterable[str]) -> None:
        """Raises ConfigError: columns are missing, or there twice."""
        if not header:
            raise ConfigError(f"{self.path} is empty; its first line names the columns")
        if len(header) == 1 and (found := re.search(r"[;\t|]", header[0])):
            raise ConfigError(f"{self.path}: line 1: columns are separated by {found[0]!r}; export it with commas")
        for name in sorted({name for name in header if header.count(name) > 1}):
            self._mistakes.keep(ConfigError(f"{self.path}: line 1: column '{name}' is there twice"))
        for name in needed:
            if name not in header:
                self._mistakes.keep(ConfigError(f"{self.path}: line 1: no column '{name}'{nearest(name, header)}"))
        self._mistakes.tell()

    def _cells(self, line: int, header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
        if len(cells) != len(header):
            self._mistakes.keep(
                ConfigError(f"{self.path}: line {line}: {len(cells)} cells; the header has {len(header)} columns")
            )
        return {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
