"""The command line's words for quality assurance. What computes is imported when it is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

_QA = """\
  greenops-gateway qa rata runs.csv                  relative accuracy test audits
  greenops-gateway qa linearity injections.csv       three gases, three injections each
  greenops-gateway qa calibration injections.csv     zero and upscale, daily or over seven days
  greenops-gateway qa record --parameter SO2C …      a daily calibration of a running gateway's analyser

"""
_CEMS = """\
  greenops-gateway cems bias hours.csv               from unadjusted to adjusted hourly values

"""
_EPILOG = """\
Files are CSV with a header; columns may come in any order, and more of them do no harm. With --json there is one JSON
object on a line; numbers are rounded as they are reported, in decimals and half up. --explain shows each result's
equation, clause, inputs, steps and rounding.

exit codes: 0 computed, 1 a test did not pass (only with --strict), 2 wrong usage or mistakes in the file
"""
_RATA = """\
  greenops-gateway qa rata runs.csv
  greenops-gateway qa rata runs.csv --json --system NOXC

Columns: test, cem_value, reference_value; run, used (1 or 0; 1 unless it is there), system. One JSON object for each
test.
Without a system, a mean reference above 10000 counts as FLOW in scfh, below 5 as NOX in lb/mmBtu, else as NOXC in ppm.
A low emitter's bias adjustment factor is 1.111 at most, unless --no-low-emitter.
"""
_LINEARITY = """\
  greenops-gateway qa linearity injections.csv --explain

Columns: test, gas_level (LOW, MID, HIGH), reference_value, measured_value; injection, component,
reported_alternative_spec (0, 1). One JSON object for each test and gas level. Above 5 % the difference in ppm (SO2,
NOX: 5) or % volume (CO2, O2: 0.5) is the error, if that is within its limit; and wherever reported_alternative_spec
is 1.
"""
_CALIBRATION = """\
  greenops-gateway qa calibration injections.csv          certification and the 7-day test: 2.5 % of span
  greenops-gateway qa calibration injections.csv --daily  does the monitor stay in control? 5 % of span

Columns: level, span, reference_value, measured_value; component, reported_alternative_spec (0, 1). One JSON object for
each row, in order. Without a component, a whole span from 6 to 25 that is no multiple of 10 counts as CO2 or O2, whose
error is in % volume; any other as SO2 or NOX.
"""
_BIAS = """\
  greenops-gateway cems bias hours.csv
  greenops-gateway cems bias hours.csv --factor FLOW=1.063 --json

Columns: parameter, unadjusted; bias_adjustment_factor, adjusted, modc, date, hour. One JSON object for each row, in
order. A row without a factor takes that of --factor; else that with which most rows' own adjusted values were made;
else 1.000, with a warning. A substitute is not adjusted: null.
"""


_RECORD = """\
  greenops-gateway qa record --parameter SO2C --at 2026-01-31T09:12 --zero 0 0.4 --upscale 450 438 \\
    --why "daily, morning shift"

It goes into the audit log. A passed one covers 26 hours; from a failed one, or when the 26 hours are over, hours of the
parameter are not valid until one passes (40 CFR 75 Appendix B, 2.1.4). A parameter is judged so from its first recorded
calibration on.

exit codes: 0 passed, 1 failed or aborted, 2 it cannot be recorded
"""


def add_qa(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``qa``, below *commands*."""
    asked = _room(commands, "qa", "relative accuracy, linearity and calibration error, from records of tests", _QA)
    rata = _records(asked, "rata", "relative accuracy, frequency and bias adjustment factor of each test", _RATA)
    rata.add_argument("--system", metavar="TYPE", help="SO2, NOXC, NOX, SO2R, CO2, O2, H2O, FLOW, HG, HCL or HF")
    rata.add_argument("--stack-area", metavar="FT2", help="opens the low-flow alternative of a flow monitor")
    rata.add_argument(
        "--no-low-emitter", action="store_true", help="no bias adjustment factor of 1.111 in place of more"
    )
    linearity = _records(asked, "linearity", "error of each test and gas level", _LINEARITY)
    calibration = _records(asked, "calibration", "error of each injection", _CALIBRATION)
    calibration.add_argument("--daily", action="store_true", help="hold to the limits of a daily calibration")
    calibration.add_argument(
        "--differential-pressure", action="store_true", help="the flow monitor is one; its alternative is in inH2O"
    )
    for checked in (linearity, calibration):
        checked.add_argument("--component", metavar="TYPE", help="SO2, NOX, CO2, O2 or HG; FLOW has no linearity check")
    for tested in (rata, linearity, calibration):
        tested.add_argument("--strict", action="store_true", help="exit code 1 when a test did not pass")
    _add_record(asked)


def _add_record(asked: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    record = asked.add_parser(
        "record",
        help="a daily calibration, by which hours are closed from now on",
        epilog=_RECORD,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    record.add_argument("--stack", metavar="NAME", help="which; not needed where there is one")
    record.add_argument("--parameter", required=True, metavar="NAME", help="like SO2C")
    record.add_argument("--at", required=True, metavar="MINUTE", help="when it ended, in local standard time")
    for level in ("zero", "upscale"):
        record.add_argument(f"--{level}", nargs=2, metavar=("REFERENCE", "MEASURED"), help="in the analyser's unit")
    record.add_argument("--span", metavar="NUMBER", help="other than that of the plan")
    record.add_argument("--offline", action="store_true", help="the unit did not operate")
    record.add_argument("--aborted", action="store_true", help="a malfunction ended the test")
    record.add_argument("--differential-pressure", action="store_true", help="of a flow monitor; in inH2O")
    record.add_argument("--why", required=True, metavar="TEXT", help="what was done, for whoever asks in ten years")
    record.add_argument("--who", metavar="NAME", help="who did it; you unless given")
    record.add_argument("--dry-run", action="store_true", help="compute, and record nothing")
    record.add_argument("--config", type=Path, metavar="FILE", help="configuration (default gateway.yml)")
    record.add_argument("--json", action="store_true", help="the record, for programs")


def add_cems(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``cems``, below *commands*."""
    asked = _room(commands, "cems", "hourly values: bias adjustment", _CEMS)
    bias = _records(asked, "bias", "each hourly value times its bias adjustment factor", _BIAS)
    bias.add_argument(
        "--factor",
        action="append",
        default=[],
        metavar="PARAMETER=FACTOR",
        help="for rows without one; may be repeated",
    )
    bias.set_defaults(strict=False)


def _room(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str, examples: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    layout = argparse.RawDescriptionHelpFormatter
    room = commands.add_parser(name, help=does, epilog=examples + _EPILOG, formatter_class=layout)
    return room.add_subparsers(dest="records", required=True, metavar="WHAT")


def _records(
    asked: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str, epilog: str
) -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    command = asked.add_parser(name, help=does, epilog=epilog, formatter_class=layout)
    command.add_argument("file", type=Path, metavar="FILE.csv")
    command.add_argument("--json", action="store_true", help="one JSON object on a line")
    command.add_argument("--explain", action="store_true", help="equation, clause, inputs, steps and rounding")
    return command
