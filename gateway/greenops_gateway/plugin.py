"""A protocol is a value, found by name through the entry point group ``greenops.protocols``.

To add one: a folder with two configuration types (from ``point.Link`` and ``point.Device``), a pure codec and a thin
``driver.py``, and one line in the entry point group that names its ``PLUGIN``. Its library is imported only when a link
uses the protocol.

``connect`` opens one link for all its devices: the context is the connection, what it gives is the stream of batches of
samples. A polled protocol yields what it reads (``schedule.Agenda`` says when), a pushed one what arrives. A batch was
taken over when the next one is asked for: what must be acknowledged to a sender is acknowledged then, never before. An
empty batch is a sign of life. It never retries: it raises DeviceError, OSError or TimeoutError, and ``supervise`` opens
the link again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar

from greenops_core.errors import ConfigError, nearest
from greenops_core.sample import Sample
from greenops_gateway.point import Device, Link, PointSeries

GROUP = "greenops.protocols"

D = TypeVar("D", bound=Device)
L_contra = TypeVar("L_contra", bound=Link, contravariant=True)
L = TypeVar("L", bound=Link)

Batch = Sequence[Sample]
"""Samples that are taken over together."""


class Result(StrEnum):
    """How a request to a device ended. A closed set: it is a label."""

    OK = "ok"
    TIMEOUT = "timeout"
    EXCEPTION = "exception"
    CONNECT = "connect"
    DECODE = "decode"
    LATE = "late"
    """An answer to a request that was given up; it was thrown away."""


class Event(StrEnum):
    """What a device or the way to it did that whoever reads its values should know. A closed set: it is a label."""

    RESTART = "restart"
    """The device says that it was restarted."""
    OVERFLOW = "overflow"
    """The device or its broker says that it lost events."""
    SEQUENCE_GAP = "sequence_gap"
    """A message is missing between two that came."""
    REBIRTH = "rebirth"
    """The device was asked to describe itself anew."""
    DEATH = "death"
    """The device said goodbye, or its broker did for it."""
    RETAINED = "retained"
    """A kept message without a time of its own; its value was not taken for a new one."""
    BACKFILL = "backfill"
    """Values of a time without connection were read from the device's own history."""
    STRANGER = "stranger"
    """A message that fits no point, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Desk(Generic[D]):
    """What the gateway lends to a protocol for one device while a link is open.

    *series* stands in the order of ``device.points``. *kept* outlives connections: what was learnt about the device.
    """

    device: D
    series: tuple[PointSeries, ...]
    count: Callable[[Result], None]
    """One more request to the device ended so."""
    event: Callable[[Event], None]
    down: Callable[[str], None]
    """The device does not answer though its link works, and why. The next sample of it says that it does again."""
    expires: Callable[[str, float], None]
    """A certificate (``own`` or ``server``) ends at this Unix time."""
    kept: dict[str, Any] = field(default_factory=dict)
    clock: Callable[[], float] = time.time


def telling(desks: Sequence[Desk[Any]]) -> Callable[[str, float], None]:
    """What tells every desk of a link that a certificate ends."""

    def told(which: str, at: float) -> None:
        for desk in desks:
            desk.expires(which, at)

    return told


class Connect(Protocol[L_contra, D]):
    """Open one link; the context is the connection, what it gives is the stream of its devices' samples.

    Raises:
        DeviceError: the link, or all that is behind it, failed.
        OSError: the same, as the system says it.
    """

    def __call__(
        self, link: L_contra, desks: Sequence[Desk[D]], /
    ) -> AbstractAsyncContextManager[AsyncIterator[Batch]]: ...


@dataclass(frozen=True, slots=True)
class Plugin(Generic[L, D]):
    """A protocol: its name in gateway.yml, the types of its links and devices there, and how a link is opened.

    With *acknowledges* the next batch is asked for only once the one before is on disk. A protocol that only reads what
    it can read again needs no such wait.
    """

    name: str
    link: type[L]
    device: type[D]
    connect: Connect[L, D]
    acknowledges: bool = True


def load(name: str) -> Plugin[Any, Any]:
    """The protocol called *name*.

    Raises:
        ConfigError: nobody provides it, its library is missing, or its entry point is not a Plugin.
    """
    return provided(name, GROUP, Plugin)


T = TypeVar("T")


def provided(name: str, group: str, kind: type[T]) -> T:
    """What the entry point *name* of *group* gives, which must be a *kind*.

    Raises:
        ConfigError: nobody provides it, its library is missing, or it is something else.
    """
    found = {entry.value: entry for entry in entry_points(group=group, name=name)}
    if not found:
        raise ConfigError(f"unknown protocol '{name}'{nearest(name, known(group))}")
    if len(found) > 1:
        raise ConfigError(f"protocol '{name}' is provided twice: {', '.join(sorted(found))}; uninstall one")
    return _loaded(next(iter(found.values())), kind)


def known(group: str = GROUP) -> list[str]:
    """The names of all protocols that are installed."""
    return sorted({entry.name for entry in entry_points(group=group)})


def _loaded(entry: EntryPoint, kind: type[T]) -> T:
    try:
        value = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"protocol '{entry.name}' cannot be used: entry point {entry.value} does not load: {error}"
        ) from None
    if not isinstance(value, kind):
        raise ConfigError(
            f"protocol '{entry.name}' cannot be used: entry point {entry.value} is a {type(value).__name__}, "
            f"not a {kind.__name__}"
        )
    return value
