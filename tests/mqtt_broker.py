"""A real MQTT broker, mosquitto, for tests: on a free port, ended with the test; a test may kill and start it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from real_servers import eventually
from stack import end, free_port, server

SAVING = "Saving in-memory database"


class Broker:
    """mosquitto with its state below *folder*; *settings* are lines of its configuration."""

    def __init__(self, folder: Path, *settings: str, users: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self._folder = free_port(), folder
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            f"user {os.environ.get('USER', 'root')}",
            *settings,
        ]
        if users is None:
            lines.append("allow_anonymous true")
        else:
            passwords = folder / "passwords"
            passwords.write_text("".join(f"{name}:{_hashed(word)}\n" for name, word in users.items()))
            passwords.chmod(0o600)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    @property
    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text(errors="replace")

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [server("mosquitto"), "-c", self._folder / "mosquitto.conf", "-v"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def save(self) -> None:
        """Have all sessions and messages written down, with the setting ``persistence true``."""
        assert self._process is not None
        before = self.log.count(SAVING)
        self._process.send_signal(signal.SIGUSR1)
        eventually(lambda: self.log.count(SAVING) > before)
        time.sleep(0.1)  # it says so before it does so

    def kill(self) -> None:
        """As a crash does: nothing is said to anybody."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)


@contextmanager
def broker(folder: Path, *settings: str, users: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """A running Broker."""
    made = Broker(folder, *settings, users=users)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _hashed(password: str) -> str:
    """As ``mosquitto_passwd`` writes it: SHA-512 with salt."""
    salt = os.urandom(12)
    digest = hashlib.sha512(password.encode() + salt).digest()
    return f"$6${b64encode(salt).decode()}${b64encode(digest).decode()}"
