"""Energy counters and the model that stands in for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixture_host import powercap, zone
from greenops_agent.power import rapl
from greenops_agent.power.model import Model
from greenops_agent.power.rapl import Counter, Reading
from greenops_agent.power.use import Method, Scope
from greenops_core.errors import DecodeError
from greenops_core.idle import State
from greenops_core.unit import Seconds, Watts

RANGE = 262_143_328_850


@pytest.mark.parametrize(
    ("names", "scope", "zones"),
    [
        pytest.param(
            {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "uncore"},
            Scope.PACKAGE,
            ("intel-rapl:0",),
            id="cores and uncore are inside the package",
        ),
        pytest.param(
            {
                "intel-rapl:0": "package-0",
                "intel-rapl:0:0": "dram",
                "intel-rapl:1": "package-1",
                "intel-rapl:1:0": "dram",
            },
            Scope.PACKAGE,
            ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0", "intel-rapl:1:0"),
            id="two sockets, each with its memory, which is outside the package",
        ),
        pytest.param(
            {"intel-rapl:0": "package-0", "intel-rapl:0:0": "dram", "intel-rapl:1": "psys"},
            Scope.PLATFORM,
            ("intel-rapl:1",),
            id="the platform holds all others",
        ),
        pytest.param(
            {"intel-rapl:0": "package-0", "intel-rapl-mmio:0": "package-0", "intel-rapl-mmio:0:0": "dram"},
            Scope.PACKAGE,
            ("intel-rapl:0", "intel-rapl-mmio:0:0"),
            id="a register shown twice counts once",
        ),
        pytest.param(
            {"intel-rapl-mmio:0": "package-0"}, Scope.PACKAGE, ("intel-rapl-mmio:0",), id="shown by MMIO only"
        ),
        pytest.param(
            {"intel-rapl:0": "package-0-die-0", "intel-rapl:1": "package-0-die-1"},
            Scope.PACKAGE,
            ("intel-rapl:0", "intel-rapl:1"),
            id="two dies in one package",
        ),
        pytest.param({"intel-rapl:0:0": "core"}, Scope.PACKAGE, (), id="cores alone are not the package"),
        pytest.param({"dtpm:0": "package-0"}, Scope.PACKAGE, (), id="another kind of zone"),
    ],
)
def test_zones_that_nest_are_never_summed(names: dict[str, str], scope: Scope, zones: tuple[str, ...]) -> None:
    assert rapl.chosen(names) == (scope, zones)


@given(st.integers(0, RANGE), st.integers(0, 200_000_000))
def test_a_counter_that_turns_over_loses_no_energy(before: int, used: int) -> None:
    now = (before + used) % (RANGE + 1)
    assert rapl.turned(before, now, RANGE) == used


def reading(**microjoules: int) -> Reading:
    return Reading(Scope.PACKAGE, {name: Counter(value, RANGE, Watts(130)) for name, value in microjoules.items()})


def test_energy_is_the_sum_of_the_zones_and_says_how_sure_it_is() -> None:
    used = rapl.use(
        reading(package=RANGE - 50_000_000, dram=0), reading(package=99_999_999, dram=25_000_000), Seconds(5)
    )
    assert used.energy == pytest.approx(175.0)
    assert used.sigma == pytest.approx(175.0 * rapl.UNCERTAINTY)
    assert (used.meter.method, used.meter.scope) == (Method.RAPL, Scope.PACKAGE)


@pytest.mark.parametrize(
    ("before", "now", "lasted", "told"),
    [
        pytest.param(
            {"package": 0}, {"package": 651_000_000}, 5, "jumped by 651 J in 5 s", id="more than its limits allow"
        ),
        pytest.param({"package": 5_000_000_000}, {"package": 0}, 5, "jumped by", id="a counter set to 0 by a suspend"),
        pytest.param({"package": 0}, {"package": 0, "dram": 5}, 5, "zones changed", id="another set of zones"),
    ],
)
def test_an_implausible_jump_is_refused(before: dict[str, int], now: dict[str, int], lasted: float, told: str) -> None:
    with pytest.raises(DecodeError, match=told):
        rapl.use(reading(**before), reading(**now), Seconds(lasted))


def test_limits_that_can_be_read_bound_the_power_of_a_zone(tmp_path: Path) -> None:
    powercap(
        tmp_path,
        {
            "intel-rapl:0": zone(
                "package-0", 7, constraint_0_power_limit_uw=15_000_000, constraint_1_power_limit_uw=64_000_000
            ),
            "intel-rapl:0:0": zone("dram", 3, constraint_0_power_limit_uw=0),
        },
    )
    found = rapl.read(tmp_path)
    assert found is not None
    assert {name: counter.limit for name, counter in found.counters.items()} == {
        "intel-rapl:0": pytest.approx(128),
        "intel-rapl:0:0": 2000,
    }


def test_a_machine_without_counters_has_no_reading(tmp_path: Path) -> None:
    assert rapl.read(tmp_path) is None


def test_a_counter_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    powercap(tmp_path, {"intel-rapl:0": {**zone("package-0", 0), "energy_uj": "n/a"}})
    with pytest.raises(DecodeError, match=r"intel-rapl:0/energy_uj holds 'n/a', not a number"):
        rapl.read(tmp_path)


def test_a_counter_that_may_not_be_read_is_an_error_not_a_zero(tmp_path: Path) -> None:
    powercap(tmp_path, {"intel-rapl:0": {"name": "package-0", "max_energy_range_uj": RANGE}})
    (tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj").mkdir()  # refuses a read for root, too
    with pytest.raises(OSError, match="energy_uj"):
        rapl.read(tmp_path)


MODEL = Model(Watts(20), Watts(100), Watts(30), measured=False)


@pytest.mark.parametrize(
    ("load", "state", "watts"),
    [
        pytest.param(0.0, State.IDLE, 20, id="at rest, screen off"),
        pytest.param(0.0, State.ACTIVE, 50, id="at rest, somebody reads"),
        pytest.param(0.5, State.ACTIVE, 90, id="half the line"),
        pytest.param(1.0, State.ACTIVE, 130, id="full load"),
        pytest.param(0.02, State.IDLE, 21.6, id="idle with a little load"),
    ],
)
def test_the_model_is_a_straight_line_and_the_monitor_while_active(load: float, state: State, watts: float) -> None:
    assert MODEL.power(load, state) == pytest.approx(watts)


@pytest.mark.parametrize(
    ("measured", "sigma"),
    [pytest.param(False, 21, id="general figures"), pytest.param(True, 12, id="measured on this machine")],
)
def test_the_models_error_is_the_same_in_watts_at_any_load(measured: bool, sigma: float) -> None:  # noqa: FBT001
    model = Model(Watts(20), Watts(100), Watts(0), measured=measured)
    for load in (0.0, 1.0):
        assert model.use(load, State.ACTIVE, Seconds(10)).sigma == pytest.approx(sigma * 10)
