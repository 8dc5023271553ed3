"""What every program does as a process: its log, its errors, its exit code. The agent stays light: stdlib only."""

from __future__ import annotations

import errno
import logging
import os
import select
import sys
from collections.abc import Callable

from greenops_core.errors import ConfigError, DeviceError

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Line(logging.Formatter):
    """An event as a program's other lines are: the level in small letters."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging calls it
        return f"{record.levelname.lower()} {record.name}: {record.message}"


def ended(program: str, work: Callable[[], int]) -> int:
    """The exit code of *program*, which does *work*: the code that it gives, or that of the error, told on stderr.

    A configuration error is 2, a device error or a full disk 1; Ctrl-C is 0, and so is a reader that has had enough,
    such as ``head``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    code = 0
    try:
        try:
            code = _alone(work)
        except (ConfigError, DeviceError) as error:
            _say(program, error)
            code = 2 if isinstance(error, ConfigError) else 1
        except KeyboardInterrupt:
            pass
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno in UNWRITABLE:
            _say(program, f"cannot write: {error.strerror}")
            code = 1
        elif not (isinstance(error, BrokenPipeError) and _unread()):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
    return code


def _alone(work: Callable[[], int]) -> int:
    """What *work* gives; when a group of tasks ends by one error, that error."""
    try:
        return work()
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


def _say(program: str, last: object) -> None:
    print(f"{program}: {last}", file=sys.stderr)  # noqa: T201  # the last word of a command line


def _unread() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
