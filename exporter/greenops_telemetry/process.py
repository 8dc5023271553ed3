"""What every program does as a process: its log, its errors, its exit code. The agent stays light: stdlib only."""

from __future__ import annotations

import logging
import os
import select
import sys
from collections.abc import Callable

from greenops_core.errors import ConfigError, DeviceError


def ended(program: str, work: Callable[[], int]) -> int:
    """The exit code of *program*, which does *work*: the code that it gives, or that of the error, told on stderr.

    A configuration error is 2, a device error 1; Ctrl-C is 0, and so is a reader that has had enough, such as ``head``.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for level in (logging.INFO, logging.WARNING, logging.ERROR):
        logging.addLevelName(level, logging.getLevelName(level).lower())
    code = 0
    try:
        try:
            code = work()
        except (ConfigError, DeviceError) as error:
            print(f"{program}: {error}", file=sys.stderr)  # noqa: T201  # the last word of a command line
            code = 2 if isinstance(error, ConfigError) else 1
        except KeyboardInterrupt:
            pass
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _unread():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
    return code


def _unread() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
