"""The command line: ``greenops-alerting``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files as resources
from pathlib import Path

from greenops_alerting import alertmanager, people, rules, tools
from greenops_alerting.preview import preview
from greenops_alerting.receiver import receive
from greenops_alerting.rules import Links, link
from greenops_alerting.thresholds import NORMAL, QUICK, Windows
from greenops_core.address import address
from greenops_core.errors import ConfigError, within
from greenops_telemetry.configuration import url
from greenops_telemetry.process import ended

ROOM = Path(__file__).resolve().parents[1]
"""The folder ``alerting`` of a checkout, where the written files lie."""

_EPILOG = """\
examples:
  greenops-alerting list
  greenops-alerting preview | less
  greenops-alerting write
  greenops-alerting write --to /etc/greenops --runbooks https://wiki.example.org/greenops --dashboards https://grafana.example.org
  greenops-alerting receive
  greenops-alerting alertmanager --webhook http://127.0.0.1:9843 > alertmanager.yml

exit codes: 0 ended as asked, 1 a check failed, 2 wrong usage or configuration
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    return ended("greenops-alerting", lambda: _command(_parser().parse_args(arguments)))


def _command(given: argparse.Namespace) -> int:
    match given.command:
        case "write":
            written = _written(given.routes, _links(given.runbooks, given.dashboards), QUICK if given.quick else NORMAL)
            return _compare(given.to, written) if given.check else _write(given.to, written)
        case "check":
            return _check(given.folder)
        case "alertmanager":
            print(_configuration(given.routes, given.webhook), end="")
        case "receive":
            with within("--listen"):
                listen = address(given.listen)
            receive(listen, sys.stdout)
        case "preview":
            print(preview(rules.alerts(), Links()), end="")
        case _:
            print(_table(), end="")
    return 0


def _links(runbooks: str, dashboards: str) -> Links:
    with within("--runbooks"):
        pages = link(runbooks)
    with within("--dashboards"):
        return Links(pages, link(dashboards) if dashboards else "")


def _written(routes: Path, links: Links, windows: Windows) -> dict[Path, str]:
    """What belongs into which file, below the folder written to."""
    texts = {Path("rules", name): rules.render(groups, links) for name, groups in rules.files(windows).items()}
    configuration = alertmanager.render(people.load(routes), rules.alerts(windows))
    templates = resources("greenops_alerting").joinpath(alertmanager.TEMPLATES).read_text(encoding="utf-8")
    return texts | {
        Path("alertmanager", "alertmanager.yml"): configuration,
        Path("alertmanager", alertmanager.TEMPLATES): templates,
    }


def _write(folder: Path, texts: dict[Path, str]) -> int:
    for name, text in texts.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None
        print(path)
    return 0


def _compare(folder: Path, texts: dict[Path, str]) -> int:
    stale = [folder / name for name, text in texts.items() if not _is(folder / name, text)]
    for path in stale:
        print(f"{path} is not current; run 'greenops-alerting write'", file=sys.stderr)
    return 1 if stale else 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _check(folder: Path) -> int:
    """Ask promtool and amtool; one that is not here has not found the files good."""
    rule_files = sorted((folder / "rules").glob("*.yml"))
    configuration = folder / "alertmanager" / "alertmanager.yml"
    if not rule_files or not configuration.is_file():
        raise ConfigError(f"{folder}: has no rules/*.yml or no alertmanager/alertmanager.yml; write them there first")
    commands: tuple[tuple[str, list[str | Path]], ...] = (
        ("promtool", ["check", "rules", *rule_files]),
        ("amtool", ["check-config", configuration]),
    )
    outcomes: list[bool] = []
    for name, arguments in commands:
        tool = tools.find(name, os.environ, ROOM.parent)
        if tool is None:
            print(f"{name}: not found; run 'make setup' or set GREENOPS_SERVERS", file=sys.stderr)
            outcomes.append(False)
            continue
        good, said = tools.run([tool, *arguments])
        print(f"{name}: {'good' if good else 'bad'}" + ("" if good else f"\n{said}"))
        outcomes.append(good)
    return 0 if all(outcomes) else 1


def _configuration(routes: Path | None, webhook: str) -> str:
    try:
        address = url(webhook)
    except ConfigError as error:
        raise error.under("--webhook") from None
    chosen = alertmanager.to_webhook(people.load(routes), address) if routes else alertmanager.everybody(address)
    return alertmanager.render(chosen, rules.alerts())


def _table() -> str:
    rows = [("ALERT", "SEVERITY", "FOR", "CONDITION", "RUNBOOK")]
    for alert in rules.alerts():
        extra = "".join(f" {value}" for value in alert.labels.values())
        condition = " ".join(alert.expr.split())
        rows.append((alert.name + extra, alert.severity.value, alert.hold, condition, f"runbooks/{alert.name}.md"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "".join(
        f"{name:{widths[0]}}  {severity:{widths[1]}}  {hold:{widths[2]}}  {runbook:48}  {condition}\n"
        for name, severity, hold, condition, runbook in rows
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greenops-alerting",
        description="Writes and checks alerting rules and Alertmanager's configuration, and prints pages.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"greenops-alerting {version('greenops')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    write = commands.add_parser("write", help="write rules/*.yml and alertmanager/")
    write.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a file is not current")
    write.add_argument("--to", type=Path, default=ROOM, metavar="FOLDER", help="where to (default %(default)s)")
    write.add_argument("--routes", type=Path, default=ROOM / "routes.yml", metavar="FILE", help="who is told")
    write.add_argument("--runbooks", default=Links().runbooks, metavar="URL", help="their folder: address or path")
    write.add_argument("--dashboards", default=Links().dashboards, metavar="URL", help="Grafana's address; '' for none")
    write.add_argument("--quick", action="store_true", help="windows of seconds, to watch alerts fire at a desk")
    check = commands.add_parser("check", help="have promtool and amtool check what was written")
    check.add_argument("folder", nargs="?", type=Path, default=ROOM, metavar="FOLDER")
    config = commands.add_parser("alertmanager", help="print a configuration that tells one webhook everything")
    config.add_argument("--webhook", required=True, metavar="URL", help="the receiver, such as http://127.0.0.1:9843")
    config.add_argument("--routes", type=Path, metavar="FILE", help="with the people of this file, all at the webhook")
    receiving = commands.add_parser("receive", help="print pages that Alertmanager posts to /page")
    receiving.add_argument("--listen", default="127.0.0.1:9843", metavar="HOST:PORT", help="default %(default)s")
    commands.add_parser("preview", help="print the message that each alert would give, with example values")
    commands.add_parser("list", help="list all alerts")
    return parser
