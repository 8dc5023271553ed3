"""``greenops-gateway report plan-from-ecmps``: print the configuration that a monitoring plan proposes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import yaml

from greenops_core.errors import ConfigError, nearest, within
from greenops_gateway.cems.hour import StandardTime, hour_on
from greenops_gateway.regulatory.ecmps.making import read_json
from greenops_gateway.regulatory.ecmps.monitoring_plan import Location, MonitoringPlan, monitoring_plan
from greenops_gateway.regulatory.ecmps.proposal import proposal

Say = Callable[[str], None]


def propose(given: argparse.Namespace, say: Say) -> int:
    """Print the proposal that *given* asks for.

    Raises:
        ConfigError: the file is no monitoring plan, or an option is wrong.
    """
    with within("--at"):
        day = _day(given.at)
    with within("--standard-time"):
        try:
            StandardTime.of(given.standard_time)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    try:
        plan = monitoring_plan(read_json(given.file))
        found = proposal(plan, _location(plan, given.location), hour_on(day), given.standard_time)
    except ValueError as error:
        raise ConfigError(f"{given.file}: {error}") from None
    section: dict[str, Any] = {"stacks": [told(found.stack)]}
    if found.substitution:
        section["substitution"] = {found.stack.stack: [told(each) for each in found.substitution]}
    wanted = told(found.codes) if given.codes else {"emissions": section}
    what = "ecmps.yml: codes and ids" if given.codes else "the section emissions of gateway.yml"
    head = f"# {what}, of {plan.facility or plan.oris_code} as of {day.isoformat()}. Still to be said:"
    say("\n".join([head, *(f"#   {note}" for note in found.notes), _yaml(wanted).rstrip()]))
    return 0


def told(plan: msgspec.Struct) -> dict[str, Any]:
    """The keys of *plan* that are not what they would be anyway, as YAML takes them."""
    return {
        field.encode_name: _told(value)
        for field in msgspec.structs.fields(plan)
        if (value := getattr(plan, field.name)) != _default(field)
    }


def _told(value: Any) -> Any:  # noqa: ANN401  # whatever a plan holds
    match value:
        case msgspec.Struct():
            return told(value)
        case dict():
            return {key: _told(each) for key, each in value.items()}
        case tuple() | list():
            return [_told(each) for each in value]
        case _:
            return value


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


class _Dumper(yaml.SafeDumper):
    """Decimals as they are, without quotes."""


def _represent(dumper: yaml.SafeDumper, number: Decimal) -> yaml.ScalarNode:
    kind = "int" if number == number.to_integral_value() else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", f"{number:f}")


_Dumper.add_representer(Decimal, _represent)


def _yaml(value: object) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _location(plan: MonitoringPlan, name: str | None) -> Location:
    """Raises ConfigError: there is none, or it is not said which."""
    names = [each.name for each in plan.locations]
    if name is None and len(names) == 1:
        return plan.locations[0]
    for each in plan.locations:
        if each.name == name:
            return each
    if name is None:
        raise ConfigError(f"the plan has several locations; say --location, one of {', '.join(names)}")
    raise ConfigError(f"--location: the plan has no '{name}'{nearest(name, names)}")


def _day(text: str | None) -> date:
    """Raises ConfigError: it is no day."""
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"'{text}' is no day; write 2026-01-31") from None
