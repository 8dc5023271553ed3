"""What the files of the audit log prove. Pure: bytes in, findings out, each with its line and what it means."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from io import BytesIO
from typing import NamedTuple

from greenops_telemetry.audit_chain import (
    ANCHORS,
    BEGINNING,
    HEAD,
    LOG,
    Anchor,
    Found,
    Head,
    Kind,
    Record,
    anchors,
    head,
    record,
    torn,
)


class Evidence(NamedTuple):
    """The three files as they were at one moment; none is a file that is not there."""

    log: bytes
    head: bytes | None
    anchors: bytes | None


class Finding(NamedTuple):
    """Something that is not as it was written. *line* counts from 1; none where no line is at fault.

    *harmless* is what a sudden end of the program explains.
    """

    file: str
    line: int | None
    meaning: str
    harmless: bool = False


def findings(evidence: Evidence, published: Collection[str] = ()) -> Iterator[Finding]:
    """Everything that is not as it was written, log first; *published* are hashes that were kept elsewhere."""
    kept = anchors(evidence.anchors)
    reading = _Reading(evidence, {each.number for each in kept if each}, published)
    yield from reading.log()
    yield from reading.end()
    for line, each in enumerate(kept, 1):
        if each is None:
            yield Finding(ANCHORS, line, "this line was changed: it is not as the gateway wrote it")
        elif reading.anchored.get(each.number) != each:
            meaning = f"the log has no record {each.number} of this time and hash: the log was cut or rewritten"
            yield Finding(ANCHORS, line, meaning)
    for hash_ in sorted(set(published) - reading.seen):
        meaning = f"no record has the published hash {hash_}: the log was rewritten, or cut before it"
        yield Finding(LOG, None, meaning)


class _Reading:
    """Goes through the log once and remembers what the other files are compared with."""

    def __init__(self, evidence: Evidence, wanted: Collection[int], published: Collection[str]) -> None:
        self._evidence = evidence
        self._head = head(evidence.head)
        self._acknowledged = self._head.bytes if self._head else 0
        self._wanted, self._published = wanted, published
        self._line = self._beyond = 0
        self._last = BEGINNING.anchor
        self._at_head = BEGINNING.anchor if self._acknowledged == 0 else None
        self.anchored: dict[int, Anchor] = {}
        self.seen: set[str] = set()

    def log(self) -> Iterator[Finding]:
        """What is wrong with each line. The line after a bad one is compared by number alone."""
        expected, stop = BEGINNING, 0
        for number, line in enumerate(BytesIO(self._evidence.log), 1):
            self._line, start, stop = number, stop, stop + len(line)
            self._beyond += start >= self._acknowledged
            if start == self._acknowledged and stop == len(self._evidence.log) and torn(line):
                meaning = (
                    "half a line, written when the program died and acknowledged to nobody; the next record cuts it off"
                )
                yield Finding(LOG, number, meaning, harmless=True)
                continue
            try:
                found = record(line)
            except ValueError as error:
                expected = Head(expected.number + 1, "", "", 0)
                if stop < len(self._evidence.log) or stop >= self._acknowledged:  # otherwise it was cut, as end() tells
                    yield Finding(LOG, number, f"this line was changed or put in: {error}")
                continue
            yield from self._told(found, expected)
            expected = Head(found.number, found.at, found.hash, stop)
            self._last = expected.anchor
            if stop == self._acknowledged:
                self._at_head = self._last

    def _told(self, found: Record, expected: Head) -> Iterator[Finding]:
        if meaning := _misplaced(found, expected):
            yield Finding(LOG, self._line, meaning)
        if found.kind is Kind.ANCHOR and found.number - 1 not in self._wanted:
            yield Finding(
                ANCHORS, None, f"it lacks record {found.number - 1}, anchored by line {self._line} of the log"
            )
        if found.kind is Kind.ACTION and found.what.get("found") == Found.TAMPERED:
            yield Finding(LOG, self._line, f"at {found.at} the gateway saw: {found.what.get('meaning')}")
        if found.number in self._wanted:
            self.anchored[found.number] = Anchor(found.number, found.at, found.hash)
        if found.hash in self._published:
            self.seen.add(found.hash)

    def end(self) -> Iterator[Finding]:
        """Whether the log ends where the head says."""
        if self._head is None:
            if self._evidence.head is not None:
                yield Finding(
                    HEAD, 1, "it was changed; lines may have been cut off the log: compare a published anchor"
                )
            elif self._beyond > 1 or self._evidence.anchors:
                yield Finding(
                    HEAD, None, "it was removed; lines may have been cut off the log: compare a published anchor"
                )
            return
        missing = self._head.bytes - len(self._evidence.log)
        if missing > 0 and self._last != self._head.anchor:
            meaning = f"the log was cut here: {missing} bytes are missing, up to the end of record {self._head.number}"
            yield Finding(LOG, self._line or None, meaning)
        elif self._beyond > 1:
            yield Finding(
                HEAD, 1, f"the log is {self._beyond} lines longer: lines were put in, or this file was changed"
            )
        elif self._at_head != self._head.anchor:
            meaning = f"record {self._head.number} as told here does not end at byte {self._head.bytes} of the log:"
            yield Finding(HEAD, 1, f"{meaning} the log or this file was changed")


def records(log: bytes) -> Iterator[Record]:
    """What *log* tells; a line that is no record is passed over, ``findings`` tells of it."""
    for line in BytesIO(log):
        with suppress(ValueError):
            yield record(line)


def _misplaced(found: Record, expected: Head) -> str:
    """What is wrong with finding *found* after *expected*; nothing when it belongs there."""
    number = expected.number + 1
    if found.number > number:
        missing = f"record {number} is" if found.number == number + 1 else f"records {number} to {found.number - 1} are"
        return f"{missing} missing before this line: removed, or moved elsewhere"
    if found.number < number:
        return f"record {found.number} stands where {number} belongs: put in, repeated or moved"
    if expected.hash and found.previous != expected.hash:
        return "it does not follow the line before, which was replaced"
    return ""
