from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.clock import RELEASED, ClockWatch

T0 = RELEASED + 1e7


class Clocks:
    """A wall clock that can be set, and a monotonic one that cannot."""

    def __init__(self, wall: float = T0) -> None:
        self.wall, self.monotonic = wall, 100.0
        self.watch = ClockWatch(lambda: self.wall, lambda: self.monotonic)

    def passes(self, seconds: float, drift: float = 0.0) -> None:
        self.monotonic += seconds
        self.wall += seconds * (1 + drift)

    def trusted(self) -> bool:
        return self.watch.trusted(self.wall)


@pytest.mark.parametrize(
    ("step", "stepped"),
    [
        pytest.param(1.9, False, id="a second or two"),
        pytest.param(-1.9, False, id="a second or two back"),
        pytest.param(2.1, True, id="more"),
        pytest.param(3600.0, True, id="an hour"),
        pytest.param(-3600.0, True, id="an hour back"),
    ],
)
def test_a_clock_that_was_stepped_is_not_trusted_for_a_minute(step: float, stepped: bool) -> None:  # noqa: FBT001  # a column
    clocks = Clocks()
    clocks.passes(10)
    assert clocks.trusted()
    clocks.wall += step
    assert clocks.trusted() is not stepped
    clocks.passes(59)
    assert clocks.trusted() is not stepped
    clocks.passes(1)
    assert clocks.trusted()
    assert clocks.watch.stepped() == pytest.approx(step if stepped else 0.0)
    assert clocks.watch.stepped() == 0


def test_a_clock_that_shows_1970_is_not_trusted_and_its_correction_is_a_step() -> None:
    clocks = Clocks(wall=30.0)
    assert not clocks.trusted()
    clocks.passes(3600)
    assert not clocks.trusted()
    clocks.wall += T0
    assert not clocks.trusted()
    clocks.passes(60)
    assert clocks.trusted()
    assert clocks.watch.stepped() == pytest.approx(T0)


def test_small_steps_in_a_row_are_one_step() -> None:
    clocks = Clocks()
    clocks.wall += 1.5
    assert clocks.trusted()
    clocks.passes(1)
    clocks.wall += 1.5
    assert not clocks.trusted()


def test_a_step_is_found_by_whoever_asks_first() -> None:
    clocks = Clocks()
    clocks.wall -= 100
    assert clocks.watch.stepped() == pytest.approx(-100)
    assert not clocks.trusted()


@given(drift=st.floats(-4.9e-4, 4.9e-4), pauses=st.lists(st.floats(0.01, 3600.0), min_size=1, max_size=50))
def test_a_clock_that_a_time_service_drives_stays_trusted(drift: float, pauses: list[float]) -> None:
    clocks = Clocks()
    for pause in pauses:
        clocks.passes(pause, drift)
        assert clocks.trusted()
    assert clocks.watch.stepped() == 0
