from __future__ import annotations

import math

import pytest

from greenops_core.sample import Reason
from greenops_gateway.meaning import Meaning

NAN = math.nan
STATES = {0: 100.0, 1: 1000.0}


@pytest.mark.parametrize(
    ("meaning", "number", "value", "reason"),
    [
        pytest.param(Meaning(), 7, 7.0, "none", id="plain"),
        pytest.param(Meaning(scale=0.1, offset=-40), 500, 10.0, "none", id="linear"),
        pytest.param(Meaning(bit=3), 0b1000, 1.0, "none", id="bit set"),
        pytest.param(Meaning(bit=3), 0b0111, 0.0, "none", id="bit clear"),
        pytest.param(Meaning(bit=0), 0b11, 1.0, "none", id="only that bit"),
        pytest.param(Meaning(bit=15), 0x8000, 1.0, "none", id="highest bit"),
        pytest.param(Meaning(enum=STATES), 1, 1000.0, "none", id="listed state"),
        pytest.param(Meaning(enum=STATES), 2, NAN, "decode", id="unlisted state"),
        pytest.param(Meaning(enum=STATES), 0.5, NAN, "decode", id="between states"),
        pytest.param(Meaning(scale=0.1, sentinels=frozenset({-32768})), -32768, NAN, "sentinel", id="sentinel"),
        pytest.param(Meaning(sentinels=frozenset({-9999.0})), -9999, NAN, "sentinel", id="sentinel of a float"),
        pytest.param(Meaning(scale=2, sentinels=frozenset({10})), 5, 10.0, "none", id="sentinels are raw numbers"),
        pytest.param(Meaning(), math.nan, NAN, "sentinel", id="not a number"),
        pytest.param(Meaning(), math.inf, NAN, "sentinel", id="infinite"),
        pytest.param(Meaning(), 1e-35, NAN, "decode", id="smaller than any instrument gives: words in the wrong order"),
        pytest.param(Meaning(scale=1e30), -2e-41, NAN, "decode", id="below zero and scaled, too"),
        pytest.param(Meaning(), 1e-20, 1e-20, "none", id="small"),
        pytest.param(Meaning(), 0.0, 0.0, "none", id="a true zero"),
        pytest.param(Meaning(), -0.0, 0.0, "none", id="a negative zero"),
        pytest.param(Meaning(sentinels=frozenset({1e-38})), 1e-38, NAN, "sentinel", id="small on purpose"),
        pytest.param(Meaning(scale=10), 1e308, NAN, "decode", id="too big when scaled"),
    ],
)
def test_a_number_means_a_value_or_a_reason(meaning: Meaning, number: float, value: float, reason: str) -> None:
    got, why = meaning.of(number)
    assert got == pytest.approx(value, nan_ok=True)
    assert why is Reason(reason)
