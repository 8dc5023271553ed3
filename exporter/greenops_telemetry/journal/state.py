"""What became of the samples for each receiver, in one SQLite file: cursors, quarantine, evictions, series numbers.

Every row carries a checksum, for SQLite does not see a bit that flips inside a cell, and a cursor that is wrong would
pass samples over. A file that cannot be believed is put beside and begun anew: what was delivered is then sent once
more, and nothing is lost.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from greenops_core.errors import ConfigError
from greenops_telemetry.journal.account import (
    Account,
    Eviction,
    Held,
    Lost,
    Quarantined,
    joined,
    left,
    merged,
    without,
)
from greenops_telemetry.journal.columns import Columns, pack, unpack
from greenops_telemetry.journal.ranges import Range, Ranges
from greenops_telemetry.journal.series import Series, from_json, to_json
from greenops_telemetry.journal.state_file import (
    COLUMNS,
    VERSION,
    Row,
    checksum,
    is_damage,
    opened,
    put_aside,
    ranges_from,
    salvaged,
    trouble,
    unusable,
)

__all__ = ["Account", "Eviction", "Held", "Lost", "Quarantined", "State"]  # what it is asked with and answers

log = logging.getLogger(__name__)

_HIGH_WATER = "high_water"
MOST_QUARANTINED = 1_000_000
"""Samples for each sink. A receiver that refuses everything for weeks must not fill the disk."""
_LONGEST = 2000
"""Characters of an answer that are kept."""


class State:
    """The file, open; for any thread. *set_aside* is where a damaged one was put when this was opened.

    All that reads or writes raises OSError when the disk does not allow it; nothing is changed then.
    """

    def __init__(self, connection: sqlite3.Connection, set_aside: Path | None = None) -> None:
        self.set_aside = set_aside
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.time) -> State:
        """The state at *path*. A damaged file is renamed, and a new one begun with what is left of its series.

        Raises:
            ConfigError: it cannot be opened or created.
        """
        try:
            return cls(opened(path))
        except sqlite3.Error as error:
            if not is_damage(error, path):
                raise unusable(path, error) from None
            flaw = str(error)
        except ValueError as error:
            flaw = str(error)
        aside = put_aside(path, clock())
        log.error("%s: %s; now %s. All that is still in the journal is delivered again", path, flaw, aside.name)
        try:
            state = cls(opened(path), aside)
        except sqlite3.Error as error:
            raise unusable(path, error) from None
        with state._transaction():
            for row in salvaged(aside, "series"):
                state._put("series", row)
        return state

    @classmethod
    def visit(cls, path: Path) -> State:
        """The state of a journal that another process may be using: a damaged one is left where it is.

        Raises:
            ConfigError: there is none, or it is damaged.
        """
        if not path.exists():
            raise ConfigError(f"there is no journal: {path} does not exist")
        try:
            return cls(opened(path))
        except (sqlite3.Error, ValueError) as error:
            raise unusable(path, error) from None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def series(self) -> dict[int, Series]:
        """All series by number."""
        return {number: from_json(json.loads(text)) for number, text in self._rows("series")}

    def keep_series(self, series: Mapping[int, Series]) -> None:
        """Remember what these numbers mean, for good."""
        with self._transaction():
            for number, each in series.items():
                self._put("series", (number, json.dumps(to_json(each))))
        with self._lock, trouble():  # a log that is damaged is cut there, and no number may be given away twice
            self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def counters(self) -> dict[str, int]:
        """What was ever counted, by name."""
        return {name: count for name, count in self._rows("counter") if name not in {_HIGH_WATER, VERSION}}

    def count(self, name: str, more: int = 1) -> None:
        """Add *more* to a counter."""
        with self._transaction():
            known = [count for _, count in self._rows("counter", "name = ?", name)]
            self._put("counter", (name, sum(known) + more))

    def high_water(self) -> int:
        """The lowest sequence that is above every one this file has ever heard of; 1 in a new one."""
        with self._lock:
            marks: list[int] = [count for _, count in self._rows("counter", "name = ?", _HIGH_WATER)]
            marks += self._numbers("SELECT ifnull(max(stop), 1) FROM eviction")
            for account in self.accounts().values():
                marks += [account.start, *(stop for _, stop in account.done)]
        return max(marks)

    def keep_high_water(self, following: int) -> None:
        """Remember that sequences below *following* have been used."""
        with self._transaction():
            self._put("counter", (_HIGH_WATER, following))

    def account(self, sink: str, start: int) -> Account:
        """The account of *sink*, which is opened with sequence *start* when there is none."""
        with self._lock:
            found = self._account(sink)
            if found is None:
                with self._transaction():
                    found = self._account(sink) or Account(sink, start)
                    self._keep_account(found)
            return found

    def accounts(self) -> dict[str, Account]:
        """All of them, also of sinks that the configuration does not name any more, by name."""
        return {account.sink: account for account in map(_account, self._rows("account"))}

    def forget(self, sink: str) -> None:
        """Close an account, with its quarantine."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM account WHERE sink = ?", (sink,))
            connection.execute("DELETE FROM copy WHERE sink = ?", (sink,))

    def settle(
        self,
        sink: str,
        *,
        delivered: Iterable[Range] = (),
        quarantined: Sequence[Quarantined] = (),
        held: Sequence[Held] = (),
        copy: int = 0,
    ) -> None:
        """Put down what became of samples, all at once; of those that ``due`` gave, *copy* is the number.

        A sample that was evicted meanwhile stays so.
        """
        with self._transaction():
            account = self._account(sink)
            if account is None:  # forgotten by a command while this was under way
                return
            delivered = list(delivered)
            self._take_up(account, copy, Ranges([*delivered, *_spans(quarantined), *_spans(held)]))
            account.delivered += sum(account.done.add(*one) for one in delivered)
            for refused in quarantined:
                what = (1, float(refused.at), _storable(refused.answer))
                account.quarantined += self._keep_copy(account, what, refused.sequences, refused.columns)
                if account.quarantined > MOST_QUARANTINED:
                    self._thin_out(account, refused.at)
            for early in held:
                account.aside += self._keep_copy(account, (0, float(early.due), ""), early.sequences, early.columns)
            self._keep_account(account)

    def evict(self, eviction: Eviction) -> None:
        """Put down that samples are gone: for each sink, what of them was not yet done counts as evicted.

        What goes on a day for one reason is one record, so that years of it stay small.
        """
        with self._transaction() as connection:
            for account in self.accounts().values():
                new = account.done.add(max(eviction.first, account.start), eviction.stop)
                if new:
                    account.evicted += new
                    self._keep_account(account)
            for last in self._rows("eviction", "rowid = (SELECT max(rowid) FROM eviction)"):
                both = joined(_evicted(last), eviction)
                if both is not None:
                    connection.execute("DELETE FROM eviction WHERE rowid = (SELECT max(rowid) FROM eviction)")
                    eviction = both
            self._put("eviction", _eviction(eviction))

    def evictions(self) -> Iterator[Eviction]:
        """All that ever were, in their order."""
        return map(_evicted, self._rows("eviction"))

    def evicted(self, *but: str) -> Ranges:
        """The samples of all evictions, but of those for one of these reasons."""
        with self._lock, trouble():
            rows = self._connection.execute("SELECT first, stop, why FROM eviction").fetchall()
        return Ranges((first, stop) for first, stop, why in rows if why not in but)

    def quarantine(self, sink: str | None = None) -> Iterator[Quarantined]:
        """What was refused for good, by this *sink* or all, the oldest first."""
        for number in self._numbers(
            "SELECT id FROM copy WHERE refused = 1 AND sink = ifnull(?, sink) ORDER BY id", sink
        ):
            for row in self._rows("copy", "id = ? AND refused = 1", number):
                yield Quarantined(row[1], row[3], row[4], *_copied(row), row[0])

    def release(self, ids: Iterable[int]) -> int:
        """Send quarantined samples again, from their copy; how many there are."""
        released: Counter[str] = Counter()
        with self._transaction():
            for number in ids:
                for row in self._rows("copy", "id = ? AND refused = 1", number):
                    self._put("copy", (number, row[1], 0, 0.0, *row[4:]))
                    released[row[1]] += len(ranges_from(row[7]))
            for sink, samples in released.items():
                account = self.accounts()[sink]
                account.quarantined -= samples
                account.aside += samples
                self._keep_account(account)
        return released.total()

    def due(self, sink: str, horizon: float) -> Held | None:
        """One copy of what lies aside for *sink* with a source time not after *horizon*: what was released first."""
        where = "sink = ? AND refused = 0 AND at <= ? ORDER BY at, id LIMIT 1"
        for row in self._rows("copy", where, sink, horizon):
            return Held(*_copied(row), row[3], row[0])
        return None

    def _thin_out(self, account: Account, at: float) -> None:
        """Let the oldest of the quarantine go; the eviction spans nothing, for between such samples others are well."""
        parts: list[Lost] = []
        first = 0
        while account.quarantined > MOST_QUARANTINED - MOST_QUARANTINED // 256:
            where = "sink = ? AND refused = 1 ORDER BY at, id LIMIT 1"
            row = next(self._rows("copy", where, account.sink))
            self._connection.execute("DELETE FROM copy WHERE id = ?", (row[0],))
            columns = _copied(row)[1]
            account.quarantined -= len(columns)
            account.evicted += len(columns)
            first = first or row[5]
            parts += (Lost(series, when, when, 1) for series, when in zip(columns.series, columns.at, strict=True))
        why = f"the quarantine of {account.sink} is full"
        self._put("eviction", _eviction(Eviction(first, first, at, why, merged(parts))))

    def _take_up(self, account: Account, copy: int, touched: Ranges) -> None:
        """Take what is *touched* from a copy that lies aside; it is not done until it is put down again."""
        for row in self._rows("copy", "id = ? AND sink = ? AND refused = 0", copy, account.sink):
            sequences, columns = _copied(row)
            account.aside -= len(sequences)
            account.done = without(account.done, sequences)
            self._connection.execute("DELETE FROM copy WHERE id = ?", (copy,))
            rest, places = left(sequences, touched)
            account.aside += self._keep_copy(account, (0, row[3], row[4]), rest, columns.pick(places), copy)

    def _keep_copy(
        self,
        account: Account,
        what: tuple[int, float, str],
        sequences: Ranges,
        columns: Columns,
        copy: int | None = None,
    ) -> int:
        """Write down a copy of those samples that are not yet done, which they are then; how many there are."""
        open_, places = left(sequences, account.done)
        spans = list(open_)
        if spans:
            row = (copy, account.sink, *what, spans[0][0], spans[-1][1], json.dumps(spans), pack(columns.pick(places)))
            self._put("copy", row)
        return sum(account.done.add(*one) for one in spans)

    def _account(self, sink: str) -> Account | None:
        return next(map(_account, self._rows("account", "sink = ?", sink)), None)

    def _keep_account(self, account: Account) -> None:
        counts = (account.delivered, account.quarantined, account.evicted, account.aside)
        self._put("account", (account.sink, account.start, json.dumps(list(account.done)), *counts))

    def _put(self, table: str, row: Row) -> None:
        """Insert or replace *row*."""
        marks = ", ".join("?" * (len(row) + 1))
        self._connection.execute(
            f"REPLACE INTO {table} ({COLUMNS[table]}, sum) VALUES ({marks})",  # noqa: S608  # names are ours
            (*row, checksum(table, row)),
        )

    def _rows(self, table: str, where: str = "TRUE", *values: object) -> Iterator[Row]:
        """The rows of *table* that are wanted, without their checksums, all read before the first is given.

        Raises:
            OSError: the file cannot be read, or one of them is not what was written.
        """
        with self._lock, trouble():
            rows = self._connection.execute(
                f"SELECT {COLUMNS[table]}, sum FROM {table} WHERE {where}",  # noqa: S608  # names are ours
                values,
            ).fetchall()
        for row in rows:
            if checksum(table, row[:-1]) != row[-1]:
                raise OSError(f"{table}: a row was damaged; start again, and the file is set aside and begun anew")
        return iter([row[:-1] for row in rows])

    def _numbers(self, question: str, *values: object) -> list[int]:
        with self._lock, trouble():
            return [int(number) for (number,) in self._connection.execute(question, values).fetchall()]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done in it comes about, durably, or nothing."""
        with self._lock, trouble():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _storable(text: str) -> str:
    """*text* from a stranger, short and sayable."""
    return text[:_LONGEST].encode("utf-8", "replace").decode()


def _account(row: Row) -> Account:
    return Account(row[0], row[1], ranges_from(row[2]), *row[3:])


def _copied(row: Row) -> tuple[Ranges, Columns]:
    sequences = ranges_from(row[7])
    return sequences, unpack(row[8], len(sequences))


def _spans(rows: Iterable[Quarantined | Held]) -> Iterator[Range]:
    for row in rows:
        yield from row.sequences


def _evicted(row: Row) -> Eviction:
    first, stop, at, why, parts = row
    return Eviction(first, stop, at, why, tuple(Lost(*part) for part in json.loads(zlib.decompress(parts))))


def _eviction(eviction: Eviction) -> Row:
    parts = zlib.compress(json.dumps(eviction.parts).encode())
    return eviction.first, eviction.stop, float(eviction.at), eviction.why, parts
