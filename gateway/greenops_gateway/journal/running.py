"""The journal of a running gateway: its store, the group commit, the sinks, the audit log, and their metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from greenops_core import catalogue as c
from greenops_core.errors import within
from greenops_core.sample import Metric
from greenops_gateway.configuration import Gateway
from greenops_gateway.journal.description import described
from greenops_gateway.journal.keeping import Keeping
from greenops_telemetry.answer import Program
from greenops_telemetry.audit import GATEWAY, Audit
from greenops_telemetry.audit import Kind as Deed
from greenops_telemetry.canonical_json import configuration_hash
from greenops_telemetry.delivery.configuration import Journal as Section
from greenops_telemetry.delivery.configuration import SinkConfig, Sinks, open_sink
from greenops_telemetry.delivery.deliver import Delivery
from greenops_telemetry.delivery.sink import Sink
from greenops_telemetry.journal.account import Account
from greenops_telemetry.journal.frame import Kind
from greenops_telemetry.journal.group import GroupCommit, committing
from greenops_telemetry.journal.reader import Reader
from greenops_telemetry.journal.segment import sync_directory
from greenops_telemetry.journal.store import Store
from greenops_telemetry.live import Live

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at what is where."""
HOUSE_EVERY = 10.0
ANCHOR_EVERY = 3600.0


@dataclass(frozen=True, slots=True)
class _Sink:
    """What is told of one sink."""

    account: Account
    pending: int
    committed: int
    delay: float

    @property
    def unaccounted(self) -> int:
        done = self.account.delivered + self.account.quarantined + self.account.evicted
        return self.committed - done - self.pending


class Journal:
    """*keeping* is what every point is kept by; *trusted* is whether the gateway's clock can be believed."""

    def __init__(
        self, section: Section, store: Store, group: GroupCommit, audit: Audit, live: Live, *, program: Program
    ) -> None:
        self.keeping = Keeping(group)
        self.trusted = True
        self._section = section
        self._store, self._group, self._audit, self._live, self._program = store, group, audit, live, program
        self._started = time.time()
        self._delivery: Delivery | None = None
        self._sinks: Sinks = {}
        self._shown: set[str] = set()
        self._sent_to: set[str] = set()
        self._readers: dict[str, Reader] = {}

    @property
    def store(self) -> Store:
        """What lies on disk, for who only reads."""
        return self._store

    async def take(self, config: Gateway, who: str = GATEWAY) -> list[str]:
        """Send to the sinks of *config*, and put down what the gateway works by. What changed of the sinks, in words.

        Raises:
            ConfigError: a sink cannot be used.
        """
        told = [f"sink {name}: {how}" for name, how in _differences(self._sinks, config.sinks)]
        if told or self._delivery is None:
            sinks = [self._open(name, each) for name, each in config.sinks.items()]
            await self._stop()
            self._sinks = config.sinks
            self._delivery = Delivery(self._store, self._store.state, sinks, trusted=lambda _: self.trusted)
            self._delivery.start()
        said = {"hash": await asyncio.to_thread(self._put_down, config), "version": self._program.version}
        self._group.note(Kind.CONFIGURATION, said)
        await self._record(Deed.CONFIGURATION, who, {**said, "sinks": told})
        return told

    async def begin(self) -> None:
        """Say in the audit log that it begins."""
        await self._record(Deed.START, GATEWAY, {"version": self._program.version, "samples": self._store.next - 1})

    async def keep_house(self) -> None:
        """Make room when the bounds say so, for ever."""
        while True:
            try:
                # What goes by its age goes for good: a clock that jumped ahead must not say how old it is.
                while self.trusted and await asyncio.to_thread(self._store.keep_house, time.time()):
                    pass
            except OSError as error:
                log.warning("the journal cannot be tidied: %s", error.strerror or error)
            await asyncio.sleep(HOUSE_EVERY)

    async def anchor(self) -> None:
        """Begin each day with its anchor in the audit log, for ever."""
        while True:
            await asyncio.sleep(ANCHOR_EVERY)
            try:
                await asyncio.to_thread(self._audit.anchor)
            except OSError as error:
                log.warning("the audit log cannot be written: %s", error.strerror or error)

    async def tell(self, site: str) -> None:
        """Keep the metrics, for ever."""
        while True:
            try:
                self._show(site, await asyncio.to_thread(self._looked))
            except OSError as error:
                log.warning("the journal's state cannot be read: %s", error.strerror or error)
            await asyncio.sleep(EVERY)

    def wake(self) -> None:
        """Something was committed."""
        if self._delivery is not None:
            self._delivery.wake()

    async def close(self) -> None:
        """Send no more, and say so in the audit log."""
        await self._stop()
        await self._record(Deed.STOP, GATEWAY, {"samples": self._store.next - 1})

    async def _stop(self) -> None:
        if self._delivery is not None:
            await asyncio.to_thread(self._delivery.stop)
        self._delivery = None

    def _open(self, name: str, sink: SinkConfig) -> Sink:
        """Raises ConfigError: it cannot be used."""
        with within("sinks", name):
            return open_sink(name, sink, self._program, self._started)

    async def _record(self, kind: Deed, who: str, what: Mapping[str, object]) -> None:
        """Put down what was done; a disk that does not take it keeps nobody from going on."""
        try:
            await asyncio.to_thread(self._audit.append, kind, who, what)
        except OSError as error:
            log.error("the audit log lacks a record (%s by %s): %s", kind.value, who, error.strerror or error)  # noqa: TRY400  # the disk's fault

    def _put_down(self, config: Gateway) -> str:
        """Keep what *config* says of points, by its hash, which is what samples are traced by."""
        points = described(config)
        name = configuration_hash(points)
        content = json.dumps(points, indent=1).encode()
        path = Path(self._section.directory) / "configurations" / f"{name}.json"
        try:
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _write(path, content)
        except OSError as error:
            log.error("%s: %s; no sample can be traced beyond that", path, error.strerror or error)  # noqa: TRY400  # the same
        return name

    def _looked(self) -> dict[str, _Sink]:
        """How each sink stands; one that the configuration does not name any more is owed its samples all the same."""
        found = {}
        for name, account in self._store.state.accounts().items():
            following = self._store.next
            found[name] = _Sink(
                account, account.pending(following), following - account.start, self._delay(name, account, following)
            )
        return found

    def _delay(self, name: str, account: Account, following: int) -> float:
        """Seconds since the oldest sample that *account* is owed came here."""
        owed = next(account.done.missing(max(account.start, self._store.oldest), following), None)
        if owed is None:
            return 0.0
        reader = self._readers.setdefault(name, self._store.reader())
        run = reader.read(*owed, 1)
        return 0.0 if run is None else max(0.0, time.time() - run[1].received[0])

    def _show(self, site: str, sinks: Mapping[str, _Sink]) -> None:
        now = time.time()
        whole: dict[Metric, float] = {
            c.JOURNAL_SAMPLES: self._store.next - 1,
            c.JOURNAL_DROPPED: self._group.dropped,
            c.JOURNAL_DAMAGED: sum(count for what, count in self._store.damage.items() if what != "refused"),
            c.JOURNAL_FAILING: int(bool(self._group.failing)),
            c.JOURNAL_SIZE: self._store.size,
            c.JOURNAL_SIZE_LIMIT: int(self._section.max_size),
        }
        for metric, value in whole.items():
            self._live.put(metric.sample(value, now, site=site))
        health = {} if self._delivery is None else self._delivery.health
        for name, sink in sinks.items():
            figures: dict[Metric, float] = {
                c.DELIVERY_COMMITTED: sink.committed,
                c.DELIVERY_DELIVERED: sink.account.delivered,
                c.DELIVERY_PENDING: sink.pending,
                c.DELIVERY_QUARANTINED: sink.account.quarantined,
                c.DELIVERY_EVICTED: sink.account.evicted,
                c.DELIVERY_UNACCOUNTED: sink.unaccounted,
                c.DELIVERY_DELAY: sink.delay,
            }
            if name in health:
                figures[c.DELIVERY_UP] = int(not health[name].failing)
                figures[c.DELIVERY_REQUESTS] = health[name].requests
                figures[c.DELIVERY_RETRIES] = health[name].retries
            for metric, value in figures.items():
                self._live.put(metric.sample(value, now, site=site, sink=name))
        for name in self._sent_to - health.keys():
            self._forget(site, name, (c.DELIVERY_UP, c.DELIVERY_REQUESTS, c.DELIVERY_RETRIES))
        for name in self._shown - sinks.keys():
            self._forget(site, name, [metric for metric in c.CATALOGUE if metric.labels == ("site", "sink")])
        self._shown, self._sent_to = set(sinks), set(health)

    def _forget(self, site: str, sink: str, metrics: Iterable[Metric]) -> None:
        for metric in metrics:
            self._live.forget(metric, (site, sink))


@asynccontextmanager
async def journalling(section: Section, site: str, live: Live, program: Program) -> AsyncIterator[Journal]:
    """The journal that *section* describes while the context lasts.

    Raises:
        ConfigError: its directory cannot be used.
    """
    directory = Path(section.directory)
    store = await asyncio.to_thread(Store.open, directory, section.bounds())
    journal: Journal | None = None
    try:
        audit = await asyncio.to_thread(Audit.open, directory / "audit")
        async with committing(store) as group:
            journal = Journal(section, store, group, audit, live, program=program)
            group.committed = journal.wake
            await journal.begin()
            upkeep = (journal.keep_house(), journal.anchor(), journal.tell(site))
            tasks = [asyncio.create_task(each, name="journal") for each in upkeep]
            try:
                yield journal
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        if journal is not None:
            await journal.close()
        await asyncio.to_thread(store.close)


def _write(path: Path, content: bytes) -> None:
    """Raises OSError: *path* is as it was."""
    half = path.with_name(f"{path.name}.half")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    sync_directory(path.parent)


def _differences(old: Sinks, new: Sinks) -> list[tuple[str, str]]:
    return [
        *((name, "removed; it is owed what it has not got") for name in old if name not in new),
        *((name, "added") for name in new if name not in old),
        *((name, "changed") for name in new if name in old and old[name] != new[name]),
    ]
