"""What a message becomes: values with the right time and quality, or none; and what is told about its device."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.sample import Quality, Reason, Sample
from greenops_gateway.mqtt import complaint, payload
from greenops_gateway.mqtt.configuration import MqttDevice
from greenops_gateway.mqtt.packet import Publish
from greenops_gateway.mqtt.reception import Hub
from greenops_gateway.plugin import Desk, Event, Result
from greenops_gateway.point import series
from greenops_telemetry.configuration import convert

NOW = 1_795_000_000.0
TIME = {"path": "ts", "format": "unix"}


@dataclass
class Told:
    """What a device's desk was told, and what it keeps."""

    counts: Counter[Result] = field(default_factory=Counter)
    events: Counter[Event] = field(default_factory=Counter)
    downs: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)


def device(points: list[dict[str, Any]] | None = None, **keys: Any) -> MqttDevice:  # noqa: ANN401  # as in YAML
    made = convert(
        {
            "name": "cems",
            "link": "broker",
            "stack": "s1",
            "topic": "plant/cems",
            "points": points or [{"name": "so2", "unit": "mg/m3", "path": "so2"}],
            **keys,
        },
        MqttDevice,
    )
    made.check()
    return made


def hub(*devices: MqttDevice, resumed: bool = False) -> tuple[Hub, list[Told]]:
    told = [Told() for _ in devices]
    return again(devices, told, resumed=resumed), told


def again(devices: Sequence[MqttDevice], told: Sequence[Told], *, resumed: bool = True) -> Hub:
    """The link is opened anew."""
    desks = [
        Desk(
            each,
            tuple(series("site", each, point) for point in each.points),
            lambda result, to=to: to.counts.update([result]),  # type: ignore[misc]  # bound early
            lambda event, to=to: to.events.update([event]),  # type: ignore[misc]  # same
            to.downs.append,
            lambda which, at: None,  # noqa: ARG005  # no certificate here
            to.kept,
            clock=lambda: NOW,
        )
        for each, to in zip(devices, told, strict=True)
    ]
    return Hub(desks, 0.0, resumed=resumed)


def taken(to: Hub, message: Publish, at: float = NOW) -> list[Sample]:
    batch: list[Sample] = []
    to.take(message, at, batch)
    return batch


def says(content: object, **flags: Any) -> Publish:  # noqa: ANN401  # flags of a message
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Publish(flags.pop("topic", "plant/cems"), raw, **flags)


@pytest.mark.parametrize(
    ("point", "found", "value"),
    [
        ({}, 12.5, 12.5),
        ({}, -12.5, -12.5),
        ({}, 0.0, 0.0),
        ({"scale": 2}, 12.5, 25.0),
        ({"scale": 0.1, "offset": 5}, 100, 15.0),
        ({"enum": {0: 10, 1: 20}}, 1, 20.0),
        ({"enum": {"OFF": 0, "RUN": 1}}, "RUN", 1.0),
        ({"text": True}, "12.5", 12.5),
        ({"unit": "1", "bit": 2}, 4, 1.0),
        ({"unit": "1"}, True, 1.0),
        ({"unit": "degF"}, 212, 100.0),
    ],
)
def test_a_value_is_what_the_payload_and_the_point_say(point: dict[str, Any], found: object, value: float) -> None:
    to, told = hub(device([{"name": "p", "unit": "mg/m3", "path": "v", **point}]))
    (sample,) = taken(to, says({"v": found}))
    assert sample.value == pytest.approx(value)
    assert (sample.at, sample.quality, sample.reason) == (NOW, Quality.GOOD, Reason.NONE)
    assert told[0].counts == {Result.OK: 1}


@pytest.mark.parametrize(
    ("point", "found", "reason"),
    [
        ({}, None, Reason.SENTINEL),
        ({}, 1e-30, Reason.DECODE),
        ({"sentinel": -999.5}, -999.5, Reason.SENTINEL),
        ({"sentinel": -999}, -999, Reason.SENTINEL),
        ({"sentinel": [-999, 9999]}, 9999.0, Reason.SENTINEL),
        ({}, "12.5", Reason.DECODE),
        ({}, True, Reason.DECODE),
        ({}, {}, Reason.DECODE),
        ({"enum": {"OFF": 0}}, "ON", Reason.DECODE),
        ({"enum": {0: 0}}, 7, Reason.DECODE),
    ],
)
def test_what_is_no_value_is_none(point: dict[str, Any], found: object, reason: Reason) -> None:
    to, _ = hub(device([{"name": "p", "unit": "mg/m3", "path": "v", **point}]))
    (sample,) = taken(to, says({"v": found}))
    assert math.isnan(sample.value)
    assert (sample.quality, sample.reason) == (Quality.BAD, reason)


@pytest.mark.parametrize(
    ("state", "quality", "reason"),
    [
        (0, Quality.GOOD, Reason.NONE),
        ("OK", Quality.GOOD, Reason.NONE),
        ("CAL", Quality.BAD, Reason.CALIBRATION),
        ("HM", Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN),
        ("?", Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN),
        (False, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN),
        (["OK"], Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN),
        (None, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN),
    ],
)
def test_the_state_in_the_payload_judges_the_value(state: object, quality: Quality, reason: Reason) -> None:
    rule = {"path": "state", "good": [0, "OK"], "reasons": {"calibration": ["CAL"], "device_uncertain": ["HM"]}}
    to, _ = hub(device(quality=rule))
    (sample,) = taken(to, says({"so2": 7.5, "state": state}))
    assert (sample.quality, sample.reason) == (quality, reason)
    assert sample.value == 7.5 or quality is Quality.BAD


UNSURE = (NOW, Quality.UNCERTAIN, Reason.CLOCK)


@pytest.mark.parametrize(
    ("own", "flags", "meant"),
    [
        (NOW - 5, {}, (NOW - 5, Quality.GOOD, Reason.NONE)),
        (NOW - 3, {"retained": True}, (NOW - 3, Quality.GOOD, Reason.NONE)),
        (NOW - 3.5, {"retained": True}, None),
        (NOW - 5, {"again": True}, (NOW - 5, Quality.GOOD, Reason.NONE)),
        (NOW + 59, {}, (NOW + 59, Quality.GOOD, Reason.NONE)),
        (NOW + 3600, {}, UNSURE),
        (60, {}, UNSURE),
        (1000 * NOW, {}, UNSURE),
        ("now", {}, UNSURE),
        (NOW + 3600, {"retained": True}, None),
        (None, {"retained": True}, None),
    ],
)
def test_the_payloads_own_time_counts_when_it_can_be_trusted(
    own: object, flags: dict[str, bool], meant: tuple[float, Quality, Reason] | None
) -> None:
    to, told = hub(device(time=TIME))
    found = [(each.at, each.quality, each.reason) for each in taken(to, says({"so2": 1.5, "ts": own}, **flags))]
    assert found == ([] if meant is None else [meant])
    assert told[0].events[Event.RETAINED] == (meant is None)


@pytest.mark.parametrize(
    ("flags", "meant"),
    [
        ({}, (NOW, Quality.GOOD, Reason.NONE)),
        ({"retained": True}, None),
        ({"again": True}, UNSURE),
    ],
)
def test_without_a_time_of_its_own_only_a_first_message_is_of_now(
    flags: dict[str, bool], meant: tuple[float, Quality, Reason] | None
) -> None:
    to, _ = hub(device())
    found = [(each.at, each.quality, each.reason) for each in taken(to, says({"so2": 1}, **flags))]
    assert found == ([] if meant is None else [meant])


def test_what_waited_at_the_broker_is_not_of_now() -> None:
    """With QoS 1 a resumed session brings old messages, however slowly; with QoS 0 the broker keeps none."""
    to, _ = hub(device(poll="1s"), resumed=True)
    came = [NOW + 0.01, NOW + 0.02, NOW + 0.1, NOW + 1.1, NOW + 1.11]
    assert {taken(to, says({"so2": 1}, qos=1), at)[0].reason for at in came} == {Reason.CLOCK}
    assert {taken(to, says({"so2": 1}), at)[0].reason for at in came} == {Reason.NONE}
    to.caught_up()
    assert {taken(to, says({"so2": 1}, qos=1), at)[0].reason for at in came} == {Reason.NONE}


@pytest.mark.parametrize(
    ("keys", "payloads", "topic"),
    [
        ({"time": TIME}, [json.dumps({"so2": 1, "ts": 60 + n}).encode() for n in range(50)], "plant/cems"),
        ({"time": TIME}, [json.dumps({"so2": 1, "ts": f"at {n}"}).encode() for n in range(50)], "plant/cems"),
        ({}, [b"{broken %d" % n for n in range(50)], "plant/cems"),
        ({}, [json.dumps({"so2": f"{n} mg"}).encode() for n in range(50)], "plant/cems"),
        ({"topic": "plant/#"}, [b"{broken"] * 50, "plant/{}"),
        ({"alive": {"topic": "/is"}}, [b"perhaps %d" % n for n in range(50)], "is"),
    ],
)
def test_a_fault_that_lasts_is_one_line(
    keys: dict[str, Any], payloads: list[bytes], topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Though what is told holds something else each time, and each message may have another topic."""
    to, told = hub(device(**keys))
    for number, raw in enumerate(payloads):
        taken(to, says(raw, topic=topic.format(number)), NOW + number / 10)
    assert len(caplog.messages) == 1
    assert len(told[0].kept[complaint.KEPT]) == 1


def test_a_fault_that_comes_back_is_told_again_but_not_with_each_message(caplog: pytest.LogCaptureFixture) -> None:
    to, _ = hub(device(time=TIME))
    for second in range(100):
        wrong = {"so2": "?", "ts": 1}
        for content in (wrong, b"{", {"so2": 1, "ts": NOW + second}):
            taken(to, says(content), NOW + second)
    assert len(caplog.messages) == 6


def test_the_nearest_path_is_looked_for_once_a_message_and_only_to_be_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes long: 20 fields that are missing from large messages would keep all other devices waiting."""
    looked: list[object] = []
    monkeypatch.setattr(payload, "nearest_path", lambda _, steps: looked.append(steps))
    names = [f"p{number}" for number in range(20)]
    to, _ = hub(device([{"name": name, "unit": "ppm", "path": f"{name}.value"} for name in names]))
    for count in range(1, 30):
        assert [each.reason for each in taken(to, says({"other": 1}))] == [Reason.DECODE] * 20
        assert len(looked) == len(caplog.messages) == min(count, 20)


def test_a_missing_key_is_bad_and_the_nearest_is_told(caplog: pytest.LogCaptureFixture) -> None:
    to, told = hub(
        device([{"name": "so2", "unit": "mg/m3", "path": "gas.so2"}, {"name": "no", "unit": "ppm", "path": "no"}])
    )
    for _ in range(3):
        found = taken(to, says({"gas": {"SO2": 1}, "no": 2}))
        assert [(each.labels[-1], each.reason) for each in found] == [("so2", Reason.DECODE), ("no", Reason.NONE)]
    assert [record.message for record in caplog.records] == [
        "cems: so2: 'gas.so2' leads to nothing; did you mean 'gas.SO2'?"
    ]
    assert told[0].counts == {Result.DECODE: 3}


def test_what_is_not_json_is_bad_for_every_point() -> None:
    to, told = hub(device([{"name": name, "unit": "ppm", "path": name} for name in ("no", "no2")]))
    assert [each.reason for each in taken(to, says(b"oops"))] == [Reason.DECODE] * 2
    assert taken(to, says(b"oops", retained=True)) == []
    assert told[0].counts[Result.DECODE] == 2


def test_a_partial_message_speaks_only_of_what_is_in_it() -> None:
    points = [{"name": name, "unit": "ppm", "path": name} for name in ("no", "no2")]
    to, told = hub(device(points, partial=True))
    assert [each.labels[-1] for each in taken(to, says({"no2": 1}))] == ["no2"]
    assert taken(to, says({"other": 1})) == []
    assert (told[0].events, told[0].counts) == ({Event.STRANGER: 1}, {Result.OK: 1})


def test_each_point_may_have_its_own_topic() -> None:
    points = [
        {"name": "so2", "unit": "mg/m3", "topic": "so2"},
        {"name": "flow", "unit": "m3/h", "topic": "/other/flow"},
        {"name": "on", "unit": "1", "topic": "state/+/on"},
    ]
    to, _ = hub(device(points, payload="plain"))
    for name, raw, value in (
        ("plant/cems/so2", b"12.5", 12.5),
        ("other/flow", b" 3600\n", 1.0),
        ("plant/cems/state/a/on", b"true", 1.0),
    ):
        (sample,) = taken(to, says(raw, topic=name))
        assert sample.value == value
    assert taken(to, says(b"on", topic="plant/cems/so2"))[0].reason is Reason.DECODE
    assert taken(to, says(b"1", topic="plant/cems/no")) == []


def test_a_message_goes_to_every_device_that_wants_it() -> None:
    one = device(name="one")
    every = device(name="every", topic="plant/#")
    plain = device([{"name": "v", "unit": "1"}], name="plain", topic="plant/+", payload="plain")
    to, _ = hub(one, every, plain)
    assert {each.labels[2] for each in taken(to, says({"so2": 1}))} == {"one", "every", "plain"}
    assert not to.take(says({"so2": 1}, topic="elsewhere"), NOW, [])


def test_a_device_that_says_nothing_is_told_once_and_again_after_it_spoke() -> None:
    to, told = hub(device(poll="1s", stale_after="5s"))
    for second in range(10):
        to.tick(second)
    assert told[0].downs == ["no message for 5 s, though the broker is there"]
    taken(to, says({"so2": 1}))
    for second in range(10, 20):
        to.tick(second)
    assert len(told[0].downs) == 2
    assert told[0].counts[Result.TIMEOUT] == 2


@pytest.mark.parametrize(
    ("keys", "message", "downs"),
    [
        ({}, says(b"oops"), []),
        ({"payload": "plain", "points": [{"name": "v", "unit": "1"}]}, says(b"oops"), []),
        ({}, says({"other": 1}), []),
        ({"partial": True}, says({"other": 1}), ["no message for 3 s, though messages come without its values"]),
        ({"partial": True}, says(b"oops"), ["no message for 3 s, though messages come without its values"]),
        (
            {"time": TIME},
            says({"so2": 1, "ts": NOW}, retained=True),
            ["no message for 3 s, though the broker is there"],
        ),
        ({}, says(b""), ["no message for 3 s, though the broker is there"]),
    ],
)
def test_a_sign_of_life_is_a_message_of_its_own(keys: dict[str, Any], message: Publish, downs: list[str]) -> None:
    """Spoilt or not; but no stranger's, none that the broker kept, and no deletion of a kept one."""
    to, told = hub(device(**keys))
    for second in range(20):
        taken(to, message)
        to.tick(second)
    assert told[0].downs == downs


def test_the_deletion_of_a_kept_message_says_nothing() -> None:
    to, told = hub(device(alive={"topic": "alive"}), device([{"name": "v", "unit": "1"}], payload="plain"))
    assert to.take(says(b""), NOW, [])
    assert taken(to, says(b"")) == taken(to, says(b"", topic="plant/cems/alive")) == []
    assert [(each.counts, each.events, each.downs, each.kept[complaint.KEPT]) for each in told] == [
        ({}, {}, [], {})
    ] * 2


def test_a_death_that_the_broker_tells_of_after_every_connection_is_one() -> None:
    dead = says(b"offline", topic="plant/cems/alive", retained=True)
    cems = device(alive={"topic": "alive"})
    to, told = hub(cems)
    for count in range(1, 4):
        taken(to, dead)
        assert (told[0].events[Event.DEATH], len(told[0].downs)) == (1, count)
        to = again([cems], told)
    taken(to, says(b"online", topic="plant/cems/alive", retained=True))
    taken(to, dead)
    assert told[0].events[Event.DEATH] == 2
    taken(again([cems], told), says(b"offline", topic="plant/cems/alive"))
    assert told[0].events[Event.DEATH] == 3, "one that it was sent as it happened"


def test_a_last_will_says_that_the_device_is_gone_until_it_speaks_anew() -> None:
    to, told = hub(device(alive={"topic": "alive", "down": "0", "up": "1"}, time=TIME))
    taken(to, says(b"0", topic="plant/cems/alive", retained=True))
    assert told[0].downs == ["its broker says '0'"]
    assert told[0].events == {Event.DEATH: 1}
    assert taken(to, says({"so2": 1, "ts": NOW}, retained=True)) == []
    assert len(taken(to, says({"so2": 1, "ts": NOW}))) == 1
    taken(to, says(b"0", topic="plant/cems/alive"))
    taken(to, says(b"1", topic="plant/cems/alive"))
    assert len(taken(to, says({"so2": 1, "ts": NOW}, retained=True))) == 1
    assert len(told[0].downs) == 2


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
DOCUMENTS = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.sampled_from(["v", "ts", "q", "w"]), below, max_size=4)
    ),
    max_leaves=8,
)


@given(st.one_of(DOCUMENTS.map(lambda found: json.dumps(found).encode()), st.binary(max_size=20)), st.booleans())
def test_whatever_comes_is_a_finite_value_or_none(raw: bytes, retained: bool) -> None:  # noqa: FBT001  # drawn
    points: list[dict[str, Any]] = [
        {"name": "a", "unit": "1", "path": "v", "bit": 3, "text": True},
        {"name": "b", "unit": "degC", "path": "v[0].w", "scale": 1e300},
        {"name": "c", "unit": "1", "path": "$", "enum": {1: 5, "x": 6}},
    ]
    keys = {"time": TIME, "quality": {"path": "q", "good": [0, "ok"]}, "alive": {"topic": "/plant/cems"}}
    plain = device([{"name": "v", "unit": "1"}], name="plain", payload="plain")
    to, _ = hub(device(points, **keys), device(points, name="wide", topic="#"), plain)
    for sample in taken(to, says(raw, retained=retained)):
        assert math.isfinite(sample.value) or sample.quality is Quality.BAD
        assert math.isfinite(sample.at)
