from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import DecodeError
from greenops_gateway.modbus.frame import Answer, answer

# Transaction 7, unit 1: two input registers from 16 on; and the coils 0 to 9.
REGISTERS = bytes.fromhex("0007 0000 0006 01 04 0010 0002")
REGISTERS_ANSWER = bytes.fromhex("0007 0000 0007 01 04 04 1122 3344")
COILS = bytes.fromhex("0007 0000 0006 01 01 0000 000a")
COILS_ANSWER = bytes.fromhex("0007 0000 0005 01 01 02 ff03")


@pytest.mark.parametrize(
    ("request_", "received", "expected"),
    [
        pytest.param(REGISTERS, REGISTERS_ANSWER, Answer(bytes.fromhex("11223344")), id="registers"),
        pytest.param(COILS, COILS_ANSWER, Answer(bytes.fromhex("ff03")), id="bits"),
        pytest.param(REGISTERS, bytes.fromhex("0007 0000 0003 01 84 02"), Answer(b"", 2), id="exception"),
    ],
)
def test_the_answer_is_recognised(request_: bytes, received: bytes, expected: Answer) -> None:
    assert answer(request_, received) == expected


@pytest.mark.parametrize(
    ("received", "why"),
    [
        pytest.param("0006 0000 0007 01 04 04 1122 3344", "transaction is 6, not 7", id="late answer"),
        pytest.param("0000 0000 0007 01 04 04 1122 3344", "transaction is 0, not 7", id="transaction zero"),
        pytest.param("0007 0001 0007 01 04 04 1122 3344", "protocol identifier is 1", id="another protocol"),
        pytest.param("0007 0000 0007 02 04 04 1122 3344", "unit is 2, not 1", id="another unit"),
        pytest.param("0007 0000 0007 01 03 04 1122 3344", "function is 3, not 4", id="another function"),
        pytest.param("0007 0000 0003 01 83 02", "function is 3, not 4", id="exception to another function"),
        pytest.param("0007 0000 0007 01 04 02 1122 3344", "byte count is 2, not 4", id="wrong byte count"),
        pytest.param("0007 0000 0005 01 04 02 1122", "length is 5, not 7", id="too few registers"),
        pytest.param("0007 0000 ffff 01 04 04 1122 3344", "length is 65535, not 7", id="endless"),
        pytest.param("0007 0000 0004 01 84 02 00", "length is 4, not 3", id="long exception"),
        pytest.param("0007 0000 0003 01 84 00", "exception without a code", id="exception zero"),
        pytest.param("0007 0000 0007 01 04 04 1122 3344 00", "bytes in all is 14, not 13", id="a byte too much"),
        pytest.param("485454502f312e31203430302042", "protocol identifier", id="a web server"),
        pytest.param("4854 5450", "protocol identifier", id="the start of something else"),
    ],
)
def test_anything_else_is_refused(received: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        answer(REGISTERS, bytes.fromhex(received))


@pytest.mark.parametrize("size", range(len(REGISTERS_ANSWER)))
def test_a_part_of_the_answer_is_waited_for(size: int) -> None:
    assert answer(REGISTERS, REGISTERS_ANSWER[:size]) is None


@given(st.binary(max_size=300))
def test_garbage_gives_no_wrong_value(received: bytes) -> None:
    try:
        given_ = answer(REGISTERS, received)
    except DecodeError:
        return
    assert given_ is None or (received.startswith(REGISTERS_ANSWER[:4]) and received[6] == 1)


@given(st.integers(0, 8), st.integers(1, 255))
def test_no_byte_of_the_head_may_differ(place: int, change: int) -> None:
    changed = bytearray(REGISTERS_ANSWER)
    changed[place] ^= change
    with pytest.raises(DecodeError):
        answer(REGISTERS, bytes(changed))
