"""DNP3 peers for tests: our simulator's outstation, one of another make in its own process, a wire that records.

Run as a program: ``opendnp3 PORT POINTS`` is an outstation that takes commands on standard input; ``master PORT
POLICY`` is our master, to be killed.
"""

from __future__ import annotations

# pyright: reportAttributeAccessIssue=false
# opendnp3 fills its module while it is imported.
import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from subprocess import PIPE, Popen
from typing import Any, NamedTuple

from dnp3.core.flags import AnalogQuality
from dnp3.core.timestamp import DNP3Timestamp
from dnp3.database import AnalogInputConfig, Database, DatabaseConfig, EventBufferConfig, EventClass

from greenops_core.duration import Duration
from greenops_core.errors import DeviceError
from greenops_core.sample import Sample
from greenops_gateway.dnp3.configuration import Dnp3Device, Dnp3Link, Dnp3Point
from greenops_gateway.dnp3.outstation import Station
from greenops_gateway.plugin import Batch, Desk, Event, Result
from greenops_gateway.point import series

ADDRESS = 1024


def link(port: int, **more: Any) -> Dnp3Link:  # noqa: ANN401  # any key of the section
    return Dnp3Link(protocol="dnp3", host="127.0.0.1", port=port, **more)


def device(points: int | tuple[Dnp3Point, ...] = 3, poll: float = 0.2, **more: Any) -> Dnp3Device:  # noqa: ANN401  # the same
    """A checked device; *points* analogs from index 0, or those given."""
    if isinstance(points, int):
        points = tuple(Dnp3Point(name=f"p{index}", unit="mg/m3", index=index) for index in range(points))
    made = Dnp3Device(
        **{
            "name": "rtu",
            "link": "l",
            "stack": "s1",
            "address": ADDRESS,
            "poll": Duration(poll),
            "points": points,
            **more,
        }
    )
    made.check()
    return made


@dataclass
class Office:
    """A desk, and what was told to it."""

    device: Dnp3Device
    counts: Counter[Result] = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    expiries: dict[str, float] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    def desk(self) -> Desk[Dnp3Device]:
        return Desk(
            self.device,
            tuple(series("site", self.device, point) for point in self.device.points),
            lambda result: self.counts.update([result]),
            self.events.append,
            lambda _: None,
            self.expiries.__setitem__,
            self.kept,
        )

    def expires_in_days(self, which: str) -> float:
        return (self.expiries[which] - time.time()) / 86400


def value(sample: Sample) -> tuple[str, float]:
    """Point and number in mg/m3."""
    return sample.labels[3], round(sample.value, 4)


class Simulated(NamedTuple):
    """A running outstation of the simulator's make."""

    station: Station
    port: int

    def update(self, index: int, number: float, flags: int = 1, at: float | None = None) -> None:
        stamp = DNP3Timestamp(int((time.time() if at is None else at) * 1000))
        self.station.database.update_analog_input(index, number, AnalogQuality(flags), stamp)


def database(points: int, events: int = 1000) -> Database:
    """Analogs 0.25, 1.25, …, in classes 1, 2, 3 in turn."""
    room = EventBufferConfig(max_binary_events=0, max_analog_events=events, max_counter_events=0)
    made = Database(config=DatabaseConfig(max_analog_inputs=65535, event_buffer_config=room))
    for index in range(points):
        made.add_analog_input(index, AnalogInputConfig(event_class=EventClass(1 + index % 3)))
        made.update_analog_input(index, index + 0.25, timestamp=DNP3Timestamp.now())
    made.clear_events()
    return made


@asynccontextmanager
async def simulated(
    points: int = 3, events: int = 1000, port: int = 0, ssl: SSLContext | None = None
) -> AsyncIterator[Simulated]:
    station = Station(database(points, events), ADDRESS, 1)
    server = await asyncio.start_server(station.serve, "127.0.0.1", port, ssl=ssl)
    try:
        yield Simulated(station, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        station.stop()
        await server.wait_closed()


@asynccontextmanager
async def reading(
    port: int,
    office: Office,
    **more: Any,  # noqa: ANN401  # any key of the section
) -> AsyncIterator[AsyncIterator[Batch]]:
    from greenops_gateway.dnp3.driver import connect

    async with asyncio.timeout(15), connect(link(port, **more), [office.desk()]) as batches:
        yield batches


async def until(batches: AsyncIterator[Batch], found: Callable[[list[Sample]], object]) -> list[Sample]:
    """All samples until *found* says that they are enough."""
    samples: list[Sample] = []
    async for batch in batches:
        samples += batch
        if found(samples):
            return samples
    raise AssertionError("the stream ended")


def has(name: str, number: float) -> Callable[[list[Sample]], bool]:
    return lambda samples: (name, number) in map(value, samples[-2000:])


def after(office: Office, requests: int) -> Callable[[object], bool]:
    """When so many more requests were answered well."""
    enough = office.counts[Result.OK] + requests
    return lambda _: office.counts[Result.OK] >= enough


async def settled(batches: AsyncIterator[Batch], office: Office) -> None:
    """The stack's own requests are answered, and the first of ours."""
    requests = 5 if office.device.unsolicited else 6
    await until(batches, lambda _: office.counts[Result.OK] >= requests)


async def fails(port: int, office: Office, **more: Any) -> str:  # noqa: ANN401  # any key of the section
    """What a link is given up for."""
    try:
        async with reading(port, office, **more) as batches:
            async for _ in batches:
                pass
    except (DeviceError, OSError) as error:
        return str(error)
    raise AssertionError("the stream ended")


async def when(met: Callable[[], object]) -> None:
    """Wait until something is so, for 5 seconds at most."""
    for _ in range(500):
        if met():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was so")


class Program:
    """One of this file's programs."""

    def __init__(self, process: Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, command: str) -> str:
        """Send *command*, and wait for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line()


@contextmanager
def program(*arguments: object) -> Iterator[Program]:
    """A program of this file that has said that it is ready; it ends with the context."""
    command = [sys.executable, str(Path(__file__)), *map(str, arguments)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            started = Program(process)
            assert started.line() == "ready"
            yield started
        finally:
            process.kill()
            process.wait()


class Wire:
    """A TCP relay that records what the master sends and what the outstation answers; it can stall."""

    def __init__(self, towards: int) -> None:
        self._towards = towards
        self.sent, self.answered = bytearray(), bytearray()
        self.flows = asyncio.Event()
        self.flows.set()
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.drop()
            await server.wait_closed()

    def drop(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._towards)
        self.writers += [writer, back]
        try:
            await asyncio.gather(self._pump(reader, back, self.sent), self._pump(there, writer, self.answered))
        except OSError:
            return
        finally:
            writer.transport.abort()
            back.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
        while data := await reader.read(4096):
            await self.flows.wait()
            record += data
            writer.write(data)
            await writer.drain()
        writer.close()


def check(octets: bytes) -> int:
    """The CRC of IEEE 1815-2012 annex E, bit by bit: x^16+x^13+x^12+x^11+x^10+x^8+x^6+x^5+x^2+1, inverted."""
    register = 0
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA6BC if register & 1 else 0)
    return register ^ 0xFFFF


def frames(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Control octet and user data of each link frame; every length and every CRC must be right (9.2.4)."""
    while octets:
        assert octets[:2] == b"\x05\x64", octets[:10].hex()
        assert check(octets[:8]) == int.from_bytes(octets[8:10], "little")
        length, control, rest, data = octets[2] - 5, octets[3], octets[10:], b""
        while len(data) < length:
            part = min(16, length - len(data))
            assert check(rest[:part]) == int.from_bytes(rest[part : part + 2], "little")
            data, rest = data + rest[:part], rest[part + 2 :]
        yield control, data
        octets = rest


def requests(octets: bytes) -> Iterator[bytes]:
    """The application fragments that a master sent (annex on the transport function: FIR 0x40, FIN 0x80)."""
    whole = b""
    for control, data in frames(octets):
        if control & 0x0F in {3, 4}:
            whole = data[1:] if data[0] & 0x40 else whole + data[1:]
            if data[0] & 0x80:
                yield whole


class Opendnp3Outstation:
    """An outstation of another make. It has *points* of every kind; its events have no time unless asked for so."""

    def __init__(self, port: int, points: int) -> None:
        import opendnp3 as o  # type: ignore[import-untyped]  # it ships no types

        self._stack = o
        self._manager = o.DNP3Manager(1)
        channel = self._manager.AddTCPServer(
            "server", o.levels.NOTHING, o.ServerAcceptMode.CloseExisting, o.IPEndpoint("127.0.0.1", port), None
        )
        config = o.OutstationStackConfig(o.DatabaseConfig(points))
        config.outstation.eventBufferConfig = o.EventBufferConfig.AllTypes(1000)
        config.outstation.params.allowUnsolicited = True
        config.outstation.params.maxTxFragSize = 2048
        config.link.LocalAddr, config.link.RemoteAddr = ADDRESS, 1
        self.kept = "all"
        self._callbacks = self._application(), o.ICommandHandler()
        self._outstation = channel.AddOutstation("outstation", self._callbacks[1], self._callbacks[0], config)
        self._outstation.Enable()
        self._update([(index, index + 0.25, 0) for index in range(points)], o.EventMode.Suppress)

    def _application(self) -> Any:  # noqa: ANN401  # opendnp3 ships no types
        def confirmed(_: object, unsolicited: object, *left: int) -> None:  # noqa: ARG001  # as opendnp3 calls it
            self.kept = str(sum(left))

        o = self._stack
        methods = {
            "SupportsWriteAbsoluteTime": lambda _: False,
            "SupportsAssignClass": lambda _: False,
            "GetApplicationIIN": lambda _: o.ApplicationIIN(),
            "Now": lambda _: o.DNPTime(int(time.time() * 1000)),
            "OnConfirmProcessed": confirmed,
        }
        return type("Application", (o.IOutstationApplication,), methods)()

    def _update(self, found: Sequence[tuple[int, float, int]], mode: object) -> None:
        o = self._stack
        builder = o.UpdateBuilder()
        for index, number, milliseconds in found:
            builder.Update(o.Analog(number, o.Flags(1), o.DNPTime(milliseconds)), index, mode)
        self._outstation.Apply(builder.Build())

    def obey(self, lines: Iterable[str]) -> None:
        """Do ``set INDEX VALUE MILLISECONDS`` and ``kept``, how many events wait for their confirmation."""
        for line in lines:
            match line.split():
                case ["set", index, number, milliseconds]:
                    self._update([(int(index), float(number), int(milliseconds))], self._stack.EventMode.Force)
                    print("done", flush=True)
                case ["kept"]:
                    print(self.kept, flush=True)
        self._manager.Shutdown()


def opendnp3_outstation(port: str, points: str) -> None:
    outstation = Opendnp3Outstation(int(port), int(points))
    print("ready", flush=True)
    outstation.obey(sys.stdin)


async def master(port: int, policy: str, points: int) -> None:
    """Our master. ``hold`` stops for ever amid taking over the first event; ``exit`` returns, ``fall`` raises."""
    from greenops_gateway.dnp3.driver import connect

    office = Office(device(points, poll=0.1, integrity=Duration(0.1)))
    print("ready", flush=True)
    async with connect(link(port), [office.desk()]) as batches:
        async for batch in batches:
            for sample in batch:
                name, number = value(sample)
                if number >= 1000:
                    print("event", name, number, flush=True)
                    if policy == "hold":
                        await asyncio.Event().wait()
            if policy != "hold" and batch:
                print("leaving", flush=True)
                if policy == "fall":
                    raise SystemExit(3)
                return


PROGRAMS: dict[str, Callable[..., None]] = {
    "opendnp3": opendnp3_outstation,
    "master": lambda port, policy, points="3": asyncio.run(master(int(port), policy, int(points))),
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
