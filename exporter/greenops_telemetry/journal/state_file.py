"""The SQLite file of the state: made, opened, and looked over for damage before anything in it is believed."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from greenops_core.errors import ConfigError
from greenops_telemetry.journal.account import Account
from greenops_telemetry.journal.ranges import Ranges

PATIENCE = 5.0
"""Seconds that another process, such as a command at the prompt, may hold the file."""
VERSION = "version"
"""The counter that says how this file is built."""
_FORMAT = 1
_SCHEMA = """
    CREATE TABLE account (sink TEXT PRIMARY KEY, start INTEGER, done TEXT, delivered INTEGER, quarantined INTEGER,
                          evicted INTEGER, aside INTEGER, sum INTEGER);
    CREATE TABLE copy (id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT, refused INTEGER, at REAL, answer TEXT,
                       first INTEGER, stop INTEGER, sequences TEXT, columns BLOB, sum INTEGER);
    CREATE INDEX copies ON copy (sink, refused, at);
    CREATE TABLE series (number INTEGER PRIMARY KEY, description TEXT, sum INTEGER);
    CREATE TABLE eviction (first INTEGER, stop INTEGER, at REAL, why TEXT, parts BLOB, sum INTEGER);
    CREATE TABLE counter (name TEXT PRIMARY KEY, count INTEGER, sum INTEGER);
"""
COLUMNS = {
    "account": "sink, start, done, delivered, quarantined, evicted, aside",
    "copy": "id, sink, refused, at, answer, first, stop, sequences, columns",
    "series": "number, description",
    "eviction": "first, stop, at, why, parts",
    "counter": "name, count",
}
_NOT_DAMAGE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}
Row = tuple[Any, ...]


def opened(path: Path) -> sqlite3.Connection:
    """A connection to a file that is sound, or new.

    Raises:
        sqlite3.Error: it is neither, or the disk fails.
        ValueError: it is readable, but not what was written.
        ConfigError: it is of another version.
    """
    existed = path.exists()
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    with ExitStack() as otherwise:
        otherwise.callback(connection.close)
        if existed:
            _believe(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if not existed:
            row = f"INSERT INTO counter VALUES ('{VERSION}', {_FORMAT}, {checksum('counter', (VERSION, _FORMAT))});"  # noqa: S608  # all ours
            connection.executescript(f"BEGIN; {_SCHEMA} {row} COMMIT")
        otherwise.pop_all()
    return connection


def _believe(connection: sqlite3.Connection, path: Path) -> None:
    """Raises what ``opened`` does."""
    row = connection.execute("SELECT count, sum FROM counter WHERE name = ?", (VERSION,)).fetchone()
    if row is None or checksum("counter", (VERSION, row[0])) != row[1]:
        raise ValueError("its version cannot be read")
    if row[0] != _FORMAT:
        raise ConfigError(f"{path} is of another version of this program; install that, or move the file away")
    connection.execute("BEGIN")  # what another process writes meanwhile is no damage
    flaws = _flaws(connection)
    connection.execute("ROLLBACK")
    if flaws:
        raise ValueError(flaws)


def salvaged(path: Path, table: str) -> Iterator[Row]:
    """Those rows of a damaged file that can still be read, and are what was written."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        for row in connection.execute(f"SELECT {COLUMNS[table]}, sum FROM {table}"):  # noqa: S608  # names are ours
            if checksum(table, row[:-1]) == row[-1]:
                yield row[:-1]
    except (sqlite3.Error, UnicodeDecodeError):  # here it ends, and maybe even SQLite's complaint is no text
        return
    finally:
        connection.close()


def _flaws(connection: sqlite3.Connection) -> str:
    """What shows that the file was damaged; nothing when it is sound."""
    ((answer,),) = connection.execute("PRAGMA integrity_check(1)")
    if answer != "ok":
        return " ".join(str(answer).split())
    copies: dict[tuple[str, int], int] = {}
    for table, names in COLUMNS.items():
        for row in connection.execute(f"SELECT {names}, sum FROM {table}"):  # noqa: S608  # names are ours
            if checksum(table, row[:-1]) != row[-1]:
                return f"a row of {table} is not what was written"
            if table == "copy":
                key, is_one = (row[1], row[2]), row[6] - row[5] == 1  # of which there may be a million
                copies[key] = copies.get(key, 0) + (1 if is_one else len(ranges_from(row[7])))
    for row in connection.execute(f"SELECT {COLUMNS['account']} FROM account"):  # noqa: S608  # names are ours
        account = Account(row[0], row[1], ranges_from(row[2]), *row[3:])
        kept = (copies.get((account.sink, 1), 0), copies.get((account.sink, 0), 0))
        if not account.closes() or kept != (account.quarantined, account.aside):
            return f"the account of {account.sink} does not add up"
    return ""


def is_damage(error: sqlite3.Error, path: Path) -> bool:
    """Whether the file is at fault, not the disk or another process."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # the module itself gives none
    if code & 0xFF == sqlite3.SQLITE_READONLY:
        return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return code & 0xFF not in _NOT_DAMAGE


def put_aside(path: Path, at: float) -> Path:
    """Rename the file, its log first: a log alone would be taken for one of the next file."""
    aside = path.with_name(f"{path.name}.damaged-{at:.0f}")
    try:
        for suffix in ("-shm", "-wal", ""):
            file = path.with_name(path.name + suffix)
            if file.exists():
                file.replace(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise unusable(path, error) from None
    return aside


def unusable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{path} cannot be used: {error}; see to its folder, its owner and the space on its disk")


@contextmanager
def trouble() -> Iterator[None]:
    """What SQLite complains of, as the error of a disk."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise OSError(f"the state of the journal: {error}") from None


def checksum(table: str, row: Row) -> int:
    """The checksum of a row; the number that the file gives to a copy is no part of it."""
    cells = row[1:] if table == "copy" else row
    return zlib.crc32(b"\0".join((b"", *[each if isinstance(each, bytes) else repr(each).encode() for each in cells])))


def ranges_from(text: str) -> Ranges:
    """The ranges that stand in a row."""
    return Ranges((start, stop) for start, stop in json.loads(text))
