"""A look at a journal from outside: at rest, or while a gateway writes it. Nothing is mended, and nothing locked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from greenops_core.errors import ConfigError
from greenops_telemetry.journal.account import MISSING, UNREADABLE, Account
from greenops_telemetry.journal.damage import Damages
from greenops_telemetry.journal.frame import Damage, Frame
from greenops_telemetry.journal.recovery import recover
from greenops_telemetry.journal.segment import Cursor, Segment
from greenops_telemetry.journal.series import Series
from greenops_telemetry.journal.state import State
from greenops_telemetry.journal.store import Store

STATE = "state.db"
ATTEMPTS = 3
"""A file may be archived or evicted between its name and its size."""


@dataclass(frozen=True, slots=True)
class Look:
    """A journal at one moment. *accounts* were read before the files, so that no sink is ahead of the samples."""

    directory: Path
    store: Store
    accounts: dict[str, Account]
    segments: list[Segment]


@contextmanager
def looking(directory: Path, clock: Callable[[], float] = time.time) -> Iterator[Look]:
    """The journal in *directory* while the context lasts.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    if not (directory / STATE).exists():
        raise ConfigError(f"there is no journal in {directory}; it begins when the gateway first runs with it")
    look = _looked(directory, clock)
    try:
        yield look
    finally:
        look.store.close()


def segments(directory: Path, state: State, clock: Callable[[], float]) -> list[Segment]:
    """The files that count, oldest first. Raises OSError: they cannot be read."""
    evicted = state.evicted(UNREADABLE, MISSING)
    damages = Damages(directory / "damaged", state, clock, writes=False)
    for _ in range(ATTEMPTS - 1):
        try:
            return recover(directory, evicted, damages, writes=False).segments
        except FileNotFoundError:
            continue
    return recover(directory, evicted, damages, writes=False).segments


def framed(path: Path) -> Iterator[tuple[int, Frame | Damage]]:
    """Everything in a segment or an archive, with where it begins. Raises OSError: it cannot be opened."""
    size = path.stat().st_size
    with closing(Cursor(path)) as cursor:
        start = cursor.offset
        while (found := cursor.next(size)) is not None:
            yield start, found
            start = cursor.offset


def named(series: Series) -> str:
    """What a person calls a series: device/point, and anything else by its name and its labels.

    >>> named(Series("greenops_x", "x", "", False, (("site", "s"), ("device", "a"), ("point", "so2"))))
    'a/so2'
    >>> named(Series("greenops_x", "x", "", False, (("host", "h"),)))
    'greenops_x{host=h}'
    """
    labels = dict(series.labels)
    if "device" in labels and "point" in labels:
        return f"{labels['device']}/{labels['point']}"
    return f"{series.name}{{{','.join(f'{key}={value}' for key, value in series.labels)}}}"


def _looked(directory: Path, clock: Callable[[], float]) -> Look:
    try:
        with closing(State.visit(directory / STATE)) as state:
            accounts = state.accounts()
        store = _store(directory, clock)
    except OSError as error:
        raise _unreadable(directory, error) from None
    try:
        return Look(directory, store, accounts, segments(directory, store.state, clock))
    except OSError as error:
        store.close()
        raise _unreadable(directory, error) from None


def _store(directory: Path, clock: Callable[[], float], attempts: int = ATTEMPTS) -> Store:
    try:
        return Store.visit(directory, clock)
    except ConfigError:
        if attempts <= 1:
            raise
    return _store(directory, clock, attempts - 1)


def _unreadable(directory: Path, error: OSError) -> ConfigError:
    return ConfigError(f"the journal in {directory} cannot be read: {error.strerror or error}")
