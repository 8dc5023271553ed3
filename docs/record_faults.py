"""Record the table of docs/journal-faults.md again: run the tests behind it, and write what they measured.

    .venv/bin/python docs/record_faults.py          the short form, minutes
    .venv/bin/python docs/record_faults.py --soak   the long form, an hour and more

A test puts what it measured into its report as the property ``journal fault``; tests of one fault become one row.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "journal-faults.md"
TESTS = "test_fault_journal_*.py"
TABLE = re.compile(r"(?<=<!-- recorded -->\n).*(?=<!-- end of what is recorded -->)", re.DOTALL)
HEAD = ("fault", "how", "samples", "killed", "sent again", "lost", "altered", "duplicated", "not yet committed", "seen")
SEEN = {
    "quarantined": "{:.0f} set aside, each with its answer",
    "evicted": "{:.0f} deleted, on record",
    "damaged": "{:.0f} unreadable, on record",
    "held": "{:.0f} held until their time had come",
    "requests": "{:.0f} requests meanwhile",
    "latest": "new samples there after {:.1f} s at the latest",
    "recovered_in": "kept again after {:.1f} s",
}


def main() -> None:
    """Raises SystemExit: a test failed, and the page stays as it is."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--soak", action="store_true", help="the long form")
    rows = measured(soak=given.parse_args().soak)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub("\n".join(table(rows)) + "\n", text), encoding="utf-8")


def measured(*, soak: bool) -> list[dict[str, Any]]:
    """Run the tests; what each put down."""
    files = sorted(str(path) for path in (ROOT / "tests" / "faults").glob(TESTS))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *files, f"--junitxml={report}", *(["-m", "soak"] if soak else [])]
        done = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603  # our own tests
        if done.returncode:
            sys.exit("the page stays as it is: not every test passed")
        return list(read(report))


def read(report: Path) -> Iterator[dict[str, Any]]:
    """What tests put down in a JUnit report."""
    for each in ET.parse(report).iter("property"):  # noqa: S314  # pytest has just written it
        if each.get("name") == "journal fault":
            yield json.loads(each.get("value", ""))


def table(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Markdown: a row for each fault."""
    faults: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        faults.setdefault(row["fault"], []).append(row)
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    for fault, same in sorted(faults.items()):
        how = f"{len(same)} x {same[0]['how']}" if len(same) > 1 else same[0]["how"]
        sums = [sum(row[name] for row in same) for name in ("samples", "kills", "replayed")]
        sums += [sum(row[name] for row in same) for name in ("lost", "altered", "duplicated")]
        sums.append(max(row["unkept"] for row in same))
        numbers = " | ".join(f"{each:,}".replace(",", " ") for each in sums)
        yield f"| {fault} | {how} | {numbers} | {seen(same)} |"


def seen(rows: Iterable[Mapping[str, Any]]) -> str:
    """What else was seen, in words; of several tests the most."""
    most = {name: max((row[name] for row in rows if row.get(name)), default=0) for name in SEEN}
    return "; ".join(words.format(most[name]) for name, words in SEEN.items() if most[name])


if __name__ == "__main__":
    main()
