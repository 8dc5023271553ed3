"""Who is logged in, and how long ago each session had its last input.

Only a terminal tells its last input, by the access time of its device. A session without one, at a display or on a
virtual console (which may be showing a desktop, whose input does not pass the console) stays unknown. Where the host
keeps no record of its sessions there are no counts either: none known is not none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from greenops_agent.collectors.source import Source
from greenops_agent.login import Session
from greenops_core.catalogue import HOST_SESSIONS, HOST_USERS
from greenops_core.sample import Sample
from greenops_core.unit import Seconds

_TELLS = re.compile(r"pts/\d+|tty[A-Z]+\d+")


def since_input(root: Path, session: Session, at: float) -> Seconds | None:
    """Time since the last input of *session*, or None where that cannot be seen."""
    if session.terminal is None or not _TELLS.fullmatch(session.terminal):
        return None
    try:
        return Seconds(max(at - (root / "dev" / session.terminal).stat().st_atime, 0.0))
    except OSError:
        return None


def parse(host: str, found: Sequence[Session], at: float) -> Iterable[Sample]:
    yield HOST_USERS.sample(len({session.user for session in found}), at, host=host)
    yield HOST_SESSIONS.sample(len(found), at, host=host)


def collect(source: Source, at: float) -> Iterable[Sample]:
    found = source.sessions(at)
    return [] if found is None else parse(source.host, found, at)
