"""The ledger: what is written is there, once, and a damaged file never stops anything."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from greenops_core.budget import Period
from greenops_core.errors import ConfigError
from greenops_exporter.ledger import LAYOUT, LedgerError, examine, opened

ONE, TWO, THREE = Period(0, 3600), Period(3600, 7200), Period(7200, 10800)
NOW = 20000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger.db"


def test_what_is_written_is_there_after_opening_again(path: Path) -> None:
    examine(path, NOW)
    with opened(path, NOW) as ledger:
        ledger.write(ONE, {"research": 1.5, "sales": 0.0})
        ledger.write(TWO, {"research": 2.0})
    with opened(path, NOW) as ledger:
        assert ledger.pieces(Period(0, NOW)) == {ONE, TWO}
        assert ledger.total(Period(0, NOW)) == {"research": 3.5, "sales": 0.0}
        assert ledger.total(TWO) == {"research": 2.0}
        assert ledger.newest() == 7200


def test_an_empty_ledger_knows_nothing(path: Path) -> None:
    examine(path, NOW)
    with opened(path, NOW) as ledger:
        assert (ledger.pieces(Period(0, NOW)), ledger.total(Period(0, NOW)), ledger.newest()) == (frozenset(), {}, None)


@pytest.mark.parametrize(
    ("piece", "grams", "total"),
    [
        pytest.param(TWO, {"research": 2.0}, {"research": 7.0}, id="the same again"),
        pytest.param(TWO, {"research": 3.0}, {"research": 8.0}, id="corrected"),
        pytest.param(TWO, {"sales": 3.0}, {"research": 5.0, "sales": 3.0}, id="another department"),
        pytest.param(Period(5400, 7200), {"research": 1.0}, {"research": 6.0}, id="cut otherwise"),
    ],
)
def test_a_piece_written_again_replaces_what_was_known_of_its_time(
    path: Path, piece: Period, grams: dict[str, float], total: dict[str, float]
) -> None:
    examine(path, NOW)
    with opened(path, NOW) as ledger:
        for each, value in ((ONE, 1.0), (TWO, 2.0), (THREE, 4.0)):
            ledger.write(each, {"research": value})
        ledger.write(piece, grams)
        ledger.write(piece, grams)
        assert ledger.total(Period(0, NOW)) == total


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, " * 1000)


def _torn(path: Path) -> None:
    with opened(path, NOW) as ledger:
        for hour in range(20):
            departments = {f"department {number}": 1.0 for number in range(200)}
            ledger.write(Period(hour * 3600, (hour + 1) * 3600), departments)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {LAYOUT + 1}")


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE closed (something TEXT)")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(_garbage, "file is not a database", id="no database at all"),
        pytest.param(_torn, "", id="pages overwritten"),
        pytest.param(_newer, "its layout is 2, this program knows 1", id="of a newer program"),
        pytest.param(_foreign, "its columns are", id="of another program"),
    ],
)
def test_a_bad_file_is_set_aside_before_the_start(
    path: Path, damage: Callable[[Path], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    damage(path)
    before = path.read_bytes()
    with caplog.at_level(logging.WARNING):
        examine(path, NOW)
    aside = path.with_name("ledger.db.bad-19700101T053320Z")
    assert aside.read_bytes() == before
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"ledger {path}: {reason}")
    assert caplog.messages[0].endswith(f"; set aside as {aside.name} and filled again from Prometheus")
    with opened(path, NOW) as ledger:
        ledger.write(ONE, {"research": 1.0})
        assert ledger.total(ONE) == {"research": 1.0}


def test_a_file_that_breaks_while_in_use_is_set_aside_and_the_next_one_is_fresh(path: Path) -> None:
    examine(path, NOW)
    _torn(path)
    with pytest.raises(LedgerError, match="set aside as"), opened(path, NOW) as ledger:
        ledger.total(Period(0, 1e9))
    with opened(path, NOW) as ledger:
        assert ledger.total(Period(0, 1e9)) == {}


def test_a_ledger_that_another_program_holds_is_an_error_and_stays(path: Path) -> None:
    examine(path, NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="database is locked"), opened(path, NOW, patience=0.1) as ledger:
            ledger.write(ONE, {"research": 1.0})
    assert path.exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda path: path.parent.write_text(""), "cannot be made", id="the folder is a file"),
        pytest.param(lambda path: path.mkdir(parents=True), "no ledger can be kept", id="the file is a folder"),
    ],
)
def test_a_folder_that_cannot_be_used_is_an_error_of_configuration(
    path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(path)
    with pytest.raises(ConfigError, match=f"^data: .*{message}"):
        examine(path, NOW)
