"""Every expression that this repository commits, and the words that they may use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generated.promql_tree import Known, Vocabulary
from greenops_alerting.promql import FOREIGN as FOREIGN_IN_RULES
from greenops_alerting.promql import SCRAPED
from greenops_alerting.records import RECORDS
from greenops_core.catalogue import CATALOGUE
from greenops_core.sample import Kind
from greenops_dashboards.alert import FOREIGN as FOREIGN_ON_BOARDS

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Spoken:
    """An expression and where it stands."""

    where: str
    text: str


def vocabulary() -> Vocabulary:
    """The catalogue, our records, and the closed lists of what others write."""
    foreign = (*FOREIGN_IN_RULES, *FOREIGN_ON_BOARDS)
    everything: tuple[Known, ...] = (*CATALOGUE, *RECORDS, *foreign)
    counters = {metric.name for metric in CATALOGUE if metric.kind is Kind.COUNTER}
    counters |= {metric.name for metric in foreign if metric.name.endswith("_total")}
    return Vocabulary({one.name: one for one in everything}, counters, {one.name for one in foreign})


def rules() -> list[tuple[str, dict[str, Any]]]:
    """Every committed rule, with its file's name."""
    return [
        (path.name, rule)
        for path in sorted((ROOT / "alerting/rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def boards() -> dict[str, dict[str, Any]]:
    """Every committed dashboard, by file name."""
    return {
        path.name: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "dashboards/json").glob("*.json"))
    }


def in_rules() -> Iterator[Spoken]:
    """The expressions of rules."""
    for file, rule in rules():
        labels = rule.get("labels", {})
        rung = labels.get("threshold") or labels.get("window") or ""
        yield Spoken(f"{file} {rule.get('alert') or rule.get('record')} {rung}".strip(), rule["expr"])


def on_boards() -> Iterator[Spoken]:
    """The expressions of panels."""
    for file, board in boards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Spoken(f"{file} {panel['title']} {target['refId']}", target["expr"])


def beside_panels() -> Iterator[Spoken]:
    """The expressions of variables and annotations."""
    for file, board in boards().items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                selector = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
                assert selector, f"{file}: variable {variable['name']} asks {variable['query']}"
                by = "" if selector[2] in SCRAPED else f" by ({selector[2]})"
                yield Spoken(f"{file} variable {variable['name']}", f"count{by} ({selector[1]})")
        for annotation in board["annotations"]["list"]:
            yield Spoken(f"{file} annotation {annotation['name']}", annotation["expr"])
