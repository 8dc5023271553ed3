"""Excess emissions and monitor downtime: which hours, for how long, why, and what must be submitted."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import Hour, quarter, read
from greenops_gateway.cems.limit_average import Rule
from greenops_gateway.cems.limit_window import read as averaging
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cli import main
from greenops_gateway.emissions.entry import AnalyserTests, Entry, Inputs
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.regulatory.document import Notes, Provenance
from greenops_gateway.regulatory.exceedance import averaged
from greenops_gateway.regulatory.excess_configuration import ExcessConfiguration
from greenops_gateway.regulatory.excess_emissions import Averaged, Explained, excess
from greenops_gateway.regulatory.excess_report import report
from greenops_gateway.regulatory.hours_file import HoursFile, write
from greenops_gateway.regulatory.hours_file import read as read_file
from greenops_gateway.regulatory.period import period
from greenops_telemetry.configuration import convert_all
from made_hours import closed, plant

LIMIT = Decimal(25)
START = read("2026-01-05T00")
FACILITY = {"facility": {"name": "Riverside"}, "stack": "stack-2"}
NOX = {"name": "NOx", "parameter": "NOXC", "limit": 25, "unit": "ppm", "averaging": "1h"}


def run(text: str) -> tuple[list[str], list[str]]:
    """What hours come to, a letter each: ``.`` within, ``X`` over, ``s`` over in a startup, ``c`` calibrating, ``f``
    out of order, ``-`` not operating, ``h`` half an hour over; episodes as cause, first and last hour, duration."""
    hours, averages = [], []
    for at, letter in enumerate(text):
        value = {"X": "30.0", "s": "30.0", "h": "30.0", ".": "20.0"}.get(letter)
        why = {"c": "the quadrant 00-15 has no valid point: calibration", "f": "no valid point: fault"}.get(letter, "")
        time = {"-": "0.00", "h": "0.50"}.get(letter, "1.00")
        hours.append(closed(START + at, {"NOXC": value}, operating_time=time, is_startup=letter == "s", why=why))
        averages.append(Averaged(Hour(START + at), None if value is None else Decimal(value)))
    found = excess(hours, averages, LIMIT, "NOXC")
    return (
        [f"{each.cause} {each.first - START}-{each.last - START} {each.duration}" for each in found.emissions.episodes],
        [f"{each.cause} {each.first - START}-{each.last - START} {each.duration}" for each in found.downtime.episodes],
    )


@pytest.mark.parametrize(
    ("hours", "over", "down"),
    [
        pytest.param("......", [], [], id="nothing"),
        pytest.param("..XX..", ["unknown 2-3 2.00"], [], id="two hours of unknown cause are one episode"),
        pytest.param("X..X", ["unknown 0-0 1.00", "unknown 3-3 1.00"], [], id="an hour between makes two"),
        pytest.param("ssX.", ["startup_shutdown 0-1 2.00", "unknown 2-2 1.00"], [], id="a startup is its own cause"),
        pytest.param("X-X", ["unknown 0-0 1.00", "unknown 2-2 1.00"], [], id="standing still is no excess"),
        pytest.param("hX", ["unknown 0-1 1.50"], [], id="an hour counts with its operating time"),
        pytest.param(
            ".cf.", [], ["quality_assurance 1-1 1.00", "monitor 2-2 1.00"], id="a calibration is not a malfunction"
        ),
        pytest.param("--", [], [], id="no monitor is missed while nothing runs"),
    ],
)
def test_hours_become_episodes_with_a_cause(hours: str, over: list[str], down: list[str]) -> None:
    assert run(hours) == (over, down)


@pytest.mark.parametrize(
    ("why", "cause"),
    [
        ("a calibration failed, and none passed after it in this hour", "monitor"),
        ("the analyser is out of control", "monitor"),
        ("all quadrants have no valid point: lost", "non_monitor"),
        ("no valid point: calibration", "quality_assurance"),
        ("nobody knows", "unknown"),
    ],
)
def test_the_reason_of_an_hour_says_what_the_downtime_is_due_to(why: str, cause: str) -> None:
    found = excess([closed(START, {"NOXC": None}, why=why)], [], LIMIT, "NOXC")
    assert [episode.cause for episode in found.downtime.episodes] == [cause]


def test_what_a_person_found_out_goes_before_what_the_hour_says() -> None:
    known = Explained(Hour(START), Hour(START + 1), "control_equipment", "pump tripped", "changed over")
    hours = [closed(START + at, {"NOXC": "30.0"}, is_startup=True) for at in range(3)]
    found = excess(hours, [Averaged(each.hour, Decimal(30)) for each in hours], LIMIT, "NOXC", ([known], []))
    assert [(each.cause, each.why, each.action) for each in found.emissions.episodes] == [
        ("control_equipment", "pump tripped", "changed over"),
        ("startup_shutdown", "marked as startup or shutdown", ""),
    ]


@pytest.mark.parametrize(
    ("over", "down", "detail"),
    [
        pytest.param(0, 0, False, id="nothing"),
        pytest.param(9, 49, False, id="both just below"),
        pytest.param(10, 0, True, id="1 percent of excess"),
        pytest.param(0, 50, True, id="5 percent of downtime"),
    ],
)
def test_from_1_and_5_percent_on_the_details_go_with_the_summary(over: int, down: int, *, detail: bool) -> None:
    hours = [
        closed(START + at, {"NOXC": None if at < down else "30.0" if at < down + over else "20.0"})
        for at in range(1000)
    ]
    averages = [Averaged(each.hour, each.measured["NOXC"].value) for each in hours]
    assert excess(hours, averages, LIMIT, "NOXC").needs_detail is detail


def test_without_operation_there_is_no_share() -> None:
    found = excess([closed(START, {"NOXC": None}, operating_time="0.00")], [], LIMIT, "NOXC")
    assert (found.operating, found.emissions.percent, found.needs_detail) == (Decimal("0.00"), None, False)


@given(st.text("X.-hcfs", max_size=40))
def test_the_causes_add_up_to_the_total(text: str) -> None:
    hours = [
        closed(
            START + at,
            {"NOXC": "30.0" if letter in "Xhs" else None},
            operating_time="0.00" if letter == "-" else "0.37",
        )
        for at, letter in enumerate(text)
    ]
    found = excess(hours, [Averaged(each.hour, each.measured["NOXC"].value) for each in hours], LIMIT, "NOXC")
    for summary in (found.emissions, found.downtime):
        assert sum(summary.by_cause.values()) == summary.total
        assert summary.percent is None or 0 <= summary.percent <= 100


@pytest.mark.parametrize(
    ("words", "over"),
    [
        pytest.param("1h", {30}, id="an hour stands for itself"),
        pytest.param("3h", {30, 31, 32}, id="a rolling mean for the hour it ends with"),
        pytest.param("24h block", set(range(24, 48)), id="a block for its hours"),
        pytest.param("1 operating days", set(range(24, 48)), id="an operating day for its hours"),
    ],
)
def test_an_average_in_excess_stands_for_its_hours(words: str, over: set[int]) -> None:
    hours = [closed(START + at, {"NOXC": "90.0" if at == 30 else "20.0"}) for at in range(72)]
    level = {"1h": "80", "3h": "40", "24h block": "22", "1 operating days": "22"}[words]
    rule = Rule(Decimal(level), "ppm", averaging(words))
    found = averaged(rule, "NOXC", hours, range(START + 24, START + 72))
    assert [each.hour - START for each in found] == list(range(24, 72))
    assert {each.hour - START for each in found if each.value is not None and each.value > rule.limit} == over


@pytest.mark.parametrize(
    ("hour", "parameter", "unit", "per_load", "value"),
    [
        (closed(START, {}, computed={"SO2": ("300", "lb/h")}), "SO2", "lb/h", False, "300"),
        (closed(START, {}, computed={"CO2": ("150", "ton/h")}), "CO2", "lb/MWh", True, "1000"),
        (closed(START, {}, computed={"SO2": ("300", "lb/h")}), "SO2", "kg/h", False, None),
        (closed(START, {}, computed={"CO2": ("150", "ton/h")}), "CO2", "lb/MWh", False, None),
        (closed(START, {"NOXC": "90.0"}, unit="mg/scm"), "NOXC", "mg/scm", False, "90.0"),
        (closed(START, {"NOXC": "90.0"}, unit="mg/scm"), "NOXC", "ppm", False, None),
    ],
)
def test_hours_are_judged_in_the_unit_of_the_limit_or_not_at_all(
    hour: ClosedHour, parameter: str, unit: str, value: str | None, *, per_load: bool
) -> None:
    rule = Rule(LIMIT, unit, averaging("1h"), per_load=per_load)
    if value is None:
        with pytest.raises(ConfigError, match=rf"the limit is in {unit}, but the hours hold {parameter} in"):
            averaged(rule, parameter, [hour], range(START, START + 1))
    else:
        assert averaged(rule, parameter, [hour], range(START, START + 1))[0].value == Decimal(value)


def test_an_average_with_too_few_valid_hours_is_none() -> None:
    hours = [closed(START + at, {"NOXC": None if at in {1, 2} else "90.0"}) for at in range(4)]
    found = averaged(Rule(LIMIT, "ppm", averaging("4h")), "NOXC", hours, range(START, START + 4))
    assert found[-1].value is None


@pytest.mark.parametrize("text", ["2026-Q5", "2026-13", "26", "2026-1", "1969", "\uff19\uff19\uff19\uff19", "2026-Q1 "])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="is no period; write"):
        period(text)


def test_periods_cover_a_year_without_a_gap() -> None:
    months = [hour for number in range(1, 13) for hour in period(f"2024-{number:02}").hours]
    quarters = [hour for number in range(1, 5) for hour in period(f"2024-Q{number}").hours]
    assert months == quarters == list(period("2024").hours)
    assert period("2026-Q3").deadline.isoformat() == "2026-10-30"


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hours") / "q1.jsonl"
    first, *_, last = quarter(2026, 1)
    write(path, HoursFile(tuple(plant(range(first - 24, last + 1)))))
    return path


def asked(folder: Path, hours: Path, config: object, *more: str) -> tuple[int, Path]:
    file, out = folder / "excess.yml", folder / "out"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    words = ["report", "excess", "--period", "2026-Q1", "--hours", str(hours), "--config", str(file)]
    return main([*words, "--output", str(out), *more]), out


def test_a_quarter_is_reported_for_people_and_machines_with_the_same_bytes_each_time(
    tmp_path: Path, hours: Path
) -> None:
    config = FACILITY | {"limits": [NOX, NOX | {"name": "a day", "averaging": "24h block", "limit": "24.0"}]}
    code, out = asked(tmp_path, hours, config)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert code == 0
    assert {"2026-Q1-excess.pdf", "2026-Q1-excess.json", "2026-Q1-excess.overview.csv"} <= first.keys()
    assert asked(tmp_path, hours, config)[0] == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_the_shares_are_those_of_a_count_by_hand(tmp_path: Path, hours: Path) -> None:
    _, out = asked(tmp_path, hours, FACILITY | {"limits": [NOX]}, "--format", "json")
    told = json.loads((out / "2026-Q1-excess.json").read_text("utf-8"), parse_float=Decimal)
    made = [each for each in plant(quarter(2026, 1)) if each.operating_time]
    over = [
        each.operating_time for each in made if (value := each.measured["NOXC"].value) is not None and value > LIMIT
    ]
    down = [each.operating_time for each in made if each.measured["NOXC"].value is None]
    whole = sum(each.operating_time for each in made)
    (row,) = told["tables"]["overview"]["rows"]
    assert told["figures"]["facility"]["operating_time"]["value"] == whole
    assert (row["excess_duration"], row["downtime_duration"]) == (sum(over), sum(down))
    assert row["excess_percent"] == round(100 * sum(over) / whole, 2)
    assert len(down) == 8 + 6
    assert [each["duration"] for each in told["tables"]["downtime_1"]["rows"]] == [6, 0, 8, 0, 0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            {"limits": [NOX | {"averaging": "often"}]}, "limits[0].averaging: 'often' is no averaging", id="when"
        ),
        pytest.param({"limits": [NOX | {"limit": -1}]}, "limits[0].limit: -1 cannot be", id="a limit below zero"),
        pytest.param(
            {"limits": [NOX | {"averaging": "95 % of hours in a year"}]}, "is a share of a year", id="a share of a year"
        ),
        pytest.param(
            {"explanations": [{"what": "excess", "cause": "proces", "why": "x", "first": "2026-01-01T00"}]},
            "explanations[0].cause: 'proces' is no cause of excess emissions; did you mean 'process'?",
            id="a cause",
        ),
        pytest.param(
            {
                "explanations": [
                    {"what": "downtime", "cause": "monitor", "why": "x", "first": "2026-01-01T00", "last": "x"}
                ]
            },
            "explanations[0].last: 'x' is no hour",
            id="an hour",
        ),
        pytest.param(
            {
                "explanations": [
                    {
                        "what": "downtime",
                        "cause": "monitor",
                        "why": "x",
                        "first": "2026-01-02T00",
                        "last": "2026-01-01T00",
                    }
                ]
            },
            "explanations[0].last: it ends before it begins",
            id="an end before its beginning",
        ),
        pytest.param(
            {
                "explanations": [
                    {
                        "what": "excess",
                        "cause": "process",
                        "why": "x",
                        "first": "2026-01-01T00",
                        "last": "2026-01-01T00",
                        "parameter": "NOXX",
                    }
                ]
            },
            "explanations[0].parameter: no limit is on 'NOXX'; did you mean 'NOXC'?",
            id="a parameter",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    tmp_path: Path, hours: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], told: str
) -> None:
    code, out = asked(tmp_path, hours, FACILITY | {"limits": [NOX]} | change)
    said = capsys.readouterr().err
    assert code == 2
    assert told in said
    assert "excess.yml:" in said
    assert not out.exists()


def test_a_report_is_on_all_hours_unless_it_says_otherwise(
    tmp_path: Path, hours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = tmp_path / "some.jsonl"
    some.write_bytes(b"".join(hours.read_bytes().splitlines(keepends=True)[:-30]))
    config = FACILITY | {"limits": [NOX]}
    assert asked(tmp_path, some, config)[0] == 2
    assert "30 hours of 2026-Q1 are not there for stack-2, 2026-03-30T18 the first" in capsys.readouterr().err
    code, out = asked(tmp_path, some, config, "--incomplete", "--format", "json")
    told = json.loads((out / "2026-Q1-excess.json").read_text("utf-8"))
    assert (code, told["figures"]["facility"]["hours_lacking"]["value"]) == (0, 30)


def test_an_explanation_that_explains_nothing_is_told(hours: Path) -> None:
    def explained(day: str) -> dict[str, str]:
        hour = f"2026-01-{day}T06"
        return {"what": "downtime", "first": hour, "last": hour, "cause": "monitor", "why": "pump"}

    told = FACILITY | {"limits": [NOX], "explanations": [explained("10"), explained("11")]}
    config = convert_all(told, ExcessConfiguration)
    made = report(config, period("2026-Q1"), read_file(hours).hours, Provenance("", "", ""))
    notes = [part for part in made.parts if isinstance(part, Notes)]
    assert notes[-1] == Notes("Explanations that explain no hour", ("downtime, 2026-01-11T06 to 2026-01-11T06: pump",))


def test_a_report_from_the_ledger_of_the_gateway_is_the_one_from_a_file(tmp_path: Path, hours: Path) -> None:
    ledger = Ledger.open(tmp_path / "journal" / "hours", "stack-2")
    unknown = Entry(0, "stack-2", 1, "", "", "", "", Inputs("", 0, ()), AnalyserTests(), 0, (), closed(0, {}))
    ledger.append([unknown._replace(closed=each) for each in read_file(hours).hours])
    plan = {"stack": "stack-2", "standard_time": "-06:00", "measured": {"NOXC": {}}}
    whole = {"journal": {"directory": str(tmp_path / "journal")}, "emissions": {"stacks": [plan]}}
    (tmp_path / "gateway.yml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    (tmp_path / "excess.yml").write_text(yaml.safe_dump(FACILITY | {"limits": [NOX]}), encoding="utf-8")
    words = ["report", "excess", "--period", "2026-Q1", "--config", str(tmp_path / "excess.yml"), "--format", "json"]
    out = tmp_path / "of the ledger"
    assert main([*words, "--gateway", str(tmp_path / "gateway.yml"), "--output", str(out)]) == 0
    _, beside = asked(tmp_path, hours, FACILITY | {"limits": [NOX]}, "--format", "json")
    assert (out / "2026-Q1-excess.json").read_bytes() == (beside / "2026-Q1-excess.json").read_bytes()


def test_without_hours_it_is_said_how_they_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "excess.yml").write_text(yaml.safe_dump(FACILITY | {"limits": [NOX]}), encoding="utf-8")
    assert main(["report", "excess", "--period", "2026-Q1", "--config", "excess.yml"]) == 2
    assert "the hours of stack-2 are needed: --hours stack-2=FILE, or --gateway FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--format", "pdf,doc"], "--format: 'doc' is none; known: pdf, csv, json"),
        (["--hours", "stack-9=nowhere.jsonl"], "is of no stack of this report; write stack-2=FILE"),
        (["--font", "/dev/null"], "is no TrueType font that can be embedded"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_told(
    tmp_path: Path, hours: Path, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    assert asked(tmp_path, hours, FACILITY | {"limits": [NOX]}, *more)[0] == 2
    assert told in capsys.readouterr().err
