"""The JSON Schema of an emissions file: standard, complete, and checked here as by a program of others."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

import ecmps_quarter as example
from greenops_gateway.regulatory.ecmps.emissions import pieces
from greenops_gateway.regulatory.ecmps.schema import faults, schema
from greenops_gateway.regulatory.exact_json import parsed
from greenops_gateway.regulatory.json_schema import Schema

FIRST = "hourlyOperatingData[0].monitorHourlyValueData[0]"
Change = Callable[[dict[str, Any]], object]


def is_whole(_: object, value: object) -> bool:
    """A decimal without a fraction is an integer to JSON Schema; the library asks only floats."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, Decimal) and value == value.to_integral_value())


Standard = extend(  # type: ignore[no-untyped-call]  # its stubs leave it so
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_whole)
)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    file: dict[str, Any] = parsed(b"".join(pieces(example.file_of(example.few()))))
    return file


@pytest.fixture
def file(whole: dict[str, Any]) -> dict[str, Any]:
    """The same with its own lists, and first records of its own."""
    own = {key: list(each) if isinstance(each, list) else each for key, each in whole.items()}
    for key in ("hourlyOperatingData", "dailyTestSummaryData"):
        own[key][0] = copy.deepcopy(own[key][0])
    return own


def test_it_is_a_schema_of_2020_12() -> None:
    Draft202012Validator.check_schema(json.loads(json.dumps(schema(), default=float)))


def test_a_quarter_fits_it_by_a_program_of_others_too(file: dict[str, Any]) -> None:
    assert list(Standard(schema()).iter_errors(file)) == []
    assert list(faults(file)) == []


MISTAKES: Mapping[str, tuple[Change, str]] = {
    "a key misspelt": (
        lambda file: rename(hour(file), "hourLoad", "hourlyLoad"),
        "hourlyOperatingData[0]: there is no key 'hourlyLoad'; did you mean 'hourLoad'?",
    ),
    "a key missing": (
        lambda file: hour(file).pop("operatingTime"),
        "hourlyOperatingData[0]: the key 'operatingTime' is missing",
    ),
    "too many decimals": (
        lambda file: hour(file).update(operatingTime=Decimal("0.333")),
        "hourlyOperatingData[0].operatingTime: 0.333 is no multiple of 0.01: that many decimals are told",
    ),
    "more than an hour": (
        lambda file: hour(file).update(operatingTime=Decimal("1.01")),
        "hourlyOperatingData[0].operatingTime: 1.01 is more than 1",
    ),
    "a load with a fraction": (
        lambda file: hour(file).update(hourLoad=Decimal("367.5")),
        "hourlyOperatingData[0].hourLoad: 367.5 is not a whole number or null",
    ),
    "an hour 24": (lambda file: hour(file).update(hour=24), "hourlyOperatingData[0].hour: 24 is more than 23"),
    "a number as text": (
        lambda file: hour(file).update(operatingTime="1.00"),
        "hourlyOperatingData[0].operatingTime: '1.00' is not a number",
    ),
    "a unit of load that there is not": (
        lambda file: hour(file).update(loadUnitsOfMeasureCode="kW"),
        "hourlyOperatingData[0].loadUnitsOfMeasureCode: 'kW' is none of 'MW', 'KLBHR', 'MMBTUHR', null",
    ),
    "a stack that is none": (
        lambda file: hour(file).update(stackPipeId="stack-1"),
        "hourlyOperatingData[0].stackPipeId: 'stack-1' does not fit ^[CcMmXx][SsPp][a-zA-Z0-9\\-]{1,4}$",
    ),
    "a unit and a stack": (
        lambda file: hour(file).update(unitId="1"),
        "hourlyOperatingData[0]: give unitId or stackPipeId: one of both, and null for the other",
    ),
    "a method for internal use": (
        lambda file: value(file).update(modcCode="56"),
        "hourlyOperatingData[0].monitorHourlyValueData[0].modcCode: '56' does not fit ^(0[1-9]|[1-4][0-9]|5[0-5])$",
    ),
    "a component of four letters": (
        lambda file: value(file).update(componentId="S111"),
        "hourlyOperatingData[0].monitorHourlyValueData[0].componentId: 'S111' does not fit ^[A-Z0-9]{1,3}$",
    ),
    "an availability with two decimals": (
        lambda file: value(file).update(percentAvailable=Decimal("99.55")),
        f"{FIRST}.percentAvailable: 99.55 is no multiple of 0.1: that many decimals are told",
    ),
    "a negative concentration": (
        lambda file: value(file).update(adjustedHourlyValue=Decimal("-0.1")),
        "hourlyOperatingData[0].monitorHourlyValueData[0].adjustedHourlyValue: -0.1 is less than 0",
    ),
    "a result that there is not": (
        lambda file: file["dailyTestSummaryData"][0].update(testResultCode="OK"),
        "dailyTestSummaryData[0].testResultCode: 'OK' is none of 'PASSED', 'PASSAPS', 'FAILED', 'INC', 'ABORTED'",
    ),
    "no list": (lambda file: file.update(summaryValueData={}), "summaryValueData: an object is not a list"),
    "hours of a month": (
        lambda file: file.update(hourlyOperatingData=file["hourlyOperatingData"][:720]),
        "hourlyOperatingData: has 720 items, at least 2160 are needed",
    ),
    "a fifth quarter": (lambda file: file.update(quarter=5), "quarter: 5 is more than 4"),
}


def hour(file: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = file["hourlyOperatingData"][0]
    return own


def value(file: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = hour(file)["monitorHourlyValueData"][0]
    return own


def rename(record: dict[str, Any], key: str, new: str) -> None:
    record[new] = record.pop(key)


@pytest.mark.parametrize(("change", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_each_mistake_is_told_where_it_is(file: dict[str, Any], change: Change, says: str) -> None:
    change(file)
    assert [str(fault) for fault in faults(file)] == [says]


@pytest.mark.parametrize("change", [change for change, _ in MISTAKES.values()], ids=MISTAKES.keys())
def test_a_program_of_others_finds_the_same_mistakes(file: dict[str, Any], change: Change) -> None:
    change(file)
    assert not Standard(schema()).is_valid(file)


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**7),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-10, max_value=10**6),
    st.sampled_from(["", "01", "46", "56", "CS1", "MW", "D", "PASSED", "2026-02-30", "F01", "1.23E-4", "x" * 30]),
    st.just([]),
    st.just({}),
)


def places(record: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value in *record*."""
    items = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from places(each, (*path, key))


@given(st.randoms(use_true_random=False), ANYTHING)
def test_both_judge_whatever_stands_in_a_record_alike(whole: dict[str, Any], pick: random.Random, put: object) -> None:
    name = pick.choice(["hourlyOperating", "dailyTestSummary", "summaryValue"])
    record = copy.deepcopy(whole[f"{name}Data"][0])
    *outer, last = pick.choice(list(places(record)))
    inner = record
    for key in outer:
        inner = inner[key]
    inner[last] = put
    part = {**schema(), "$ref": f"#/$defs/{name}"}
    for key in ("type", "required", "properties", "additionalProperties"):
        part.pop(key)
    assert (list(Schema(part).faults(record)) == []) is Standard(part).is_valid(record)


@pytest.mark.parametrize("keyword", ["format", "anyOf", "minProperties"])
def test_a_keyword_that_is_not_checked_is_refused(keyword: str) -> None:
    with pytest.raises(ValueError, match=f"the keyword '{keyword}' of a schema is not known here"):
        Schema({"type": "string", keyword: "date"})


def test_a_definition_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no definition 'x'"):
        Schema({"$ref": "#/$defs/x"})
