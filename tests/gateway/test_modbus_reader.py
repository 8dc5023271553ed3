from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import DeviceError
from greenops_core.sample import Reason
from greenops_gateway.modbus.frame import Answer, SilenceError
from greenops_gateway.modbus.plan import Limits, Span, plan
from greenops_gateway.modbus.reader import (
    ASK_AGAIN_AFTER,
    ASK_SILENT_AGAIN_AFTER,
    SILENCES,
    NotReachedError,
    Reader,
)


class Reply(NamedTuple):
    """What one span got."""

    data: bytes | None
    at: float
    lack: Reason = Reason.NONE


SPANS = [Span("input", at, 1) for at in range(60)]


class Memory:
    """A device whose registers hold their own address; *refused* ones make a read fail with *code*.

    A read that touches a *silent* one gets no answer, nor does any while the device is *dead*.
    """

    def __init__(self, refused: set[int], code: int = 2) -> None:
        self.refused, self.code = refused, code
        self.silent: set[int] = set()
        self.dead = False
        self.asked: list[Span] = []
        self.now = 1000.0

    async def read(self, span: Span) -> Answer:
        self.asked.append(span)
        touched = range(span.address, span.address + span.count)
        if self.dead or self.silent.intersection(touched):
            raise SilenceError("no answer within 800ms")
        if self.refused.intersection(touched):
            return Answer(b"", self.code)
        return Answer(b"".join(at.to_bytes(2, "big") for at in touched))

    def reader(self, spans: list[Span], limits: Limits | None = None) -> Reader:
        limits = limits or Limits()
        return Reader("analyser-1", plan(spans, limits), limits, lambda: self.now)

    async def round(self, reader: Reader) -> dict[Span, Reply]:
        replies: dict[Span, Reply] = {}
        async for reply in reader.round(self.read):
            for span in reply.block.spans:
                assert span not in replies
                start = 2 * (span.address - reply.block.span.address)
                data = None if reply.data is None else reply.data[start : start + 2 * span.count]
                replies[span] = Reply(data, reply.at, reply.lack)
        return replies

    async def polls_until_complete(self, reader: Reader, most: int = 40) -> int:
        """How many polls it takes until a whole round is answered."""
        for number in range(1, most + 1):
            self.asked.clear()
            with suppress(DeviceError):
                await self.round(reader)
                return number
        raise AssertionError(f"not one whole round in {most} polls")


def image(span: Span) -> bytes:
    return b"".join(at.to_bytes(2, "big") for at in range(span.address, span.address + span.count))


registers = st.builds(Span, st.just("input"), st.integers(0, 150), st.sampled_from([1, 2, 4]))


@given(st.lists(registers, min_size=1, max_size=40), st.sets(st.integers(0, 150), max_size=6), st.integers(0, 30))
def test_an_illegal_address_costs_only_the_points_that_touch_it(spans: list[Span], refused: set[int], gap: int) -> None:
    memory = Memory(refused)
    reader = memory.reader(spans, Limits(gap=gap))
    for _ in range(2):
        replies = asyncio.run(memory.round(reader))
        assert replies.keys() == set(spans)
        for span, reply in replies.items():
            touched = refused.intersection(range(span.address, span.address + span.count))
            assert reply.data == (None if touched else image(span))


async def test_what_was_refused_is_remembered_and_asked_again_after_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    memory = Memory({37})
    reader = memory.reader(SPANS)
    counts = []
    for now in (1000.0, 1001.0, 1000.0 + ASK_AGAIN_AFTER, 1001.0 + ASK_AGAIN_AFTER):
        memory.now = now
        memory.asked.clear()
        await memory.round(reader)
        counts.append((len(memory.asked), Span("input", 37, 1) in memory.asked))
    assert counts == [(13, True), (6, False), (7, True), (6, False)]
    assert caplog.messages == ["analyser-1: input 37 (30038), 1 register: exception 2 (illegal data address)"]


async def test_a_register_that_comes_back_is_read_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    memory = Memory({37})
    reader = memory.reader(SPANS)
    await memory.round(reader)
    memory.refused = set()
    memory.now += ASK_AGAIN_AFTER
    for _ in range(2):
        replies = await memory.round(reader)
        assert replies[Span("input", 37, 1)].data == (37).to_bytes(2, "big")
    memory.refused = {37}
    for _ in range(2):
        assert (await memory.round(reader))[Span("input", 37, 1)].data is None
    assert len(caplog.messages) == 2  # it went twice


async def test_an_exception_that_is_not_about_addresses_splits_nothing() -> None:
    memory = Memory({37}, code=6)
    replies = await memory.round(memory.reader(SPANS))
    assert len(memory.asked) == 1
    assert all(reply.data is None for reply in replies.values())


FAR_APART = [Span("input", at, 1) for at in range(0, 600, 20)]
GONE = Reply(None, 1000.0, Reason.COMMUNICATION)


@pytest.mark.parametrize(
    ("spans", "silent", "most"),
    [
        pytest.param(SPANS, {37}, 20, id="one of one block"),
        pytest.param(SPANS, {0}, 20, id="the first of one block"),
        pytest.param(SPANS[:2], {1}, 10, id="one of two"),
        pytest.param([*SPANS, Span("holding", 5, 2)], {37}, 20, id="with another block"),
        pytest.param([*SPANS, Span("holding", 105, 2)], {106}, SILENCES + 2, id="a block of one span"),
        pytest.param([*SPANS, Span("holding", 5, 2)], {6}, 30, id="one in each block"),
        pytest.param(SPANS, {3, 37}, 30, id="two"),
    ],
)
async def test_a_register_that_is_met_with_silence_costs_only_its_own_point(
    spans: list[Span], silent: set[int], most: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    memory = Memory(set())
    memory.silent = silent
    reader = memory.reader(spans)
    assert await memory.polls_until_complete(reader) <= most
    for replies in (await memory.round(reader), await memory.round(reader)):
        assert replies.keys() == set(spans)
        for span, reply in replies.items():
            touched = silent.intersection(range(span.address, span.address + span.count))
            assert reply == (GONE if touched else Reply(image(span), 1000.0))
    gone = [span for span in spans if silent.intersection(range(span.address, span.address + span.count))]
    assert len(caplog.messages) == len(gone)
    assert all(message.endswith("no answer, though others get one") for message in caplog.messages)


async def test_a_silent_register_is_asked_for_again_at_the_end_of_a_round_and_seldom() -> None:
    memory = Memory(set())
    memory.silent = {37}
    reader = memory.reader(SPANS)
    await memory.polls_until_complete(reader)
    memory.now += ASK_SILENT_AGAIN_AFTER
    memory.asked.clear()
    with pytest.raises(SilenceError):
        await memory.round(reader)
    assert memory.asked.index(Span("input", 37, 1)) == len(memory.asked) - 1
    assert (await memory.round(reader))[Span("input", 37, 1)].data is None
    memory.silent.clear()
    memory.now += ASK_SILENT_AGAIN_AFTER
    for _ in range(2):
        assert (await memory.round(reader))[Span("input", 37, 1)].data == image(Span("input", 37, 1))


@pytest.mark.parametrize(("spans", "requests"), [(FAR_APART, 30), (SPANS, 1), ([Span("input", 7, 2)], 1)])
async def test_a_device_that_is_silent_altogether_loses_nothing(spans: list[Span], requests: int) -> None:
    memory = Memory(set())
    memory.dead = True
    reader = memory.reader(spans)
    for _ in range(200):
        with pytest.raises(SilenceError):
            await memory.round(reader)
    memory.dead = False
    await memory.round(reader)
    memory.asked.clear()
    replies = await memory.round(reader)
    assert all(reply.data == image(span) for span, reply in replies.items())
    assert len(memory.asked) == requests


async def test_a_device_that_is_silent_when_asked_for_much_is_tried_so_again_but_seldom() -> None:
    memory = Memory(set())
    reader = memory.reader(SPANS)

    async def read(span: Span) -> Answer:
        if span.count > 40:
            raise SilenceError("no answer within 800ms")
        return await memory.read(span)

    lost = []
    for second in range(1500):
        memory.now = 1000.0 + second
        try:
            async for _ in reader.round(read):
                pass
        except SilenceError:
            lost.append(second)
    assert len(lost) <= 4 * SILENCES
    assert max(lost) >= ASK_SILENT_AGAIN_AFTER


async def test_a_single_silence_now_and_then_splits_nothing() -> None:
    memory = Memory(set())
    reader = memory.reader([*SPANS, Span("holding", 5, 2)])
    for _ in range(20):
        memory.silent = {37}
        with pytest.raises(SilenceError):
            await memory.round(reader)
        memory.silent = set()
        await memory.round(reader)
    memory.asked.clear()
    await memory.round(reader)
    assert len(memory.asked) == 2


async def test_what_was_learnt_in_a_round_that_broke_off_stays_learnt() -> None:
    memory = Memory({5})
    memory.silent = {300}
    reader = memory.reader([*SPANS[:10], Span("input", 300, 1)])
    with pytest.raises(SilenceError):
        await memory.round(reader)
    memory.asked.clear()
    with pytest.raises(SilenceError):
        await memory.round(reader)
    assert not any(span.address <= 5 < span.address + span.count for span in memory.asked)


async def test_replies_come_block_by_block_and_status_words_first() -> None:
    memory = Memory(set())
    last = FAR_APART[-1]
    reader = Reader("analyser-1", plan(FAR_APART, Limits()), Limits(), lambda: memory.now, {last})
    found = [reply.block.spans async for reply in reader.round(memory.read)]
    assert found == [(last,), *((span,) for span in FAR_APART[:-1])]


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_that_does_not_reach_the_device_is_believed_at_once(code: int) -> None:
    memory = Memory(set(range(600)), code)
    reader = memory.reader(FAR_APART)
    with pytest.raises(NotReachedError, match=rf"read of input 0 \(30001\), 1 register: exception {code} \(gateway "):
        await anext(reader.round(memory.read))
    assert len(memory.asked) == 1


async def test_a_register_that_a_gateway_does_not_reach_costs_only_its_own_point() -> None:
    memory = Memory({0}, 11)
    reader = memory.reader(FAR_APART)
    with pytest.raises(NotReachedError):
        await memory.round(reader)
    for _ in range(2):  # the others went first, and showed that the device is there
        replies = await memory.round(reader)
        assert [span for span, reply in replies.items() if reply.data is None] == [FAR_APART[0]]
        assert replies[FAR_APART[0]].lack is Reason.DEVICE_EXCEPTION


async def test_each_change_of_an_exception_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    memory = Memory({0})
    reader = memory.reader(FAR_APART)
    for memory.code, memory.refused in ((6, {0}), (6, {0}), (4, {0}), (99, {0}), (6, set()), (6, {0})):
        await memory.round(reader)
    assert [message.rpartition(": ")[2] for message in caplog.messages] == [
        "exception 6 (server device busy)",
        "exception 4 (server device failure)",
        "exception 99",
        "exception 6 (server device busy)",
    ]
    assert caplog.messages[0].startswith("analyser-1: input 0 (30001), 1 register: ")
