"""``greenops-gateway hour``: from files to numbers, with their working, and what is said of mistakes in them."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import stack
from greenops_core.errors import ConfigError
from greenops_gateway.cems.equation import EQUATIONS, Kind
from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.cli import main
from greenops_gateway.emissions.hour_file import asked, file_schema

HERE = Path(__file__).parent
HOURS = json.loads((HERE / "full_hours.json").read_text())["hours"]
VECTORS = json.loads((HERE / "golden_equations.json").read_text())["vectors"]
UNIT_8 = """\
stacks:
  - stack: unit-8
    standard_time: "-06:00"
    measured:
      NOXC: {basis: dry, full_scale: 50}
      O2C: {basis: dry}
    load: {maximum: 500}
    constants: {Fd: 8710}
    computed: {NOXR: F-5}
hours:
  - hour: 2021-11-06T00
    operating_time: 0.83
    load: 136
    averages: {NOXC: 21.4}
    readings:
      O2C: [[0, 15.5], [900, 15.6], [1800, 15.7], [2700, null, calibration]]
"""


@pytest.fixture
def unit_8(tmp_path: Path) -> Path:
    return file(tmp_path, "unit-8.yml", UNIT_8)


def file(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def computed(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[dict[str, Any]]:
    assert main(["hour", *map(str, words), "--json"]) == 0
    return [json.loads(line, parse_float=Decimal) for line in capsys.readouterr().out.splitlines()]


def plan_for(inputs: dict[str, str], equations: dict[str, str]) -> dict[str, Any]:
    """A stack that computes *equations*, by parameter; what can be measured is, and the rest are constants."""
    measured: dict[str, dict[str, str]] = {}
    for name in equations.values():
        for need in EQUATIONS[name].needs:
            if need.symbol in inputs and need.symbol in PARAMETERS:
                basis = need.basis if need.basis in {"wet", "dry"} else ""
                measured[need.symbol] = {"unit": need.unit, "basis": basis}
    return {
        "stack": "unit",
        "standard_time": "-05:00",
        "measured": measured,
        "constants": {name: value for name, value in inputs.items() if name not in measured},
        "computed": {parameter: EQUATIONS[name].code for parameter, name in equations.items()},
    }


@pytest.mark.parametrize("hour", HOURS, ids=lambda hour: hour["plant"])
def test_hours_as_reported_to_epa(hour: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_for(hour["inputs"], {parameter: name for name, parameter, _ in hour["chain"]})
    wanted = {parameter: Decimal(value) for _, parameter, value in hour["chain"]}
    if (adjusted := hour.get("bias_adjusted")) is not None:
        plan["bias_adjustment_factors"] = {adjusted["parameter"]: adjusted["factor"]}
        wanted[adjusted["parameter"]] = Decimal(adjusted["value"])
    averages = {name: value for name, value in hour["inputs"].items() if name in plan["measured"]}
    content = {"stacks": [plan], "hours": [{"hour": hour["hour"], "averages": averages}]}
    (found,) = computed(capsys, "--config", file(tmp_path, "hour.yml", content))
    assert {name: each["value"] for name, each in found["computed"].items()} == wanted


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["equation"])
def test_golden_vectors(vector: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    equation = EQUATIONS[vector["equation"]]
    plan = plan_for(vector["inputs"], {equation.parameter: equation.name})
    averages = {name: value for name, value in vector["inputs"].items() if name in plan["measured"]}
    content = {"stacks": [plan], "hours": [{"hour": "2021-01-01T00", "averages": averages}]}
    (found,) = computed(capsys, "--config", file(tmp_path, "vector.yml", content))
    assert found["computed"][equation.parameter]["value"] == Decimal(vector["rounded"])
    assert not any(need.kind is Kind.MEASURED and need.symbol in plan["constants"] for need in equation.needs)


def test_an_hour_for_programs(unit_8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = computed(capsys, "--config", unit_8)
    assert re.fullmatch(r"[0-9a-f]{64}", found["computed"]["NOXR"].pop("digest"))
    assert found == {
        "stack": "unit-8",
        "hour": "2021-11-06T00",
        "operating_time": Decimal("0.83"),
        "load": 136,
        "fuel": "",
        "is_startup": False,
        "measured": {
            "NOXC": {
                "parameter": "NOXC",
                "value": Decimal("21.4"),
                "unadjusted": Decimal("21.4"),
                "method": "01",
                "why": "",
                "points": 0,
                "unit": "ppm",
            },
            "O2C": {
                "parameter": "O2C",
                "value": Decimal("15.6"),
                "unadjusted": Decimal("15.6"),
                "method": "01",
                "why": "",
                "points": 3,
                "unit": "%",
            },
        },
        "computed": {
            "NOXR": {
                "parameter": "NOXR",
                "value": Decimal("0.088"),
                "unit": "lb/mmBtu",
                "equation": "F-5",
                "why": "",
                "unadjusted": Decimal("0.088"),
                "method": "",
            }
        },
    }


def test_an_hour_for_people_with_its_working(unit_8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hour", "--config", str(unit_8), "--explain"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(
        """\
unit-8 2021-11-06T00: operating time 0.83, load 136
measured  value  unadjusted  method  why
NOXC      21.4   21.4        01
O2C       15.6   15.6        01
computed  value  unit      equation  why
NOXR      0.088  lb/mmBtu  F-5
operating time (40 CFR 75.57(b)(2))
"""
    )
    assert "  excess = 20.9 - O2C = 20.9 - 15.6 = 5.3\n" in text
    assert text.endswith("  = 0.088 lb/mmBtu, rounded half up to 3 decimals\n")


def test_the_working_for_programs_ends_with_the_value_and_has_the_digest_of_it(
    unit_8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = computed(capsys, "--config", unit_8, "--explain")
    equations = [each["equation"] for each in found["workings"]]
    assert equations == ["operating time", "gross load", "hourly average of NOXC", "hourly average of O2C", "F-5"]
    last = found["workings"][-1]
    assert (last["value"], last["digest"]) == (Decimal("0.088"), found["computed"]["NOXR"]["digest"])
    assert {"symbol": "Fd", "value": 8710, "unit": "dscf/mmBtu"} in last["inputs"]


def test_what_is_missing_is_told(unit_8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit_8.write_text(UNIT_8.replace("averages: {NOXC: 21.4}", "out_of_control: [NOXC]"))
    assert main(["hour", "--config", str(unit_8)]) == 0
    text = capsys.readouterr().out
    assert "NOXC      -      -           -       the analyser is out of control\n" in text
    assert (
        "NOXR      -      lb/mmBtu  F-5       F-5 needs NOXC, which is absent: the analyser is out of control\n" in text
    )


def test_hours_may_stand_in_a_file_of_their_own_beside_a_gateways(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = yaml.safe_load(UNIT_8)
    (plan,) = whole["stacks"]
    other = {**plan, "stack": "unit-9", "constants": {"Fd": 9780}}
    gateway = {"site": "plant", "links": {}, "devices": [], "emissions": {"stacks": [plan, other], "grace": "5m"}}
    config = file(tmp_path, "gateway.yml", gateway)
    hours = [{**whole["hours"][0], "stack": name} for name in ("unit-9", "unit-8", "unit-9")]
    inputs = file(tmp_path, "hours.json", json.dumps({"hours": hours}))
    found = computed(capsys, "--config", config, "--inputs", inputs)
    assert [each["stack"] for each in found] == ["unit-9", "unit-8", "unit-9"]
    only = computed(capsys, "--config", config, "--inputs", inputs, "--stack", "unit-9")
    assert [each["computed"]["NOXR"]["value"] for each in only] == [Decimal("0.099")] * 2


def test_startup_and_a_calibration_by_hand(unit_8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = """\
    startup: true
    calibrations: {O2C: [[2700, false]]}
"""
    unit_8.write_text(UNIT_8 + more)
    (found,) = computed(capsys, "--config", unit_8)
    assert found["is_startup"] is True
    assert found["measured"]["O2C"]["why"] == "a calibration failed, and none passed after it in this hour"


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("hour: 2021", "houre: 2021", ":11: hours[0].houre: unknown key 'houre'; did you mean 'hour'?"),
        ("2021-11-06T00", "2021-11-06", ":11: hours[0].hour: '2021-11-06' is no hour; write it as 2026-01-31T09"),
        ("2021-11-06T00", "2021-02-30T00", ":11: hours[0].hour: "),
        ("0.83", "1.83", ":12: hours[0].operating_time: 1.83 is no share of the hour; it is from 0 to 1"),
        ("0.83", ".nan", ":12: hours[0].operating_time: NaN cannot be"),
        ("21.4", "'1e20'", ":14: hours[0].averages.NOXC: 1E+20 cannot be"),
        ("O2C: [[", "O3C: [[", ":16: hours[0].readings.O3C: stack 'unit-8' has no 'O3C'; did you mean 'O2C'?"),
        ("[900,", "[9000,", ":16: hours[0].readings.O2C[1][0]: expected number < 3600.0; found 9000"),
        ("15.7]", "null]", ":16: hours[0].readings.O2C[2]: valid, but without a value; give it, or another status"),
        (", calibration]", ", calibrate]", ":16: hours[0].readings.O2C[3]: unknown status 'calibrate'; did you mean"),
        ("15.7]", "'nan']", ":16: hours[0].readings.O2C[2]: NaN is not a finite number"),
        (
            "    load: 136",
            "    stack: unit-7",
            ":13: hours[0].stack: there is no stack 'unit-7'; did you mean 'unit-8'?",
        ),
        ("    load: 136", "    out_of_control: [NOX]", ":13: hours[0].out_of_control: stack 'unit-8' has no 'NOX'"),
        (
            "averages: {NOXC",
            "averages: {NOXD",
            ":14: hours[0].averages.NOXD: stack 'unit-8' has no 'NOXD'; did you mean",
        ),
        ("O2C: [[", "LOAD2: [[", ":16: hours[0].readings.LOAD2: stack 'unit-8' has no 'LOAD2'; did you mean 'LOAD'?"),
        ("    load: {maximum: 500}\n", "", ":12: hours[0].load: stack 'unit-8' has no load; add it to its plan"),
        ("Fd: 8710", "Fd: many", ":8: stacks[0].constants.Fd: unknown value 'many'"),
        (
            "NOXR: F-5",
            "NOXR: F-55",
            ":9: stacks[0].computed.NOXR: no equation 'F-55' computes NOXR; these do: F-5, F-6",
        ),
        ("NOXC: {basis: dry,", "NOXC: {basis: wet,", ":9: stacks[0].computed.NOXR: F-5 takes dry NOXC"),
        ("hours:", "spare:", ":10: spare: unknown key 'spare'; known: hours, stacks"),
        ("T00", "T24", ":11: hours[0].hour: '2021-11-06T24' is no hour; write it as"),
        ("-11-", "-13-", ":11: hours[0].hour: '2021-13-06T00' is no hour: month must be in 1..12"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(right: str, wrong: str, told: str, unit_8: Path) -> None:
    assert right in UNIT_8
    unit_8.write_text(UNIT_8.replace(right, wrong, 1))
    with pytest.raises(ConfigError) as caught:
        asked(unit_8, None, None)
    assert str(caught.value).startswith(f"{unit_8}{told}"), str(caught.value)


def test_which_hours_of_which_stack_must_be_said(unit_8: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--stack: there is no stack 'unit-7' in .*; did you mean 'unit-8'\?"):
        asked(unit_8, None, "unit-7")
    whole = yaml.safe_load(UNIT_8)
    with pytest.raises(ConfigError, match=r"names no hour; add 'hours', or give a file that has them with --inputs"):
        asked(file(tmp_path, "none.yml", {"stacks": whole["stacks"]}), None, None)
    with pytest.raises(ConfigError, match=r"there is no section 'emissions', which has the stacks"):
        asked(file(tmp_path, "gateway.yml", {"site": "plant", "links": {}, "devices": []}), None, None)
    twice = {**whole, "stacks": whole["stacks"] * 2}
    with pytest.raises(ConfigError, match=r"stacks\[1\]\.stack: there are two stacks 'unit-8'"):
        asked(file(tmp_path, "twice.yml", twice), None, None)
    other = {**whole, "stacks": [*whole["stacks"], {**whole["stacks"][0], "stack": "unit-9"}]}
    with pytest.raises(ConfigError, match=r"hours\[0\]\.stack: say of which stack, there are several"):
        asked(file(tmp_path, "several.yml", other), None, None)
    with pytest.raises(ConfigError, match=r"hours\.yml:1: hours: expected list of length >= 1"):
        asked(unit_8, file(tmp_path, "hours.yml", "hours: []"), None)


def test_a_mistake_ends_with_2_and_no_traceback(unit_8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit_8.write_text("stacks: [")
    assert main(["hour", "--config", str(unit_8)]) == 2
    assert main(["hour", "--config", str(unit_8.parent / "none.yml")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_json_schema_fits_what_the_help_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hour", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == json.loads(json.dumps(file_schema()))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(yaml.load(UNIT_8, yaml.BaseLoader) | {"hours": []})
    with pytest.raises(SystemExit):
        main(["hour", "--help"])
    shown = capsys.readouterr().out
    example = shown[shown.index("  stacks:") : shown.index("  greenops-gateway hour")]
    example = example.replace("made already", "")
    validator.validate(json.loads(json.dumps(yaml.safe_load(example), default=str)))


def test_the_examples_of_the_documentation_are_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (stack.ROOT / "docs" / "hours.md").read_text(encoding="utf-8")
    examples = [each for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if each.startswith("stacks:")]
    assert examples
    for number, example in enumerate(examples):
        found = computed(capsys, "--config", file(tmp_path, f"{number}.yml", example))
        missing = {name: each["why"] for hour in found for name, each in hour["computed"].items() if each["why"]}
        assert not missing
