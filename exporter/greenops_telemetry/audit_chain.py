"""The chain of the audit log: what its records are. Pure; what they prove is in ``audit_proof``.

A record is one line: the canonical JSON (RFC 8785) of its fields, of which ``hash`` is the SHA-256 over the canonical
JSON of all the others, and one of these is ``previous``, the hash of the record before. Changing, removing, inserting
or moving a line breaks this. Cutting lines off the end does not: therefore ``audit.head`` repeats number, time and
hash of the last record and the length of the log, and ``audit.anchors`` the last record of each day. Whoever may write
all three files can make another history that fits together; what shows that is an anchor that left this machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from io import BytesIO
from typing import NamedTuple

from greenops_core.errors import ConfigError
from greenops_telemetry.canonical_json import canonical, parsed

LOG, HEAD, ANCHORS = "audit.jsonl", "audit.head", "audit.anchors"
GATEWAY = "gateway"
"""Who did it, when no person did."""
_AT_PATTERN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Kind(StrEnum):
    """What a record tells of. A closed set: it is on disk."""

    CONFIGURATION = "configuration"
    QUALITY_OVERRIDE = "quality_override"
    """A new revision of a quality, as a correction is one of a value."""
    CORRECTION = "correction"
    """A new revision of a value: of which, from what, to what and why. The value itself stays where it is."""
    ACTION = "action"
    REPORT = "report"
    ANCHOR = "anchor"
    """The first of a day (UTC): number and hash of the last one before it."""
    START = "start"
    STOP = "stop"


class Record(NamedTuple):
    """One line. *at* is RFC 3339 in UTC with milliseconds; *who* a user's name, ``GATEWAY`` or a reload's source."""

    number: int
    at: str
    kind: Kind
    who: str
    what: Mapping[str, object]
    previous: str
    hash: str

    def line(self) -> bytes:
        """As it lies in the log, with its line end."""
        return canonical(self._asdict()) + b"\n"


class Anchor(NamedTuple):
    """The last record of a day."""

    number: int
    at: str
    hash: str


class Head(NamedTuple):
    """The last record that was acknowledged, and the length of the log after it."""

    number: int
    at: str
    hash: str
    bytes: int

    @property
    def anchor(self) -> Anchor:
        """The same record, when it is the last of its day."""
        return Anchor(*self[:3])


BEGINNING = Head(0, "", "0" * 64, 0)


class Found(StrEnum):
    """What ``what.found`` of an action says when the gateway had to mend the log."""

    TORN = "torn"
    """Half a line, written when the program died and acknowledged to nobody, was cut off."""
    TAMPERED = "tampered"
    """The other files did not fit the log: somebody changed one of them."""


def sealed(last: Head, at: str, kind: Kind, who: str, what: Mapping[str, object]) -> Record:
    """The record after *last*.

    Raises:
        ConfigError: it has no author, no reason where one is due, or content that is no JSON.
    """
    open_ = Record(last.number + 1, at, kind, who, what, last.hash, "")
    if complaint := _complaint(open_):
        raise ConfigError(complaint)
    try:
        return open_._replace(hash=_hash(open_))
    except ValueError as error:
        raise ConfigError(f"this cannot be recorded: {error}") from None


def record(line: bytes) -> Record:
    """The record that *line* is, when it is as ``sealed`` made it.

    Raises:
        ValueError: it is not; the text says how.
    """
    match parsed(line):
        case {
            "number": int(number),
            "at": str(at),
            "kind": str(kind),
            "who": str(who),
            "what": dict(what),
            "previous": str(previous),
            "hash": str(told),
            **others,
        } if not others:
            found = Record(number, at, Kind(kind), who, what, previous, told)
        case _:
            raise ValueError("it does not have the fields of a record")
    if told != _hash(found):
        raise ValueError("its content does not fit its hash")
    if found.line() != line or not re.fullmatch(_AT_PATTERN, at, re.ASCII):
        raise ValueError("it is not written the way this program writes")
    if complaint := _complaint(found):
        raise ValueError(complaint)
    return found


def follows(line: bytes, last: Head) -> Head | None:
    """What the head is with *line*, when that is whole and the next record after *last*."""
    try:
        found = record(line)
    except ValueError:
        return None
    if (found.number, found.previous) != (last.number + 1, last.hash):
        return None
    return Head(found.number, found.at, found.hash, last.bytes + len(line))


def torn(line: bytes) -> bool:
    """Whether *line*, which was acknowledged to nobody, is half a line; a file system may have put zeros in it."""
    return not line.endswith(b"\n") or b"\0" in line


def head(text: bytes | None) -> Head | None:
    """What the head file says; none when it is not there or not as ``written``."""
    match None if text is None else _fields(text):
        case {"number": int(number), "at": str(at), "hash": str(hash_), "bytes": int(length)}:
            found = Head(number, at, hash_, length)
            return found if written(found) == text and found.bytes >= 0 else None
    return None


def anchors(text: bytes | None) -> list[Anchor | None]:
    """The lines of the anchors file; none for one that is not as ``written``."""
    return [_anchor(line) for line in BytesIO(text or b"")]


def written(each: Head | Anchor) -> bytes:
    """A line of the head file or of the anchors file."""
    return canonical(each._asdict()) + b"\n"


def _anchor(line: bytes) -> Anchor | None:
    match _fields(line):
        case {"number": int(number), "at": str(at), "hash": str(hash_)}:
            found = Anchor(number, at, hash_)
            return found if written(found) == line else None
    return None


def _fields(text: bytes) -> object:
    try:
        return parsed(text)
    except ValueError:
        return None


def _hash(found: Record) -> str:
    fields = found._asdict()
    del fields["hash"]
    return hashlib.sha256(canonical(fields)).hexdigest()


def _complaint(found: Record) -> str:
    if not found.who.strip():
        return "a record says who did it; this one does not"
    if found.kind not in {Kind.CORRECTION, Kind.QUALITY_OVERRIDE}:
        return ""
    what = found.what
    lacking = [key for key in ("point", "old", "new") if key not in what]
    if ("interval" in what) == ("sequence" in what):
        lacking.append("interval or sequence (one of them)")
    reason = what.get("reason")
    if not (isinstance(reason, str) and reason.strip()):
        lacking.append("reason")
    return f"a {found.kind} says what it changes and why; this one lacks: {', '.join(lacking)}" if lacking else ""
