"""When work that repeats is due."""

from __future__ import annotations

import pytest

from greenops_core.grid import due


@pytest.mark.parametrize(
    ("now", "following"),
    [
        pytest.param(100.0, 105.0, id="at once"),
        pytest.param(100.3, 105.0, id="work took a moment"),
        pytest.param(104.9, 105.0, id="work took nearly all of the period"),
        pytest.param(105.0, 110.0, id="work took just one period, whose next time is missed"),
        pytest.param(105.1, 110.0, id="one was missed"),
        pytest.param(131.0, 135.0, id="many were missed, and are not made up for"),
    ],
)
def test_the_next_time_lies_ahead_and_on_the_grid(now: float, following: float) -> None:
    assert due(now, every=5.0, offset=100.0) == following
