"""Whether alerting itself works, and the programs that feed it."""

from __future__ import annotations

from greenops_alerting.annotation import label, text, value
from greenops_alerting.promql import (
    NOTIFICATIONS,
    NOTIFICATIONS_FAILED,
    RULE_FAILURES,
    UP,
    highest,
    last,
    over,
    select,
    total,
    vanished,
)
from greenops_alerting.records import HTTP_ERRORS, PLATFORM
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import HTTP_ERROR_SHARE, NOTIFICATION_FAILURE_SHARE, SEEN, Windows
from greenops_core.catalogue import BUILD_INFO

BOARD = "greenops-overview"
PROGRAM = ("program",)
TARGET = ("job", "instance")
JOBS = '=~"agent|gateway|exporter"'
"""The jobs of the shipped scrape plan in which programs of ours run."""
AGENT, EXPORTER = "greenops-agent", "greenops-exporter"


def watchdog() -> Alert:
    """Always fires; a receiver outside notices when it stops."""
    return Alert(
        "Watchdog",
        "vector(1)",
        hold="0s",
        severity=Severity.NONE,
        identity=(),
        summary="The heartbeat of alerting; its absence means that nobody would be paged.",
        description=text("Rules are evaluated and notifications are sent."),
        dashboard=BOARD,
    )


def program_down(name: str, program: str, consequence: str, windows: Windows) -> Alert:
    """No instance of *program* reports any more."""
    return Alert(
        name,
        vanished(BUILD_INFO, windows.program_silent, SEEN, PROGRAM, program=program),
        hold=windows.confirm,
        severity=Severity.TICKET,
        identity=PROGRAM,
        summary=f"No {program.removeprefix('greenops-')} reports any more.",
        description=text(
            "Nothing has come from any ", label("program"), f" for {windows.program_silent} or longer. {consequence}"
        ),
        dashboard=BOARD,
    )


def target_down(windows: Windows) -> Alert:
    """A scrape fails, in a job of the shipped plan or in one of which a target was ours lately."""
    ours = f"{last(BUILD_INFO, SEEN, ('job',))}\nor\n{highest(('job',), select(UP, job=JOBS))}"
    return Alert(
        "TargetDown",
        f"{highest(TARGET, over('max_over_time', UP, windows.program_silent))} == 0\nand on (job)\n(\n{ours}\n)",
        hold="3m",
        severity=Severity.TICKET,
        identity=TARGET,
        summary="Prometheus cannot scrape a GreenOps program.",
        description=text(
            "Target ", label("instance"), " of job ", label("job"), " has not answered for 5 minutes or longer."
        ),
        dashboard=BOARD,
    )


def rule_failures() -> Alert:
    """A rule that fails is silent, and nothing else shows it."""
    return Alert(
        "RuleFailures",
        f"{total(('rule_group',), over('increase', RULE_FAILURES, '15m'))} > 0",
        hold="5m",
        severity=Severity.PAGE,
        identity=("rule_group",),
        summary="Prometheus fails to evaluate rules.",
        description=text(
            "Rule group ", label("rule_group"), " failed ", value('printf "%.0f"', "15"),
            " evaluations in 15 minutes; its alerts cannot fire.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def notification_failures() -> Alert:
    """People are not reached."""
    by = ("integration",)
    failed = total(by, over("rate", NOTIFICATIONS_FAILED, "15m"))
    return Alert(
        "NotificationFailures",
        f"{failed}\n/\n({total(by, over('rate', NOTIFICATIONS, '15m'))} > 0)\n> {NOTIFICATION_FAILURE_SHARE:g}",
        hold="5m",
        severity=Severity.PAGE,
        identity=by,
        summary="Alertmanager cannot deliver notifications.",
        description=text(
            value("humanizePercentage", "12.5%"), " of the notifications by ", label("integration"),
            f" failed in the last 15 minutes ({NOTIFICATION_FAILURE_SHARE * 100:g} % are allowed).",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def http_errors() -> Alert:
    """A program answers too many requests with a server error."""
    return Alert(
        "HttpErrors",
        f"{select(HTTP_ERRORS)} > {HTTP_ERROR_SHARE:g}",
        hold="5m",
        severity=Severity.TICKET,
        identity=PROGRAM,
        summary="A program answers too many HTTP requests with an error.",
        description=text(
            label("program"), ": ", value("humanizePercentage", "8.3%"), " of the HTTP requests of the last 5 minutes "
            f"ended in a server error ({HTTP_ERROR_SHARE * 100:g} % are allowed).",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def groups(windows: Windows) -> tuple[Group, ...]:
    """The file's groups."""
    alerts = (
        watchdog(),
        program_down("AgentDown", AGENT, "No host is watched: energy, idle time and emissions are absent.", windows),
        program_down("ExporterDown", EXPORTER, "Budgets and carbon intensity stand still.", windows),
        target_down(windows),
        rule_failures(),
        notification_failures(),
        http_errors(),
    )
    return (Group("greenops-platform", "1m", (*PLATFORM, *alerts)),)
