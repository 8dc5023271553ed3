"""Samples, their quality, and the errors that name who must act."""

from __future__ import annotations

import pytest

from greenops_core.errors import FEW, ConfigError, nearest
from greenops_core.sample import Kind, Metric, Quality, Reason
from greenops_core.unit import GRAM_PER_KWH, JOULE, UNITLESS

METRIC = Metric("test", Kind.GAUGE, UNITLESS, "A test.", ("a", "b"))


@pytest.mark.parametrize(
    ("metric", "name", "otlp_name"),
    [
        (Metric("e", Kind.COUNTER, JOULE, "", ()), "greenops_e_joules_total", "greenops_e_joules"),
        (Metric("e", Kind.GAUGE, JOULE, "", ()), "greenops_e_joules", "greenops_e_joules"),
        (Metric("i", Kind.GAUGE, GRAM_PER_KWH, "", ()), "greenops_i_grams_per_kwh", "greenops_i_grams_per_kwh"),
        (Metric("n", Kind.COUNTER, UNITLESS, "", ()), "greenops_n_total", "greenops_n"),
        (Metric("n", Kind.GAUGE, UNITLESS, "", ()), "greenops_n", "greenops_n"),
    ],
    ids=["counter", "gauge", "compound unit", "unitless counter", "unitless gauge"],
)
def test_names_are_computed(metric: Metric, name: str, otlp_name: str) -> None:
    assert (metric.name, metric.otlp_name) == (name, otlp_name)


def test_labels_stand_in_the_order_of_the_catalogue() -> None:
    assert METRIC.sample(1, 2.0, b="second", a="first").labels == ("first", "second")


@pytest.mark.parametrize("labels", [{}, {"a": "x"}, {"a": "x", "c": "y"}, {"a": "x", "b": "y", "c": "z"}])
def test_other_labels_are_refused(labels: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="greenops_test has labels"):
        METRIC.sample(1, 2.0, **labels)


def test_a_marked_sample_keeps_all_but_its_quality() -> None:
    good = METRIC.sample(1, 2.0, a="", b="")
    marked = good.marked(Quality.UNCERTAIN, Reason.STALE)
    assert (marked.value, marked.at, marked.labels) == (good.value, good.at, good.labels)
    assert (marked.quality, marked.reason) == (Quality.UNCERTAIN, Reason.STALE)
    assert Quality.GOOD < Quality.UNCERTAIN < Quality.BAD  # what is derived takes the maximum


@pytest.mark.parametrize(
    ("wrong", "known", "offer"),
    [
        ("HOLDING", ["holding", "input"], "; did you mean 'holding'?"),
        ("x", ["b", "a"], "; known: a, b"),
        ("x", [], ""),
        ("x", [f"name{number}" for number in range(FEW + 1)], ""),
    ],
    ids=["close but for case", "few", "none", "too many to list"],
)
def test_the_nearest_right_name_is_offered(wrong: str, known: list[str], offer: str) -> None:
    assert nearest(wrong, known) == offer


def test_an_error_grows_its_path_on_the_way_out() -> None:
    error = ConfigError("is wrong").under("unit").under("points", 3).under("devices", 0)
    assert str(error) == "devices[0].points[3].unit: is wrong"
    assert str(ConfigError("is wrong")) == "is wrong"
