"""The sections journal and sinks of gateway.yml: the page is right, what is doubtful is told, and none is none."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from greenops_gateway.commissioning import warnings
from greenops_gateway.configuration import load, parse
from stack import ROOT, free_port


def content(**sections: object) -> dict[str, Any]:
    """A device that is not there, and *sections*."""
    device = {"name": "d", "link": "l", "unit": 1, "stack": "s", "points": [{"name": "x", "at": 7, "unit": "mg/m3"}]}
    link = {"protocol": "modbus", "host": "127.0.0.1", "port": free_port()}
    return {"site": "plant", "links": {"l": link}, "devices": [device], **sections}


def test_check_warns_of_directories_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sinks = {name: {"kind": "jsonl", "directory": str(tmp_path / name)} for name in ("new", "file")}
    raw = content(journal={"directory": str(tmp_path / "file" / "below")}, sinks=sinks)
    path = tmp_path / "gateway.yml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    assert list(warnings(load(path))) == [
        f"journal: {tmp_path / 'file'} is no directory",
        f"sink file: {tmp_path / 'file'} is no directory",
    ]


def test_every_section_of_the_page_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("word")
    monkeypatch.setenv("MIMIR_TENANT", "north")
    page = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")
    page = page.replace("/run/secrets/mimir", f"{tmp_path}/secret")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    assert len(blocks) >= 5
    for block in blocks:
        assert block.keys() <= {"journal", "sinks"}
        assert parse(content(**{"journal": {"directory": "j"}, **block}), Path()).sinks.keys() == block["sinks"].keys()


def loaded(names: Iterable[str]) -> set[str]:
    """Those of *names* that only a journal needs."""
    return {name for name in names if name == "sqlite3" or name.endswith((".journal.store", ".delivery.deliver"))}


def test_without_a_journal_nothing_of_it_is_loaded_or_written(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(yaml.safe_dump(content()), encoding="utf-8")
    script = (
        "import asyncio, sys, logging; from pathlib import Path\n"
        "logging.basicConfig(level='INFO', format='%(message)s')\n"
        "from greenops_core.address import address; from greenops_gateway import cli\n"
        "from greenops_gateway.configuration import load; from greenops_gateway.gateway import running\n"
        "async def run():\n"
        "    async with running(load(Path('gateway.yml')), address(sys.argv[1])): await asyncio.sleep(0.1)\n"
        "asyncio.run(run()); print(*sys.modules)\n"
    )
    command = [sys.executable, "-c", script, f"127.0.0.1:{free_port()}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert loaded(done.stdout.split()) == set()
    assert done.stderr.count("no journal is kept") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["gateway.yml"]
