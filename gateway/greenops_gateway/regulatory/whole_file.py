"""A file that is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from greenops_core.errors import ConfigError


def put(path: Path, pieces: Iterable[bytes]) -> None:
    """Write *pieces* to *path*, and have them on disk; what was there stays until then.

    Raises:
        ConfigError: it cannot be written.
    """
    half = path.with_name(f"{path.name}.half")
    try:
        with half.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None
