"""Starting real programs on this machine, waiting for them, and ending them: for ``make up`` and for the tests.

Only processes started here are ended, by their own id.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GREENOPS_DATA") or ROOT / ".greenops")
"""Where the stack writes; ``make clean`` removes the folder in the checkout."""


_LOWEST, _PARTS, _SHARE = 10_100, 16, 1_400
_PLACES = itertools.count(random.randrange(_SHARE))  # noqa: S311  # no secret


class StackError(Exception):
    """A program of the stack did not start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Service:
    """One program: its command, and what answers when it is ready: a URL with 200, or tcp://HOST:PORT at all."""

    name: str
    command: Sequence[str | Path]
    ready: str
    environment: Mapping[str, str] = field(default_factory=dict)


def server(name: str) -> Path:
    """The binary of a server that ``make setup`` unpacked, or the one in the folder ``GREENOPS_SERVERS``.

    Raises:
        StackError: it is not there.
    """
    folder = Path(os.environ.get("GREENOPS_SERVERS") or ROOT / ".greenops" / "servers" / "bin")
    if not (folder / name).exists():
        raise StackError(
            f"{folder / name} is missing; run 'make setup', or set GREENOPS_SERVERS to a folder that has it"
        )
    return folder / name


def program(name: str) -> Path:
    """A console script of this project, beside the running interpreter."""
    return Path(sys.executable).parent / name


def free_port() -> int:
    """A TCP port that nobody uses on loopback at this moment, nor gets by connecting to somebody.

    Below the range from which the kernel takes ports for connections, and for each process from a part of its own, one
    after the other: what is given here is bound a moment later, and must still be free then.
    """
    while True:
        place = next(_PLACES) % _SHARE
        port = _LOWEST + os.getpid() % _PARTS * _SHARE + place
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def answers(url: str, timeout: float = 1.0) -> bool:
    """Whether *url* answers 200 now or, when it is tcp://HOST:PORT, takes a connection."""
    try:
        if url.startswith("tcp://"):
            host, _, port = url.removeprefix("tcp://").rpartition(":")
            with socket.create_connection((host, int(port)), timeout):
                return True
        with urllib.request.urlopen(url, timeout=timeout) as reply:  # noqa: S310  # loopback addresses of our own
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@contextmanager
def running(service: Service, log: Path, patience: float = 20.0) -> Iterator[subprocess.Popen[bytes]]:
    """*service* as a child process, ready; ended (TERM, then KILL) when the context ends.

    Raises:
        StackError: it exited or did not become ready; the message holds the end of its log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in service.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **service.environment},
            start_new_session=True,  # Ctrl-C reaches us first; we end the children in order
        )
    try:
        _await_ready(service, process, log, patience)
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """TERM, and KILL when that is not heard."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait(patience)


def _await_ready(service: Service, process: subprocess.Popen[bytes], log: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        # Ended first, answered second: another program may answer at the same address.
        if process.poll() is not None:
            raise StackError(f"{service.name} ended with code {process.returncode}:\n{_tail(log)}")
        if answers(service.ready):
            return
        if time.monotonic() > deadline:
            raise StackError(f"{service.name} is not ready after {patience:g} s ({service.ready}):\n{_tail(log)}")
        time.sleep(0.05)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join("  " + line for line in log.read_text(errors="replace").splitlines()[-lines:])
