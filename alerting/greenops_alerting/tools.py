"""Prometheus' and Alertmanager's own checkers, where they can be found."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

UNPACKED = Path(".greenops/servers/bin")
"""Where 'make setup' puts the servers of a checkout."""


def find(name: str, environment: Mapping[str, str], checkout: Path) -> Path | None:
    """The program *name*: unpacked in *checkout* or in the folder ``GREENOPS_SERVERS`` instead, else on the PATH."""
    ours = environment.get("GREENOPS_SERVERS") or str(checkout / UNPACKED)
    found = shutil.which(name, path=os.pathsep.join([ours, environment.get("PATH", "")]))
    return Path(found) if found else None


def run(command: Sequence[str | Path]) -> tuple[bool, str]:
    """Whether *command* succeeded, and what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603  # found by name above
    return done.returncode == 0, (done.stdout + done.stderr).strip()
