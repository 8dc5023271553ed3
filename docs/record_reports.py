"""Makes the reports of the examples from a made-up year, and pictures of their pages for docs/reports.md.

python docs/record_reports.py [FOLDER]     into docs/pictures unless a folder is named; needs: pip install pypdfium2
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

from greenops_gateway.cli import main as gateway
from greenops_gateway.regulatory.hours_file import HoursFile, write
from greenops_gateway.regulatory.period import period

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
SHOWN = {"excess": ("2026-Q1", (0, 1)), "ets": ("2026", (0, 1)), "iso14064": ("2026", (0, 1))}
"""Reports, their periods, and the pages that the documentation shows."""
SCALE = 1.1
COLOURS = 32


def main() -> None:
    from made_hours import plant  # noqa: PLC0415  # it lies with the tests

    pypdfium2 = import_module("pypdfium2")  # no requirement: for whoever makes pictures
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/pictures"
    with tempfile.TemporaryDirectory() as folder:
        hours = Path(folder) / "hours.jsonl"
        write(hours, HoursFile(tuple(plant(period("2026").hours))))
        for kind, (of, pages) in SHOWN.items():
            config = ROOT / f"docs/examples/report-{kind}.yml"
            words = ["--period", of, "--hours", str(hours), "--config", str(config), "--output", folder]
            if gateway(["report", kind, *words, "--format", "pdf"]):
                sys.exit(f"{config} makes no report")
            document = pypdfium2.PdfDocument(Path(folder) / f"{of}-{kind}.pdf")
            for number in pages:
                picture = document[number].render(scale=SCALE).to_pil().quantize(COLOURS)
                picture.save(into / f"report-{kind}-{number + 1}.png", optimize=True)
            document.close()


if __name__ == "__main__":
    main()
