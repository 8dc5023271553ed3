"""When a broker has sent all that it kept: never before that, and soon after."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from greenops_gateway.mqtt.backlog import LONGEST, Backlog


class Broker:
    """A broker that sends in order and has at most *window* messages unacknowledged; the wire takes its time."""

    def __init__(self, kept: int, window: int) -> None:
        self.kept, self._window = kept, window
        self._under_way = 0
        self.wire: deque[str] = deque()

    def send(self) -> None:
        while self.kept and self._under_way < self._window:
            self.kept -= 1
            self._under_way += 1
            self.wire.append("message")

    def hears(self, said: str) -> None:
        if said == "ack":
            self._under_way -= 1
            self.send()
        else:
            self.wire.append("pong")


@given(st.integers(0, 40), st.integers(1, 8), st.lists(st.integers(0, 2), max_size=300))
def test_it_ends_when_nothing_is_left_and_not_before(kept: int, window: int, order: list[int]) -> None:
    """In whatever order the broker hears, we hear, and we acknowledge what came."""
    broker, backlog = Broker(kept, window), Backlog()
    ours: deque[str] = deque()
    unread = 0

    def ask() -> None:
        if backlog.is_due(1.0):
            backlog.ask()
            ours.append("ping")
            backlog.pinged()

    backlog.begin(0.0)
    broker.send()
    ask()
    for step in [*order, *[0, 1, 2] * 300]:
        if step == 0 and ours:
            broker.hears(ours.popleft())
        elif step == 1 and broker.wire:
            if broker.wire.popleft() == "message":
                backlog.came(1)
                unread += 1
            else:
                backlog.answered()
        elif step == 2 and unread:
            ours.extend(["ack"] * unread)
            backlog.acknowledged(unread)
            unread = 0
            ask()
        assert not broker.kept or backlog.lasts(1.0)
        assert "message" not in broker.wire or backlog.lasts(1.0)
    assert not backlog.lasts(1.0)


def test_of_several_answers_the_one_to_its_own_ping_counts() -> None:
    backlog = Backlog()
    backlog.pinged()
    backlog.begin(0.0)
    backlog.ask()
    backlog.pinged()
    backlog.answered()
    assert backlog.lasts(1.0)
    backlog.answered()
    assert not backlog.lasts(1.0)


def test_a_broker_that_is_never_quiet_is_not_doubted_for_ever() -> None:
    backlog = Backlog()
    backlog.begin(7.0)
    assert backlog.lasts(7.0 + LONGEST - 1)
    assert not backlog.lasts(7.0 + LONGEST)
    assert not Backlog().lasts(0.0)
