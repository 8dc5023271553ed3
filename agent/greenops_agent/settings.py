"""What the agent runs with, resolved: plain values, so that reading a configuration need not stay in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from greenops_agent.power.model import Model
from greenops_core.address import Address
from greenops_core.carbon import Factor, Tariff
from greenops_core.idle import Policy
from greenops_core.unit import Seconds

if TYPE_CHECKING:  # an import in earnest would bring in asyncio and msgspec
    from greenops_agent.journal import Journal
    from greenops_telemetry.delivery.configuration import SinkConfig
    from greenops_telemetry.otlp import Otlp


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this host is; each is a label."""

    host: str
    department: str
    zone: str
    os: str
    machine: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the operator can decide. *sessions*: whether login sessions are looked at.

    There is a *journal* exactly when there are *sinks*.
    """

    identity: Identity
    listen: Address
    every: Seconds
    factor: Factor
    tariff: Tariff
    model: Model
    policy: Policy
    sessions: bool
    otlp: Otlp | None
    version: str
    journal: Journal | None = None
    sinks: Mapping[str, SinkConfig] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """What the command line asks for: to run, or to read once. *root* is where the host's files are."""

    command: Literal["run", "read"]
    settings: Settings
    root: Path
