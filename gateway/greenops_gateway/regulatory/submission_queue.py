"""The queue of submissions on disk, beside the journal: each report's files in a folder, its steps in the audit log.

directory/submissions/NAME/     the files as they were when they were prepared
directory/audit/                what became of them

A submission exists from its record on: files without one are what a sudden end left; the next one takes their place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from greenops_core.errors import ConfigError
from greenops_gateway.regulatory.submission import State, Submission, check, named, submissions
from greenops_telemetry.audit import Audit, Kind, evidence
from greenops_telemetry.audit_chain import LOG
from greenops_telemetry.audit_proof import records
from greenops_telemetry.journal.segment import sync_directory

FOLDER = "submissions"
PATIENCE = 10.0
"""Seconds to wait for another process that takes a step."""
_LOOK_AGAIN = 0.01


class Queue:
    """The submissions beside the journal in *directory*; *clock* gives Unix seconds. Every call blocks for the disk."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._log, self._clock = directory / FOLDER, directory / "audit", clock

    def all(self) -> dict[str, Submission]:
        """Those there are, by name, the oldest first.

        Raises:
            ConfigError: the audit log cannot be read.
        """
        if not (self._log / LOG).exists():
            return {}
        return submissions(records(evidence(self._log).log))

    def prepare(self, report: str, period: str, deadline: date, files: Sequence[Path], step: tuple[str, str]) -> str:
        """Take copies of *files* into the queue; *step* is who and why. Gives the submission's name.

        Raises:
            ConfigError: a file cannot be read, two have one name, or the queue cannot be written.
        """
        who, why = step
        names = [file.name for file in files]
        if len(set(names)) < len(names):
            raise ConfigError("two of these files have the same name; give each its own")
        if not why.strip():
            raise ConfigError("say why; whoever asks in ten years reads it")
        with self._locked():
            name = self._free(f"{period}-{report}")
            sums = self._copied(self._folder / name, files)
            what = {
                "submission": name,
                "state": State.PREPARED.value,
                "why": why,
                "report": report,
                "period": period,
                "deadline": deadline.isoformat(),
                "files": sums,
            }
            self._record(who, what)
        return name

    def take(self, name: str, state: State, who: str, why: str) -> Submission:
        """Bring the submission *name* to *state*; gives it as it is then.

        Raises:
            ConfigError: that cannot be, or its files are not those that were prepared.
        """
        with self._locked():
            submission = named(self.all(), name)
            check(submission, state, who, why)
            if state in {State.APPROVED, State.SENT}:
                self.check_files(submission)
            self._record(who, {"submission": name, "state": state.value, "why": why})
            return named(self.all(), name)

    def check_files(self, submission: Submission) -> None:
        """That its files are still those that were prepared.

        Raises:
            ConfigError: one was changed or is gone; the message names it.
        """
        for name, sum_ in submission.files.items():
            path = self._folder / submission.name / name
            if _sha256(path) != sum_:
                raise ConfigError(
                    f"{path} is not the file that was prepared; reject {submission.name} and prepare the report again"
                )

    def _free(self, begin: str) -> str:
        taken = self.all()
        number = 1
        while (name := f"{begin}-{number}") in taken:
            number += 1
        return name

    def _copied(self, folder: Path, files: Sequence[Path]) -> dict[str, str]:
        try:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
            for file in files:
                with file.open("rb") as source, (folder / file.name).open("wb") as target:
                    shutil.copyfileobj(source, target)
                    target.flush()
                    os.fsync(target.fileno())
            sync_directory(folder)
            sync_directory(self._folder)
        except OSError as error:
            raise ConfigError(f"{error.filename or folder}: {error.strerror or error}") from None
        return {file.name: _sha256(folder / file.name) for file in files}

    def _record(self, who: str, what: Mapping[str, object]) -> None:
        try:
            Audit.open(self._log, self._clock).append(Kind.REPORT, who, what)
        except OSError as error:
            raise ConfigError(
                f"it may not be recorded, see report submissions list: {error.strerror or error}"
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Raises ConfigError: the queue cannot be written, or another process keeps it."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"no submissions can be kept in {self._folder}: {error.strerror or error}") from None
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise ConfigError(f"another process has kept {self._folder} for {PATIENCE:g} s") from None
                    time.sleep(_LOOK_AGAIN)
            yield
        finally:
            os.close(folder)


def _sha256(path: Path) -> str:
    """Raises ConfigError: *path* cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
