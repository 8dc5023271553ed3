"""Samples from DNP3 objects: which time, which quality, what is left out."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnp3_peer import Office, device
from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.dnp3.configuration import Dnp3Point
from greenops_gateway.dnp3.flags import Indications, Kind
from greenops_gateway.dnp3.measurement import Block, Reader, Value

NOW = 1_700_000_000.0
GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


def reader(**more: Any) -> Reader:  # noqa: ANN401  # any key of the section
    office = Office(device(**more))
    return Reader(office.device, office.desk().series)


def of(kind: Kind, unit: str = "1", **more: Any) -> Reader:  # noqa: ANN401  # the same
    return reader(points=(Dnp3Point(name="p", unit=unit, kind=kind, index=0, **more),))


def one(given: Reader, block: Block, indications: int = 0) -> Sample:
    """*indications*: the first octet."""
    (sample,) = given.samples([block], NOW, Indications(indications))
    return sample


def milliseconds(at: float) -> int:
    return int(at * 1000)


def test_a_present_value_has_the_time_when_it_came() -> None:
    sample = one(reader(points=1), Block(30, 5, [Value(0, 12.75, 1)]))
    assert (sample.value, sample.at, sample.quality) == (12.75, NOW, GOOD)


@pytest.mark.parametrize(
    ("at", "synchronized", "indications", "expected", "reason"),
    [
        pytest.param(NOW - 3600, True, 0, NOW - 3600, Reason.NONE, id="an hour ago"),
        pytest.param(NOW + 4.9, True, 0, NOW + 4.9, Reason.NONE, id="a little fast"),
        pytest.param(NOW + 5.1, True, 0, NOW, Reason.CLOCK, id="from the future"),
        pytest.param(NOW + 3600, True, 0, NOW, Reason.CLOCK, id="wrong time zone"),
        pytest.param(86400.0, True, 0, NOW, Reason.CLOCK, id="1970"),
        pytest.param(0.0, False, 0, NOW, Reason.CLOCK, id="no time"),
        pytest.param(NOW - 1, False, 0, NOW, Reason.CLOCK, id="relative to an unset clock"),
        pytest.param(NOW - 1, True, 0x10, NOW, Reason.CLOCK, id="the device needs the time"),
    ],
)
def test_an_event_has_the_devices_time_when_it_can_be_trusted(
    at: float, *, synchronized: bool, indications: int, expected: float, reason: Reason
) -> None:
    sample = one(reader(points=1), Block(32, 7, [Value(0, 1.0, 1, milliseconds(at), synchronized)]), indications)
    assert sample.at == pytest.approx(expected)
    assert (sample.quality, sample.reason) == (UNCERTAIN if reason is Reason.CLOCK else GOOD, reason)


def test_times_that_are_not_to_be_trusted_are_not_looked_at() -> None:
    sample = one(reader(points=1, trust_time=False), Block(32, 7, [Value(0, 1.0, 1, milliseconds(NOW - 60), True)]))
    assert (sample.at, sample.quality) == (NOW, GOOD)


@pytest.mark.parametrize(
    ("number", "reason"), [(math.nan, Reason.SENTINEL), (math.inf, Reason.SENTINEL), (-9999.0, Reason.SENTINEL)]
)
def test_a_number_that_is_none_is_bad_though_online(number: float, reason: Reason) -> None:
    given = of("analog", "mg/m3", sentinel=-9999)
    sample = one(given, Block(30, 5, [Value(0, number, 1)]))
    assert math.isnan(sample.value)
    assert (sample.quality, sample.reason) == (BAD, reason)


def test_a_bad_flag_hides_the_number() -> None:
    sample = one(reader(points=1), Block(30, 5, [Value(0, 1.0, 0x21)]))
    assert math.isnan(sample.value)
    assert (sample.quality, sample.reason) == (BAD, Reason.RANGE)


@pytest.mark.parametrize(
    ("block", "trouble", "expected"),
    [
        pytest.param(Block(30, 5, [Value(0, 1.0, 1)]), 0, (GOOD, Reason.NONE), id="with flags"),
        pytest.param(Block(30, 5, [Value(0, 1.0, 1)], False), 0, (UNCERTAIN, Reason.DEVICE_UNCERTAIN), id="no flags"),
        pytest.param(Block(30, 5, [Value(0, 1.0, 1)]), 0x40, (UNCERTAIN, Reason.DEVICE_UNCERTAIN), id="in trouble"),
        pytest.param(Block(30, 5, [Value(0, 1.0, 9)]), 0x40, (UNCERTAIN, Reason.FORCED), id="forced and in trouble"),
        pytest.param(
            Block(32, 3, [Value(0, 1.0, 1, milliseconds(NOW), True)]),
            0,
            (UNCERTAIN, Reason.DEVICE_UNCERTAIN),
            id="an event rounded to a whole number",
        ),
    ],
)
def test_a_doubt_makes_a_value_uncertain(block: Block, trouble: int, expected: tuple[Quality, Reason]) -> None:
    sample = one(reader(points=1), block, trouble)
    assert (sample.quality, sample.reason) == expected
    assert sample.value == 1.0


def test_whole_numbers_are_left_out_where_fractions_were_asked_for() -> None:
    assert list(reader(points=1).samples([Block(30, 1, [Value(0, 12.0, 1)])], NOW, Indications())) == []
    assert one(reader(points=1, static={"analog": 1}), Block(30, 1, [Value(0, 12.0, 1)])).quality is GOOD
    assert one(reader(points=1, static={"analog": 0}), Block(30, 2, [Value(0, 12.0, 1)])).quality is GOOD


@pytest.mark.parametrize(
    ("kind", "block", "more", "expected"),
    [
        pytest.param("binary", Block(1, 2, [Value(0, 1.0, 0x81)]), {}, 1.0, id="on"),
        pytest.param("binary", Block(1, 2, [Value(0, 0.0, 0x01)]), {}, 0.0, id="off"),
        pytest.param("binary", Block(1, 2, [Value(0, 1.0, 0x81)]), {"enum": {0: 5.0, 1: 7.0}}, 7.0, id="named"),
        pytest.param("double_bit", Block(3, 2, [Value(0, 2.0, 0x81)]), {}, 1.0, id="determined on"),
        pytest.param("double_bit", Block(3, 2, [Value(0, 1.0, 0x41)]), {}, 0.0, id="determined off"),
        pytest.param("double_bit", Block(3, 2, [Value(0, 0.0, 0x01)]), {}, None, id="between its states"),
        pytest.param("double_bit", Block(3, 2, [Value(0, 3.0, 0xC1)]), {}, None, id="it cannot tell"),
        pytest.param("double_bit", Block(3, 2, [Value(0, 3.0, 0xC1)]), {"enum": {3: 9.0}}, 9.0, id="named state"),
        pytest.param("counter", Block(20, 1, [Value(0, 4e9, 1)]), {"scale": 0.5}, 2e9, id="counter"),
        pytest.param("frozen_counter", Block(21, 1, [Value(0, 7.0, 1)]), {}, 7.0, id="frozen counter"),
        pytest.param("analog_output", Block(40, 3, [Value(0, 1.5, 1)]), {"offset": 1}, 2.5, id="set point"),
        pytest.param("binary_output", Block(10, 2, [Value(0, 1.0, 0x81)]), {}, 1.0, id="output"),
    ],
)
def test_every_kind_has_its_number(kind: Kind, block: Block, more: dict[str, Any], expected: float | None) -> None:
    sample = one(of(kind, **more), block)
    if expected is None:
        assert (sample.quality, sample.reason) == (BAD, Reason.DECODE)
    else:
        assert (sample.value, sample.quality) == (expected, GOOD)


def test_two_points_may_show_the_same_index() -> None:
    pair = tuple(Dnp3Point(name=name, unit="mg/m3", index=4) for name in "ab")
    found = list(reader(points=pair).samples([Block(30, 5, [Value(4, 1.0, 1), Value(5, 2.0, 1)])], NOW, Indications()))
    assert [sample.labels[3] for sample in found] == ["a", "b"]


def test_points_whose_present_value_does_not_come_are_bad() -> None:
    given = reader(points=3)
    given.begin()
    list(given.samples([Block(30, 5, [Value(1, 1.0, 1)]), Block(32, 7, [Value(2, 1.0, 1)])], NOW, Indications()))
    missing = list(given.missing(NOW))
    assert [(sample.labels[3], sample.reason) for sample in missing] == [
        ("p0", Reason.DEVICE_EXCEPTION),
        ("p2", Reason.DEVICE_EXCEPTION),
    ]


def test_objects_of_no_kind_are_passed_over() -> None:
    assert list(reader(points=1).samples([Block(110, 4, [Value(0, 1.0, 1)])], NOW, Indications())) == []


@given(
    number=st.floats(),
    flags=st.integers(0, 255),
    at=st.integers(0, 2**48 - 1),
    synchronized=st.booleans(),
    has_flags=st.booleans(),
    which=st.sampled_from([(30, 5), (32, 7), (32, 1)]),
)
def test_no_object_makes_a_false_number(
    *, number: float, flags: int, at: int, synchronized: bool, has_flags: bool, which: tuple[int, int]
) -> None:
    sample = one(reader(points=1), Block(*which, [Value(0, number, flags, at, synchronized)], has_flags))
    assert sample.at <= NOW + 5
    if sample.quality is BAD:
        assert math.isnan(sample.value)
    else:
        assert sample.value == number
