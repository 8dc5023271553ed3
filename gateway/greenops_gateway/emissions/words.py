"""The command line's words for closed hours, and where they lie. What reads them is imported when it is asked for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from greenops_core.errors import ConfigError, nearest, within
from greenops_gateway.cems.hour import Hour, civil, quarter, read
from greenops_gateway.emissions.section import BESIDE, Emissions
from greenops_telemetry.configuration import Document, convert
from greenops_telemetry.delivery.configuration import Journal

PREFIX = "hour:"
"""How the name of an hourly value begins, for ``trace``."""
_EPILOG = """\
The gateway closes each hour of a stack once, a few minutes after its end, and once more when samples came late. Both
stay in the ledger, which is hash-chained; nothing is overwritten.

  greenops-gateway hours list --quarter 2026-1
  greenops-gateway hours show stack-1@2026-01-31T09        every revision, with its reason
  greenops-gateway hours recompute --quarter 2026-1        from the journal; is it what the ledger says?
  greenops-gateway hours recompute --since 2026-01-31T09 --until 2026-01-31T10 --revise "wrong span in the plan"
  greenops-gateway hours substitute --quarter 2026-1       what is reported where data is missing (Subpart D)
  greenops-gateway hours hash --quarter 2026-1             equal results, equal hash, on any machine
  greenops-gateway trace hour:stack-1/NOXR@2026-01-31T09   back to the samples and their registers

Hours are in local standard time, named by their beginning.

exit codes: 0 all is well, 1 something differs or was changed, 2 wrong usage or no ledger
"""
_RECOMPUTE = """\
Each hour is computed anew from the same stretches of the journal, by the plan that it was closed by. With --revise, by
the plan in --config: what differs then becomes a revision with that reason, and a record in the audit log with your
name; the old one stays. So a test that failed, and was written down elsewhere, takes back the hours after it:

  greenops-gateway hours recompute --since 2026-01-31T09 --until 2026-01-31T15 --out-of-control SO2C \\
    --revise "calibration of 09:12 failed, repaired at 15:00" --config gateway.yml
"""


class Where(NamedTuple):
    """Where closed hours lie: their *ledger*, their *journal*, and the *section* if a configuration was read."""

    ledger: Path
    journal: Path
    section: Emissions | None = None


def add_hours(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``hours``, below *commands*."""
    layout = argparse.RawDescriptionHelpFormatter
    hours_ = commands.add_parser(
        "hours", help="closed hours of stacks: their values, their proof", epilog=_EPILOG, formatter_class=layout
    )
    asked = hours_.add_subparsers(dest="hours", required=True, metavar="WHAT")
    asked.add_parser("list", help="a line for each hour")
    show = asked.add_parser("show", help="all that the ledger says of one hour")
    show.add_argument("id", metavar="STACK@HOUR", help="like stack-1@2026-01-31T09")
    recompute = asked.add_parser(
        "recompute", help="compute hours anew from the journal, and compare", epilog=_RECOMPUTE, formatter_class=layout
    )
    recompute.add_argument("--revise", metavar="REASON", help="write what differs as a revision, by the present plan")
    recompute.add_argument(
        "--out-of-control",
        action="append",
        metavar="NAME",
        help="with --revise: the parameters whose analyser had failed a test; 'none' when none had",
    )
    substitute = asked.add_parser("substitute", help="what is reported, with substitutes for what is missing")
    substitute.add_argument("--explain", action="store_true", help="how each substitute came about")
    asked.add_parser("hash", help="a hash over the results")
    for name, each in asked.choices.items():
        if name != "show":
            each.add_argument("--stack", metavar="NAME", help="which; not needed where there is one")
            each.add_argument("--quarter", metavar="YEAR-N", help="only this calendar quarter, like 2026-1")
            each.add_argument("--since", metavar="HOUR", help="only from this hour on, like 2026-01-31T09")
            each.add_argument("--until", metavar="HOUR", help="only before this hour")
        each.add_argument("--config", type=Path, metavar="FILE", help="configuration (default gateway.yml)")
        each.add_argument("--directory", type=Path, metavar="DIR", help="the journal itself, without a configuration")
        each.add_argument("--json", action="store_true", help="for programs")


def where(config: Path | None, directory: Path | None) -> Where:
    """Where closed hours are: beside the journal in *directory*, or where *config* (gateway.yml) says.

    Only the sections ``journal`` and ``emissions`` are read, so that no device must be at hand.

    Raises:
        ConfigError: the file cannot be read, or closes no hours.
    """
    if directory is not None and config is None:
        return Where(directory / BESIDE, directory)
    path = config or Path("gateway.yml")
    try:
        document = Document.read(path)
    except ConfigError as error:
        raise ConfigError(f"{error}; say --config FILE, or --directory DIR") from None
    raw = document.data if isinstance(document.data, dict) else {}
    for key in ("journal", "emissions"):
        if raw.get(key) is None:
            raise ConfigError(f"{path}: there is no section '{key}'; add it, or say --directory DIR")
    try:
        with within("journal"):
            journal = directory or Path(convert(raw["journal"], Journal).directory)
        with within("emissions"):
            section = convert(raw["emissions"], Emissions)
    except ConfigError as error:
        raise document.located(error) from None
    return Where(section.place(journal), journal, section)


def chosen(place: Where, stack: str | None) -> str:
    """The stack that is meant.

    Raises:
        ConfigError: there is none, or several.
    """
    known: Sequence[str] = sorted(each.name for each in place.ledger.glob("*") if each.is_dir())
    if not known:
        raise ConfigError(f"there is no ledger in {place.ledger}; it begins when the gateway closes an hour")
    if stack is None and len(known) > 1:
        raise ConfigError(f"say which, there are: {', '.join(known)}", ("--stack",))
    if stack is not None and stack not in known:
        raise ConfigError(f"there is no stack '{stack}'{nearest(stack, known)}", ("--stack",))
    return stack or known[0]


def span(given: argparse.Namespace) -> range:
    """The hours that *given* asks for; all unless it says.

    Raises:
        ConfigError: they are none.
    """
    hours = range(24 * 366 * 500)
    if given.quarter is not None:
        with within("--quarter"):
            found = re.fullmatch(r"(\d{4})-?[Qq]?([1-4])", given.quarter)
            if not found:
                raise ConfigError(f"'{given.quarter}' is no quarter; write 2026-1")
            hours = quarter(int(found[1]), int(found[2]))
    since = hours.start if given.since is None else _hour("--since", given.since)
    until = hours.stop if given.until is None else _hour("--until", given.until)
    if until <= since:
        raise ConfigError("it ends before it begins", ("--until",))
    return range(max(since, hours.start), min(until, hours.stop))


def of_one(text: str) -> tuple[str, Hour]:
    """Stack and hour of ``stack-1@2026-01-31T09``.

    >>> of_one("stack-1@1970-01-02T03")
    ('stack-1', 27)

    Raises:
        ConfigError: it names none.
    """
    stack, sign, hour = text.rpartition("@")
    if not sign or not stack:
        raise ConfigError(f"'{text}' names no hour; write stack-1@2026-01-31T09")
    return stack, _hour("", hour)


def _hour(option: str, text: str) -> Hour:
    try:
        hour = read(text)
        civil(hour)
    except ValueError as error:
        raise ConfigError(str(error), (option,) if option else ()) from None
    return hour
