"""The catalogue obeys Prometheus, and itself."""

from __future__ import annotations

import re
import subprocess

import pytest

from greenops_core.catalogue import CATALOGUE, POINT_METRICS
from greenops_core.sample import Kind, Metric
from greenops_core.unit import QUANTITIES
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live
from stack import server

every_metric = pytest.mark.parametrize("metric", CATALOGUE, ids=[metric.name for metric in CATALOGUE])


def test_promtool_accepts_the_text_of_every_metric() -> None:
    live = Live()
    for metric in CATALOGUE:
        live.put(metric.sample(1, 0.0, **dict.fromkeys(metric.labels, "x")))
    page = text(live.page(0.0))
    found = subprocess.run([server("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (found.returncode, (found.stdout + found.stderr).decode()) == (0, "")


def test_no_two_metrics_share_a_name_in_any_format() -> None:
    for names in ([metric.name for metric in CATALOGUE], [metric.otlp_name for metric in CATALOGUE]):
        assert len(names) == len(set(names))


@every_metric
def test_names_and_labels_are_legal_and_help_is_one_sentence_at_least(metric: Metric) -> None:
    assert re.fullmatch(r"greenops(_[a-z0-9]+)+", metric.name)
    assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)
    assert re.fullmatch(r"[A-Z01].*\.", metric.help)


@every_metric
def test_nothing_depends_on_labels_that_the_way_adds_or_reserves(metric: Metric) -> None:
    assert not {"job", "instance", "le", "quantile", "alertname", "severity"}.intersection(metric.labels)


@every_metric
def test_a_stem_does_not_repeat_what_the_name_adds(metric: Metric) -> None:
    assert not metric.stem.endswith(("_total", "_seconds", "_joules", "_grams", "_watts", "_bytes"))
    if metric.stem.endswith("_info"):
        assert metric.kind is Kind.GAUGE


def test_every_quantity_has_a_metric_in_its_own_base_unit() -> None:
    assert set(POINT_METRICS) == set(QUANTITIES)
    for quantity, metric in POINT_METRICS.items():
        assert metric.unit is quantity.base
