"""Durations and sizes as an operator writes them: a number and a unit, never a bare number."""

from __future__ import annotations

import re

from greenops_core.errors import ConfigError

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31557600.0}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
DURATION_PATTERN = r"^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w|y))+$"
SIZE_PATTERN = r"^[0-9]+(?:\.[0-9]+)?(?:B|kB|MB|GB|KiB|MiB|GiB|TiB)$"
CENTURY = 36525 * 86400.0
LARGEST = 2**63 - 1


class Duration(float):
    """Seconds, written like ``10s``, ``1h30m`` or ``500ms``; a year ``1y`` has 365.25 days."""

    __slots__ = ()

    def __str__(self) -> str:
        """The shortest writing in whole units.

        >>> str(Duration(5400)), str(Duration(3600)), str(Duration(0.25))
        ('90m', '1h', '250ms')
        """
        for unit in ("y", "w", "d", "h", "m", "s", "ms"):
            count = self / _SECONDS[unit]
            if count >= 1 and count.is_integer():
                return f"{count:.0f}{unit}"
        return f"{self:.6f}".rstrip("0").rstrip(".") + "s"


class Size(int):
    """Bytes, written like ``512MiB``."""

    __slots__ = ()


def duration(text: str) -> Duration:
    """Seconds from ``10s``, ``1h30m``, ``500ms``.

    >>> duration("1h30m")
    5400.0

    Raises:
        ConfigError: not a number with a unit, not longer than nothing, or longer than a century.
    """
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ConfigError(f"'{text}' is not a duration; write a number with a unit, like 500ms, 10s, 5m, 1h or 1d")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h|d|w|y)", text))
    if seconds <= 0:
        raise ConfigError(f"'{text}' is no time at all; a duration must be longer than 0s")
    if seconds > CENTURY:
        raise ConfigError(f"'{text}' is longer than a century")
    return Duration(seconds)


def size(text: str) -> Size:
    """Bytes from ``512MiB``.

    >>> size("1.5KiB")
    1536

    Raises:
        ConfigError: not a number with a unit, or more than any disk holds.
    """
    if not re.fullmatch(SIZE_PATTERN, text):
        raise ConfigError(f"'{text}' is not a size; write a number with a unit, like 64KiB, 512MiB or 2GB")
    unit = text.lstrip("0123456789.")
    bytes_ = float(text.removesuffix(unit)) * _BYTES[unit]
    if bytes_ > LARGEST:
        raise ConfigError(f"'{text}' is more than any disk holds")
    return Size(bytes_)
