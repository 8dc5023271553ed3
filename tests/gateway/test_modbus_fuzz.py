"""Damaged answers by the hundred thousand: none may give a wrong value, crash or hang.

What may be taken for an answer is judged by a second, plain writing of the framings: the value must stand in what was
received, framed right and as an answer to this very request.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from greenops_core.errors import DecodeError, DeviceError
from greenops_gateway.modbus.frame import Answer, Ask, Framing, SilenceError, Tcp, data_size
from greenops_gateway.modbus.serial_line import Ascii, Rtu
from greenops_gateway.modbus.wire import open_tcp
from modbus_peer import raw_server

FRAMES = 100_000
OVER_SOCKETS = 300
TRANSACTION = 0x1234
ASKS = (Ask(1, 3, 0, 1), Ask(1, 4, 16, 4), Ask(17, 1, 0, 10), Ask(0, 2, 8, 1), Ask(255, 3, 100, 12))

_CRC = [0] * 256
for _index in range(256):
    _crc = _index
    for _ in range(8):
        _crc = _crc >> 1 ^ 0xA001 * (_crc & 1)
    _CRC[_index] = _crc


def framed(name: str, body: bytes, transaction: int = TRANSACTION) -> bytes:
    if name == "tcp":
        return struct.pack(">HHH", transaction, 0, len(body)) + body
    if name == "ascii":
        return b":%s%02X\r\n" % (body.hex().upper().encode(), -sum(body) % 256)
    crc = 0xFFFF
    for byte in body:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return body + struct.pack("<H", crc)


def body(ask: Ask, random_: random.Random) -> bytes:
    if random_.random() < 0.15:
        return bytes((ask.unit, ask.function | 0x80, random_.choice((1, 2, 3, 4, 6, 10, 11))))
    size = data_size(ask)
    return bytes((ask.unit, ask.function, size)) + random_.randbytes(size)


Mutation = Callable[[bytearray, random.Random], None]


def flip(frame: bytearray, random_: random.Random) -> None:
    frame[random_.randrange(len(frame))] ^= 1 << random_.randrange(8)


def overwrite(frame: bytearray, random_: random.Random) -> None:
    for _ in range(random_.randint(1, 4)):
        frame[random_.randrange(len(frame))] = random_.choice((0, 1, 3, 0x7F, 0x80, 0xFF, random_.randrange(256)))


def cut(frame: bytearray, random_: random.Random) -> None:
    start = random_.randrange(len(frame))
    del frame[start : start + random_.randint(1, 4)]


def insert(frame: bytearray, random_: random.Random) -> None:
    start = random_.randrange(len(frame) + 1)
    frame[start:start] = random_.randbytes(random_.randint(1, 5))


def double(frame: bytearray, random_: random.Random) -> None:
    start = random_.randrange(len(frame))
    frame[start:start] = frame[start : start + random_.randint(1, 9)]


def swap(frame: bytearray, random_: random.Random) -> None:
    if len(frame) > 1:
        start = random_.randrange(len(frame) - 1)
        frame[start], frame[start + 1] = frame[start + 1], frame[start]


MUTATIONS: tuple[Mutation, ...] = (flip, overwrite, cut, insert, double, swap)


def damaged(name: str, random_: random.Random) -> Iterator[tuple[Ask, bytes]]:
    """Requests, and what comes instead of their answers."""
    while True:
        ask = random_.choice(ASKS)
        kind = random_.random()
        if kind < 0.1:
            yield ask, random_.randbytes(random_.randint(1, 40))
            continue
        asked = ask if kind < 0.8 else random_.choice(ASKS)
        transaction = TRANSACTION if kind < 0.9 else TRANSACTION - 1
        frame = bytearray(framed(name, body(asked, random_), transaction))
        for _ in range(random_.randint(1, 3)):
            random_.choice(MUTATIONS)(frame, random_)
            if not frame:
                break
        if random_.random() < 0.15:
            frame += framed(name, body(random_.choice(ASKS), random_), transaction)
        yield ask, bytes(frame)


def right(name: str, ask: Ask, answer: Answer, received: bytes, transaction: int = TRANSACTION) -> bool:
    """Whether *received* holds *answer* as a whole frame that answers *ask*."""
    if answer.exception:
        inner = bytes((ask.unit, ask.function | 0x80, answer.exception))
    else:
        inner = bytes((ask.unit, ask.function, data_size(ask))) + answer.data
    wire = framed(name, inner, transaction)
    return wire in (received.upper() if name == "ascii" else received)


@pytest.mark.parametrize("framing", [Tcp(), Rtu(), Ascii()], ids=["tcp", "rtu", "ascii"])
def test_no_damaged_frame_gives_a_wrong_value(framing: Framing) -> None:
    random_ = random.Random(20)
    seen: Counter[str] = Counter()
    started = time.process_time()
    frames = damaged(framing.name, random_)
    for _ in range(FRAMES):
        ask, received = next(frames)
        try:
            answer, used, late = framing.answer(ask, TRANSACTION, received)
        except DecodeError:
            seen["refused"] += 1
            continue
        assert 0 <= used <= len(received)
        assert late >= 0
        if answer is None:
            seen["waited for"] += 1
            continue
        assert right(framing.name, ask, answer, received), (ask, received.hex(" "), answer)
        seen["still right"] += 1
    print(f"\n{framing.name}: {FRAMES} damaged frames in {time.process_time() - started:.1f} s: {dict(seen)}")
    assert seen["refused"] > FRAMES / 10
    assert seen["waited for"] > FRAMES / 20
    assert seen["still right"] > 0


@pytest.mark.parametrize("framing", [Tcp(), Rtu(), Ascii()], ids=["tcp", "rtu", "ascii"])
def test_damaged_frames_in_pieces_give_what_they_give_at_once(framing: Framing) -> None:
    random_ = random.Random(21)
    frames = damaged(framing.name, random_)
    for _ in range(FRAMES // 50):
        ask, received = next(frames)
        kept = b""
        for start in range(0, len(received), 3):
            kept += received[start : start + 3]
            try:
                answer, used, _ = framing.answer(ask, TRANSACTION, kept)
            except DecodeError:
                break
            kept = kept[used:]
            if answer is not None:
                assert right(framing.name, ask, answer, received)
                break


@pytest.mark.parametrize("framing", [Tcp(), Rtu(), Ascii()], ids=["tcp", "rtu", "ascii"])
async def test_over_a_socket_a_damaged_answer_ends_in_an_error_or_in_the_right_value(framing: Framing) -> None:
    random_ = random.Random(22)
    sent, transaction = b"", 0

    def damage(request: bytes) -> bytes:
        nonlocal sent, transaction
        transaction = int.from_bytes(request[:2], "big")
        frame = bytearray(framed(framing.name, body(ask, random_), transaction))
        random_.choice(MUTATIONS)(frame, random_)
        sent = bytes(frame)
        return sent

    outcomes: Counter[str] = Counter()
    async with raw_server(damage, framing.request_size) as port:
        wire = await open_tcp("127.0.0.1", port, 1, framing)
        for _ in range(OVER_SOCKETS):
            if wire.broken:
                wire.close()
                await wire.wait_closed()
                wire = await open_tcp("127.0.0.1", port, 1, framing)
            ask = random_.choice(ASKS)
            try:
                answer = await asyncio.wait_for(wire.ask(ask, 0.003), 5)
            except SilenceError:
                outcomes["silence"] += 1
            except DeviceError:
                outcomes["refused"] += 1
            else:
                assert right(framing.name, ask, answer, sent, transaction)
                outcomes["right"] += 1
        wire.close()
        await wire.wait_closed()
    assert outcomes["refused"] + outcomes["silence"] > OVER_SOCKETS / 2
