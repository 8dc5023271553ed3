"""What a receiver said of a batch. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """All of it is stored there."""


@dataclass(frozen=True, slots=True)
class Later:
    """None of it is known to be stored, and the same batch may be taken at another time."""

    why: str
    after: float | None = None
    """Seconds from now before which the receiver does not want to be asked again (Retry-After)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """At least one sample of it will never be taken. The others may be stored or not."""

    why: str


@dataclass(frozen=True, slots=True)
class TooOld:
    """At least one sample of it lies further back than the receiver takes any of its series. The others as above."""

    why: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request was longer than the receiver takes; nothing is stored."""

    why: str


Verdict = Taken | Later | Refused | TooOld | TooLarge
