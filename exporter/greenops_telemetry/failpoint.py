"""Places where a test ends this process as ``kill -9`` does, to see what the next start finds.

The environment says where, and at which pass: ``GREENOPS_FAILPOINT="after write:3"``. Without it a pass costs nothing.

===================== ======================================================================================
``after encode``      a commit's frames are bytes in memory
``after write``       they are in the file, as far as the kernel cares to keep it
``before fsync``      just before ``fdatasync``
``after fsync``       they are durable; who commits does not know yet
``during rotate``     a new segment file is there, its directory entry not yet durable
``after eviction``    an eviction is recorded, its segment still there
``during archiving``  half of an archive file is written
``before swap``       an archive file is whole and compared, the segment still there
``before send``       a batch is encoded, nothing sent
``after send``        a receiver has a batch and has answered
``before cursor``     the answer is understood, the cursor not moved
``after cursor``      the cursor is moved
===================== ======================================================================================
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def _armed(setting: str) -> Callable[[str], None]:
    """What to do at each pass by *setting*."""
    name, _, number = setting.rpartition(":")
    if not name:
        return _pass
    left = int(number)

    def count(passed: str) -> None:
        nonlocal left
        if passed == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return count


def _pass(name: str) -> None:
    """Nothing."""


pass_point: Callable[[str], None] = _armed(os.environ.get("GREENOPS_FAILPOINT", ""))
"""Called with the name of a place whenever it is passed."""
