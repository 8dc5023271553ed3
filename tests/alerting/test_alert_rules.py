"""Every alert fires when it must and is silent when it must be, up to its boundary: asked of the real promtool.

A case is a set of series and, for points in time, how many alerts fire. Time begins at Unix time 0. Series step and
evaluation follow the group's own interval unless a case says otherwise.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alert_cases import budget, emissions, fleet, gateway, journal, platform, reports
from alert_cases.case import Case, alert, of
from alert_cases.emissions import NEAR, NOX, OVER, RATIO, VALID
from alert_cases.gateway import GAP, POINT
from greenops_alerting import rules
from greenops_alerting.rules import Links
from greenops_core import catalogue as c
from stack import server

CASES: list[Case] = [
    case for module in (emissions, gateway, journal, reports, fleet, budget, platform) for case in module.CASES
]


def promtool(folder: Path, file: str, tests: dict[str, list[dict[str, Any]]]) -> None:
    """Ask about the rules in *file*: *tests* by how often rules are evaluated."""
    (folder / file).write_text(rules.render(rules.files()[file], Links()), encoding="utf-8")
    for every, alike in tests.items():
        document = {"rule_files": [file], "evaluation_interval": every, "tests": alike}
        (folder / f"every-{every}.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    command = [str(server("promtool")), "test", "rules", *(str(folder / f"every-{every}.yml") for every in tests)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def asked(case: str, when: str, matchers: str, count: int) -> dict[str, Any]:
    """The comment is what names the case when promtool complains."""
    return {
        "expr": f'count(ALERTS{{alertstate="firing",{matchers}}}) or vector(0) # {case}',
        "eval_time": when,
        "exp_samples": [{"labels": "{}", "value": count}],
    }


@pytest.mark.parametrize("file", sorted({case.file for case in CASES}))
def test_an_alert_fires_when_it_must_and_only_then(file: str, tmp_path: Path) -> None:
    tests: dict[str, list[dict[str, Any]]] = {}
    for case in CASES:
        if case.file == file:
            series = [{"series": name, "values": values} for name, values in case.series.items()]
            questions = [asked(case.name, *question) for question in case.expect]
            test = {"interval": case.step, "input_series": series, "promql_expr_test": questions}
            tests.setdefault(case.every, []).append(test)
    promtool(tmp_path, file, tests)


def test_every_alert_and_every_rung_has_a_case_where_it_fires_and_one_where_it_does_not() -> None:
    asked_for = [(question, count) for case in CASES for _, question, count in case.expect]
    for each in rules.alerts():
        rung = alert(each.name, **{key: value for key, value in each.labels.items() if key in {"threshold", "window"}})
        assert any(question.startswith(rung) and count for question, count in asked_for), f"{rung} never fires"
        if each.name != "Watchdog":
            assert any(question.startswith(rung) and not count for question, count in asked_for), (
                f"{rung} is never silent"
            )


AVERAGE, LIMIT = of(c.EMISSION_AVERAGE, **NOX, unit="mg/m3"), of(c.EMISSION_LIMIT, **NOX, unit="mg/m3")
PROJECTED = of(c.EMISSION_AVERAGE_PROJECTED, **NOX, unit="mg/m3")
ALLOWED, DUE = of(c.EMISSION_MEAN_ALLOWED, **NOX, unit="mg/m3"), of(c.EMISSION_EXCEEDANCE_DUE, **NOX)
RUNBOOK = "alerting/runbooks/EmissionLimitExceeded.md"
BOARD = "http://localhost:3000/d/greenops-emissions?var-site=north&var-stack=s1&var-parameter=nox"


@pytest.mark.parametrize(
    ("average", "ratio", "limit", "data"),
    [
        pytest.param("50x4 63.2x90", "1x4 1.264x90", "50x94", "valid now", id="data are valid"),
        pytest.param(
            "63.2x4 stale", "1.264x4 stale", "50x80",
            "last valid average; no valid data since 1970-01-01 00:01:00 +0000 UTC", id="data are invalid",
        ),
        pytest.param(
            "63.2x4 stale", "1.264x4 stale", "50x4 stale",
            "last valid average; no valid data since 1970-01-01 00:01:00 +0000 UTC", id="the gateway is dead",
        ),
    ],
)  # fmt: skip
def test_a_page_names_average_limit_period_and_excess_with_units(
    average: str, ratio: str, limit: str, data: str, tmp_path: Path
) -> None:
    ahead = {PROJECTED: "71.5x94", ALLOWED: "0x94"} if data == "valid now" else {}
    said = {
        "summary": "An emission average is over its limit.",
        "description": "nox at north/s1: the 1h average of 63.2 mg/m3 is 26.4% (13.2 mg/m3) over the limit of "
        f"50 mg/m3. Data: {data}.",
        "average": "63.2 mg/m3",
        "limit": "50 mg/m3",
        "over": "26.4% (13.2 mg/m3)",
        "projected": "71.5 mg/m3" if ahead else "unknown",
        "allowed": "0 mg/m3" if ahead else "unknown",
        "data": data,
        "runbook_url": RUNBOOK,
        "dashboard_url": BOARD,
    }
    fired = {"exp_labels": {**NOX, "severity": "page"}, "exp_annotations": said}
    test = {
        "interval": "15s",
        "input_series": [
            {"series": AVERAGE, "values": average},
            {"series": RATIO, "values": ratio},
            {"series": LIMIT, "values": limit},
            *({"series": name, "values": values} for name, values in ahead.items()),
        ],
        "alert_rule_test": [{"eval_time": "20m", "alertname": OVER, "exp_alerts": [fired]}],
    }
    promtool(tmp_path, "emissions.yml", {"15s": [test]})


@pytest.mark.parametrize(
    ("due", "projected", "left"),
    [
        pytest.param("2472x90", "51.8x90", "41m 12s", id="it comes"),
        pytest.param(None, "49.9x90", "no exceedance at the present rate", id="it does not come"),
        pytest.param(None, None, "unknown", id="nobody knows"),
    ],
)
def test_a_warning_says_how_long_there_is_and_what_is_still_allowed(
    due: str | None, projected: str | None, left: str, tmp_path: Path
) -> None:
    reaches = projected.split("x")[0] + " mg/m3" if projected else "unknown"
    said = {
        "summary": "An emission average has reached 95 % of its limit.",
        "description": "nox at north/s1: the 1h average of 47.5 mg/m3 is 95% of the limit of 50 mg/m3 (warning from "
        f"95 %). Time to the limit: {left}; a mean of at most 44.6 mg/m3 from now on keeps it. Data: valid now.",
        "average": "47.5 mg/m3",
        "limit": "50 mg/m3",
        "projected": reaches,
        "time_left": left,
        "allowed": "44.6 mg/m3",
        "data": "valid now",
        "runbook_url": RUNBOOK.replace(OVER, NEAR),
        "dashboard_url": BOARD,
    }
    fired = [
        {"exp_labels": {**NOX, "severity": "ticket", "threshold": rung}, "exp_annotations": said | changed}
        for rung in ("80", "90", "95")
        for changed in [{key: said[key].replace("95 %", f"{rung} %") for key in ("summary", "description")}]
    ]
    values = {AVERAGE: "47.5x90", RATIO: "0.95x90", LIMIT: "50x90", ALLOWED: "44.6x90", PROJECTED: projected, DUE: due}
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": value} for name, value in values.items() if value],
        "alert_rule_test": [{"eval_time": "20m", "alertname": NEAR, "exp_alerts": fired}],
    }
    promtool(tmp_path, "emissions.yml", {"15s": [test]})


@pytest.mark.parametrize(
    ("ratio", "last"),
    [
        ("0.7x4 stale", "the last valid one was at 1970-01-01 00:01:00 +0000 UTC"),
        ("stale", "there has been no valid one in the last 3d"),
    ],
)
def test_an_invalid_average_is_told_with_the_last_valid_one_if_there_was_one(
    ratio: str, last: str, tmp_path: Path
) -> None:
    said = {
        "summary": "An emission average is not valid, so compliance cannot be told.",
        "description": f"nox at north/s1: the 1h average has not been valid for 15m or longer; {last}. This is neither "
        "compliance nor exceedance.",
        "runbook_url": RUNBOOK.replace(OVER, "EmissionAverageInvalid"),
        "dashboard_url": BOARD,
    }
    fired = {"exp_labels": {**NOX, "severity": "ticket"}, "exp_annotations": said}
    test = {
        "interval": "15s",
        "input_series": [{"series": RATIO, "values": ratio}, {"series": VALID, "values": "0x90"}],
        "alert_rule_test": [{"eval_time": "20m", "alertname": "EmissionAverageInvalid", "exp_alerts": [fired]}],
    }
    promtool(tmp_path, "emissions.yml", {"15s": [test]})


@pytest.mark.parametrize(
    ("series", "when", "said"),
    [
        pytest.param(
            {of(c.POINT_LAST_SAMPLE, **POINT): "0+15x20 300x80", of(c.POINT_QUALITY, **POINT, reason="range"): "2x100"},
            "21m15s",
            "the last usable sample is 16m 15s old",
            id="some time ago",
        ),
        pytest.param(
            {of(c.POINT_QUALITY, **POINT, reason="communication"): "2x100"},
            "20m",
            "there has been no usable sample in the last 3d",
            id="never",
        ),
    ],
)
def test_a_gap_says_how_long_it_lasts(series: dict[str, str], when: str, said: str, tmp_path: Path) -> None:
    annotations = {
        "summary": "A measuring point has delivered no usable sample for too long.",
        "description": f"Point nox of a1 at north/s1: {said} (15m are allowed). Averages of the stack lose validity.",
        "runbook_url": RUNBOOK.replace(OVER, GAP),
        "dashboard_url": "http://localhost:3000/d/greenops-gateway?var-site=north&var-stack=s1&var-device=a1",
    }
    fired = {"exp_labels": {**POINT, "severity": "page"}, "exp_annotations": annotations}
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": when, "alertname": GAP, "exp_alerts": [fired]}],
    }
    promtool(tmp_path, "gateway.yml", {"15s": [test]})


def test_labels_with_quotes_and_spaces_reach_the_page_whole(tmp_path: Path) -> None:
    odd = {"site": 'north "old" works', "stack": "s & 1", "parameter": "nox", "averaging": "1h"}
    names = ",".join(f"{key}={yaml.safe_dump(value, default_style=chr(34)).strip()}" for key, value in odd.items())
    fired = {
        "exp_labels": {**odd, "severity": "page"},
        "exp_annotations": {
            "summary": "An emission average is over its limit.",
            "description": 'nox at north "old" works/s & 1: the 1h average of 60 mg/m3 is 20% (10 mg/m3) over the '
            "limit of 50 mg/m3. Data: valid now.",
            "average": "60 mg/m3",
            "limit": "50 mg/m3",
            "over": "20% (10 mg/m3)",
            "projected": "unknown",
            "allowed": "unknown",
            "data": "valid now",
            "runbook_url": RUNBOOK,
            "dashboard_url": "http://localhost:3000/d/greenops-emissions?var-site=north+%22old%22+works&var-stack=s+%26+1"
            "&var-parameter=nox",
        },
    }
    test = {
        "interval": "15s",
        "input_series": [
            {"series": f'{c.EMISSION_AVERAGE.name}{{{names},unit="mg/m3"}}', "values": "60x10"},
            {"series": f'{c.EMISSION_LIMIT.name}{{{names},unit="mg/m3"}}', "values": "50x10"},
            {"series": f"{c.EMISSION_LIMIT_RATIO.name}{{{names}}}", "values": "1.2x10"},
        ],
        "alert_rule_test": [{"eval_time": "2m", "alertname": OVER, "exp_alerts": [fired]}],
    }
    promtool(tmp_path, "emissions.yml", {"15s": [test]})
