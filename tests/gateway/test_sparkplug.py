"""What a host application makes of what an edge node says, in which order, and after what was lost."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Sequence

import pytest

from greenops_core.sample import Quality, Reason
from greenops_gateway.mqtt import sparkplug_scope
from greenops_gateway.mqtt.sparkplug_node import Message
from greenops_gateway.mqtt.sparkplug_payload import Datatype, Holder, Metric, Payload, decode, encode
from greenops_gateway.plugin import Event, Result
from sparkplug_host import AT, GOOD, METRICS, POINTS, VALUES, Host, born, node, shown

NCMD = "spBv1.0/plant/NCMD/shelter"


def test_a_birth_gives_values_and_the_aliases_for_the_next() -> None:
    host, edge = Host(), node()

    assert shown(host.take(*born(edge))) == GOOD
    samples = host.take(edge.data("cems", {"gas/temperature": -56}, AT + 1), at=AT + 1.5)

    assert shown(samples) == [("temperature", -5.6, Quality.GOOD, Reason.NONE)]
    assert [sample.at for sample in samples] == [AT + 1]
    assert (host.sent, host.events, host.results) == ([], {}, {Result.OK: 2})


def test_the_edge_nodes_own_metrics_are_a_device_too() -> None:
    host, edge = Host({"sparkplug_device": None}), node({None: METRICS})

    assert shown(host.take(edge.birth(VALUES, AT))) == GOOD
    assert shown(host.take(edge.data(None, VALUES, AT))) == GOOD


def test_two_devices_may_read_one_and_metrics_may_go_by_name() -> None:
    host, edge = Host({"name": "a"}, {"name": "b"}), node()

    assert shown(host.take(*born(edge))) == [GOOD[0], GOOD[0], GOOD[1], GOOD[1]]
    metric = Metric("gas/so2", at=AT, holder=Holder.DOUBLE, raw=20.5)
    named = Message("spBv1.0/plant/DDATA/shelter/cems", encode(Payload((metric,), AT, 2)))
    assert shown(host.take(named)) == [GOOD[0], GOOD[0]]


def test_data_before_a_birth_is_no_value_but_a_request(caplog: pytest.LogCaptureFixture) -> None:
    host, edge = Host(), node()
    births = born(edge)

    with caplog.at_level(logging.INFO):
        assert host.take(edge.data("cems", VALUES, AT)) == []

    ((topic, payload, qos),) = host.sent
    assert (topic, qos) == (NCMD, 0)
    assert decode(payload) == Payload(
        (Metric("Node Control/Rebirth", None, AT, Datatype.BOOLEAN, Holder.BOOLEAN, 1),), AT, None
    )
    assert edge.asked(topic, payload)
    assert host.events == {Event.REBIRTH: 1}
    assert caplog.messages == ["edge node plant/shelter: asked for a new birth: DDATA came before a birth"]
    assert shown(host.take(*births)) == GOOD


def test_a_device_is_not_born_with_its_node() -> None:
    host, edge = Host(), node()
    host.take(*born(edge))

    assert host.take(edge.birth({}, AT), edge.data("cems", VALUES, AT)) == []
    assert host.events[Event.REBIRTH] == 1


def test_a_missing_message_is_counted_and_asked_about_while_values_stay_good() -> None:
    host, edge = Host(), node()
    host.take(*born(edge))
    edge.data("cems", VALUES, AT)  # lost

    assert shown(host.take(edge.data("cems", VALUES, AT))) == GOOD
    assert shown(host.take(edge.data("cems", VALUES, AT))) == GOOD
    assert host.events == {Event.SEQUENCE_GAP: 1, Event.REBIRTH: 1}
    host.take(*born(edge))
    host.pass_(60)
    assert len(host.sent) == 1, "a birth is an answer"


def test_the_sequence_goes_round_over_all_messages_of_a_node() -> None:
    host, edge = Host(), node({None: {"own": Datatype.DOUBLE}, "cems": METRICS, "stranger": METRICS})
    host.take(edge.birth({"own": 1}, AT), edge.device_birth("cems", VALUES, AT))
    host.take(edge.device_birth("stranger", VALUES, AT))

    for turn in range(600):
        of: str | None = (None, "cems", "stranger")[turn % 3]
        host.take(edge.data(of, {"own": 1} if of is None else VALUES, AT))
    host.take(edge.device_death("stranger", AT), edge.data("cems", VALUES, AT))

    assert host.events == {}


def test_a_birth_may_begin_anywhere_in_the_sequence() -> None:
    host = Host({"sparkplug_device": None, "points": POINTS[:1]})
    for kind, seq in (("NBIRTH", 254), ("NDATA", 255), ("NDATA", 0)):
        metrics = (Metric("bdSeq", holder=Holder.LONG, raw=0), Metric("gas/so2", 1, AT, 10, Holder.DOUBLE, 1.0))
        host.take(Message(f"spBv1.0/plant/{kind}/shelter", encode(Payload(metrics, AT, seq))))

    assert host.events == {}
    assert host.sent == []


def test_requests_are_rare_and_rarer_without_an_answer() -> None:
    host, edge = Host(), node()
    host.edge.tick(host.now)
    sent = [(host.now, len(host.sent))]
    for _ in range(1500):
        host.take(edge.data("cems", VALUES, AT))
        host.pass_(1)
        if len(host.sent) > sent[-1][1]:
            sent.append((host.now, len(host.sent)))

    assert [round(at - 1000) for at, _ in sent] == [0, 10, 30, 70, 150, 310, 610, 910, 1210]


def test_a_link_that_is_opened_anew_asks_anew_but_not_at_once() -> None:
    host = Host()
    host.edge.tick(host.now)
    host.pass_(200)
    assert len(host.sent) == 5
    host.pass_(119)

    host.again().tick(host.now)
    assert len(host.sent) == 6
    host.again().tick(host.now)
    assert len(host.sent) == 6
    host.pass_(10)
    assert len(host.sent) == 7


def test_damaged_messages_do_no_harm() -> None:
    host, edge = Host(), node({None: METRICS, "cems": METRICS})
    chance = random.Random(3)
    for turn in range(20_000):
        if turn % 1000 == 0:
            host.take(*born(edge))
        message = born(edge)[turn % 2] if turn % 7 == 0 else edge.data("cems", VALUES, AT)
        payload = bytearray(message.payload)
        payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
        for sample in host.take(message._replace(payload=bytes(payload))):
            assert math.isfinite(sample.value) or sample.quality is Quality.BAD
    assert host.results[Result.OK] > 1000
    assert host.results[Result.DECODE] > 1000


def test_a_gap_soon_after_an_answered_request_is_asked_about_later() -> None:
    host, edge = Host(), node()
    host.edge.tick(host.now)
    host.take(*born(edge))
    edge.data("cems", VALUES, AT)  # lost
    host.take(edge.data("cems", VALUES, AT))

    assert len(host.sent) == 1
    host.pass_(9)
    assert len(host.sent) == 1
    host.pass_(1)
    assert len(host.sent) == 2


def test_death_of_the_node_ends_all_its_devices_until_the_next_birth() -> None:
    host, edge = Host({}, {"name": "own", "sparkplug_device": None}), node({None: METRICS, "cems": METRICS})
    host.take(edge.birth(VALUES, AT), edge.device_birth("cems", VALUES, AT))

    assert host.take(edge.will()) == []
    assert host.downs == ["edge node plant/shelter is gone (NDEATH)"] * 2
    assert host.events == {Event.DEATH: 2}
    assert host.take(edge.will()) == [], "that the node says goodbye and the broker too is not news"
    assert host.events == {Event.DEATH: 2}
    host.pass_(30)
    assert host.sent == [], "who is dead is not asked"
    assert host.take(edge.data("cems", VALUES, AT)) == []
    assert len(host.sent) == 1, "who speaks is"
    edge.renew()
    assert shown(host.take(edge.birth(VALUES, AT), edge.device_birth("cems", VALUES, AT))) == GOOD + GOOD


def test_the_late_death_of_an_older_session_is_ignored() -> None:
    host, edge = Host(), node()
    host.take(*born(edge))
    late = edge.will()
    edge.renew()
    host.take(*born(edge))

    host.take(late)

    assert (host.downs, host.events) == ([], {})
    assert shown(host.take(edge.data("cems", VALUES, AT))) == GOOD
    host.take(edge.will())
    assert len(host.downs) == 1


def test_a_death_that_the_broker_kept_for_us_does_not_keep_us_from_asking() -> None:
    host, edge = Host(), node()

    host.edge.tick(host.now)
    host.take(edge.will())
    host.pass_(10)

    assert len(host.sent) == 2


def test_death_of_a_device_ends_it_alone() -> None:
    host = Host({}, {"name": "other", "sparkplug_device": "other"})
    edge = node({"cems": METRICS, "other": METRICS})
    host.take(*born(edge), edge.device_birth("other", VALUES, AT))

    host.take(edge.device_death("cems", AT))

    assert host.downs == ["device 'cems' of edge node plant/shelter is gone, says its edge node (DDEATH)"]
    assert host.events == {Event.DEATH: 1}
    assert shown(host.take(edge.data("other", VALUES, AT))) == GOOD
    assert host.sent == []
    assert host.take(edge.data("cems", VALUES, AT)) == []
    assert len(host.sent) == 1
    named = Metric("gas/so2", at=AT, datatype=Datatype.DOUBLE, holder=Holder.DOUBLE, raw=20.5)
    assert host.take(Message("spBv1.0/plant/DDATA/shelter/cems", encode(Payload((named,), AT)))) == []
    assert shown(host.take(edge.device_birth("cems", VALUES, AT))) == GOOD


def test_what_the_birth_did_not_tell_of_is_asked_about_once() -> None:
    host, edge = Host(), node({"cems": {**METRICS, "new": Datatype.DOUBLE}})
    host.take(*born(edge))

    assert shown(host.take(edge.data("cems", {**VALUES, "new": 1}, AT))) == GOOD
    assert host.events == {Event.STRANGER: 1, Event.REBIRTH: 1}

    host.take(*born(edge))
    host.pass_(60)
    host.take(edge.data("cems", {"new": 2}, AT))
    host.pass_(60)
    assert host.events == {Event.STRANGER: 2, Event.REBIRTH: 1}, "its birth omits it again"


def test_a_metric_by_its_full_name_is_read_though_its_birth_has_another() -> None:
    host = Host({"points": POINTS[:1]})
    edge = node({"cems": {"DATA/gas/so2": Datatype.DOUBLE}})
    host.take(edge.birth({}, AT), edge.device_birth("cems", {"DATA/gas/so2": 20.5}, AT))
    metric = Metric("gas/so2", at=AT, datatype=Datatype.DOUBLE, holder=Holder.DOUBLE, raw=20.5)

    samples = host.take(Message("spBv1.0/plant/DDATA/shelter/cems", encode(Payload((metric,), AT, 2))))

    assert shown(samples) == GOOD[:1]
    assert host.events == {Event.STRANGER: 1, Event.REBIRTH: 1}


def test_a_point_without_a_metric_is_bad_and_the_nearest_one_is_named(caplog: pytest.LogCaptureFixture) -> None:
    host, edge = Host({"points": [*POINTS, {"name": "nox", "unit": "mg/m3", "path": "gas/nox"}]}), node()
    births = [edge.birth({}, AT), edge.device_birth("cems", VALUES, AT)]

    assert shown(host.take(*births))[:2] == GOOD
    missing = host.take(*born(edge))[2]

    assert (missing.labels[-1], missing.quality, missing.reason) == ("nox", Quality.BAD, Reason.DEVICE_EXCEPTION)
    assert caplog.messages == [
        "analyser: nox: device 'cems' of edge node plant/shelter has no metric 'gas/nox'; did you mean 'gas/so2'?"
    ]


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        pytest.param((), "edge node plant/shelter sends no birth (NBIRTH)", id="a silent node"),
        pytest.param(
            ("NBIRTH", "CEMS"),
            "edge node plant/shelter did not announce the device 'cems'; did you mean 'CEMS'?",
            id="another name",
        ),
    ],
)
def test_a_birth_that_does_not_come_is_told_once(messages: Sequence[str], why: str) -> None:
    host, edge = Host(), node({"CEMS": METRICS})
    host.edge.tick(host.now)
    for each in messages:
        host.take(edge.birth({}, AT) if each == "NBIRTH" else edge.device_birth(each, VALUES, AT))

    host.pass_(30)

    assert host.downs == [why]


def test_a_retained_message_may_be_of_any_age_and_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    host, edge = Host(), node()

    assert host.take(*born(edge), retained=True) == []
    assert host.events == {Event.RETAINED: 2}
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    "topic", ["spBv1.0/plant/DDATA/other/cems", "spBv1.0/STATE/host", "spBv1.0/plant/NCMD/shelter", "plant/shelter"]
)
def test_the_talk_of_others_is_none_of_ours(topic: str) -> None:
    host = Host()

    assert host.take(Message(topic, b"\0")) == []
    assert (host.events, host.results, host.sent) == ({}, {}, [])


def test_a_message_that_cannot_be_read_is_counted_and_missed(caplog: pytest.LogCaptureFixture) -> None:
    host, edge = Host(), node()
    host.take(*born(edge))
    damaged = edge.data("cems", VALUES, AT)

    assert host.take(damaged._replace(payload=damaged.payload[:-3])) == []
    assert host.results[Result.DECODE] == 1
    assert "edge node plant/shelter: DDATA cannot be read" in caplog.text
    host.take(edge.data("cems", VALUES, AT))
    assert host.events == {Event.STRANGER: 1, Event.SEQUENCE_GAP: 1, Event.REBIRTH: 1}


def test_an_edge_node_without_numbers_is_read_and_told_of(caplog: pytest.LogCaptureFixture) -> None:
    host = Host({"sparkplug_device": None, "points": POINTS[:1]})
    birth = encode(Payload((Metric("gas/so2", 1, AT, 10, Holder.DOUBLE, 20.5),), AT))

    for kind in ("NBIRTH", "NDATA", "NDATA"):
        assert shown(host.take(Message(f"spBv1.0/plant/{kind}/shelter", birth))) == GOOD[:1]
    host.take(Message("spBv1.0/plant/NDEATH/shelter", b""))

    assert host.downs == ["edge node plant/shelter is gone (NDEATH)"]
    assert caplog.messages == [
        "edge node plant/shelter: its birth (NBIRTH) lacks a sequence number",
        "edge node plant/shelter: its messages lack a sequence number: a lost one would not be noticed",
    ]


def test_a_retained_message_that_is_deleted_says_nothing() -> None:
    host, edge = Host(), node()
    host.take(*born(edge))
    for message in born(edge):
        assert host.take(message._replace(payload=b"")) == []
    edge.birth({}, AT)
    edge.device_birth("cems", VALUES, AT)
    assert shown(host.take(edge.data("cems", VALUES, AT))) == GOOD
    assert (host.events, host.sent) == ({}, [])


def test_a_node_that_the_broker_keeps_from_us_is_down_and_is_not_asked() -> None:
    host, edge = Host(), node()
    host.edge.refused(host.desks[0], "not allowed")
    host.edge.tick(host.now)
    host.pass_(60)
    assert (host.downs, host.sent, host.results) == (["not allowed"], [], {Result.EXCEPTION: 1})
    assert shown(host.take(*born(edge))) == GOOD, "somebody has allowed it"


def test_the_nearest_metric_is_looked_for_only_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def nearest(wrong: str, _: object) -> str:
        looked.append(wrong)
        return ""

    monkeypatch.setattr(sparkplug_scope, "nearest", nearest)
    host, edge = Host({"points": [{"name": "nox", "unit": "mg/m3", "path": "gas/nox"}]}), node()
    for _ in range(5):
        host.take(*born(edge))
    assert looked == ["gas/nox"]
