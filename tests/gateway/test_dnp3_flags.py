"""DNP3's flags and internal indications, as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.sample import Quality, Reason
from greenops_gateway.dnp3.flags import KINDS, OBJECTS, Indications, Kind, has_fractions, judged

BAD, UNCERTAIN, GOOD = Quality.BAD, Quality.UNCERTAIN, Quality.GOOD
ANALOGS, COUNTERS = ("analog", "analog_output"), ("counter", "frozen_counter")
ALL = tuple(OBJECTS)


@pytest.mark.parametrize(
    ("kinds", "flags", "quality", "reason"),
    [
        pytest.param(ALL, 0x01, GOOD, Reason.NONE, id="online"),
        pytest.param(ALL, 0x00, BAD, Reason.DEVICE_FAULT, id="off line, nothing else known"),
        pytest.param(ALL, 0x02, BAD, Reason.WARM_UP, id="never updated since the restart"),
        pytest.param(ALL, 0x03, BAD, Reason.WARM_UP, id="online and not updated since the restart"),
        pytest.param(ALL, 0x04, BAD, Reason.COMMUNICATION, id="its source is lost"),
        pytest.param(ALL, 0x05, BAD, Reason.COMMUNICATION, id="its source is lost, though online"),
        pytest.param(ALL, 0x07, BAD, Reason.COMMUNICATION, id="lost explains more than restarted"),
        pytest.param(ALL, 0x09, UNCERTAIN, Reason.FORCED, id="forced by another"),
        pytest.param(ALL, 0x11, UNCERTAIN, Reason.FORCED, id="forced at the device"),
        pytest.param(ALL, 0x10, BAD, Reason.DEVICE_FAULT, id="forced and off line"),
        pytest.param(ANALOGS, 0x21, BAD, Reason.RANGE, id="beyond its range"),
        pytest.param(ANALOGS, 0x31, BAD, Reason.RANGE, id="beyond its range is worse than forced"),
        pytest.param(ANALOGS, 0x41, UNCERTAIN, Reason.DEVICE_UNCERTAIN, id="its reference is wrong"),
        pytest.param(("binary", "double_bit"), 0x21, UNCERTAIN, Reason.DEVICE_UNCERTAIN, id="it chatters"),
        pytest.param(("binary",), 0x81, GOOD, Reason.NONE, id="the state bit is no fault"),
        pytest.param(("double_bit",), 0xC1, GOOD, Reason.NONE, id="two state bits are no fault"),
        pytest.param(COUNTERS, 0x21, GOOD, Reason.NONE, id="a rollover is obsolete and no fault"),
        pytest.param(COUNTERS, 0x41, UNCERTAIN, Reason.DEVICE_UNCERTAIN, id="the counter jumped"),
    ],
)
def test_flags_make_a_quality(kinds: tuple[Kind, ...], flags: int, quality: Quality, reason: Reason) -> None:
    for kind in kinds:
        assert judged(kind, flags) == (quality, reason), kind


@given(st.sampled_from(ALL), st.integers(0, 255))
def test_only_an_online_point_without_lost_source_and_restart_is_usable(kind: Kind, flags: int) -> None:
    quality, reason = judged(kind, flags)
    assert (quality is GOOD) == (reason is Reason.NONE)
    if flags & 0b111 != 1:
        assert quality is BAD


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (0, 0, []),
        (0x90, 0x00, ["device restart", "need time"]),
        (0x4E, 0x00, ["device trouble", "class 3 events", "class 2 events", "class 1 events"]),
        (0x00, 0x0F, ["function not supported", "object unknown", "parameter error", "event buffer overflow"]),
        (0x21, 0x30, ["local control", "broadcast received", "already executing", "configuration corrupt"]),
    ],
)
def test_indications_are_told_in_words(first: int, second: int, words: list[str]) -> None:
    assert list(Indications(first, second).words()) == words


def test_indications_that_matter_have_names() -> None:
    assert [Indications(first, 0).restart for first in (0x80, 0x7F)] == [True, False]
    assert [Indications(first, 0).need_time for first in (0x10, 0xEF)] == [True, False]
    assert [Indications(0, second).overflow for second in (0x08, 0xF7)] == [True, False]
    assert [Indications(0, second).refused for second in (1, 2, 4, 8)] == [True, True, True, False]
    assert [Indications(first, second).trouble for first, second in ((0x40, 0), (0, 0x20), (0, 0))] == [
        True,
        True,
        False,
    ]


def test_groups_lead_back_to_their_kind() -> None:
    assert {KINDS[group] for group in (30, 32)} == {"analog"}
    assert {KINDS[group] for group in (3, 4)} == {"double_bit"}
    assert len(KINDS) == 2 * len(OBJECTS)


@pytest.mark.parametrize(
    ("group", "floats"), [(30, {5, 6}), (32, {5, 6, 7, 8}), (40, {3, 4}), (42, {5, 6, 7, 8}), (20, set()), (1, set())]
)
def test_floats_are_known(group: int, floats: set[int]) -> None:
    assert {variation for variation in range(11) if has_fractions(group, variation)} == floats
