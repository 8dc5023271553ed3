"""The late-answer trap: a device whose answer to each poll comes during the next one, with plausible numbers."""

from __future__ import annotations

import asyncio
import selectors
import struct
from collections.abc import Callable, Coroutine

import pytest

from greenops_core.errors import DeviceError
from greenops_gateway.modbus.frame import Answer, Ask, Framing, GarbledError, SilenceError, Tcp
from greenops_gateway.modbus.serial_line import Line, Rtu, crc16
from greenops_gateway.modbus.wire import Wire


class Jumping(selectors.DefaultSelector):
    """A selector under whose loop time passes only by waiting, and then at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


def in_its_own_time(work: Coroutine[None, None, None]) -> None:
    selector = Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]  # the loop's time is the test's
    try:
        loop.run_until_complete(asyncio.wait_for(work, 86400))
    finally:
        loop.close()


class Trap(asyncio.Transport):
    """A device in memory, *delay* seconds late: it answers each poll with numbers that tell which poll it was."""

    def __init__(self, framing: Framing, protocol: asyncio.Protocol, delay: float) -> None:
        super().__init__()
        self.framing, self.protocol, self.delay = framing, protocol, delay
        self.polls = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.polls += 1
        values = struct.pack(">HI", 0x4142, self.polls)
        if self.framing.name == "tcp":
            frame = bytes(data[:4]) + struct.pack(">HBBB", 9, 1, 3, 6) + values
        else:
            frame = bytes((1, 3, 6)) + values
            frame += crc16(frame).to_bytes(2, "little")
        asyncio.get_running_loop().call_later(self.delay, self.answer, frame)

    def answer(self, frame: bytes) -> None:
        self.protocol.data_received(frame)

    def abort(self) -> None:
        self.protocol.connection_lost(None)

    def close(self) -> None:
        self.abort()


ROUNDS = 10_000


@pytest.mark.parametrize(
    ("framing", "line"),
    [
        pytest.param(Tcp(), None, id="tcp: by the transaction"),
        pytest.param(Rtu(), Line(), id="rtu on a serial line: by rest"),
        pytest.param(Rtu(), None, id="rtu over tcp: by another connection"),
        pytest.param(Tcp(ignore_transaction_id=True), None, id="tcp without ids: by another connection"),
    ],
)
@pytest.mark.parametrize("lateness", [1.1, 1.5, 1.9])
def test_of_ten_thousand_answers_that_come_a_poll_late_none_is_taken(
    framing: Framing, line: Line | None, lateness: float
) -> None:
    timeout, taken, counted = 0.8, 0, 0

    async def poll() -> None:
        nonlocal taken, counted
        wire = None
        for _ in range(ROUNDS // 3):
            if wire is None or wire.broken:
                wire = Wire(framing, line)
                wire.connection_made(Trap(framing, wire, lateness * timeout))
            try:
                await wire.ask(Ask(1, 3, 100, 3), timeout)
            except SilenceError:
                counted += wire.late
                wire.late = 0
            else:
                taken += 1

    in_its_own_time(poll())
    assert taken == 0
    if framing.identified or line is not None:
        assert counted >= ROUNDS // 3 - 2


class Slave(asyncio.Transport):
    """A device in memory that does what *behave* says."""

    def __init__(self, behave: Callable[[Slave], None]) -> None:
        super().__init__()
        self.behave = behave
        self.wire = Wire(Rtu(), Line(9600))
        self.wire.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:  # noqa: ARG002  # always the same request
        self.behave(self)

    def says(self, after: float, frame: bytes) -> None:
        asyncio.get_running_loop().call_later(after, self.wire.data_received, frame)


ASK = Ask(1, 3, 0, 125)
FRAME = bytes((1, 3, 250)) + bytes(250) + crc16(bytes((1, 3, 250)) + bytes(250)).to_bytes(2, "little")


def test_the_two_halves_of_a_late_answer_make_no_answer() -> None:
    """The first half comes while the unit rests, the second when it has been asked anew."""

    async def work() -> None:
        def behave(slave: Slave) -> None:
            if not asked:
                slave.says(1.5, FRAME[:99])
                slave.says(2.5, FRAME[99:])
            asked.append(1)

        asked: list[int] = []
        wire = Slave(behave).wire
        for _ in range(2):
            with pytest.raises(DeviceError):
                await wire.ask(ASK, 1.0)
        assert len(asked) == 2

    in_its_own_time(work())


def test_the_time_that_a_slow_line_takes_is_not_the_device_s() -> None:
    async def work() -> None:
        wire = Slave(lambda slave: slave.says(1.2, FRAME)).wire
        assert await wire.ask(ASK, 1.0) == Answer(bytes(250))

    in_its_own_time(work())


def test_a_line_that_never_falls_silent_is_no_hang() -> None:
    async def work() -> None:
        async def babble() -> None:
            while True:
                await asyncio.sleep(0.001)
                slave.wire.data_received(b"\x55")

        slave = Slave(lambda _: None)
        babbling = asyncio.create_task(babble())
        await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        started = loop.time()
        with pytest.raises(GarbledError, match="does not fall silent"):
            await asyncio.wait_for(slave.wire.ask(ASK, 1.0), 60)
        assert loop.time() - started < 1.1
        babbling.cancel()

    in_its_own_time(work())


def test_an_answer_to_a_request_that_was_just_cancelled_is_late() -> None:
    async def work() -> None:
        slave = Slave(lambda _: None)
        asking = asyncio.create_task(slave.wire.ask(ASK, 1.0))
        await asyncio.sleep(0.1)
        asking.cancel()
        slave.wire.data_received(FRAME)
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert slave.wire.late == 1

    in_its_own_time(work())
