"""What we write, prometheus-client's parsers read back, bit for bit."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from greenops_core.sample import Kind, Metric
from greenops_core.unit import JOULE, RATIO, UNITLESS
from greenops_telemetry import exposition
from greenops_telemetry.live import Live, Page
from greenops_telemetry.server import numbers

GAUGE = Metric("test", Kind.GAUGE, RATIO, 'Help with "quotes", a back\\slash and a\nnew line.', ("a", "b"))
COUNTER = Metric("test_energy", Kind.COUNTER, JOULE, "A counter.", ("a",))
BARE = Metric("test_bare", Kind.GAUGE, UNITLESS, "No labels.", ())

Read = Callable[[Page], Iterable[Family]]
READERS: Mapping[str, Read] = {
    "text": lambda page: text_families(exposition.text(page).decode()),
    "openmetrics": lambda page: openmetrics_families(  # type: ignore[no-untyped-call]  # prometheus-client types it not
        exposition.openmetrics(page).decode() + "# EOF\n"
    ),
}


def values(read: Read, live: Live) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in read(live.page(0.0))
        for sample in family.samples
    }


@pytest.mark.parametrize("reader", READERS)
@given(labels=st.lists(st.tuples(st.text(), st.text()), min_size=1, unique=True), value=st.floats())
def test_every_label_and_every_float_comes_back(reader: str, labels: list[tuple[str, str]], value: float) -> None:
    live = Live()
    for a, b in labels:
        live.put(GAUGE.sample(value, 0.0, a=a, b=b))
    back = values(READERS[reader], live)
    assert set(back) == {(GAUGE.name, pair) for pair in labels}
    for found in back.values():
        assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize("reader", READERS)
def test_counters_gauges_and_bare_metrics_keep_name_kind_and_help(reader: str) -> None:
    live = Live()
    live.put(GAUGE.sample(1, 0.0, a="x", b=""))
    live.put(COUNTER.sample(2, 0.0, a="x"))
    live.put(BARE.sample(3, 0.0))
    families = list(READERS[reader](live.page(0.0)))
    assert [(family.type, family.documentation) for family in families] == [
        ("gauge", GAUGE.help),
        ("counter", COUNTER.help),
        ("gauge", BARE.help),
    ]
    assert values(READERS[reader], live) == {
        ("greenops_test_ratio", ("x", "")): 1,
        ("greenops_test_energy_joules_total", ("x",)): 2,
        ("greenops_test_bare", ()): 3,
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0.0"),
        (-0.0, "-0.0"),
        (5, "5.0"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_are_written_as_prometheus_does(value: float, written: str) -> None:
    live = Live()
    live.put(BARE.sample(value, 0.0))
    assert exposition.text(live.page(0.0)).decode().splitlines()[-1] == f"greenops_test_bare {written}"


def test_what_utf8_cannot_say_is_a_question_mark_and_not_the_end_of_the_page() -> None:
    live = Live()
    live.put(COUNTER.sample(1, 0.0, a="bad\udc80byte"))
    assert b'a="bad?byte"} 1.0' in exposition.text(live.page(0.0))


@pytest.mark.parametrize("write", [exposition.text, exposition.openmetrics])
def test_nothing_is_written_as_nothing(write: Callable[[Page], bytes]) -> None:
    assert write(()) == b""


@given(st.lists(st.floats(), min_size=1))
def test_the_quick_writer_of_numbers_loses_no_bit(values: list[float]) -> None:
    live = Live()
    for at, value in enumerate(values):
        live.put(GAUGE.sample(value, 0.0, a="x", b=str(at)))
    back = [float(line.rpartition(b" ")[2]) for _, lines in live.page(0.0, numbers) for line in lines.splitlines()]
    assert [struct.pack("d", value) for value in back if not math.isnan(value)] == [
        struct.pack("d", value) for value in values if not math.isnan(value)
    ]
    assert [math.isnan(value) for value in back] == [math.isnan(value) for value in values]
