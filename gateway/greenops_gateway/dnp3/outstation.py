"""A DNP3 outstation for simulation and tests, on the independent library dnp3py.

The library answers requests; here are floats with event time, events that are kept until they are confirmed, events
sent unsolicited, and the connection. Clauses are of IEEE 1815-2012.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from dnp3.application.builder import build_unsolicited_response
from dnp3.application.fragment import ObjectBlock, ResponseFragment
from dnp3.application.qualifiers import ObjectHeader
from dnp3.core.enums import FunctionCode, LinkFunctionCode
from dnp3.core.exceptions import DNP3Error
from dnp3.core.flags import IIN
from dnp3.core.timestamp import DNP3Timestamp
from dnp3.database import AnalogEvent, BinaryEvent, CounterEvent, Database, EventClass
from dnp3.datalink.builder import build_ack, build_link_status, build_unconfirmed_user_data
from dnp3.datalink.frame import DataLinkFrame
from dnp3.datalink.parser import FrameParser
from dnp3.outstation import Outstation, OutstationConfig
from dnp3.transport.reassembler import Reassembler, ReassemblyError
from dnp3.transport.segment import TransportSegment
from dnp3.transport.segmenter import Segmenter

CON = 0x20
CONFIRM_TIMEOUT = 5.0
"""Seconds after which an answer that was not confirmed is given up, and unsolicited events are sent again."""
FLOAT_STATIC, FLOAT_EVENT = 5, 13
"""Octets of g30v5, and of g32v7 with a two-octet index."""
MOST_UNSOLICITED = 100
"""Events in one fragment, which is all that an unsolicited response has."""
EVENT_GROUPS = frozenset({2, 4, 11, 22, 23, 32, 42})


class KeepingOutstation(Outstation):
    """Serves floats, and forgets events only when they were confirmed."""

    selected: frozenset[Any] = frozenset()
    """Keys of the events in the answer that waits for its confirmation."""

    def _read_analog_inputs(self, block: ObjectBlock) -> tuple[list[ObjectBlock], IIN]:
        return self._build_analog_input_blocks(_within(block, self.database.get_all_analog_inputs())), IIN(0)

    def _build_analog_input_blocks(self, points: list[Any]) -> list[ObjectBlock]:
        blocks = []
        most = (self.config.max_fragment_size - 16) // FLOAT_STATIC
        for run in _neighbours(points, most):
            data = b"".join(struct.pack("<Bf", int(point.quality), point.value) for point in run)
            start, stop = run[0].index, run[-1].index
            blocks.append(ObjectBlock(ObjectHeader(30, 5, 0x01), struct.pack("<HH", start, stop) + data))
        return blocks

    def _build_analog_event_blocks(self, events: list[Any]) -> list[ObjectBlock]:
        return list(self._events(32, 7, events, lambda event: struct.pack("<Bf", int(event.quality), event.value)))

    def _build_binary_event_blocks(self, events: list[Any]) -> list[ObjectBlock]:
        return list(self._events(2, 2, events, lambda event: bytes([int(event.quality) & 0x7F | event.value << 7])))

    def _events(
        self, group: int, variation: int, events: Sequence[Any], octets: Callable[[Any], bytes]
    ) -> Iterator[ObjectBlock]:
        most = (self.config.max_fragment_size - 16) // FLOAT_EVENT
        for first in range(0, len(events), most):
            part = events[first : first + most]
            data = b"".join(
                event.index.to_bytes(2, "little") + octets(event) + _time(event).to_bytes() for event in part
            )
            yield ObjectBlock(ObjectHeader(group, variation, 0x28), len(part).to_bytes(2, "little") + data)

    def _remove_events_by_key(self, keys: Collection[Any]) -> None:
        self.selected = frozenset(keys)

    def confirmed(self, keys: Collection[Any]) -> None:
        """The master has the events *keys* (4.6.6): they, and that some were lost, can be forgotten."""
        super()._remove_events_by_key(keys)
        buffer = self.database.event_buffer
        for events in (buffer.class1, buffer.class2, buffer.class3):
            events.reset_overflow()
        self._state.clear_event_overflow()

    def unsolicited(self) -> tuple[ResponseFragment, frozenset[Any]] | None:
        """A fragment of events that may be sent without a request, and their keys."""
        enabled = self._state.unsolicited
        buffer = self.database.event_buffer
        for number in EventClass.CLASS_1, EventClass.CLASS_2, EventClass.CLASS_3:
            kept = buffer.read_class_events_with_serials(number)[:MOST_UNSOLICITED]
            if enabled.is_class_enabled(number) and kept:
                events = [event for _, event in kept]
                objects = (
                    *self._build_binary_event_blocks([event for event in events if isinstance(event, BinaryEvent)]),
                    *self._build_analog_event_blocks([event for event in events if isinstance(event, AnalogEvent)]),
                    *self._build_counter_event_blocks([event for event in events if isinstance(event, CounterEvent)]),
                )
                sequence = self._state.sequences.next_unsolicited_seq()
                part = build_unsolicited_response(objects, iin=self.iin, seq=sequence, con=True)
                return part, frozenset((number, serial) for serial, _ in kept)
        return None


def _time(event: Any) -> DNP3Timestamp:  # noqa: ANN401  # one of three kinds of event
    return event.timestamp if event.timestamp is not None else DNP3Timestamp.now()


def _within(block: ObjectBlock, points: Sequence[Any]) -> list[Any]:
    """Those of *points* that a request names: a range of indexes in one or two octets each, or all."""
    form = {0x00: "<BB", 0x01: "<HH"}.get(block.header.qualifier)
    if form is None:
        return list(points)
    start, stop = struct.unpack_from(form, block.data)
    return [point for point in points if start <= point.index <= stop]


def _neighbours(points: Sequence[Any], most: int) -> Iterator[list[Any]]:
    run: list[Any] = []
    for point in points:
        if run and (point.index != run[-1].index + 1 or len(run) == most):
            yield run
            run = []
        run.append(point)
    if run:
        yield run


class Station:
    """An outstation and its one connection: a newer one takes the place of an older one."""

    def __init__(self, database: Database, address: int, master: int) -> None:
        self.database = database
        self.outstation = KeepingOutstation(
            config=OutstationConfig(address=address, master_address=master, time_sync_required=False),
            database=database,
        )
        self.answers = True
        """False: as if the cable were pulled."""
        self.is_connected = False
        self.confirmed = 0
        """Events that a master has confirmed."""
        self._session: asyncio.Task[None] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for ``asyncio.start_server``."""
        if self._session is not None:
            self._session.cancel()
        self._session = asyncio.current_task()
        session = Session(self, reader, writer)
        self.is_connected = True
        try:
            await session.run()
        except (OSError, EOFError, DNP3Error, ReassemblyError):
            return  # the master went, or speaks no DNP3
        except asyncio.CancelledError:
            return  # a newer connection, or the end
        finally:
            if self._session is asyncio.current_task():
                self.is_connected = False
            writer.transport.abort()

    def stop(self) -> None:
        """End the connection."""
        if self._session is not None:
            self._session.cancel()


class Sent(NamedTuple):
    """A fragment, and the events that its confirmation lets go."""

    part: ResponseFragment
    keys: frozenset[Any]


class Session:
    """The link and transport layers of one connection, and which answer waits for its confirmation."""

    def __init__(self, station: Station, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._station, self._outstation = station, station.outstation
        self._reader, self._writer = reader, writer
        self._parser = FrameParser()
        self._reassembler = Reassembler(max_fragment_size=self._outstation.config.max_fragment_size)
        self._segmenter = Segmenter()
        self._waiting: list[Sent] = []
        """Fragments of an answer; the first was sent and waits for its confirmation."""
        self._unsolicited: Sent | None = None
        self._since = 0.0
        """When the unsolicited response was sent."""
        self._deferred = b""
        """A read that came while an unsolicited response waits for its confirmation (4.6.3)."""

    async def run(self) -> None:
        """Answer, and send events, until the connection ends."""
        clock = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout(0.02):
                    data = await self._reader.read(4096)
            except TimeoutError:
                if self._station.answers:
                    self._push(clock())
                await self._writer.drain()
                continue
            if not data:
                return
            if not self._station.answers:
                continue
            for frame in self._parser.feed(data):
                self._take(frame, clock())
            await self._writer.drain()

    def _take(self, frame: DataLinkFrame, now: float) -> None:
        config = self._outstation.config
        if frame.header.destination != config.address or not frame.header.control.prm:
            return
        function = frame.header.control.function_code
        if function == LinkFunctionCode.PRI_REQUEST_LINK_STATUS:
            self._writer.write(build_link_status(frame.header.source, config.address, False).to_bytes())
        elif function in {LinkFunctionCode.PRI_RESET_LINK_STATE, LinkFunctionCode.PRI_CONFIRMED_USER_DATA}:
            self._writer.write(build_ack(frame.header.source, config.address, False).to_bytes())
        if frame.user_data and frame.header.source == config.master_address:
            whole = self._reassembler.add(TransportSegment.from_bytes(frame.user_data))
            if whole is not None:
                self._answer(whole.data, now)

    def _answer(self, request: bytes, now: float) -> None:
        function = request[1] if len(request) >= 2 else None
        if function == FunctionCode.CONFIRM:
            self._confirmed(request[0] & 0x0F, now, unsolicited=bool(request[0] & 0x10))
            return
        self._waiting.clear()  # a new request ends what was being answered (4.2.2.4.4)
        if function == FunctionCode.READ and self._unsolicited is not None:
            self._deferred = request
            return
        self._outstation.selected = frozenset()
        responses = self._outstation.process_request(request)
        keys = self._outstation.selected
        with_events = [any(block.header.group in EVENT_GROUPS for block in part.objects) for part in responses]
        last = max((place for place, has in enumerate(with_events) if has), default=-1)
        self._waiting = [Sent(part, keys if place == last else frozenset()) for place, part in enumerate(responses)]
        self._send_next()

    def _confirmed(self, sequence: int, now: float, *, unsolicited: bool) -> None:
        if unsolicited:
            waiting, self._unsolicited = self._unsolicited, None
        else:
            waiting = self._waiting.pop(0) if self._waiting else None
        if waiting is None or waiting.part.header.control.seq != sequence:
            return
        self._outstation.confirmed(waiting.keys)
        self._station.confirmed += len(waiting.keys)
        if unsolicited:
            self._go_on(now)
        else:
            self._send_next()

    def _send_next(self) -> None:
        while self._waiting:
            part, keys = self._waiting[0]
            octets = bytearray(part.to_bytes())
            if keys or len(self._waiting) > 1:
                octets[0] |= CON
            self._send(bytes(octets))
            if octets[0] & CON:
                return
            self._waiting.pop(0)

    def _push(self, now: float) -> None:
        """Events that may be sent unsolicited, when nothing else is under way."""
        if self._unsolicited is not None:
            if now - self._since >= CONFIRM_TIMEOUT:
                self._unsolicited = None
                self._go_on(now)
            return
        if not self._waiting and (fresh := self._outstation.unsolicited()) is not None:
            self._unsolicited, self._since = Sent(*fresh), now
            self._send(self._unsolicited.part.to_bytes())

    def _go_on(self, now: float) -> None:
        deferred, self._deferred = self._deferred, b""
        if deferred:
            self._answer(deferred, now)

    def _send(self, fragment: bytes) -> None:
        config = self._outstation.config
        for segment in self._segmenter.segment(fragment):
            frame = build_unconfirmed_user_data(
                destination=config.master_address,
                source=config.address,
                dir_from_master=False,
                user_data=segment.to_bytes(),
            )
            self._writer.write(frame.to_bytes())
