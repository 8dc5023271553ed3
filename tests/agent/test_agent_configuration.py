"""The agent's configuration file: what it comes to, and what each mistake is told."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from greenops_agent.configuration import Configuration, read
from greenops_agent.journal import Journal
from greenops_agent.power.model import Model
from greenops_agent.settings import Settings
from greenops_core.address import address
from greenops_core.carbon import Tariff
from greenops_core.errors import ConfigError
from greenops_core.idle import Policy
from greenops_core.unit import Seconds, Watts
from greenops_telemetry.configuration import schema

EXAMPLE = Path(__file__).parents[2] / "agent" / "agent.yml"


def resolved(text: str, tmp_path: Path) -> Settings:
    file = tmp_path / "agent.yml"
    file.write_text(text)
    return read(file, tmp_path, "0.1.0")


def test_nothing_need_be_configured(tmp_path: Path) -> None:
    settings = read(None, tmp_path, "0.1.0")
    assert settings.identity.host == socket.gethostname()
    assert (settings.identity.department, settings.identity.zone) == ("unassigned", "WORLD")
    assert (settings.listen, settings.every, settings.otlp) == (address("127.0.0.1:9841"), Seconds(5), None)
    assert (settings.factor.grams_per_kwh, settings.tariff) == (472.94, Tariff(0.12, "USD"))
    assert settings.model == Model(Watts(65), Watts(120), Watts(0), measured=False)
    assert (settings.policy, settings.sessions) == (Policy(Seconds(300), 0.05), True)


def test_an_empty_file_is_the_same_as_none(tmp_path: Path) -> None:
    assert resolved("# nothing yet\n", tmp_path) == read(None, tmp_path, "0.1.0")


def test_what_is_configured_holds(tmp_path: Path) -> None:
    settings = resolved(
        "host: web-1\ndepartment: sales\nzone: US\nevery: 500ms\ncarbon: {source: egrid}\n"
        "tariff: {per_kwh: 0.3, currency: EUR}\npower: {idle: 10, active: 40, monitor: 25, measured: true}\n"
        "idle: {after: 10m, load_below: 0.1, sessions: none}\nlisten: '[::1]:9000'\n",
        tmp_path,
    )
    assert settings.factor.grams_per_kwh == pytest.approx(349.667)
    assert settings.listen == address("[::1]:9000")
    assert settings.every == pytest.approx(0.5)
    assert (settings.policy, settings.sessions) == (Policy(Seconds(600), 0.1), False)
    assert settings.model == Model(Watts(10), Watts(40), Watts(25), measured=True)


def test_an_own_factor_needs_no_known_zone(tmp_path: Path) -> None:
    factor = resolved("zone: Atlantis\ncarbon: {grams_per_kwh: 12}\n", tmp_path).factor
    assert (factor.zone, factor.grams_per_kwh, factor.source) == ("Atlantis", 12, "own")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "host: a\ndepartement: b\n",
            ":2: departement: unknown key 'departement'; did you mean 'department'?",
            id="unknown key",
        ),
        pytest.param(
            "\ntariff:\n  per_kw: 1\n",
            ":3: tariff.per_kw: unknown key 'per_kw'; did you mean 'per_kwh'?",
            id="unknown key below another",
        ),
        pytest.param("every: 5\n", ":1: every: 5 has no unit; write for example 10s", id="duration without unit"),
        pytest.param("every: 10ms\n", ":1: every: 10ms is not between 100ms and 1m", id="too often"),
        pytest.param("every: 2h\n", ":1: every: 2h is not between 100ms and 1m", id="too seldom"),
        pytest.param(
            "host: a\nzone: GR\n", ":2: zone: no static factor for zone 'GR' from ember", id="zone without a factor"
        ),
        pytest.param("zone: DE\ncarbon: {source: embr}\n", ":2: carbon.source: ", id="unknown source"),
        pytest.param(
            "zone: FR\ncarbon: {source: legacy}\n",
            ":1: zone: no static factor for zone 'FR' from legacy; known:",
            id="zone that the source lacks",
        ),
        pytest.param(
            "carbon: {source: ember, grams_per_kwh: 3}\n",
            ":1: carbon: source and grams_per_kwh exclude each other",
            id="two factors",
        ),
        pytest.param(
            "power:\n  idle: 90\n  active: 80\n",
            ":1: power: active (80 W) is less than idle (90 W)",
            id="swapped watts",
        ),
        pytest.param("power: {idle: -1}\n", ":1: power.idle: ", id="negative watts"),
        pytest.param("idle: {load_below: 5}\n", ":1: idle.load_below: ", id="percent for a ratio"),
        pytest.param("idle: {sessions: no}\n", ":1: idle.sessions: ", id="sessions neither auto nor none"),
        pytest.param("tariff: {currency: euro}\n", ":1: tariff.currency: ", id="no currency code"),
        pytest.param("listen: 9841\n", ":1: listen: 9841 has no host; ", id="a port alone"),
        pytest.param(
            "listen: localhost\n",
            ":1: listen: 'localhost' is not HOST:PORT; write for example 127.0.0.1:9840 or [::1]:9840",
            id="a host alone",
        ),
        pytest.param("listen: a:70000\n", ":1: listen: '70000' is not a port", id="no such port"),
        pytest.param("host: ''\n", ":1: host: ", id="empty name"),
        pytest.param("host: [\n", ":2:1: not YAML: ", id="not YAML"),
        pytest.param("- host\n", ":1: ", id="a list"),
        pytest.param("otlp: {every: 10s}\n", ":1: otlp: the key 'endpoint' is missing", id="push to nowhere"),
    ],
)
def test_each_mistake_names_file_line_and_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(text, tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'agent.yml'}{told}")


def test_the_example_file_is_valid_and_says_the_defaults(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    defaults = read(None, tmp_path, "0.1.0")
    assert resolved(text, tmp_path) == defaults
    uncommented = re.sub(r"^#(?! \S|$)", "", text, flags=re.MULTILINE)
    told = resolved(uncommented, tmp_path)
    jsonschema.validate(yaml.safe_load(uncommented), schema(Configuration))
    assert told.identity.host == "office-17"
    assert told.otlp is not None
    assert told.journal == Journal(directory="/var/lib/greenops-agent")
    assert list(told.sinks) == ["plant"]
    assert replace(told, identity=defaults.identity, otlp=None, journal=None, sinks={}) == defaults


def test_the_schema_refuses_what_the_program_refuses() -> None:
    described = json.loads(json.dumps(schema(Configuration)))
    jsonschema.validate({"host": "a", "every": "5s", "power": {"idle": 3}}, described)
    for wrong in ({"hots": "a"}, {"every": 5}, {"idle": {"load_below": 5}}, {"tariff": {"currency": "euro"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, described)
