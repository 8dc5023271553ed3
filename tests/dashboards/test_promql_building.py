"""Expressions are built from constants; what cannot be is refused when a board is built."""

from __future__ import annotations

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.catalogue import CATALOGUE, HOST_CPU, HOST_ENERGY, HOST_INFO, HOST_POWER
from greenops_dashboards.promql import Expr, Variable, combine, first_of, highest, rate, select, where, within

SITE = Variable("department", "Department", HOST_INFO)
HOST = Variable("host", "Host", HOST_INFO, (SITE,))


def test_a_selector_is_narrowed_by_the_variables_whose_label_it_has() -> None:
    of = within(SITE, HOST)
    assert str(of(HOST_CPU, mode="idle")) == 'greenops_host_cpu_seconds_total{host=~"$host",mode="idle"}'
    assert str(of(HOST_POWER)) == 'greenops_host_power_watts{department=~"$department",host=~"$host"}'


def test_a_variable_offers_the_values_within_the_choices_before_it() -> None:
    assert HOST.query == 'label_values(greenops_host_info{department=~"$department"}, host)'


def test_a_label_that_the_series_lacks_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="greenops_host_power_watts has no label stack; it has host, department"):
        select(HOST_POWER, stack="s")


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (Expr("a") + Expr("b") * 2, "a + (b * 2)"),
        ((Expr("a") + Expr("b")) * 2, "(a + b) * 2"),
        (Expr("a") - 1e-9, "a - 1e-09"),
        (
            highest(rate(select(HOST_ENERGY)), "host"),
            "max by (host) (rate(greenops_host_energy_joules_total[$__rate_interval]))",
        ),
        (
            first_of(Expr("a"), where(Expr("b"), "> 0"), Expr("c") * 0, on=("x",)),
            "a or on (x) (b > 0) or on (x) (c * 0)",
        ),
        (combine(Expr("a"), "/", Expr("b"), on=()), "a / on () b"),
    ],
)
def test_brackets_stand_where_they_must(expr: Expr, text: str) -> None:
    assert str(expr) == text


exprs = st.recursive(
    st.sampled_from([select(metric) for metric in CATALOGUE]),
    lambda inner: st.one_of(
        st.builds(combine, inner, st.sampled_from(["+", "-", "*", "/", "or", "and"]), inner),
        st.builds(highest, inner, st.sampled_from(["host", "site"])),
        st.builds(where, inner, st.sampled_from(["> 0", ">= bool 1"])),
    ),
    max_leaves=8,
)


@given(exprs)
def test_whatever_is_put_together_parses(expr: Expr) -> None:
    promql_parser.parse(str(expr))
