"""The DNP3 stack opendnp3 (package yadnp3) as a stream of what comes, for asyncio.

Its callbacks run on a thread of its own for each link. Each fragment of a response is held there until it has been
taken over: the stack sends its confirmation when the callback has returned, and a device keeps its events until then.
When a fragment is not taken over, the connection is cut before the thread goes on.
"""

from __future__ import annotations

# pyright: reportAttributeAccessIssue=false
# opendnp3 fills its module while it is imported.
import asyncio
import atexit
import platform
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

from greenops_core.errors import ConfigError, DeviceError
from greenops_gateway.dnp3.configuration import ONE_OCTET, Dnp3Link, Read
from greenops_gateway.dnp3.flags import KINDS, Indications
from greenops_gateway.dnp3.frame import Ear
from greenops_gateway.dnp3.measurement import Block, Value
from greenops_gateway.dnp3.relay import Relay
from greenops_gateway.tcp import Told

try:
    import opendnp3  # type: ignore[import-untyped]  # it ships no types
except ImportError as error:
    raise ConfigError(
        f"DNP3 needs opendnp3 of the package yadnp3, which cannot be used on this machine ({platform.machine()}, "
        f"{platform.system()}, Python {platform.python_version()}): {error}. Install greenops[gateway]; there are "
        f"builds for Linux with glibc on x86-64 only, so run the gateway there for this link"
    ) from None

HOLD = 60.0
"""Seconds within which a fragment must be taken over, else the connection is cut."""
MOST_COMING = 64
"""Responses on their way through the stack; it has taken or dropped older ones."""


class Task(NamedTuple):
    """One of the stack's tasks is done: its type and how it ended, by their names in opendnp3."""

    kind: str
    result: str
    indications: Indications = Indications()
    """Of the answer, or of the last there was."""


class Lost(NamedTuple):
    """The connection ended."""

    why: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one fragment of a response holds. The thread waits until *taken* is set."""

    blocks: list[Block]
    indications: Indications
    at: float
    """When it came, in Unix seconds."""
    taken: threading.Event = field(default_factory=threading.Event)


Item = Task | Lost | Fragment | Indications


class Master:
    """One association with one outstation. What comes is asked for with ``next``."""

    def __init__(
        self, link: Dnp3Link, address: int, clock: Callable[[], float], *, ignore_restart: bool = False
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._held: Fragment | None = None
        self._link, self._address, self._ignore_restart = link, address, ignore_restart
        self._coming = Coming(Ear(address, link.address))
        self.relay = Relay(link, lambda why: self._items.put_nowait(Lost(why)), self._coming.heard)
        self.clock = clock
        self._soe = _Measurements(self, self._coming)
        self._application = _Application(self, self._coming)
        self._manager: Any = opendnp3.DNP3Manager(1)
        self._master: Any = None

    async def start(self, told: Told | None = None) -> None:
        """Connect, and let the stack begin: it stops unsolicited events, reads everything, and allows them again.

        *told* takes when certificates end.

        Raises:
            DeviceError: the connection cannot be made.
        """
        port = await self.relay.open(told)
        never = opendnp3.TimeDuration.Minutes(60 * 24 * 365)
        retry = opendnp3.ChannelRetry(never, never)
        retry.reconnectDelay = never  # the link is opened anew by whoever supervises it
        channel = self._manager.AddTCPClient(
            self._link.host, opendnp3.levels.NOTHING, retry, [opendnp3.IPEndpoint("127.0.0.1", port)], "127.0.0.1", None
        )
        config = opendnp3.MasterStackConfig()
        config.link.LocalAddr, config.link.RemoteAddr = self._link.address, self._address
        config.link.KeepAliveTimeout = opendnp3.TimeDuration.Milliseconds(int(self._link.keep_alive * 1000))
        config.master.responseTimeout = opendnp3.TimeDuration.Milliseconds(int(self._link.timeout * 1000))
        config.master.integrityOnEventOverflowIIN = False  # it would poll without end while the indication stays
        config.master.ignoreRestartIIN = self._ignore_restart
        self._master = channel.AddMaster("master", self._soe, self._application, config)
        self._master.Enable()
        await self.relay.join()

    def read(self, reads: Iterable[Read]) -> None:
        """Send one read request; its end comes as the Task ``USER_TASK``."""
        self._master.Scan([_header(read) for read in reads], self._soe)

    def stop_unsolicited(self) -> None:
        """Ask the device to send no events on its own (function 21); its end comes as the Task ``USER_TASK``."""
        classes = [opendnp3.Header.AllObjects(60, variation) for variation in (2, 3, 4)]
        self._master.PerformFunction("disable", opendnp3.FunctionCode.DISABLE_UNSOLICITED, classes)

    async def next(self, seconds: float) -> Item | None:
        """The next that comes; None when *seconds* are over."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                return await self._items.get()
        except TimeoutError:
            return None

    def guard(self) -> _Guard:
        """For the body of a callback: nothing raised there is lost."""
        return _Guard(self)

    def post(self, item: Item) -> None:
        """From the stack's thread: *item* is the next."""
        if not self.relay.is_cut:
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)

    def hold(self, fragment: Fragment) -> None:
        """From the stack's thread: give *fragment* away, and return when it was taken over or the connection is cut."""
        self._held = fragment
        self.post(fragment)
        if not self.relay.is_cut and not fragment.taken.wait(HOLD):
            self.fail(DeviceError(f"what the device sent was not taken over within {HOLD:g} s"))
        self._held = None

    def fail(self, error: BaseException) -> None:
        """From the stack's thread: nothing may be confirmed any more."""
        self.relay.is_cut = True
        try:
            self._loop.call_soon_threadsafe(self._items.put_nowait, Lost(str(error) or type(error).__name__))
        except RuntimeError:  # the loop is closed, and with it the connection
            return

    def cut(self) -> None:
        """Confirm nothing from now on, and let the stack's thread go."""
        self.relay.cut()
        if (held := self._held) is not None:
            held.taken.set()

    def shut_down(self) -> None:
        """End the stack. Blocks until its thread has ended."""
        self.relay.is_cut = True
        if (held := self._held) is not None:
            held.taken.set()
        manager, self._manager, self._master = self._manager, None, None
        if manager is not None:
            # The stack holds its callbacks, and they hold this: with the two gone, its sockets and timers go too.
            manager.Shutdown()


@asynccontextmanager
async def opened(
    link: Dnp3Link,
    address: int,
    clock: Callable[[], float],
    *,
    ignore_restart: bool = False,
    told: Told | None = None,
) -> AsyncIterator[Master]:
    """A master that has connected to the outstation *address*.

    With *ignore_restart* it does not react to a restart of the device, which then is not told that it was seen. *told*
    takes when certificates end.

    Raises:
        DeviceError: the connection cannot be made.
    """
    master = Master(link, address, clock, ignore_restart=ignore_restart)
    atexit.register(master.shut_down)  # a process that ends with a running stack hangs
    try:
        await master.start(told)
        yield master
    finally:
        master.cut()
        await asyncio.shield(asyncio.to_thread(master.shut_down))
        atexit.unregister(master.shut_down)


class _Guard:
    """Whatever is raised inside goes to the link, not to the stack, which would swallow it and confirm."""

    def __init__(self, master: Master) -> None:
        self._master = master

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self._master.fail(error)
        return True


class Coming:
    """The indications of responses that are on their way through the stack, which tells them last of all."""

    def __init__(self, ear: Ear) -> None:
        self._ear, self._lock = ear, threading.Lock()
        self._coming: deque[Indications] = deque(maxlen=MOST_COMING)
        self._told = Indications()

    def heard(self, data: bytes) -> None:
        """*data* is about to reach the stack."""
        with self._lock:
            self._coming.extend(self._ear.heard(data))

    def told(self, found: Indications) -> None:
        """The stack is done with a response that has *found*. It tells nothing of those that it drops."""
        with self._lock:
            self._told = found
            if found in self._coming:
                while self._coming.popleft() != found:
                    pass

    def now(self) -> Indications:
        """All that the response in hand may have: where the next ones are here too, rather too many than too few."""
        with self._lock:
            return Indications.union(self._coming) if self._coming else self._told


class _Measurements(opendnp3.ISOEHandler):  # type: ignore[misc]  # opendnp3 ships no types
    """Takes the objects out of each fragment. Only plain numbers leave the stack's thread."""

    def __init__(self, master: Master, coming: Coming) -> None:
        super().__init__()
        self._master, self._coming = master, coming
        self._blocks: list[Block] = []

    def BeginFragment(self, info: Any) -> None:  # noqa: N802, ARG002, ANN401  # opendnp3's name and types
        self._blocks = []

    def Process(self, info: Any, values: Any) -> None:  # noqa: N802, ANN401  # the same
        with self._master.guard():
            group, variation = number(info.gv.name)
            if group not in KINDS or not values:
                return
            synchronized = opendnp3.TimestampQuality.SYNCHRONIZED
            taken = [
                Value(each.index, float(of.value), of.flags.value, of.time.value, of.time.quality == synchronized)
                for each in values
                if (of := each.value) is not None
            ]
            self._blocks.append(Block(group, variation, taken, bool(info.flagsValid)))

    def EndFragment(self, info: Any) -> None:  # noqa: N802, ARG002, ANN401  # the same
        with self._master.guard():
            blocks, self._blocks = self._blocks, []
            self._master.hold(Fragment(blocks, self._coming.now(), self._master.clock()))


class _Application(opendnp3.IMasterApplication):  # type: ignore[misc]  # opendnp3 ships no types
    """Tells of tasks and of indications that changed."""

    def __init__(self, master: Master, coming: Coming) -> None:
        super().__init__()
        self._master, self._coming = master, coming
        self._indications: Indications | None = None

    def OnReceiveIIN(self, iin: Any) -> None:  # noqa: N802, ANN401  # opendnp3's name and types
        with self._master.guard():
            found = Indications(iin.LSB, iin.MSB)
            self._coming.told(found)
            if found != self._indications:
                self._indications = found
                self._master.post(found)

    def OnTaskStart(self, kind: Any, task: Any) -> None:  # noqa: N802, ANN401  # the same
        pass

    def OnTaskComplete(self, info: Any) -> None:  # noqa: N802, ANN401  # the same
        with self._master.guard():
            self._master.post(Task(info.type.name, info.result.name, self._coming.now()))

    def OnOpen(self) -> None:  # noqa: N802  # the same
        pass

    def OnClose(self) -> None:  # noqa: N802  # the same
        pass

    def AssignClassDuringStartup(self) -> bool:  # noqa: N802  # the same
        return False

    def Now(self) -> Any:  # noqa: N802, ANN401  # the same
        return opendnp3.UTCTimestamp(int(self._master.clock() * 1000))


def number(name: str) -> tuple[int, int]:
    """Group and variation from opendnp3's name for them.

    >>> number("Group30Var5")
    (30, 5)
    """
    group, _, variation = name.removeprefix("Group").partition("Var")
    return (int(group), int(variation)) if group.isdigit() and variation.isdigit() else (0, 0)


def _header(read: Read) -> Any:  # noqa: ANN401  # opendnp3 ships no types
    if read.indexes is None:
        return opendnp3.Header.AllObjects(read.group, read.variation)
    start, stop = read.indexes
    ranged = opendnp3.Header.Range8 if stop <= ONE_OCTET else opendnp3.Header.Range16
    return ranged(read.group, read.variation, start, stop)
