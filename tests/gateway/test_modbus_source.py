from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.sample import Quality, Reason, Sample
from greenops_core.unit import CONCENTRATION
from greenops_gateway.meaning import Meaning
from greenops_gateway.modbus.codec import FORMATS, decode, words
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.plan import Block, Span
from greenops_gateway.modbus.source import Intake, Reply, Source, Status
from greenops_gateway.point import PointSeries, series
from greenops_telemetry.configuration import convert

AT = 1_700_000_000.0

numbers = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, -0.0, 1e-20, 9.9e-21, -1e-35, 3e38, math.inf, -math.inf, math.nan, -999.0]),
)
meanings = st.builds(
    Meaning,
    scale=st.sampled_from([1.0, 0.1, -2.0, 1e-30, 1e280, 1e308]),
    offset=st.sampled_from([0.0, -40.0, 1e305, -1.7e308]),
    sentinels=st.sampled_from([frozenset(), frozenset({-999.0}), frozenset({0.0})]),
)


def to(name: str) -> PointSeries:
    config = convert(
        {"name": "a", "link": "l", "stack": "s", "points": [{"name": name, "at": 0, "unit": "mg/m3"}]}, ModbusDevice
    )
    return series("demo", config, config.points[0])


@given(st.lists(st.tuples(numbers, meanings), min_size=1, max_size=20), st.sampled_from(["f32", "f64"]))
def test_the_quick_way_says_what_the_meaning_says(given_: list[tuple[float, Meaning]], type_: str) -> None:
    size = words(type_)  # type: ignore[arg-type]  # a type as text
    spans = [Span("input", size * index, size) for index in range(len(given_))]
    sources = [Source(span, type_, "ABCD", meaning) for span, (_, meaning) in zip(spans, given_, strict=True)]  # type: ignore[arg-type]  # the same
    data = struct.pack(f">{len(given_)}{FORMATS[type_]}", *(number for number, _ in given_))  # type: ignore[index]  # the same
    block = Block(Span("input", 0, size * len(given_)), tuple(spans))
    got = Intake(sources, [to(f"p{index}") for index in range(len(given_))]).take(Reply(block, data, AT))
    for index, (sample, source) in enumerate(zip(got, sources, strict=True)):
        part = data[2 * size * index : 2 * size * (index + 1)]
        value, reason = source.meaning.of(decode(part, source.type, "ABCD"))
        level = Quality.GOOD if reason is Reason.NONE else Quality.BAD
        assert repr(sample) == repr(to(f"p{index}").sample(value, AT, level, reason))  # not a number is not itself


WORD, BIT = Span("input", 9, 1), Span("discrete", 4, 1)
CALIBRATES = Status(WORD, "ABCD", {3: Reason.CALIBRATION, 5: Reason.DEVICE_UNCERTAIN}, {15: Reason.MAINTENANCE})
HELD = Status(BIT, "ABCD", clear={0: Reason.OUT_OF_CONTROL})
VALUE = Source(Span("input", 0, 1), "u16", "ABCD", Meaning(sentinels=frozenset({7})), (CALIBRATES, HELD))


def block(span: Span) -> Block:
    return Block(span, (span,))


def taken(number: int, word: int | None, bit: int | None) -> Sample:
    """The sample of VALUE when its status comes after it."""
    intake = Intake([VALUE], [to("so2")])
    assert intake.take(Reply(block(VALUE.span), struct.pack(">H", number), AT)) == []
    lack = Reason.NONE if word is not None else Reason.DEVICE_EXCEPTION
    data = None if word is None else struct.pack(">H", word)
    assert intake.take(Reply(block(WORD), data, AT + 1, lack)) == []
    lack = Reason.NONE if bit is not None else Reason.COMMUNICATION
    (sample,) = intake.take(Reply(block(BIT), None if bit is None else bytes([bit]), AT + 2, lack))
    return sample


@pytest.mark.parametrize(
    ("number", "word", "bit", "quality", "reason"),
    [
        pytest.param(5, 0x8000, 1, Quality.GOOD, Reason.NONE, id="all well"),
        pytest.param(5, 0x8008, 1, Quality.BAD, Reason.CALIBRATION, id="a bit is set"),
        pytest.param(5, 0x0000, 1, Quality.BAD, Reason.MAINTENANCE, id="a bit is clear"),
        pytest.param(5, 0x8000, 0, Quality.BAD, Reason.OUT_OF_CONTROL, id="a bit in another table is clear"),
        pytest.param(5, 0x8020, 1, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN, id="the device is not sure"),
        pytest.param(5, 0x8028, 1, Quality.BAD, Reason.CALIBRATION, id="not sure, and calibrating"),
        pytest.param(7, 0x8020, 1, Quality.BAD, Reason.SENTINEL, id="not sure of no value"),
        pytest.param(7, 0x8008, 1, Quality.BAD, Reason.CALIBRATION, id="no value while calibrating"),
        pytest.param(5, None, 1, Quality.BAD, Reason.DEVICE_EXCEPTION, id="a status that cannot be read"),
        pytest.param(5, 0x8000, None, Quality.BAD, Reason.COMMUNICATION, id="a status that did not come"),
    ],
)
def test_what_the_device_says_of_itself_judges_its_values(
    number: int, word: int | None, bit: int | None, quality: Quality, reason: Reason
) -> None:
    sample = taken(number, word, bit)
    assert (sample.quality, sample.reason, sample.at) == (quality, reason, AT)


def test_a_status_of_an_earlier_poll_judges_nothing() -> None:
    intake = Intake([VALUE], [to("so2")])
    intake.take(Reply(block(WORD), b"\x80\0", AT))
    intake.take(Reply(block(BIT), b"\1", AT))
    intake.begin()
    assert intake.take(Reply(block(VALUE.span), b"\0\5", AT)) == []


@pytest.mark.parametrize(
    ("word", "reason"), [(0, Reason.NONE), (0x80, Reason.WARM_UP), (1, Reason.DECODE), (0x81, Reason.DECODE)]
)
def test_a_word_as_a_whole_is_a_state_and_one_that_is_not_listed_is_not_trusted(word: int, reason: Reason) -> None:
    assert Status(WORD, "ABCD", values={0: Reason.NONE, 0x80: Reason.WARM_UP}).reason(word) is reason


def test_points_share_registers_and_bits_of_them() -> None:
    span = Span("holding", 3, 1)
    sources = [
        Source(span, "bit", "ABCD", Meaning(bit=15)),
        Source(span, "bit", "ABCD", Meaning(bit=0)),
        Source(span, "u16", "DCBA", Meaning(enum={0x0180: 42.0})),
        Source(Span("holding", 2, 2), "u32", "CDAB", Meaning()),
    ]
    whole = Block(Span("holding", 2, 2), (Span("holding", 2, 2), span))
    samples = Intake(sources, [to(f"p{index}") for index in range(4)]).take(Reply(whole, b"\0\7\x80\1", AT))
    assert {sample.labels[-1]: sample.value for sample in samples} == {"p0": 1, "p1": 1, "p2": 42, "p3": 0x80010007}
    assert CONCENTRATION.base.suffix in samples[0].metric.name
