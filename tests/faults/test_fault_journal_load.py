"""Changes and floods: who is not meant by a change loses nothing, and what is not kept is not acknowledged."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from greenops_core.sample import Quality
from journal_proof import kept, prove, report
from journal_run import UNIT, Rig, remote_write, rig, times
from mqtt_broker import broker
from real_servers import eventually
from sink_oracle import sink_oracle
from stamped_device import read

Record = Callable[[str, object], None]

PASSING = range(21, 25)
USUAL = 40
BURST = 100 * USUAL
SENDERS = 20
BACKLOG = 14_000


@pytest.mark.soak
def test_sinks_and_devices_change_under_load(
    tmp_path: Path, request: pytest.FixtureRequest, record_property: Record
) -> None:
    """Fifty times; with ``-m soak`` five hundred. Every third configuration is wrong."""
    count, chance = times(request, 50, 500), random.Random(1)
    with rig(tmp_path, units=10, tags=16) as run, sink_oracle() as other:
        life = run.run(0.5)
        for turn in range(count):
            wrong = turn % 3 == 2
            change(run, chance, other.url, wrong=wrong)
            life.reload()
            time.sleep(chance.uniform(0.05, 0.2))
            life.alive()
        run.more = {}
        run.sinks = {"oracle": run.sinks["oracle"]}
        run.write()
        life.reload()
        eventually(lambda: len(kept(run.journal).rows) > 12_000)
        run.rest()
        proof = prove(run, repeats=0, passing=PASSING)
        assert proof.unkept == 0
        assert set(kept(run.journal).accounts) >= {"oracle", "file", "other"}
    report(record_property, "sinks and devices change under load", f"{count} times", proof)


def change(run: Rig, chance: random.Random, url: str, *, wrong: bool) -> None:
    """Write a configuration with other sinks, and other devices on a link of their own."""
    sinks: dict[str, Any] = {
        "file": {"kind": "jsonl", "directory": str(run.folder / "out")},
        "other": remote_write(url, batch=chance.randint(100, 1000)),
    }
    run.sinks = {"oracle": run.sinks["oracle"], **{name: sinks[name] for name in sinks if chance.random() < 0.5}}
    run.more = {}
    whole = run.configuration()
    devices = [
        {**whole["devices"][0], "name": f"u{unit}", "unit": unit, "link": "spare"}
        for unit in PASSING
        if chance.random() < 0.5
    ]
    if devices:
        run.more = {
            "links": {**whole["links"], "spare": whole["links"]["gas"]},
            "devices": [*whole["devices"], *devices],
        }
    if wrong:
        run.more["limits"] = [{"stack": "nowhere"}]
    run.write()


@pytest.mark.soak
def test_a_burst_of_messages_while_the_program_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest, record_property: Record
) -> None:
    """4 000 messages a second at QoS 1 for five seconds, with ``-m soak`` a minute, and a kill every other second."""
    seconds = times(request, 5, 60)
    with broker(tmp_path / "mosquitto") as mosquitto, rig(tmp_path / "run", units=SENDERS, tags=1) as run:
        point = {"name": "t0", "path": "x", "unit": UNIT}
        device = {"link": "gas", "stack": "s", "poll": "1s", "time": {"path": "t"}, "points": [point]}
        run.more = {
            "links": {"gas": {"protocol": "mqtt", "host": "127.0.0.1", "port": mosquitto.port}},
            "devices": [{"name": f"u{each}", "topic": f"u{each}", **device} for each in range(1, SENDERS + 1)],
        }
        run.backlog(BACKLOG)
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(0)
        client.connect("127.0.0.1", mosquitto.port)
        client.loop_start()
        life = run.start()
        eventually(lambda: life.alive() and mosquitto.log.count("SUBSCRIBE") >= 1)
        began = time.time() + 0.1
        killed = 1.0
        for number in range(BURST // SENDERS * seconds):
            at = round(began + number * SENDERS / BURST, 3)
            for unit in range(1, SENDERS + 1):
                value = int.from_bytes(run.device.answer(unit, 0, 2, at), "big")
                client.publish(f"u{unit}", json.dumps({"x": value, "t": round(at * 1000)}).encode(), 1)
            if (late := time.time() - at) < 0:
                time.sleep(-late)
            if at - began > killed:
                killed += 2.0
                run.lives[-1].kill()
                run.start()
        sent = {unit: set(book) for unit, book in run.device.served.items()}
        eventually(lambda: all_kept(run) == sent, 60, 0.5)
        eventually(lambda: run.lives[-1].alive() and run.pending() == 0, 60, 0.2)
        run.lives[-1].stop()
        client.disconnect()
        client.loop_stop()
        proof = prove(run)
    assert proof.unkept == 0
    report(record_property, f"MQTT burst of {BURST} messages/s at QoS 1 and kills", f"{seconds} s", proof)


def all_kept(run: Rig) -> dict[int, set[int]]:
    """Which counts of each unit are in the files."""
    assert run.lives[-1].alive()
    found: dict[int, set[int]] = {}
    for row, series in kept(run.journal).rows:
        if row.quality is not Quality.BAD:
            found.setdefault(int(dict(series.labels)["device"][1:]), set()).add(read(row.value).number)
    return found
