"""Canonical JSON against vectors written by hand, and as a property."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenops_telemetry.audit_chain import Kind
from greenops_telemetry.canonical_json import DEEPEST, canonical, configuration_hash, parsed

CANONICAL = {
    "keys by UTF-16 unit": (
        {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7},
        '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
    ),
    "escapes": ('\b\t\n\f\r"\\/\x01\x1f\x7f\u2028', '"\\b\\t\\n\\f\\r\\"\\\\/\\u0001\\u001f\x7f\u2028"'),
    "not normalised": (["Å", "A\u030a", "\u212b"], '["Å","A\u030a","\u212b"]'),
    "words": ([None, True, False], "[null,true,false]"),
    "nested": ({"b": [{}, [], {"z": {"y": ()}}], "a": {}}, '{"a":{},"b":[{},[],{"z":{"y":[]}}]}'),
    "whole numbers": ([1, 1.0, -0.0, 2**53 - 1, -7, 1e20], "[1,1,0,9007199254740991,-7,100000000000000000000]"),
    "shortest": (
        [0.1, 0.1 + 0.2, 333333333.33333329, 4.50, 1 / 3],
        "[0.1,0.30000000000000004,333333333.3333333,4.5,0.3333333333333333]",
    ),
    "exponents": ([1e21, 1e-6, 1e-7, 1.5e-9, -1e30, 1e-27], "[1e+21,0.000001,1e-7,1.5e-9,-1e+30,1e-27]"),
    "limits": ([5e-324, 1.7976931348623157e308, 2.0**53], "[5e-324,1.7976931348623157e+308,9007199254740992]"),
    "kinds": (Kind.CORRECTION, '"correction"'),
}


@pytest.mark.parametrize(("value", "text"), CANONICAL.values(), ids=CANONICAL)
def test_canonical_json_is_that_of_rfc_8785(value: object, text: str) -> None:
    assert canonical(value).decode() == text
    assert canonical(parsed(text.encode())).decode() == text


nested: object = []
for _ in range(DEEPEST):
    nested = [nested]


@pytest.mark.parametrize(
    "value",
    [float("inf"), float("nan"), 2**53, -(2**53), "\udc00", {1: 2}, {"\ud800": 1}, b"", object, nested],
    ids=lambda value: repr(value)[:20],
)
def test_what_others_would_read_in_another_way_has_no_canonical_json(value: object) -> None:
    with pytest.raises(ValueError, match=r"surrogate|beyond|no number|a key|no place|nested"):
        canonical(value)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_canonical_json_says_the_same_value_and_only_once(value: object) -> None:
    text = canonical(value)
    assert json.loads(text, parse_int=float) == value
    assert canonical(parsed(text)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=500)
def test_a_number_reads_back_as_the_same_double(value: float) -> None:
    text = canonical(value).decode()
    assert float(text) == value
    assert len(text) <= 25


def test_a_configuration_has_one_hash_however_it_is_ordered() -> None:
    assert configuration_hash({"b": 1.0, "a": [2]}) == configuration_hash({"a": (2,), "b": 1})
    assert configuration_hash({"a": 1}) != configuration_hash({"a": "1"})
    assert configuration_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
