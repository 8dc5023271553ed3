"""Which block reads get all points with the fewest requests. Pure.

Spans of one table that lie close together are read at once; what lies between them is read and thrown away. A block
that the device refuses is halved until the refused span stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

Table = Literal["holding", "input", "coil", "discrete"]

FUNCTIONS: dict[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
BITS_PER_WORD = 16
MOST_WORDS = 125
MOST_BITS = 2000
ANY_GAP = 65536


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """*count* registers (of the tables coil and discrete: bits) of *table* from the zero-based *address* on."""

    table: Table
    address: int
    count: int

    @property
    def is_bits(self) -> bool:
        return self.table in {"coil", "discrete"}

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.count


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for, how many unused registers it may read along, and which spans never."""

    words: int = MOST_WORDS
    bits: int = MOST_BITS
    gap: int = 8
    never: tuple[Span, ...] = ()

    def most(self, span: Span) -> int:
        """How many entries one request may ask for in the table of *span*."""
        return self.bits if span.is_bits else self.words

    def bridged(self, table: Table, end: int, start: int) -> bool:
        """Whether what lies from *end* to before *start* may be read along."""
        gap = self.gap * BITS_PER_WORD if table in {"coil", "discrete"} else self.gap
        return start - end <= gap and not any(
            bad.table == table and bad.address < start and end < bad.end for bad in self.never
        )


@dataclass(frozen=True, slots=True)
class Block:
    """One request, and the spans it answers."""

    span: Span
    spans: tuple[Span, ...]

    def __hash__(self) -> int:
        """Of the whole span alone, which equal blocks share: a hundred may be in it, and it is looked up often."""
        return hash(self.span)


def plan(spans: Iterable[Span], limits: Limits, together: Iterable[tuple[Span, Span]] = ()) -> tuple[Block, ...]:
    """The fewest blocks that hold all *spans*, in order of table and address.

    Of several such plans it is one that reads most of the pairs *together* at once.

    >>> [block.span.count for block in plan([Span("input", 0, 2), Span("input", 4, 2), Span("input", 90, 1)], Limits())]
    [6, 1]
    """
    pairs: dict[Span, list[Span]] = {}
    for one, other in together:
        pairs.setdefault(one, []).append(other)
        pairs.setdefault(other, []).append(one)
    blocks: list[Block] = []
    for run in _runs(sorted(set(spans)), limits):
        whole = _block(run)
        blocks += [whole] if whole.span.count <= limits.most(whole.span) else _cut(run, limits, pairs)
    return tuple(blocks)


def fewest(spans: Iterable[Span], limits: Limits) -> int:
    """The fewest requests by which *spans* can be read at all, however much is read along.

    >>> fewest([Span("input", 0, 2), Span("input", 90, 1)], Limits(gap=0))
    1
    """
    return len(plan(spans, replace(limits, gap=ANY_GAP)))


def halves(block: Block, limits: Limits) -> tuple[Block, ...]:
    """The same spans in smaller blocks, for a block of at least two spans that the device refused."""
    middle = len(block.spans) // 2
    return plan(block.spans[:middle], limits) + plan(block.spans[middle:], limits)


def _runs(spans: Sequence[Span], limits: Limits) -> Iterator[list[Span]]:
    """Neighbours between which a request may read on; between two runs none may."""
    run: list[Span] = []
    end = 0
    for span in spans:
        if run and (span.table != run[0].table or not limits.bridged(span.table, end, span.address)):
            yield run
            run = []
        end = max(end, span.end) if run else span.end
        run.append(span)
    if run:
        yield run


def _cut(run: Sequence[Span], limits: Limits, pairs: dict[Span, list[Span]]) -> Iterator[Block]:
    """*run* in blocks as short as they must be.

    No block needs to leave a span to a later one: whatever starts behind that span and still fits is a part of it. So
    only cuts between neighbours are tried, each once.
    """
    most, partners = limits.most(run[0]), _partners(run, pairs)
    if not partners:
        yield from _filled(run, most)
        return
    # What so many first spans cost at best: requests, less the pairs that stay whole, entries; and less the last cut.
    best: list[tuple[int, int, int, int]] = [(0, 0, 0, 0)] + [(len(run) + 1, 0, 0, 0)] * len(run)
    for first, start in enumerate(run):
        requests, kept, entries, _ = best[first]
        end = start.end
        for after in range(first + 1, len(run) + 1):
            span = run[after - 1]
            end = max(end, span.end)
            if after > first + 1 and end - start.address > most:
                break
            if after - 1 in partners:
                kept -= sum(first <= other < after for other in partners[after - 1])
            best[after] = min(best[after], (requests + 1, kept, entries + end - start.address, -first))
    cuts, after = [len(run)], len(run)
    while after:
        after = -best[after][3]
        cuts.append(after)
    cuts.reverse()
    for first, after in pairwise(cuts):
        yield _block(run[first:after])


def _filled(run: Sequence[Span], most: int) -> Iterator[Block]:
    """*run* in blocks that each take all that fits, which makes the fewest."""
    first = 0
    for place, span in enumerate(run):
        if span.end - run[first].address > most and place > first:
            yield _block(run[first:place])
            first = place
    yield _block(run[first:])


def _partners(run: Sequence[Span], pairs: dict[Span, list[Span]]) -> dict[int, list[int]]:
    """For each place in *run* those before it that should be read together with it."""
    if not pairs:
        return {}
    places = {span: place for place, span in enumerate(run)}
    found: dict[int, list[int]] = {}
    for place, span in enumerate(run):
        before = [places[other] for other in pairs.get(span, ()) if places.get(other, place) < place]
        if before:
            found[place] = before
    return found


def _block(spans: Sequence[Span]) -> Block:
    first = spans[0]
    return Block(Span(first.table, first.address, max(span.end for span in spans) - first.address), tuple(spans))
