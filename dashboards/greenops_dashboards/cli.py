"""``greenops-dashboards``: writes the dashboards that Grafana loads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from greenops_dashboards.boards import ALL
from greenops_dashboards.files import files
from greenops_telemetry.process import ended

ROOM = Path(__file__).resolve().parents[1]

EXAMPLE = """\
example:
  greenops-dashboards write --check     # are the committed files current?
  greenops-dashboards write --dest /etc/grafana/dashboards
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 done, 1 files are not current or cannot be written, 2 wrong usage."""
    return ended("greenops-dashboards", lambda: _command(_parser().parse_args(arguments)))


def _command(given: argparse.Namespace) -> int:
    if given.command == "list":
        for board in ALL:
            print(f"{board.uid:20} {len(board.panels):3} panels  {board.title}")
        return 0
    return _check(given.dest) if given.check else _write(given.dest)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greenops-dashboards",
        description="Grafana dashboards of GreenOps, built from the metric catalogue.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('greenops')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    write = commands.add_parser("write", help="write one JSON file per board")
    write.add_argument("--dest", type=Path, default=ROOM / "json", metavar="DIR", help="folder (default: %(default)s)")
    write.add_argument("--check", action="store_true", help="write nothing; fail when a file is not current")
    commands.add_parser("list", help="name the boards: identifier, number of panels, title")
    return parser


def _write(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files().items():
            (folder / name).write_text(content, encoding="utf-8")
            print(folder / name)
    except OSError as error:
        print(f"greenops-dashboards: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _check(folder: Path) -> int:
    stale = [
        folder / name
        for name, content in files().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != content
    ]
    for path in stale:
        print(f"{path} is not current; run: greenops-dashboards write --dest {folder}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
