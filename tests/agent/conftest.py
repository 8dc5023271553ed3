"""What the tests of the agent share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fixture_host import FixtureHost


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FixtureHost]:
    """A host made of files; psutil reads it while the test lasts."""
    fixture = FixtureHost.below(tmp_path)
    before = psutil.PROCFS_PATH
    psutil.PROCFS_PATH = str(fixture.root / "proc")
    yield fixture
    psutil.PROCFS_PATH = before
