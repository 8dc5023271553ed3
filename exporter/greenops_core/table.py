"""A table as text, for people."""

from __future__ import annotations

from collections.abc import Iterable


def aligned(*rows: Iterable[str]) -> list[str]:
    """Lines with columns as wide as their widest cell.

    >>> aligned(("zone", "g/kWh"), ("DE", "342.06"))
    ['zone  g/kWh', 'DE    342.06']
    """
    cells = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
