"""A backlog of three hours ago goes to real servers: it is stored bit for bit, or too old, and that is final."""

from __future__ import annotations

import json
import struct
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from greenops_core.sample import Quality
from journal_proof import Kept, kept, prove, report
from journal_run import Rig, remote_write, rig
from real_servers import QueryApi, eventually

HOURS = 3 * 3600.0
BACKLOG = 14_000
WINDOW = json.dumps({"storage": {"tsdb": {"out_of_order_time_window": "24h"}}})
BOUNDS = "400 Bad Request: out of bounds"
TWIN = "400 Bad Request: duplicat"
"""What it says of the second of two polls within one millisecond, as a start may bring them about."""
PHRASE = len(TWIN)
RECEIVES = ("--web.enable-remote-write-receiver",)

Record = Callable[[str, object], None]
Start = Callable[..., QueryApi]


def delivered(run: Rig, server: QueryApi, *, live: bool, **more: object) -> Kept:
    """Send a backlog of three hours ago to *server*, after something newer if *live*, and new samples beside it."""
    run.sinks["server"] = remote_write(f"{server.url}/api/v1/write", **more)
    if live:
        life = run.run(1.5)
        eventually(lambda: run.pending("server") < 100)
        life.stop()
    run.backlog(BACKLOG, HOURS, first=101)
    run.run(2.0)
    run.rest("oracle", "server")
    return kept(run.journal)


Stored = set[tuple[str, str, int, bytes]]
"""Device, point, Unix milliseconds, and the value's bits."""


def stored(server: QueryApi, at: float) -> Stored:
    """What the server has but the ends of series."""
    found = server.api("query", query="greenops_point_concentration_mg_per_m3[4h]", time=f"{at}")["result"]
    return {
        (some["metric"]["device"], some["metric"]["point"], round(moment * 1000), struct.pack("<d", float(value)))
        for some in found
        for moment, value in some["values"]
        if value != "NaN"
    }


def differ(found: Stored, wanted: Stored) -> Stored:
    """What is in one only, but for two polls within one millisecond: a server says yes to both, and stores one."""
    count = Counter(each[:3] for each in wanted)
    return {each for each in found ^ wanted if count[each[:3]] != 2}


def owed(files: Kept) -> Stored:
    """What it should have: all that is not quarantined."""
    refused = files.refused("server")
    rows = [(row, dict(series.labels)) for row, series in files.rows if row.quality is not Quality.BAD]
    return {
        (labels["device"], labels["point"], round(row.at * 1000), struct.pack("<d", row.value))
        for row, labels in rows
        if row.sequence not in refused
    }


@pytest.mark.parametrize(
    ("name", "config", "live", "more"),
    [
        ("Prometheus without a window, the oldest first", None, False, {"live_first": False}),
        ("Prometheus with a window of a day", WINDOW, True, {}),
        ("VictoriaMetrics", None, True, {}),
    ],
)
def test_what_is_three_hours_old_is_stored(  # noqa: PLR0917  # a table and fixtures
    name: str,
    config: str | None,
    live: bool,  # noqa: FBT001  # of a table
    more: dict[str, object],
    tmp_path: Path,
    prometheus: Start,
    victoria_metrics: Start,
    record_property: Record,
) -> None:
    server = victoria_metrics() if name == "VictoriaMetrics" else prometheus(config=config, flags=RECEIVES)
    with rig(tmp_path) as run:
        files = delivered(run, server, live=live, **more)
        proof = prove(run, repeats=0, steady=False)
        assert {each.answer[:PHRASE] for each in files.quarantined["server"]} <= {TWIN}
        assert not differ(stored(server, time.time() + 60), owed(files))
    report(record_property, f"3 h old backlog to {name}", "once", proof)


def test_what_is_too_old_for_the_server_is_set_aside_for_good(
    tmp_path: Path, prometheus: Start, record_property: Record
) -> None:
    server = prometheus(flags=RECEIVES)
    with rig(tmp_path) as run:
        files = delivered(run, server, live=True)
        proof = prove(run, repeats=0, steady=False)
        old = {row.sequence for row, series in files.rows if int(dict(series.labels)["device"][1:]) > 100}
        refused = {number for start, stop in files.refused("server") for number in range(start, stop)}
        assert refused >= old
        assert {each.answer[:PHRASE] for each in files.quarantined["server"]} <= {TWIN, BOUNDS[:PHRASE]}
        assert not differ(stored(server, time.time() + 60), owed(files))
    report(record_property, "3 h old backlog to Prometheus without a window", "once", proof, quarantined=len(old))
