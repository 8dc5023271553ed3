"""Reports as PDF, CSV and JSON: whole, the same bytes each time, in any alphabet that the font has."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_gateway.cli import main
from greenops_gateway.regulatory.chart import drawn, steps
from greenops_gateway.regulatory.document import (
    BarChart,
    Column,
    Document,
    Fact,
    Facts,
    Line,
    LineChart,
    Notes,
    Part,
    Provenance,
    Table,
)
from greenops_gateway.regulatory.hours_file import HoursFile, write
from greenops_gateway.regulatory.pdf import Font, as_pdf
from greenops_gateway.regulatory.period import period
from greenops_gateway.regulatory.tables import as_csv, as_json
from made_hours import plant

D = Decimal
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
COLUMNS = (Column("hour", "Hour"), Column("value", "Value", "ppm"), Column("why", "Why", width=40))


EXAMPLES = Path(__file__).parents[2] / "docs/examples"


def document(*parts: Part, made: str = "") -> Document:
    return Document("excess", "A report", "Riverside", "2026-Q1", parts, Provenance("a" * 64, "b" * 64, "0.1.0", made))


def everything() -> Document:
    rows = tuple((f"2026-01-{day:02}", D("21.40"), 'pump, <tripped> & "mended"') for day in range(1, 29))
    values = tuple(None if at % 7 == 3 else D(at) / 10 for at in range(60))
    return document(
        Facts("source", "Source", (Fact("name", "Name", "Riverside"), Fact("t", "Total", D("1234.50"), "t CO2e"))),
        Table("long", "A long table", COLUMNS, (*rows, ("Total", D("599.20"), "")), totals=1),
        Table("none", "An empty one", COLUMNS, (), empty="There was none."),
        LineChart(
            "Curves", tuple(map(str, range(60))), (Line("NOx", values), Line("CO", values[::-1])), "ppm", D("4.5")
        ),
        BarChart("Bars", (("one", D("12.5")), ("two", D(0)), ("less", D("-3"))), "h"),
        Notes("Notes", ("First.", "Second.\nwith a line end")),
    )


def pages(content: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", content))


def test_a_document_with_every_part_is_written_the_same_each_time() -> None:
    first = as_pdf(everything())
    assert first == as_pdf(everything())
    assert first.startswith(b"%PDF-")
    assert pages(first) == 2


def test_another_process_writes_the_same_bytes() -> None:
    program = "import sys, test_pdf; sys.stdout.buffer.write(test_pdf.as_pdf(test_pdf.everything()))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == as_pdf(everything())


def test_the_day_on_which_it_was_made_is_printed_only_when_said() -> None:
    assert as_pdf(document()) != as_pdf(document(made="2026-04-12"))
    assert b"2026" not in (re.search(rb"/CreationDate \(([^)]*)\)", as_pdf(document())) or [b"", b""])[1]


def test_letters_are_embedded() -> None:
    content = as_pdf(everything())
    assert len(re.findall(rb"/FontFile2", content)) == 2
    assert all(b"Vera" in name for name in re.findall(rb"/FontName /(\S+)", content))


def test_a_letter_that_the_font_lacks_is_an_error_and_never_a_box() -> None:
    with pytest.raises(
        ConfigError, match=r"the font has no 'ř', which stands in 'Dvořák'; give one that has with --font"
    ):
        as_pdf(document(Notes("By", ("Dvořák",))))


@pytest.mark.skipif(not DEJAVU.exists(), reason="this machine has no DejaVu fonts, which have more letters than ours")
def test_another_font_has_other_letters() -> None:
    assert as_pdf(document(Notes("By", ("Dvořák, Иванов",))), Font(DEJAVU, DEJAVU)).startswith(b"%PDF-")


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere.ttf"])
def test_what_is_no_font_is_told(path: str) -> None:
    with pytest.raises(ConfigError, match="is no TrueType font that can be embedded"):
        as_pdf(document(), Font(Path(path), Path(path)))


def test_without_the_library_the_extra_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['reportlab'] = None\n"
        "from greenops_gateway.regulatory import making\n"
        "from greenops_core.errors import ConfigError\n"
        "try:\n    making._pdf(None, None)\n"
        "except ConfigError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert "pip install 'greenops[reports]'" in done.stdout


def test_machines_get_the_digits_and_no_total_twice() -> None:
    tables, told = as_csv(everything()), json.loads(as_json(everything()), parse_float=Decimal)
    rows = list(csv.reader(StringIO(tables["long"].decode())))
    assert rows[0] == ["hour", "value (ppm)", "why"]
    assert rows[1] == ["2026-01-01", "21.40", 'pump, <tripped> & "mended"']
    assert len(rows) == 29
    assert len(told["tables"]["long"]["rows"]) == 28
    assert str(told["tables"]["long"]["rows"][0]["value"]) == "21.40"
    assert told["tables"]["none"] == {"units": {"value": "ppm"}, "rows": []}
    assert str(told["figures"]["source"]["t"]["value"]) == "1234.50"


cells = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9),
    st.decimals(-(10**6), 10**6, places=3),
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), max_size=30))
def test_any_table_becomes_pages_and_comes_back_from_json(rows: list[tuple[object, ...]]) -> None:
    made = document(Table("t", "Any", COLUMNS, tuple(rows)))  # type: ignore[arg-type]  # cells are
    assert as_pdf(made).startswith(b"%PDF-")
    told = json.loads(as_json(made), parse_float=Decimal)["tables"]["t"]["rows"]
    keys = [column.key for column in COLUMNS]
    expected = [[each.isoformat() if isinstance(each, date) else each for each in row] for row in rows]
    assert [[row[key] for key in keys] for row in told] == expected


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e6))
def test_the_marks_of_an_axis_enclose_the_values_and_are_few(low: float, spread: float) -> None:
    marks = steps(low, low + spread)
    assert marks[0] <= low + spread / 1000
    assert marks[-1] >= low + spread - spread / 1000
    assert 2 <= len(marks) <= 13


@pytest.mark.parametrize(
    "chart",
    [
        pytest.param(LineChart("x", (), (), "ppm"), id="no curve"),
        pytest.param(LineChart("x", ("a",), (Line("l", (D(1),)),), "ppm"), id="one value"),
        pytest.param(LineChart("x", ("a", "b"), (Line("l", (None, None)),), "ppm", D(5)), id="no value"),
        pytest.param(BarChart("x", (), "h"), id="no bar"),
        pytest.param(BarChart("x", (("a", D(0)),), "h"), id="a bar of nothing"),
    ],
)
def test_a_chart_of_hardly_anything_is_drawn(chart: LineChart | BarChart) -> None:
    assert drawn(chart, "Helvetica", 400).width == 400


def test_a_gap_breaks_the_curve() -> None:
    def curves(*values: Decimal | None) -> int:
        chart = LineChart("x", tuple("abcde"), (Line("l", values),), "ppm")
        return sum(type(shape).__name__ == "PolyLine" for shape in drawn(chart, "Helvetica", 400).contents)

    assert curves(D(1), D(2), D(3), D(4), D(5)) == 1
    assert curves(D(1), D(2), None, D(4), D(5)) == 2


@pytest.mark.parametrize(("kind", "of"), [("excess", "2026-Q1"), ("ets", "2026"), ("iso14064", "2026")])
def test_the_examples_of_the_documentation_make_reports(tmp_path: Path, kind: str, of: str) -> None:
    hours, config = tmp_path / "hours.jsonl", EXAMPLES / f"report-{kind}.yml"
    write(hours, HoursFile(tuple(plant(period(of).hours))))
    words = ["--period", of, "--hours", str(hours), "--config", str(config), "--output", str(tmp_path)]
    assert main(["report", kind, *words, "--format", "json"]) == 0
    assert json.loads((tmp_path / f"{of}-{kind}.json").read_bytes())["report"] == kind
