"""Energy, emissions, cost and idle time, interval by interval."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixture_host import SETTINGS, FixtureHost, powercap, values, zone
from greenops_agent.account import Account
from greenops_agent.collectors.energy import Energy
from greenops_agent.login import Session
from greenops_agent.power.use import Meter, Method, Scope, Use
from greenops_core.carbon import Factor, Tariff
from greenops_core.catalogue import (
    HOST_COST,
    HOST_EMISSIONS,
    HOST_ENERGY,
    HOST_ENERGY_UNCERTAINTY,
    HOST_IDLE,
    HOST_IDLE_COST,
    HOST_IDLE_EMISSIONS,
    HOST_IDLE_ENERGY,
    HOST_POWER,
    HOST_STATE_TIME,
)
from greenops_core.idle import State
from greenops_core.sample import Sample
from greenops_core.unit import Joules, Seconds

WHERE = ("office-17", "finance", "DE")
MODEL, PACKAGE, PLATFORM = ("model", "machine"), ("rapl", "package"), ("rapl", "platform")
MEGA = 1_000_000


def energy(host: FixtureHost) -> Energy:
    return Energy(SETTINGS, lambda: host.clock)


def interval(meter: Energy, host: FixtureHost, seconds: float, load: float) -> list[Sample]:
    host.passes(seconds, load)
    return list(meter.collect(host.source, host.at))


def idle_seconds(samples: list[Sample]) -> float:
    return values(samples, HOST_STATE_TIME)["office-17", "finance", "idle"]


def active_seconds(samples: list[Sample]) -> float:
    return values(samples, HOST_STATE_TIME)["office-17", "finance", "active"]


def test_the_first_look_has_no_power_and_counters_that_start_at_nothing(host: FixtureHost) -> None:
    found = list(energy(host).collect(host.source, host.at))
    assert values(found, HOST_POWER) == {}
    assert values(found, HOST_ENERGY_UNCERTAINTY) == {}
    assert values(found, HOST_ENERGY) == {(*WHERE, *MODEL): 0.0}


def test_modelled_energy_becomes_grams_and_money(host: FixtureHost) -> None:
    meter = energy(host)
    interval(meter, host, 0, 0)
    found = interval(meter, host, 10, load=0.5)
    watts = 20 + 80 * 0.5 + 30
    assert values(found, HOST_POWER) == {(*WHERE, *MODEL): pytest.approx(watts)}
    assert values(found, HOST_ENERGY) == {(*WHERE, *MODEL): pytest.approx(watts * 10)}
    assert values(found, HOST_EMISSIONS) == {WHERE: pytest.approx(watts * 10 / 3.6e6 * 360)}
    assert values(found, HOST_COST) == {("office-17", "finance", "EUR"): pytest.approx(watts * 10 / 3.6e6 * 0.36)}
    assert values(found, HOST_ENERGY_UNCERTAINTY) == {("office-17", *MODEL): pytest.approx(21 / watts)}
    assert values(found, HOST_IDLE_ENERGY) == {WHERE: 0.0}


def test_a_server_at_rest_turns_idle_and_what_it_uses_from_then_on_is_idle_energy(host: FixtureHost) -> None:
    meter = energy(host)
    interval(meter, host, 0, 0)
    found = [interval(meter, host, 5, load=0.0) for _ in range(14)][-1]
    assert values(found, HOST_IDLE) == {("office-17", "finance", "load"): 1.0}
    assert active_seconds(found) == pytest.approx(55)
    assert idle_seconds(found) == pytest.approx(15)
    assert values(found, HOST_ENERGY) == {(*WHERE, *MODEL): pytest.approx(55 * 50 + 15 * 20)}
    assert values(found, HOST_IDLE_ENERGY) == {WHERE: pytest.approx(15 * 20)}
    assert values(found, HOST_IDLE_EMISSIONS) == {WHERE: pytest.approx(15 * 20 / 3.6e6 * 360)}
    assert values(found, HOST_IDLE_COST) == {("office-17", "finance", "EUR"): pytest.approx(15 * 20 / 3.6e6 * 0.36)}


@pytest.mark.parametrize(
    ("terminals", "typed_ago", "load", "idle"),
    [
        pytest.param(["pts/0"], 600, 0.0, 1.0, id="nobody typed"),
        pytest.param(["pts/0"], 3, 0.0, 0.0, id="somebody typed"),
        pytest.param(["pts/0"], 600, 0.5, 0.0, id="nobody typed, a build runs"),
        pytest.param(["pts/0", ":0"], 600, 0.0, 0.0, id="a desktop, whose input is not seen"),
        pytest.param(["pts/0", "tty2"], 600, 0.0, 0.0, id="a console, which may show a desktop"),
        pytest.param(["pts/0", "pts/9"], 600, 0.0, 0.0, id="a terminal that is gone"),
    ],
)
def test_with_sessions_people_decide(
    host: FixtureHost, terminals: list[str], typed_ago: float, load: float, idle: float
) -> None:
    host.logs_in(*(Session("ana", terminal) for terminal in terminals))
    meter = energy(host)
    interval(meter, host, 0, 0)
    host.typed("pts/0", ago=typed_ago - 5)
    assert values(interval(meter, host, 5, load), HOST_IDLE) == {("office-17", "finance", "input"): idle}


@pytest.mark.parametrize(
    ("processes", "looked_at", "method", "idle"),
    [
        pytest.param(["init", "sshd"], True, "input", 0.0, id="people can log in: there may be one"),
        pytest.param([], True, "input", 0.0, id="processes are hidden: there may be one"),
        pytest.param(["init", "bash"], True, "load", 1.0, id="nobody can log in"),
        pytest.param(["init", "sshd"], False, "load", 1.0, id="nobody works here, says the operator"),
    ],
)
def test_where_nobody_records_sessions_a_host_is_idle_only_if_nobody_can_be_there(
    host: FixtureHost,
    processes: list[str],
    looked_at: bool,  # noqa: FBT001
    method: str,
    idle: float,
) -> None:
    host.keeps_no_record(*processes)
    meter = Energy(replace(SETTINGS, sessions=looked_at), lambda: host.clock)
    found = [interval(meter, host, 5, load=0.0) for _ in range(14)][-1]
    assert values(found, HOST_IDLE) == {("office-17", "finance", method): idle}


def test_a_forgotten_session_does_not_count_where_nobody_works(host: FixtureHost) -> None:
    host.logs_in(Session("ana", ":0"))
    meter = Energy(replace(SETTINGS, sessions=False), lambda: host.clock)
    found = [interval(meter, host, 5, load=0.0) for _ in range(14)][-1]
    assert values(found, HOST_IDLE) == {("office-17", "finance", "load"): 1.0}


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [pytest.param(15.0, True, id="three periods"), pytest.param(15.1, False, id="longer than three periods")],
)
def test_a_gap_counts_as_no_state_and_no_modelled_energy(host: FixtureHost, seconds: float, counted: bool) -> None:  # noqa: FBT001
    meter = energy(host)
    interval(meter, host, 0, 0)
    found = interval(meter, host, seconds, load=0.25)
    assert active_seconds(found) == pytest.approx(seconds if counted else 0)
    assert values(found, HOST_ENERGY) == {(*WHERE, *MODEL): pytest.approx(seconds * 70 if counted else 0)}
    assert bool(values(found, HOST_POWER)) is counted
    assert active_seconds(interval(meter, host, 5, load=0.25)) == pytest.approx(seconds + 5 if counted else 5)


def test_a_gap_ends_the_quiet_before_it(host: FixtureHost) -> None:
    meter = energy(host)
    interval(meter, host, 0, 0)
    for _ in range(11):
        interval(meter, host, 5, load=0.0)
    interval(meter, host, 3600, load=0.0)
    found = interval(meter, host, 5, load=0.0)
    assert values(found, HOST_IDLE) == {("office-17", "finance", "load"): 0.0}


def test_in_a_gap_the_counter_counts_what_it_says_and_none_of_it_as_idle(host: FixtureHost) -> None:
    powercap(host.root, {"intel-rapl:0": zone("package-0", 0)})
    meter = energy(host)
    interval(meter, host, 0, 0)
    powercap(host.root, {"intel-rapl:0": zone("package-0", 9000 * MEGA)})
    found = interval(meter, host, 600, load=0.0)
    assert values(found, HOST_ENERGY) == {(*WHERE, *PACKAGE): pytest.approx(9000)}
    assert values(found, HOST_IDLE_ENERGY) == {WHERE: 0.0}
    assert (active_seconds(found), idle_seconds(found)) == (0, 0)


def test_counters_that_become_unreadable_hand_over_to_the_model_once_told(
    host: FixtureHost, caplog: pytest.LogCaptureFixture
) -> None:
    powercap(host.root, {"intel-rapl:0": zone("package-0", 0)})
    meter = energy(host)
    interval(meter, host, 0, 0)
    powercap(host.root, {"intel-rapl:0": zone("package-0", 200 * MEGA)})
    interval(meter, host, 5, load=0.0)
    counter = host.root / "sys/class/powercap/intel-rapl:0/energy_uj"
    counter.unlink()
    counter.mkdir()
    caplog.set_level(logging.INFO)
    found = [interval(meter, host, 5, load=0.0) for _ in range(3)][-1]
    assert values(found, HOST_ENERGY) == {
        (*WHERE, *PACKAGE): pytest.approx(200),
        (*WHERE, *MODEL): pytest.approx(3 * 5 * 50),
    }
    assert list(values(found, HOST_POWER)) == [(*WHERE, *MODEL)]
    assert len(caplog.messages) == 1
    assert "energy_uj" in caplog.messages[0]
    assert "energy is modelled" in caplog.messages[0]


def test_an_implausible_jump_is_told_and_not_counted(host: FixtureHost, caplog: pytest.LogCaptureFixture) -> None:
    powercap(host.root, {"intel-rapl:0": zone("psys", 0)})
    meter = energy(host)
    interval(meter, host, 0, 0)
    powercap(host.root, {"intel-rapl:0": zone("psys", 10_001 * MEGA)})
    found = interval(meter, host, 5, load=0.0)
    assert values(found, HOST_ENERGY) == {(*WHERE, *PLATFORM): 0.0}
    assert values(found, HOST_POWER) == {}
    assert "jumped by 10001 J" in caplog.text
    powercap(host.root, {"intel-rapl:0": zone("psys", 10_301 * MEGA)})
    assert values(interval(meter, host, 5, load=0.0), HOST_POWER) == {(*WHERE, *PLATFORM): pytest.approx(60)}


def test_a_counter_that_is_refused_again_and_again_hands_over_to_the_model_until_it_is_plausible(
    host: FixtureHost, caplog: pytest.LogCaptureFixture
) -> None:
    """A zone that may draw 20 W by its limit draws 60 W for a while, and 10 W in the end."""
    caplog.set_level(logging.INFO)
    meter, drawn = energy(host), 0

    def draws(watts: int) -> list[Sample]:
        nonlocal drawn
        drawn += watts * 5 * MEGA
        limited = zone("package-0", drawn, constraint_0_power_limit_uw=10 * MEGA)
        powercap(host.root, {"intel-rapl:0": limited})
        return interval(meter, host, 5, load=0.0)

    draws(0)
    energies = [values(draws(watts), HOST_ENERGY) for watts in (60, 60, 60, 60, 60, 10, 10)]
    measured = [found[*WHERE, *PACKAGE] for found in energies]
    modelled = [found.get((*WHERE, *MODEL)) for found in energies]
    assert measured == pytest.approx([0, 0, 0, 0, 0, 50, 100])
    assert modelled == [None, 0.0, 250.0, 500.0, 750.0, 750.0, 750.0]
    refused, distrusted, measured_again = caplog.messages
    assert refused.startswith("this interval is not counted: intel-rapl:0 jumped by 300 J in 5 s")
    assert "energy is modelled till it is plausible" in distrusted
    assert measured_again == "energy is measured by RAPL, scope package: intel-rapl:0"


def test_refusals_with_good_intervals_between_do_not_add_up(host: FixtureHost) -> None:
    meter, drawn = energy(host), 0
    for watts in (0, 60, 60, 10, 60, 60):
        drawn += watts * 5 * MEGA
        powercap(host.root, {"intel-rapl:0": zone("package-0", drawn, constraint_0_power_limit_uw=10 * MEGA)})
        found = interval(meter, host, 5, load=0.0)
    assert values(found, HOST_ENERGY) == {(*WHERE, *PACKAGE): pytest.approx(50), (*WHERE, *MODEL): 0.0}


def test_each_second_is_multiplied_with_the_factor_that_held_then() -> None:
    account = Account()
    kilowatt_hour = Use(Meter(Method.MODEL, Scope.MACHINE), Joules(3.6e6), Joules(0))
    account.add(kilowatt_hour, State.ACTIVE, Factor("DE", 100, "ember", "1"), Tariff(0.10, "EUR"))
    account.add(kilowatt_hour, State.IDLE, Factor("DE", 500, "ember", "2"), Tariff(0.40, "EUR"))
    assert account.total.emissions == pytest.approx(600)
    assert account.idle.emissions == pytest.approx(500)
    assert account.total.cost == pytest.approx(0.50)
    assert account.idle.cost == pytest.approx(0.40)


uses = st.tuples(st.floats(0, 1e5), st.sampled_from(list(State)), st.sampled_from(list(Method)))


@given(st.lists(uses, max_size=40))
def test_idle_is_a_part_of_the_whole_and_the_whole_is_the_sum_of_the_meters(
    intervals: list[tuple[float, State, Method]],
) -> None:
    account = Account()
    for joules, state, method in intervals:
        account.spend(state, Seconds(5))
        used = Use(Meter(method, Scope.PACKAGE), Joules(joules), Joules(joules / 2))
        account.add(used, state, SETTINGS.factor, SETTINGS.tariff)
    assert account.idle.energy <= account.total.energy
    assert sum(measured.energy for measured in account.measured.values()) == pytest.approx(account.total.energy)
    assert sum(account.time.values()) == pytest.approx(5 * len(intervals))


def test_settings_can_say_that_the_model_was_measured(host: FixtureHost) -> None:
    settings = replace(SETTINGS, model=replace(SETTINGS.model, measured=True))
    meter = Energy(settings, lambda: host.clock)
    interval(meter, host, 0, 0)
    found = interval(meter, host, 5, load=0.5)
    assert values(found, HOST_ENERGY_UNCERTAINTY) == {("office-17", *MODEL): pytest.approx(12 / 90)}
