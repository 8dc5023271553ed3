"""Closed hours as JSON Lines: read back digit by digit, and every mistake with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ecmps_quarter as example
from greenops_core.errors import ConfigError
from greenops_gateway.regulatory.hours_file import HoursFile, lines, read, write


def test_what_is_written_reads_back_digit_by_digit(tmp_path: Path) -> None:
    made = example.few()
    calibrations = (*made.tests, made.tests[0]._replace(result="ABORTED", upscale=None, cylinder=None))
    file = HoursFile(made.hours, made.reported, calibrations)
    write(tmp_path / "hours.jsonl", file)
    again = read(tmp_path / "hours.jsonl")
    assert again == file
    assert list(lines(again)) == list(lines(file))
    assert [path.name for path in tmp_path.iterdir()] == ["hours.jsonl"]


def test_a_line_needs_no_more_than_is_known(tmp_path: Path) -> None:
    path = tmp_path / "hours.jsonl"
    path.write_text(
        '\n{"closed": {"hour": "2026-01-31T09", "operating_time": 0.25, "measured": {"SO2C": {"value": 1.50}}}}\n'
    )
    (closed,) = read(path).hours
    assert (str(closed.operating_time), closed.load, closed.is_startup) == ("0.25", None, False)
    assert (str(closed.measured["SO2C"].value), closed.measured["SO2C"].unadjusted) == ("1.50", None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "Input data was truncated"),
        ("{}", "a line has one key: closed, reported or calibration"),
        ('{"closed": {"hour": "2026-01-31 9", "operating_time": 1}}', "'2026-01-31 9' is no hour"),
        (
            '{"closed": {"hour": "2026-01-31T09", "operating_time": 1.5}}',
            "an operating time of 1.5 is no share of an hour",
        ),
        ('{"closed": {"hour": "2026-01-31T09", "operating_time": "NaN"}}', "NaN is no finite number"),
        ('{"closed": {"hour": "2026-01-31T09", "operating_time": 1, "lod": 3}}', "unknown field `lod`"),
        (
            '{"closed": {"hour": "2026-01-31T09", "operating_time": 1, "measured": {"SO2C": {"value": "Infinity"}}}}',
            "Infinity is no finite number",
        ),
        ('{"reported": {"hour": "2026-01-31T09", "parameter": "SO2C"}}', "missing required field `method`"),
        (
            '{"reported": {"hour": "2026-01-31T09", "parameter": "SO2C", "method": "06", "available": "NaN"}}',
            "NaN is no finite number",
        ),
        (
            '{"calibration": {"component": "S11", "scale": "H", "result": "PASSED", "level": "HIGH"}}',
            "a calibration has an injection",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "hours.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}:2: .*{re.escape(says)}"):
        read(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read(tmp_path / "hours.jsonl")
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        write(tmp_path / "nowhere" / "hours.jsonl", HoursFile(()))
