"""Which block reads get all points with the fewest requests. Pure.

Spans of one table that lie close together are read at once; what lies between them is read and thrown away. A block
that the device refuses is halved until the refused span stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Table = Literal["holding", "input", "coil", "discrete"]

BITS_PER_WORD = 16
MOST_WORDS = 125
MOST_BITS = 2000


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """*count* registers (of the tables coil and discrete: bits) of *table* from the zero-based *address* on."""

    table: Table
    address: int
    count: int

    @property
    def is_bits(self) -> bool:
        return self.table in {"coil", "discrete"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for, and how many unused registers it may read along."""

    words: int = MOST_WORDS
    bits: int = MOST_BITS
    gap: int = 8


@dataclass(frozen=True, slots=True)
class Block:
    """One request, and the spans it answers."""

    span: Span
    spans: tuple[Span, ...]


def plan(spans: Iterable[Span], limits: Limits) -> tuple[Block, ...]:
    """The fewest blocks that hold all *spans*, in order of table and address.

    >>> [block.span.count for block in plan([Span("input", 0, 2), Span("input", 4, 2), Span("input", 90, 1)], Limits())]
    [6, 1]
    """
    blocks: list[Block] = []
    for span in sorted(set(spans)):
        if blocks and (wider := _joined(blocks[-1], span, limits)) is not None:
            blocks[-1] = wider
        else:
            blocks.append(Block(span, (span,)))
    return tuple(blocks)


def halves(block: Block, limits: Limits) -> tuple[Block, ...]:
    """The same spans in smaller blocks, for a block of at least two spans that the device refused."""
    middle = len(block.spans) // 2
    return plan(block.spans[:middle], limits) + plan(block.spans[middle:], limits)


def part(payload: bytes, block: Block, span: Span) -> bytes:
    """The bytes of *span* from the data of the answer to *block*; one bit is one byte, 0 or 1.

    >>> part(bytes.fromhex("0001 0002 0003"), Block(Span("input", 10, 3), ()), Span("input", 11, 1)).hex()
    '0002'
    """
    start = span.address - block.span.address
    if span.is_bits:
        return bytes([payload[start >> 3] >> (start & 7) & 1])
    return payload[2 * start : 2 * (start + span.count)]


def _joined(block: Block, span: Span, limits: Limits) -> Block | None:
    """*block* grown to hold *span* too; nothing when that is another table, too far away or too long."""
    own = block.span
    if span.table != own.table:
        return None
    end, gap, most = own.address + own.count, limits.gap, limits.words
    if own.is_bits:
        gap, most = gap * BITS_PER_WORD, limits.bits
    count = max(end, span.address + span.count) - own.address
    if span.address - end > gap or count > most:
        return None
    return Block(Span(own.table, own.address, count), (*block.spans, span))
