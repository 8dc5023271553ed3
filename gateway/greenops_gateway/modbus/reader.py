"""One device's block reads, round by round, with what was learnt about addresses that it does not have or is silent on.

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
from greenops_gateway.modbus.frame import NOT_THERE, UNREACHABLE, Answer, exception_text
from greenops_gateway.modbus.plan import Block, Limits, Span, halves, part, plan
from greenops_gateway.modbus.source import Reply

log = logging.getLogger(__name__)

ASK_AGAIN_AFTER = 60.0
ASK_SILENT_AGAIN_AFTER = 600.0
"""Longer, because to ask in vain costs the connection."""
SILENCES = 3
"""So often in a row must a block be met with silence before it is halved."""


class SilenceError(DeviceError):
    """No answer in time."""


@dataclass(frozen=True, slots=True)
class Aside:
    """Why a span is not asked for, and until when (Unix seconds)."""

    reason: Reason
    until: float


class Reader:
    """Reads all spans of a device. One address that is refused, or met with silence, costs its own point only.

    A refused block is halved until the refused span stands alone, which is then asked for every ``ASK_AGAIN_AFTER``
    seconds. Silence ends the connection, so a silent block is halved from one connection to the next. A span is put
    aside only while others are answered: a device that is silent altogether says nothing about one of its registers.
    Once all is answered again, the pieces are one block again.
    """

    def __init__(
        self,
        device: str,
        spans: Iterable[Span],
        limits: Limits,
        clock: Callable[[], float],
        first: Collection[Span] = (),
    ) -> None:
        """Blocks that hold one of *first* are asked for before all others."""
        self._device, self._limits, self._clock = device, limits, clock
        self._whole = sorted(plan(spans, limits), key=lambda block: not any(span in first for span in block.spans))
        self._blocks = list(self._whole)
        self._whole_from = 0.0
        self._aside: dict[Span, Aside] = {}
        self._silences: Counter[Span] = Counter()
        self._told: dict[Span, int] = {}

    async def round(self, read: Callable[[Span], Awaitable[Answer]]) -> AsyncGenerator[dict[Span, Reply], None]:
        """Replies as they come, until every span has one.

        Raises:
            DeviceError: the device did not answer, or what stands before it says that it cannot be reached.
        """
        now = self._clock()
        left = {span: Reply(None, now, why.reason) for span, why in self._aside.items() if now < why.until}
        asking = deque([*self._blocks, *(Block(span, (span,)) for span in self._aside if span not in left)])
        heard, unreachable = False, 0
        while asking:
            block = asking.popleft()
            try:
                answer = await read(block.span)
            except SilenceError:
                self._silent(block, heard=heard)
                raise
            self._silences.pop(block.span, None)
            if answer.exception in NOT_THERE and len(block.spans) > 1:
                asking.extendleft(reversed(self._halve(block)))
            elif answer.exception in UNREACHABLE:
                unreachable = answer.exception
                left |= self._replies(block, answer)
            else:
                heard = True
                yield left | self._replies(block, answer)
                left = {}
        if unreachable and not heard:
            raise DeviceError(f"every read: {exception_text(unreachable)}")
        if len(self._blocks) > len(self._whole) and not self._aside and now >= self._whole_from:
            self._blocks, self._whole_from = list(self._whole), now + ASK_SILENT_AGAIN_AFTER
        yield left

    def _replies(self, block: Block, answer: Answer) -> dict[Span, Reply]:
        at = self._clock()
        if answer.exception and self._told.get(block.span) != answer.exception:
            log.warning("%s: %s: %s", self._device, place(block.span), exception_text(answer.exception))
        self._told[block.span] = answer.exception
        if answer.exception in NOT_THERE:
            self._put_aside(block, Aside(Reason.DEVICE_EXCEPTION, at + ASK_AGAIN_AFTER))
        if answer.exception:
            return dict.fromkeys(block.spans, Reply(None, at, Reason.DEVICE_EXCEPTION))
        if block.span in self._aside:
            del self._aside[block.span]
            self._blocks.append(block)
        return {span: Reply(part(answer.data, block, span), at) for span in block.spans}

    def _silent(self, block: Block, *, heard: bool) -> None:
        if block.span in self._aside:
            self._aside[block.span] = Aside(Reason.COMMUNICATION, self._clock() + ASK_SILENT_AGAIN_AFTER)
            return
        if heard or len(block.spans) > 1:
            self._silences[block.span] += 1
        if self._silences[block.span] < SILENCES:
            self._blocks.remove(block)  # the others go first the next time, and show whether the device answers
            self._blocks.append(block)
        elif len(block.spans) > 1:
            for piece in self._halve(block):
                self._silences[piece.span] = SILENCES - 1
        else:
            log.warning("%s: %s: no answer, though others get one", self._device, place(block.span))
            self._put_aside(block, Aside(Reason.COMMUNICATION, self._clock() + ASK_SILENT_AGAIN_AFTER))

    def _halve(self, block: Block) -> tuple[Block, ...]:
        where, pieces = self._blocks.index(block), halves(block, self._limits)
        self._blocks[where : where + 1] = pieces
        return pieces

    def _put_aside(self, block: Block, why: Aside) -> None:
        if block in self._blocks:
            self._blocks.remove(block)
        self._aside[block.span] = why


def place(span: Span) -> str:
    """A span as an engineer finds it in the manual, in both notations.

    >>> place(Span("input", 20, 2))
    'input 20 (30021), 2 registers'
    """
    what = "bit" if span.is_bits else "register"
    return (
        f"{span.table} {span.address} ({modicon(span.table, span.address)}), {span.count} {what}{'s'[: span.count - 1]}"
    )
