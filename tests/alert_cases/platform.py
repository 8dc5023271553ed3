"""Alerting itself, and the programs that feed it."""

from __future__ import annotations

from alert_cases.case import Case, alert, of
from greenops_core import catalogue as c


def build(program: str, job: str = "x") -> str:
    return of(c.BUILD_INFO, program=program, version="1", job=job, instance=f"{job}:1")


def http(code: str, path: str = "/metrics") -> str:
    return of(c.HTTP_REQUESTS, program="greenops-gateway", path=path, code=code)


def platform(name: str, series: dict[str, str], *expect: tuple[str, str, int]) -> Case:
    return Case(name, "platform.yml", series, list(expect))


CASES = [
    platform("the heartbeat beats, data or not", {"nothing": "1x10"}, ("0s", alert("Watchdog", severity="none"), 1)),
    *(
        platform(
            f"the last {program} is missed, the other one is not",
            {build(program): "1x20 stale", build(other): "1x60"},
            ("21m", alert(name), 0),
            ("24m", alert(name), 1),
            ("24m", alert(quiet), 0),
        )
        for name, program, quiet, other in (
            ("AgentDown", "greenops-agent", "ExporterDown", "greenops-exporter"),
            ("ExporterDown", "greenops-exporter", "AgentDown", "greenops-agent"),
        )
    ),
    platform(
        "a target of ours that is down for minutes is told, a stranger's is not",
        {
            build("greenops-agent", "agent"): "1x10 stale",
            'up{job="agent",instance="agent:1"}': "1x10 0x50",
            'up{job="agent",instance="agent:2"}': "1x60",
            'up{job="printer",instance="p:1"}': "0x60",
        },
        ("14m", alert("TargetDown"), 0),
        ("17m", alert("TargetDown", instance="agent:1"), 1),
        ("17m", alert("TargetDown"), 1),
    ),
    platform(
        "a target that never worked is told, and goes on being told",
        {f'up{{job="{job}",instance="{job}:1"}}': "0x3000" for job in ("agent", "gateway", "exporter", "printer")},
        ("2m", alert("TargetDown"), 0),
        ("5m", alert("TargetDown"), 3),
        ("49h", alert("TargetDown"), 3),
        ("49h", alert("TargetDown", job="printer"), 0),
    ),
    platform(
        "a rule that fails pages",
        {'prometheus_rule_evaluation_failures_total{rule_group="g"}': "0x5 0+1x60"},
        ("10m", alert("RuleFailures"), 0),
        ("20m", alert("RuleFailures", severity="page"), 1),
    ),
    platform(
        "rules that worked again for a quarter of an hour are quiet",
        {'prometheus_rule_evaluation_failures_total{rule_group="g"}': "0 1 2 2x60"},
        ("30m", alert("RuleFailures"), 0),
    ),
    *(
        platform(
            f"{failed} of 1000 notifications fail",
            {
                'alertmanager_notifications_total{integration="webhook"}': "0+1000x60",
                'alertmanager_notifications_failed_total{integration="webhook",reason="other"}': f"0+{failed}x60",
            },
            ("30m", alert("NotificationFailures"), count),
        )
        for failed, count in ((9, 0), (11, 1))
    ),
    *(
        platform(
            f"{failed} of 1000 requests end in a server error",
            {http("200"): f"0+{1000 - failed}x60", http("500"): f"0+{failed}x60"},
            ("3m", alert("HttpErrors"), 0),
            ("30m", alert("HttpErrors", program="greenops-gateway"), count),
        )
        for failed, count in ((49, 0), (51, 1))
    ),
    platform(
        "not being ready is no error",
        {http("200"): "0+100x60", http("503", "/-/ready"): "0+100x60"},
        ("30m", alert("HttpErrors"), 0),
    ),
    platform(
        "asking whether it is ready does not hide errors",
        {http("200"): "0+94x60", http("500"): "0+6x60", http("503", "/-/ready"): "0+100x60"},
        ("30m", alert("HttpErrors"), 1),
    ),
    platform("a client's errors are its own", {http("404"): "0+10x60"}, ("30m", alert("HttpErrors"), 0)),
]
