"""What a number in a device stands for, whatever the protocol."""

from __future__ import annotations

import math
from typing import Any

import pytest

from greenops_core.errors import ConfigError
from greenops_core.sample import Reason
from greenops_gateway.number import Number
from greenops_telemetry.configuration import convert


def number(**keys: Any) -> Number[int | str]:  # noqa: ANN401  # as in YAML
    """A checked point whose states may have names."""
    made = convert({"name": "p", "unit": "1", **keys}, Number[int | str])
    made.check()
    return made


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({"scale": math.nan}, ("scale",), "nan makes no number"),
        ({"offset": math.inf}, ("offset",), "inf makes no number"),
        ({"scale": 0}, ("scale",), "makes a false zero"),
        ({"enum": {}}, ("enum",), "makes every value bad"),
        ({"enum": {1: math.inf}}, ("enum", 1), "inf makes no number"),
        ({"enum": {"on": math.nan}}, ("enum", "on"), "nan makes no number"),
        ({"enum": {1: 2}, "scale": 3}, ("scale",), "scale does nothing beside enum"),
        ({"enum": {1: 2}, "offset": 3}, ("offset",), "offset does nothing beside enum"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_key(
    keys: dict[str, Any], path: tuple[str | int, ...], words: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        number(**keys)
    assert raised.value.path == path
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("keys", "given", "value", "reason"),
    [
        ({}, 7, 7.0, Reason.NONE),
        ({"scale": 0.5, "offset": -1}, 7, 2.5, Reason.NONE),
        ({"sentinel": -999}, -999, math.nan, Reason.SENTINEL),
        ({"sentinel": [0, 65535]}, 0, math.nan, Reason.SENTINEL),
        ({"enum": {1: 10, "on": 1}}, 1, 10.0, Reason.NONE),
        ({"enum": {1: 10, "on": 1}}, 2, math.nan, Reason.DECODE),
    ],
)
def test_a_number_means_a_value_or_none(keys: dict[str, Any], given: float, value: float, reason: Reason) -> None:
    found, why = number(**keys).meaning().of(given)
    assert found == pytest.approx(value, nan_ok=True)
    assert why is reason


def test_what_is_set_is_told() -> None:
    assert list(number(scale=2, offset=-1, sentinel=[0, -1], range=[0, 5]).settings()) == [
        "scale 2",
        "offset -1",
        "sentinel 0 -1",
        "range [0, 5]",
    ]
    assert list(number(enum={0: 1, "on": 2}).settings()) == ["enum 0=1 on=2"]
    assert list(number().settings()) == []
