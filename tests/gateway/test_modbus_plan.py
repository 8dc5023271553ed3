from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.modbus.plan import BITS_PER_WORD, Limits, Span, fewest, halves, plan

registers = st.builds(Span, st.sampled_from(["holding", "input"]), st.integers(0, 300), st.sampled_from([1, 2, 4]))
bits = st.builds(Span, st.sampled_from(["coil", "discrete"]), st.integers(0, 3000), st.just(1))
spans_of_a_device = st.lists(registers | bits, max_size=60)
limits_of_a_device = st.builds(Limits, st.integers(4, 125), st.integers(1, 2000), st.integers(0, 125))


@pytest.mark.parametrize(
    ("spans", "limits", "requests"),
    [
        pytest.param([], Limits(), [], id="nothing"),
        pytest.param([("input", 0, 2), ("input", 2, 2)], Limits(), [("input", 0, 4)], id="neighbours are read at once"),
        pytest.param([("input", 2, 2), ("input", 0, 2)], Limits(), [("input", 0, 4)], id="in any order"),
        pytest.param(
            [("input", 0, 2), ("input", 10, 2)], Limits(gap=8), [("input", 0, 12)], id="a gap that is allowed"
        ),
        pytest.param(
            [("input", 0, 2), ("input", 11, 2)], Limits(gap=8), [("input", 0, 2), ("input", 11, 2)], id="a wider gap"
        ),
        pytest.param(
            [("input", 0, 1), ("holding", 1, 1)], Limits(), [("holding", 1, 1), ("input", 0, 1)], id="tables stay apart"
        ),
        pytest.param(
            [("input", at, 1) for at in range(126)],
            Limits(),
            [("input", 0, 125), ("input", 125, 1)],
            id="125 registers",
        ),
        pytest.param(
            [("input", at, 2) for at in range(0, 126, 2)],
            Limits(),
            [("input", 0, 124), ("input", 124, 2)],
            id="no split",
        ),
        pytest.param([("input", 0, 4), ("input", 1, 1)], Limits(), [("input", 0, 4)], id="one within another"),
        pytest.param([("input", 5, 1), ("input", 5, 1)], Limits(), [("input", 5, 1)], id="the same twice"),
        pytest.param(
            [("input", 0, 1), ("input", 1, 1)], Limits(words=1), [("input", 0, 1), ("input", 1, 1)], id="a picky device"
        ),
        pytest.param([("coil", 0, 1), ("coil", 120, 1)], Limits(gap=8), [("coil", 0, 121)], id="a gap of bits"),
        pytest.param(
            [("coil", 0, 1), ("coil", 2000, 1)], Limits(gap=125), [("coil", 0, 1), ("coil", 2000, 1)], id="2000"
        ),
    ],
)
def test_spans_become_few_requests(
    spans: list[tuple[str, int, int]], limits: Limits, requests: list[tuple[str, int, int]]
) -> None:
    blocks = plan((Span(*span) for span in spans), limits)  # type: ignore[arg-type]  # tables as text
    assert [(block.span.table, block.span.address, block.span.count) for block in blocks] == requests


@given(spans_of_a_device, limits_of_a_device)
def test_every_span_is_read_once_within_the_limits(spans: list[Span], limits: Limits) -> None:
    blocks = plan(spans, limits)
    assert sorted(span for block in blocks for span in block.spans) == sorted(set(spans))
    for block in blocks:
        assert block.span.count <= (limits.bits if block.span.is_bits else limits.words)
        end, gap = block.span.address, limits.gap * (BITS_PER_WORD if block.span.is_bits else 1)
        for span in block.spans:
            assert span.table == block.span.table
            assert block.span.address <= span.address <= end + gap
            end = max(end, span.address + span.count)
        assert end == block.span.address + block.span.count


@given(spans_of_a_device, limits_of_a_device)
def test_halves_hold_the_same_spans_in_less(spans: list[Span], limits: Limits) -> None:
    for block in plan(spans, limits):
        if len(block.spans) > 1:
            smaller = halves(block, limits)
            assert sorted(span for half in smaller for span in half.spans) == sorted(block.spans)
            assert all(len(half.spans) < len(block.spans) for half in smaller)


def in_groups(spans: Sequence[Span]) -> Iterator[list[list[Span]]]:
    """Every way to divide *spans*."""
    if not spans:
        yield []
        return
    first, rest = spans[0], spans[1:]
    for groups in in_groups(rest):
        yield [[first], *groups]
        for index, group in enumerate(groups):
            yield [*groups[:index], [first, *group], *groups[index + 1 :]]


def is_allowed(group: list[Span], limits: Limits) -> bool:
    """Whether one request may read *group*, told address by address."""
    table, first, end = group[0].table, min(span.address for span in group), max(span.end for span in group)
    if any(span.table != table for span in group) or end - first > limits.most(group[0]):
        return False
    wanted = {address for span in group for address in range(span.address, span.end)}
    never = {address for bad in limits.never if bad.table == table for address in range(bad.address, bad.end)}
    idle = 0
    for address in range(first, end):
        idle = 0 if address in wanted else idle + 1
        if address in never or idle > limits.gap * (BITS_PER_WORD if group[0].is_bits else 1):
            return False
    return True


small = st.builds(Span, st.sampled_from(["holding", "input"]), st.integers(0, 24), st.sampled_from([1, 2, 4]))
small_bits = st.builds(Span, st.just("coil"), st.integers(0, 60), st.just(1))


@st.composite
def small_maps(draw: st.DrawFn) -> tuple[list[Span], Limits]:
    spans = draw(st.lists(small | small_bits, max_size=7, unique=True))
    wanted = {(span.table, address) for span in spans for address in range(span.address, span.end)}
    bad = draw(st.lists(st.builds(Span, st.sampled_from(["holding", "input", "coil"]), st.integers(0, 28), st.just(1))))
    never = tuple(span for span in bad if (span.table, span.address) not in wanted)
    return spans, Limits(draw(st.integers(4, 20)), draw(st.integers(1, 40)), draw(st.integers(0, 8)), never)


@given(small_maps(), st.randoms(use_true_random=False))
def test_no_plan_has_fewer_requests_and_of_those_none_keeps_more_together(
    given_: tuple[list[Span], Limits], random: Random
) -> None:
    spans, limits = given_
    pairs = [(random.choice(spans), random.choice(spans)) for _ in range(random.randrange(4))] if spans else []
    pairs = [(one, other) for one, other in pairs if one != other]

    def cost(groups: Iterable[Sequence[Span]]) -> tuple[int, int]:
        groups = list(groups)
        return len(groups), -sum(any(one in it and other in it for it in groups) for one, other in pairs)

    possible = [groups for groups in in_groups(spans) if all(is_allowed(group, limits) for group in groups)]
    blocks = plan(spans, limits, pairs)
    assert all(is_allowed(list(block.spans), limits) for block in blocks)
    least = min(map(cost, possible))
    assert len(blocks) == least[0]
    # A group that is no run of neighbours may keep one more pair; among runs none does.
    runs = [
        groups
        for groups in possible
        if all(sorted(spans)[sorted(spans).index(min(it)) :][: len(it)] == sorted(it) for it in groups)
    ]
    assert cost([block.spans for block in blocks]) == min(map(cost, runs))
    assert fewest(spans, limits) <= len(blocks)


@pytest.mark.parametrize(
    ("status", "never", "requests"),
    [
        pytest.param(40, (), [(0, 4), (16, 25)], id="the status joins its value, not what merely comes first"),
        pytest.param(40, (Span("input", 35, 1),), [(0, 34), (40, 1)], id="but never over what must not be read"),
    ],
)
def test_a_value_and_its_status_are_read_at_once(
    status: int, never: tuple[Span, ...], requests: list[tuple[int, int]]
) -> None:
    spans = [Span("input", at, 2) for at in (0, 2, 16, 32)]
    judge = Span("input", status, 1)
    blocks = plan([*spans, judge], Limits(words=34, gap=14, never=never), [(spans[2], judge), (spans[3], judge)])
    assert [(block.span.address, block.span.count) for block in blocks] == requests


def test_a_map_of_ten_thousand_points_is_planned_as_well() -> None:
    spans = [Span("holding", 2 * at, 2) for at in range(10_000)]
    assert len(plan(spans, Limits())) == fewest(spans, Limits()) == 162
