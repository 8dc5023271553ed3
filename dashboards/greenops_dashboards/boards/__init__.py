"""The boards, one module each. To add a board, add its module and a name to ``ALL``."""

from __future__ import annotations

from greenops_dashboards.board import Board
from greenops_dashboards.boards import budgets, emissions, fleet, gateway, journal, overview, reports

ALL: tuple[Board, ...] = (
    overview.BOARD,
    fleet.BOARD,
    emissions.BOARD,
    gateway.BOARD,
    journal.BOARD,
    reports.BOARD,
    budgets.BOARD,
)
