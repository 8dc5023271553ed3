"""The exporter's configuration: what it means, and the exact words when it is wrong."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import yaml

from greenops_core.address import Address, address
from greenops_core.budget import Mass
from greenops_core.carbon import Factor
from greenops_core.duration import duration
from greenops_core.errors import ConfigError
from greenops_exporter.budgets import Budget
from greenops_exporter.configuration import Configuration, File, load, meant, moved
from greenops_telemetry.configuration import schema, url
from greenops_telemetry.otlp import Otlp
from stack import ROOT

EXAMPLE = ROOT / "exporter" / "exporter.yml"


def written(folder: Path, text: str) -> Path:
    file = folder / "exporter.yml"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    found = load(written(tmp_path, "# nothing\n"))
    assert found == meant(File())
    assert (found.listen, found.zone, found.prometheus, found.data) == (
        address("127.0.0.1:9840"),
        ZoneInfo("UTC"),
        None,
        Path("data"),
    )
    assert (found.budgets, found.refresh, found.otlp) == ((), 60.0, None)
    assert {factor.source for factor in found.factors} == {"ember"}


def test_everything_that_can_be_written(tmp_path: Path) -> None:
    text = """
listen: "[::1]:1234"
time_zone: Asia/Kolkata
prometheus: https://metrics.example.org/prometheus
data: /var/lib/greenops
refresh: 90s
zones: [FR, DE, OFFICE]
factors:
  - { zone: OFFICE, grams_per_kwh: 41.5, source: supplier, version: "2025" }
  - { zone: US, source: egrid }
budgets:
  - { department: research, limit: 1.5t }
  - { department: sales, limit: 80kg }
otlp: { endpoint: "http://127.0.0.1:4318/v1/metrics" }
"""
    assert load(written(tmp_path, text)) == Configuration(
        listen=address("[::1]:1234"),
        zone=ZoneInfo("Asia/Kolkata"),
        prometheus="https://metrics.example.org/prometheus",
        data=Path("/var/lib/greenops"),
        factors=(
            Factor("FR", 44.18, "ember", "2024.1.0"),
            Factor("DE", 342.06, "ember", "2024.1.0"),
            Factor("OFFICE", 41.5, "supplier", "2025"),
            Factor("US", 349.667, "egrid", "2023.2.0"),
        ),
        budgets=(Budget("research", Mass(1.5e6)), Budget("sales", Mass(80e3))),
        refresh=duration("90s"),
        otlp=Otlp(endpoint=url("http://127.0.0.1:4318/v1/metrics")),
    )


MISTAKES = {
    "unknown key": ("budget: []", "1: budget: unknown key 'budget'; did you mean 'budgets'?"),
    "unknown key inside": (
        "budgets:\n  - department: sales\n    limits: 1kg",
        "3: budgets[0].limits: unknown key 'limits'; did you mean 'limit'?",
    ),
    "missing key": ("budgets:\n  - department: sales", "2: budgets[0]: the key 'limit' is missing"),
    "limit without unit": (
        "budgets:\n  - {department: sales, limit: 2000}",
        "2: budgets[0].limit: 2000 has no unit; write for example 500g",
    ),
    "limit in pounds": (
        "budgets:\n  - {department: sales, limit: 2000lb}",
        "2: budgets[0].limit: '2000lb' is not a mass; write a number with a unit, like 500g, 2000kg or 1.5t",
    ),
    "limit of nothing": (
        "budgets:\n  - {department: sales, limit: 0t}",
        "2: budgets[0].limit: '0t' is no mass at all; a budget must be more than 0g",
    ),
    "department twice": (
        "budgets:\n  - {department: sales, limit: 1kg}\n  - {department: sales, limit: 2kg}",
        "3: budgets[1].department: 'sales' already has a budget, budgets[0]",
    ),
    "department without a name": (
        "budgets:\n  - {department: ' ', limit: 1kg}",
        "2: budgets[0].department: a department needs a name",
    ),
    "time zone misspelt": (
        "time_zone: Europe/Berln",
        "1: time_zone: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
    ),
    "time zone by its city": (
        "time_zone: Kolkata",
        "1: time_zone: unknown time zone 'Kolkata'; did you mean 'Asia/Kolkata'?",
    ),
    "time zone as an offset": (
        "time_zone: '+05:30'",
        "1: time_zone: unknown time zone '+05:30'; write an IANA name, like Europe/Berlin or Asia/Kolkata",
    ),
    "time zone as a path": (
        "time_zone: ../../etc/passwd",
        "1: time_zone: unknown time zone '../../etc/passwd'; write an IANA name, like Europe/Berlin or Asia/Kolkata",
    ),
    "listen without a port": (
        "\nlisten: localhost",
        "2: listen: 'localhost' is not HOST:PORT; write for example 127.0.0.1:9840 or [::1]:9840",
    ),
    "listen on IPv6 without brackets": (
        "listen: '::1:9840'",
        "1: listen: '::1:9840' is not HOST:PORT; write for example 127.0.0.1:9840 or [::1]:9840",
    ),
    "port too high": ("listen: 127.0.0.1:98400", "1: listen: '98400' is not a port; write a number from 0 to 65535"),
    "prometheus without scheme": (
        "prometheus: localhost:9090",
        "1: prometheus: 'localhost:9090' is not an address; write for example http://127.0.0.1:9090",
    ),
    "refresh without unit": ("refresh: 60", "1: refresh: 60 has no unit; write for example 10s"),
    "refresh in months": (
        "refresh: 1mo",
        "1: refresh: '1mo' is not a duration; write a number with a unit, like 500ms, 10s, 5m, 1h or 1d",
    ),
    "refresh without a pause": ("refresh: 10ms", "1: refresh: 10ms is not between 100ms and 10m"),
    "refresh once a month": ("refresh: 30d", "1: refresh: 30d is not between 100ms and 10m"),
    "zone unknown": (
        "zones: [DE, UK]",
        "1: zones[1]: no static factor for zone 'UK' from ember; known: AU, CN, DE, EU, FR, GB, IN, PL, SE, US, WORLD",
    ),
    "zone twice": ("zones: [DE, FR, DE]", "1: zones[2]: 'DE' stands here twice"),
    "zone not text": ("zones: [1]", "1: zones[0]: expected text, got whole number; found 1"),
    "factor twice": (
        "factors:\n  - {zone: US, source: egrid}\n  - {zone: US, source: ember}",
        "3: factors[1].zone: 'US' already has a factor",
    ),
    "factor without version": (
        "factors:\n  - {zone: US, source: mine, grams_per_kwh: 5}",
        "2: factors[0]: grams_per_kwh and version stand together; leave out both to take the built-in figure of source",
    ),
    "factor of nothing": (
        "factors:\n  - {zone: US, source: mine, version: '1', grams_per_kwh: 0}",
        "2: factors[0].grams_per_kwh: 0 is no intensity; write grams CO2e per kWh, more than 0",
    ),
    "factor not a number": (
        "factors:\n  - {zone: US, source: mine, version: '1', grams_per_kwh: .nan}",
        "2: factors[0].grams_per_kwh: nan is no intensity; write grams CO2e per kWh, more than 0",
    ),
    "factor from an unknown source": (
        "factors:\n  - {zone: US, source: egird}",
        "2: factors[0]: no factors from 'egird'; did you mean 'egrid'?",
    ),
    "factor with an empty source": (
        "factors:\n  - {zone: US, source: ''}",
        "2: factors[0].source: source must not be empty",
    ),
    "key twice": ("data: a\ndata: b", "2: the key 'data' already stands on line 1"),
    "a list": ("- 1", "1: expected mapping, got list; found [1]"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_file_line_and_what_to_write(text: str, message: str, tmp_path: Path) -> None:
    file = written(tmp_path, text + "\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}:{message}"


def test_the_example_is_right_and_follows_the_schema() -> None:
    found = load(EXAMPLE)
    assert [budget.department for budget in found.budgets] == ["engineering", "research", "sales", "unassigned"]
    described = schema(File)
    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), described)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"budgets": [{"department": "sales", "limit": "2000"}]}, described)


@pytest.mark.parametrize(
    ("environment", "option", "expected"),
    [
        pytest.param({}, None, address("127.0.0.1:9840"), id="the file"),
        pytest.param(
            {"GREENOPS_EXPORTER_PORT": "1"}, None, address("127.0.0.1:1"), id="the environment moves the port"
        ),
        pytest.param({"GREENOPS_EXPORTER_PORT": ""}, None, address("127.0.0.1:9840"), id="empty is not given"),
        pytest.param({"GREENOPS_EXPORTER_PORT": "1"}, "0.0.0.0:2", address("0.0.0.0:2"), id="the option before both"),
    ],
)
def test_listen_is_taken_from_the_option_then_the_environment_then_the_file(
    environment: dict[str, str], option: str | None, expected: Address
) -> None:
    assert moved(meant(File()), environment, option, None, None).listen == expected


def test_options_replace_what_the_file_says() -> None:
    found = moved(meant(File()), {}, None, "http://other:9090", "/data")
    assert (found.prometheus, found.data) == ("http://other:9090", Path("/data"))


@pytest.mark.parametrize(
    ("environment", "option", "prometheus", "message"),
    [
        (
            {"GREENOPS_EXPORTER_PORT": "http"},
            None,
            None,
            "GREENOPS_EXPORTER_PORT: 'http' is not a port; write a number from 0 to 65535",
        ),
        ({}, "9840", None, "--listen: '9840' is not HOST:PORT; write for example 127.0.0.1:9840 or [::1]:9840"),
        ({}, None, "localhost", "--prometheus: 'localhost' is not an address; write for example http://127.0.0.1:9090"),
    ],
)
def test_a_wrong_option_is_told_by_its_name(
    environment: dict[str, str], option: str | None, prometheus: str | None, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        moved(meant(File()), environment, option, prometheus, None)
    assert str(caught.value) == message
