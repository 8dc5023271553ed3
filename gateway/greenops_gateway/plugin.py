"""A protocol is a value, found by name through the entry point group ``greenops.protocols``.

To add one: a folder with a configuration type (from ``point.Device``), a pure codec and a thin ``driver.py``, and one
line in the entry point group that names its ``PLUGIN``. Its library is imported only when a device uses the protocol.
``connect`` opens one device: the context is the connection, what it gives is the device's stream of samples. A polled
protocol yields what it reads (``schedule.pause`` says when), a pushed one what arrives. It never retries: it raises
DeviceError, OSError or TimeoutError, and ``supervise`` opens it again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar

from greenops_core.errors import ConfigError, nearest
from greenops_core.sample import Sample
from greenops_gateway.point import Device

GROUP = "greenops.protocols"

C = TypeVar("C", bound=Device)
C_contra = TypeVar("C_contra", bound=Device, contravariant=True)


class Result(StrEnum):
    """How a request to a device ended. A closed set: it is a label."""

    OK = "ok"
    TIMEOUT = "timeout"
    EXCEPTION = "exception"
    CONNECT = "connect"
    DECODE = "decode"


@dataclass(frozen=True, slots=True)
class Link:
    """What the gateway lends to a protocol: the site for its samples' labels, a counter of requests, the clock.

    There is one for each device; *kept* holds what was learnt about it for the next connection.
    """

    site: str
    count: Callable[[Result], None]
    clock: Callable[[], float] = time.time
    kept: dict[str, Any] = field(default_factory=dict)


class Connect(Protocol[C_contra]):
    """Open one device; the context is the connection, what it gives is the stream of samples.

    Raises:
        DeviceError: the device or the way to it failed.
        OSError: the same, as the system says it.
    """

    def __call__(self, config: C_contra, link: Link, /) -> AbstractAsyncContextManager[AsyncIterator[Sample]]: ...


@dataclass(frozen=True, slots=True)
class Plugin(Generic[C]):
    """A protocol: its name in gateway.yml, the type of its devices there, and how one is opened."""

    name: str
    config: type[C]
    connect: Connect[C]


def load(name: str) -> Plugin[Any]:
    """The protocol called *name*.

    Raises:
        ConfigError: nobody provides it, its library is missing, or its entry point is not a Plugin.
    """
    found = {entry.value: entry for entry in entry_points(group=GROUP, name=name)}
    if not found:
        raise ConfigError(f"unknown protocol '{name}'{nearest(name, known())}")
    if len(found) > 1:
        raise ConfigError(f"protocol '{name}' is provided twice: {', '.join(sorted(found))}; uninstall one")
    return _loaded(next(iter(found.values())))


def known() -> list[str]:
    """The names of all protocols that are installed."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def _loaded(entry: EntryPoint) -> Plugin[Any]:
    try:
        plugin = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"protocol '{entry.name}' cannot be used: entry point {entry.value} does not load: {error}"
        ) from None
    if not isinstance(plugin, Plugin):
        kind = type(plugin).__name__
        raise ConfigError(
            f"protocol '{entry.name}' cannot be used: entry point {entry.value} is a {kind}, not a Plugin"
        )
    return plugin
