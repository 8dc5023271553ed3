"""The pages that docs/record.py records: each example is accepted, and each command is there."""

from __future__ import annotations

import importlib.util
import re
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

from generated.spoken import ROOT
from greenops_gateway.configuration import load
from self_signed import self_signed

RECORDED = ("docs/connect-a-device.md", "docs/commissioning.md")
COMMANDS = {
    "The plant": ("simulate", "check"),
    **dict.fromkeys(("Modbus", "OPC UA", "MQTT", "DNP3"), ("explain", "probe", "read", "scan", "watch")),
}


@pytest.fixture(scope="module")
def record() -> ModuleType:
    """docs/record.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("record", ROOT / "docs/record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_every_example_of_a_configuration_is_accepted(
    record: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = record.Shelter(tmp_path, ExitStack())
    for block in record.BLOCK.finditer(text("docs/connect-a-device.md")):
        here.keep(block["kind"], block["body"])
    made = self_signed(tmp_path)
    for name, source in (
        ("authority.pem", made.certificate),
        ("gateway.pem", made.certificate),
        ("gateway.key", made.key),
    ):
        (tmp_path / name).write_bytes(Path(source).read_bytes())
    monkeypatch.chdir(tmp_path)
    for name in ("MQTT_PASSWORD", "OPCUA_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    examples = [path for path in sorted(tmp_path.glob("*.yml")) if "\nlinks:" in path.read_text(encoding="utf-8")]
    assert {way.protocol.name for path in examples for way in load(path).ways} == {"modbus", "opcua", "mqtt", "dnp3"}


@pytest.mark.parametrize("page", RECORDED)
def test_whatever_is_run_ends_in_words(page: str) -> None:
    assert not re.search(r"Traceback|Error: ", text(page))


@pytest.mark.parametrize("page", RECORDED)
def test_no_recorded_block_is_empty(record: ModuleType, page: str) -> None:
    assert [
        block.start() for block in record.BLOCK.finditer(text(page)) if block["kind"] == "text" and not block["body"]
    ] == []


@pytest.mark.parametrize(("protocol", "commands"), COMMANDS.items(), ids=COMMANDS)
def test_each_command_is_recorded_with_each_protocol(protocol: str, commands: tuple[str, ...]) -> None:
    section = text("docs/commissioning.md").partition(f"\n## {protocol}\n")[2].partition("\n## ")[0]
    assert [command for command in commands if f"\ngreenops-gateway {command} " not in section] == []


def test_a_page_is_recorded_block_by_block(record: ModuleType, tmp_path: Path) -> None:
    page = (
        "```conf\n# greeting.conf\nhello\n```\n\n```sh\ncat greeting.conf\nfalse\n```\n\n```text\nold\n```\n\n"
        "Prose.\n\n```text\nnot recorded\n```\n\n```console\nrm -r everything\n```\n"
    )
    told = record.recorded(page, record.Shelter(tmp_path, ExitStack()))
    assert told == page.replace("old\n", "# greeting.conf\nhello\n[exit code 1]\n")
