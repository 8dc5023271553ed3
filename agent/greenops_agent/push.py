"""The push: every so often all figures go onto disk, and from there to each sink, whenever that takes them.

Rules of this file. A push is a look like a scrape: its samples have the time at which it was made, and counters are
sums since the agent started, so a push that comes late, twice or never counts nothing twice. The loop only hands a
snapshot over; the disk is waited for by a thread, and each sink by one of its own.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from greenops_agent.journal import Journal
from greenops_agent.settings import Settings
from greenops_core.catalogue import (
    PUSH_DELIVERED,
    PUSH_DROPPED,
    PUSH_EVICTED,
    PUSH_PENDING,
    PUSH_QUARANTINED,
    PUSH_UP,
)
from greenops_core.errors import within
from greenops_core.grid import due
from greenops_core.sample import Metric, Quality, Reason, Sample
from greenops_telemetry.answer import Program
from greenops_telemetry.delivery.backoff import MANY_SENDERS
from greenops_telemetry.delivery.configuration import open_sink
from greenops_telemetry.delivery.deliver import Delivery
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.series import described
from greenops_telemetry.journal.store import Store
from greenops_telemetry.live import Live, Snapshot

log = logging.getLogger("push")

LOOK_EVERY = 5.0
"""Seconds between two looks at what the sinks have taken."""
MOST_OWED = 20_000
"""Samples that are held in memory, some 600 KB, while the disk takes none."""
PATIENCE_AT_END = 1.0

Push = Callable[[Live, float], None]
"""Called after each collection, with Unix time: hands the live picture over when that is due."""


class Spool:
    """Puts snapshots into *store*. One thread at a time."""

    def __init__(self, store: Store) -> None:
        self.dropped = 0
        """Samples that no disk took and memory could not hold."""
        self._store = store
        self._shown: Mapping[tuple[Metric, tuple[str, ...]], int] = {}
        self._owed = Columns()
        self._failing = ""

    def put(self, snapshot: Snapshot, at: float) -> None:
        """Keep *snapshot*, taken *at* (Unix seconds), and once the end of each series that is not in it any more."""
        shown: dict[tuple[Metric, tuple[str, ...]], int] = {}
        for metric, family in snapshot:
            for series in family:
                key = metric, series.labels
                number = self._shown.get(key)
                if number is None:
                    number = self._store.number(described(*key))
                shown[key] = number
                self._owed.add(number, series.value, at, at, Quality.GOOD, Reason.NONE)
        for key in self._shown.keys() - shown.keys():
            self._owed.add(self._shown[key], math.nan, at, at, Quality.BAD, Reason.STALE)
        self._shown = shown
        self._commit()

    def _commit(self) -> None:
        """Make durable what is owed; what the disk does not take is tried again with the next snapshot."""
        try:
            self._store.commit(self._owed)
        except OSError as error:
            excess = max(0, len(self._owed) - MOST_OWED)
            self._owed = self._owed.part(excess, len(self._owed))
            self.dropped += excess
            self._tell(error.strerror or str(error))
        else:
            self._owed = Columns()
            self._tell("")

    def _tell(self, failing: str) -> None:
        """One line per change of state."""
        if failing and not self._failing:
            log.warning(
                "%s cannot be written: %s; what is to be sent waits in memory, and the oldest of it is lost in the end",
                self._store.directory,
                failing,
            )
        elif self._failing and not failing:
            log.info("%s can be written again", self._store.directory)
        self._failing = failing


class Pusher:
    """Hands snapshots to a thread that keeps them in *store*, from where *delivery* takes them to the sinks."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        *,
        host: str,
        every: float,
        slack: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A push is due *every* so many seconds of *clock*, or *slack* before."""
        self.thread = threading.Thread(target=self._keep, name="journal", daemon=True)
        self._every, self._slack, self._host, self._clock = every, slack, host, clock
        self._store, self._delivery = store, delivery
        self._spool = Spool(store)
        self._outgoing: queue.SimpleQueue[tuple[Snapshot, float] | None] = queue.SimpleQueue()
        self._began: float | None = None
        self._due = -math.inf
        self._standing: tuple[Sample, ...] = ()

    def push(self, live: Live, now: float) -> None:
        """Hand *live* over as it is *now*, when that is due, and show in it how the sinks stand."""
        for sample in self._standing:
            live.put(sample)
        clock = self._clock()
        if clock < self._due - self._slack:
            return
        if self._began is None:
            self._began = clock
        self._due = due(clock + self._slack, self._every, self._began)
        if self._outgoing.empty():  # while the disk hangs, one that waits is enough
            self._outgoing.put((live.snapshot(now), now))

    def end(self) -> None:
        """Let the thread go, once it has put away what it was handed."""
        self._outgoing.put(None)
        self.thread.join(PATIENCE_AT_END)

    def _keep(self) -> None:
        while True:
            try:
                handed = self._outgoing.get(timeout=LOOK_EVERY)
            except queue.Empty:
                self._look()
                continue
            if handed is None:
                return
            self._look()
            self._spool.put(*handed)
            self._delivery.wake()

    def _look(self) -> None:
        """Make room when the bounds say so, and see what became of the samples."""
        try:
            self._store.keep_house(time.time())
            self._standing = tuple(self._stands(time.time()))
        except OSError as error:
            log.warning("%s cannot be tidied: %s", self._store.directory, error.strerror or error)

    def _stands(self, now: float) -> Iterator[Sample]:
        accounts = self._store.state.accounts()
        for name, health in self._delivery.health.items():
            if (account := accounts.get(name)) is None:  # it has just begun
                continue
            labels = {"host": self._host, "sink": name}
            yield PUSH_DROPPED.sample(self._spool.dropped, now, **labels)
            yield PUSH_DELIVERED.sample(account.delivered, now, **labels)
            yield PUSH_PENDING.sample(account.pending(self._store.next), now, **labels)
            yield PUSH_QUARANTINED.sample(account.quarantined, now, **labels)
            yield PUSH_EVICTED.sample(account.evicted, now, **labels)
            yield PUSH_UP.sample(not health.failing, now, **labels)


def _forget(store: Store, sinks: Container[str]) -> None:
    """Close the accounts of all but *sinks*: nobody would ever bring those what they are owed."""
    try:
        for name in store.state.accounts():
            if name not in sinks:
                store.state.forget(name)
    except OSError as error:
        log.warning("%s cannot be written: %s", store.directory, error.strerror or error)


@contextmanager
def pushing(journal: Journal, settings: Settings, program: Program) -> Iterator[Push]:
    """The push that *settings* describe while the context lasts.

    Raises:
        ConfigError: the journal or a sink cannot be used; with the path to the key.
    """
    started = time.time()
    sinks = []
    for name, config in settings.sinks.items():
        with within("sinks", name):
            sinks.append(replace(open_sink(name, config, program, started), waits=MANY_SENDERS))
    with within("journal", "directory"):
        store = Store.open(Path(journal.directory), journal.bounds())
    with store:
        _forget(store, settings.sinks)
        delivery = Delivery(store, store.state, sinks, fill=0.0)
        host, every = settings.identity.host, float(journal.every)
        pusher = Pusher(store, delivery, host=host, every=every, slack=settings.every / 2)
        delivery.start()
        pusher.thread.start()
        try:
            yield pusher.push
        finally:
            pusher.end()
            delivery.stop()
