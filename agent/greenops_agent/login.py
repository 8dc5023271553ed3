"""Who is logged in, by the host's own record, read below any root: a container sees it too.

Rules of this file. The record is that of logind, in the files that ``sd-login`` reads as well; else utmp. A record that
nobody keeps is none: a folder without logind's first seat was made by whoever mounted it, and a utmp that was never
written to came with an image. Without a record nothing is known, unless nothing runs that would let people in.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from greenops_core.errors import DecodeError, GreenopsError

NOT_PEOPLE = frozenset({"greeter", "lock-screen", "background", "background-light", "manager", "manager-early", "none"})
"""Classes of logind's sessions; one that is not known here counts as somebody's."""
LOGGED_OUT = "closing"
LETS_PEOPLE_IN = frozenset(
    {"systemd-logind", "elogind", "elogind-daemon", "seatd"}
    | {"sshd", "sshd-session", "dropbear", "telnetd", "in.telnetd"}
    | {"login", "agetty", "getty", "mingetty"}
    | {"gdm", "gdm3", "lightdm", "sddm", "xdm", "Xorg", "xrdp-sesman"}
)
"""Names of processes by which people come to work at a host."""
ADVICE = "let the agent see run/systemd/sessions and run/systemd/seats, or where nobody works set idle.sessions: none"
BETWEEN_LOOKS = 60.0

_UTMP = struct.Struct("=hxxi32s4s32s")
_IN_USE, _BY_PEOPLE = range(1, 10), 7
_LONG_TIMES = frozenset({"aarch64", "loongarch64", "riscv64"})


class NoRecordError(GreenopsError):
    """People can log in, and nobody tells whether they do."""


@dataclass(frozen=True, slots=True)
class Session:
    """One login session: who, and at which terminal (such as ``pts/0``), if any."""

    user: str
    terminal: str | None


class Record:
    """The host's record of logins, below *root*."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._looked = -math.inf
        self._doors: Sequence[str] = ()

    def sessions(self, at: float) -> Sequence[Session] | None:
        """The login sessions at Unix time *at*; None where there is no record and nobody could log in either.

        Raises:
            NoRecordError: people can log in, but there is no record of it.
            OSError: the record cannot be read.
            DecodeError: the record is not as logind or the C library write it.
        """
        logind = self._root / "run/systemd"
        if (logind / "seats/seat0").exists():
            return of_logind(logind / "sessions")
        with suppress(FileNotFoundError):
            records = list(utmp((self._root / "run/utmp").read_bytes(), os.uname().machine))
            if records:
                return [session for session in records if session]
        if doors := self._open(at):
            raise NoRecordError(
                f"{', '.join(doors)} lets people in, but nothing below {self._root} tells who; {ADVICE}"
            )
        return None

    def _open(self, at: float) -> Sequence[str]:
        """What lets people in. Looked for seldom, because it takes the names of all processes."""
        if abs(at - self._looked) >= BETWEEN_LOOKS:
            self._doors = doors(_processes(self._root / "proc"))
            self._looked = at
        return self._doors


def of_logind(folder: Path) -> Sequence[Session]:
    """The sessions in logind's *folder*, without pipes and files still being written, whose names have a dot.

    Raises:
        OSError: the folder or a file cannot be read.
        DecodeError: a file names no user.
    """
    found = (_fields(file) for file in folder.iterdir() if "." not in file.name)
    return [Session(fields["USER"], fields.get("TTY") or None) for fields in found if fields and of_people(fields)]


def of_people(fields: Mapping[str, str]) -> bool:
    """Whether logind's session is a person's and still open.

    >>> of_people({"CLASS": "user", "STATE": "online"}), of_people({"CLASS": "greeter", "STATE": "active"})
    (True, False)
    """
    return fields.get("CLASS") not in NOT_PEOPLE and fields.get("STATE") != LOGGED_OUT


def utmp(content: bytes, machine: str) -> Iterable[Session | None]:
    """What each record of a utmp file in use says: a session, or None for what is not one, such as the boot.

    Raises:
        DecodeError: no such file of a *machine* like that.
    """
    size = 400 if machine in _LONG_TIMES else 384
    if len(content) % size:
        raise DecodeError(f"run/utmp has {len(content)} bytes, not a multiple of {size}")
    for at in range(0, len(content), size):
        kind, _, line, _, user = _UTMP.unpack_from(content, at)
        if kind in _IN_USE:
            yield Session(_text(user), _text(line) or None) if kind == _BY_PEOPLE else None


def doors(processes: Collection[str]) -> Sequence[str]:
    """Those of the *processes* that let people in.

    Raises:
        NoRecordError: not all processes are seen.
    """
    if not processes:
        raise NoRecordError(f"nothing records who is logged in, and other users' processes are hidden; {ADVICE}")
    return sorted(LETS_PEOPLE_IN & set(processes))


def _fields(file: Path) -> Mapping[str, str]:
    """What a file of logind says; nothing when the session has just ended.

    Raises:
        DecodeError: it names no user.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    fields = {key: value for key, equals, value in (line.partition("=") for line in text.splitlines()) if equals}
    if "USER" not in fields:
        raise DecodeError(f"{file} names no user")
    return fields


def _processes(proc: Path) -> Collection[str]:
    """The names of all processes; none when the first of them is hidden, as others are then."""
    names: dict[str, str] = {}
    for process in proc.iterdir():
        if process.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                names[process.name] = (process / "comm").read_text(errors="replace").strip()
    return names.values() if "1" in names else ()


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")
