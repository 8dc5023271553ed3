"""The ledger: grams per department and closed hour, in SQLite, so that a month outlives restarts and Prometheus.

Rules of this file: a piece written again replaces what was known of its time; what cannot be trusted is set aside and
filled again from Prometheus, never a reason not to start.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from greenops_core.budget import Period
from greenops_core.errors import ConfigError, GreenopsError

log = logging.getLogger(__name__)

LAYOUT = 1
"""Kept in the file as ``user_version``; a file of another layout is set aside."""

PATIENCE = 5.0
"""Seconds to wait for another program that holds the file."""

_COLUMNS = ["start", "end", "department", "grams"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS closed (
    start INTEGER NOT NULL,       -- Unix time
    "end" INTEGER NOT NULL,       -- Unix time; start <= t < end, at most one clock hour
    department TEXT NOT NULL,
    grams REAL NOT NULL,          -- CO2 equivalent
    PRIMARY KEY (start, department)
) WITHOUT ROWID
"""


class LedgerError(GreenopsError):
    """The ledger could not be read or written this time. Trying again may help."""


class Ledger:
    """Closed pieces of time, each at most a clock hour, with the grams of every department."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def write(self, piece: Period, grams: Mapping[str, float]) -> None:
        """Replace whatever was known of *piece*; on disk when this returns."""
        with self._database:
            self._database.execute('DELETE FROM closed WHERE start < ? AND "end" > ?', (piece.end, piece.start))
            self._database.executemany(
                "INSERT INTO closed VALUES (?, ?, ?, ?)",
                [(int(piece.start), int(piece.end), department, value) for department, value in grams.items()],
            )

    def pieces(self, span: Period) -> frozenset[Period]:
        """The closed pieces that lie in *span*."""
        rows = self._database.execute(
            'SELECT DISTINCT start, "end" FROM closed WHERE start >= ? AND "end" <= ?', (span.start, span.end)
        )
        return frozenset(Period(float(start), float(end)) for start, end in rows)

    def total(self, span: Period) -> dict[str, float]:
        """Grams per department of the closed pieces in *span*; a department without one is absent."""
        return dict(
            self._database.execute(
                'SELECT department, total(grams) FROM closed WHERE start >= ? AND "end" <= ? GROUP BY department',
                (span.start, span.end),
            ).fetchall()
        )

    def newest(self) -> float | None:
        """When the newest closed piece ended, Unix time."""
        (end,) = self._database.execute('SELECT max("end") FROM closed').fetchone()
        return None if end is None else float(end)


@contextmanager
def opened(path: Path, now: float, patience: float = PATIENCE) -> Iterator[Ledger]:
    """The ledger in the file *path*; one that turns out to be damaged is set aside.

    Raises:
        LedgerError: it cannot be opened, read or written now.
    """
    try:
        with closing(sqlite3.connect(path, timeout=patience)) as database:
            _prepare(database)
            yield Ledger(database)
    except sqlite3.OperationalError as error:
        raise LedgerError(f"ledger {path}: {error}") from None
    except sqlite3.DatabaseError as error:
        raise LedgerError(f"ledger {path}: {error}; {_set_aside(path, now)}") from None


def examine(path: Path, now: float) -> None:
    """Make sure before the start that a ledger can be kept in *path*: its folder is made, a bad file is set aside.

    Raises:
        ConfigError: the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict.replace("\n", " "))  # noqa: TRY301  # as if SQLite had met it while reading
            _prepare(database)
    except OSError as error:
        raise ConfigError(f"data: {path.parent} cannot be made: {error.strerror or error}") from None
    except sqlite3.OperationalError as error:
        raise ConfigError(f"data: no ledger can be kept in {path.parent}: {error}") from None
    except sqlite3.DatabaseError as error:
        log.warning("ledger %s: %s; %s", path, error, _set_aside(path, now))


def _prepare(database: sqlite3.Connection) -> None:
    """Look before anything is changed: a file that is not ours is set aside as it was found."""
    (layout,) = database.execute("PRAGMA user_version").fetchone()
    if layout not in {0, LAYOUT}:
        raise sqlite3.DatabaseError(f"its layout is {layout}, this program knows {LAYOUT}")
    columns = [name for (name,) in database.execute("SELECT name FROM pragma_table_info('closed')")]
    if columns not in ([], _COLUMNS):
        raise sqlite3.DatabaseError(f"its columns are {', '.join(columns)}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(_SCHEMA)
    database.execute(f"PRAGMA user_version = {LAYOUT}")


def _set_aside(path: Path, now: float) -> str:
    """Rename the file and SQLite's companions of it, and say so."""
    mark = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.bad-{mark}")
    for end in ("", "-wal", "-shm"):
        companion = path.with_name(path.name + end)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + end))
    return f"set aside as {aside.name} and filled again from Prometheus"
