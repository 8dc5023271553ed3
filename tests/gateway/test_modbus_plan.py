from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.modbus.plan import BITS_PER_WORD, Limits, Span, halves, part, plan

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


@given(st.lists(registers, min_size=1, max_size=20), limits_of_a_device)
def test_a_part_is_what_stands_at_its_registers(spans: list[Span], limits: Limits) -> None:
    def image(span: Span) -> bytes:
        return b"".join((span.address + word).to_bytes(2, "big") for word in range(span.count))

    for block in plan(spans, limits):
        for span in block.spans:
            assert part(image(block.span), block, span) == image(span)


@given(st.lists(bits, min_size=1, max_size=20), limits_of_a_device, st.integers(0))
def test_a_part_of_bits_is_that_bit(spans: list[Span], limits: Limits, image: int) -> None:
    for block in plan(spans, limits):
        held = image >> block.span.address & (1 << block.span.count) - 1
        payload = held.to_bytes((block.span.count + 7) // 8, "little")
        for span in block.spans:
            assert part(payload, block, span) == bytes([image >> span.address & 1])
