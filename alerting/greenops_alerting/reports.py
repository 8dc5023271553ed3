"""Reports on their way to an authority: what is due soon, and what could not be sent."""

from __future__ import annotations

from greenops_alerting.annotation import Text, ask, label, mine, text, value
from greenops_alerting.promql import highest, select
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import REPORT_DUE, Windows
from greenops_core import catalogue as c
from greenops_core.duration import duration

BOARD = "greenops-reports"
SITE = ("site",)
LIST = "greenops-gateway report submissions list says which, and since when."


def _count(question: str, example: str) -> Text:
    return ask(question, '{{ .Value | printf "%.0f" }}', example)


def pending(windows: Windows) -> Alert:
    """A report is due soon, or was due, and was not sent."""
    return Alert(
        "ReportPending",
        f"{highest(SITE, select(c.REPORT_SUBMISSION_DEADLINE))} - time() < {duration(REPORT_DUE):g}",
        hold=windows.confirm,
        severity=Severity.TICKET,
        identity=SITE,
        summary="A report to an authority is due soon, and not sent.",
        description=text(
            "Site ", label("site"), ": the time left until the end of the last day is ",
            value("humanizeDuration", "2d 4h 0m 0s"), " (told from ", REPORT_DUE, " on; below zero it is late). ",
            _count(f"max({mine(c.REPORT_SUBMISSIONS_PENDING)})", "1"),
            " reports are prepared or approved: somebody must approve and send them. ", LIST,
        ),
        dashboard=BOARD,
    )  # fmt: skip


def failed(windows: Windows) -> Alert:
    """Somebody tried to send a report, and it did not arrive."""
    return Alert(
        "ReportFailed",
        f"{highest(SITE, select(c.REPORT_SUBMISSIONS_FAILED))} > 0",
        hold=windows.confirm,
        severity=Severity.TICKET,
        identity=SITE,
        summary="A report could not be sent to an authority.",
        description=text(
            "Site ", label("site"), ": ", value('printf "%.0f"', "1"), " approved reports could not be sent. They keep "
            "their approval: send them again, or reject them and prepare others. ", LIST,
        ),
        dashboard=BOARD,
    )  # fmt: skip


def groups(windows: Windows) -> tuple[Group, ...]:
    """The file's groups."""
    return (Group("greenops-reports", "1m", tuple(build(windows) for build in (pending, failed))),)
