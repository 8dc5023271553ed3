"""The layout stays, what the documentation tells people to type exists, and nothing of one machine is committed."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from generated.spoken import ROOT
from stack import program as script

ROOMS = {
    "agent": {"greenops_agent"},
    "alerting": {"greenops_alerting"},
    "dashboards": {"greenops_dashboards"},
    "exporter": {"greenops_core", "greenops_exporter", "greenops_telemetry"},
    "gateway": {"greenops_gateway"},
}
PROGRAMS = ("agent", "alerting", "dashboards", "exporter", "gateway")
MACHINE = re.compile(
    r"(?<![\w.])/(?:work|home|root|Users|tmp)/\w|[\w.-]*(?:registry|pypi|npmjs|artifactory)[\w-]*\.(?!md)\w+"
)
BINARY = {".png", ".der", ".pem", ".ico"}


def committed() -> list[Path]:
    """What git follows, and what it would follow if it were added."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def test_rooms_and_packages_keep_their_names() -> None:
    found = {
        room: {path.parent.name for path in (ROOT / room).glob("greenops_*/__init__.py")} for room in sorted(ROOMS)
    }
    assert found == ROOMS


def test_the_wheel_holds_the_packages_and_one_program_per_room() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == {
        f"{room}/{package}" for room, packages in ROOMS.items() for package in packages
    }
    assert set(project["project"]["scripts"]) == {f"greenops-{room}" for room in PROGRAMS}


def test_no_file_carries_paths_of_a_machine_or_hosts_of_a_registry() -> None:
    found = []
    for path in committed():
        if path.suffix in BINARY or path.name == Path(__file__).name:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            here = f"{path.relative_to(ROOT)}:{number}"
            found += [f"{here}: {match[0]}" for match in MACHINE.finditer(line)]
    assert found == []


# -- what the documentation tells people to type ----------------------------------------------------------------------
def shell_lines() -> Iterator[tuple[str, str]]:
    """Place and text of each command in a block of shell."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / ".github").glob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for block in re.finditer(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            start = text.count("\n", 0, block.start(1)) + 1
            for number, line in enumerate(block[1].replace("\\\n", "  ").splitlines(), start):
                yield f"{page.name}:{number}", line.strip().removeprefix("$ ")


def commands(line: str) -> Iterator[list[str]]:
    """The words of each command in *line*, without its comment."""
    for part in re.split(r"&&|\|\||[|;]", line):
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"\w+=\S*", words[0]):
            words = words[1:]
        if words:
            yield [words[0].rpartition("/")[2], *words[1:]]


def wrong_with(words: list[str]) -> str | None:
    """What of a command does not exist; None where all does, or where it is not ours."""
    match words:
        case ["make", *rest]:
            targets = [word for word in rest if "=" not in word and not word.startswith("-")]
            return next((f"make has no target {target}" for target in targets if target not in make_targets()), None)
        case [program, *rest] if program.removeprefix("greenops-") in PROGRAMS and program.startswith("greenops-"):
            return wrong_with_program(program, rest)
        case _:
            return None


def wrong_with_program(program: str, words: list[str]) -> str | None:
    """A subcommand or option of ours that does not exist."""
    command: tuple[str, ...] = ()
    for word in words:
        if word.startswith("-") or not re.search(r"[A-Z] \.\.\.(?!\])", told(program, *command)):
            continue
        if word not in subcommands(program, *command):
            return f"{' '.join((program, *command))} has no command {word}"
        command = (*command, word)
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    known = told(program, *command)
    name = " ".join((program, *command))
    return next((f"{name} has no option {option}" for option in options if not _has(known, option)), None)


def _has(known: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known) is not None


@cache
def make_targets() -> frozenset[str]:
    done = subprocess.run(["make", "-pRrq", "help"], cwd=ROOT, capture_output=True, text=True, check=False)
    return frozenset(re.findall(r"^([\w-]+):", done.stdout, re.MULTILINE))


@cache
def told(program: str, *command: str) -> str:
    """What ``--help`` says."""
    words = [str(script(program)), *command, "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout


@cache
def subcommands(program: str, *command: str) -> frozenset[str]:
    return frozenset(re.findall(r"^ {2,4}([a-z][\w-]*)(?:\s|$)", told(program, *command), re.MULTILINE))


def test_every_command_in_the_documentation_exists() -> None:
    lines = list(shell_lines())
    assert lines
    wrong = {where: fault for where, line in lines for words in commands(line) if (fault := wrong_with(words))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("make upp", "make has no target upp"),
        ("greenops-dashboards wrte", "greenops-dashboards has no command wrte"),
        ("FOO=1 .venv/bin/greenops-dashboards write --chek", "greenops-dashboards write has no option --chek"),
        ("greenops-dashboards write --check # fine", None),
        ("greenops-gateway journal statsu", "greenops-gateway journal has no command statsu"),
        ("greenops-gateway audit verify --anchr X", "greenops-gateway audit verify has no option --anchr"),
        ("make test ARGS=-x && greenops-dashboards --version", None),
        ("curl http://127.0.0.1:9842/metrics | grep emission", None),
    ],
)
def test_a_command_that_does_not_exist_is_named(line: str, fault: str | None) -> None:
    assert next((found for words in commands(line) if (found := wrong_with(words))), None) == fault
