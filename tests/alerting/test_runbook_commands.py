"""What a runbook tells people to type can be typed: programs, their words and options, and what they must be given."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from greenops_alerting import rules
from greenops_alerting.alertmanager import everybody, render
from greenops_telemetry.configuration import Url
from stack import server

ROOM = Path(rules.__file__).parents[1]
PROGRAMS = r"(?:greenops-[a-z]+|make|amtool|promtool|docker) "
SPAN, BLOCK = rf"`({PROGRAMS}[^`]*)`", rf"^ {{7}}({PROGRAMS}.*)$"
COMMANDS = sorted(
    {
        (path.stem, found)
        for path in (ROOM / "runbooks").glob("*.md")
        for pattern in (SPAN, BLOCK)
        for found in re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    }
)
UNKNOWN = "--no-such-option"


def typed(*programs: str) -> list[object]:
    return [
        pytest.param(command, id=f"{where}: {command}")
        for where, command in COMMANDS
        if any(command.startswith(program) for program in programs)
    ]


@pytest.mark.parametrize("command", typed("greenops-"))
def test_a_program_of_ours_understands(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It would have done it, but for an option that no program has."""
    program, *arguments = shlex.split(command)
    main = import_module(f"{program.replace('-', '_')}.cli").main
    with suppress(SystemExit):
        main([*arguments, UNKNOWN])
    assert capfd.readouterr().err.endswith(f"error: unrecognized arguments: {UNKNOWN}\n")


@pytest.mark.parametrize("command", typed("docker"))
def test_compose_has_the_service(command: str) -> None:
    services = yaml.safe_load((ROOM.parent / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    docker, compose, verb, *options, service = command.split()
    assert (docker, compose) == ("docker", "compose")
    assert (verb, *options) in {("ps",), ("logs",), ("up", "-d")}
    assert service in services


def test_amtool_does_what_it_is_asked(alertmanager: Callable[..., str]) -> None:
    url = alertmanager(render(everybody(Url("http://127.0.0.1:9")), rules.alerts()))
    asked = [command for _, command in COMMANDS if command.startswith("amtool ")]
    for command in asked:
        program, *arguments = shlex.split(command.replace("http://ALERTMANAGER:9093", url))
        done = subprocess.run([server(program), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert any("silence add" in command for command in asked)


def test_promtool_checks_the_shipped_scrape_plan() -> None:
    asked = [command for _, command in COMMANDS if command.startswith("promtool ")]
    assert asked
    for command in asked:
        program, *arguments, file = shlex.split(command)
        plan = ROOM.parent / "deploy/prometheus" / file
        # The rules' place in a container is not here: only the words and the syntax are asked about.
        done = subprocess.run([server(program), *arguments, "--syntax-only", plan], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_no_runbook_names_a_unit_that_is_not_shipped() -> None:
    for path in (ROOM / "runbooks").glob("*.md"):
        assert not re.search(r"\b(journalctl|systemctl)\b", path.read_text(encoding="utf-8")), path.name
