"""Group commit: what comes within a moment goes to disk together, and is shown and acknowledged only then.

Rules of this file: one commit at a time, in its own thread; what was put first is told first. A disk that fails stops
nobody who cannot send again: such samples are shown, wait in memory for the disk, and are counted when they had to go.
Who waits for an acknowledgement gets none, and sends again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.frame import Kind
from greenops_telemetry.journal.series import Series

log = logging.getLogger(__name__)

WITHIN = 0.2
"""Seconds after which the first of a group is committed at the latest."""
MOST = 500
"""Samples at which a group is not waited for any longer."""
WAITING = 10_000
"""Samples that wait in memory for a disk that fails."""
RETRY = 1.0
SLOW = 2.0
"""Seconds after which a disk that says nothing counts as one that fails."""
PATIENCE_AT_END = 3.0

Note = tuple[Kind, dict[str, Any]]


class Durable(Protocol):
    """Where samples and notes are made durable; ``store.Store`` is one.

    *commit* returns when they are. It raises OSError when they are not, and then nothing of them is there.
    """

    def number(self, series: Series, /) -> int: ...

    def commit(self, columns: Columns, notes: Sequence[Note] = (), /) -> int: ...


@dataclass(slots=True, eq=False)
class _Parcel:
    columns: Columns
    then: Callable[[], None] | None
    kept: asyncio.Future[None] | None


class GroupCommit:
    """Takes samples from an event loop. *failing* is why the disk does not take them, empty while it does.

    *dropped* is how many had to go, *committed* is called after each commit.
    """

    def __init__(self, store: Durable, clock: Callable[[], float] = time.time) -> None:
        self.failing = ""
        self.dropped = 0
        self.committed: Callable[[], None] = lambda: None
        self.number = store.number
        self._commit, self._clock = store.commit, clock
        self._parcels: deque[_Parcel] = deque()
        self._under_way: list[_Parcel] = []
        self._notes: list[Note] = []
        self._waiting = 0
        self._lost_since: float | None = None
        self._lost = 0
        self._some, self._enough = asyncio.Event(), asyncio.Event()
        self._ends = self._dead = False

    def put(self, columns: Columns, then: Callable[[], None]) -> None:
        """Commit *columns* soon, and call *then*, which must not raise, in the loop once that is done."""
        self._add(_Parcel(columns, then, None))

    def keep(self, columns: Columns, then: Callable[[], None]) -> asyncio.Future[None]:
        """Commit *columns* at once and call *then*; what it gives is done after that.

        It raises OSError when the disk does not take them: they are forgotten, for whoever sent them will do so again.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(_Parcel(columns, then, kept))
        self._enough.set()
        return kept

    def note(self, kind: Kind, what: dict[str, Any]) -> None:
        """Write *what* beside the samples that come now."""
        self._notes.append((kind, what))
        self._some.set()

    async def run(self) -> None:
        """Commit until ``end``."""
        try:
            with ThreadPoolExecutor(1, "journal") as thread:
                while not self._ends or self._parcels or self._notes:
                    await self._turn(thread)
                    if self.failing:
                        if self._ends:
                            break
                        await asyncio.sleep(RETRY)
        finally:
            if not self._ends:
                self._dead = True
                self._fails("its task ended by a fault of this program; start it again")
                self._refuse([*self._under_way, *self._parcels])
            if self._waiting:
                log.error("%d samples that waited in memory for the disk were not kept", self._waiting)

    def end(self) -> None:
        """Commit what is there, and be done."""
        self._ends = True
        self._some.set()
        self._enough.set()

    async def _turn(self, thread: ThreadPoolExecutor) -> None:
        await self._gathered()
        parcels, self._parcels = list(self._parcels), deque()
        self._under_way = parcels
        notes, self._notes = self._notes, []
        self._waiting = 0
        self._some.clear()
        self._enough.clear()
        if not parcels and not notes:
            return
        columns = Columns()
        for parcel in parcels:
            columns.extend(parcel.columns)
        if told := self._lost:
            notes.append((Kind.GAP, self._hole()))
        committed = asyncio.get_running_loop().run_in_executor(thread, self._commit, columns, notes)
        if not (await asyncio.wait([committed], timeout=SLOW))[0]:
            self._fails(f"no answer for {SLOW:g} s")
            _show(parcels)
        try:
            await committed
        except OSError as error:
            self._fails(error.strerror or str(error))
            self._again(parcels, notes, error)
            return
        if self.failing:
            log.warning("the journal is written again; %d samples were not kept", self._lost)
        self.failing = ""
        self._lost -= told  # while it was on its way more may have had to go
        if not self._lost:
            self._lost_since = None
        for parcel in parcels:
            _done(parcel)
        self.committed()

    async def _gathered(self) -> None:
        """Wait until there is something, and then for more of it as long as it may take."""
        await self._some.wait()
        if not self._ends:
            with suppress(TimeoutError):
                async with asyncio.timeout(WITHIN):
                    await self._enough.wait()

    def _fails(self, why: str) -> None:
        if not self.failing:
            log.error("the journal cannot be written: %s; samples are shown, and wait in memory as far as it goes", why)
        self.failing = why

    def _refuse(self, parcels: Iterable[_Parcel], number: int | None = errno.EIO) -> None:
        """Tell those who wait that nothing is kept."""
        for parcel in parcels:
            if parcel.kept is not None and not parcel.kept.done():
                parcel.kept.set_exception(OSError(number, self.failing))

    def _again(self, parcels: list[_Parcel], notes: list[Note], error: OSError) -> None:
        """Put back what nobody sends again, and refuse the rest."""
        _show(parcels)
        self._refuse(parcels, error.errno)
        self._parcels.extendleft(reversed([parcel for parcel in parcels if parcel.kept is None]))
        self._notes = [*(note for note in notes if "lost" not in note[1]), *self._notes]
        self._waiting = sum(len(parcel.columns) for parcel in self._parcels)
        self._some.set()
        self._bound()

    def _add(self, parcel: _Parcel) -> None:
        if self.failing:
            _show([parcel])
        if self._dead and parcel.kept is not None:
            self._refuse([parcel])
            return
        self._parcels.append(parcel)
        self._waiting += len(parcel.columns)
        self._some.set()
        if self._waiting >= MOST:
            self._enough.set()
        self._bound()

    def _bound(self) -> None:
        """Let the oldest go that no disk takes; what is not acknowledged yet is bounded by who sent it."""
        while self.failing and self._waiting > WAITING and self._parcels[0].kept is None:
            oldest = self._parcels.popleft().columns
            self._waiting -= len(oldest)
            self._lost += len(oldest)
            self.dropped += len(oldest)
            if self._lost_since is None and oldest:
                self._lost_since = oldest.received[0]

    def _hole(self) -> dict[str, Any]:
        """What is told of samples that were not kept."""
        return {"why": "disk", "from": self._lost_since, "to": self._clock(), "lost": self._lost}


def _show(parcels: list[_Parcel]) -> None:
    """Show what nobody sends again."""
    for parcel in parcels:
        if parcel.kept is None and parcel.then is not None:
            parcel.then()
            parcel.then = None


def _done(parcel: _Parcel) -> None:
    if parcel.then is not None:
        parcel.then()
    if parcel.kept is not None and not parcel.kept.done():
        parcel.kept.set_result(None)


@asynccontextmanager
async def committing(store: Durable, clock: Callable[[], float] = time.time) -> AsyncIterator[GroupCommit]:
    """Commit what is put while the context lasts; at its end what is left goes to disk within ``PATIENCE_AT_END``."""
    group = GroupCommit(store, clock)
    task = asyncio.create_task(group.run(), name="journal")
    try:
        yield group
    finally:
        group.end()
        done, _ = await asyncio.wait([task], timeout=PATIENCE_AT_END)
        if not done:
            task.cancel()
            log.error("the disk did not take the last samples of the journal within %g s", PATIENCE_AT_END)
