"""What the files of the audit log prove: whatever is done to them is found, with its line."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_telemetry.audit_chain import BEGINNING, GATEWAY, HEAD, LOG, Head, Kind, sealed, written
from greenops_telemetry.audit_proof import Evidence, Finding, findings, records
from greenops_telemetry.canonical_json import canonical, configuration_hash

CORRECTION: dict[str, object] = {"point": "so2", "sequence": [7, 7], "old": 181.5, "new": None, "reason": "span gas"}
DEEDS: tuple[tuple[Kind, str, dict[str, object]], ...] = (
    (Kind.START, GATEWAY, {"version": "1.0"}),
    (Kind.CONFIGURATION, "SIGHUP", {"changed": ["a", 0.1, None], "text": "Ünïcode 😀"}),
    (Kind.CORRECTION, "ada", CORRECTION),
)


def chain(count: int, *, author: str | None = None) -> Evidence:
    """The files after *count* deeds, four a day, as the gateway leaves them; made without it."""
    log, anchors, last = b"", b"", BEGINNING

    def add(at: str, kind: Kind, who: str, what: dict[str, object]) -> None:
        nonlocal log, last
        made = sealed(last, at, kind, who, what)
        log += made.line()
        last = Head(made.number, made.at, made.hash, len(log))

    for number in range(count):
        at = f"2026-02-{2 + number // 4:02}T12:00:0{number % 4}.000Z"
        if last.number and at[:10] > last.at[:10]:
            anchors += written(last.anchor)
            add(at, Kind.ANCHOR, GATEWAY, last.anchor._asdict())
        kind, who, what = DEEDS[number % 3]
        add(at, kind, author or who, what)
    return Evidence(log, written(last), anchors)


WHOLE = chain(10)
LINES = WHOLE.log.splitlines(keepends=True)
COUNT = len(LINES)
positions = st.integers(0, len(WHOLE.log) - 1)
line_numbers = st.integers(1, COUNT)


def wrong(files: Evidence, *published: str) -> list[Finding]:
    return [each for each in findings(files, published) if not each.harmless]


def wrong_lines(log: bytes) -> set[int | None]:
    return {each.line for each in wrong(WHOLE._replace(log=log)) if each.file == LOG}


def joined(lines: list[bytes]) -> bytes:
    return b"".join(lines)


def test_an_untouched_log_has_no_findings() -> None:
    assert list(findings(WHOLE)) == []
    assert [each.number for each in records(WHOLE.log)] == [*range(1, COUNT + 1)]
    assert sum(each.kind is Kind.ANCHOR for each in records(WHOLE.log)) == 2


@given(positions, st.integers(1, 255))
def test_a_changed_byte_is_found_with_its_line(position: int, change: int) -> None:
    log = bytearray(WHOLE.log)
    log[position] ^= change
    assert 1 + WHOLE.log.count(b"\n", 0, position) in wrong_lines(bytes(log))


@given(positions, st.binary(min_size=1, max_size=3))
def test_inserted_bytes_are_found_with_their_line(position: int, inserted: bytes) -> None:
    log = WHOLE.log[:position] + inserted + WHOLE.log[position:]
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(WHOLE.log, log, strict=False)))
    line = 1 + log.count(b"\n", 0, alike)  # what was put in at the very end may look like half a line
    assert line in {each.line for each in findings(WHOLE._replace(log=log))}


@given(line_numbers)
def test_a_removed_line_is_found_where_it_stood(number: int) -> None:
    assert min(number, COUNT - 1) in wrong_lines(joined(LINES[: number - 1] + LINES[number:]))


@given(line_numbers, line_numbers)
def test_moved_lines_are_found(one: int, other: int) -> None:
    lines = LINES.copy()
    lines[one - 1], lines[other - 1] = lines[other - 1], lines[one - 1]
    assert wrong_lines(joined(lines)) >= ({one, other} if one != other else set())


@given(line_numbers, st.integers(0, COUNT))
def test_a_repeated_line_is_found(number: int, place: int) -> None:
    place = place + (place == number - 1)  # right before itself is right after itself
    assert place + 1 in wrong_lines(joined([*LINES[:place], LINES[number - 1], *LINES[place:]]))


FOREIGN = joined(chain(1, author="mallory").log.splitlines(keepends=True))


@given(st.integers(0, COUNT), st.sampled_from([b"\n", b"{}\n", b"[]\n", b"[" * 5000 + b"\n", b"\xff\n", FOREIGN]))
def test_a_line_that_was_put_in_is_found(place: int, line: bytes) -> None:
    found = wrong_lines(joined([*LINES[:place], line, *LINES[place:]]))
    assert found & {place + 1, place + 2 if line == FOREIGN else None}  # of two beginnings the second is told


def test_truncation_is_found_at_every_byte_with_the_line_that_was_cut() -> None:
    for length in range(len(WHOLE.log)):
        line = max(1, WHOLE.log.count(b"\n", 0, length) + (WHOLE.log[:length][-1:] not in {b"", b"\n"}))
        (cut,) = [each for each in wrong(WHOLE._replace(log=WHOLE.log[:length])) if each.file == LOG]
        assert cut.line == (line if length else None)
        assert f"{len(WHOLE.log) - length} bytes are missing" in cut.meaning


def test_half_a_line_beyond_the_head_is_told_as_what_it_is_at_every_byte() -> None:
    before = chain(9)
    for length in range(len(before.log) + 1, len(WHOLE.log)):
        (found,) = findings(Evidence(WHOLE.log[:length], before.head, before.anchors))
        assert (found.harmless, found.line) == (True, COUNT)
    assert list(findings(Evidence(WHOLE.log, before.head, before.anchors))) == []  # a whole one was taken over


@pytest.mark.parametrize("field", ["head", "anchors"])
def test_every_changed_or_cut_byte_of_the_other_files_is_found(field: str) -> None:
    text: bytes = getattr(WHOLE, field)
    for position in range(len(text)):
        changed = text[:position] + bytes([text[position] ^ 1]) + text[position + 1 :]
        for other in (changed, text[:position], text[:position] + text[position + 1 :]):
            assert wrong(WHOLE._replace(**{field: other})), (position, other)


@pytest.mark.parametrize("gone", [{"log": b""}, {"head": None}, {"anchors": None}, {"anchors": b""}], ids=str)
def test_a_removed_file_is_found(gone: dict[str, bytes | None]) -> None:
    assert wrong(WHOLE._replace(**gone))  # type: ignore[arg-type]  # pairs of a field and what it may be


def test_only_a_published_anchor_shows_a_history_that_was_made_anew() -> None:
    forged = chain(10, author="mallory")
    kept = next(each.hash for each in records(WHOLE.log) if each.number == 4)
    assert wrong(forged) == []
    assert wrong(WHOLE, kept) == []
    (found,) = wrong(forged, kept)
    assert kept in found.meaning


def test_zeros_that_a_file_system_left_are_half_a_line_too() -> None:
    (found,) = findings(WHOLE._replace(log=WHOLE.log + b"\0\0\n"))
    assert (found.harmless, found.line) == (True, COUNT + 1)


@pytest.mark.parametrize(("number", "hidden"), [(2, False), (COUNT, True)], ids=["in the middle", "at the end"])
def test_a_line_with_another_content_and_its_right_hash_is_found(number: int, *, hidden: bool) -> None:
    old = [*records(WHOLE.log)][number - 1]
    before = Head(old.number - 1, "", old.previous, 0)
    line = sealed(before, old.at, old.kind, "mallory", old.what).line()
    found = wrong(WHOLE._replace(log=joined([*LINES[: number - 1], line, *LINES[number:]])))
    assert ("does not follow the line before" in found[0].meaning, found[0].line) == (
        (False, 1) if hidden else (True, number + 1)
    )


def test_a_correction_without_a_reason_is_found_however_well_it_is_hashed() -> None:
    fields = {"number": 1, "at": "2026-02-02T12:00:00.000Z", "kind": "correction", "who": "ada", "what": {}}
    fields |= {"previous": BEGINNING.hash}
    log = canonical({**fields, "hash": configuration_hash(fields)}) + b"\n"
    head = Head(1, str(fields["at"]), configuration_hash(fields), len(log))
    (found, _) = wrong(Evidence(log, written(head), None))
    assert "says what it changes and why; this one lacks: point, old, new" in found.meaning


def test_a_head_of_long_ago_is_found() -> None:
    (found, *_) = wrong(WHOLE._replace(head=chain(8).head))
    assert (found.file, found.meaning) == (
        HEAD,
        "the log is 3 lines longer: lines were put in, or this file was changed",
    )


def test_a_finding_says_what_it_means() -> None:
    swapped = joined([LINES[0], LINES[2], LINES[1], *LINES[3:]])
    assert [(each.line, each.meaning) for each in wrong(WHOLE._replace(log=swapped))] == [
        (2, "record 2 is missing before this line: removed, or moved elsewhere"),
        (3, "record 2 stands where 4 belongs: put in, repeated or moved"),
        (4, "record 3 is missing before this line: removed, or moved elsewhere"),
    ]


@pytest.mark.parametrize(
    ("kind", "who", "what", "says"),
    [
        (Kind.ACTION, " ", {}, "says who"),
        (Kind.CORRECTION, "ada", {**CORRECTION, "reason": " "}, "lacks: reason"),
        (
            Kind.CORRECTION,
            "ada",
            {key: CORRECTION[key] for key in ("point", "sequence", "old", "new")},
            "lacks: reason",
        ),
        (Kind.CORRECTION, "ada", {**CORRECTION, "interval": ["a", "b"]}, "interval or sequence"),
        (Kind.QUALITY_OVERRIDE, "ada", {"reason": "x"}, "lacks: point, old, new, interval or sequence"),
        (Kind.ACTION, "ada", {"value": float("nan")}, "nan is no number"),
        (Kind.ACTION, "ada", {"value": "\ud800"}, "cannot be recorded"),
    ],
)
def test_what_lacks_its_author_or_reason_is_no_record(kind: Kind, who: str, what: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        sealed(BEGINNING, "2026-02-02T12:00:00.000Z", kind, who, what)
