"""The text of 10 000 series: ours, and prometheus-client's from a registry with the same series."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.table import Table, progress
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from greenops_core.catalogue import POINT_TEMPERATURE
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live
from greenops_telemetry.server import numbers

SERIES = 10_000


def measure(quick: bool) -> Table:  # noqa: FBT001  # every benchmark is called so
    """Milliseconds for one page, and for taking over one new value of every series."""
    rounds = 5 if quick else 30
    labels = [{"site": "plant", "stack": "1", "device": "d", "point": f"p{number}"} for number in range(SERIES)]

    live = Live()
    samples = [POINT_TEMPERATURE.sample(number + 0.25, 0.0, **each) for number, each in enumerate(labels)]

    def put() -> None:
        for sample in samples:
            live.put(sample)

    registry = CollectorRegistry()
    gauge = Gauge(POINT_TEMPERATURE.name, POINT_TEMPERATURE.help, POINT_TEMPERATURE.labels, registry=registry)

    def set_() -> None:
        for number, each in enumerate(labels):
            gauge.labels(**each).set(number + 0.25)

    put()
    set_()
    assert _content(text(live.page(0.0))) == _content(generate_latest(registry)), "the pages cannot be compared"  # noqa: S101  # a benchmark checks itself
    # Every value is new on every page, as it is when each is measured between two scrapes.
    ours = (
        _median("our text", rounds, lambda: text(live.page(0.0, numbers)), before=put),
        _median("our put", rounds, put),
    )
    theirs = (
        _median("prometheus-client text", rounds, lambda: generate_latest(registry), before=set_),
        _median("prometheus-client set", rounds, set_),
    )
    return Table(
        f"Exposition of {SERIES} series, median of {rounds}",
        ["writer", "page, ms", "all values, ms"],
        [
            ["greenops", *ours],
            ["prometheus-client", *theirs],
            ["times as much", theirs[0] / ours[0], theirs[1] / ours[1]],
        ],
    )


def _content(page: bytes) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
    return {
        (sample.name, frozenset(sample.labels.items()), sample.value)
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def _median(name: str, rounds: int, work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Milliseconds of *work*; *before* is done each time, and not counted."""
    took = []
    for number in range(rounds):
        progress(f"exposition: {name}, {number + 1} of {rounds}")
        before()
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)
