"""Delivery to one receiver, one request at a time. The only place that decides what is sent again, and when."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

from greenops_telemetry.delivery.backoff import Backoff
from greenops_telemetry.delivery.division import (
    arranged,
    copied,
    halves,
    is_one_series,
    numbered,
    pieces,
    spanned,
)
from greenops_telemetry.delivery.lane import Lane, Part, question
from greenops_telemetry.delivery.sink import Batch, Sink
from greenops_telemetry.delivery.verdict import Later, Refused, Taken, TooLarge, TooOld, Verdict
from greenops_telemetry.failpoint import pass_point
from greenops_telemetry.journal.account import UNREADABLE, Account, Eviction, Held, Quarantined
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.ranges import Range, Ranges
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.state import State

log = logging.getLogger(__name__)

FILL = 1.0
"""Seconds that what is new waits for more to go with it."""
IDLE = 5.0
"""Seconds after which one looks again though nothing was committed: samples are released by another process."""
SLOW = 1.5
"""Seconds of one request beyond which old samples go in smaller ones, for new samples wait behind them."""
MOST_REACH = 16
FEW = 4
"""Samples of a series that come late: until then, all that is newer is tried at once."""
MOST_HELD = 1_000_000
"""Samples that wait for their time; a clock that is wrong for months would fill the disk with them."""
MOST_RANGES = 100
"""Beyond it no new hole is left behind: a receiver that is always too slow gets everything in order."""


class Reader(Protocol):
    """As ``journal.reader.Reader``."""

    def read(self, start: int, stop: int, most: int, /) -> tuple[int, Columns] | None: ...


class Journal(Protocol):
    """What of ``journal.store.Store`` is asked here."""

    @property
    def next(self) -> int: ...
    @property
    def oldest(self) -> int: ...
    def series(self, number: int, /) -> Series: ...
    def reader(self) -> Reader: ...


@dataclass(slots=True)
class Health:
    """How a receiver does. *failing* is why it does not get what it should, empty when it does, *since* a Unix time."""

    failing: str = ""
    since: float = 0.0
    requests: int = 0
    retries: int = 0
    """Requests that have to be made again."""
    refused: int = 0
    """Samples that went to quarantine since this program began."""


class Courier:
    """Brings samples to *sink* and settles what became of them. ``turn`` again and again, from one thread.

    Two lanes: what is new goes first, and beside it the backlog, the oldest first. To a sink that is not ``live_first``
    everything is new.
    """

    def __init__(
        self,
        journal: Journal,
        state: State,
        sink: Sink,
        horizon: Callable[[], float],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        chance: Callable[[], float],
        fill: float = FILL,
    ) -> None:
        self.health = Health()
        self.abandoned = False
        self._journal, self._state, self._sink, self._horizon = journal, state, sink, horizon
        self._clock, self._monotonic, self._chance, self._fill = clock, monotonic, chance, fill
        self._reader = journal.reader()
        self._live, self._backlog = (Lane(name, sink.most, Backoff(sink.waits)) for name in ("new samples", "backlog"))
        self._journal_backoff = Backoff()
        self._live_from = journal.next if sink.live_first else 0
        self._seen: float | None = None
        self._owed: list[Callable[[], None]] = []
        self._troubles: dict[str, str] = {}
        self._newest: dict[int, float] = {}

    def turn(self) -> float:
        """Make one request if one is due. In how many seconds there may be another; zero: at once."""
        now = self._monotonic()
        if now < self._journal_backoff.until:
            return self._journal_backoff.until - now
        try:
            rest = self._turn(now)
        except OSError as error:
            self._journal_backoff.fail(now, None, self._chance())
            self._fails("journal", str(error))
            return self._journal_backoff.until - now
        self._journal_backoff.clear()
        self._goes_well("journal")
        return rest

    def _turn(self, now: float) -> float:
        self._pay()
        account = self._state.account(self._sink.name, self._journal.oldest)
        following = self._journal.next
        if now >= self._live.backoff.until:
            self._keep_up(account, following)
            if not self._live.parts:
                self._take_new(account, following, now)
            if self._live.parts:
                self._send(self._live)
                return 0.0
        if not self._live.backoff.failures and now >= self._backlog.backoff.until:
            if not self._backlog.parts:
                self._take_old(account)
            if self._backlog.parts:
                self._send(self._backlog)
                return 0.0
        return self._rest(now)

    def _rest(self, now: float) -> float:
        """Seconds until something is due by itself."""
        times = [now + IDLE]
        if self._seen is not None:
            times.append(self._seen + self._fill)
        times += [lane.backoff.until for lane in (self._live, self._backlog)]
        return min(time for time in times if time > now) - now

    def _keep_up(self, account: Account, following: int) -> None:
        """Let what is new become backlog when it came faster than it went; the newest of it stays new."""
        if not self._sink.live_first or len(list(account.done)) >= MOST_RANGES:
            return
        waiting = _count(account.done.missing(max(self._live_from, account.start), following))
        if waiting > 2 * self._live.most:
            self._live.parts.clear()  # they are in the journal still
            self._live_from = following - self._live.most

    def _take_new(self, account: Account, following: int, now: float) -> None:
        """Take what is new, once there is enough of it or it has waited."""
        since = max(self._live_from, account.start)
        waiting = _count(account.done.missing(since, following))
        if not waiting:
            self._seen = None
            if not self._sink.live_first:
                self._take_aside(self._live, account)
            return
        if self._seen is None:
            self._seen = now
        if waiting >= self._live.most or now >= self._seen + self._fill:
            self._read(self._live, account, next(account.done.missing(since, following)))
            self._seen = None

    def _take_old(self, account: Account) -> None:
        """Take what lay aside and is due, or the oldest that was not sent."""
        self._take_aside(self._backlog, account)
        missing = next(account.done.missing(account.start, self._live_from), None)
        if not self._backlog.parts and missing is not None:
            self._read(self._backlog, account, missing)

    def _take_aside(self, lane: Lane, account: Account) -> None:
        horizon = self._horizon()
        copy = self._state.due(self._sink.name, horizon) if account.aside else None
        if copy is not None:
            places = [place for place, at in enumerate(copy.columns.at) if not at > horizon]
            sequences = numbered(copy.sequences)
            picked = array("Q", [sequences[place] for place in places])
            self._put(lane, picked, copy.columns.pick(places), copy.id)

    def _read(self, lane: Lane, account: Account, wanted: Range) -> None:
        """Take what the journal still has of *wanted*, as much as goes into one request."""
        start, stop = wanted
        found = self._reader.read(start, stop, lane.most * lane.reach)
        first = stop if found is None else found[0]
        if first > start:
            self._lose(start, first)
        if found is None:
            return
        columns = found[1]
        horizon = self._horizon()
        sequences = array("Q", range(first, first + len(columns)))
        early = [place for place, at in enumerate(columns.at) if at > horizon]
        if early:
            self._hold(account, spanned(sequences[place] for place in early), columns.pick(early))
            places = sorted(set(range(len(columns))).difference(early))
            sequences, columns = array("Q", [sequences[place] for place in places]), columns.pick(places)
        self._put(lane, sequences, columns)

    def _hold(self, account: Account, sequences: Ranges, columns: Columns) -> None:
        """Set aside what lies in the future."""
        if account.aside < MOST_HELD:
            self._settle(held=[Held(sequences, columns, min(columns.at))])
            return
        why = "its time lies ahead of this computer's clock, and no more of such samples are held back"
        self._quarantine(sequences, columns, why)

    def _put(self, lane: Lane, sequences: array[int], columns: Columns, copy: int = 0) -> None:
        lane.put(pieces(arranged(sequences, columns, self._journal.series), lane.most), copy)

    def _lose(self, start: int, stop: int) -> None:
        """Put down that the journal cannot be read there, unless it was put down as evicted since."""
        account = self._state.account(self._sink.name, self._journal.oldest)
        for first, end in account.done.missing(start, stop):
            log.error("samples %d to %d cannot be read from the journal: they are lost", first, end - 1)
            self._state.evict(Eviction(first, end, self._clock(), UNREADABLE))

    def _send(self, lane: Lane) -> None:
        """Make the next request of *lane*, and do what the answer demands."""
        one = lane.parts.pop()
        if len(one.batch) > lane.most:
            lane.put(pieces(one.batch, lane.most), one.copy)
            return
        pass_point("before send")
        began = self._monotonic()
        verdict = self._ask(one.batch)
        now = self._monotonic()
        pass_point("after send")
        if self.abandoned:
            lane.parts.append(one)
            return
        self.health.requests += 1
        if isinstance(verdict, Later):
            lane.parts.append(one)
            self._wait(lane, verdict, now)
            return
        lane.backoff.clear()
        self._answered(lane, one, verdict, now - began)
        self._goes_well(lane.name)

    def _ask(self, batch: Batch) -> Verdict:
        try:
            return self._sink.send(batch)
        except OSError as error:
            return Later(error.strerror or str(error))
        except (ValueError, LookupError) as error:
            return Refused(f"it cannot be encoded: {error}")

    def _answered(self, lane: Lane, one: Part, verdict: Verdict, took: float) -> None:
        batch = one.batch
        if isinstance(verdict, Taken):
            self._settle(delivered=spanned(batch.sequences), copy=one.copy)
            self._took(batch.columns)
            self._pace(lane, len(batch), took)
            if one.behind is None and one.newer is None:
                lane.reach = max(1, lane.reach // 2)
            lane.put([each for each in (one.newer, one.behind) if each is not None], one.copy)
        elif len(batch) == 1:
            too_old = [each for each in (one.behind, batch) if each is not None]
            if not isinstance(verdict, TooOld):
                too_old = [batch]
                lane.put([one.behind] if one.behind is not None else [], one.copy)
            self._refuse(too_old, verdict.why, one.copy)
            if one.newer is not None:
                proven = one.proven + sum(map(len, too_old))
                all_of_it = Part(one.newer, one.copy, proven=proven)
                had = self._newest.get(batch.columns.series[0], -inf)
                hopeful = proven < FEW or batch.columns.at[0] < had <= one.newer.columns.at[0]
                lane.parts.append(all_of_it if hopeful else self._question(one.newer, proven, one.copy))
        elif isinstance(verdict, TooOld) and is_one_series(batch):
            lane.reach = min(MOST_REACH, 2 * lane.reach)
            lane.parts.append(self._question(batch, one.proven, one.copy))
        else:
            if isinstance(verdict, TooLarge):
                lane.most = max(1, len(batch) // 2)
            lane.put(halves(batch), one.copy)

    def _question(self, batch: Batch, proven: int, copy: int) -> Part:
        return question(batch, proven, copy, self._newest.get(batch.columns.series[0], -inf))

    def _took(self, columns: Columns) -> None:
        """Remember until when the receiver has each series; in a batch the last of a series is the newest."""
        known = self._newest
        for series, at in dict(zip(columns.series, columns.at, strict=True)).items():
            if at > known.get(series, -inf):
                known[series] = at

    def _pace(self, lane: Lane, samples: int, took: float) -> None:
        """Make requests smaller when new samples wait too long for old ones, and slowly larger again."""
        if lane is self._backlog and took > SLOW:
            lane.most = max(1, min(lane.most, max(samples // 2, self._sink.most // 8)))
        elif samples >= lane.most:
            lane.most = min(self._sink.most, lane.most + 1 + lane.most // 100)

    def _refuse(self, batches: list[Batch], why: str, copy: int) -> None:
        sequences, columns = array("Q"), Columns()
        for batch in batches:
            sequences.extend(batch.sequences)
            columns.extend(batch.columns)
        self._quarantine(*copied(Batch(sequences, columns, self._journal.series)), why, copy)

    def _quarantine(self, sequences: Ranges, columns: Columns, why: str, copy: int = 0) -> None:
        """Set samples aside that will never be taken, with the answer that they got."""
        if not self.health.refused:
            log.warning("%s refuses samples for good, they are in quarantine: %s", self._sink.name, why)
        self.health.refused += len(columns)
        row = Quarantined(self._sink.name, self._clock(), why, sequences, columns)
        self._settle(quarantined=[row], copy=copy)

    def _settle(
        self,
        *,
        delivered: Iterable[Range] = (),
        quarantined: Sequence[Quarantined] = (),
        held: Sequence[Held] = (),
        copy: int = 0,
    ) -> None:
        settle = self._state.settle
        self._owed.append(
            partial(settle, self._sink.name, delivered=delivered, quarantined=quarantined, held=held, copy=copy)
        )
        self._pay()

    def _pay(self) -> None:
        """Put down what became of samples; what a full disk does not take is put down before anything else is sent."""
        while self._owed:
            pass_point("before cursor")
            self._owed[0]()
            pass_point("after cursor")
            del self._owed[0]

    def _wait(self, lane: Lane, verdict: Later, now: float) -> None:
        self.health.retries += 1
        lane.backoff.fail(now, verdict.after, self._chance())
        if verdict.after is not None:  # it is the receiver's wish for whatever is sent
            other = self._backlog if lane is self._live else self._live
            other.backoff.until = max(other.backoff.until, lane.backoff.until)
        self._fails(lane.name, verdict.why)

    def _fails(self, what: str, why: str) -> None:
        """Tell it once, when it begins."""
        if not self._troubles:
            self.health.since = self._clock()
            log.warning(
                "%s does not get its samples (%s): %s; they are kept and sent later", self._sink.name, what, why
            )
        self._troubles[what] = self.health.failing = why

    def _goes_well(self, what: str) -> None:
        """Tell it once, when nothing fails any more."""
        if self._troubles.pop(what, None) is None:
            return
        self.health.failing = next(iter(self._troubles.values()), "")
        if not self._troubles:
            self.health.since = 0.0
            log.warning("%s gets its samples again", self._sink.name)


def _count(ranges: Iterable[Range]) -> int:
    return sum(stop - start for start, stop in ranges)
