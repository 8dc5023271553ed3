"""The exporter's configuration: what the YAML file may say, and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from greenops_core.address import Address, chosen
from greenops_core.budget import Mass
from greenops_core.carbon import Factor
from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, nearest, within
from greenops_core.factor import EMBER, FACTORS, factor
from greenops_exporter.budgets import Budget
from greenops_telemetry.configuration import Document, Section, Url, convert, lasting, listening, url
from greenops_telemetry.otlp import Otlp

Zone = Annotated[str, msgspec.Meta(extra_json_schema={"examples": ["DE", "FR", "US"]})]

PORT_VARIABLE = "GREENOPS_EXPORTER_PORT"
SHORTEST_REFRESH, LONGEST_REFRESH = 0.1, 600.0


class BudgetEntry(Section, frozen=True):
    """What a department may emit in a calendar month."""

    department: str
    limit: Mass


class FactorEntry(Section, frozen=True):
    """A zone's factor: one's own figure with where it comes from, or only the source of a figure that is built in."""

    zone: str
    source: str
    grams_per_kwh: float | None = None
    version: str | None = None


class File(Section, frozen=True):
    """The configuration file, as it is written."""

    listen: Address = listening("127.0.0.1:9840")
    time_zone: str = "UTC"
    prometheus: Url | None = None
    data: str = "./data"
    zones: list[Zone] | None = None
    factors: list[FactorEntry] = msgspec.field(default_factory=list)
    budgets: list[BudgetEntry] = msgspec.field(default_factory=list)
    refresh: Duration = lasting("1m")
    otlp: Otlp | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration, as it is meant."""

    listen: Address
    zone: ZoneInfo
    prometheus: str | None
    data: Path
    factors: tuple[Factor, ...]
    budgets: tuple[Budget, ...]
    refresh: Duration
    otlp: Otlp | None


def load(path: Path) -> Configuration:
    """The configuration in the file *path*.

    Raises:
        ConfigError: with file, line, key and what to write instead.
    """
    document = Document.read(path)
    try:
        return meant(convert(document.data, File))
    except ConfigError as error:
        raise document.located(error) from None


def meant(file: File) -> Configuration:
    """What *file* means.

    Raises:
        ConfigError: with the path to the offending key.
    """
    with within("time_zone"):
        zone = time_zone(file.time_zone)
    if not SHORTEST_REFRESH <= file.refresh <= LONGEST_REFRESH:
        raise ConfigError(f"{file.refresh} is not between 100ms and 10m", ("refresh",))
    return Configuration(
        listen=file.listen,
        zone=zone,
        prometheus=file.prometheus,
        data=Path(file.data),
        factors=_factors(file),
        budgets=_budgets(file.budgets),
        refresh=file.refresh,
        otlp=file.otlp,
    )


def moved(
    configuration: Configuration,
    environment: Mapping[str, str],
    listen: str | None,
    prometheus: str | None,
    data: str | None,
) -> Configuration:
    """*configuration* with what the environment and then the command line say instead.

    Raises:
        ConfigError: naming the variable or the option.
    """
    address = configuration.prometheus
    if prometheus is not None:
        with within("--prometheus"):
            address = url(prometheus)
    return replace(
        configuration,
        listen=chosen(configuration.listen, listen, PORT_VARIABLE, environment),
        prometheus=address,
        data=configuration.data if data is None else Path(data),
    )


def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone *name*.

    Raises:
        ConfigError: nobody knows it; the nearest name is offered.
    """
    known = available_timezones()
    if name in known:
        return ZoneInfo(name)
    hint = nearest(name, known) or "; write an IANA name, like Europe/Berlin or Asia/Kolkata"
    raise ConfigError(f"unknown time zone '{name}'{hint}")


def _budgets(entries: Sequence[BudgetEntry]) -> tuple[Budget, ...]:
    first: dict[str, int] = {}
    budgets = []
    for index, entry in enumerate(entries):
        where = ("budgets", index, "department")
        if not entry.department.strip():
            raise ConfigError("a department needs a name", where)
        if entry.department in first:
            raise ConfigError(f"'{entry.department}' already has a budget, budgets[{first[entry.department]}]", where)
        first[entry.department] = index
        budgets.append(Budget(entry.department, entry.limit))
    return tuple(budgets)


def _factors(file: File) -> tuple[Factor, ...]:
    """The factor of every zone: one's own before a built-in one. Without ``zones``, of every zone there is one for."""
    own: dict[str, Factor] = {}
    for index, entry in enumerate(file.factors):
        if entry.zone in own:
            raise ConfigError(f"'{entry.zone}' already has a factor", ("factors", index, "zone"))
        own[entry.zone] = _own_factor(entry, index)
    zones = [built_in.zone for built_in in FACTORS if built_in.source == EMBER] if file.zones is None else file.zones
    found: dict[str, Factor] = {}
    for index, zone in enumerate(zones):
        if zone in found:
            raise ConfigError(f"'{zone}' stands here twice", ("zones", index))
        with within("zones", index):
            found[zone] = own[zone] if zone in own else factor(zone)
    return tuple((found | own).values())


def _own_factor(entry: FactorEntry, index: int) -> Factor:
    where = ("factors", index)
    for key in ("zone", "source", "version"):
        if getattr(entry, key) is not None and not getattr(entry, key).strip():
            raise ConfigError(f"{key} must not be empty", (*where, key))
    match entry.grams_per_kwh, entry.version:
        case None, None:
            with within(*where):
                return factor(entry.zone, entry.source)
        case float(grams), str(version) if math.isfinite(grams) and grams > 0:
            return Factor(entry.zone, grams, entry.source, version)
        case float(grams), str():
            raise ConfigError(
                f"{grams:g} is no intensity; write grams CO2e per kWh, more than 0", (*where, "grams_per_kwh")
            )
        case _:
            raise ConfigError(
                "grams_per_kwh and version stand together; leave out both to take the built-in figure of source", where
            )
