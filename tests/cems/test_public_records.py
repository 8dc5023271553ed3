"""What is computed from public test records against what they report: the table of docs/qa.md."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

import stack
from greenops_gateway.cems.parameter import PARAMETERS
from greenops_gateway.cems.qa.bias import adjusted, recorded_factor
from greenops_gateway.cems.qa.rata import Run, relative_accuracy
from greenops_gateway.cli import main

sys.path.insert(0, str(stack.ROOT))

from docs import record_public_records as records  # a script's folder comes first


@pytest.fixture(scope="module")
def folder() -> Path:
    if not (records.FOLDER / records.RATA).is_file():
        pytest.skip(
            f"needs the public test records of EPA's easey-db-scripts in {records.FOLDER}, or in the folder that "
            f"{records.FOLDER_VARIABLE} names; docs/qa.md says which"
        )
    return records.FOLDER


@pytest.fixture(scope="module")
def found(folder: Path) -> list[records.Compared]:
    return records.compared(folder)


def test_every_number_is_equal_or_explained(found: list[records.Compared]) -> None:
    assert [each for each in found if not each.is_match and not each.why] == []


def test_nothing_is_explained_that_is_equal(found: list[records.Compared]) -> None:
    unequal = {(each.quantity, each.place) for each in found if not each.is_match}
    assert set(records.EXPLAINED) <= unequal


def test_so_many_are_equal(found: list[records.Compared]) -> None:
    equal = Counter(each.quantity for each in found if each.is_match)
    assert equal == {
        **dict.fromkeys((f"RATA {column}" for column in records.RATA_COLUMNS), 11),
        "RATA bias_adjustment_factor": 12,
        "linearity": 38,
        "linearity, flags removed": 33,
        "calibration": 231,
        "calibration, flags removed": 231,
        "bias FLOW": 1785,
        "upload, linearity": 9,
        "upload, RATA": 6,
    }


def test_the_page_has_the_table_of_today(found: list[records.Compared]) -> None:
    assert records.PAGE.read_text(encoding="utf-8") == records.page(found), "run docs/record_public_records.py"


def test_the_audit_with_a_run_marked_unused_was_computed_with_it(folder: Path) -> None:
    rows = [row for row in records.rows_of(folder / records.RATA) if row["test"] == "C78D96DA"]
    whole = relative_accuracy([Run(Decimal(row["cem_value"]), Decimal(row["reference_value"])) for row in rows])
    record = rows[0]
    assert str(whole.mean_difference.value).startswith(record["reported_mean_difference"])
    assert whole.relative_accuracy.value == Decimal(record["reported_relative_accuracy"])


def test_the_factor_found_from_ten_hours_gives_the_others(folder: Path) -> None:
    rows = [row for row in records.rows_of(folder / records.BIAS) if row["parameter"] == "FLOW" and row["unadjusted"]]
    pairs = [(Decimal(row["unadjusted"]), Decimal(row["adjusted"])) for row in rows]
    flow = PARAMETERS["FLOW"]
    for first in (0, 800, 1700):
        factor = recorded_factor(flow, pairs[first : first + 10])
        assert factor is not None
        assert factor == Decimal("1.063")
        assert all(adjusted(flow, before, factor).value == after for before, after in pairs)


@pytest.mark.parametrize(
    ("words", "name", "keys", "count"),
    [
        (
            ["qa", "rata"],
            records.RATA,
            {
                "test",
                "relative_accuracy",
                "mean_difference",
                "standard_deviation",
                "confidence_coefficient",
                "t_value",
                "bias_adjustment_factor",
            },
            12,
        ),
        (["qa", "linearity"], records.LINEARITY, {"test", "gas_level", "percent_error"}, 40),
        (["qa", "calibration"], records.CALIBRATION, {"level", "calibration_error"}, 235),
        (["cems", "bias"], records.BIAS, {"adjusted"}, 1792),
    ],
)
def test_the_commands_do_without_what_was_reported(
    *,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    name: str,
    keys: set[str],
    count: int,
) -> None:
    rows = list(records.rows_of(folder / name))
    kept = [column for column in rows[0] if not column.startswith("reported_")]
    with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    assert main([*words, str(tmp_path / name), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == count
    assert all(keys <= set(line) for line in lines)
