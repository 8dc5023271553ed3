"""What every collector is given: where to read, and whose samples it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from greenops_agent.login import Session
from greenops_core.sample import Sample


@dataclass(frozen=True, slots=True)
class Source:
    """*root* is where the host's file system begins: ``/``, or where a container sees it.

    *sessions* tells who is logged in at a Unix time, as ``login.Record`` does.
    """

    root: Path
    host: str
    sessions: Callable[[float], Sequence[Session] | None]


Collector = Callable[[Source, float], Iterable[Sample]]
"""What it finds at a Unix time. May raise what ``collect.FAILURES`` lists; its metrics are then absent."""
