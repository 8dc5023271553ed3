from __future__ import annotations

import math

import pytest

from greenops_core.sample import Quality, Reason
from greenops_gateway.cems.quality import PRECEDENCE, assess, foremost, status

BITS = {3: Reason.CALIBRATION, 5: Reason.DEVICE_FAULT, 6: Reason.MAINTENANCE}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        pytest.param(0, "none", id="all clear"),
        pytest.param(1 << 3, "calibration", id="calibration"),
        pytest.param(1 << 5, "device_fault", id="fault"),
        pytest.param(1 << 6, "maintenance", id="maintenance"),
        pytest.param(1 << 3 | 1 << 5, "device_fault", id="a fault explains more than a calibration"),
        pytest.param(0xFFFF ^ (1 << 3 | 1 << 5 | 1 << 6), "none", id="bits that mean nothing here"),
    ],
)
def test_status_bits_give_a_reason(word: int, reason: str) -> None:
    assert status(word, BITS) is Reason(reason)


@pytest.mark.parametrize(
    ("value", "known", "within", "reason"),
    [
        pytest.param(50.0, "none", (0.0, 100.0), "none", id="in range"),
        pytest.param(0.0, "none", (0.0, 100.0), "none", id="at the low end"),
        pytest.param(100.0, "none", (0.0, 100.0), "none", id="at the high end"),
        pytest.param(-0.1, "none", (0.0, 100.0), "range", id="below"),
        pytest.param(100.1, "none", (0.0, 100.0), "range", id="above"),
        pytest.param(1e9, "none", None, "none", id="no range"),
        pytest.param(math.nan, "none", None, "sentinel", id="not a number"),
        pytest.param(math.inf, "none", (0.0, 100.0), "sentinel", id="infinite"),
        pytest.param(-5.0, "calibration", (0.0, 100.0), "calibration", id="what is known goes first"),
    ],
)
def test_a_value_is_good_or_bad_for_a_reason(
    value: float, known: str, within: tuple[float, float] | None, reason: str
) -> None:
    quality, why = assess(value, Reason(known), within)
    assert why is Reason(reason)
    assert quality is (Quality.GOOD if why is Reason.NONE else Quality.BAD)


def test_every_reason_has_its_place() -> None:
    assert set(PRECEDENCE) == set(Reason)
    assert foremost([]) is Reason.NONE
    assert foremost(reversed(PRECEDENCE)) is Reason.COMMUNICATION
