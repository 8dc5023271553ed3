"""The command line's words for the journal, and where it lies. What reads it is imported when it is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from greenops_core.errors import ConfigError
from greenops_telemetry.configuration import Document, convert
from greenops_telemetry.delivery.configuration import Journal

_EPILOG = """\
They read a journal at rest, and one that a gateway is writing: nothing is mended or locked, and nothing stops.

  greenops-gateway journal status                         does it add up? what is owed to whom?
  greenops-gateway journal verify                         read every byte, count anew, name every damaged place
  greenops-gateway journal export --since 2026-03-01 --until 2026-03-02 --point 'analyser-1/*' --out day.jsonl
  greenops-gateway journal gaps --since 7d
  greenops-gateway journal quarantine --show 12           the samples, and the answer that the receiver gave
  greenops-gateway journal quarantine --release all --dry-run

For each sink, at any moment: committed = delivered + pending + quarantined + evicted.

exit codes: 0 all is well, 1 something does not add up, is damaged or missing, 2 wrong usage or no journal
"""
_EXPORT = """\
Values, times and sequences are written in the digits that give them back bit for bit; a value that is no number has its
64 bits beside it. Times are Unix seconds: at is when it was measured, received when it came. --since and --until go by
the first. What is compressed in archives is read back as well, and memory stays the same however much it is.
"""
_QUARANTINE = """\
What is released is sent once more, from a copy of its own, within seconds when the gateway runs. Mend the receiver
first, or it is refused again. A release is recorded in the audit log with your name.
"""
_FORGET = """\
A sink that left the configuration is owed its samples until it is forgotten; if it comes back later, it is sent all
that there is. What goes with it is shown first with --dry-run, and recorded in the audit log with your name.
"""
_TRACE = """\
  greenops-gateway trace 1234567                                  the sample with this sequence
  greenops-gateway trace analyser-1/so2@2026-11-21T10:00:00Z      the last one that was measured until then

By time, samples are looked for that came until a day after it; one that came later is found by its sequence. Registers
are not in the journal: they are recomputed from the value, and decoded again to prove it. The running gateway answers
the same at /journal/trace?id=ID.

exit codes: 0 everything fits, 1 something does not, 2 wrong usage or no such sample
"""


class Where(NamedTuple):
    """Where a journal lies; *section* and *sinks* are what the configuration says of it, if one was read."""

    directory: Path
    section: Journal | None = None
    sinks: frozenset[str] | None = None


def add_journal(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``journal``, below *commands*."""
    layout = argparse.RawDescriptionHelpFormatter
    journal_ = commands.add_parser(
        "journal", help="what is kept and owed, and the proof of it", epilog=_EPILOG, formatter_class=layout
    )
    asked = journal_.add_subparsers(dest="journal", required=True, metavar="WHAT")
    asked.add_parser("status", help="what there is, and what became of it for each sink")
    asked.add_parser("verify", help="read every segment and archive, count anew, compare with every account")
    export = asked.add_parser("export", help="samples as text, bit for bit", epilog=_EXPORT, formatter_class=layout)
    gaps_ = asked.add_parser("gaps", help="times without samples, and why: not running, silent, disk, evicted")
    quarantine = asked.add_parser(
        "quarantine", help="what a receiver refused for good", epilog=_QUARANTINE, formatter_class=layout
    )
    forget = asked.add_parser(
        "forget", help="close the account of a sink that is gone", epilog=_FORGET, formatter_class=layout
    )
    for each in (export, gaps_):
        each.add_argument("--since", metavar="WHEN", help="a date, a time with its zone, or how long ago: 7d")
        each.add_argument("--point", metavar="GLOB", help="only these, as device/point: 'analyser-1/*'")
    export.add_argument("--until", metavar="WHEN", help="before this, in the same words")
    export.add_argument("--sequence", metavar="N[-M]", help="only these numbers")
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="one object a line, or a table")
    export.add_argument("--out", type=Path, metavar="FILE", help="where it goes; printed unless given")
    what = quarantine.add_mutually_exclusive_group()
    what.add_argument("--release", metavar="ID", help="send it once more; all for everything")
    what.add_argument("--show", type=int, metavar="ID", help="list its samples")
    forget.add_argument("sink", metavar="SINK", help="its name")
    for each in (quarantine, forget):
        each.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    for each in asked.choices.values():
        add_place(each)
        if each is not export:
            each.add_argument("--json", action="store_true", help="for programs")


def add_place(command: argparse.ArgumentParser) -> None:
    """The options by which a journal is found."""
    command.add_argument("--config", type=Path, metavar="FILE", help="configuration (default gateway.yml)")
    command.add_argument("--directory", type=Path, metavar="DIR", help="the journal itself, without a configuration")


def add_trace(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``trace``, below *commands*."""
    trace = commands.add_parser(
        "trace",
        help="from a value back to its registers, configuration and formula",
        epilog=_TRACE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    trace.add_argument("id", metavar="ID", help="a sequence number, or POINT@TIME")
    add_place(trace)
    trace.add_argument("--json", action="store_true", help="for programs")


def where(config: Path | None, directory: Path | None) -> Where:
    """Where the journal is: *directory*, or what the section ``journal`` of *config* (gateway.yml) says.

    Only that section and the names of the sinks are read, so that neither devices nor secrets must be at hand.

    Raises:
        ConfigError: the file cannot be read, or has no journal.
    """
    if directory is not None and config is None:
        return Where(directory)
    path = config or Path("gateway.yml")
    try:
        document = Document.read(path)
    except ConfigError as error:
        raise ConfigError(f"{error}; say --config FILE, or --directory DIR") from None
    raw = document.data if isinstance(document.data, dict) else {}
    if raw.get("journal") is None:
        raise ConfigError(f"{path}: there is no section 'journal'; say --directory DIR, or add it")
    try:
        section = convert(raw["journal"], Journal)
    except ConfigError as error:
        raise document.located(error.under("journal")) from None
    sinks = raw.get("sinks")
    names = frozenset(map(str, sinks if isinstance(sinks, dict) else ()))
    return Where(directory or Path(section.directory), section, names)
