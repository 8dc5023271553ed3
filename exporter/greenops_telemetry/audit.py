"""The audit log on disk: append-only, hash-chained, one record a line.

A record is acknowledged when its line and then ``audit.head`` have reached the disk. So after a sudden end at most one
line lies beyond the head: a whole one is taken over, half a one is cut off and a record tells of it. Anything else that
does not fit was done by somebody: the log goes on, and a record says what was seen.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from greenops_core.errors import ConfigError
from greenops_telemetry.audit_chain import (
    ANCHORS,
    BEGINNING,
    GATEWAY,
    HEAD,
    LOG,
    Found,
    Head,
    Kind,
    Record,
    anchors,
    follows,
    head,
    sealed,
    torn,
    written,
)
from greenops_telemetry.audit_proof import Evidence
from greenops_telemetry.canonical_json import configuration_hash

__all__ = ["GATEWAY", "Audit", "Kind", "Record", "configuration_hash", "evidence", "timestamp"]

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""
_LOOK_AGAIN = 0.005


class Audit:
    """Appends to the audit log of one directory; any number of threads and processes may do so at the same time.

    Every call blocks for a few writes to disk: in asyncio, call it in a thread.
    """

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._known = BEGINNING
        """The head as this process last left it: an older one on disk was put there."""

    @classmethod
    def open(cls, directory: Path, clock: Callable[[], float] = time.time) -> Audit:
        """The audit log in *directory*, which is made when it is not there; *clock* gives Unix seconds.

        Raises:
            ConfigError: the directory cannot be used.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(directory, fcntl.LOCK_EX) as folder:
                os.close(_opened(folder, LOG, os.O_RDWR | os.O_CREAT))
        except OSError as error:
            raise ConfigError(f"no audit log can be kept in {directory}: {error.strerror or error}") from None
        return cls(directory, clock)

    def append(self, kind: Kind, who: str, what: Mapping[str, object]) -> Record:
        """Record *what* *who* did; it is on disk when this returns.

        Raises:
            ConfigError: it lacks its author or reason, or is no JSON; nothing was written.
            OSError: it may or may not be recorded.
        """
        sealed(BEGINNING, self._now(), kind, who, what)
        with self._writing() as write:
            return write(kind, who, what)

    def anchor(self) -> None:
        """Begin the day (UTC) with its anchor unless that is done: once an hour, for days on which nothing happens.

        Raises:
            OSError: as ``append``.
        """
        with self._writing():
            pass

    @contextmanager
    def _writing(self) -> Iterator[Callable[[Kind, str, Mapping[str, object]], Record]]:
        """The way to append, once what is there is mended and the day has its anchor."""
        with _locked(self._directory, fcntl.LOCK_EX) as folder:
            file = _opened(folder, LOG, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                found = self._mend(folder, file)

                def write(kind: Kind, who: str, what: Mapping[str, object]) -> Record:
                    return self._write(folder, file, sealed(self._known, self._now(), kind, who, what))

                if self._known.number and self._now()[:10] > self._known.at[:10]:
                    _keep_anchor(folder, self._known)
                    write(Kind.ANCHOR, GATEWAY, self._known.anchor._asdict())
                for event, meaning in found:
                    write(Kind.ACTION, GATEWAY, {"found": event, "meaning": meaning})
                yield write
            finally:
                os.close(file)

    def _mend(self, folder: int, file: int) -> list[tuple[Found, str]]:
        """Bring the head up to the last record; gives what was found that a record must tell."""
        text = _content(folder, HEAD)
        on_disk = head(text) or BEGINNING
        found = []
        if text is not None and on_disk is BEGINNING:
            found.append((Found.TAMPERED, f"{HEAD} was changed; lines may have been cut off the log"))
        elif on_disk < self._known:
            found.append(
                (Found.TAMPERED, f"{HEAD} was removed or is an older one; lines may have been cut off the log")
            )
        last = self._known = max(on_disk, self._known)
        missing = last.bytes - os.fstat(file).st_size
        beyond = BytesIO(_read(file, last.bytes)).readlines()
        if missing > 0:
            found.append(
                (Found.TAMPERED, f"{missing} bytes were cut off the log, up to the end of record {last.number}")
            )
        elif len(beyond) == 1 and torn(beyond[0]):
            os.ftruncate(file, last.bytes)
            found.append((Found.TORN, f"half a line of {len(beyond[0])} bytes was cut off: {beyond[0][:200]!r}"))
        else:
            for line in beyond:
                last = follows(line, last) or last
            if len(beyond) > 1 or (beyond and last == self._known):
                meaning = (
                    f"the log had {len(beyond)} lines more than {HEAD} said: lines were put in, or that file replaced"
                )
                found.append((Found.TAMPERED, meaning))
            elif last != self._known:
                os.fsync(file)
                _replace(folder, HEAD, written(last))
        if not last.number and _content(folder, ANCHORS):
            found.append((Found.TAMPERED, f"the log and {HEAD} were removed; {ANCHORS} knows of records"))
        self._known = last
        for event, meaning in found:
            log.log(logging.WARNING if event is Found.TORN else logging.ERROR, "audit log: %s", meaning)
        return found

    def _write(self, folder: int, file: int, record: Record) -> Record:
        size = os.fstat(file).st_size
        line = record.line()
        if size and os.pread(file, 1, size - 1) != b"\n":
            line = b"\n" + line
        try:
            _write_all(file, line)
            os.fsync(file)
        except OSError:
            with suppress(OSError):  # what cannot be cut off now is when the next record comes
                os.ftruncate(file, size)
            raise
        last = Head(record.number, record.at, record.hash, size + len(line))
        _replace(folder, HEAD, written(last))
        self._known = last
        return record

    def _now(self) -> str:
        return timestamp(self._clock())


def timestamp(at: float) -> str:
    """*at* (Unix seconds) as RFC 3339 in UTC with milliseconds.

    >>> timestamp(0.25)
    '1970-01-01T00:00:00.250Z'
    """
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def evidence(directory: Path) -> Evidence:
    """The files of the audit log in *directory*, as they are between two records.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    try:
        with _locked(directory, fcntl.LOCK_SH) as folder:
            content = [_content(folder, name) for name in (LOG, HEAD, ANCHORS)]
    except OSError as error:
        raise ConfigError(f"the audit log in {directory} cannot be read: {error.strerror or error}") from None
    if not any(content):
        raise ConfigError(f"there is no audit log in {directory}; it begins when the gateway first runs with it")
    return Evidence(content[0] or b"", content[1], content[2])


def _keep_anchor(folder: int, last: Head) -> None:
    """Before its record is written, so that no sudden end leaves a record without its line."""
    kept = _content(folder, ANCHORS) or b""
    if last.anchor not in anchors(kept):
        _replace(folder, ANCHORS, kept + b"\n" * (kept[-1:] not in b"\n") + written(last.anchor))
    log.info("audit anchor to keep elsewhere: record %d of %s has the hash %s", *last.anchor)


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[int]:
    """The directory, open and locked.

    Raises:
        OSError: it cannot be opened, or another process keeps it for longer than ``PATIENCE``.
    """
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(folder, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError(f"another process has kept {directory} locked for {PATIENCE:g} s") from None
                time.sleep(_LOOK_AGAIN)
        yield folder
    finally:
        os.close(folder)


def _opened(folder: int, name: str, flags: int) -> int:
    """The file, and when it is made here, made for the owner of the folder: root may have been asked to write."""
    file = os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    if flags & os.O_CREAT and os.geteuid() == 0:
        owner = os.fstat(folder)
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


def _content(folder: int, name: str) -> bytes | None:
    try:
        file = _opened(folder, name, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return _read(file, 0)
    finally:
        os.close(file)


def _read(file: int, start: int) -> bytes:
    parts = []
    while part := os.pread(file, 2**20, start):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _replace(folder: int, name: str, content: bytes) -> None:
    """The file has the old content or the new one, whenever the power fails; the new one when this returns."""
    new = f"{name}.new"
    file = _opened(folder, new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        _write_all(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
