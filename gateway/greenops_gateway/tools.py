"""What a protocol gives an engineer in the shelter, beside the reading itself.

It is found by name through the entry point group ``greenops.commissioning``, and is another value than the ``Plugin``,
so that a running gateway imports none of it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from greenops_core.errors import ConfigError
from greenops_core.sample import Reason
from greenops_gateway.plugin import provided
from greenops_gateway.point import Device, Link

GROUP = "greenops.commissioning"

L = TypeVar("L", bound=Link)
D = TypeVar("D", bound=Device)


class Finding(NamedTuple):
    """One line of ``probe``: what was tried, what was seen, whether that is well, and what to do when it is not."""

    what: str
    seen: str
    well: bool = True
    advice: str = ""


class Discovery(NamedTuple):
    """What ``scan`` found: a name, a profile to start from as plain data for YAML, and what was seen in words."""

    name: str
    profile: Mapping[str, Any]
    seen: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What to look for. *within* is the protocol's own: units ``1-16``, a start node, a topic filter, addresses."""

    within: str | None = None
    seconds: float = 10.0
    """How long to listen where only listening tells."""


def numbers(text: str, what: str, last: int) -> tuple[int, ...]:
    """What ``Scan.within`` names where that is numbers from 0 to *last*, each once.

    >>> numbers("1-3,10", "units", 255)
    (1, 2, 3, 10)

    Raises:
        ConfigError: it is something else.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*", part)
        first, end = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= end <= last:
            raise ConfigError(
                f"'{part.strip()}' names no {what}; they go from 0 to {last}, so write for example 1-16 or 1,5,10-12",
                ("--within",),
            )
        found += range(first, end + 1)
    return tuple(dict.fromkeys(found))


class Plant(Protocol):
    """What a simulated device is connected to."""

    def values(self, device: Device, now: float) -> Mapping[str, float]:
        """Every point's value at Unix time *now*, by name, in the point's own unit."""
        ...

    def state(self, device: Device, now: float) -> Reason:
        """NONE while the device measures; else the state that it reports, such as CALIBRATION or DEVICE_FAULT."""
        ...

    def answers(self, device: Device, now: float) -> bool:
        """Whether the device is there at all; when not, it is as if its cable were pulled."""
        ...


Told = Callable[[float, str], None]
"""How far a long job is (0 to 1), and what it is at."""


@dataclass(frozen=True, slots=True)
class Tools(Generic[L, D]):
    """Commissioning for one protocol."""

    probe: Callable[[L, Sequence[D]], AsyncIterator[Finding]]
    """Connect, time, find limits; for each kind of number what it would be if read in another way."""
    scan: Callable[[L, Scan, Told], Awaitable[Sequence[Discovery]]]
    """Look for what is there. Raises DeviceError: nobody answers."""
    simulate: Callable[[L, Sequence[D], Plant], AbstractAsyncContextManager[str]]
    """Be the devices of a link, where the link would look for them; gives where that is, in words.

    Raises ConfigError: the place cannot be had."""


def load(name: str) -> Tools[Any, Any]:
    """The commissioning tools of the protocol called *name*.

    Raises:
        ConfigError: nobody provides them.
    """
    try:
        return provided(name, GROUP, Tools)
    except ConfigError as error:
        raise ConfigError(f"no commissioning tools: {error.message}") from None
