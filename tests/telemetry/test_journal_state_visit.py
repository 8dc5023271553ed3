"""Who visits the state of a journal that is being written sees it as it was at one moment."""

from __future__ import annotations

import threading
from pathlib import Path

from greenops_core.sample import Quality, Reason
from greenops_telemetry.journal.account import Quarantined
from greenops_telemetry.journal.columns import Columns
from greenops_telemetry.journal.ranges import Ranges
from greenops_telemetry.journal.state import State

VISITS = 100


def test_what_is_written_meanwhile_does_not_look_like_damage(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = State.open(path)
    state.account("far", 1)
    over = threading.Event()

    def refuse() -> None:
        number = 1
        while not over.is_set():
            columns = Columns()
            columns.add(1, 1.0, 0.0, 0.0, Quality.GOOD, Reason.NONE)
            row = Quarantined("far", 0.0, "400", Ranges([(number, number + 1)]), columns)
            state.settle("far", quarantined=[row])
            number += 1

    writer = threading.Thread(target=refuse)
    writer.start()
    try:
        for _ in range(VISITS):
            visitor = State.visit(path)
            assert all(account.closes() for account in visitor.accounts().values())
            visitor.close()
    finally:
        over.set()
        writer.join()
        state.close()
