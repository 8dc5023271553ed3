"""The closed hours of a stack on disk: a file for each quarter, append-only, hash-chained. Nothing is ever rewritten.

directory/STACK/2026-1.jsonl    a line for each hour as it was closed, and one more for each revision of it
directory/STACK/plans/HASH.json what the hours were closed by

An hour is acknowledged when its line has reached the disk. After a sudden end the last line may be half a one, which
nobody was told of: it is cut off. Any number of processes may append, one at a time, and anybody may read meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour, civil, written
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.emissions.entry import BEGINNING, Entry, Line, brief_of, entry_of, line
from greenops_telemetry.audit_chain import torn
from greenops_telemetry.canonical_json import configuration_hash
from greenops_telemetry.failpoint import pass_point
from greenops_telemetry.journal.segment import sync_directory

log = logging.getLogger(__name__)

SUFFIX = ".jsonl"
PLANS = "plans"
AT_HAND = 2
"""Quarters of which it is kept in memory where each hour lies."""


class Finding(NamedTuple):
    """A line that is not as it was written; *line* counts from 1."""

    path: Path
    line: int
    meaning: str


class Place(NamedTuple):
    """Where the last revision of an hour lies, and of which sequences of the journal it was made."""

    offset: int
    length: int
    previous: str
    revision: int
    sequences: tuple[tuple[int, int], ...]


class Ledger:
    """The closed hours of one stack; for one thread at a time."""

    def __init__(self, directory: Path, stack: str) -> None:
        self.stack, self.folder = stack, directory / stack
        self._at_hand: OrderedDict[Path, _Quarter] = OrderedDict()

    @classmethod
    def open(cls, directory: Path, stack: str) -> Ledger:
        """The ledger of *stack* in *directory*, to be written; both are made when they are not there.

        Raises:
            ConfigError: it cannot be used.
        """
        ledger = cls(directory, stack)
        try:
            (ledger.folder / PLANS).mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(directory)
        except OSError as error:
            raise ConfigError(f"no ledger can be kept in {ledger.folder}: {error.strerror or error}") from None
        return ledger

    @property
    def last(self) -> Entry | None:
        """The last revision of the latest hour. Raises OSError: it cannot be read."""
        paths = self._paths()
        while paths:
            places = self._quarter(paths.pop()).places
            if places:
                return self.entry(max(places))
        return None

    def place(self, hour: Hour) -> Place | None:
        """Where *hour* lies, when it is closed. Raises OSError: it cannot be read."""
        return self._quarter(self._path(hour)).places.get(hour)

    def entry(self, hour: Hour) -> Entry | None:
        """The last revision of *hour*. Raises OSError: it cannot be read."""
        quarter = self._quarter(self._path(hour))
        place = quarter.places.get(hour)
        return None if place is None else quarter.line(place).entry

    def hours(self, hours: range) -> Iterator[Entry]:
        """The last revision of each of *hours* that is closed, in their order. Raises OSError: it cannot be read."""
        for path in self._of(hours):
            latest = {each.entry.closed.hour: each.entry for each in self._quarter(path).lines()}
            yield from (latest[hour] for hour in sorted(latest) if hour in hours)

    def revisions(self, hour: Hour) -> list[Entry]:
        """All that was ever written of *hour*, the first first. Raises OSError: it cannot be read."""
        quarter = self._quarter(self._path(hour))
        return [each.entry for each in quarter.lines() if each.entry.closed.hour == hour]

    def end(self, hour: Hour) -> tuple[Path, int, str]:
        """The file of *hour*, and number and hash of its last line. Raises OSError: it cannot be read."""
        return self._quarter(self._path(hour)).end

    def findings(self, hours: range | None = None) -> list[Finding]:
        """What is not as it was written, in all of it or in the quarters of *hours*. Raises OSError: unreadable."""
        paths = self._paths() if hours is None else self._of(hours)
        return [found for path in paths for found in self._quarter(path).findings]

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """Write *entries*, of which number and revision are given here; they are on disk when this returns.

        Raises:
            OSError: those of the first quarters may be there, whole quarters each; the others are not.
        """
        done: list[Entry] = []
        with self._locked():
            by_path: dict[Path, list[Entry]] = {}
            for entry in entries:
                by_path.setdefault(self._path(entry.closed.hour), []).append(entry)
            for path, some in by_path.items():
                done += self._quarter(path).append(some)
        return done

    def keep_plan(self, plan: Mapping[str, Any]) -> str:
        """Keep *plan*, as canonical JSON takes it, by its hash; gives the hash. Raises OSError: it is not kept."""
        name = configuration_hash(plan)
        path = self.folder / PLANS / f"{name}.json"
        content = json.dumps(plan, indent=1, ensure_ascii=False).encode()
        if not path.exists() or path.read_bytes() != content:
            half = path.with_name(f"{path.name}.half")
            with half.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
            sync_directory(path.parent)
        return name

    def plan(self, name: str) -> Mapping[str, Any]:
        """The plan that was kept by its hash *name*.

        Raises:
            ConfigError: it is not there, or was changed.
        """
        path = self.folder / PLANS / f"{name}.json"
        try:
            content = json.loads(path.read_bytes())
            if isinstance(content, dict) and configuration_hash(content) == name:
                return content
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
        except ValueError:
            pass
        raise ConfigError(f"{path} was changed: its content does not fit its name")

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def _of(self, hours: range) -> list[Path]:
        """The files that have some of *hours*."""
        if not hours:
            return []
        first, last = self._path(Hour(hours[0])), self._path(Hour(hours[-1]))
        return [path for path in self._paths() if first <= path <= last]

    def _path(self, hour: Hour) -> Path:
        day, _ = civil(hour)
        return self.folder / f"{day.year}-{(day.month + 2) // 3}{SUFFIX}"

    def _quarter(self, path: Path) -> _Quarter:
        quarter = self._at_hand.pop(path, None) or _Quarter(path)
        self._at_hand[path] = quarter
        if len(self._at_hand) > AT_HAND:
            self._at_hand.popitem(last=False)
        quarter.read_on()
        return quarter

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


class _Quarter:
    """One file, as far as it was read: what its last line is, and where each hour lies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self._begin()

    def _begin(self) -> None:
        """Nothing is known."""
        self.places: dict[Hour, Place] = {}
        self._size = self._lines = self._number = 0
        self._hash = BEGINNING

    @property
    def end(self) -> tuple[Path, int, str]:
        """Path, number of the last line, its hash."""
        return self.path, self._number, self._hash

    def read_on(self) -> None:
        """Take in what was written since. Raises OSError: it cannot be read."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size < self._size:
            self._find(f"the file was cut behind our back, from {self._size} bytes to {size}")
            self._begin()
        if size > self._size:
            for each in self._beyond():
                self._take(each)

    def lines(self) -> Iterator[Line]:
        """Every line that can be read, in order. Raises OSError: it cannot be read."""
        previous, content = BEGINNING, b""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            content = file.read(self._size)
        for text in BytesIO(content):
            with suppress(ValueError):
                found = entry_of(text, previous)
                previous = found.hash
                yield found

    def line(self, place: Place) -> Line:
        """The line at *place*. Raises OSError: it cannot be read."""
        with self.path.open("rb") as file:
            file.seek(place.offset)
            text = file.read(place.length)
        try:
            return entry_of(text, place.previous)
        except ValueError as error:
            raise OSError(f"{self.path}: the line at byte {place.offset} was changed: {error}") from None

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """As ``Ledger.append``, for entries of this quarter; nobody else writes meanwhile."""
        fresh = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if (beyond := os.fstat(file).st_size - self._size) > 0:
                log.warning("%s: half a line of %d bytes, of a sudden end, was cut off", self.path, beyond)
                os.ftruncate(file, self._size)
            done, text = self._sealed(entries)
            try:
                _write(file, text)
                pass_point("after write")
                os.fdatasync(file)
                pass_point("after fsync")
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file, self._size)
                raise
        finally:
            os.close(file)
        if fresh:
            sync_directory(self.path.parent)
        self.read_on()
        return done

    def _sealed(self, entries: Sequence[Entry]) -> tuple[list[Entry], bytes]:
        """*entries* with their numbers and revisions, and their lines."""
        done: list[Entry] = []
        texts: list[bytes] = []
        previous, revisions = self._hash, {hour: place.revision for hour, place in self.places.items()}
        for number, entry in enumerate(entries, self._number + 1):
            revision = revisions.get(entry.closed.hour, 0) + 1
            revisions[entry.closed.hour] = revision
            sealed = entry._replace(number=number, revision=revision)
            text, previous = line(sealed, previous)
            done.append(sealed)
            texts.append(text)
        return done, b"".join(texts)

    def _beyond(self) -> list[bytes]:
        """The whole lines behind what is known."""
        with self.path.open("rb") as file:
            file.seek(self._size)
            found = file.readlines()
        while found and torn(found[-1]):
            found.pop()
        return found

    def _take(self, text: bytes) -> None:
        """One line more."""
        self._lines += 1
        start, self._size = self._size, self._size + len(text)
        try:
            found = brief_of(text, self._hash)
        except ValueError as error:
            self._find(f"this line was changed or put in: {error}")
            return
        if not found.fits:
            hour = written(found.hour)
            self._find(f"the line of {hour} was changed, or lines before it were changed or removed")
        elif found.number != self._number + 1:
            self._find(f"number {found.number} follows {self._number}: lines were removed")
        self.places[found.hour] = Place(start, len(text), self._hash, found.revision, found.sequences)
        self._number, self._hash = found.number, found.hash

    def _find(self, meaning: str) -> None:
        self.findings.append(Finding(self.path, self._lines, meaning))
        log.error("%s, line %d: %s", self.path, self._lines, meaning)


def closed_hours(directory: Path, stack: str, hours: range) -> list[ClosedHour]:
    """The last revision of each of *hours* of *stack* that is closed, for reports.

    Raises:
        ConfigError: there is no ledger, it cannot be read, or somebody changed it.
    """
    ledger = Ledger(directory, stack)
    try:
        found = [entry.closed for entry in ledger.hours(hours)]
        wrong = ledger.findings(hours)
    except OSError as error:
        raise ConfigError(f"the ledger in {ledger.folder} cannot be read: {error.strerror or error}") from None
    if wrong:
        raise ConfigError(f"{wrong[0].path}, line {wrong[0].line}: {wrong[0].meaning}; restore the file from a backup")
    if not found and not ledger.folder.exists():
        raise ConfigError(f"there is no ledger of '{stack}' in {directory}; it begins when the gateway closes an hour")
    return found


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
