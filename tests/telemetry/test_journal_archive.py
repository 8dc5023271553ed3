"""Archives give back every bit of a closed segment, in small; damage costs the chunk that it hit, and never a value."""

from __future__ import annotations

import math
import random
import struct
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archive_by_the_book
from greenops_core.sample import Quality, Reason
from greenops_telemetry.journal import archive, archive_codec, columns
from greenops_telemetry.journal.archive import Archive
from greenops_telemetry.journal.archive_column import Streams, decode, encode
from greenops_telemetry.journal.columns import Columns, Row
from greenops_telemetry.journal.frame import Frame, Kind
from greenops_telemetry.journal.recovery import definitions
from greenops_telemetry.journal.series import Series

BY_SERIES = 1
STATES = [(quality, reason) for quality in Quality for reason in Reason]
NOTES = [Frame(Kind.GAP, 1, 0, b'{"why":"process down"}'), Frame(Kind.CONFIGURATION, 31, 0, b"{}" * 50)]
SERIES = {
    3: Series("greenops_a", "a", "Cel", is_counter=False, labels=(("point", "x"),)),
    9: Series("greenops_b_total", "b", "J", is_counter=True, labels=(("point", "y"),)),
}


def bits(number: int) -> float:
    (value,) = struct.unpack("<d", number.to_bytes(8, "little"))
    return float(value)


def single(value: float) -> float:
    return array("f", [value])[0]


AWKWARD = [
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    5e-324,
    1.7976931348623157e308,
    *map(bits, (0x7FF0 << 48 | 2, 0xFFF8 << 48 | 7)),
]
ANY = st.one_of(
    st.sampled_from(AWKWARD),
    st.integers(0, 2**64 - 1).map(bits),
    st.integers(-(2**15), 2**16).map(lambda number: number / 100),
    st.integers(-(2**15), 2**16).map(lambda number: number * 0.05 - 273.15),
    st.floats(width=32),
)
TIMES = st.one_of(
    st.floats(1.7e9, 1.8e9), st.integers(1_700_000_000_000, 1_700_000_009_999).map(lambda ms: ms / 1e3), ANY
)
MOMENTS = st.tuples(TIMES, TIMES, st.integers(1, 4), st.booleans())
ROWS = st.tuples(st.sampled_from([1, 2, 3, 700, 2**32 - 1]), ANY, st.sampled_from(STATES))


@st.composite
def any_columns(draw: st.DrawFn) -> Columns:
    """Series in any order, several samples with the same times, times in any order."""
    found = Columns()
    for at, received, samples, same in draw(st.lists(MOMENTS, min_size=1, max_size=12)):
        for series, value, verdict in draw(st.lists(ROWS, min_size=samples, max_size=samples)):
            found.add(series, value, received if same else at, received, *verdict)
    return found


def plant(seconds: int, points: int = 20, seed: int = 1) -> Columns:
    """As an analyser shelter gives them: one answer of a device a second, all kinds of values."""
    rng = random.Random(seed)
    found = Columns()
    levels = [rng.uniform(500.0, 3000.0) for _ in range(points)]
    for second in range(seconds):
        at = 1.79e9 + second + rng.random() / 100
        for number in range(points):
            levels[number] += rng.gauss(0.0, 2.0)
            raw = round(levels[number])
            value = (raw * 0.1, raw * 0.05 - 273.15, single(levels[number]), single(raw / 100), 1.0)[number % 5]
            bad = rng.random() < 0.01
            verdict = (Quality.BAD, Reason.COMMUNICATION) if bad else (Quality.GOOD, Reason.NONE)
            found.add(number * 3, math.nan if bad else value, at, at + 0.004, *verdict)
    return found


def framed(found: Columns, first: int = 1, most: int = 50, hole: int = 0) -> Iterator[Frame]:
    """The samples in frames of *most*; *hole* sequences are missing between two frames."""
    for place in range(0, len(found), most):
        part = found.part(place, place + most)
        yield Frame(Kind.SAMPLES, first + place, len(part), columns.pack(part))
        first += hole


def rows(path: Path, most: int = 10**6) -> list[Row]:
    opened = Archive.open(path)
    at = 0
    found: list[Row] = []
    while (run := opened.read(at, opened.stop, most)) is not None:
        at = run[0] + len(run[1])
        found += run[1].rows(run[0])
    return found


def in_bits(found: Sequence[Row]) -> list[tuple[object, ...]]:
    return [(*row[:2], *map(archive_by_the_book.bits_of, row[2:5]), *row[5:]) for row in found]


def expected(frames: Sequence[Frame]) -> list[Row]:
    return [row for frame in frames for row in columns.unpack(frame.payload, frame.samples).rows(frame.first)]


@given(any_columns())
def test_any_samples_come_back_bit_for_bit(samples: Columns) -> None:
    assert archive_codec.unpack(archive_codec.pack(samples), len(samples)) == samples
    many = Columns()
    while len(many) < 300:
        many.extend(samples)
    packed = archive_codec.pack(many)
    assert packed[0] == BY_SERIES
    assert archive_codec.unpack(packed, len(many)) == many


@given(st.lists(ANY, min_size=1, max_size=80), st.sampled_from([1, 8, 40]))
def test_any_column_comes_back_bit_for_bit(values: list[float], times: int) -> None:
    column, streams = array("d", values * times), Streams()
    encode(column, streams)
    assert decode(Streams(map(bytes, streams.parts)), len(column)).tobytes() == column.tobytes()


def walk(seed: int = 5) -> list[int]:
    rng = random.Random(seed)
    return [20_000 + place for place in accumulate(round(rng.gauss(0.0, 3.0)) for _ in range(400))]


@pytest.mark.parametrize(
    ("value", "most"),
    [
        pytest.param(lambda raw: raw / 100, 1.1, id="decimals"),
        pytest.param(lambda raw: raw * 0.1, 1.1, id="times a decimal factor, rounded"),
        pytest.param(lambda raw: raw * 0.05 - 273.15, 1.6, id="kelvin as degrees Celsius"),
        pytest.param(lambda raw: raw * 0.1 * 3.6e6 / 7, 1.6, id="rounded three times"),
        pytest.param(lambda raw: raw * (250 / 65535), 1.1, id="share of a full scale"),
        pytest.param(lambda raw: raw * (250 / 65535) + 4.1, 1.6, id="share of a full scale from an offset"),
        pytest.param(lambda raw: single(raw / 10), 1.1, id="float32 of a decimal"),
        pytest.param(lambda raw: single(raw * 0.731), 2.1, id="float32"),
        pytest.param(lambda raw: single(raw * 0.731) * 100, 2.1, id="float32 brought to the base unit"),
        pytest.param(lambda raw: math.nan if raw % 20 == 0 else raw / 100, 2.1, id="decimals with missing values"),
        pytest.param(lambda _: 4.1, 0.0, id="constant"),
        pytest.param(lambda raw: 1.0 if raw % 2 else -1.0, 1.1, id="one sign or the other"),
        pytest.param(lambda raw: 5e-324 if raw % 2 else -5e-324, 1.1, id="the smallest number, one sign or the other"),
        pytest.param(lambda raw: float(2**60 + raw * 2**13), 1.1, id="large integers"),
    ],
)
def test_numbers_of_an_instrument_take_as_many_bytes_as_it_had_bits(value: Callable[[int], float], most: float) -> None:
    column, streams = array("d", map(value, walk())), Streams()
    encode(column, streams)
    taken = sum(map(len, streams.parts[:8])) + sum(map(len, streams.parts[10:]))
    assert taken / len(column) <= most
    assert decode(Streams(map(bytes, streams.parts)), len(column)).tobytes() == column.tobytes()


def test_a_plant_takes_less_than_half_of_what_its_live_segment_takes(tmp_path: Path) -> None:
    frames = list(framed(plant(600), most=500))
    info = archive.write(tmp_path / "a.goa", 1, frames)
    assert (info.first, info.stop, info.samples) == (1, 12_001, 12_000)
    assert info.size == (tmp_path / "a.goa").stat().st_size
    assert info.size < min(2 * info.samples, sum(len(frame.payload) for frame in frames) / 2)


@pytest.mark.parametrize("hole", [0, 7])
@pytest.mark.parametrize("first", [1, 2**40])
def test_a_file_gives_back_every_sample_with_its_sequence(tmp_path: Path, first: int, hole: int) -> None:
    frames = list(framed(plant(30), first, hole=hole))
    info = archive.write(tmp_path / "a.goa", first, frames)
    assert in_bits(rows(info.path, 37)) == in_bits(expected(frames))
    assert archive.verify(info.path) == (600, (), ())
    assert in_bits(expected([*Archive.open(info.path).frames()])) == in_bits(expected(frames))


@given(any_columns(), st.integers(1, 5), st.integers(0, 2), st.integers(1, 20))
def test_whoever_reads_the_description_can_read_the_file(
    folder: Path, samples: Columns, most: int, hole: int, times: int
) -> None:
    many = Columns()
    for _ in range(times):
        many.extend(samples)
    check_by_the_book(folder, list(framed(many, 1, most * times, hole)))


@pytest.mark.parametrize("jitter", [0.0, 0.001])
def test_a_plant_can_be_read_by_the_description(folder: Path, jitter: float) -> None:
    samples, rng = plant(40), random.Random(2)
    for place, at in enumerate(samples.at):
        samples.at[place] = round(at + jitter * rng.random(), 6)
    check_by_the_book(folder, list(framed(samples)))


def test_a_long_column_can_be_read_by_the_description(folder: Path) -> None:
    samples = Columns()
    for place in range(40_000):
        samples.add(1, place / 10, 1.79e9 + place, 1.79e9 + place + 0.5, Quality.GOOD, Reason.NONE)
    check_by_the_book(folder, list(framed(samples, most=5000)))


def check_by_the_book(folder: Path, frames: Sequence[Frame]) -> None:
    path = archive.write(folder / "book.goa", 1, frames).path
    state = Columns()
    found: list[tuple[object, ...]] = []
    for each in archive_by_the_book.read(path.read_bytes()):
        state.states[:] = bytes([each[5]])
        found.append((*each[:5], *state.verdict(0)))
    assert found == in_bits(expected(frames))


def test_series_gaps_and_configurations_stand_in_it_as_they_did(tmp_path: Path) -> None:
    told = [Frame(Kind.SERIES, 1, 0, definitions({number: each})) for number, each in SERIES.items()]
    path = archive.write(tmp_path / "a.goa", 1, [told[0], NOTES[0], *framed(plant(3), most=30), told[1], NOTES[1]]).path
    assert dict(Archive.open(path).series) == SERIES
    assert list(Archive.open(path).notes) == NOTES
    assert sorted(Archive.open(path).frames())[:2] == [Frame(Kind.SAMPLES, 1, 60, columns.pack(plant(3))), told[0]]


@pytest.mark.parametrize(
    ("start", "stop", "most", "first", "count"),
    [
        pytest.param(10, 20, 100, 10, 10, id="up to the end that was asked for"),
        pytest.param(10, 1000, 7, 10, 7, id="as many as were asked for"),
        pytest.param(45, 1000, 100, 45, 6, id="up to the hole"),
        pytest.param(51, 1000, 100, 58, 50, id="behind the hole"),
        pytest.param(0, 1000, 3, 1, 3, id="from before its beginning"),
    ],
)
def test_a_read_gives_the_first_samples_that_are_there(  # noqa: PLR0917  # the columns of the table above
    folder: Path, start: int, stop: int, most: int, first: int, count: int
) -> None:
    frames = list(framed(plant(10), hole=7))
    found = Archive.open(archive.write(folder / "read.goa", 1, frames).path).read(start, stop, most)
    assert found is not None
    wanted = [row for row in expected(frames) if first <= row.sequence < first + count]
    assert in_bits(list(found[1].rows(found[0]))) == in_bits(wanted)


@pytest.mark.parametrize(("start", "stop"), [(51, 58), (222, 500), (0, 1), (30, 30)])
def test_a_read_of_what_is_not_there_gives_nothing(folder: Path, start: int, stop: int) -> None:
    path = archive.write(folder / "read.goa", 1, framed(plant(10), hole=7)).path
    assert Archive.open(path).read(start, stop, 10) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def whole(folder: Path) -> bytes:
    """An archive of twelve chunks."""
    return archive.write(folder / "whole.goa", 1, framed(plant(30), hole=7)).path.read_bytes()


def test_a_truncated_file_loses_the_chunks_that_were_cut_and_no_other(folder: Path, whole: bytes) -> None:
    frames = list(framed(plant(30), hole=7))
    sound = in_bits(expected(frames))
    chunks = [place for place in range(len(whole)) if whole.startswith(b"\xf7GJ1", place)]
    rng = random.Random(3)
    path = folder / "cut.goa"
    for size in [
        chunks[1],
        len(whole) - 1,
        len(whole) - 40,
        *(rng.randrange(chunks[1], len(whole)) for _ in range(80)),
    ]:
        path.write_bytes(whole[:size])
        before = sum(1 for start in [*chunks[1:], index_of(whole)] if start <= size)
        assert in_bits(rows(path)) == sound[: 50 * before]
        verified = archive.verify(path)
        assert verified.samples == 50 * before
        assert not verified.sound or size == index_of(whole) or size in chunks


def index_of(whole: bytes) -> int:
    (entries,) = struct.unpack_from("<I", whole, len(whole) - 12)
    return len(whole) - 32 - 25 * int(entries)


def test_a_flipped_bit_costs_one_chunk_and_never_alters_a_value(folder: Path, whole: bytes) -> None:
    sound = in_bits(expected(list(framed(plant(30), hole=7))))
    rng = random.Random(4)
    path = folder / "flipped.goa"
    for _ in range(100):
        damaged = bytearray(whole)
        place = rng.randrange(len(whole))
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        verified = archive.verify(path)
        assert not verified.sound
        found = in_bits(rows(path))
        assert set(found) <= set(sound)
        in_index = place >= index_of(whole)
        assert len(found) == verified.samples == (600 if in_index else 550)
        assert sum(stop - start for start, stop in verified.lost) == (0 if in_index else 50)


@pytest.mark.parametrize("data", [b"", b"x" * 31, bytes(5000), b"\xf7GAI" + bytes(28)])
def test_a_file_that_is_no_archive_says_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.goa"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="not an archive"):
        Archive.open(path)


@pytest.mark.parametrize(
    "data", [b"", b"\2", b"\1", b"\0abc", b"\1" + bytes(9), b"\1" + bytes(200), b"\1" + b"\xff" * 200]
)
def test_a_chunk_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        archive_codec.unpack(data, 3)


PACKED = archive_codec.pack(plant(20))


@given(st.integers(9, 10**6), st.integers(1, 255))
def test_a_chunk_with_wrong_bytes_is_refused_or_read_but_never_more(place: int, change: int) -> None:
    """As a program of another version might write it: the checksum is right, the content is not."""
    packed = bytearray(PACKED)
    packed[place % len(packed)] ^= change
    with suppress(ValueError):
        assert len(archive_codec.unpack(bytes(packed), 400)) == 400


def test_a_failure_leaves_what_was_there_and_no_half_file(tmp_path: Path) -> None:
    path = archive.write(tmp_path / "a.goa", 1, framed(plant(2))).path
    before = path.read_bytes()
    frames = list(framed(plant(4)))
    with pytest.raises(ValueError, match="twice"):
        archive.write(path, 1, [*frames, frames[0]])
    with pytest.raises(ValueError, match="bytes are not 51 samples"):
        archive.write(path, 1, [frames[0]._replace(samples=51)])
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == before


def test_a_segment_without_samples_makes_an_archive_too(tmp_path: Path) -> None:
    opened = Archive.open(archive.write(tmp_path / "a.goa", 7, NOTES).path)
    assert (opened.first, opened.stop, list(opened.notes)) == (7, 7, NOTES)
    assert opened.read(0, 100, 1) is None


MEMORY = """
import resource, sys
from pathlib import Path
from test_journal_archive import archive, columns, framed, plant, Archive, Frame, Kind

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

some = plant(1, 500)
before = peak()
path = Path(sys.argv[1])

def frames():
    for first in range(1, 300_001, 500):
        for place in range(500):
            some.at[place], some.received[place] = first + place / 1e3, first + place / 7
        yield Frame(Kind.SAMPLES, first, 500, columns.pack(some))

archive.write(path, 1, frames())
written = peak()
opened, at = Archive.open(path), 1
while (found := opened.read(at, opened.stop, 5000)) is not None:
    at = found[0] + len(found[1])
print(written - before, at)
"""


def test_memory_is_that_of_a_chunk_not_of_the_segment(tmp_path: Path) -> None:
    """Also when no two samples have the same times."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "a.goa")],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": f"{Path(__file__).parents[1]}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    mebibytes, at = done.stdout.split()
    assert int(at) == 300_001
    assert float(mebibytes) < 100
