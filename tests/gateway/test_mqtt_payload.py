"""Payloads: paths, numbers, times, and what is none of these."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError, DecodeError
from greenops_gateway.mqtt import payload

DOCUMENT = {"gas": {"so2": {"value": 12.5}, "list": [1, {"v": 2}]}, "a.b": {"c[0]": 3}, "text": "x", "none": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("gas.so2.value", 12.5),
        ("$.gas.so2.value", 12.5),
        ("gas.list[0]", 1),
        ("gas.list[-1].v", 2),
        ('"a.b"."c[0]"', 3),
        ("none", None),
        ("$", DOCUMENT),
    ],
)
def test_a_path_leads_to_what_stands_there(path: str, found: object) -> None:
    document = payload.document(json.dumps(DOCUMENT).encode())
    assert payload.find(document, payload.path(path)) == found


@pytest.mark.parametrize(
    "path", ["gas.so3", "gas.list[2]", "gas.list.v", "text[0]", "text.x", "none.x", "gas[0]", "[0]"]
)
def test_a_path_that_leads_to_nothing_says_so(path: str) -> None:
    with pytest.raises(DecodeError, match="leads to nothing"):
        payload.find(DOCUMENT, payload.path(path))


@pytest.mark.parametrize("path", ["", "a..b", "a.", "a[x]", "a[", 'a"b"', '"a', "a]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"no path|leads nowhere"):
        payload.path(path)


KEYS = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=6)


@given(st.lists(st.one_of(KEYS, st.integers(-3, 3)), max_size=5))
def test_a_written_path_reads_the_same(steps: list[str | int]) -> None:
    text = payload.written(tuple(steps))
    if text.startswith("$") and steps:
        text = "$." + text
    assert payload.path(text) == tuple(steps)


@pytest.mark.parametrize(
    ("found", "allowed", "number"),
    [
        (1, {}, 1.0),
        (2.5, {}, 2.5),
        (True, {"truth": True}, 1.0),
        (False, {"truth": True}, 0.0),
        ("7.5", {"text": True}, 7.5),
        (" -1e3", {"text": True}, -1000.0),
    ],
)
def test_a_number_is_a_number(found: object, allowed: dict[str, bool], number: float) -> None:
    assert payload.number(found, **allowed) == number


@pytest.mark.parametrize(
    ("found", "allowed", "said"),
    [
        (True, {}, 'unit is "1"'),
        ("7.5", {}, "write text: true"),
        ("7,5", {"text": True}, "no number"),
        ("nan", {"text": True}, "no number"),
        ("", {"text": True}, "no number"),
        ({}, {}, "JSON object"),
        ([1], {}, "list"),
        (None, {}, "null"),
        (10**400, {}, "beyond"),
    ],
)
def test_what_is_no_number_is_never_taken_for_one(found: object, allowed: dict[str, bool], said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        payload.number(found, **allowed)


@pytest.mark.parametrize("raw", [b"", b"nan", b"inf", b"1_0", b"12,5", b"0x10", b"1 2", b"on", b"\xff", "٣".encode()])
def test_a_plain_payload_that_is_no_number_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="no number"):
        payload.plain(raw)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_plain_number_is_read_exactly(value: float) -> None:
    assert payload.plain(repr(value).encode()) == value


@pytest.mark.parametrize("raw", [b"", b"{", b"{'a': 1}", b"NaN", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_said(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="not JSON"):
        payload.document(raw)


@pytest.mark.parametrize(
    ("found", "format_", "at"),
    [
        (1_700_000_000, "unix", 1.7e9),
        (1_700_000_000_500, "unix_ms", 1700000000.5),
        ("2023-11-14T22:13:20Z", "rfc3339", 1.7e9),
        ("2023-11-14T23:13:20.250+01:00", "rfc3339", 1700000000.25),
    ],
)
def test_a_time_is_read_in_its_format(found: object, format_: payload.TimeFormat, at: float) -> None:
    assert payload.moment(found, format_) == at


@pytest.mark.parametrize(
    ("found", "format_", "said"),
    [
        ("2023-11-14T22:13:20", "rfc3339", "no zone"),
        ("yesterday", "rfc3339", "RFC 3339"),
        (17, "rfc3339", "RFC 3339"),
        ("1700000000", "unix", "no time in unix"),
        (True, "unix_ms", "no time in unix_ms"),
        (None, "unix", "no time"),
    ],
)
def test_what_is_no_time_is_refused(found: object, format_: payload.TimeFormat, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        payload.moment(found, format_)


def test_the_nearest_path_is_offered() -> None:
    assert payload.nearest_path(DOCUMENT, payload.path("gas.SO2.val")) == "gas.so2.value"
    assert payload.nearest_path({}, payload.path("gas")) is None


def test_a_deep_document_is_looked_into_only_so_far() -> None:
    deep = payload.document(b'{"a":' * 500 + b'{"b": 1}' + b"}" * 500)
    assert list(payload.leaves(deep)) == []
    assert payload.nearest_path(deep, payload.path("a.b")) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_at_the_end_of_time_is_one(text: str) -> None:
    assert abs(payload.moment(text, "rfc3339")) > 6e10
