"""One device's block reads, poll by poll, with what was learnt about addresses that it does not have or is silent on.

It outlives connections: what one of them taught is used on the next.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass

from greenops_core.errors import DeviceError
from greenops_core.sample import Reason
from greenops_gateway.modbus.address import modicon
from greenops_gateway.modbus.frame import NOT_THERE, UNREACHABLE, Answer, SilenceError, exception_text
from greenops_gateway.modbus.plan import Block, Limits, Span, halves
from greenops_gateway.modbus.source import Reply

log = logging.getLogger(__name__)

ASK_AGAIN_AFTER = 60.0
ASK_SILENT_AGAIN_AFTER = 600.0
"""Longer, because to ask in vain costs a whole timeout."""
SILENCES = 3
"""So often in a row must a block be met with silence before it is halved."""


class NotReachedError(DeviceError):
    """A gateway says that the device behind it did not answer."""


@dataclass(frozen=True, slots=True)
class Aside:
    """Why a block is not asked for, and until when (Unix seconds)."""

    reason: Reason
    until: float


class Reader:
    """Reads all spans of a device. One address that is refused, or met with silence, costs its own point only.

    A refused block is halved until the refused span stands alone, which is then asked for every ``ASK_AGAIN_AFTER``
    seconds. Silence ends the poll, so a silent block is halved from one poll to the next. A span is put aside only
    while others are answered: a device that is silent altogether says nothing about one of its registers. Once all is
    answered again, the pieces are one block again.
    """

    def __init__(
        self,
        device: str,
        blocks: Iterable[Block],
        limits: Limits,
        clock: Callable[[], float],
        first: Collection[Span] = (),
    ) -> None:
        """Blocks that hold one of *first* are asked for before all others."""
        self._device, self._limits, self._clock = device, limits, clock
        self._whole = sorted(blocks, key=lambda block: not any(span in first for span in block.spans))
        self._blocks = list(self._whole)
        self._whole_from = 0.0
        self._aside: dict[Block, Aside] = {}
        self._silences: Counter[Span] = Counter()
        self._told: dict[Span, int] = {}

    async def round(self, read: Callable[[Span], Awaitable[Answer]]) -> AsyncGenerator[Reply, None]:
        """Replies as they come, until every span has one.

        Raises:
            SilenceError: the device did not answer; what was learnt from it is remembered.
            NotReachedError: what stands before the device says that it cannot be reached, and nothing else was heard.
            DeviceError: whatever *read* raises.
        """
        now = self._clock()
        aside = [(block, why.reason) for block, why in self._aside.items() if now < why.until]
        asking = deque([*self._blocks, *(block for block, why in self._aside.items() if now >= why.until)])
        heard = False
        while asking:
            block = asking.popleft()
            try:
                answer = await read(block.span)
            except SilenceError:
                self._silent(block, heard=heard)
                raise
            if answer.exception in UNREACHABLE and not heard:
                self._last(block)
                raise NotReachedError(f"read of {place(block.span)}: {exception_text(answer.exception)}")
            self._silences.pop(block.span, None)
            if answer.exception in NOT_THERE and len(block.spans) > 1:
                asking.extendleft(reversed(self._halve(block)))
                continue
            if not heard:
                heard = True
                for put_aside, reason in aside:
                    yield Reply(put_aside, None, now, reason)
            yield self._reply(block, answer)
        for put_aside, reason in () if heard else aside:
            yield Reply(put_aside, None, now, reason)
        if len(self._blocks) > len(self._whole) and not self._aside and now >= self._whole_from:
            self._blocks, self._whole_from = list(self._whole), now + ASK_SILENT_AGAIN_AFTER

    def _reply(self, block: Block, answer: Answer) -> Reply:
        at = self._clock()
        if answer.exception:
            if self._told.get(block.span) != answer.exception:
                log.warning("%s: %s: %s", self._device, place(block.span), exception_text(answer.exception))
                self._told[block.span] = answer.exception
            if answer.exception in NOT_THERE:
                self._put_aside(block, Aside(Reason.DEVICE_EXCEPTION, at + ASK_AGAIN_AFTER))
            return Reply(block, None, at, Reason.DEVICE_EXCEPTION)
        self._told.pop(block.span, None)
        if block in self._aside:
            del self._aside[block]
            self._blocks.append(block)
        return Reply(block, answer.data, at)

    def _silent(self, block: Block, *, heard: bool) -> None:
        if block in self._aside:
            self._aside[block] = Aside(Reason.COMMUNICATION, self._clock() + ASK_SILENT_AGAIN_AFTER)
            return
        if heard or len(block.spans) > 1:
            self._silences[block.span] += 1
        if self._silences[block.span] < SILENCES:
            self._last(block)
        elif len(block.spans) > 1:
            for piece in self._halve(block):
                self._silences[piece.span] = SILENCES - 1
        else:
            log.warning("%s: %s: no answer, though others get one", self._device, place(block.span))
            self._put_aside(block, Aside(Reason.COMMUNICATION, self._clock() + ASK_SILENT_AGAIN_AFTER))

    def _last(self, block: Block) -> None:
        """The others go first the next time, and show whether the device answers."""
        if block in self._blocks:
            self._blocks.remove(block)
            self._blocks.append(block)

    def _halve(self, block: Block) -> tuple[Block, ...]:
        pieces = halves(block, self._limits)
        if block in self._aside:  # it was refused as a whole, and is asked for in pieces from now on
            del self._aside[block]
            self._blocks += pieces
        else:
            where = self._blocks.index(block)
            self._blocks[where : where + 1] = pieces
        return pieces

    def _put_aside(self, block: Block, why: Aside) -> None:
        if block in self._blocks:
            self._blocks.remove(block)
        self._aside[block] = why


def place(span: Span) -> str:
    """A span as an engineer finds it in the manual, in both notations.

    >>> place(Span("input", 20, 2))
    'input 20 (30021), 2 registers'
    """
    what = "bit" if span.is_bits else "register"
    return (
        f"{span.table} {span.address} ({modicon(span.table, span.address)}), {span.count} {what}{'s'[: span.count - 1]}"
    )
