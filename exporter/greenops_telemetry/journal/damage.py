"""What was found damaged: counted once, and a copy of the file kept for whoever wants to know more."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from greenops_telemetry.journal.frame import Damage
from greenops_telemetry.journal.segment import Segment
from greenops_telemetry.journal.state import State

log = logging.getLogger(__name__)

COPIES = 16
"""Copies that are kept; beyond them the oldest goes."""


class Damages:
    """Counts damage in *state* and copies what has it to *directory*. For any thread. A full disk does not stop it."""

    def __init__(self, directory: Path, state: State, clock: Callable[[], float], *, writes: bool) -> None:
        self._directory, self._state, self._clock, self._writes = directory, state, clock, writes
        self.counters = Counter(state.counters())
        self._known: set[tuple[str, int]] = set()
        self._copied: set[str] = set()
        self._lock = Lock()

    def found(self, segment: Segment, damage: Damage) -> None:
        """Some bytes of *segment* are no frame, or cannot be read."""
        name = segment.path.name
        with self._lock:
            if not self._writes or (name, damage.start) in self._known:
                return
            self._known.add((name, damage.start))
            if name not in self._copied and any(self._directory.glob(f"{name}.*")):
                return  # another run of this program has counted it
            log.error("%s: bytes %d to %d are damaged", segment.path, damage.start, damage.stop)
            self._keep(segment.path)
            self.count("damaged")

    def torn(self, path: Path, damage: Damage) -> bool:
        """The end of the file at *path* was not written completely. Whether there is a copy, so that it may be cut."""
        with self._lock:
            is_kept = self._keep(path)
            size, how = damage.stop - damage.start, "cut off" if is_kept else "left, and not written on"
            log.warning("%s: %d bytes at its end are no record; %s", path, size, how)
            self.count("torn")
            return is_kept

    def count(self, name: str) -> None:
        """One more of *name*."""
        self.counters[name] += 1
        try:
            self._state.count(name)
        except OSError as error:
            log.warning("the journal's counters cannot be written: %s", error)

    def _keep(self, path: Path) -> bool:
        """Copy the file at *path*, once in the life of this process; whether there is one."""
        if path.name in self._copied:
            return True
        copy = self._directory / f"{path.name}.{int(self._clock())}"
        try:
            shutil.copyfile(path, copy)
        except OSError as error:
            log.warning("%s: no copy could be kept: %s", path, error)
            with suppress(OSError):
                copy.unlink(missing_ok=True)
            return False
        self._copied.add(path.name)
        with suppress(OSError):
            copies = sorted(self._directory.iterdir(), key=lambda each: each.stat().st_mtime)
            for oldest in copies[:-COPIES]:
                oldest.unlink()
        return True
