from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError, ConfigErrors
from greenops_telemetry.configuration import Section, convert, convert_all


class Point(Section, frozen=True, kw_only=True):
    name: str
    at: int
    range: tuple[float, float] | None = None
    bits: dict[int, int] | None = None


class Device(Section, frozen=True, kw_only=True):
    host: str
    points: tuple[Point, ...]
    port: int = 502


RIGHT = {"host": "h", "points": [{"name": "a", "at": 1, "range": [0, 1], "bits": {3: 4}}, {"name": "b", "at": 2}]}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        pytest.param(
            {"hst": 1, "port": "x", "points": []},
            ["hst: unknown key 'hst'; did you mean 'host'?", "port: expected whole number, got text; found 'x'"],
            id="a key written wrong is no missing key as well",
        ),
        pytest.param(
            {"host": "h", "points": [{"nam": "a", "at": 1}, {"name": "b", "at": "z"}, {"name": "c", "at": 3, "x": 0}]},
            [
                "points[0].nam: unknown key 'nam'; did you mean 'name'?",
                "points[1].at: expected whole number, got text; found 'z'",
                "points[2].x: unknown key 'x'; known: at, bits, name, range",
            ],
            id="places are those of the file, though items were cut out",
        ),
        pytest.param(
            {"host": 5, "points": [{"at": 1}, {"name": 7, "at": 2, "range": [1, "q"]}, {"at": "r", "name": "c"}]},
            [
                "host: expected text, got whole number; found 5",
                "points[0]: the key 'name' is missing",
                "points[1].name: expected text, got whole number; found 7",
                "points[1].range[1]: expected number, got text; found 'q'",
                "points[2].at: expected whole number, got text; found 'r'",
            ],
            id="several in one item",
        ),
        pytest.param(
            {"host": "h", "points": [{"name": "a", "at": 1, "range": [1, "q"]}, {"name": "b", "at": "x"}]},
            [
                "points[0].range[1]: expected number, got text; found 'q'",
                "points[1].at: expected whole number, got text; found 'x'",
            ],
            id="a list of a fixed length is cut as a whole",
        ),
    ],
)
def test_every_mistake_is_told_once_with_its_place(raw: object, told: list[str]) -> None:
    with pytest.raises(ConfigErrors) as caught:
        convert_all(raw, Device)
    assert sorted(map(str, caught.value.errors)) == sorted(told)


@pytest.mark.parametrize("raw", [5, [], None, {"host": "h"}])
def test_the_only_mistake_is_told_as_convert_tells_it(raw: object) -> None:
    with pytest.raises(ConfigError) as alone:
        convert(raw, Device)
    with pytest.raises(ConfigError) as of_all:
        convert_all(raw, Device)
    assert str(of_all.value) == str(alone.value)


def test_what_is_right_is_converted_and_left_as_it_was() -> None:
    assert convert_all(RIGHT, Device) == convert(RIGHT, Device)
    assert RIGHT["points"][0]["bits"] == {3: 4}  # type: ignore[index]


scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text("ab", max_size=2))
keys = st.sampled_from(["host", "points", "port", "name", "at", "range", "bits", "x"])
raws = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4))
)


def complaint(raw: object) -> str:
    """What ``convert`` says first, if anything."""
    try:
        convert(raw, Device)
    except ConfigError as error:
        return str(error)
    return ""


@given(raws)
def test_it_ends_and_says_something_exactly_when_convert_does(raw: object) -> None:
    if first := complaint(raw):
        with pytest.raises(ConfigError) as caught:
            convert_all(raw, Device)
        assert first in str(caught.value).splitlines()
    else:
        convert_all(raw, Device)
