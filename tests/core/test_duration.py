"""Durations and sizes as operators write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.duration import Duration, duration, size
from greenops_core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("1.5m", 90),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("10y", 3652.5 * 86400),
        ("1m1s1ms", 61.001),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (31557600, "1y"),
        (604800, "1w"),
        (86400, "1d"),
        (90, "90s"),
        (5400, "90m"),
        (0.25, "250ms"),
        (0.0305, "0.0305s"),
        (1e-6, "0.000001s"),
    ],
)
def test_durations_are_shown_as_one_writes_them(seconds: float, text: str) -> None:
    assert str(Duration(seconds)) == text


@given(st.floats(1e-6, 3e9))
def test_what_is_shown_can_be_read_again(seconds: float) -> None:
    assert math.isclose(duration(str(Duration(seconds))), seconds, abs_tol=1e-6)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10 s", "-1s", "1e3s", "10sec", "1h 30m", "10s\n", "\u0661s", "1.s", "h1"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"is not a duration; write a number with a unit, like 500ms, 10s, 5m, 1h or 1d"
    ):
        duration(text)


@pytest.mark.parametrize("text", ["36526d", "9" * 400 + "w"])
def test_no_duration_is_longer_than_a_century(text: str) -> None:
    assert duration("36525d") == duration("100y")
    with pytest.raises(ConfigError, match="is longer than a century"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0B", 0),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("1.5MiB", 1572864),
        ("2GB", 2 * 10**9),
        ("2GiB", 2**31),
        ("1TiB", 2**40),
    ],
)
def test_sizes(text: str, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize("text", ["", "5", "5 MB", "5mb", "5M", "-1B", "1KB", "1MiB\n"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a size; write a number with a unit, like 64KiB, 512MiB or 2GB"):
        size(text)


def test_no_size_is_beyond_any_disk() -> None:
    with pytest.raises(ConfigError, match="is more than any disk holds"):
        size("9" * 30 + "TiB")
