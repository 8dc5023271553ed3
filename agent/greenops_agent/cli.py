"""The command ``greenops-agent``."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from greenops_agent.apart import apart
from greenops_agent.run import NAME, read, run
from greenops_agent.settings import Task
from greenops_telemetry.process import ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 done, 2 wrong usage or configuration."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return ended(NAME, lambda: _do(apart(lambda: _understand(arguments))))


def _do(task: Task | int) -> int:
    if isinstance(task, int):
        return task
    if task.command == "read":
        print(read(task.settings, task.root, pause=1.0), end="")
    else:
        run(task.settings, task.root)
    return 0


def _understand(arguments: Sequence[str] | None) -> Task | int:
    from greenops_agent.command import understand  # noqa: PLC0415  # its libraries stay in the child process

    return understand(arguments)
