"""Simulated Modbus TCP devices for the benchmarks: a small C program, so that the devices are never the bottleneck."""

from __future__ import annotations

import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import peers

from stack import StackError, free_port

SOURCE = Path(__file__).with_suffix(".c")
POINTS = 100
SPAN = 4096.0
"""Seconds after which the time in a value begins anew; point i adds i times as much."""
RECORD = struct.Struct("=dIHH")


class Request(NamedTuple):
    """One request as a device saw it; *at* is monotonic seconds."""

    at: float
    device: int
    address: int
    words: int


def host(device: int) -> str:
    """Where *device* listens; all have the same port."""
    return f"127.0.{device // 250}.{device % 250 + 1}"


def age(point: int, value: float) -> float:
    """How old *value* is, in seconds; it is far too old when it is none of *point*.

    >>> age(3, 3 * SPAN + (time.monotonic() - 2) % SPAN) < 2.1, age(3, 5.0) > 4096
    (True, True)
    """
    since = value - point * SPAN
    return (time.monotonic() - since) % SPAN if 0 <= since < SPAN else 2 * SPAN


class Devices:
    """The running devices; counted is what comes to them, whoever sends it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def take(self) -> list[Request]:
        """All requests since the last time."""
        count = int(self._tell("take"))
        stdout = self.process.stdout
        data = b"" if stdout is None else stdout.read(count * RECORD.size)
        return [Request(*record) for record in RECORD.iter_unpack(data)]

    def mute(self, *, muted: bool) -> None:
        """While *muted* they take connections and requests, and answer nothing."""
        self._tell("mute" if muted else "speak")

    def _tell(self, command: str) -> bytes:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise StackError("the simulated devices have no pipe")
        stdin.write(f"{command}\n".encode())
        stdin.flush()
        return stdout.readline()


@contextmanager
def devices(count: int) -> Iterator[Devices]:
    """*count* devices of ``POINTS`` float32 each, in holding registers from 0 on.

    Raises:
        StackError: they cannot be made or started here.
    """
    try:
        program = peers.compiled(SOURCE, "-lm")
    except peers.AbsentError as error:
        raise StackError(f"no simulated devices: {error}") from None
    port = free_port()
    with subprocess.Popen((program, str(port), str(count)), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise StackError(f"the simulated devices do not start on port {port}")
            yield Devices(process, port)
        finally:
            process.kill()
