"""``greenops-gateway report ecmps``, ``ecmps-check`` and ``plan-from-ecmps``, as their users run them."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import ecmps_quarter as example
from greenops_gateway.cems.hour import Hour, quarter
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cli import main
from greenops_gateway.emissions.entry import AnalyserTests, Entry, Inputs
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.regulatory.ecmps.emissions import pieces, quarter_file
from greenops_gateway.regulatory.ecmps.making import load_plans
from greenops_gateway.regulatory.exact_json import parsed, written
from greenops_gateway.regulatory.hours_file import HoursFile, write

MONITORING_PLAN: dict[str, Any] = {
    "orisCode": 54,
    "facilityName": "A plant",
    "monitoringLocationData": [
        {
            "name": "CS1",
            "stackPipeId": "CS1",
            "unitId": None,
            "componentData": [
                {"componentId": "S11", "componentTypeCode": "SO2", "basisCode": "W"},
                {"componentId": "F11", "componentTypeCode": "FLOW"},
            ],
            "monitoringSystemData": [
                {
                    "monitoringSystemId": "SO1",
                    "systemTypeCode": "SO2",
                    "systemDesignationCode": "P",
                    "beginDate": "2020-01-01",
                    "monitoringSystemComponentData": [{"componentId": "S11", "beginDate": "2020-01-01"}],
                },
                {
                    "monitoringSystemId": "FL1",
                    "systemTypeCode": "FLOW",
                    "systemDesignationCode": "P",
                    "beginDate": "2020-01-01",
                    "monitoringSystemComponentData": [{"componentId": "F11", "beginDate": "2020-01-01"}],
                },
            ],
            "monitoringSpanData": [
                {
                    "componentTypeCode": "SO2",
                    "spanScaleCode": "H",
                    "spanValue": 500,
                    "fullScaleRange": 500,
                    "mpcValue": 400,
                },
                {"componentTypeCode": "FLOW", "flowFullScaleRange": 90000000, "mpfValue": 80000000},
            ],
            "monitoringFormulaData": [{"formulaId": "F01", "parameterCode": "SO2", "formulaCode": "F-1"}],
        }
    ],
}


SECTION: dict[str, Any] = {
    "stacks": [msgspec.to_builtins(example.STACK)],
    "substitution": {"stack-1": msgspec.to_builtins(example.SUBSTITUTION)},
}


class Place:
    """A folder with plans and a quarter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config, self.codes = folder / "gateway.yml", folder / "ecmps.yml"
        self.hours, self.output = folder / "hours.jsonl", folder / "2026-2.json"
        self.say({"journal": {"directory": str(folder)}, "emissions": SECTION | {"directory": str(folder / "ledger")}})
        self.codes.write_text(yaml.safe_dump(msgspec.to_builtins(example.PLAN)))
        few = example.few()
        write(self.hours, HoursFile(few.hours, few.reported, few.tests))

    def say(self, config: dict[str, Any]) -> None:
        self.config.write_text(yaml.safe_dump(config))

    def make(self, *more: str | Path, quarter: int = 2) -> int:
        plans = ("--config", self.config, "--plan", self.codes)
        what = ("--year", "2026", "--quarter", str(quarter), "--output", self.output)
        return main([*map(str, ("report", "ecmps", *plans, *what, *more))])

    def check(self, *more: str | Path) -> int:
        return main([*map(str, ("report", "ecmps-check", *more))])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_quarter_is_written_from_a_file_of_hours(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.make("--hours", place.hours) == 0
    assert place.output.read_bytes() == b"".join(pieces(example.file_of(example.few())))
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{place.output}: 2184 hours of stack-1, 2026 quarter 2"
    assert "  OPTIME   70.00" in told
    assert place.check(place.output, "--config", place.config, "--plan", place.codes) == 0
    assert capsys.readouterr().out == f"{place.output}: emissions: nothing to object to\n"


def test_a_quarter_is_written_from_the_ledger_with_substitutes_of_its_own(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    made = example.made()
    Ledger.open(place.folder / "ledger", "stack-1").append([entry(closed) for closed in made.hours])
    write(place.hours, HoursFile((), (), made.tests))
    assert place.make("--tests", place.hours, "--json") == 0
    assert place.output.read_bytes() == b"".join(pieces(example.file_of(made)))
    told = json.loads(capsys.readouterr().out)
    assert (told["hours"], told["totals"]["SO2M"], told["complaints"]) == (2184, "3066.9", [])


def entry(closed: ClosedHour) -> Entry:
    return Entry(
        number=0,
        stack="stack-1",
        revision=1,
        reason="",
        closed_at="2026-07-01T00:00:00Z",
        version="0.1",
        plan="0" * 64,
        inputs=Inputs("0" * 64, 0, ()),
        tests=AnalyserTests(),
        resume=0,
        workings=(),
        closed=closed,
    )


def test_totals_to_date_go_on_from_the_quarter_before(place: Place) -> None:
    blank = [ClosedHour(hour, Decimal(0), None, "", False, {}, {}) for hour in map(Hour, quarter(2026, 1))]
    before = quarter_file(example.PLAN, example.STACK, 2026, 1, blank)
    before["summaryValueData"][0]["yearToDateTotal"] = Decimal("10.5")
    earlier = place.folder / "2026-1.json"
    earlier.write_bytes(b"".join(pieces(before)))
    assert place.make("--hours", place.hours, "--earlier", earlier) == 0
    mass = parsed(place.output.read_bytes())["summaryValueData"][0]
    assert (str(mass["currentReportingPeriodTotal"]), str(mass["yearToDateTotal"])) == ("100.8", "111.3")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"quarter": 4}, "is not of quarter 1 of 2026"),
        ({"orisCode": 55}, "is of another plant or location"),
        ({"orisCode": "54"}, "orisCode: '54' is not a whole number"),
    ],
)
def test_totals_to_date_go_on_from_no_other_file(
    place: Place, capsys: pytest.CaptureFixture[str], change: dict[str, object], says: str
) -> None:
    blank = [ClosedHour(Hour(hour), Decimal(0), None, "", False, {}, {}) for hour in quarter(2026, 1)]
    earlier = place.folder / "2026-1.json"
    earlier.write_bytes(b"".join(pieces(quarter_file(example.PLAN, example.STACK, 2026, 1, blank) | change)))
    assert place.make("--hours", place.hours, "--earlier", earlier) == 2
    assert says in capsys.readouterr().err


def test_what_an_inspector_objects_to_is_said_and_the_file_is_there(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    few = example.few()
    hours = tuple(
        closed._replace(load=None) if closed.hour == example.HOURS[0] + 30 else closed for closed in few.hours
    )
    write(place.hours, HoursFile(hours, few.reported, few.tests))
    assert place.make("--hours", place.hours) == 1
    assert "objection: CS1 2026-04-02T06: operated, and has no load" in capsys.readouterr().out
    assert place.output.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            lambda place: write(place.hours, HoursFile(example.few().hours[1:])),
            "2026 quarter 2 of 'stack-1': not closed: 2026-04-01T00; a quarter has every clock hour",
            id="an hour is not closed",
        ),
        pytest.param(
            lambda place: place.say(
                {"emissions": {"stacks": [msgspec.to_builtins(example.STACK) | {"stack": "stack-2"}]}}
            ),
            "has no stack 'stack-1'; did you mean 'stack-2'?",
            id="another stack",
        ),
        pytest.param(
            lambda place: place.say({"stacks": []}),
            "gateway.yml:1: stacks: expected list of length >= 1",
            id="no stack",
        ),
        pytest.param(
            lambda place: place.codes.write_text("stack: stack-1\noris_code: 54\n"),
            "ecmps.yml:1: give unit_id, or stack_pipe_id: a location is one of both",
            id="no location",
        ),
        pytest.param(
            lambda place: place.codes.write_text("stack: stack-1\noris_code: 54\nunit_id: '1'\nformulae: {}\n"),
            "ecmps.yml:4: formulae: ",
            id="a key misspelt",
        ),
        pytest.param(
            lambda place: place.say(
                {"stacks": [msgspec.to_builtins(example.STACK) | {"computed": {"SO2": "F-111"}, "measured": {}}]}
            ),
            "computed.SO2: no equation 'F-111' computes SO2",
            id="an equation that there is not",
        ),
        pytest.param(lambda place: place.hours.write_text("{"), "hours.jsonl:1: ", id="half a file"),
    ],
)
def test_what_is_wrong_is_told_without_a_file(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Place], object],
    says: str,
) -> None:
    if "F-111" in says:
        few = example.few()
        write(place.hours, HoursFile(few.hours))
    change(place)
    assert place.make("--hours", place.hours) == 2
    assert says in capsys.readouterr().err
    assert not place.output.exists()


def test_without_a_ledger_hours_are_asked_for(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.say({"stacks": [msgspec.to_builtins(example.STACK)]})
    assert place.make() == 2
    assert "there is no section 'journal'; add it, or give the hours with --hours FILE" in capsys.readouterr().err


def test_a_year_without_such_files_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.make("--year", "99999") == 2
    assert "--year: 99999 is none of 1993 to 2099" in capsys.readouterr().err


def test_substitution_of_what_a_stack_has_not_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    write(place.hours, HoursFile(example.few().hours))
    other = msgspec.to_builtins(example.SUBSTITUTION)[:1]
    other[0]["parameter"] = "O2C"
    place.say(SECTION | {"substitution": {"stack-1": other}})
    assert place.make("--hours", place.hours) == 2
    assert "substitution: stack 'stack-1' has no O2C" in capsys.readouterr().err


def test_calibrations_of_other_components_are_left_out_and_said(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    few = example.few()
    tests = (*few.tests, few.tests[0]._replace(component="X99"))
    write(place.hours, HoursFile(few.hours, few.reported, tests))
    assert place.make("--hours", place.hours) == 0
    assert "calibrations of component X99 are left out" in caplog.text
    assert len(parsed(place.output.read_bytes())["dailyTestSummaryData"]) == 4


@pytest.mark.parametrize(
    ("document", "kind", "says"),
    [
        pytest.param({"hourlyOperatingData": []}, "emissions", "the key 'orisCode' is missing", id="emissions"),
        pytest.param({"orisCode": 1, "testSummaryData": []}, "QA tests", "nothing to object to", id="QA tests"),
        pytest.param(MONITORING_PLAN, "monitoring plan", "nothing to object to", id="monitoring plan"),
        pytest.param(
            {
                "orisCode": 1,
                "testSummaryData": [
                    {
                        "testNumber": "L1",
                        "linearitySummaryData": [
                            {
                                "gasLevelCode": "LOW",
                                "percentError": 1,
                                "linearityInjectionData": [{"referenceValue": 20, "measuredValue": 19}],
                            }
                        ],
                    }
                ],
            },
            "QA tests",
            "L1 LOW: told 1, it comes to 5.0 %",
            id="a linearity error",
        ),
    ],
)
def test_a_check_tells_kinds_of_files_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: dict[str, Any], kind: str, says: str
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(written(document))
    code = main(["report", "ecmps-check", str(path)])
    told = capsys.readouterr().out
    assert f"{path}: {kind}: " in told
    assert says in told
    assert code == (0 if "nothing" in says else 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"{", "not JSON"), (b"[1]", "is no file of ECMPS"), (b'{"orisCode": 1}', "is no file of ECMPS: it has none of")],
)
def test_what_is_no_file_of_ecmps_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    assert main(["report", "ecmps-check", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "ecmps-check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "ECMPS emissions file"


def test_a_monitoring_plan_proposes_files_that_a_report_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(written(MONITORING_PLAN))
    asked = ["report", "plan-from-ecmps", str(plan), "--standard-time=-06:00", "--at", "2026-04-01"]
    for path, more in ((tmp_path / "gateway.yml", []), (tmp_path / "ecmps.yml", ["--codes"])):
        assert main([*asked, *more]) == 0
        path.write_text(capsys.readouterr().out)
    plans = load_plans(tmp_path / "gateway.yml", tmp_path / "ecmps.yml")
    assert {name: each.component for name, each in plans.stack.measured.items()} == {"SO2C": "S11", "FLOW": "F11"}
    assert plans.stack.measured["FLOW"].maximum_potential == 80000000
    assert (plans.stack.computed, plans.codes.stack_pipe_id) == ({"SO2": "F-1"}, "CS1")
    assert "#   SO2C: its point, device/point" in (tmp_path / "gateway.yml").read_text()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--standard-time=CST"], "--standard-time: 'CST' is no offset from UTC"),
        (["--standard-time=-06:00", "--at", "1.4.2026"], "--at: '1.4.2026' is no day"),
        (["--standard-time=-06:00", "--location", "CS2"], "--location: the plan has no 'CS2'; did you mean 'CS1'?"),
        (["--standard-time=-06:00", "--at", "1999-01-01"], "location CS1 measures nothing at 1999-01-01T00"),
    ],
)
def test_a_wrong_option_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], says: str) -> None:
    plan = tmp_path / "plan.json"
    document = json.loads(json.dumps(MONITORING_PLAN))
    for each in document["monitoringLocationData"][0]["monitoringFormulaData"]:
        each["beginDate"] = "2020-01-01"
    plan.write_bytes(written(document))
    assert main(["report", "plan-from-ecmps", str(plan), *more]) == 2
    assert says in capsys.readouterr().err
