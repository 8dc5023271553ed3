from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import count, pairwise

import pytest

from greenops_gateway.modbus.breaker import BURST, SHARE, Breaker, Health

TIMEOUT = 0.8


def retries(
    units: list[Health],
    breaker: Breaker,
    seconds: float,
    answers: Callable[[int, float], bool],
    *,
    takes: float = TIMEOUT,
) -> Iterator[tuple[float, int]]:
    """Who that is down is tried when, on a bus where everybody is due every second."""
    now, order = 0.0, deque(range(len(units)))
    while now < seconds:
        order.rotate(-1)
        unit = units[order[0]]
        if not breaker.may(unit, now):
            now += 0.03
            continue
        if unit.down:
            yield now, order[0]
        if answers(order[0], now):
            now += 0.03
            breaker.answered(unit, now)
        else:
            now += takes
            breaker.missed(unit, now, takes)


@pytest.mark.parametrize("dead", [1, 2, 16, 31])
def test_dead_units_cost_a_small_share_of_the_time_and_each_is_tried(dead: int) -> None:
    units = [Health(heard=True) for _ in range(32)]
    breaker = Breaker(units, TIMEOUT, 0.0, patient=True)
    tried = list(retries(units, breaker, 4000.0, lambda unit, _: unit >= dead))
    late = [unit for at, unit in tried if at > 500]
    assert len(late) * TIMEOUT <= SHARE * 3500 + (BURST + 1) * TIMEOUT
    counts = Counter(late)
    assert counts.keys() == set(range(dead))
    assert max(counts.values()) - min(counts.values()) <= 2


def test_the_pauses_of_one_dead_unit_grow() -> None:
    units = [Health(heard=True), Health(heard=True)]
    breaker = Breaker(units, TIMEOUT, 0.0, patient=True)
    tries = retries(units, breaker, 600.0, lambda unit, _: unit == 1, takes=0.02)  # so little that the share allows it
    gaps = [after - before for before, after in pairwise(at for at, _ in tries)]
    assert [round(gap) for gap in gaps[:7]] == [2, 4, 8, 16, 32, 60, 60]


def test_when_the_link_comes_back_all_units_are_tried_at_once() -> None:
    units = [Health(heard=True, down=True, misses=9, tried=number, not_before=1000.0) for number in range(32)]
    breaker = Breaker(units, TIMEOUT, 0.0, patient=True)
    found = [unit for at, unit in retries(units, breaker, 10.0, lambda *_: True) if at < 5]
    assert sorted(found) == list(range(32))


def test_who_answered_once_is_tried_before_who_never_did() -> None:
    dead = [Health(down=True, misses=9, tried=float(number)) for number in range(16)]
    back = [Health(heard=True, down=True, misses=9, tried=50.0 + number, not_before=1000.0) for number in range(16)]
    units = dead + back
    breaker = Breaker(units, TIMEOUT, 0.0, patient=True)
    found = [unit for at, unit in retries(units, breaker, 10.0, lambda unit, _: unit >= 16)]
    assert sorted(found[:16]) == list(range(16, 32))


def test_a_link_is_lost_when_the_last_unit_is_down() -> None:
    units = [Health(heard=True), Health()]
    breaker = Breaker(units, TIMEOUT, 0.0, patient=True)
    lost = []
    for now, unit in zip(count(), (1, 0, 0), strict=False):
        breaker.missed(units[unit], now, TIMEOUT)
        lost.append(breaker.lost)
    assert lost == [False, False, True]
    alone = Breaker([units[0]], TIMEOUT, 0.0, patient=False)
    alone.answered(units[0], 1.0)
    alone.missed(units[0], 2.0, TIMEOUT)
    assert alone.lost
