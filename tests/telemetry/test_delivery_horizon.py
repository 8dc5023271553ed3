"""How far into the future samples are sent when the clock is set, and who watches it has heard of that or not."""

from __future__ import annotations

import pytest

from greenops_telemetry.delivery.horizon import AHEAD, NOTICED, STEP, Horizon

HOUR = 3600.0
START = 1.79e9


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0, 0.0, True), (1, 0.0, True)], 1, id="time passes"),
        pytest.param([(0, 0.0, True), (1, STEP - 0.1, True)], 1 + STEP - 0.1, id="corrected"),
        pytest.param([(0, 0.0, True), (1, HOUR, False)], 1, id="set, and not trusted"),
        pytest.param([(0, 0.0, True), (1, HOUR, True)], 1, id="set a moment ago, and nobody has noticed"),
        pytest.param(
            [(0, 0.0, True), (1, HOUR, True), (1 + NOTICED, HOUR, True)], 1 + NOTICED + HOUR, id="set, trusted"
        ),
        pytest.param(
            [(0, 0.0, True), (1, HOUR, True), (2, HOUR, False), (7, HOUR, True)], 7, id="noticed, settled now"
        ),
        pytest.param([(0, 0.0, True), (1, HOUR, True), (2, 0.0, True), (7, HOUR, True)], 7, id="back, and again"),
        pytest.param([(0, -HOUR, False), (1, -HOUR, False)], 1 - HOUR, id="never trusted"),
    ],
)
def test_a_clock_that_was_set_is_believed_late(looks: list[tuple[float, float, bool]], expected: float) -> None:
    """Each look is at a monotonic time, with the clock ahead by so much, trusted or not."""
    now, found = looks[0], 0.0
    horizon = Horizon(lambda: START + now[0] + now[1], lambda: now[0], lambda _: now[2])
    for each in looks:
        now = each
        found = horizon()
    assert found == pytest.approx(START + AHEAD + expected, abs=1e-6)
