"""The command line of quality assurance: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from greenops_gateway.cli import main

RATA = "test,cem_value,reference_value\n" + "".join(f"A,{98 + each % 2},100\n" for each in range(9))
CALIBRATION = "level,span,reference_value,measured_value\nzero,100,0,0.4\nupscale,21,20.9,21.2\nupscale,100,55,71\n"
LINEARITY = "test,gas_level,reference_value,measured_value\n" + "B,LOW,25,24\nB,HIGH,90,90\n" * 3
BIAS = "parameter,unadjusted,bias_adjustment_factor\nFLOW,11084000,1.063\nSO2C,100.05,1.111\nO2C,5.5,\n"

File = Any


@pytest.fixture
def file(tmp_path: Path) -> File:
    def write(text: str, name: str = "records.csv") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def answered(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[dict[str, Any]]:
    assert main([*words, "--json"]) == code
    return [json.loads(line, parse_float=Decimal) for line in capsys.readouterr().out.splitlines()]


def test_an_audit_is_one_object(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = answered(capsys, "qa", "rata", file(RATA))
    assert found == {
        "test": "A",
        "relative_accuracy": Decimal("1.96"),
        "mean_difference": Decimal("1.55556"),
        "standard_deviation": Decimal("0.52705"),
        "confidence_coefficient": Decimal("0.40512"),
        "t_value": Decimal("2.306"),
        "bias_adjustment_factor": Decimal("1.016"),
        "system": "NOXC",
        "runs_used": 9,
        "result": "PASSED",
        "quarters": 4,
        "why": "RA 2.0 % <= 7.5 %",
    }


def test_numbers_are_written_with_the_decimals_they_are_reported_with(
    file: File, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["qa", "rata", file("test,cem_value,reference_value\n" + "A,100,100\n" * 9), "--json"])
    assert '"mean_difference": 0.00000, ' in (out := capsys.readouterr().out)
    assert '"bias_adjustment_factor": 1.000, ' in out


def test_levels_rows_and_hours_come_in_order(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    levels = answered(capsys, "qa", "linearity", file(LINEARITY))
    assert [(each["test"], each["gas_level"], each["percent_error"]) for each in levels] == [
        ("B", "LOW", Decimal("4.0")),
        ("B", "HIGH", Decimal("0.0")),
    ]
    rows = answered(capsys, "qa", "calibration", file(CALIBRATION))
    assert [(each["level"], each["calibration_error"], each["unit"], each["result"]) for each in rows] == [
        ("zero", Decimal("0.4"), "% of span", "PASSED"),
        ("upscale", Decimal("0.3"), "% volume", "PASSED"),
        ("upscale", Decimal("16.0"), "% of span", "FAILED"),
    ]
    hours = answered(capsys, "cems", "bias", file(BIAS))
    assert [(each["adjusted"], each["factor_from"]) for each in hours] == [
        (11782000, "row"),
        (Decimal("111.2"), "row"),
        (Decimal("5.5"), "never adjusted"),
    ]


def test_a_factor_comes_from_the_row_the_option_the_records_or_is_one(
    file: File, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    head = "parameter,unadjusted,bias_adjustment_factor,adjusted,modc\n"
    rows = "SO2C,100,1.200,,01\nSO2C,100,,105.0,01\nSO2C,200,,210.0,01\nSO2C,50,,,06\nSO2C,0.5,,,16\nSO2C,,,,12\n"
    records = file(head + rows)
    found = answered(capsys, "cems", "bias", records)
    assert [each["adjusted"] for each in found] == [
        *map(Decimal, ("120.0", "105.0", "210.0")),
        None,
        Decimal("2.0"),
        None,
    ]
    assert [each["factor_from"] for each in found][:3] == ["row", "records", "records"]
    assert [each["why"] for each in found][3:] == [
        "a substitute by method 06",
        "method 16 sets it",
        "no unadjusted value",
    ]
    found = answered(capsys, "cems", "bias", records, "--factor", "SO2C=1.100")
    assert [each["adjusted"] for each in found][:3] == [*map(Decimal, ("120.0", "110.0", "220.0"))]
    assert not caplog.records
    (bare,) = answered(capsys, "cems", "bias", file("parameter,unadjusted\nNOXC,40\n"))
    assert (bare["adjusted"], bare["factor_from"]) == (Decimal("40.0"), "none known")
    assert "1 rows of NOXC have no bias_adjustment_factor; 1.000 is taken" in caplog.text


def test_a_negative_value_counts_as_nothing_and_some_parameters_are_never_adjusted(
    file: File, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "SO2C,-5,1.100,01\nSO2C,-0.1,1.100,\nSO2C,-5,1.100,06\nCO2C,10.0,1.100,01\nO2C,5.05,1.063,01\n"
    found = answered(capsys, "cems", "bias", file("parameter,unadjusted,bias_adjustment_factor,modc\n" + rows))
    assert [each["adjusted"] for each in found] == [0, 0, None, Decimal("10.0"), Decimal("5.1")]
    assert [each["why"] for each in found[:2]] == ["negative: counts as 0 (method 21)"] * 2
    assert [each["factor_from"] for each in found[3:]] == ["never adjusted"] * 2


def test_a_flag_may_be_a_word_or_a_number_with_a_decimal(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    head = "test,cem_value,reference_value,used\n"
    rows = [
        "A,99,100,1",
        "A,98,100,1.0",
        "A,97,100,true",
        "A,50,100,0",
        "A,50,100,0.0",
        "A,50,100,NotUsed",
        "A,96,100,",
    ]
    (found,) = answered(capsys, "qa", "rata", file(head + "\n".join(rows)))
    assert (found["runs_used"], found["mean_difference"]) == (4, Decimal("2.5"))


def test_daily_limits_are_wider(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    records = file("level,span,reference_value,measured_value\nupscale,500,250,270\n")
    assert [answered(capsys, "qa", "calibration", records, *option)[0]["result"] for option in ((), ("--daily",))] == [
        "FAILED",
        "PASSED",
    ]


@pytest.mark.parametrize(
    ("options", "factor", "result"),
    [
        pytest.param([], "1.111", "FAILED", id="a low emitter"),
        pytest.param(["--no-low-emitter"], "1.250", "FAILED", id="without its option"),
        pytest.param(["--system", "hcl"], "1.000", "PASSED", id="HCl is not adjusted"),
        pytest.param(["--system", "FLOW", "--stack-area", "0.003"], "1.250", "PASSAPS", id="9.3 ft/s, 1.9 off"),
    ],
)
def test_what_is_audited_may_be_told(
    file: File, capsys: pytest.CaptureFixture[str], options: Sequence[str], factor: str, result: str
) -> None:
    records = file("test,cem_value,reference_value\n" + "A,80,100\n" * 9)
    (found,) = answered(capsys, "qa", "rata", records, *options)
    assert (str(found["bias_adjustment_factor"]), found["result"]) == (factor, result)


def test_a_failed_test_is_a_result_unless_asked_to_be_strict(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    records = file(CALIBRATION)
    assert main(["qa", "calibration", records]) == 0
    assert main(["qa", "calibration", records, "--strict"]) == 1
    assert main(["qa", "rata", file(RATA), "--strict"]) == 0
    assert "1 FAILED, 2 PASSED" in capsys.readouterr().out


def test_for_people_there_is_a_table_and_the_working(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["qa", "calibration", file(CALIBRATION), "--explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:7] == [
        "2 zero SO2/NOX 100 0 0.4 0.4 % of span PASSED",
        "CE = |R - A| / S * 100 (equation A-5; 40 CFR 75 Appendix A, 3.1)",
        "  R = 0",
        "  A = 0.4",
        "  S = 100",
        "  |0 - 0.4| / 100 * 100 = 0.400",
        "  = 0.4 % of span, rounded half up to 1 decimal",
    ]
    assert lines[-4:] == [
        "2     zero     SO2/NOX    100   0          0.4       0.4    % of span  PASSED",
        "3     upscale  CO2/O2     21    20.9       21.2      0.3    % volume   PASSED",
        "4     upscale  SO2/NOX    100   55         71        16.0   % of span  FAILED",
        "1 FAILED, 2 PASSED",
    ]
    (found,) = answered(capsys, "qa", "rata", file(RATA), "--explain")
    assert len(found["working"]) == 5


TESTS = "test,cem_value,reference_value"


@pytest.mark.parametrize(
    ("words", "text", "messages"),
    [
        pytest.param(["qa", "rata"], "", ["is empty; its first line names the columns"], id="empty"),
        pytest.param(["qa", "rata"], f"{TESTS}\n", ["has no rows below its header"], id="header alone"),
        pytest.param(
            ["qa", "rata"],
            "test,cem_vale,extra,extra\nA,1,2,3\n",
            [
                "line 1: column 'extra' is there twice",
                "line 1: no column 'cem_value'; did you mean 'cem_vale'?",
                "line 1: no column 'reference_value'",
            ],
            id="columns",
        ),
        pytest.param(
            ["qa", "rata"],
            f"{TESTS},used\nA,x,100,1\nA,\u0661,1_0,maybe\nA,,1e99,1\nA,nan,123456789012345678901,0\n",
            [
                "line 2, column 'cem_value': 'x' is not a number; write it like 1234.5",
                "line 3, column 'cem_value': '\u0661' is not a number",
                "line 3, column 'reference_value': '1_0' is not a number",
                "line 3, column 'used': 'maybe' is not known; known: 0, 0.0, 1, 1.0, NOTUSED, RUNUSED, false, true",
                "line 4, column 'cem_value': a number is missing",
                "line 4, column 'reference_value': 1e99 is beyond what can be measured",
                "line 5, column 'cem_value': 'nan' is not a number",
                "line 5, column 'reference_value': 123456789012345678901 is beyond what can be measured",
            ],
            id="cells, all of them at once",
        ),
        pytest.param(
            ["qa", "rata"],
            f"{TESTS}\nA,1\nB,1,2,3\n",
            ["line 2: 2 cells; the header has 3 columns", "line 3: 4 cells"],
            id="ragged",
        ),
        pytest.param(["qa", "rata"], f'{TESTS}\n"A,1,2\n', ["line 2: no CSV: unexpected end of data"], id="no CSV"),
        pytest.param(
            ["qa", "rata"],
            "test;cem_value;reference_value\nA;1;1\n",
            ["line 1: columns are separated by ';'; export it with commas"],
            id="semicolons",
        ),
        pytest.param(
            ["qa", "rata"],
            f"{TESTS},run\nA,1,1,1\nA,1,1,2\nB,1,1,1\n,1,1,3\nA,1,1,1\nA,1,1,\nA,1,1,\n",
            ["line 5, column 'test': the test has no name", "line 6, column 'run': run 1 of test A stands on line 2"],
            id="a run that is there twice, and one of no test",
        ),
        pytest.param(
            ["qa", "linearity"],
            "test,gas_level,injection,reference_value,measured_value\nA,LOW,1,5,5\nA,MID,1,9,9\nA,low,1,5,6\n",
            ["line 4, column 'injection': injection 1 of test A, level LOW stands on line 2 already"],
            id="an injection that is there twice",
        ),
        pytest.param(
            ["qa", "rata"],
            f"{TESTS},system\nA,1,1,FLOW\nA,1,1,NOXX\nA,1,1,O2\nB,0,0,\n",
            [
                "line 3, column 'system': 'NOXX' is not known; did you mean 'NOX",
                "line 4, column 'system': test A began with",
            ],
            id="systems",
        ),
        pytest.param(
            ["qa", "rata"],
            f"{TESTS}\nA,1,1\nB,0,0\nB,0,0\nC,1e15,1e-15\nC,1e15,1e-15\nC,-1e15,1e-15\n",
            [
                "line 2: test A: 1 of its runs used",
                "line 3: test B: the mean of the reference method is above zero, not 0",
                "line 5: test C: its values are too far apart to be computed with",
            ],
            id="tests that cannot be computed",
        ),
        pytest.param(["qa", "rata", "--system", "NOXX"], RATA, ["--system: 'NOXX' is not known"], id="option"),
        pytest.param(["qa", "rata", "--stack-area", "-3"], RATA, ["--stack-area: '-3' is no area in ft2"], id="area"),
        pytest.param(["qa", "rata", "--stack-area", "big"], RATA, ["--stack-area: 'big' is no area in ft2"], id="word"),
        pytest.param(
            ["qa", "linearity"],
            "test,gas_level,reference_value,measured_value,component\nA,MED,1,1,\nA,,1,1,SO2\nA,LOW,1,1,FLOW\n",
            [
                "line 2, column 'gas_level': 'MED' is not known; did you mean 'MID'?",
                "line 3, column 'gas_level': a level is missing; one of LOW, MID, HIGH",
                "line 4, column 'component': 'FLOW' is not known",
            ],
            id="linearity",
        ),
        pytest.param(
            ["qa", "linearity"],
            "test,gas_level,reference_value,measured_value,component\nA,LOW,1,1,SO2\nA,LOW,1,1,O2\n",
            ["line 3, column 'component': test A began with another one"],
            id="components",
        ),
        pytest.param(
            ["qa", "linearity"],
            "test,gas_level,reference_value,measured_value\nA,LOW,0,1\nA,MID,-1,1\n",
            [
                "line 2: test A, level LOW: the mean reference value is above zero, not 0.000",
                "line 3: test A, level MID: the mean reference value is above zero, not -1.000",
            ],
            id="levels that cannot be computed",
        ),
        pytest.param(
            ["qa", "calibration"],
            "level,span,reference_value,measured_value\nzerro,0,1,1\nzero,1e-15,0,1e15\n",
            [
                "line 2, column 'level': 'zerro' is not known; did you mean 'zero'?",
                "line 2, column 'span': 0 is not above zero",
                "line 3: span and values are too far apart to be computed with",
            ],
            id="calibration",
        ),
        pytest.param(
            ["cems", "bias"],
            "parameter,unadjusted,bias_adjustment_factor\nFLO,1,1.0\n,1,1.0\nFLOW,1,0.9\nFLOW,1,x\nFLOW,1,2\n",
            [
                "line 2, column 'parameter': 'FLO' is not known; did you mean 'FLOW'?",
                "line 3, column 'parameter': a parameter is missing; one of SO2C",
                "line 4, column 'bias_adjustment_factor': 0.9 is not from 1 to 2",
                "line 5, column 'bias_adjustment_factor': 'x' is not a number",
                "line 6, column 'bias_adjustment_factor': 2 is not from 1 to 2",
            ],
            id="bias",
        ),
        pytest.param(
            ["cems", "bias", "--factor", "FLO=1.1"], BIAS, ["--factor: 'FLO' is no parameter"], id="factor of"
        ),
        pytest.param(
            ["cems", "bias", "--factor", "FLOW=x"], BIAS, ["--factor: 'x' is no factor from 1 to 2"], id="factor"
        ),
    ],
)
def test_every_mistake_is_told_with_line_column_and_value(
    file: File, capsys: pytest.CaptureFixture[str], words: list[str], text: str, messages: list[str]
) -> None:
    assert main([*words[:2], file(text), *words[2:]]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert [message for message in messages if message not in err] == []
    assert len(err.splitlines()) == len(messages), err


def test_a_file_that_is_no_text_or_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binary.csv").write_bytes(b"test,\xff\n")
    assert main(["qa", "rata", str(tmp_path / "binary.csv")]) == 2
    assert main(["qa", "rata", str(tmp_path / "none.csv")]) == 2
    err = capsys.readouterr().err
    assert "binary.csv is no text in UTF-8: invalid start byte at byte 5" in err
    assert "none.csv cannot be read: No such file or directory" in err


def test_a_byte_order_mark_and_spaces_do_no_harm(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    records = file("\ufefflevel, span, reference_value, measured_value\n\nZero , 100 , 0 , 0.4\n")
    (found,) = answered(capsys, "qa", "calibration", records)
    assert found["calibration_error"] == Decimal("0.4")


@pytest.mark.parametrize("words", [["qa", "--help"], ["qa", "rata", "--help"], ["cems", "bias", "--help"]])
def test_help_teaches(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    assert ".csv" in capsys.readouterr().out
