"""Reports on their way to an authority. Time begins at Unix time 0, so a deadline is seconds from the beginning."""

from __future__ import annotations

from alert_cases.case import Case, alert, of
from greenops_core import catalogue as c

SITE = {"site": "north"}
DAY = 86400
DEADLINE, PENDING, FAILED = (
    of(metric, **SITE)
    for metric in (c.REPORT_SUBMISSION_DEADLINE, c.REPORT_SUBMISSIONS_PENDING, c.REPORT_SUBMISSIONS_FAILED)
)


def reports(name: str, series: dict[str, str], *expect: tuple[str, str, int]) -> Case:
    return Case(name, "reports.yml", series, list(expect))


CASES = [
    reports(
        "a report that is due in eight days is not told, one due within seven is",
        {DEADLINE: f"{8 * DAY}x2000", PENDING: "1x2000"},
        ("6h", alert("ReportPending"), 0),
        ("23h59m", alert("ReportPending"), 0),
        ("24h5m", alert("ReportPending", site="north"), 1),
    ),
    reports(
        "a report that is late is told until it is sent",
        {DEADLINE: f"{DAY}x2000 stale", PENDING: "1x2000 0x100"},
        ("25h", alert("ReportPending", site="north"), 1),
        ("33h", alert("ReportPending", site="north"), 1),
        ("33h30m", alert("ReportPending"), 0),
    ),
    reports("nothing that waits is quiet", {PENDING: "0x100", FAILED: "0x100"}, ("1h", alert("ReportPending"), 0)),
    reports(
        "a report that could not be sent is told until it is",
        {FAILED: "0x10 1x40 0x40"},
        ("9m", alert("ReportFailed"), 0),
        ("14m", alert("ReportFailed", site="north"), 1),
        ("1h10m", alert("ReportFailed"), 0),
    ),
]
