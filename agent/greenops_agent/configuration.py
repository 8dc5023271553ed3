"""The agent's configuration file. All of it may be left out: each key has a default that is sound for an office PC."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from greenops_agent.journal import Journal
from greenops_agent.power.model import Model
from greenops_agent.settings import Identity, Settings
from greenops_core import carbon, factor
from greenops_core.address import Address
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, within
from greenops_core.idle import Policy
from greenops_core.unit import Seconds, Watts
from greenops_telemetry.configuration import Document, Section, convert, lasting, listening
from greenops_telemetry.delivery import configuration as delivery
from greenops_telemetry.otlp import Otlp

SHORTEST, LONGEST = 0.1, 60.0
RAREST_PUSH = 300.0
"""Seconds; a receiver forgets a series of which it hears nothing for longer."""
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Tariff(Section, frozen=True):
    """What electricity costs."""

    per_kwh: Annotated[float, msgspec.Meta(ge=0, description="price of a kWh")] = 0.12
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="ISO 4217 code, such as EUR")] = "USD"


class Carbon(Section, frozen=True):
    """Which factor turns energy into CO2 equivalent: a published one for the zone, or the operator's own."""

    source: Literal["ember", "egrid", "legacy"] | None = None
    grams_per_kwh: NotNegative | None = None

    def __post_init__(self) -> None:
        if self.source is not None and self.grams_per_kwh is not None:
            raise ValueError("source and grams_per_kwh exclude each other; remove one")


class Power(Section, frozen=True):
    """Watts of this machine, for where no energy counter can be read. Best measured with a plug meter."""

    idle: NotNegative = 65.0
    active: NotNegative = 120.0
    monitor: NotNegative = 0.0
    measured: Annotated[bool, msgspec.Meta(description="idle and active were measured on this very machine")] = False

    def __post_init__(self) -> None:
        if self.active < self.idle:
            raise ValueError(f"active ({self.active:g} W) is less than idle ({self.idle:g} W); found them swapped?")


class Idle(Section, frozen=True):
    """When the host counts as idle; ``load_below`` is a share of all processors, 0 to 1."""

    after: Duration = lasting("5m")
    load_below: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.05
    sessions: Annotated[
        Literal["auto", "none"],
        msgspec.Meta(description="auto: look at login sessions; none: nobody works here, load alone decides"),
    ] = "auto"


class Configuration(Section, frozen=True):
    """The whole file. ``host`` is the machine's own name when not given.

    *sinks* is who is pushed to what *journal* keeps; ``otlp`` pushes only what there is now.
    """

    host: Label = msgspec.field(default_factory=socket.gethostname)
    department: Label = "unassigned"
    zone: Annotated[Label, msgspec.Meta(description="electricity zone, such as DE or US")] = "WORLD"
    listen: Annotated[Address, msgspec.Meta(description="HOST:PORT of /metrics")] = listening("127.0.0.1:9841")
    every: Duration = lasting("5s")
    tariff: Tariff = msgspec.field(default_factory=Tariff)
    carbon: Carbon = msgspec.field(default_factory=Carbon)
    power: Power = msgspec.field(default_factory=Power)
    idle: Idle = msgspec.field(default_factory=Idle)
    otlp: Otlp | None = None
    journal: Journal | None = None
    sinks: delivery.Sinks = msgspec.field(default_factory=dict)


def read(file: Path | None, root: Path, version: str) -> Settings:
    """What *file* says, or the defaults without one.

    Raises:
        ConfigError: with file and line where the file is to blame.
    """
    if file is None:
        return resolve(Configuration(), root, version)
    document = Document.read(file)
    try:
        return resolve(convert(document.data, Configuration), root, version)
    except ConfigError as error:
        raise document.located(error) from None


def resolve(config: Configuration, root: Path, version: str) -> Settings:
    """The values behind *config* on the machine whose files are below *root*.

    Raises:
        ConfigError: with the path to the offending key.
    """
    if not SHORTEST <= config.every <= LONGEST:
        raise ConfigError(f"{config.every} is not between 100ms and 1m", ("every",))
    _check_push(config)
    machine = os.uname().machine
    return Settings(
        identity=Identity(config.host, config.department, config.zone, os_name(root), machine),
        listen=config.listen,
        every=Seconds(config.every),
        factor=_factor(config.zone, config.carbon),
        tariff=carbon.Tariff(config.tariff.per_kwh, config.tariff.currency),
        model=Model(
            Watts(config.power.idle), Watts(config.power.active), Watts(config.power.monitor), config.power.measured
        ),
        policy=Policy(Seconds(config.idle.after), config.idle.load_below),
        sessions=config.idle.sessions == "auto",
        otlp=config.otlp,
        version=version,
        journal=config.journal,
        sinks=config.sinks,
    )


def os_name(root: Path) -> str:
    """The name that the operating system gives itself."""
    for file in (root / "etc/os-release", root / "usr/lib/os-release"):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip("\"' ") or "linux"
    return "linux"


def _check_push(config: Configuration) -> None:
    if config.sinks and config.journal is None:
        raise ConfigError("sinks are sent what the journal keeps; add a section 'journal'", ("sinks",))
    if config.journal is None:
        return
    if not config.sinks:
        raise ConfigError("it keeps what sinks are sent; add a section 'sinks', or remove it", ("journal",))
    if not config.every <= config.journal.every <= RAREST_PUSH:
        where = ("journal", "every")
        raise ConfigError(f"{config.journal.every} is not between {config.every} (the key 'every') and 5m", where)
    with within("sinks"):
        delivery.check(config.sinks)


def _factor(zone: str, section: Carbon) -> carbon.Factor:
    if section.grams_per_kwh is not None:
        return carbon.Factor(zone, section.grams_per_kwh, "own", "")
    with within("zone"):
        return factor.factor(zone, section.source or factor.EMBER)
