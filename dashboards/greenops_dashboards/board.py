"""A board: one question, its choices, and its panels in reading order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from greenops_dashboards.panel import WIDTH, Panel
from greenops_dashboards.promql import Expr, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What one dashboard answers. *alerts* are drawn as annotations; *span* is the time range it opens with."""

    uid: str
    title: str
    question: str
    variables: tuple[Variable, ...]
    alerts: Expr
    panels: tuple[Panel, ...]
    span: str = "6h"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel stands in the grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


def places(panels: Sequence[Panel]) -> Iterator[Place]:
    """Left to right, then down; a row is as high as its highest panel."""
    x = y = row = 0
    for panel in panels:
        if x + panel.width > WIDTH:
            x, y, row = 0, y + row, 0
        yield Place(x, y, panel.width, panel.height)
        x, row = x + panel.width, max(row, panel.height)
