"""The same journal gives the same ledger, byte for byte, under each Python that the project runs on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hours_writer
import stack_hours
from stack_hours import journal, samples

ROOT = Path(__file__).resolve().parents[2]
HOURS = 3
NEEDS = ("msgspec", "yaml")


def interpreter(version: str) -> Path:
    """A Python of *version* that has what closing hours needs; else the test is skipped."""
    own = ROOT / ".greenops" / "pythons" / version
    found = [own / "bin" / "python", *map(Path, filter(None, [shutil.which(f"python{version}")]))]
    for each in found:
        command = (str(each), "-c", f"import sys, {', '.join(NEEDS)}; assert sys.version.startswith('{version}.')")
        if each.exists() and not subprocess.run(command, capture_output=True, check=False).returncode:
            return each
    pytest.skip(
        f"there is no Python {version} with msgspec and PyYAML; make one: "
        f"python{version} -m venv {own} && {own}/bin/pip install msgspec pyyaml"
    )


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_ledger_has_the_same_bytes(tmp_path: Path, version: str) -> None:
    other = interpreter(version)
    first = stack_hours.start()
    with journal(tmp_path / "journal", range(first, first + HOURS), lambda hour: samples(hour, 240.0)):
        pass
    paths = os.pathsep.join(str(ROOT / part) for part in ("exporter", "gateway", "tests"))
    for python, name in ((sys.executable, "own"), (str(other), "other")):
        command = (python, hours_writer.__file__, "close", str(tmp_path / "journal"), str(tmp_path / name), str(HOURS))
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": paths}, timeout=60)
    (own,), (theirs,) = (sorted((tmp_path / name / "stack-1").glob("*.jsonl")) for name in ("own", "other"))
    assert own.read_bytes() == theirs.read_bytes()
    assert len(own.read_bytes().splitlines()) == HOURS
