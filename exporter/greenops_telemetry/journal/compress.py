"""Archives a segment in a process of its own: it takes seconds of a core, for which polls and commits would wait.

``python -m greenops_telemetry.journal.compress FILE FIRST STOP SIZE [ARCHIVE]`` gives the archive of a live segment, or
compares it with *ARCHIVE*. It touches no file of the journal, so it does no harm when it outlives who started it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from greenops_telemetry.failpoint import pass_point
from greenops_telemetry.journal.archive import Archive, write_to
from greenops_telemetry.journal.columns import Columns, unpack
from greenops_telemetry.journal.contents import live_frames
from greenops_telemetry.journal.frame import Frame, Kind
from greenops_telemetry.journal.recovery import defined_in
from greenops_telemetry.journal.segment import Segment

_BLOCK = 2**16
_UNFIT = 65
"""The process ends with it when the segment cannot be archived, today or ever."""
_LOWEST = 19


class StoppedError(Exception):
    """Somebody wants an end."""


class Compressor:
    """For one thread at a time; ``stop`` from any."""

    def __init__(self) -> None:
        self._stops = False
        self._process: subprocess.Popen[bytes] | None = None

    def compress(self, segment: Segment, half: Path) -> str:
        """Write the archive of *segment* to *half*, durably; empty once that is compared, or why it must not be used.

        Raises:
            OSError: the disk or the machine does not allow it.
            StoppedError: ``stop`` was called.
        """
        with half.open("wb") as file:
            why = self._run(segment, [], file)
            os.fsync(file.fileno())
        return why or self._run(segment, [half], None)

    def stop(self) -> None:
        """Break off what is going on, and begin nothing more."""
        self._stops = True
        if self._process is not None:
            self._process.kill()

    def _run(self, segment: Segment, more: list[Path], output: IO[bytes] | None) -> str:
        numbers = (segment.first, segment.stop, segment.size)
        command = [sys.executable, "-P", "-m", __name__, *map(str, (segment.path, *numbers, *more))]
        none, pipe = subprocess.DEVNULL, subprocess.PIPE
        with (
            subprocess.Popen(command, stdin=none, stdout=pipe, stderr=pipe) as process,  # noqa: S603  # it is ourselves
            ExitStack() as otherwise,
        ):
            otherwise.callback(process.kill)
            self._process = process
            said = self._followed(process, output)
            otherwise.pop_all()
        self._process = None
        if self._stops:
            raise StoppedError
        if process.returncode not in {0, _UNFIT}:  # killed for its memory, say: others must not wait behind this one
            return f"archiving ended with {process.returncode}: {said}"
        return said if process.returncode else ""

    def _followed(self, process: subprocess.Popen[bytes], output: IO[bytes] | None) -> str:
        """Take what *process* gives until it ends; the last of what it has to say."""
        if self._stops:
            process.kill()
        if process.stdout is None or process.stderr is None:
            raise OSError("a process without pipes")
        while block := process.stdout.read1(_BLOCK):  # type: ignore[attr-defined]  # pipes of bytes are buffered
            pass_point("during archiving")
            if output is not None:
                output.write(block)
        if output is not None:
            output.flush()
        return process.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]


def is_same(frames: Iterator[Frame], segment: Segment, archive: Archive) -> bool:
    """Whether *archive* gives back all *frames* of *segment*, and nothing else, bit for bit."""
    notes = archive.notes
    at = segment.first
    for frame in frames:
        if frame.kind is Kind.SERIES:
            told = archive.series
            if any(told.get(number) != series for number, series in defined_in(frame).items()):
                return False
        elif frame.kind is not Kind.SAMPLES:
            if next(notes, None) != frame:
                return False
        else:
            if archive.read(at, frame.first, 1) is not None:
                return False
            columns = Columns()
            while (at := frame.first + len(columns)) < frame.end:
                run = archive.read(at, frame.end, frame.end - at)
                if run is None or run[0] != at:
                    return False
                columns.extend(run[1])
            if columns != unpack(frame.payload, frame.samples):
                return False
    return next(notes, None) is None and archive.read(at, segment.stop, 1) is None


def main(path: str, first: str, stop: str, size: str, half: str | None = None) -> str:
    """Do what the file's head says; why the segment cannot be archived, if so. Raises OSError."""
    segment = Segment(Path(path), int(first), int(stop), int(size))
    try:
        if half is None:
            write_to(sys.stdout.buffer, segment.first, live_frames(segment))
            sys.stdout.flush()
        elif not is_same(live_frames(segment), segment, Archive.open(Path(half))):
            return "its archive does not read back the same"
    except ValueError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # they may go to all of us; who started this one ends it, too
        signal.signal(number, signal.SIG_IGN)
    os.nice(_LOWEST)
    if flaw := main(*sys.argv[1:]):
        sys.stderr.write(flaw)
        sys.exit(_UNFIT)
