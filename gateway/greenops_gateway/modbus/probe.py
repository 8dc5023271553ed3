"""``probe``: what a link and its devices can do, found by asking. Reads only."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from greenops_core.duration import Duration
from greenops_core.errors import DecodeError, DeviceError
from greenops_gateway.modbus.asking import Asking, asking
from greenops_gateway.modbus.codec import Order
from greenops_gateway.modbus.configuration import ModbusDevice, ModbusPoint
from greenops_gateway.modbus.frame import exception_text
from greenops_gateway.modbus.link import ModbusLink, ask
from greenops_gateway.modbus.plan import Span
from greenops_gateway.modbus.plausible import shown, spellings
from greenops_gateway.modbus.reader import place
from greenops_gateway.modbus.source import Source
from greenops_gateway.tools import Finding

TIMED = 20
"""Reads that are timed."""
IN_A_ROW = 10
"""Reads without a pause that must all be answered."""
PAUSES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
SLOW = 0.5
"""A device that uses more than this share of the timeout will miss it some day."""
ROOM = 4
"""So many times the longest answer is a good timeout."""
ILLEGAL_VALUE = 3
NEIGHBOURS = (0, -1, 1)
WHERE = {0: "", -1: " and addresses one lower (address_style)", 1: " and addresses one higher (address_style)"}
MOST_NEIGHBOURS = 8
MOST_AT_ONCE = 4096


async def probe(link: ModbusLink, devices: Sequence[ModbusDevice]) -> AsyncIterator[Finding]:
    """Connect, time, find limits; and for each number of several registers what it would be in another order."""
    async with asking(link) as asker:
        try:
            took = await asker.open()
        except DeviceError as error:
            yield Finding(
                "connect", str(error), well=False, advice="is the address right, the cable in, the device on?"
            )
            return
        yield Finding("connect", f"{link.where} open in {_ms(took)}")
        if not devices:
            yield Finding("devices", "none is configured for this link", advice="scan looks for units")
        for device in devices:
            async for finding in _device(asker, device):
                yield finding._replace(what=f"{device.name}: {finding.what}")
        if devices and link.transport == "tcp":
            await asker.close()  # some devices take one connection only
            yield await _overlap(link, devices[0])


async def _device(asker: Asking, device: ModbusDevice) -> AsyncIterator[Finding]:
    try:
        span, strange = await _reached(asker, device)
    except DeviceError as error:
        advice = "is the unit identifier right? scan shows which units answer"
        yield Finding(f"unit {device.unit}", str(error), well=False, advice=advice)
        return
    if strange:
        advice = "set quirks: {ignore_transaction_id: true}"
        yield Finding("transaction id", "answers carry another one than was asked with", well=False, advice=advice)
    elif asker.link.transport in {"tcp", "tls"} and not device.quirks.ignore_transaction_id:
        yield Finding("transaction id", "echoed")
    if span is None:
        advice = "are table and address_style right? explain shows both notations"
        yield Finding("reads", "every one is refused", well=False, advice=advice)
        return
    examined = _Examination(asker, device, span)
    for step in (examined.pace, examined.times, examined.limit):
        try:
            yield await step()
        except DeviceError as error:
            yield Finding(step.__name__, str(error), well=False, advice="it answered before; is the link steady?")
    async for finding in _numbers(asker, device):
        yield finding


async def _reached(asker: Asking, device: ModbusDevice) -> tuple[Span | None, bool]:
    """A block that the device gives, if any, and whether it answers under strange transactions.

    Raises:
        DeviceError: it does not answer at all.
    """
    ignore, asker.pause = device.quirks.ignore_transaction_id, 0.0
    await asker.open(ignore_transaction_id=ignore)
    late = asker.late
    try:
        return await _readable(asker, device), False
    except DeviceError:
        if ignore or asker.late == late:
            raise
    await asker.open(ignore_transaction_id=True)
    return await _readable(asker, device), True


async def _readable(asker: Asking, device: ModbusDevice) -> Span | None:
    """The longest block that the device gives, of registers if it has any; nothing when it refuses all.

    Raises:
        DeviceError: it does not answer.
    """
    for span in sorted((block.span for block in device.blocks()), key=lambda span: (span.is_bits, -span.count)):
        if isinstance(await asker.data(ask(device.unit, span)), bytes):
            return span
    return None


@dataclass(slots=True)
class _Examination:
    """What is found out about one device by reads of *span*."""

    asker: Asking
    device: ModbusDevice
    span: Span

    async def pace(self) -> Finding:
        """Whether requests may follow each other at once, and if not, after which pause."""
        configured = max(self.asker.link.between_requests or 0.0, self.device.quirks.between_requests or 0.0)
        if await self._steady():
            return Finding("pause", f"{IN_A_ROW} reads in a row without a pause are all answered")
        for pause in PAUSES:
            self.asker.pause = pause
            if await self._steady():
                enough = configured >= pause
                advice = "" if enough else f"set quirks: {{between_requests: {Duration(pause)}}}"
                return Finding("pause", f"needs {Duration(pause)} between requests", well=enough, advice=advice)
        return Finding(
            "pause", f"reads fail even with {Duration(PAUSES[-1])} between them", well=False,
            advice="look at the cable, at other masters, at the device's load",
        )  # fmt: skip

    async def times(self) -> Finding:
        """How long answers take."""
        taken = []
        for _ in range(TIMED):
            await self.asker.data(ask(self.device.unit, self.span))
            taken.append(self.asker.took)
        return answer_time(taken, self.asker.link.timeout)

    async def limit(self) -> Finding:
        """How much one request may ask for."""
        most = self._most()
        what = "bits" if self.span.is_bits else "registers"
        good, bad, code = self.span.count, most + 1, 0
        while bad - good > 1:
            count = most if bad > most else (good + bad) // 2
            answer = await self._count(count)
            if isinstance(answer, bytes):
                good = count
                if count == most:
                    break
            else:
                bad, code = count, answer
        if good >= most:
            return Finding("limit", f"{good} {what} in one request are answered")
        if code != ILLEGAL_VALUE:
            return Finding(
                "limit", f"at least {good} {what}; {place(Span(self.span.table, self.span.address + good, 1))}: "
                f"{exception_text(code) if code else 'no answer'}",
            )  # fmt: skip
        key = "max_bits" if self.span.is_bits else "max_words"
        enough = getattr(self.device.quirks, key) <= good
        return Finding(
            "limit", f"{good} {what} in one request", well=enough,
            advice="" if enough else f"set quirks: {{{key}: {good}}}",
        )  # fmt: skip

    def _most(self) -> int:
        """The most that a request from here on may ask for, without what must never be read."""
        limits = self.device.limits()
        most = min(2000 if self.span.is_bits else 125, 65536 - self.span.address)
        ahead = [
            bad.address - self.span.address
            for bad in limits.never
            if bad.table == self.span.table and bad.address >= self.span.end
        ]
        return max(min([most, *ahead]), self.span.count)

    async def _count(self, count: int) -> bytes | int:
        """The data, or the code of the exception; 0 for no answer."""
        wanted = Span(self.span.table, self.span.address, count)
        try:
            return await self.asker.data(ask(self.device.unit, wanted))
        except DeviceError:
            return 0

    async def _steady(self) -> bool:
        """Whether as many reads in a row as should be are answered."""
        for _ in range(IN_A_ROW):
            try:
                await self.asker.data(ask(self.device.unit, self.span))
            except DeviceError:
                return False
        return True


def answer_time(taken: Sequence[float], timeout: Duration) -> Finding:
    """What *taken*, how many seconds answers took, means where they must come within *timeout*.

    >>> answer_time([0.1, 0.5], Duration(0.8)).advice
    'set timeout to 2s or more'
    """
    longest = max(taken)
    slow = longest > SLOW * timeout
    return Finding(
        "answer time",
        f"median {_ms(statistics.median(taken))}, longest {_ms(longest)} of {len(taken)} reads; timeout {timeout}",
        well=not slow,
        advice=f"set timeout to {Duration(round(ROOM * longest, 1))} or more" if slow else "",
    )


async def _numbers(asker: Asking, device: ModbusDevice) -> AsyncIterator[Finding]:
    """Each point of several registers in all word orders; then what order and which addresses suit most of them."""
    never, hits, told, well = device.limits().never, Counter[tuple[Order, int]](), 0, 0
    for point, source in zip(device.points, device.sources(), strict=True):
        if source.span.count < 2 or source.span.is_bits:
            continue
        raw = await _raw(asker, device.unit, source.span)
        finding = _number(point, source, raw)
        yield finding
        if told >= MOST_NEIGHBOURS or isinstance(raw, str) or not any(raw):
            continue
        told, well = told + 1, well + finding.well
        for step in NEIGHBOURS:
            span = replace(source.span, address=source.span.address + step)
            if step and (span.address < 0 or any(_meets(span, bad) for bad in never)):
                continue
            there = raw if step == 0 else await _raw(asker, device.unit, span)
            if isinstance(there, bytes):
                found = spellings(there, source, point.range)
                hits.update((each.order, step) for each in found if each.plausible and each.value)
    if told:
        yield _suiting(hits, told, well)


def _number(point: ModbusPoint, source: Source, raw: bytes | str) -> Finding:
    if isinstance(raw, str):
        return Finding(point.name, raw, well=False, advice=f"is {place(source.span)} right?")
    if not any(raw):
        return Finding(point.name, "0 in every word order, which tells nothing")
    found = spellings(raw, source, point.range)
    well = next(each.plausible for each in found if each.order == source.order)
    lost = not any(each.plausible for each in found)
    advice = f"is {place(source.span)} right, and type {source.type}?" if lost else ""
    return Finding(point.name, shown(found, point.unit), well=well, advice=advice)


def _suiting(hits: Counter[tuple[Order, int]], told: int, well: int) -> Finding:
    """*hits* counts the plausible numbers of each order at each step from the configured address.

    A wrong order looks much like the opposite one at the next address, so that both are told: the manual decides.
    """
    most = max(hits.values(), default=0)
    best = sorted((key for key, count in hits.items() if count == most), key=lambda key: (abs(key[1]), key))
    seen = f"{well} of {told} plausible as configured"
    if well >= most:
        return Finding("word order and addresses", seen)
    ways = [f"order: {order}" + WHERE[step] for order, step in best]
    return Finding(
        "word order and addresses",
        f"{seen}; {most} of {told} with {' or '.join(ways)}",
        well=False,
        advice="look into the manual which it is" if len(ways) > 1 else f"set {ways[0]}",
    )


def _meets(one: Span, other: Span) -> bool:
    return one.table == other.table and one.address < other.end and other.address < one.end


async def _raw(asker: Asking, unit: int, span: Span) -> bytes | str:
    """The registers, or why there are none."""
    try:
        data = await asker.data(ask(unit, span))
    except DeviceError as error:
        return str(error)
    return data if isinstance(data, bytes) else exception_text(data)


async def _overlap(link: ModbusLink, device: ModbusDevice) -> Finding:
    """Whether a second request may be sent before the first is answered."""
    framing, wanted = link.framing(ignore_transaction_id=True), ask(device.unit, device.blocks()[0].span)
    asked, answered, received = 2, 0, b""
    with suppress(OSError, TimeoutError, DecodeError):
        async with asyncio.timeout(link.connect_timeout):
            reader, writer = await asyncio.open_connection(link.host, link.at_port)
        try:
            writer.write(b"".join(framing.request(wanted, number) for number in range(asked)))
            async with asyncio.timeout(asked * link.timeout):
                while answered < asked and (more := await reader.read(MOST_AT_ONCE)):
                    received += more
                    while received and (read := framing.answer(wanted, 0, received)).answer is not None:
                        answered, received = answered + 1, received[read.used :]
        finally:
            writer.transport.abort()
    seen = "both are answered" if answered == asked else f"{answered} of {asked} answered"
    return Finding("two requests at once", f"{seen}; the gateway sends one at a time")


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"
