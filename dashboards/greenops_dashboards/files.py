"""The files that Grafana is given, by name."""

from __future__ import annotations

from greenops_dashboards.boards import ALL
from greenops_dashboards.grafana import text


def files() -> dict[str, str]:
    """File name to content, such as ``overview.json``."""
    return {f"{board.uid.removeprefix('greenops-')}.json": text(board) for board in ALL}
