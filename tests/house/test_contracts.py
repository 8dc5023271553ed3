"""The house keeps its own rules: who imports whom, how long a file may be, and what it must say."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from stack import ROOT

ROOMS = {
    "greenops_core": "exporter",
    "greenops_telemetry": "exporter",
    "greenops_exporter": "exporter",
    "greenops_gateway": "gateway",
    "greenops_agent": "agent",
    "greenops_alerting": "alerting",
    "greenops_dashboards": "dashboards",
}
MODULES = sorted(
    file.relative_to(ROOT) for package, room in ROOMS.items() for file in (ROOT / room / package).rglob("*.py")
)
FILE_LINES, FUNCTION_LINES = 400, 60

every_module = pytest.mark.parametrize("module", MODULES, ids=str)


def tree(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_rooms_import_each_other_only_as_the_contracts_say() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*ROOMS, cache_dir=None)
    below = {module: graph.find_downstream_modules(module) for module in graph.modules}
    circles = [(one, other) for one in below for other in below[one] if one < other and one in below[other]]
    assert circles == []


@every_module
def test_a_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(tree(module))


@every_module
def test_files_and_functions_stay_short(module: Path) -> None:
    length = len((ROOT / module).read_text(encoding="utf-8").splitlines())
    assert length <= FILE_LINES
    long = {
        function.name: lines
        for function in functions(module)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


BROAD = {Path("gateway/greenops_gateway/supervise.py"): 1}
"""Where the code of others is called, whose mistakes must not end everything."""


@every_module
def test_no_except_is_broad(module: Path) -> None:
    broad = [
        node.lineno
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or names(node.type))
    ]
    assert len(broad) == BROAD.get(module, 0), broad


def names(node: ast.expr) -> set[str]:
    """What of the two broad ones an except clause catches."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} & {"Exception", "BaseException"}


@every_module
def test_every_function_says_what_it_returns(module: Path) -> None:
    assert [function.name for function in functions(module) if function.returns is None] == []


def test_test_files_have_names_of_their_own() -> None:
    files = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(files) == sorted(set(files))
    assert not list((ROOT / "tests").rglob("__init__.py"))
