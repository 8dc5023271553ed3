"""Rules, read as syntax trees: they name only what exists, use it as its kind allows, and tell people all they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import promql_parser as promql
import pytest
import yaml

from greenops_alerting import rules
from greenops_alerting.platform import JOBS
from greenops_alerting.promql import FOREIGN, SCRAPED
from greenops_alerting.records import COMPATIBILITY, RECORDS
from greenops_alerting.rule import Alert, Record, Severity
from greenops_alerting.rules import VARIABLES
from greenops_alerting.thresholds import NORMAL, QUICK, Windows
from greenops_core.catalogue import CATALOGUE
from greenops_core.duration import duration
from greenops_core.sample import Kind

RUNBOOKS = Path(rules.__file__).parents[1] / "runbooks"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Whom it concerns"]
GROWTH = {"rate", "increase"}
OVER_TIME = {"max_over_time", "last_over_time", "avg_over_time", "sum_over_time", "count_over_time"}
FUNCTIONS = GROWTH | OVER_TIME | {"time", "floor", "vector", "scalar", "timestamp", "label_replace"}
MADE = {"greenops_energy_kwh": {"system"}}
"""Labels that a record makes itself."""
RETENTION_SECONDS = 15 * 86400
"""What Prometheus keeps when nobody says otherwise."""


@dataclass(frozen=True)
class Known:
    labels: frozenset[str]
    counter: bool


KNOWN = {
    **{metric.name: Known(frozenset({*metric.labels, *SCRAPED}), metric.kind is Kind.COUNTER) for metric in CATALOGUE},
    **{record.name: Known(frozenset(record.labels), counter=False) for record in RECORDS},
    **{other.name: Known(frozenset({*other.labels, *SCRAPED}), other.name.endswith("_total")) for other in FOREIGN},
}
ALERTS = rules.alerts()
RULES: tuple[Record | Alert, ...] = (*RECORDS, *ALERTS)


def known_as(rule: Record | Alert) -> str:
    return " ".join([rule.name, *(rule.labels.values() if isinstance(rule, Alert) else ())])


EXPRESSIONS = [
    *(pytest.param(rule.name, rule.expr, id=f"{rule.name} {number}") for number, rule in enumerate(RULES)),
    *(
        pytest.param(each.name, query, id=f"{each.name} asks {number}.{place}")
        for number, each in enumerate(ALERTS)
        for place, query in enumerate(
            sorted({*each.description.queries, *(q for f in each.facts.values() for q in f.queries)})
        )
    ),
]


def walk(node: promql.Expr, inside: tuple[str, ...] = ()) -> Iterator[tuple[promql.Expr, tuple[str, ...]]]:
    """Every node with the functions around it."""
    yield node, inside
    match node:
        case promql.MatrixSelector():
            yield from walk(node.vector_selector, (*inside, "[]"))
        case promql.SubqueryExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.AggregateExpr():
            yield from walk(node.expr, inside)
        case promql.Call():
            for argument in node.args:
                yield from walk(argument, (*inside, node.func.name))
        case promql.BinaryExpr():
            yield from walk(node.lhs, inside)
            yield from walk(node.rhs, inside)
        case _:
            pass


def selectors(expr: str) -> Iterator[tuple[promql.VectorSelector, tuple[str, ...]]]:
    for node, inside in walk(promql.parse(expr)):
        if isinstance(node, promql.VectorSelector):
            yield node, inside


def faults(rule: str, expr: str) -> list[str]:
    """What is wrong with *expr*, in words."""
    found: list[str] = []
    available: set[str] = {*MADE.get(rule, ()), "unit"}
    for selector, inside in selectors(expr):
        known = KNOWN.get(selector.name or "")
        if known is None:
            found.append(f"{selector.name} does not exist")
            continue
        available |= known.labels
        unknown = {matcher.name for matcher in selector.matchers.matchers} - known.labels
        found += [f"{selector.name} has no label {name}" for name in unknown]
        grows = bool(GROWTH & set(inside))
        if known.counter != grows and rule != "greenops_energy_kwh":
            found.append(f"{selector.name} is {'a' if known.counter else 'no'} counter")
    return found + [fault for node, _ in walk(promql.parse(expr)) for fault in faults_of(node, available)]


def faults_of(node: promql.Expr, available: set[str]) -> list[str]:
    """What is wrong with one node."""
    match node:
        case promql.Call() if node.func.name not in FUNCTIONS:
            return [f"function {node.func.name}"]
        case promql.AggregateExpr() if str(node.op) in {"topk", "bottomk"}:
            return ["topk changes who is told from one evaluation to the next"]
        case promql.AggregateExpr() if node.modifier is not None:
            return [f"by ({name})" for name in set(node.modifier.labels) - available]
        case promql.MatrixSelector() if node.range.total_seconds() > RETENTION_SECONDS:
            return [f"a window of {node.range}"]
        case promql.BinaryExpr() if node.modifier is not None and node.modifier.matching is not None:
            return [f"on ({name})" for name in set(node.modifier.matching.labels) - available]
        case _:
            return []


@pytest.mark.parametrize(("rule", "expr"), EXPRESSIONS)
def test_an_expression_names_what_exists_and_uses_it_as_its_kind_allows(rule: str, expr: str) -> None:
    assert faults(rule, expr) == []


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("greenops_device_upp == 0", "greenops_device_upp does not exist"),
        ('greenops_device_up{host="x"} == 0', "greenops_device_up has no label host"),
        ("sum(greenops_host_energy_joules_total)", "greenops_host_energy_joules_total is a counter"),
        ("rate(greenops_host_power_watts[5m])", "greenops_host_power_watts is no counter"),
        ("max by (host) (greenops_device_up)", "by (host)"),
        ("greenops_device_up and on (host) greenops_device_up", "on (host)"),
        ("topk(1, greenops_device_up)", "topk changes who is told from one evaluation to the next"),
        ("predict_linear(greenops_device_up[1h], 60)", "function predict_linear"),
    ],
)
def test_the_lint_sees(expr: str, fault: str) -> None:
    assert faults("some rule", expr) == [fault]


@pytest.mark.parametrize("rule", RULES, ids=known_as)
def test_the_labels_of_a_rule_are_those_that_its_expression_gives(rule: Record | Alert) -> None:
    said = set(rule.labels if isinstance(rule, Record) else rule.identity)
    available = set(MADE.get(rule.name, ())).union(*(KNOWN[node.name or ""].labels for node, _ in selectors(rule.expr)))
    assert said <= available


@pytest.mark.parametrize("each", ALERTS, ids=known_as)
def test_an_alert_tells_people_all_they_need(each: Alert) -> None:
    assert re.fullmatch(r"(?:[A-Z][a-z]+)+", each.name)
    assert len(each.name) <= 40
    assert re.fullmatch(r"[A-Z][^{}]*\.", each.summary)
    assert each.description.template.endswith(".")
    assert each.name == "Watchdog" or re.search(r"\$(value|labels)", each.description.template)
    assert not re.search(r"\{\{\s*\$value\s*\}\}", each.description.template), "a bare number"
    assert each.dashboard in VARIABLES
    assert not {"severity", *each.labels} & set(each.identity)
    texts = [each.description, *each.facts.values()]
    assert {name for text in texts for name in text.labels} <= set(each.identity), "labels that render empty"
    assert "$value" not in str(each.labels)


@pytest.mark.parametrize("each", ALERTS, ids=known_as)
def test_an_alert_compares_something(each: Alert) -> None:
    assert re.search(r"==|[<>]|unless|vector\(1\)", each.expr)


def test_names_tell_alerts_apart_except_on_a_ladder() -> None:
    seen = {(each.name, tuple(each.labels.items())) for each in ALERTS}
    assert len(seen) == len(ALERTS)
    names = [record.name for record in RECORDS]
    assert len(set(names)) == len(names)
    groups = [group.name for group in rules.groups()]
    assert len(set(groups)) == len(groups)


@pytest.mark.parametrize("record", [record for record in RECORDS if record not in COMPATIBILITY], ids=known_as)
def test_a_record_is_named_by_level_metric_and_operation(record: Record) -> None:
    level, metric, operation = record.name.split(":")
    assert set(level.split("_")) == set(record.labels)
    assert metric.startswith("greenops_")
    assert operation


def test_an_alert_stands_in_the_group_of_the_records_it_reads() -> None:
    recorded = {record.name for record in RECORDS}
    for group in rules.groups():
        here = [record.name for record in group.records]
        for each in group.alerts:
            read = {node.name for node, _ in selectors(each.expr)} & recorded
            assert read <= set(here), each.name
        for place, record in enumerate(group.records):
            later = {node.name for node, _ in selectors(record.expr)} & set(here[place + 1 :])
            assert not later, f"{record.name} reads {later} before it is recorded"


def test_every_record_is_in_a_file_once_and_groups_are_small_and_frequent() -> None:
    filed = [record for group in rules.groups() for record in group.records]
    assert sorted(record.name for record in filed) == sorted(record.name for record in RECORDS)
    for group in rules.groups():
        assert len(group.rules) <= 20
        assert len(group.name) <= 40
        assert duration(group.interval) <= 300


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {each.name for each in ALERTS}


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_says_what_it_means_and_what_to_do(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.stem}\n")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    assert parts[1::2] == SECTIONS
    assert all(len(part.strip()) > 20 for part in parts[2::2])
    assert "`" in parts[6] or "    " in parts[6], "diagnosis without a command"


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_what_a_runbook_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:greenops_\w+|(?:\w+:)greenops_\w+:\w+)\b", text)) - {"greenops_"}
    recorded = {
        part for record in RECORDS for part in (record.name, record.name.split(":")[1] if ":" in record.name else "")
    }
    assert named <= KNOWN.keys() | recorded
    alerts = {each.name for each in ALERTS}
    mentioned = set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", text)) - {"GreenOps", "PromQL"}
    assert mentioned <= alerts


def test_the_jobs_that_are_ours_are_those_of_the_shipped_scrape_plan() -> None:
    plan = yaml.safe_load((RUNBOOKS.parents[1] / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"] for job in plan["scrape_configs"]} - {"prometheus", "alertmanager"}
    assert set(JOBS.removeprefix('=~"').removesuffix('"').split("|")) == jobs


def test_a_ladder_is_cumulative_and_pages_at_its_top_only() -> None:
    ladders: dict[str, list[Alert]] = {}
    for each in ALERTS:
        if "threshold" in each.labels:
            ladders.setdefault(each.name, []).append(each)
    for name, ladder in ladders.items():
        assert all("<" not in each.expr for each in ladder), f"{name}: exclusive bands never resolve"
        for each in ladder:
            assert (each.severity is Severity.PAGE) == (float(each.labels["threshold"]) >= 100), name


def test_quick_windows_change_windows_and_nothing_else() -> None:
    normal, quick = rules.alerts(), rules.alerts(QUICK)
    assert [each.name for each in quick] == [each.name for each in normal]
    assert [each.severity for each in quick] == [each.severity for each in normal]
    assert quick != normal
    assert all(duration(value) >= duration("5s") for value in (QUICK.confirm, QUICK.device_silent, QUICK.data_gap))


@pytest.mark.parametrize("effect", ["point_bad", "data_gap", "average_invalid", "device_errors"])
@pytest.mark.parametrize("windows", [NORMAL, QUICK], ids=["normal", "quick"])
def test_a_lost_device_is_told_an_evaluation_before_what_it_silences(windows: Windows, effect: str) -> None:
    (interval,) = {group.interval for group in rules.groups(windows) if "DeviceConnectionLost" in str(group.alerts)}
    told = duration(windows.device_silent) + duration(windows.confirm) + duration(interval)
    assert told < duration(getattr(windows, effect))


@pytest.mark.parametrize("windows", [NORMAL, QUICK], ids=["normal", "quick"])
def test_a_silent_program_is_told_before_its_hosts(windows: Windows) -> None:
    assert duration(windows.program_silent) < duration(windows.host_silent)
