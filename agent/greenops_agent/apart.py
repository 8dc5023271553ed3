"""Work whose libraries must not stay: done in a child process, whose memory ends with it.

Reading a configuration takes msgspec, PyYAML and more, which would be a fifth of the agent's memory for good.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from typing import TypeVar

from greenops_core.errors import ConfigError

T = TypeVar("T")


def apart(work: Callable[[], T]) -> T:
    """What *work* gives, which must be picklable. Before any thread is started only.

    Raises:
        ConfigError: *work* raised it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _tell(work, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:  # it died of something unforeseen: the same work shows here what
        return work()
    worked, outcome = pickle.loads(told)  # noqa: S301  # from our own child
    if not worked:
        raise outcome
    result: T = outcome
    return result


def _tell(work: Callable[[], T], writing: int) -> None:
    try:
        told = pickle.dumps((True, work()))
    except ConfigError as error:
        told = pickle.dumps((False, error))
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(told)
    sys.stdout.flush()  # the child ends without the interpreter's farewell
