"""``greenops-gateway report``: its subcommands in a table. To add one, add a line; what runs is imported when asked."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from greenops_core.errors import ConfigError
from greenops_gateway.journal.words import add_place
from greenops_gateway.regulatory.ecmps import words

Say = Callable[[str], None]
Run = Callable[[argparse.Namespace, Say], int]

_EPILOG = """\
from hours to the authority:
  greenops-gateway report excess --period 2026-Q1 --gateway gateway.yml --config excess.yml --output reports
  greenops-gateway report sign reports/2026-Q1-excess.pdf --key file:/etc/greenops/report.key
  greenops-gateway report submissions prepare reports/2026-Q1-excess.pdf --report excess --period 2026-Q1 --why "Q1"
  greenops-gateway report submissions approve 2026-Q1-excess-1 --why "checked against the logbook"
  greenops-gateway report submissions sent 2026-Q1-excess-1 --why "receipt 4711 of the agency's portal"

exit codes: 0 done, 1 something does not hold (a signature, a submission that is late), 2 wrong usage or configuration
"""
_SIGN = """\
The signature is 64 bytes beside the file (Ed25519), the file itself stays as it is. Anybody verifies it with:
  openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in FILE -sigfile FILE.sig
"""
_SUBMISSIONS = """\
A report is prepared (its files are copied and kept), approved or rejected by a person, and then sent or failed; each
step is a record of the audit log with who and why. Nobody approves by default, and nothing is sent by this program:
sending is what a person does at the authority's portal, and says here.
"""


class Command(NamedTuple):
    """What ``report NAME`` is: its one line of *help*, its arguments, and what runs."""

    help: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Run
    epilog: str = ""


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``report``, below *commands*."""
    layout = argparse.RawDescriptionHelpFormatter
    told = "reports to authorities, their proof, and what became of them"
    whole = commands.add_parser("report", help=told, epilog=_EPILOG, formatter_class=layout)
    asked = whole.add_subparsers(dest="report", required=True, metavar="WHAT")
    for name, command in COMMANDS.items():
        command.add(asked.add_parser(name, help=command.help, epilog=command.epilog, formatter_class=layout))


def report(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code.

    Raises:
        ConfigError: what was asked cannot be done; the text says why.
    """
    return COMMANDS[given.report].run(given, say)


def _add_making(command: argparse.ArgumentParser) -> None:
    command.add_argument("--period", required=True, metavar="PERIOD", help="2026, 2026-Q1 or 2026-01")
    command.add_argument(
        "--hours", action="append", default=[], metavar="[STACK=]FILE", help="closed hours, JSON Lines"
    )
    command.add_argument(
        "--gateway", type=Path, metavar="FILE", help="configuration of the gateway whose ledger has them (gateway.yml)"
    )
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="what the report is told, YAML")
    command.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where the files go (here)")
    command.add_argument("--format", default="pdf,csv,json", metavar="LIST", help="of pdf, csv, json (%(default)s)")
    command.add_argument(
        "--made", metavar="DAY", help="the day to print; none unless given, so that bytes do not change"
    )
    command.add_argument("--incomplete", action="store_true", help="also when hours of the period are not there")
    command.add_argument(
        "--font", type=Path, nargs="+", metavar="TTF", help="TrueType fonts, regular and bold, for other alphabets"
    )
    command.add_argument("--json", action="store_true", help="for programs")


def _add_sign(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", nargs="+", type=Path, metavar="FILE", help="what is signed")
    command.add_argument("--key", required=True, metavar="file:PATH|env:NAME", help="where the private key is")
    command.add_argument("--json", action="store_true", help="for programs")


def _add_verify(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="what was signed")
    command.add_argument("signature", nargs="?", type=Path, metavar="SIG", help="its signature (FILE.sig)")
    command.add_argument("--public-key", type=Path, required=True, metavar="FILE", help="of whoever signed")
    command.add_argument("--json", action="store_true", help="for programs")


def _add_key(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="where the private key goes, for you alone")
    command.add_argument("--public", type=Path, metavar="FILE", help="where the public key goes (FILE.pub)")
    command.add_argument("--json", action="store_true", help="for programs")


def _add_submissions(command: argparse.ArgumentParser) -> None:
    asked = command.add_subparsers(dest="submissions", required=True, metavar="STEP")
    listing = asked.add_parser("list", help="what waits; exit code 1 when one failed or is overdue")
    listing.add_argument("--all", action="store_true", help="what was sent or rejected as well")
    prepare = asked.add_parser("prepare", help="take copies of a report's files into the queue")
    prepare.add_argument("file", nargs="+", type=Path, metavar="FILE", help="the report, and its signature")
    prepare.add_argument("--report", dest="report_kind", required=True, metavar="KIND", help="like excess or ecmps")
    prepare.add_argument("--period", required=True, metavar="PERIOD", help="2026, 2026-Q1 or 2026-01")
    prepare.add_argument("--deadline", metavar="DAY", help="the last day in time (30 days after the period)")
    steps = [
        asked.add_parser("approve", help="a person says that it may be sent"),
        asked.add_parser("reject", help="it will not be sent"),
        asked.add_parser("sent", help="it was sent; say the receipt in --why"),
        asked.add_parser("failed", help="sending it failed; it stays approved"),
    ]
    for step in steps:
        step.add_argument("name", metavar="NAME", help="as list has it")
    for step in (prepare, *steps):
        step.add_argument("--why", required=True, metavar="TEXT", help="for whoever asks in ten years")
        step.add_argument("--who", metavar="NAME", help="who decided it; you unless given")
    for step in asked.choices.values():
        add_place(step)
        step.add_argument("--json", action="store_true", help="for programs")


def _excess(given: argparse.Namespace, say: Say) -> int:
    from greenops_gateway.regulatory import making  # noqa: PLC0415  # it costs memory, where it is wanted

    return making.excess(given, say)


def _ets(given: argparse.Namespace, say: Say) -> int:
    from greenops_gateway.regulatory import making  # noqa: PLC0415  # the same

    return making.ets(given, say)


def _iso14064(given: argparse.Namespace, say: Say) -> int:
    from greenops_gateway.regulatory import making  # noqa: PLC0415  # the same

    return making.iso14064(given, say)


def _signing(given: argparse.Namespace, say: Say) -> int:
    """Raises ConfigError: what signs is not installed."""
    try:
        from greenops_gateway.regulatory import signing  # noqa: PLC0415  # the same, and brought by an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        raise ConfigError(
            "signatures need cryptography, which is not installed: pip install 'greenops[reports]'"
        ) from None
    return {"sign": signing.sign, "verify": signing.verify, "key-new": signing.key_new}[given.report](given, say)


def _submissions(given: argparse.Namespace, say: Say) -> int:
    from greenops_gateway.regulatory import submitting  # noqa: PLC0415  # the same

    return submitting.submissions(given, say)


COMMANDS: Mapping[str, Command] = {
    "excess": Command("excess emissions and monitor downtime, 40 CFR 60.7(c) and (d)", _add_making, _excess),
    "ets": Command("the EU ETS annual emission report", _add_making, _ets),
    "iso14064": Command("the greenhouse gas inventory of ISO 14064-1", _add_making, _iso14064),
    "ecmps": Command("the emissions file of a quarter for EPA, JSON", words.add_ecmps, words.ecmps, words.ECMPS_EPILOG),
    "ecmps-check": Command(
        "what an inspector would object to in one", words.add_check, words.check, words.CHECK_EPILOG
    ),
    "plan-from-ecmps": Command("configuration from a monitoring plan", words.add_plan, words.plan, words.PLAN_EPILOG),
    "sign": Command("put a detached signature beside a file", _add_sign, _signing, _SIGN),
    "verify": Command("whether a file is the one that was signed", _add_verify, _signing, _SIGN),
    "key-new": Command("make a pair of keys to sign with", _add_key, _signing),
    "submissions": Command("what became of each report; approve, reject", _add_submissions, _submissions, _SUBMISSIONS),
}
