"""QA and monitoring-plan files: EPA's own, byte for byte, and what is read from them."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stack
from greenops_core.errors import ConfigError
from greenops_gateway.cems.hour import read
from greenops_gateway.cems.plan_check import check
from greenops_gateway.regulatory.ecmps.monitoring_plan import Location, current, monitoring_plan
from greenops_gateway.regulatory.ecmps.proposal import Proposal, proposal
from greenops_gateway.regulatory.ecmps.qa_tests import QaFile, qa_file, recomputed
from greenops_gateway.regulatory.ecmps.upload import interval, upload
from greenops_gateway.regulatory.exact_json import parsed, written

DATA = Path(os.environ.get("GREENOPS_DATA_CEMS") or stack.ROOT.parent / "shared" / "data" / "cems")
PLAN, QA = (DATA / f"ecmps_{kind}_upload_ORIS54_SCT1.json" for kind in ("mp", "qa"))


def content(path: Path) -> bytes:
    if not path.exists():
        pytest.skip(
            f"needs EPA's {path.name} (US-EPA-CAMD easey-testing) in {DATA}, or in the folder of GREENOPS_DATA_CEMS"
        )
    return path.read_bytes()


@pytest.fixture(scope="module")
def location() -> Location:
    return monitoring_plan(upload(content(PLAN)).document).locations[0]


@pytest.fixture(scope="module")
def tests() -> QaFile:
    return qa_file(upload(content(QA)).document)


@pytest.mark.parametrize("path", [PLAN, QA], ids=["monitoring plan", "QA tests"])
def test_a_file_of_epa_is_written_as_it_was_read_to_the_byte(path: Path) -> None:
    assert upload(content(path)).content == content(path)


@pytest.mark.parametrize("path", [PLAN, QA], ids=["monitoring plan", "QA tests"])
def test_what_is_changed_changes_alone(path: Path) -> None:
    file = upload(content(path))
    file.document["orisCode"] = 55
    before, after = content(path).splitlines(), file.content.splitlines()
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert [other.strip() for _, other in changed] == [b'"orisCode": 55,']


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from(["", " ", "  ", "\t"]))
def test_whatever_is_json_reads_back(value: object, indent: str) -> None:
    assert parsed(written(value, indent)) == value
    assert written(parsed(written(value, indent)), indent) == written(value, indent)


@pytest.mark.parametrize(
    "number", ["0.10", "1.0", "-0.0", "1e5", "1E-7", "1.50E+3", "0.1234567890123456789", "10", "-7"]
)
def test_numbers_stay_as_they_are_written(number: str) -> None:
    text = f'{{"value": {number}}}'.encode()
    assert written(parsed(text)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(b"{", "line 1, column 2: not JSON", id="half a file"),
        pytest.param(b'{"a": 1, "a": 2}', "the key 'a' stands twice", id="a key twice"),
        pytest.param(b'{"a": NaN}', "NaN is no number", id="no number"),
        pytest.param(b"\xff{}", "not UTF-8 text: byte 0 is 0xff", id="no text"),
        pytest.param(b"[" * 100_000, "nested too deep", id="nested too deep"),
        pytest.param(b"[]", "an object, in braces", id="no object"),
    ],
)
def test_what_is_no_file_of_ecmps_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        upload(text)


def test_what_has_no_place_in_json_is_refused() -> None:
    with pytest.raises(ValueError, match="has no place in JSON"):
        written({"a": 0.1})


AT = read("2023-01-20T11")


def test_a_plan_has_systems_with_their_components_of_the_time(location: Location) -> None:
    systems = {each.id: (each.kind, each.designation, each.fuel) for each in current(location.systems, AT)}
    assert systems == {"110": ("OILV", "P", "OIL"), "100": ("GAS", "P", "PNG"), "140": ("NOX", "P", "NFS")}
    (oil,) = [each for each in location.systems if each.id == "110"]
    assert [id_ for id_, lasting in oil.components if lasting.holds(AT)] == ["999", "311"]
    assert [id_ for id_, lasting in oil.components if lasting.holds(read("2018-06-01T00"))] == ["999", "310"]


def test_a_plan_has_spans_formulas_loads_methods_and_defaults(location: Location) -> None:
    (nox,) = [each for each in location.spans if (each.kind, each.scale) == ("NOX", "H")]
    assert list(map(str, (nox.span, nox.full_scale, nox.maximum_potential, nox.transition))) == [
        "250",
        "250",
        "200",
        "59",
    ]
    assert nox.unit == "PPM"
    formulas = {each.id: (each.parameter, each.code) for each in current(location.formulas, AT)}
    assert (formulas["M1H"], formulas["T1H"], "O1G" in formulas) == (("NOXR", "F-5"), ("HI", "D-15A"), False)
    (load,) = current(location.loads, AT)
    assert (load.maximum, load.lower, load.unit) == (Decimal(150), Decimal(10), "MW")
    assert {(each.parameter, each.code) for each in current(location.methods, AT)} >= {("NOXR", "CEM"), ("SO2", "AD")}
    assert ("SO2R", Decimal("0.0006"), "F23") in {
        (each.parameter, each.value, each.purpose) for each in location.defaults
    }


@pytest.mark.parametrize(
    ("hour", "told"),
    [("2014-09-30T23", "out"), ("2014-10-01T00", "in"), ("2020-01-05T07", "in"), ("2020-01-05T08", "out")],
)
def test_an_interval_holds_both_its_ends(hour: str, told: str) -> None:
    lasting = interval({"beginDate": "2014-10-01", "beginHour": 0, "endDate": "2020-01-05", "endHour": 7})
    assert ("in" if lasting.holds(read(hour)) else "out") == told


def test_an_interval_without_hours_is_of_whole_days() -> None:
    lasting = interval({"beginDate": "2014-10-01T00:00:00.000Z", "endDate": "2014-10-02"})
    assert [lasting.holds(read(each)) for each in ("2014-10-01T00", "2014-10-02T23", "2014-10-03T00")] == [
        True,
        True,
        False,
    ]


def test_results_of_epas_qa_file_are_what_its_injections_and_runs_come_to(tests: QaFile, location: Location) -> None:
    kinds = {each.id: each.kind for each in location.components} | {each.id: each.kind for each in location.systems}
    found = list(recomputed(tests, kinds))
    assert [each.fits for each in found] == [True] * 11
    accuracy = {each.what: (str(each.told), str(each.working.value)) for each in found}
    assert accuracy["140-Q1-2023-001 H RA"] == ("2.38", "2.38")
    assert accuracy["140-Q1-2023-001 H BAF"] == ("1", "1.000")
    assert sum("LOW" in what or "MID" in what or "HIGH" in what for what in accuracy) == 9


def test_a_result_that_its_runs_do_not_come_to_does_not_fit(tests: QaFile) -> None:
    (rata,) = tests.ratas
    changed = tests._replace(ratas=(rata._replace(relative_accuracy=Decimal("2.40")),), linearity=tests.linearity[:1])
    assert [each.fits for each in recomputed(changed, {})] == [True, False, True]


def test_the_seven_days_of_a_calibration_error_test_are_read() -> None:
    injection = {
        "zeroReferenceValue": 0,
        "zeroMeasuredValue": Decimal("0.2"),
        "zeroCalibrationError": Decimal("0.1"),
        "upscaleReferenceValue": 450,
        "upscaleMeasuredValue": Decimal("448.9"),
        "upscaleCalibrationError": Decimal("0.2"),
        "upscaleGasLevelCode": "HIGH",
    }
    test = {"testNumber": "7D1", "testTypeCode": "7DAY", "calibrationInjectionData": [injection]}
    (found,) = qa_file({"orisCode": 54, "testSummaryData": [test]}).calibrations
    assert (found.upscale, found.upscale_level, found.zero_error) == (
        (Decimal(450), Decimal("448.9")),
        "HIGH",
        Decimal("0.1"),
    )


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"orisCode": 54}, "no QA file of ECMPS"),
        ({"testSummaryData": []}, "the key 'orisCode' is missing"),
        ({"orisCode": 54, "testSummaryData": {}}, "'testSummaryData' is to be a list of objects"),
        (
            {
                "orisCode": 54,
                "testSummaryData": [{"testNumber": "L1", "linearitySummaryData": [{"gasLevelCode": "LOW"}]}],
            },
            "test L1: the key 'percentError' is missing",
        ),
        (
            {
                "orisCode": 54,
                "testSummaryData": [{"testNumber": "L1", "linearitySummaryData": [{"percentError": "0.1"}]}],
            },
            "test L1: percentError: '0.1' is no number",
        ),
    ],
)
def test_what_is_wrong_in_a_qa_file_is_told_with_its_test(document: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        qa_file(document)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"orisCode": 54}, "no monitoring plan of ECMPS"),
        (
            {"orisCode": 54, "monitoringLocationData": [{"name": "1", "monitoringLoadData": [{"beginDate": "x"}]}]},
            "location 1: the key 'maximumLoadValue' is missing",
        ),
        (
            {
                "orisCode": 54,
                "monitoringLocationData": [{"unitId": "1", "monitoringFormulaData": [{"beginDate": "31.1.2020"}]}],
            },
            "location 1: beginDate: '31.1.2020' is no date",
        ),
    ],
)
def test_what_is_wrong_in_a_plan_is_told_with_its_location(document: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        monitoring_plan(document)


@pytest.fixture(scope="module")
def proposed(location: Location) -> Proposal:
    return proposal(monitoring_plan(upload(content(PLAN)).document), location, AT, "-06:00")


def test_a_plan_proposes_what_is_measured_with_its_ids(proposed: Proposal) -> None:
    measured = {name: (each.system, each.component, each.basis) for name, each in proposed.stack.measured.items()}
    assert measured == {
        "OIL": ("110", "311", ""),
        "GAS": ("100", "300", ""),
        "O2C": ("140", "371", "dry"),
        "NOXC": ("140", "370", "dry"),
    }
    nox = proposed.stack.measured["NOXC"]
    assert (nox.span, nox.full_scale, nox.maximum_potential) == (Decimal(250), Decimal(250), Decimal(200))


def test_formulas_of_several_fuels_are_told_apart(proposed: Proposal) -> None:
    computed = {key: code for key, code in proposed.stack.computed.items() if key != "FD"}
    assert computed == {
        "HI.gas": "F-20",
        "HI.oil": "F-19",
        "HI": "D-15A",
        "SO2.gas": "D-5",
        "SO2.oil": "D-2",
        "SO2": "D-12",
        "CO2.gas": "G-4",
        "CO2.oil": "G-4",
        "CO2": "G-4A",
        "NOXR": "F-5",
        "NOX": "F-24A",
    }
    constants = {key: str(value) for key, value in proposed.stack.constants.items()}
    assert constants == {"Fc.gas": "1040", "Fc.oil": "1420", "ER.gas": "0.0006", "Fd": "8710"}
    assert proposed.stack.diluent_cap == {"O2C": 19}


def test_what_is_still_to_be_said_is_what_the_plan_of_a_stack_still_lacks(proposed: Proposal) -> None:
    with pytest.raises(ConfigError) as raised:
        check(proposed.stack)
    lacking = [line.partition(" needs ")[2].split()[0] for line in str(raised.value).splitlines()]
    assert sorted(lacking) == ["GCV", "GCV", "S"]
    for constant in ("GCV.oil (Btu/lb)", "GCV.gas (Btu/hscf)", "S.oil (% by mass)"):
        assert any(constant in note for note in proposed.notes)


def test_a_plan_proposes_codes_fuel_flows_and_substitution(proposed: Proposal) -> None:
    codes = proposed.codes
    codes.check()
    assert {key: each.formula for key, each in codes.formulas.items()} == {
        "NOX": "N1T",
        "CO2": "T1F",
        "HI": "T1H",
        "SO2": "O1E",
        "NOXR": "M1H",
    }
    assert codes.formulas["NOXR"].system == "140"
    gas, oil = codes.fuel_flows
    assert (gas.code, gas.unit, gas.values["HI"].formula, oil.is_mass) == ("PNG", "HSCF", "G1B", True)
    (rate,) = proposed.substitution
    assert (rate.parameter, rate.potential, rate.certified_) == ("NOXR", Decimal("2.414"), "2014-10-01T00")


def test_a_plan_is_proposed_as_it_was_on_a_day(location: Location) -> None:
    plan = monitoring_plan(upload(content(PLAN)).document)
    before = proposal(plan, location, read("2010-01-01T00"), "-06:00")
    assert set(before.stack.measured) == {"GAS", "OIL"}
    with pytest.raises(ValueError, match="measures nothing at 1990-01-01T00; ask for another day"):
        proposal(plan, location, read("1990-01-01T00"), "-06:00")
