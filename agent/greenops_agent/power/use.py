"""Energy of one interval: how much, how sure, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from greenops_core.unit import Joules


class Method(StrEnum):
    """How the energy is known."""

    RAPL = "rapl"
    MODEL = "model"


class Scope(StrEnum):
    """What the energy covers: processors and their memory, the platform behind the power supply, or all of it."""

    PACKAGE = "package"
    PLATFORM = "platform"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Meter:
    """Who measures: the two labels of everything that is measured."""

    method: Method
    scope: Scope


@dataclass(frozen=True, slots=True)
class Use:
    """Energy used in one interval; *sigma* is one standard deviation of it."""

    meter: Meter
    energy: Joules
    sigma: Joules
