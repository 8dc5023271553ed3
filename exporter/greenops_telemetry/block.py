"""Series side by side in memory, and their lines of exposition.

Thousands of objects, each somewhere else, take a processor three times as long to visit as numbers that stand in a row:
that is most of what a page costs while the program does other things between two of them.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence

from greenops_core.sample import Metric

SIZE = 512
"""Series in a block: some 60 KB of text."""

Numbers = Callable[[list[float]], list[bytes]]
"""Writes finite numbers so that each reads back as the same; what it makes of others does not matter."""


def plainly(values: list[float]) -> list[bytes]:
    """Each of *values* as Python writes it, which is the shortest that reads back as the same."""
    return [repr(value).encode() for value in values]


class Block:
    """Up to ``SIZE`` series of *metric*: of each the last value, and until when it holds."""

    __slots__ = ("_form", "_fresh", "_metric", "_shown", "_text", "expires", "labels", "values")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.labels: list[tuple[str, ...]] = []
        self.values, self.expires = array("d"), array("d")
        self._fresh: list[int] = []
        self._form = self._shown = self._text = b""

    def add(self, labels: tuple[str, ...]) -> int:
        """Make place for a series, which is absent until it gets a value."""
        self.labels.append(labels)
        self.values.append(math.nan)
        self.expires.append(-math.inf)
        return len(self.labels) - 1

    def rename(self, index: int, labels: tuple[str, ...]) -> None:
        """Give the place of a series to another one."""
        self.labels[index] = labels
        self._fresh = []

    def fresh(self, now: float) -> list[int]:
        """The places of those that are not over at *now*."""
        return [index for index, end in enumerate(self.expires) if end > now]

    def lines(self, fresh: list[int], numbers: Numbers) -> bytes:
        """A line for each of *fresh*; as long as they are the same, only the numbers are made anew."""
        if fresh != self._fresh:
            self._fresh, self._shown, self._text = fresh, b"", b""
            prefixes = (_prefix(self._metric, self.labels[index]) for index in fresh)
            self._form = b"".join(prefix.replace(b"%", b"%%") + b" %b\n" for prefix in prefixes)
        shown = self.values.tobytes()
        is_same = shown == self._shown
        if is_same and self._text:
            return self._text
        values = self.values.tolist()
        text = self._form % tuple(
            _written(values if len(fresh) == len(values) else [values[i] for i in fresh], numbers)
        )
        self._shown, self._text = shown, text if is_same else b""  # kept of those alone that stay as they are
        return text


def _written(values: list[float], numbers: Numbers) -> Sequence[bytes]:
    """All in one call, for that makes them cheap."""
    written = numbers(values)
    if math.isfinite(sum(values)):
        return written
    # one of them is not finite, or all are and large
    return [given if math.isfinite(value) else _not_finite(value) for given, value in zip(written, values, strict=True)]


def _not_finite(value: float) -> bytes:
    return b"NaN" if math.isnan(value) else b"+Inf" if value > 0 else b"-Inf"


def _prefix(metric: Metric, labels: tuple[str, ...]) -> bytes:
    """What stands before the value. What UTF-8 cannot say (an undecodable byte in a login name) becomes ``?``."""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in zip(metric.labels, labels, strict=True))
    return (f"{metric.name}{{{pairs}}}" if pairs else metric.name).encode(errors="replace")


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
