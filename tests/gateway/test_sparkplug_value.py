"""How good a Sparkplug value is, of which time, and which number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from greenops_core.sample import Quality, Reason
from greenops_gateway.mqtt.sparkplug_node import Message
from greenops_gateway.mqtt.sparkplug_payload import Datatype, Holder, Metric, Payload, encode
from sparkplug_host import AT, Host, born, node, shown


@pytest.mark.parametrize(
    ("metric", "sample"),
    [
        pytest.param({"null": True}, (math.nan, Quality.BAD, Reason.SENTINEL), id="null"),
        pytest.param({"quality": 192}, (1.5, Quality.GOOD, Reason.NONE), id="quality good"),
        pytest.param({"quality": 500}, (1.5, Quality.UNCERTAIN, Reason.STALE), id="quality stale"),
        pytest.param({"quality": 0}, (math.nan, Quality.BAD, Reason.DEVICE_EXCEPTION), id="quality bad"),
        pytest.param({"quality": 64}, (1.5, Quality.UNCERTAIN, Reason.DEVICE_UNCERTAIN), id="quality unheard of"),
        pytest.param({"raw": math.nan}, (math.nan, Quality.BAD, Reason.SENTINEL), id="not a number"),
        pytest.param({"holder": Holder.NOTHING, "raw": None}, (math.nan, Quality.BAD, Reason.DECODE), id="no value"),
        pytest.param({"holder": Holder.INT, "raw": 1}, (math.nan, Quality.BAD, Reason.DECODE), id="another kind"),
        pytest.param({"holder": Holder.STRING, "raw": "1.5"}, (math.nan, Quality.BAD, Reason.DECODE), id="text"),
        pytest.param({"datatype": 3}, (math.nan, Quality.BAD, Reason.DECODE), id="datatype of its own"),
    ],
)
def test_a_value_is_as_good_as_the_device_says(
    metric: Mapping[str, object], sample: tuple[float, Quality, Reason]
) -> None:
    host, edge = Host(), node()
    host.take(*born(edge))
    said = Metric(alias=1, at=AT, holder=Holder.DOUBLE, raw=1.5)._replace(**metric)  # type: ignore[arg-type]  # a table

    (got,) = host.take(Message("spBv1.0/plant/DDATA/shelter/cems", encode(Payload((said,), AT, 2))))

    assert (got.quality, got.reason, got.at) == (*sample[1:], AT)
    assert got.value == pytest.approx(sample[0], nan_ok=True)


@pytest.mark.parametrize(
    ("own", "sent", "at", "reason"),
    [
        pytest.param(AT - 5, AT - 1, AT - 5, Reason.NONE, id="its own time"),
        pytest.param(AT - 7200, AT, AT - 7200, Reason.NONE, id="an hour old"),
        pytest.param(None, AT - 1, AT - 1, Reason.NONE, id="the message's time"),
        pytest.param(None, None, AT, Reason.CLOCK, id="no time"),
        pytest.param(0.0, AT, AT, Reason.CLOCK, id="1970"),
        pytest.param(AT / 1000, AT, AT, Reason.CLOCK, id="seconds for milliseconds"),
        pytest.param(AT + 59, AT, AT + 59, Reason.NONE, id="a little ahead"),
        pytest.param(AT + 3600, AT, AT, Reason.CLOCK, id="an hour ahead"),
    ],
)
def test_a_value_is_of_when_it_was_measured(own: float | None, sent: float | None, at: float, reason: Reason) -> None:
    host, edge = Host(), node()
    host.take(*born(edge))
    said = Payload((Metric(alias=1, at=own, holder=Holder.DOUBLE, raw=1.5),), sent, 2)

    (got,) = host.take(Message("spBv1.0/plant/DDATA/shelter/cems", encode(said)))

    assert (got.at, got.reason) == (at, reason)
    assert got.quality is (Quality.GOOD if reason is Reason.NONE else Quality.UNCERTAIN)


def test_history_has_its_own_time_or_is_of_no_use() -> None:
    host, edge = Host(), node()
    host.take(*born(edge))
    old = Metric(alias=1, at=AT - 86400, holder=Holder.DOUBLE, raw=1.5, historical=True)

    samples = host.take(
        Message("spBv1.0/plant/DDATA/shelter/cems", encode(Payload((old, old._replace(at=None)), AT, 2)))
    )

    assert [sample.at for sample in samples] == [AT - 86400]


def test_states_in_words_are_read() -> None:
    points = [{"name": "running", "unit": "1", "path": "state", "enum": {"RUN": 1, "STOP": 0}}]
    host, edge = Host({"points": points}), node()
    run = Metric("state", 9, AT, Datatype.STRING, Holder.STRING, "RUN")
    birth = Message("spBv1.0/plant/DBIRTH/shelter/cems", encode(Payload((run,), AT, 1)))

    assert shown(host.take(edge.birth({}, AT), birth)) == [("running", 1, Quality.GOOD, Reason.NONE)]
