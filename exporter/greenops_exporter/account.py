"""The account of a month: closed hours from the ledger, and what runs since, read from Prometheus.

Rules of this file: time is an argument; an hour that nobody has data of is not written down, but asked for again at
the next start, because Prometheus may only have been the wrong one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from greenops_core.budget import Period, hours, month
from greenops_exporter import ledger
from greenops_exporter.prometheus import on_grid

log = logging.getLogger(__name__)

SETTLE = 300.0
"""An hour is closed this many seconds after its end: what is scraped or pushed late still finds it open."""

HELD, HELD_RUNNING = 86400.0, 600.0
"""How many seconds a silent counter is remembered. In a closed hour a day: a gap up to that long loses nothing. In what
still runs less, because that is read every minute: what a gap hid is added when the hour closes."""

Ask = Callable[[Period, float], Awaitable[Mapping[str, float]]]
"""Grams per department that were emitted in a span, by counters remembered for so many seconds; a department without
any host is absent."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """Grams per department since *period* began, as counted up to *until* (Unix time)."""

    period: Period
    until: float
    grams: Mapping[str, float]


class Account:
    """Keeps the ledger in *path* complete, as far as *ask* can tell."""

    def __init__(self, path: Path, ask: Ask) -> None:
        self._path, self._ask = path, ask
        self._silent: set[Period] = set()

    async def read(self, zone: tzinfo, now: float) -> Consumption | None:
        """The month around *now*; nothing in its first seconds.

        Raises:
            PrometheusError: Prometheus gave no useful answer; closed hours read before that are kept.
            LedgerError: the ledger could not be read or written.
        """
        now = on_grid(now)
        period = month(datetime.fromtimestamp(now, zone))
        with ledger.opened(self._path, now) as book:
            pieces = closed(period, zone, book.newest(), now)
            await self._fill(book, pieces)
            begin = max([period.start, *(piece.end for piece in pieces)])
            grams = book.total(Period(period.start, begin))
        if begin < now:
            for department, running in (await self._ask(Period(begin, now), HELD_RUNNING)).items():
                grams[department] = grams.get(department, 0.0) + running
        return Consumption(period, now, grams) if now > period.start else None

    def remembered(self, zone: tzinfo, now: float) -> Consumption | None:
        """What the ledger alone knows of the month around *now*, up to its newest hour.

        Raises:
            LedgerError: the ledger could not be read.
        """
        period = month(datetime.fromtimestamp(now, zone))
        with ledger.opened(self._path, now) as book:
            newest = book.newest()
            if newest is None or not period.start < newest <= now:
                return None
            return Consumption(period, newest, book.total(Period(period.start, newest)))

    async def _fill(self, book: ledger.Ledger, pieces: list[Period]) -> None:
        if not pieces:
            return
        known = book.pieces(Period(pieces[0].start, pieces[-1].end)) | self._silent
        missing = [piece for piece in pieces if piece not in known]
        silent = 0
        for piece in missing:
            if grams := await self._ask(piece, HELD):
                book.write(piece, grams)
            else:
                self._silent.add(piece)
                silent += 1
        if len(missing) > 1:
            log.info("ledger: %d closed hours read, Prometheus holds nothing of %d of them", len(missing), silent)


def closed(period: Period, zone: tzinfo, newest: float | None, now: float) -> list[Period]:
    """The pieces that the ledger should hold at *now*: the month's, and before them what the last month still lacks.

    *newest* is when the ledger's newest piece ended. Pieces are clock hours of UTC, cut where a month begins.
    """
    last = month(datetime.fromtimestamp(period.start - 1, zone))
    begin = period.start if newest is None else max(last.start, min(newest, period.start))
    pieces = (*hours(Period(begin, period.start)), *hours(Period(period.start, now)))
    return [piece for piece in pieces if piece.end <= now - SETTLE]
