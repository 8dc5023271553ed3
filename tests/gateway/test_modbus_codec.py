from __future__ import annotations

import math
import struct
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import DecodeError
from greenops_core.sample import Reason
from greenops_gateway.modbus.codec import FORMATS, Meaning, Order, Type, decode, encode, words

ORDERS = get_args(Order)

NUMBERS = {
    "u16": st.integers(0, 2**16 - 1),
    "i16": st.integers(-(2**15), 2**15 - 1),
    "u32": st.integers(0, 2**32 - 1),
    "i32": st.integers(-(2**31), 2**31 - 1),
    "u64": st.integers(0, 2**64 - 1),
    "i64": st.integers(-(2**63), 2**63 - 1),
    "f16": st.floats(width=16, allow_nan=False),
    "f32": st.floats(width=32, allow_nan=False),
    "f64": st.floats(allow_nan=False),
    "bit": st.integers(0, 2**16 - 1),
}


@pytest.mark.parametrize(
    ("type_", "order", "raw", "number"),
    [
        ("u16", "ABCD", "0102", 0x0102),
        ("u16", "CDAB", "0102", 0x0102),
        ("u16", "BADC", "0102", 0x0201),
        ("u16", "DCBA", "0102", 0x0201),
        ("i16", "ABCD", "ffff", -1),
        ("i16", "ABCD", "8000", -32768),
        ("u32", "ABCD", "01020304", 0x01020304),
        ("u32", "CDAB", "03040102", 0x01020304),
        ("u32", "BADC", "02010403", 0x01020304),
        ("u32", "DCBA", "04030201", 0x01020304),
        ("i32", "CDAB", "fffeffff", -2),
        ("u64", "ABCD", "0102030405060708", 0x0102030405060708),
        ("u64", "CDAB", "0708050603040102", 0x0102030405060708),
        ("u64", "BADC", "0201040306050807", 0x0102030405060708),
        ("u64", "DCBA", "0807060504030201", 0x0102030405060708),
        ("i64", "DCBA", "feffffffffffffff", -2),
        ("f16", "ABCD", "3c00", 1.0),
        ("f16", "DCBA", "003c", 1.0),
        ("f32", "ABCD", "42c80000", 100.0),
        ("f32", "CDAB", "000042c8", 100.0),
        ("f32", "BADC", "c8420000", 100.0),
        ("f32", "DCBA", "0000c842", 100.0),
        ("f64", "ABCD", "4059000000000000", 100.0),
        ("f64", "CDAB", "0000000000004059", 100.0),
        ("f64", "BADC", "5940000000000000", 100.0),
        ("f64", "DCBA", "0000000000005940", 100.0),
    ],
)
def test_registers_spell_numbers_in_four_orders(type_: Type, order: Order, raw: str, number: float) -> None:
    assert decode(bytes.fromhex(raw), type_, order) == number
    assert encode(number, type_, order).hex() == raw


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("type_", FORMATS)
def test_what_is_written_is_read(type_: Type, order: Order) -> None:
    @given(NUMBERS[type_])
    def holds(number: float) -> None:
        raw = encode(number, type_, order)
        assert len(raw) == 2 * words(type_)
        assert decode(raw, type_, order) == number

    holds()


@given(st.binary(min_size=8, max_size=8), st.sampled_from(ORDERS))
def test_every_order_only_moves_bytes(raw: bytes, order: Order) -> None:
    number = decode(raw, "u64", order)
    assert isinstance(number, int)
    assert sorted(struct.pack(">Q", number)) == sorted(raw)


@pytest.mark.parametrize(("type_", "raw"), [("u16", b""), ("f32", b"\0\0"), ("u16", b"\0\0\0\0"), ("u64", b"\0" * 7)])
def test_wrong_length_is_named(type_: Type, raw: bytes) -> None:
    with pytest.raises(DecodeError, match=f"{type_} needs {2 * words(type_)} bytes, got {len(raw)}"):
        decode(raw, type_, "ABCD")


@pytest.mark.parametrize(
    ("type_", "number"), [("u16", -1), ("i16", 32768), ("u32", 2**32), ("f16", 1e6), ("f32", 1e39)]
)
def test_a_number_that_does_not_fit_is_named(type_: Type, number: float) -> None:
    with pytest.raises(DecodeError, match=f"{type_} cannot hold"):
        encode(number, type_, "ABCD")


NAN = math.nan
STATES = {0: 100.0, 1: 1000.0}


@pytest.mark.parametrize(
    ("meaning", "number", "value", "reason"),
    [
        pytest.param(Meaning(), 7, 7.0, "none", id="plain"),
        pytest.param(Meaning(scale=0.1, offset=-40), 500, 10.0, "none", id="linear"),
        pytest.param(Meaning(bit=3), 0b1000, 1.0, "none", id="bit set"),
        pytest.param(Meaning(bit=3), 0b0111, 0.0, "none", id="bit clear"),
        pytest.param(Meaning(bit=0), 0b11, 1.0, "none", id="only that bit"),
        pytest.param(Meaning(bit=15), 0x8000, 1.0, "none", id="highest bit"),
        pytest.param(Meaning(enum=STATES), 1, 1000.0, "none", id="listed state"),
        pytest.param(Meaning(enum=STATES), 2, NAN, "decode", id="unlisted state"),
        pytest.param(Meaning(enum=STATES), 0.5, NAN, "decode", id="between states"),
        pytest.param(Meaning(scale=0.1, sentinels=frozenset({-32768})), -32768, NAN, "sentinel", id="sentinel"),
        pytest.param(Meaning(sentinels=frozenset({-9999.0})), -9999, NAN, "sentinel", id="sentinel of a float"),
        pytest.param(Meaning(scale=2, sentinels=frozenset({10})), 5, 10.0, "none", id="sentinels are raw numbers"),
        pytest.param(Meaning(), math.nan, NAN, "sentinel", id="not a number"),
        pytest.param(Meaning(), math.inf, NAN, "sentinel", id="infinite"),
        pytest.param(Meaning(), 1e-35, NAN, "decode", id="smaller than any instrument gives: words in the wrong order"),
        pytest.param(Meaning(scale=1e30), -2e-41, NAN, "decode", id="below zero and scaled, too"),
        pytest.param(Meaning(), 1e-20, 1e-20, "none", id="small"),
        pytest.param(Meaning(), 0.0, 0.0, "none", id="a true zero"),
        pytest.param(Meaning(), -0.0, 0.0, "none", id="a negative zero"),
        pytest.param(Meaning(sentinels=frozenset({1e-38})), 1e-38, NAN, "sentinel", id="small on purpose"),
        pytest.param(Meaning(scale=10), 1e308, NAN, "decode", id="too big when scaled"),
    ],
)
def test_a_number_means_a_value_or_a_reason(meaning: Meaning, number: float, value: float, reason: str) -> None:
    got, why = meaning.of(number)
    assert got == pytest.approx(value, nan_ok=True)
    assert why is Reason(reason)
