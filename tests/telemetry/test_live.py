"""The live picture: the last good value, while it is fresh."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from greenops_core.sample import Kind, Metric, Quality, Reason
from greenops_core.unit import UNITLESS
from greenops_telemetry.live import Live, Snapshot

GAUGE = Metric("gauge", Kind.GAUGE, UNITLESS, "A gauge.", ("a", "b"))
OTHER = Metric("other", Kind.GAUGE, UNITLESS, "Another gauge.", ("a", "b"))
COUNTER = Metric("counter", Kind.COUNTER, UNITLESS, "A counter.", ("a",))


def shown(snapshot: Snapshot) -> dict[tuple[str, ...], float]:
    return {(metric.stem, *series.labels): series.value for metric, family in snapshot for series in family}


def lines(live: Live, now: float = 0.0) -> list[str]:
    return b"".join(part for _, part in live.page(now)).decode().splitlines()


def test_the_last_value_of_a_series_stands() -> None:
    live = Live()
    for value in (1, 2, 3):
        live.put(GAUGE.sample(value, 0.0, a="x", b="y"))
    live.put(GAUGE.sample(9, 0.0, a="x", b="z"))
    assert shown(live.snapshot(0.0)) == {("gauge", "x", "y"): 3, ("gauge", "x", "z"): 9}


def test_a_bad_value_is_absent_until_a_better_one_comes() -> None:
    live = Live()
    good = GAUGE.sample(1, 0.0, a="x", b="y")
    live.put(good)
    live.put(good.marked(Quality.BAD, Reason.RANGE))
    assert live.snapshot(0.0) == ()
    live.put(good.marked(Quality.UNCERTAIN, Reason.CALIBRATION))
    assert shown(live.snapshot(0.0)) == {("gauge", "x", "y"): 1}


def test_a_series_ends_at_the_moment_it_expires_and_may_begin_again() -> None:
    live = Live()
    sample = GAUGE.sample(1, 0.0, a="x", b="y")
    live.put(sample, expires=10.0)
    assert shown(live.snapshot(9.999)) == {("gauge", "x", "y"): 1}
    assert live.snapshot(10.0) == ()
    live.put(sample, expires=20.0)
    assert shown(live.snapshot(10.0)) == {("gauge", "x", "y"): 1}


def test_a_snapshot_does_not_change_any_more() -> None:
    live = Live()
    live.put(GAUGE.sample(1, 0.0, a="x", b="y"), expires=5.0)
    taken = live.snapshot(0.0)
    live.put(GAUGE.sample(2, 0.0, a="x", b="y"))
    live.put(GAUGE.sample(2, 0.0, a="n", b="y"))
    live.put(GAUGE.sample(3, 0.0, a="x", b="y").marked(Quality.BAD, Reason.RANGE))
    assert shown(taken) == {("gauge", "x", "y"): 1}


def test_a_place_that_is_kept_is_kept_while_others_go() -> None:
    live = Live()
    place = live.cell(GAUGE, ("x", "kept"))
    other = live.cell(GAUGE, ("x", "always"))
    live.put(GAUGE.sample(1, 0.0, a="x", b="loose"), expires=5.0)
    other.set(2, 0.0)
    assert shown(live.snapshot(6.0)) == {("gauge", "x", "always"): 2}
    place.set(3, 6.0)
    assert shown(live.snapshot(6.0)) == {("gauge", "x", "always"): 2, ("gauge", "x", "kept"): 3}
    assert live.cell(GAUGE, ("x", "kept")) is place


def test_a_place_that_is_free_again_shows_who_has_it_now() -> None:
    live = Live()
    first, second = (live.cell(GAUGE, ("x", name)) for name in ("first", "second"))
    for cell in (first, second):
        cell.set(1, 0.0)
    assert lines(live) == ['greenops_gauge{a="x",b="first"} 1.0', 'greenops_gauge{a="x",b="second"} 1.0']
    live.forget(GAUGE, ("x", "first"))
    assert lines(live) == ['greenops_gauge{a="x",b="second"} 1.0']
    live.cell(GAUGE, ("x", "third")).set(1, 0.0)
    first.set(5, 0.0)  # by one who was not told
    assert sorted(lines(live)) == ['greenops_gauge{a="x",b="second"} 1.0', 'greenops_gauge{a="x",b="third"} 1.0']


NAMES = st.sampled_from(["a", "b", "100%", "%s", 'q"', "\\"])
VALUES = st.sampled_from([0.0, -0.0, 1.5, math.nan, math.inf, -math.inf])
STEPS = st.lists(st.tuples(st.sampled_from(["put", "cell", "end", "bad", "forget"]), NAMES, VALUES, st.booleans()))


@given(STEPS)
def test_a_page_says_what_a_snapshot_does_whatever_came_before(steps: list[tuple[str, str, float, bool]]) -> None:
    live = Live()
    for number, (what, name, value, looks) in enumerate(steps):
        sample = GAUGE.sample(value, 0.0, a="x", b=name)
        if what == "put":
            live.put(sample, expires=number + 2.0)
        elif what == "bad":
            live.put(sample.marked(Quality.BAD, Reason.RANGE))
        elif what == "forget":
            live.forget(GAUGE, sample.labels)
        elif what == "cell":
            live.cell(GAUGE, sample.labels).set(value, 0.0)
        else:
            live.cell(GAUGE, sample.labels).end()
        if looks:
            fresh = Live()
            for metric, family in live.snapshot(number):
                for series in family:
                    fresh.put(metric.sample(series.value, 0.0, **dict(zip(metric.labels, series.labels, strict=True))))
            assert lines(live, number) == lines(fresh)


def test_families_keep_the_order_of_their_first_appearance() -> None:
    live = Live()
    live.put(OTHER.sample(1, 0.0, a="x", b="y"))
    live.put(GAUGE.sample(1, 0.0, a="x", b="y"), expires=1.0)
    live.snapshot(2.0)
    live.put(COUNTER.sample(1, 0.0, a="x"))
    live.put(GAUGE.sample(1, 0.0, a="x", b="y"))
    assert [metric.stem for metric, _ in live.snapshot(0.0)] == ["other", "gauge", "counter"]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 1000)), min_size=1))
def test_a_counter_is_the_sum_of_what_was_counted(amounts: list[tuple[str, int]]) -> None:
    live = Live()
    for label, amount in amounts:
        live.count(COUNTER, 0.0, amount, a=label)
    assert shown(live.snapshot(math.inf)) == {}
    assert math.fsum(shown(live.snapshot(0.0)).values()) == 0  # looked at beyond the end of time, all is forgotten
    for label, amount in amounts:
        live.count(COUNTER, 0.0, amount, a=label)
    assert sum(shown(live.snapshot(0.0)).values()) == sum(amount for _, amount in amounts)
