from __future__ import annotations

import struct
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import DecodeError
from greenops_gateway.modbus.codec import FORMATS, Field, Layout, Order, Type, decode, encode, words

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


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[Field], int]:
    count = draw(st.integers(4, 125))
    fields = []
    for _ in range(draw(st.integers(0, 70))):
        type_ = draw(st.sampled_from(list(FORMATS)))
        fields.append(Field(draw(st.integers(0, count - words(type_))), type_, draw(st.sampled_from(ORDERS))))
    return fields, count


@given(layouts(), st.randoms(use_true_random=False))
def test_all_numbers_of_an_answer_are_those_of_its_parts(given_: tuple[list[Field], int], random: Random) -> None:
    fields, count = given_
    data = random.randbytes(2 * count)
    found = Layout(fields, count).numbers(data)
    alone = [decode(data[2 * at : 2 * (at + words(type_))], type_, order) for at, type_, order in fields]
    assert [repr(number) for number in found] == [repr(number) for number in alone]  # not a number is not itself


@pytest.mark.parametrize("size", [0, 5, 7])
def test_an_answer_of_another_length_is_named(size: int) -> None:
    with pytest.raises(DecodeError, match=f"3 registers are 6 bytes, got {size}"):
        Layout([Field(0, "u16", "ABCD")], 3).numbers(bytes(size))
