"""What the journal's files are made of: columns, frames, ranges, series."""

from __future__ import annotations

import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.catalogue import POINT_VALUE
from greenops_core.sample import Quality, Reason
from greenops_telemetry.journal.columns import Columns, pack, unpack
from greenops_telemetry.journal.frame import HEAD, LONGEST, MARK, Damage, Frame, Kind, encode, frame_at, frames, span
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.series import Series, described, from_json, to_json

any_double = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
any_sample = st.tuples(
    st.integers(0, 2**32 - 1), any_double, any_double, any_double, st.sampled_from(Quality), st.sampled_from(Reason)
)
spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def columns_of(samples: list[tuple[int, float, float, float, Quality, Reason]]) -> Columns:
    columns = Columns()
    for sample in samples:
        columns.add(*sample)
    return columns


@given(st.lists(any_sample, max_size=40))
def test_samples_come_back_with_all_their_bits(samples: list[tuple[int, float, float, float, Quality, Reason]]) -> None:
    columns = columns_of(samples)
    again = unpack(pack(columns), len(columns))
    assert again == columns
    assert [row[5:] for row in again.rows(1)] == [sample[4:] for sample in samples]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(b"", 0, id="nothing"),
        pytest.param(b"not deflated", 1, id="not deflated"),
        pytest.param(zlib.compress(bytes(29)), 2, id="less samples than told"),
        pytest.param(zlib.compress(bytes(58)), 1, id="more samples than told"),
        pytest.param(zlib.compress(bytes(28) + b"\xff"), 1, id="a reason of a later version"),
        pytest.param(zlib.compress(bytes(29))[:-1], 1, id="cut off"),
    ],
)
def test_what_no_samples_were_packed_into_is_refused(data: bytes, count: int) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        unpack(data, count)


def test_parts_and_picks_are_what_the_rows_say() -> None:
    columns = columns_of([(n, n / 7, n + 0.5, n + 0.6, Quality.GOOD, Reason.NONE) for n in range(10)])
    rows = list(columns.rows(100))
    assert [row.sequence for row in rows] == list(range(100, 110))
    assert list(columns.part(3, 6).rows(103)) == rows[3:6]
    for places in ([], [7], [7, 2], [2, 2, 9]):
        assert [row.value for row in columns.pick(places).rows(0)] == [rows[place].value for place in places]
    both = columns.part(0, 4)
    both.extend(columns.part(4, 10))
    assert both == columns
    assert both != columns.part(0, 9)
    assert columns.verdict(3) == (Quality.GOOD, Reason.NONE)


@given(st.sampled_from(Kind), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=60), st.binary())
def test_a_frame_comes_back_wherever_it_stands(
    kind: Kind, first: int, samples: int, payload: bytes, before: bytes
) -> None:
    frame = Frame(kind, first, samples, payload)
    data = before + encode(frame)
    assert frame_at(data, len(before)) == (frame, len(data))
    assert span(data, len(before)) == HEAD + len(payload)
    assert (len(data) - span(data, len(before)), frame) in list(frames(data))


def test_a_frame_that_is_cut_anywhere_or_has_one_wrong_bit_is_damage_and_its_neighbours_are_not() -> None:
    left, cut, right = (Frame(Kind.SAMPLES, n, 1, b"payload %d" % n) for n in range(3))
    whole = encode(cut)
    for length in range(1, len(whole)):
        data = encode(left) + whole[:length] + encode(right)
        start = len(encode(left))
        assert list(frames(data)) == [(0, left), (start, Damage(start, start + length)), (start + length, right)]
        assert frame_at(whole[:length], 0) is None
    for bit in range(8 * len(whole)):
        wrong = bytearray(whole)
        wrong[bit // 8] ^= 1 << bit % 8
        assert [found for _, found in frames(encode(left) + wrong + encode(right)) if isinstance(found, Frame)] == [
            left,
            right,
        ]


def test_a_mark_in_rubbish_is_not_waited_for() -> None:
    good = Frame(Kind.GAP, 5, 0, b"{}")
    endless = MARK + bytes([Kind.SAMPLES]) + struct.pack("<IQII", 1, 1, LONGEST + 1, 0)
    unknown = encode(Frame(Kind.GAP, 1, 0, b""))
    unknown = unknown[:4] + b"\x63" + unknown[5:]
    assert span(endless) == 0
    assert span(b"") == 0
    for rubbish in (MARK, MARK * 9, endless, unknown, encode(good)[:-1]):
        assert [found for _, found in frames(rubbish + encode(good))][-1] == good


@given(spans, spans)
def test_ranges_are_sets(one: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    model: set[int] = set()
    ranges = Ranges()
    for start, stop in one:
        new = set(range(start, stop)) - model
        assert ranges.add(start, stop) == len(new)
        model |= new
    assert len(ranges) == len(model)
    assert {number for start, stop in ranges for number in range(start, stop)} == model
    assert all(before[1] < after[0] for before, after in zip(list(ranges), list(ranges)[1:], strict=False))
    assert all((number in ranges) == (number in model) for number in range(61))
    for start, stop in asked:
        missing = {number for since, to in ranges.missing(start, stop) for number in range(since, to)}
        assert missing == set(range(start, stop)) - model
    assert ranges == Ranges(reversed(one))


def test_a_series_comes_back_from_its_text() -> None:
    series = described(POINT_VALUE, tuple(f"é{place}" for place, _ in enumerate(POINT_VALUE.labels)))
    assert series.name == POINT_VALUE.name
    assert from_json(json.loads(json.dumps(to_json(series)))) == series


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({}, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param({**to_json(Series("a", "b", "c", False, ())), "labels": 3}, id="labels are a number"),
        pytest.param({**to_json(Series("a", "b", "c", False, ())), "name": 3}, id="a name is a number"),
    ],
)
def test_what_is_no_series_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a series"):
        from_json(raw)
