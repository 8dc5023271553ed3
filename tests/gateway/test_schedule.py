from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.grid import due
from greenops_gateway.schedule import pause, phase

periods = st.sampled_from([0.05, 0.1, 0.2, 1.0, 5.0, 60.0])


@given(st.floats(0, 1e7), periods, st.text(max_size=20))
def test_the_next_time_is_on_the_grid_and_within_one_period(now: float, every: float, name: str) -> None:
    offset = phase(name, every)
    following = due(now, every, offset)
    assert now < following <= now + every * 1.001
    assert (following - offset) / every == pytest.approx(round((following - offset) / every), abs=1e-4)


def test_devices_are_spread_over_the_period() -> None:
    phases = sorted(phase(f"analyser-{number}", 1.0) for number in range(100))
    assert phases[0] < 0.1
    assert phases[-1] > 0.9
    assert max(after - before for before, after in pairwise(phases)) < 0.1


async def test_a_poll_that_took_long_is_followed_by_the_next_grid_time_not_by_a_bunch() -> None:
    now, seen = 0.25, []

    def clock() -> float:
        return now

    async def sleep(delay: float) -> None:
        nonlocal now
        now += delay

    for took in (0.2, 0.2, 3.7, 0.2, 0.2):
        now += took
        await pause(1.0, 0.5, clock, sleep)
        seen.append(round(now, 6))
    assert seen == [0.5, 1.5, 5.5, 6.5, 7.5]
