"""Writes what documentation can be computed: metrics, dashboards, equations, JSON Schemas of the configuration files.

python docs/generate.py            write them
python docs/generate.py --check    are the committed ones current?
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from greenops_agent.configuration import Configuration as AgentConfiguration
from greenops_alerting.records import RECORDS
from greenops_core.catalogue import CATALOGUE
from greenops_core.sample import Metric
from greenops_dashboards.board import Board
from greenops_dashboards.boards import ALL
from greenops_exporter.configuration import File as ExporterConfiguration
from greenops_gateway.cems.equation_page import page as equations
from greenops_gateway.configuration import json_schema as gateway_schema
from greenops_telemetry.configuration import schema

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = "<!-- Written by docs/generate.py from the code. -->\n\n"

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Hosts": ("host", "collector", "push"),
    "Devices and points": ("device", "point"),
    "Emission limits": ("emission",),
    "Reports to authorities": ("report",),
    "Carbon budgets and factors": ("budget", "grid"),
}
"""Headings, and how the metrics below them begin; all others belong to every program."""
OTHERS = "Every program"
INTRODUCTION = """\
Names carry their unit; ratios run from 0 to 1; a counter ends in `_total` and only grows. Over OTLP the same names are
used without `_total`, which receivers add. A value that cannot be trusted is absent, never zero.
"""


def metrics() -> str:
    """docs/metrics.md."""
    parts = ["# Metrics\n", INTRODUCTION]
    for heading in (*SECTIONS, OTHERS):
        parts += [f"## {heading}\n", "| metric | kind | labels | what it says |", "|---|---|---|---|"]
        parts += [_row(metric) for metric in CATALOGUE if _section(metric) == heading]
        parts.append("")
    parts += ["## Recorded by Prometheus\n", "| record | labels | what it says |", "|---|---|---|"]
    parts += [f"| `{record.name}` | {_labels(record.labels)} | {_cell(record.help)} |" for record in RECORDS]
    return WRITTEN + "\n".join(parts) + "\n"


def dashboards() -> str:
    """docs/dashboards.md."""
    parts = [
        "# Dashboards\n",
        "Each board answers one question; the first row is the answer. Pictures: `make pictures`.\n",
    ]
    parts += [_board(board) for board in ALL]
    return WRITTEN + "\n".join(parts).rstrip() + "\n"


def files() -> dict[str, str]:
    """Every file that is written here, by its path."""
    schemas = {
        "agent": schema(AgentConfiguration),
        "gateway": gateway_schema(),
        "exporter": schema(ExporterConfiguration),
    }
    return {
        "docs/metrics.md": metrics(),
        "docs/dashboards.md": dashboards(),
        "docs/equations.md": WRITTEN + equations(),
        **{f"{room}/{room}.schema.json": json.dumps(given, indent=2) + "\n" for room, given in schemas.items()},
    }


def _section(metric: Metric) -> str:
    first = metric.stem.partition("_")[0]
    return next((heading for heading, words in SECTIONS.items() if first in words), OTHERS)


def _row(metric: Metric) -> str:
    return f"| `{metric.name}` | {metric.kind.value} | {_labels(metric.labels)} | {_cell(metric.help)} |"


def _labels(labels: Sequence[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _board(board: Board) -> str:
    name = board.uid.removeprefix("greenops-")
    pictures = " ".join(
        f'<img alt="{board.title}, {theme}" src="pictures/{name}-{theme}.png" width="49%">'
        for theme in ("dark", "light")
    )
    panels = "".join(f"| {panel.title} | {_cell(panel.description)} |\n" for panel in board.panels if panel.queries)
    heading = board.title.removeprefix("GreenOps / ")
    return f"## {heading}\n\n{board.question}\n\n{pictures}\n\n| panel | what it shows |\n|---|---|\n{panels}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not current")
    check = parser.parse_args(arguments).check
    stale = [name for name, text in files().items() if not _is(ROOT / name, text)]
    for name in stale:
        if check:
            print(f"{name} is not current; run: make generate", file=sys.stderr)
        else:
            (ROOT / name).write_text(files()[name], encoding="utf-8")
            print(name)
    return 1 if check and stale else 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
