"""What the files of a journal prove: every frame is read again, samples are counted anew, and accounts compared.

Nothing here believes what the store says of itself: sequences are followed from file to file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from greenops_core.errors import ConfigError
from greenops_gateway.journal.look import STATE, framed, segments
from greenops_telemetry.journal import archive
from greenops_telemetry.journal.account import Account
from greenops_telemetry.journal.columns import unpack
from greenops_telemetry.journal.frame import Damage, Frame, Kind
from greenops_telemetry.journal.ranges import Range, Ranges
from greenops_telemetry.journal.segment import Segment, archive_of
from greenops_telemetry.journal.state import State

_BEGUN_ANEW = (
    "if it is damaged, start the gateway: it puts the file aside, begins a new one, and delivers again what is there"
)
_FAILED = "a write that failed; what it held was written again to the next file"
Progress = Callable[[float, str], None]


class Finding(NamedTuple):
    """Something that is not as it was written. *offset* is a byte of *file*; *harmless*: nothing is lost by it."""

    file: str
    offset: int | None
    meaning: str
    harmless: bool = False


class Sink(NamedTuple):
    """One sink by its account, and by what was counted: *readable* is how many pending samples can still be sent."""

    sink: str
    committed: int
    delivered: int
    pending: int
    quarantined: int
    evicted: int
    difference: int
    readable: int


@dataclass(slots=True)
class Proof:
    """What was read, and what is wrong."""

    samples: int = 0
    live: int = 0
    archived: int = 0
    next: int = 1
    findings: list[Finding] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)

    @property
    def wrong(self) -> list[Finding]:
        """What is not harmless."""
        return [each for each in self.findings if not each.harmless]


def proven(
    directory: Path, progress: Progress = lambda _share, _text: None, clock: Callable[[], float] = time.time
) -> Proof:
    """Read all of the journal in *directory*.

    Raises:
        ConfigError: there is none.
        OSError: the disk does not let us read it.
    """
    path = directory / STATE
    if not path.exists():
        raise ConfigError(f"there is no journal in {directory}; it begins when the gateway first runs with it")
    try:
        state = State.visit(path)
    except ConfigError as error:
        with TemporaryDirectory() as empty, closing(State.open(Path(empty) / STATE, clock)) as nothing:
            reading = _Reading(directory, nothing, clock)
            reading.proof.findings.append(Finding(STATE, None, f"{error.message}; {_BEGUN_ANEW}"))
            return reading.all(progress)
    with closing(state):
        return _Reading(directory, state, clock).all(progress)


class _Reading:
    """Goes through all files once. *at* is the sequence that must come next."""

    def __init__(self, directory: Path, state: State, clock: Callable[[], float]) -> None:
        self.proof = Proof()
        self._directory, self._state = directory, state
        self._accounts, self._high_water = state.accounts(), state.high_water()  # before the files, which only grow
        self._evicted = Ranges()
        self._segments = segments(directory, state, clock)
        self._readable = Ranges()
        first = self._segments[0].first if self._segments else self._high_water
        self._at = min([first, *(each.start for each in self._accounts.values())])

    def all(self, progress: Progress) -> Proof:
        """Read, and compare. Raises OSError."""
        self._look_at_evictions()
        total, done = sum(each.size for each in self._segments), 0
        for segment in self._segments:
            progress(done / max(total, 1), segment.path.name)
            self._file(segment, is_last=segment is self._segments[-1])
            done += segment.size
        progress(1.0, "")
        proof = self.proof
        if self._at < self._high_water:
            self._missing(STATE, self._at, self._high_water, [])
            self._at = self._high_water
        proof.next, proof.samples = self._at, len(self._readable)
        proof.sinks = [self._sink(each) for each in self._accounts.values()]
        for sink in proof.sinks:
            if sink.difference:
                meaning = f"the account of {sink.sink} does not add up: {sink.difference} samples too many or too few"
                proof.findings.append(Finding(STATE, None, meaning))
        return proof

    def _look_at_evictions(self) -> None:
        self._evicted = Ranges((each.first, each.stop) for each in self._state.evictions())

    def _file(self, segment: Segment, *, is_last: bool) -> None:
        if segment.first > self._at:
            self._missing(self._name(segment), self._at, segment.first, [])
        self._at = max(self._at, segment.first)
        try:
            if segment.archived:
                self._archived(segment)
            else:
                self._live(segment, None if is_last else segment.stop)
        except FileNotFoundError:  # it was archived or evicted while we read another
            replaced = archive_of(segment)
            if replaced is not None:
                self._archived(replaced)
                return
            self._look_at_evictions()
            self._missing(self._name(segment), segment.first, segment.stop, [])
            self._at = segment.stop

    def _live(self, segment: Segment, stop: int | None) -> None:
        """A segment that counts up to *stop*, the last one to its end. Raises OSError."""
        name = self._name(segment)
        holes: list[Damage] = []
        for start, found in framed(segment.path):
            if isinstance(found, Damage):
                holes.append(found)
            elif stop is None or found.end <= stop:
                self._missing(name, self._at, found.first, holes)
                holes = []
                if found.kind is Kind.SAMPLES:
                    self._samples(name, start, found)
        self.proof.live += 1
        if stop is not None and self._at < stop:
            self._missing(name, self._at, stop, holes)
            self._at = stop
        elif holes:
            why = "being written just now, or cut by a stop; the next start cuts them off" if stop is None else _FAILED
            lost = sum(hole.stop - hole.start for hole in holes)
            self._found(name, holes[0].start, f"{lost} bytes at its end are no record: {why}", harmless=True)

    def _samples(self, name: str, offset: int, frame: Frame) -> None:
        if frame.first < self._at:
            self._found(name, offset, f"samples {frame.first} to {min(self._at, frame.end) - 1} are there twice")
        try:
            unpack(frame.payload, frame.samples)
        except ValueError as error:
            self._found(name, offset, f"samples {frame.first} to {frame.end - 1} cannot be unpacked: {error}")
        else:
            self._readable.add(frame.first, frame.end)
        self._at = max(self._at, frame.end)

    def _archived(self, segment: Segment) -> None:
        """Raises OSError: it cannot be read, or is not there any more."""
        name = self._name(segment)
        self._at = segment.stop
        self.proof.archived += 1
        try:
            seen = archive.verify(segment.path)
        except ValueError:
            self._found(name, 0, f"nothing in it is whole: samples {segment.first} to {segment.stop - 1} are lost")
            return
        lost = Ranges(seen.lost)
        for hole in seen.damage:
            self._found(name, hole.start, f"bytes {hole.start} to {hole.stop - 1} are damaged: {_spans(lost)}")
        if lost and not seen.damage:
            self._found(name, None, f"it does not unpack to what was written: {_spans(lost)}")
        for start, stop in _runs(segment, archive.Archive.open(segment.path)):
            for run in lost.missing(start, stop):
                self._readable.add(*run)
        held = Ranges([*self._readable, *lost])
        for start, stop in held.missing(segment.first, segment.stop):
            self._missing(name, start, stop, [])

    def _missing(self, name: str, start: int, stop: int, holes: list[Damage]) -> None:
        """Samples *start* to before *stop* should be there; *holes* are the damaged bytes where they were."""
        lost = Ranges([(start, stop)])
        unexplained = Ranges(self._evicted.missing(start, stop))
        for hole in holes:
            counted = "" if unexplained or not lost else "; they are counted as evicted"
            self._found(name, hole.start, f"bytes {hole.start} to {hole.stop - 1} are damaged: {_spans(lost)}{counted}")
        if unexplained and not holes:
            self._found(name, None, f"{_spans(unexplained)}, and no damage and no eviction tells why")

    def _sink(self, account: Account) -> Sink:
        following = self._at
        owed = list(account.done.missing(account.start, following))
        lost = sum(stop - start for span in owed for start, stop in self._readable.missing(*span))
        committed, pending = following - account.start, account.pending(following)
        counted = account.delivered + pending + account.quarantined + account.evicted
        return Sink(
            account.sink,
            committed,
            account.delivered,
            pending,
            account.quarantined,
            account.evicted,
            committed - counted,
            pending - lost,
        )

    def _name(self, segment: Segment) -> str:
        return str(segment.path.relative_to(self._directory))

    def _found(self, file: str, offset: int | None, meaning: str, *, harmless: bool = False) -> None:
        self.proof.findings.append(Finding(file, offset, meaning, harmless))


def _runs(segment: Segment, opened: archive.Archive) -> Iterator[Range]:
    """What an archive gives back, by sequence."""
    at = segment.first
    while (run := opened.read(at, segment.stop, archive.CHUNK)) is not None:
        at = run[0] + len(run[1])
        yield run[0], at


def _spans(lost: Ranges) -> str:
    """What is lost, in words.

    >>> _spans(Ranges([(1, 5), (7, 8)])), _spans(Ranges())
    ('samples 1 to 4, 7 are lost', 'no sample is lost')
    """
    each = [str(start) if stop == start + 1 else f"{start} to {stop - 1}" for start, stop in lost]
    return f"samples {', '.join(each)} are lost" if each else "no sample is lost"
