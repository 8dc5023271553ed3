"""When a host counts as idle."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.idle import Method, Policy, State, decide, quiet
from greenops_core.unit import Seconds

POLICY = Policy(after=Seconds(300), load_below=0.05)
LONG, SHORT = Seconds(900), Seconds(20)
ACTIVE, IDLE, INPUT, LOAD = State.ACTIVE, State.IDLE, Method.INPUT, Method.LOAD

seconds = st.floats(0, 1e6).map(Seconds)
loads = st.none() | st.floats(0, 1)
inputs_seen = st.lists(st.none() | seconds, max_size=5)


@pytest.mark.parametrize(
    ("inputs", "load", "quiet_for", "state", "method"),
    [
        pytest.param([LONG], 0.01, LONG, IDLE, INPUT, id="nobody typed for long"),
        pytest.param([LONG], 0.01, Seconds(0), IDLE, INPUT, id="nobody typed for long, work has just ended"),
        pytest.param([SHORT], 0.01, LONG, ACTIVE, INPUT, id="somebody types"),
        pytest.param([LONG, SHORT], 0.01, LONG, ACTIVE, INPUT, id="one of two types"),
        pytest.param([Seconds(300)], 0.01, LONG, IDLE, INPUT, id="exactly the time without input"),
        pytest.param([LONG], 0.60, Seconds(0), ACTIVE, INPUT, id="nobody types while a build runs"),
        pytest.param([None], 0.01, LONG, ACTIVE, INPUT, id="a session whose input is not seen"),
        pytest.param([LONG, None], 0.01, LONG, ACTIVE, INPUT, id="one of two is not seen"),
        pytest.param([LONG], None, Seconds(0), ACTIVE, INPUT, id="load is not known yet"),
        pytest.param([], 0.01, LONG, IDLE, LOAD, id="server at rest for long"),
        pytest.param([], 0.01, SHORT, ACTIVE, LOAD, id="server at rest for a moment"),
        pytest.param([], 0.60, Seconds(0), ACTIVE, LOAD, id="server at work"),
        pytest.param([], 0.05, LONG, ACTIVE, LOAD, id="load at the threshold is not below it"),
        pytest.param([], None, LONG, ACTIVE, LOAD, id="server whose load is not known"),
    ],
)
def test_a_host_is_idle_only_when_that_is_certain(
    inputs: Sequence[Seconds | None], load: float | None, quiet_for: Seconds, state: State, method: Method
) -> None:
    decision = decide(POLICY, inputs, load, quiet_for)
    assert (decision.state, decision.method) == (state, method)


@given(inputs_seen, loads, seconds)
def test_what_is_not_known_never_makes_a_host_idle(
    inputs: list[Seconds | None], load: float | None, quiet_for: Seconds
) -> None:
    assert decide(POLICY, [*inputs, None], load, quiet_for).state is ACTIVE
    assert decide(POLICY, inputs, None, quiet_for).state is ACTIVE


@given(inputs_seen, loads, seconds, seconds)
def test_one_more_session_that_types_makes_a_host_active(
    inputs: list[Seconds | None], load: float | None, quiet_for: Seconds, since: Seconds
) -> None:
    recent = Seconds(since % POLICY.after)
    assert decide(POLICY, [*inputs, recent], load, quiet_for).state is ACTIVE


@given(st.lists(seconds, min_size=1, max_size=5), loads, seconds, seconds)
def test_more_time_without_input_never_makes_an_idle_host_active(
    inputs: list[Seconds], load: float | None, quiet_for: Seconds, more: Seconds
) -> None:
    if decide(POLICY, inputs, load, quiet_for).state is IDLE:
        later = [Seconds(since + more) for since in inputs]
        assert decide(POLICY, later, load, Seconds(quiet_for + more)).state is IDLE


@given(st.lists(st.tuples(loads, st.floats(0.1, 60)), max_size=30))
def test_quiet_is_the_time_since_load_was_last_high_or_unknown(intervals: list[tuple[float | None, float]]) -> None:
    so_far = Seconds(0)
    for load, lasted in intervals:
        so_far = quiet(so_far, load, Seconds(lasted), POLICY)
    expected = 0.0
    for load, lasted in reversed(intervals):
        if load is None or load >= POLICY.load_below:
            break
        expected += lasted
    assert so_far == pytest.approx(expected)
