from __future__ import annotations

import struct
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import DecodeError
from greenops_gateway.modbus.frame import MOST, Answer, Ask, Framing, Tcp, data_size, is_answer
from greenops_gateway.modbus.serial_line import Ascii, Line, Rtu, crc16, exchange_seconds, lrc, silence, wire_seconds

TRANSACTION = 7
REGISTERS = Ask(1, 4, 16, 2)
COILS = Ask(1, 1, 0, 10)


class Golden(NamedTuple):
    """A read and its answer from the unit on, without checksum."""

    ask: Ask
    request: str
    reply: str
    answer: Answer


# V1.1b3: the examples of sections 6.1 to 6.4, put to unit 17, and one exception.
SPECIFIED = [
    pytest.param(
        Golden(Ask(17, 1, 0x13, 0x13), "11 01 0013 0013", "11 01 03 CD 6B 05", Answer(bytes.fromhex("CD6B05"))),
        id="read coils 20 to 38",
    ),
    pytest.param(
        Golden(Ask(17, 2, 0xC4, 0x16), "11 02 00C4 0016", "11 02 03 AC DB 35", Answer(bytes.fromhex("ACDB35"))),
        id="read discrete inputs 197 to 218",
    ),
    pytest.param(
        Golden(
            Ask(17, 3, 0x6B, 3), "11 03 006B 0003", "11 03 06 022B 0000 0064", Answer(bytes.fromhex("022B00000064"))
        ),
        id="read holding registers 108 to 110",
    ),
    pytest.param(
        Golden(Ask(17, 4, 8, 1), "11 04 0008 0001", "11 04 02 000A", Answer(bytes.fromhex("000A"))),
        id="read input register 9",
    ),
    pytest.param(
        Golden(Ask(17, 1, 0x4A1, 1), "11 01 04A1 0001", "11 81 02", Answer(b"", 2)), id="exception: no such address"
    ),
]
FRAMINGS = [Tcp(), Tcp(ignore_transaction_id=True), Rtu(), Ascii()]
each_framing = pytest.mark.parametrize("framing", FRAMINGS, ids=["tcp", "tcp without ids", "rtu", "ascii"])


def bitwise_crc(data: bytes) -> bytes:
    """As the specification words it, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            carry, crc = crc & 1, crc >> 1
            crc ^= 0xA001 * carry
    return struct.pack("<H", crc)


def framed(framing: Framing, body: bytes, transaction: int = TRANSACTION) -> bytes:
    """*body*, from the unit on, on the wire: written once more, apart from the code under test."""
    if framing.name == "tcp":
        return struct.pack(">HHH", transaction, 0, len(body)) + body
    if framing.name == "rtu":
        return body + bitwise_crc(body)
    return b":%s%02X\r\n" % (body.hex().upper().encode(), -sum(body) % 256)


def good(ask: Ask, seed: int = 0) -> bytes:
    size = data_size(ask)
    return bytes((ask.unit, ask.function, size)) + bytes((seed + place * 37) & 0xFF for place in range(size))


asks = st.sampled_from(sorted(MOST)).flatmap(
    lambda function: st.builds(
        Ask, st.integers(0, 255), st.just(function), st.integers(0, 65535), st.integers(1, MOST[function])
    )
)
framings = st.sampled_from(FRAMINGS)


@each_framing
@pytest.mark.parametrize("golden", SPECIFIED)
def test_the_specification_s_examples_go_out_and_come_back(framing: Framing, golden: Golden) -> None:
    request = framing.request(golden.ask, TRANSACTION)
    assert request == framed(framing, bytes.fromhex(golden.request))
    assert len(request) == framing.request_size
    reply = framed(framing, bytes.fromhex(golden.reply))
    assert framing.answer(golden.ask, TRANSACTION, reply) == (golden.answer, len(reply), 0)


@pytest.mark.parametrize(
    ("body", "crc", "checksum"),
    [
        pytest.param("0207", "4112", 0xF7, id="serial line V1.02, section 6.2"),
        pytest.param("0103006B0003", "7417", 0x8E, id="three holding registers"),
        pytest.param("", "ffff", 0, id="nothing"),
    ],
)
def test_checksums_are_those_of_the_specification(body: str, crc: str, checksum: int) -> None:
    assert crc16(bytes.fromhex(body)).to_bytes(2, "little") == bytes.fromhex(crc)
    assert lrc(bytes.fromhex(body)) == checksum


@given(st.binary(max_size=300))
def test_the_table_gives_what_the_bits_give(data: bytes) -> None:
    assert crc16(data).to_bytes(2, "little") == bitwise_crc(data)
    assert crc16(data + bitwise_crc(data)) == 0


@given(framings, asks, st.integers(0, 65535), st.data())
def test_every_answer_comes_back(framing: Framing, ask: Ask, transaction: int, data: st.DataObject) -> None:
    body = data.draw(st.binary(min_size=data_size(ask), max_size=data_size(ask)))
    wire = framed(framing, bytes((ask.unit, ask.function, len(body))) + body, transaction)
    assert len(wire) == framing.expected(ask)
    assert framing.answer(ask, transaction, wire) == (Answer(body), len(wire), 0)


@given(framings, asks, st.integers(1, 255))
def test_every_exception_comes_back(framing: Framing, ask: Ask, code: int) -> None:
    wire = framed(framing, bytes((ask.unit, ask.function | 0x80, code)))
    assert framing.answer(ask, TRANSACTION, wire) == (Answer(b"", code), len(wire), 0)


@pytest.mark.parametrize("ask", [REGISTERS, COILS, Ask(255, 3, 65535, 1), Ask(1, 3, 0, 125)])
@each_framing
def test_a_part_of_the_answer_is_waited_for(framing: Framing, ask: Ask) -> None:
    for body in (good(ask), bytes((ask.unit, ask.function | 0x80, 6))):
        wire = framed(framing, body)
        for size in range(len(wire)):
            assert framing.answer(ask, TRANSACTION, wire[:size]) == (None, 0, 0)


OTHERS = {
    "another unit": bytes.fromhex("02 04 04 1122 3344"),
    "another function": bytes.fromhex("01 03 04 1122 3344"),
    "other registers": bytes.fromhex("01 04 02 1122"),
    "bits": bytes.fromhex("01 01 01 ff"),
    "an exception of another unit": bytes.fromhex("03 84 02"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("framing", [Tcp(), Rtu(), Ascii()], ids=["tcp", "rtu", "ascii"])
def test_late_answers_before_the_answer_are_dropped_and_counted(framing: Framing, other: bytes) -> None:
    late = framed(framing, other, TRANSACTION - 1)
    answer = framed(framing, good(REGISTERS))
    assert framing.answer(REGISTERS, TRANSACTION, late) == (None, len(late), 1)
    assert framing.stray(late + late) == (None, 2 * len(late), 2)
    read = framing.answer(REGISTERS, TRANSACTION, late + late + answer + b"more")
    assert read == (Answer(good(REGISTERS)[3:]), 2 * len(late) + len(answer), 2)
    for size in range(len(late) + 1, len(late + answer)):
        part = framing.answer(REGISTERS, TRANSACTION, (late + answer)[:size])
        assert part == (None, len(late), 1)


def test_the_very_answer_with_another_transaction_is_late() -> None:
    wire = framed(Tcp(), good(REGISTERS), TRANSACTION - 1)
    assert Tcp().answer(REGISTERS, TRANSACTION, wire) == (None, len(wire), 1)
    assert Tcp(ignore_transaction_id=True).answer(REGISTERS, TRANSACTION, wire).answer is not None


@pytest.mark.parametrize(
    ("received", "why"),
    [
        pytest.param("0007 0001 0007 01 04 04 1122 3344", "protocol identifier is 0001", id="another protocol"),
        pytest.param("0007 0000 0007 02 04 04 1122 3344", "unit is 2, not 1", id="another unit"),
        pytest.param("0007 0000 0007 01 03 04 1122 3344", "function is 3, not 4", id="another function"),
        pytest.param("0007 0000 0003 01 83 02", "function is 3, not 4", id="exception to another function"),
        pytest.param("0007 0000 0007 01 04 02 1122 3344", "byte count is 2, not 4", id="wrong byte count"),
        pytest.param("0007 0000 0005 01 04 02 1122", "length is 5, not 7", id="too few registers"),
        pytest.param("0007 0000 ffff", "length is 65535", id="endless"),
        pytest.param("0007 0000 0002 01 04", "length is 2", id="too short for any answer"),
        pytest.param("0007 0000 0004 01 84 02 00", "length is 4, not 3", id="long exception"),
        pytest.param("0007 0000 0003 01 84 00", "exception without a code", id="exception zero"),
        pytest.param("0006 0000 0006 01 06 0001 0002", "no answer to a read", id="an answer to a write, late"),
        pytest.param("0006 0000 0007 01 04 02 1122 3344", "no answer to a read", id="late and inconsistent"),
        pytest.param("485454502f312e31203430302042", "protocol identifier", id="a web server"),
        pytest.param("4854 54", "protocol identifier", id="the start of something else"),
    ],
)
def test_over_tcp_anything_else_is_refused_as_soon_as_it_shows(received: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        Tcp().answer(REGISTERS, TRANSACTION, bytes.fromhex(received))


@given(st.integers(0, 8), st.integers(1, 255))
def test_no_byte_of_the_head_may_differ(place: int, change: int) -> None:
    changed = bytearray(framed(Tcp(), good(REGISTERS)))
    changed[place] ^= change
    try:
        read = Tcp().answer(REGISTERS, TRANSACTION, bytes(changed))
    except DecodeError:
        return
    assert read.answer is None


NOISE = {"a null": b"\0", "a burst": b"\xff\xff\x7f", "half an answer": bytes.fromhex("01 04 04 11"), "text": b"boot\n"}


@pytest.mark.parametrize("framing", [Rtu(), Ascii()], ids=["rtu", "ascii"])
@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_on_a_serial_line_noise_before_the_answer_is_passed_over(framing: Framing, noise: bytes) -> None:
    wire = noise + framed(framing, good(REGISTERS))
    for size in range(len(wire)):
        assert framing.answer(REGISTERS, TRANSACTION, wire[:size]).answer is None
    assert framing.answer(REGISTERS, TRANSACTION, wire) == (Answer(good(REGISTERS)[3:]), len(wire), 0)


@pytest.mark.parametrize("framing", [Rtu(), Ascii()], ids=["rtu", "ascii"])
@pytest.mark.parametrize("ask", [REGISTERS, COILS, Ask(1, 3, 0, 1), Ask(1, 3, 0x1000, 125)])
def test_the_echo_of_a_two_wire_adapter_is_no_answer(framing: Framing, ask: Ask) -> None:
    wire = framing.request(ask, 0) + framed(framing, good(ask))
    for size in range(len(wire)):
        assert framing.answer(ask, 0, wire[:size]).answer is None
    assert framing.answer(ask, 0, wire) == (Answer(good(ask)[3:]), len(wire), 0)


@pytest.mark.parametrize(
    ("framing", "received"),
    [
        pytest.param(Rtu(), framed(Rtu(), good(REGISTERS))[:-1] + b"\0", id="rtu: wrong checksum"),
        pytest.param(Rtu(), bytes.fromhex("01 05 04 1122 3344 5566"), id="rtu: another function, no checksum"),
        pytest.param(Rtu(), b"\xff" * 600, id="rtu: noise without end"),
        pytest.param(Rtu(), b"\x01" * 600, id="rtu: starts of answers without end"),
        pytest.param(Rtu(), framed(Rtu(), bytes.fromhex("01 84 00")), id="rtu: exception without a code"),
        pytest.param(Ascii(), b":0104041122334400\r\n", id="ascii: wrong checksum"),
        pytest.param(Ascii(), b":010404112233444\r\n", id="ascii: odd digits"),
        pytest.param(Ascii(), b":01 04 04 11 22 33 44 4D\r\n", id="ascii: blanks"),
        pytest.param(Ascii(), b"login: \r\n", id="ascii: text"),
        pytest.param(Ascii(), b":" + b"0" * 1100, id="ascii: a line without end"),
        pytest.param(Ascii(), framed(Ascii(), bytes.fromhex("01 84 00")), id="ascii: exception without a code"),
        pytest.param(Ascii(), framed(Ascii(), bytes.fromhex("01 04 02 1122 3344")), id="ascii: inconsistent"),
    ],
)
def test_on_a_serial_line_what_is_damaged_is_refused(framing: Framing, received: bytes) -> None:
    with pytest.raises(DecodeError):
        framing.answer(REGISTERS, TRANSACTION, received)


@pytest.mark.parametrize("framing", [Rtu(), Ascii()], ids=["rtu", "ascii"])
@pytest.mark.parametrize("received", [b"\x55\x55\x55", b"login: \r\n", 300 * bytes.fromhex("01 03 fa 55")])
def test_noise_that_nobody_asked_for_is_no_frame(framing: Framing, received: bytes) -> None:
    with pytest.raises(DecodeError):
        framing.stray(received + b"\r\n")


def test_a_longer_late_answer_is_waited_for_to_its_end() -> None:
    late = framed(Rtu(), good(Ask(9, 3, 0, 100)))
    wire = late + framed(Rtu(), good(REGISTERS))
    assert [Rtu().answer(REGISTERS, 0, wire[:size]).late for size in (20, len(late) - 1, len(late))] == [0, 0, 1]
    assert Rtu().answer(REGISTERS, 0, wire).answer == Answer(good(REGISTERS)[3:])


@each_framing
@given(received=st.binary(max_size=300))
def test_garbage_gives_no_value(framing: Framing, received: bytes) -> None:
    with suppress(DecodeError):
        answer, used, _ = framing.answer(REGISTERS, TRANSACTION, received)
        assert answer is None
        assert 0 <= used <= len(received)
    with suppress(DecodeError):
        answer, used, _ = framing.stray(received)
        assert answer is None
        assert 0 <= used <= len(received)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(Ask(1, 5, 0, 1), id="write a coil"),
        pytest.param(Ask(1, 6, 0, 1), id="write a register"),
        pytest.param(Ask(1, 16, 0, 1), id="write registers"),
        pytest.param(Ask(1, 8, 0, 1), id="diagnostics"),
        pytest.param(Ask(1, 3, 0, 0), id="nothing"),
        pytest.param(Ask(1, 3, 0, 126), id="too many registers"),
        pytest.param(Ask(1, 1, 0, 2001), id="too many bits"),
    ],
)
@each_framing
def test_nothing_but_a_read_can_be_sent(framing: Framing, ask: Ask) -> None:
    with pytest.raises(ValueError, match="not a read"):
        framing.request(ask, 0)


@pytest.mark.parametrize(
    ("frame", "known"),
    [("01 03 02 1122", True), ("01 83 02", True), ("01 03 00", False), ("01 86 02", False), ("01 03", False)],
)
def test_an_answer_to_a_read_is_known_by_its_shape(frame: str, known: bool) -> None:  # noqa: FBT001  # a table's column
    assert is_answer(bytes.fromhex(frame)) is known


@pytest.mark.parametrize(
    ("line", "bits", "milliseconds"),
    [
        pytest.param(Line(9600, 8, "E", 1), 11, 4.01, id="as specified, 9600"),
        pytest.param(Line(19200, 8, "N", 2), 11, 2.005, id="no parity, two stop bits"),
        pytest.param(Line(9600, 8, "N", 1), 10, 3.646, id="8N1"),
        pytest.param(Line(115200, 8, "E", 1), 11, 1.75, id="fast: fixed"),
    ],
)
def test_the_silence_before_an_rtu_frame_is_that_of_the_specification(
    line: Line, bits: int, milliseconds: float
) -> None:
    assert line.character * line.baud == pytest.approx(bits)
    assert 1000 * silence(Rtu(), line) == pytest.approx(milliseconds, abs=0.001)
    assert wire_seconds(Rtu(), 8, line) == pytest.approx(silence(Rtu(), line) + 8 * bits / line.baud)


def test_ascii_takes_more_than_twice_the_time_of_rtu_but_no_silence() -> None:
    ask = Ask(1, 3, 0, 10)
    line = Line(9600, 7, "E", 1)
    assert exchange_seconds(Ascii(), ask, line) == pytest.approx((17 + 11 + 40) * 10 / 9600)
    assert exchange_seconds(Rtu(), ask, Line(9600)) == pytest.approx((8 + 25 + 7) * 11 / 9600)
