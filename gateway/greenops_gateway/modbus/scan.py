"""``scan``: which units answer on a link, what they hold, and a profile to start from. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenops_core.errors import DeviceError
from greenops_gateway.modbus.asking import Asking, asking
from greenops_gateway.modbus.frame import Ask, SilenceError
from greenops_gateway.modbus.link import ModbusLink, ask
from greenops_gateway.modbus.plan import Span, Table
from greenops_gateway.modbus.plausible import guess
from greenops_gateway.tools import Discovery, Scan, Told, numbers

SERIAL_UNITS = tuple(range(1, 248))
NETWORK_UNITS = (1, 255, 0, *range(2, 17))
TABLES: tuple[Table, ...] = ("input", "holding", "discrete", "coil")
MOST = {"input": 125, "holding": 125, "discrete": 512, "coil": 512}
# Where manuals let their tables begin: from 0 on densely, then at round numbers and one before.
STARTS = sorted(
    {*range(16), *range(20, 200, 10), *(edge for at in range(200, 10_000, 100) for edge in (at - 1, at))}
    | {edge for at in range(10_000, 65_536, 1000) for edge in (at - 1, at)}
)
REQUESTS = 600
"""The most questions to one table of a unit."""
LONGEST = 1000
"""A longer range is not looked at to its end: the unit gives anything."""
POINTS = 100
"""The most points in a profile from each table."""
SHOWN = 6
"""So many of a range's numbers stand in a message."""


async def scan(link: ModbusLink, what: Scan, told: Told) -> Sequence[Discovery]:
    """The units that answer on *link*, and what they hold.

    Raises:
        ConfigError: *what* names no units.
        DeviceError: nobody answers.
    """
    units = numbers(what.within, "units", 255) if what.within else SERIAL_UNITS if link.is_serial else NETWORK_UNITS
    found: list[Discovery] = []
    async with asking(link) as asker:
        await asker.open()
        for done, unit in enumerate(units):
            told(done / len(units), f"unit {unit}, {len(found)} found")
            if await _answers(asker, unit):
                found.append(await _discovered(asker, unit, told, done / len(units)))
    told(1.0, f"{len(found)} found")
    if not found:
        raise DeviceError(
            f"no unit answers on {link.where}; asked: {', '.join(map(str, units[:8]))}{', …' * (len(units) > 8)}. "
            f"{'Are baud rate and parity right?' if link.is_serial else 'Is it a Modbus device?'}"
        )
    return found


async def _answers(asker: Asking, unit: int) -> bool:
    """Whether *unit* is there: an exception is an answer, too.

    Raises:
        DeviceError: the link cannot be opened any more.
    """
    for function in (3, 4):
        try:
            await asker.data(Ask(unit, function, 0, 1))
        except SilenceError:
            return False
        except DeviceError:
            await asker.open()
            continue
        return True
    return False


async def _discovered(asker: Asking, unit: int, told: Told, share: float) -> Discovery:
    points: list[dict[str, Any]] = []
    seen: list[str] = []
    for table in TABLES:
        told(share, f"unit {unit}, table {table}")
        search = _Search(asker, unit, table)
        room = POINTS
        for span, data in await search.ranges():
            found = list(_points(span, data))[:room]
            points, room = points + found, room - len(found)
            seen.append(_seen(span, data))
    words = f"unit {unit}: " + (", ".join(seen) if seen else "answers, but gives nothing where manuals begin")
    return Discovery(f"unit-{unit}", {"address_style": "zero", "points": points}, words)


@dataclass(slots=True)
class _Search:
    """Looks for what can be read in one table of a unit, with a bounded number of questions."""

    asker: Asking
    unit: int
    table: Table
    asked: int = 0
    silent: int = 0
    known: dict[tuple[int, int], bytes | None] = field(default_factory=dict)

    async def ranges(self) -> list[tuple[Span, bytes]]:
        """What can be read, without gaps, and what stood there."""
        found: list[tuple[Span, bytes]] = []
        end = 0
        for start in STARTS:
            if start < end or self.asked >= REQUESTS or self.silent > 2:
                continue
            if await self.read(start, 1) is None:
                if start == 0 and await self._refuses_table():
                    return []
                continue
            first = start if start == 0 else await self._first(max(end, start - MOST[self.table]), start)
            span, data = await self._from(first)
            found.append((span, data))
            end = span.end
        return found

    async def read(self, address: int, count: int) -> bytes | None:
        """What stands there; nothing when it cannot be read."""
        key = address, count
        if key not in self.known:
            self.asked += 1
            self.known[key] = await self._asked(Span(self.table, address, count))
        return self.known[key]

    async def _asked(self, span: Span) -> bytes | None:
        try:
            data = await self.asker.data(ask(self.unit, span))
        except DeviceError:
            self.silent += 1
            return None
        return data if isinstance(data, bytes) else None

    async def _refuses_table(self) -> bool:
        """Whether the unit does not know the function at all (exception 1)."""
        try:
            return await self.asker.data(ask(self.unit, Span(self.table, 0, 1))) == 1
        except DeviceError:
            return True

    async def _first(self, low: int, good: int) -> int:
        """The lowest address from *low* on from which all up to *good* can be read."""
        if await self.read(low, good - low + 1) is not None:
            return low
        while good - low > 1:
            middle = (low + good) // 2
            if await self.read(middle, good - middle + 1) is not None:
                good = middle
            else:
                low = middle
        return good

    async def _from(self, first: int) -> tuple[Span, bytes]:
        """All that can be read from *first* on, which can."""
        bits = self.table in {"discrete", "coil"}
        data, at = b"", first
        while at - first < LONGEST and self.asked < REQUESTS:
            count, part = await self._longest(at)
            if not count:
                break
            data, at = data + (part[: count // 8] if bits else part), at + count
            if count < MOST[self.table]:
                break
        return Span(self.table, first, at - first), data

    async def _longest(self, at: int) -> tuple[int, bytes]:
        """How much can be read from *at* on with one request, and that."""
        good, bad = 0, min(MOST[self.table], 65_536 - at) + 1
        part = b""
        while bad - good > 1:
            count = bad - 1 if not good and bad > MOST[self.table] else (good + bad) // 2
            found = await self.read(at, count)
            if found is None:
                bad = count
            else:
                good, part = count, found
        return good, part


def _points(span: Span, data: bytes) -> Iterator[dict[str, Any]]:
    """A point for each number that seems to stand in *span*."""
    if span.is_bits:
        for address in range(span.address, span.end):
            yield {"name": f"{span.table}_{address}", "at": address, "table": span.table, "unit": "1"}
        return
    numbers = guess(data)
    size = 2 if numbers.type == "f32" else 1
    for place, _ in enumerate(numbers.numbers):
        address = span.address + numbers.first + place * size
        point: dict[str, Any] = {"name": f"{span.table}_{address}", "at": address, "table": span.table}
        point["type"] = numbers.type
        if size > 1:
            point["order"] = numbers.order
        yield {**point, "unit": "1"}


def _seen(span: Span, data: bytes) -> str:
    """*span* and what seems to stand there, in words.

    >>> _seen(Span("input", 10, 4), bytes.fromhex("0000 42c8 0000 4248"))
    'input 10 to 13 (f32 CDAB: 100, 50)'
    """
    where = f"{span.table} {span.address} to {span.end - 1}"
    if span.is_bits:
        return where
    numbers = guess(data)
    shown = ", ".join(f"{number:.5g}" for number in numbers.numbers[:SHOWN]) + ", …" * (len(numbers.numbers) > SHOWN)
    return f"{where} ({numbers.type}{f' {numbers.order}' * (numbers.type != 'u16')}: {shown})"
