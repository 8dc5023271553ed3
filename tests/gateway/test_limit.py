"""Limits as permits write them: configuration, the library, and the metrics of both kinds."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from greenops_core.catalogue import POINT_CONCENTRATION
from greenops_core.errors import ConfigError
from greenops_core.sample import Sample
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.limit_average import Running
from greenops_gateway.cems.limit_window import EXAMPLES
from greenops_gateway.cems.record import ClosedHour, Computed, Measured
from greenops_gateway.commissioning import explained, warnings
from greenops_gateway.configuration import Gateway, json_schema, load, parse
from greenops_gateway.limit import Limit, LimitWatch, LimitWatches
from greenops_gateway.limit_library import SHIPPED, shipped
from greenops_telemetry.exposition import text
from greenops_telemetry.live import Live
from stack import program

T0 = 1_700_000_000.0
D = Decimal
HOURLY = {"stack": "s", "parameter": "NOXREF", "limit": 15, "unit": "ppm", "averaging": "4 operating hours"}
DEVICE = {
    "name": "a",
    "link": "bus",
    "unit": 1,
    "stack": "s",
    "points": [{"name": "x", "at": 1, "unit": "mg/m3"}],
}


def configured(*limits: dict[str, Any]) -> Gateway:
    links = {"bus": {"protocol": "modbus", "host": "127.0.0.1"}}
    return parse({"site": "p", "links": links, "devices": [DEVICE], "limits": list(limits)}, Path())


def limit(**keys: Any) -> Limit:  # noqa: ANN401  # as YAML has them
    (found,) = configured({**HOURLY, **keys}).limits
    return found


def closed(values: Sequence[float | None], unit: str = "ppm", first: int = 1000, load: float = 100) -> list[ClosedHour]:
    return [
        ClosedHour(
            Hour(first + place),
            D(1),
            D(load),
            "gas",
            is_startup=False,
            measured={"COC": Measured("COC", D(7), D(7), "01")},
            computed={"NOXREF": Computed("NOXREF", None if value is None else D(str(value)), unit, "O2-US", "")},
        )
        for place, value in enumerate(values)
    ]


class Page:
    """Limits at work, and what they show."""

    def __init__(self, *limits: Limit) -> None:
        self.live = Live()
        self.watches = LimitWatches(self.live)
        self.watches.take(limits, "p", T0)

    def close(self, hours: list[ClosedHour], running: Running | None = None, at: float = T0) -> None:
        now = Hour(hours[-1].hour + 1)
        self.watches.closed("s", hours, now, at, {} if running is None else {"NOXREF": running})

    def shown(self) -> dict[str, float]:
        lines = [line for line in text(self.live.page(T0)).decode().splitlines() if line[0] != "#"]
        return {
            line.partition("{")[0].removeprefix("greenops_emission_"): round(float(line.rpartition(" ")[2]), 6)
            for line in lines
        }


def test_closed_hours_become_the_metrics_of_their_limit() -> None:
    page = Page(limit())
    assert page.shown() == {}, "nothing was closed yet"
    page.close(closed([13, 14, 14, 16]))
    assert page.shown() == {
        "limit": 15,
        "average": 14.25,
        "limit_ratio": 0.95,
        "average_valid": 1,
        "average_coverage_ratio": 1,
        "average_projected": 16,
        "mean_allowed": 14.666667,  # of the third hour: (15 x 4 - 16) / 3
        "exceedance_due_seconds": 6750,
    }
    page.watches.evaluate(T0 + 1000)
    assert page.shown()["exceedance_due_seconds"] == 5750, "time passes between the hours"
    page.watches.evaluate(T0 + 9000)
    assert page.shown()["exceedance_due_seconds"] == 0


def test_what_is_not_valid_shows_no_average_and_says_so() -> None:
    page = Page(limit())
    page.close(closed([20, 20, 20, 20]))
    assert page.shown()["limit_ratio"] > 1
    page.close(closed([20, 20, None, None]))
    shown = page.shown()
    assert (shown["average_valid"], shown["average_coverage_ratio"]) == (0, 0.5)
    assert not {"average", "limit_ratio"} & shown.keys(), "the alert stands on the last valid one"


def test_the_open_hour_is_looked_ahead_from() -> None:
    page = Page(limit())
    page.close(closed([15, 15, 15, 15]), Running(D(30), D("0.5")))
    assert page.shown()["average_projected"] == 30
    assert page.shown()["mean_allowed"] == 0
    page.close(closed([15, 15, 15, 15]), Running(D(10), D("0.5")))
    assert "exceedance_due_seconds" not in page.shown()


@pytest.mark.parametrize(
    ("keys", "hours", "average"),
    [
        ({"unit": "lb/MWh", "mean": "load"}, closed([200] * 4, "lb/h"), 2),
        ({"unit": "lb/MWh", "mean": "load"}, closed([0.1] * 4, "ton/h"), 2),
        ({"unit": "lb/MWh"}, closed([0.1] * 4, "ton/h"), None),
        ({"unit": "PPM"}, closed([14] * 4), 14),
        ({"parameter": "COC"}, closed([14] * 4), 7),
        ({"unit": "lb/MWh"}, closed([200] * 4, "lb/h"), None),
        ({"unit": "lb/MWh", "mean": "load"}, closed([200] * 4, "kg/h"), None),
        ({"parameter": "SO2"}, closed([14] * 4), None),
    ],
)
def test_hours_in_another_unit_are_not_valid_for_a_limit(
    keys: dict[str, Any], hours: list[ClosedHour], average: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    page = Page(limit(**keys))
    with caplog.at_level(logging.WARNING):
        page.close(hours)
        page.close(hours)
    assert page.shown().get("average") == average
    assert page.shown()["average_valid"] == (average is not None)
    told = [each for each in caplog.messages if "compute the parameter in the permit's unit" in each]
    assert len(told) == (1 if average is None and "SO2" not in str(keys) else 0), "once, not every hour"


def test_a_changed_limit_is_judged_by_the_same_hours_at_once_and_a_removed_one_leaves_no_series() -> None:
    page, other = Page(limit()), limit(limit=20)
    page.close(closed([13, 14, 14, 16]))
    assert page.watches.leave([other]) == ["limit s/NOXREF over 4 operating hours: changed"]
    page.watches.take([other], "p", T0 + 5)
    assert page.shown()["limit_ratio"] == 0.7125
    assert page.watches.leave([]) == ["limit s/NOXREF over 4 operating hours: removed"]
    page.watches.take([], "p", T0 + 9)
    assert page.shown() == {}
    assert page.watches.history("s") == 0


def test_what_is_found_comes_back_with_its_workings() -> None:
    watches = LimitWatches(Live())
    watches.take([limit(clause="40 CFR 60.4320")], "p", T0)
    found = watches.closed("s", closed([13, 14, 14, 16]), Hour(1004), T0)
    assert list(found) == ["limit s/NOXREF over 4 operating hours"]
    average = found["limit s/NOXREF over 4 operating hours"].average
    assert average is not None
    assert (average.source, average.value) == ("40 CFR 60.4320", D("14.25"))
    assert watches.closed("another", closed([1]), Hour(1001), T0) == {}
    assert watches.history("s") >= 4


@pytest.mark.parametrize(
    ("level", "before", "projected", "due", "allowed"),
    [
        pytest.param(140, 140, 140, None, 150, id="steady below"),
        pytest.param(160, 130, 160, 1597.5, 440 / 3, id="rising over the limit"),
        pytest.param(100, 160, 142, None, 150, id="falling"),
    ],
)
def test_a_rolling_mean_of_samples_is_looked_ahead_from_too(
    level: float, before: float, projected: float, due: float | None, allowed: float
) -> None:
    """An hour of 20 blocks; the last 5 give the rate."""
    live = Live()
    live_limit = Limit(
        stack="s", parameter="X", device="a", point="x", limit=0.15, unit="g/m3", averaging="1h", minimum_coverage=1
    )
    watch, start = LimitWatch(live_limit, "p", live, T0), T0 // 180 * 180
    for block in range(20):
        value = level if block >= 15 else before
        watch.add(Sample(POINT_CONCENTRATION, ("p", "s", "a", "x"), value, start + 180 * block), start + 180 * block)
    watch.evaluate(start + 180 * 20 - 1)
    lines = text(live.page(T0)).decode().splitlines()
    shown = {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}
    assert shown["greenops_emission_average_projected"] == pytest.approx(projected / 1000)
    assert shown["greenops_emission_mean_allowed"] == pytest.approx(allowed / 1000)
    found = shown.get("greenops_emission_exceedance_due_seconds")
    assert found == (None if due is None else pytest.approx(due))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"averaging": "30m"}, "averaging: '30m' is no averaging of hours"),
        ({"averaging": "monthly"}, "or name device and point, for a mean of samples"),
        ({"stack": "t"}, "stack: no device is at stack 't'"),
        ({"limit": float("inf")}, "limit: inf can never be exceeded"),
        ({"mean": "load", "confidence_interval": 20}, "confidence_interval: comes off a mean of hours"),
        ({"startup": "ignored"}, "startup: unknown value 'ignored'"),
        ({"confidence_interval": 100}, "confidence_interval: expected number < 100"),
        ({"device": "a", "averaging": "1h"}, "point: device and point go together"),
        ({"point": "x", "averaging": "1h"}, "device: device and point go together"),
        ({"device": "a", "point": "x", "unit": "mg/m3"}, "averaging: '4 operating hours' is not a duration"),
        (
            {"device": "a", "point": "x", "unit": "mg/m3", "averaging": "1h", "startup": "left_out"},
            "startup: is for closed hours; leave out device and point, or this key",
        ),
        ({"from": "nsps-kkk/nox"}, "from: there is no limit 'nsps-kkk/nox'"),
    ],
)
def test_what_is_wrong_with_a_limit_is_told_with_its_key(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as told:
        configured({**HOURLY, **keys})
    assert says in str(told.value)
    assert str(told.value).startswith(f"limits[0].{told.value.path[-1]}: ")


def test_a_limit_taken_from_nowhere_is_told_once() -> None:
    with pytest.raises(ConfigError) as told:
        configured({"stack": "s", "from": "nsps-kkkk/nox-gas-over-85O"}, {"stack": "s", "from": 7})
    lines = str(told.value).splitlines()
    assert lines[0] == (
        "limits[0].from: there is no limit 'nsps-kkkk/nox-gas-over-85O'; did you mean 'nsps-kkkk/nox-gas-over-850'?"
    )
    assert [line for line in lines if "limits[0]" in line] == lines[:1]


def test_two_limits_on_the_same_average_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="over 4 operating hours already"):
        configured(HOURLY, {**HOURLY, "averaging": "4  operating hours", "limit": 16})


def test_a_shipped_limit_is_taken_with_what_the_permit_says_otherwise() -> None:
    name = "ied-large-combustion/nox-solid-over-300-day"
    (found,) = configured({"stack": "s", "from": name, "limit": 220, "confidence_of": 200}).limits
    assert (found.limit, found.parameter, found.averaging) == (220, "NOXREF", "24h block")
    assert (found.jurisdiction, found.from_, found.startup) == ("EU", name, "left_out")
    assert (found.rule().subtracted, found.rule().invalid_at_most) == (D(40), 3)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_limit_can_be_taken_and_says_where_it_is_from(name: str) -> None:
    one = shipped()[name]
    place = {"device": "a", "point": "x"} if one.permitted.averaging == "30m" else {}
    config = configured({"stack": "s", "from": name, **place})
    (found,) = config.limits
    assert found.clause
    assert found.jurisdiction
    assert one.library.source
    assert found.confirmed or found.note, "what awaits confirmation says so"
    told = [line for line in warnings(config) if "confirmed: true" in line]
    assert len(told) == (0 if found.confirmed else 1)
    unjudged = [line for line in warnings(config) if "is judged by closed hours, and none are closed" in line]
    assert len(unjudged) == (1 if found.is_hourly else 0)
    assert any(found.over in line for line in explained(config))


def test_the_library_has_each_regulation_that_is_promised() -> None:
    names = {path.stem for path in SHIPPED.glob("*.yaml")}
    promised = {"nsps-da", "nsps-db", "nsps-kkkk", "mats", "ied-large-combustion", "ied-waste", "scaqmd", "own-permit"}
    assert promised <= names


def test_the_schema_knows_both_ways_to_write_a_limit(tmp_path: Path) -> None:
    schema = json_schema()
    base = {"site": "p", "links": {"bus": {"protocol": "modbus", "host": "h"}}, "devices": [DEVICE]}
    for good in (HOURLY, {"stack": "s", "from": "mats/so2-new"}):
        jsonschema.validate({**base, "limits": [good]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**base, "limits": [{"stack": "s", "limit": 3}]}, schema)
    file = tmp_path / "gateway.yml"
    file.write_text(yaml.safe_dump({**base, "limits": [{**HOURLY, "averaging": each} for each in EXAMPLES]}))
    assert [each.over for each in load(file).limits] == list(EXAMPLES)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(program("greenops-gateway")), "limits", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line_lists_and_shows_what_is_shipped() -> None:
    listed = run()
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, len(shipped()) + 1)
    assert "nsps-kkkk/nox-gas-over-850 " in listed.stdout
    shown = run("show", "nsps-kkkk/nox-gas-over-850").stdout
    assert "awaits confirmation" in shown
    assert "{ stack: STACK, from: nsps-kkkk/nox-gas-over-850 }" in shown
    as_json = json.loads(run("show", "mats/so2-new", "--json").stdout)
    assert (as_json["name"], as_json["limit"], as_json["confirmed"]) == ("mats/so2-new", 1.0, False)
    assert len(json.loads(run("list", "--json").stdout)) == len(shipped())
    wrong = run("show", "mats/so2-old")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "did you mean 'mats/so2-new'" in wrong.stderr
