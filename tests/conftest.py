"""What every test may ask for: golden files, and real servers that end with the test."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings

import real_servers

GOLDEN = Path(__file__).parent / "golden"
# A busy machine is no failure: speed is measured in benchmarks/, never in a test.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

P = ParamSpec("P")
T = TypeVar("T")


class Golden(Protocol):
    """Compare *text* with the file tests/golden/*name*."""

    def __call__(self, name: str, text: str) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the files in tests/golden from what is")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares with the committed file; under ``--update-golden`` rewrites it."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(name: str, text: str) -> None:
        file = GOLDEN / name
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        if not file.exists():
            pytest.fail(f"tests/golden/{name} is missing; make it with: pytest --update-golden", pytrace=False)
        committed = file.read_text(encoding="utf-8")
        if text != committed:
            lines = difflib.unified_diff(
                committed.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm=""
            )
            difference = "\n".join(lines) or "only line ends differ"
            pytest.fail(f"{difference}\n\nif this is meant: pytest --update-golden", pytrace=False)

    return compare


def _factory(
    start: Callable[Concatenate[Path, P], AbstractContextManager[T]], stack: ExitStack, folder: Path, name: str
) -> Callable[P, T]:
    """*start* with a folder of its own for each call; what it started ends with *stack*."""
    count = iter(range(1000))

    def begin(*args: P.args, **kwargs: P.kwargs) -> T:
        return stack.enter_context(start(folder / f"{name}-{next(count)}", *args, **kwargs))

    return begin


@pytest.fixture
def lifetime() -> Iterator[ExitStack]:
    """Ends what the test started, last first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def prometheus(lifetime: ExitStack, tmp_path: Path) -> Callable[..., real_servers.QueryApi]:
    """Starts a Prometheus; arguments as ``real_servers.prometheus`` takes behind the folder."""
    return _factory(real_servers.prometheus, lifetime, tmp_path, "prometheus")


@pytest.fixture
def alertmanager(lifetime: ExitStack, tmp_path: Path) -> Callable[..., str]:
    """Starts an Alertmanager; arguments as ``real_servers.alertmanager`` takes behind the folder."""
    return _factory(real_servers.alertmanager, lifetime, tmp_path, "alertmanager")


@pytest.fixture
def victoria_metrics(lifetime: ExitStack, tmp_path: Path) -> Callable[..., real_servers.QueryApi]:
    """Starts a VictoriaMetrics; arguments as ``real_servers.victoria_metrics`` takes behind the folder."""
    return _factory(real_servers.victoria_metrics, lifetime, tmp_path, "victoria-metrics")
