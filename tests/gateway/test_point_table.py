from __future__ import annotations

from pathlib import Path

import pytest

from greenops_core.errors import ConfigError
from greenops_gateway.vendor_table import Table


def table(tmp_path: Path, content: str) -> Table:
    path = tmp_path / "points.csv"
    path.write_text(content, encoding="utf-8")
    return Table.read(path)


@pytest.mark.parametrize(
    ("content", "points"),
    [
        pytest.param("name,at,unit\nso2,0,mg/m3\n", [{"name": "so2", "at": 0, "unit": "mg/m3"}], id="commas"),
        pytest.param(
            "name;scale\nso2;0,1\nnox;2\n", [{"name": "so2", "scale": 0.1}, {"name": "nox", "scale": 2}], id=";"
        ),
        pytest.param("name\tat\nso2\t40001\n", [{"name": "so2", "at": 40001}], id="tabs"),
        pytest.param("name,at\ncoil,00101\n", [{"name": "coil", "at": "00101"}], id="a leading zero is kept"),
        pytest.param("name,unit\n5,1\n", [{"name": "5", "unit": "1"}], id="names and units are text"),
        pytest.param("name,scale,type\nx,,\n", [{"name": "x"}], id="an empty cell is not given"),
        pytest.param("name,at\n\nx,1\n,\n# y,2\n", [{"name": "x", "at": 1}], id="empty lines and remarks"),
        pytest.param("name,range_low,range_high\nx,-1.5,2e3\n", [{"name": "x", "range": [-1.5, 2000.0]}], id="a range"),
        pytest.param("name,sentinel\nx,-999|-1.5\n", [{"name": "x", "sentinel": [-999, -1.5]}], id="a list"),
        pytest.param('name,note\n"a, b",true\n', [{"name": "a, b", "note": True}], id="quotes"),
        pytest.param("\ufeffname,at\r\nx,1\r\n", [{"name": "x", "at": 1}], id="as a spreadsheet saves it"),
    ],
)
def test_a_vendors_table_becomes_points(tmp_path: Path, content: str, points: list[dict[str, object]]) -> None:
    assert list(table(tmp_path, content).points) == points


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "1: the first line must name the columns, as keys of a point, like name,at,unit", id="empty"),
        pytest.param("so2,1\n", "1: the first line must name the columns", id="no header"),
        pytest.param("name,at,at\n", "1: the column 'at' stands twice", id="twice"),
        pytest.param('name,unit\nx,1\ny,"mg\nz,1\n', "3: unexpected end of data; a quote", id="a quote at the end"),
        pytest.param('name,unit\ny,"mg\n' + 60_000 * "z,1\n", "2: field larger than field limit", id="a quote"),
        pytest.param("name,at\nx,1\ny,2,3\n", "3: 3 cells, but the header names 2", id="too many cells"),
    ],
)
def test_a_table_that_cannot_be_read_names_its_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'points.csv'}:{message}")


def test_a_mistake_in_a_point_is_told_by_the_tables_line(tmp_path: Path) -> None:
    read = table(tmp_path, "name,at\n\nx,1\ny,q\n")
    wrong = [ConfigError("wrong", ("points", 1, "at")), ConfigError("too few", ("points",))]
    assert [str(each) for each in read.located(wrong)] == [
        f"{tmp_path / 'points.csv'}:4: at: wrong",
        f"{tmp_path / 'points.csv'}:1: too few",
    ]


def test_what_is_wrong_in_every_line_is_told_once(tmp_path: Path) -> None:
    read = table(tmp_path, "name,Description\n" + "x,y\n" * 9)
    wrong = [ConfigError("unknown key 'Description'", ("points", index, "Description")) for index in range(9)]
    assert [str(each) for each in read.located([*wrong, ConfigError("too few", ("points", 3, "at"))])] == [
        f"{tmp_path / 'points.csv'}:2: Description: unknown key 'Description'; so in other lines",
        f"{tmp_path / 'points.csv'}:5: at: too few",
    ]
