"""The one who asks on a link: one request at a time, whichever device is due.

A poll is one round of requests to one device; what it brings is given on as soon as it is complete. A device that does
not answer costs the others little (``breaker``); when nobody answers any more, the link itself is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from greenops_core.errors import DeviceError
from greenops_core.sample import Sample
from greenops_gateway.modbus.breaker import Breaker, Health
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.frame import UNREACHABLE, Answer, GarbledError, SilenceError
from greenops_gateway.modbus.link import ModbusLink, ask
from greenops_gateway.modbus.plan import Span
from greenops_gateway.modbus.reader import NotReachedError, Reader, place
from greenops_gateway.modbus.source import Intake
from greenops_gateway.modbus.wire import Wire
from greenops_gateway.plugin import Batch, Desk, Result
from greenops_gateway.schedule import Agenda

READER = "modbus reader"
HEALTH = "modbus health"
UNANSWERED = (SilenceError, NotReachedError, GarbledError)
"""What may be wrong with one unit and not with the link."""
LONGEST_WAIT = 1.0
"""Seconds after which samples of a poll that goes on are given on."""


class Unit:
    """One device on the link, and what is known about it."""

    def __init__(self, link: ModbusLink, desk: Desk[ModbusDevice]) -> None:
        self.desk, self.device = desk, desk.device
        sources = self.device.sources()
        judging = frozenset(status.span for source in sources for status in source.status)
        plan = (link.where, self.device.unit, self.device.blocks(), self.device.limits(), judging)
        kept_plan, reader = desk.kept.get(READER, (None, None))
        if reader is None or kept_plan != plan:
            reader = Reader(self.device.name, plan[2], plan[3], desk.clock, judging)
            desk.kept[READER] = (plan, reader)
        self.reader: Reader = reader
        kept_place, health = desk.kept.get(HEALTH, (None, None))
        if health is None or kept_place != (link.where, self.device.unit):
            health = Health()
            desk.kept[HEALTH] = ((link.where, self.device.unit), health)
        self.health: Health = health
        self.intake = Intake(sources, desk.series)
        quirks = self.device.quirks
        self.between = max(link.between_requests or 0.0, quirks.between_requests or 0.0)
        self.turn = max(self.between, link.turn_around or 0.0, quirks.turn_around or 0.0)
        self.answers = 0
        """In the poll that is under way."""


class Owner:
    """Asks all devices of a link by turns."""

    def __init__(
        self,
        open_wire: Callable[[], Awaitable[Wire]],
        wire: Wire,
        link: ModbusLink,
        desks: Sequence[Desk[ModbusDevice]],
        clock: Callable[[], float],
    ) -> None:
        """*wire* is what *open_wire* gave; *clock* is the event loop's."""
        self.wire = wire
        """It may be another one after each batch."""
        self._open, self._link, self._clock = open_wire, link, clock
        self._units = {desk.device.name: Unit(link, desk) for desk in desks}
        self._agenda = Agenda(desks, clock())
        patient = link.is_serial or len(desks) > 1
        self._breaker = Breaker([unit.health for unit in self._units.values()], link.timeout, clock(), patient=patient)
        self._asked: Unit | None = None
        self._given_up: Unit | None = None
        self._late = wire.late
        self._free_at = 0.0

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Samples poll by poll, for as long as anybody answers.

        Raises:
            DeviceError: nobody does any more, or the connection ended.
        """
        await self._settled()
        while True:
            due, desk = self._agenda.next()
            if (wait := due - self._clock()) > 0:
                await asyncio.sleep(wait)
            if self.wire.broken:  # between two polls; many devices end a connection that is idle for long
                await self._reopen()
            unit, now = self._units[desk.device.name], self._clock()
            self._agenda.begun(desk, now)
            if not self._breaker.may(unit.health, now) or self.wire.rest(unit.device.unit) > 0:
                self._agenda.ended(desk)
                continue
            async with aclosing(self._poll(unit)) as batches:
                async for batch in batches:
                    yield batch

    async def _settled(self) -> None:
        pauses = [self._link.after_connect, *(unit.device.quirks.after_connect for unit in self._units.values())]
        if (longest := max((pause or 0.0 for pause in pauses), default=0.0)) > 0:
            await asyncio.sleep(longest)

    async def _poll(self, unit: Unit) -> AsyncGenerator[Batch, None]:
        """One round of requests to *unit*."""
        begun = given = self._clock()
        samples: list[Sample] = []
        failure: DeviceError | None = None
        unit.answers = 0
        unit.intake.begin()
        try:
            async with aclosing(unit.reader.round(lambda span: self._read(unit, span))) as replies:
                async for reply in replies:
                    samples += unit.intake.take(reply)
                    if samples and (now := self._clock()) - given >= LONGEST_WAIT:
                        yield samples
                        samples, given = [], now
        except DeviceError as error:
            failure = error
        if failure is None or isinstance(failure, UNANSWERED):  # else it was the link that failed
            self._agenda.ended(unit.desk)
        if failure is None or unit.answers:
            self._breaker.answered(unit.health, self._clock())
            yield samples
        elif isinstance(failure, UNANSWERED):
            self._missed(unit, failure, begun)
        if failure is None or (isinstance(failure, UNANSWERED) and not self.wire.broken):
            return
        # Where nothing tells a late answer, the wire ends with the request; the other units only need a new one.
        if len(self._units) == 1 or not isinstance(failure, SilenceError):
            raise failure

    async def _reopen(self) -> None:
        """Raises DeviceError: it cannot be opened."""
        self.wire.close()
        self.wire = await self._open()
        self._late = self.wire.late
        await self._settled()

    def _missed(self, unit: Unit, failure: DeviceError, begun: float) -> None:
        """Raises DeviceError: *unit* was the last from whom an answer could be expected."""
        now, was_down = self._clock(), unit.health.down
        self._breaker.missed(unit.health, now, now - begun)
        if unit.health.down and not was_down:
            unit.desk.down(str(failure))
        if self._breaker.lost:
            self._agenda.forget()  # polls that brought nothing are made up for once the link is back
            if len(self._units) == 1:
                raise failure
            raise DeviceError(f"none of {len(self._units)} units answers; the last: {unit.device.name}: {failure}")

    async def _read(self, unit: Unit, span: Span) -> Answer:
        """Raises what ``Wire.ask`` does, with the place in words."""
        pause = unit.between if self._asked in {None, unit} else unit.turn
        if pause and (wait := self._free_at + pause - self._clock()) > 0:
            await asyncio.sleep(wait)
        self._asked = unit
        try:
            answer = await self.wire.ask(ask(unit.device.unit, span), self._link.timeout)
        except SilenceError as error:
            self._given_up = unit
            unit.desk.count(Result.TIMEOUT)
            raise SilenceError(f"read of {place(span)}: {error}") from None
        except GarbledError as error:
            unit.desk.count(Result.DECODE)
            raise GarbledError(f"read of {place(span)}: {error}") from None
        except DeviceError:
            unit.desk.count(Result.CONNECT)
            raise
        finally:
            self._free_at = self._clock()
            while self._late < self.wire.late:
                self._late += 1
                (self._given_up or unit).desk.count(Result.LATE)
        unit.answers += answer.exception not in UNREACHABLE
        unit.desk.count(Result.EXCEPTION if answer.exception else Result.OK)
        return answer
