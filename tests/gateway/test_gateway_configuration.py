from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import stack
from greenops_core.errors import ConfigError, ConfigErrors
from greenops_gateway import point
from greenops_gateway.configuration import json_schema, load

EXAMPLE = stack.ROOT / "gateway" / "gateway.yml"

ERRORS = Path(__file__).parent / "configuration_errors.yml"

GOOD = """\
site: demo-plant
links:
  gas:
    protocol: modbus
    host: 127.0.0.1
devices:
  - name: analyser-1
    link: gas
    stack: stack-1
    unit: 1
    points:
      - {name: so2, at: 0, type: f32, unit: mg/m3, range: [0, 2000]}
      - {name: o2, at: 2, type: f32, unit: "%"}
limits:
  - {stack: stack-1, parameter: SO2, device: analyser-1, point: so2, limit: 150, unit: mg/m3, averaging: 1h}
"""


def written(tmp_path: Path, change: tuple[str, str]) -> Path:
    """GOOD with one text replaced by another, in a file."""
    before, after = change
    assert before in GOOD
    path = tmp_path / "gateway.yml"
    path.write_text(GOOD.replace(before, after, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "case", yaml.safe_load(ERRORS.read_text(encoding="utf-8")), ids=lambda case: f"{case['replace']} by {case['by']}"
)
def test_each_mistake_names_line_key_and_what_to_write(tmp_path: Path, case: dict[str, str]) -> None:
    path = written(tmp_path, (case["replace"], case["by"]))
    with pytest.raises(ConfigError) as caught:
        load(path)
    told = str(caught.value).replace(f"{path}:", "")
    assert told == case["message"].replace("BESIDE", str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda raw: raw["devices"].append(raw["devices"][0]),
            "devices[1].name: 'analyser-1' is already the name of another device",
            id="device twice",
        ),
        pytest.param(
            lambda raw: raw["limits"].append(raw["limits"][0]),
            "limits[1].parameter: stack 'stack-1' has a limit for 'SO2' over 1h already: limits[0]",
            id="limit twice",
        ),
        pytest.param(
            lambda raw: raw["devices"].clear(), "devices: a gateway needs at least one device", id="no device"
        ),
        pytest.param(
            lambda raw: raw["devices"][0]["points"].clear(),
            "devices[0].points: a device needs at least one point",
            id="no point",
        ),
    ],
)
def test_a_whole_that_does_not_fit_is_named(tmp_path: Path, change: object, message: str) -> None:
    raw = yaml.safe_load(GOOD)
    assert callable(change)
    change(raw)
    path = tmp_path / "gateway.yml"
    path.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:1: {message}"


@pytest.mark.parametrize("content", ["", "[]", "site", "devices: {}", "devices: [5]"])
def test_a_file_of_another_shape_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=str(path)):
        load(path)


MANY = """\
site: demo plant
links:
  gas: {protocol: modbus, hots: 127.0.0.1}
  flow: {protocol: opcua, url: "http://x"}
  dust: {protocol: mqt}
devices:
  - {name: a, link: gas, stack: s, unit: 1, points: [{name: so2, at: 0, unit: mg/m3}, {name: nox, at: x, unit: ppmm}]}
  - {name: b, link: flow, stack: s, points: [{name: flow, node: "ns=2;i=1", unit: m3/s, rnge: [0, 1]}]}
  - {name: c, link: dusty, stack: s, points: []}
limits:
  - {stack: s, parameter: SO2, device: a, point: so2, limit: -1, unit: mg/m3, averaging: 1h}
"""


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(MANY, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{path}:").split(": ")[:2] for line in lines] == [
        ["1", "site"],
        ["11", "limits[0].limit"],
        ["3", "links.gas.hots"],
        ["4", "links.flow.url"],
        ["5", "links.dust.protocol"],
        ["7", "devices[0].points[1].unit"],
        ["7", "devices[0].points[1].at"],
        ["8", "devices[1].points[0].rnge"],
        ["9", "devices[2].link"],
    ]


def test_a_mistake_in_a_profile_is_told_there_and_names_who_uses_it(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    profile = tmp_path / "profiles" / "mine.yaml"
    profile.write_text(
        "protocol: modbus\nabout: {title: t, maker: m, source: s}\npoints:\n  - {name: so2, at: 0, unit: mg}\n",
        encoding="utf-8",
    )
    points = GOOD[GOOD.index("    points:") : GOOD.index("limits:")]
    path = tmp_path / "gateway.yml"
    path.write_text(GOOD.replace(points, "    profile: mine\n"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    start = f"{path}:11: devices[0].profile: {profile}:4: points[0].unit: unknown unit 'mg'"
    assert str(caught.value).startswith(start)


def plant(tmp_path: Path, profile: str, devices: int, more: str = "") -> Path:
    """So many devices of one profile, d0, d1 and so on."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(
        "protocol: modbus\nabout: {title: t, maker: m, source: s}\n" + profile, encoding="utf-8"
    )
    path = tmp_path / "gateway.yml"
    each = "  - {{name: d{n}, link: gas, stack: s, unit: {n}, profile: mine}}\n"
    path.write_text(
        "site: s\nlinks: {gas: {protocol: modbus, host: h}}\ndevices:\n"
        + "".join(each.format(n=number) for number in range(devices))
        + more,
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("devices", "used"),
    [(1, ""), (2, " (used by d0 and d1)"), (3, " (used by d0, d1 and d2)"), (100, " (used by d0, d1 and 98 others)")],
)
def test_a_mistake_in_a_profile_is_told_once(tmp_path: Path, devices: int, used: str) -> None:
    path = plant(
        tmp_path, "points:\n  - {name: a, at: 0, unit: mgm3}\n  - {name: b, at: 1, unit: mg/m3, typ: u16}\n", devices
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert "mine.yaml:5: points[1].typ: unknown key 'typ'; did you mean 'type'?" in lines[0]
    assert lines[0].endswith(f"?{used}")


def test_many_mistakes_in_a_profile_of_many_devices_are_told_once_each(tmp_path: Path) -> None:
    points = "".join(f"  - {{name: p{number}, at: {number}, unit: mg/m3, typ: u16}}\n" for number in range(30))
    with pytest.raises(ConfigErrors) as caught:
        load(plant(tmp_path, f"points:\n{points}", 100))
    lines = str(caught.value).splitlines()
    assert len(lines) == 30
    assert all("unknown key 'typ'" in line and line.endswith("(used by d0, d1 and 98 others)") for line in lines)


@pytest.mark.parametrize(("wrong", "told"), [(3, 4), (30, 30)])
def test_a_profile_with_many_mistakes_is_tried_with_one_device_only(tmp_path: Path, wrong: int, told: int) -> None:
    points = "".join(f"  - {{name: p{number}, at: {number}, unit: mg/m3, typ: u16}}\n" for number in range(wrong))
    path = plant(tmp_path, f"points:\n{points}", 2)
    path.write_text(path.read_text(encoding="utf-8").replace("unit: 1,", "unit: 1, poll: 5,"), encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    assert len(caught.value.errors) == told


def test_a_column_that_is_no_key_is_told_once(tmp_path: Path) -> None:
    path = plant(tmp_path, "points_file: mine.csv\n", 2)
    rows = "".join(f"p{number},{number},mg/m3,x\n" for number in range(30))
    (tmp_path / "profiles" / "mine.csv").write_text(f"name,at,unit,Description\n{rows}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    (line,) = str(caught.value).splitlines()
    assert "mine.csv:2: Description: unknown key 'Description'; known: " in line
    assert line.endswith("; so in other lines (used by d0 and d1)")


def test_no_more_is_told_than_a_person_can_use(tmp_path: Path) -> None:
    path = plant(tmp_path, "points: [{name: a, at: 0, unit: mg/m3}]\n", 120)
    path.write_text(
        path.read_text(encoding="utf-8").replace("profile: mine", "profile: mine, poll: 0s, typ: 5"), encoding="utf-8"
    )
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "and 190 more"
    assert len(caught.value.errors) == 240


UNSURE = """\
site: s
links: {gas: {protocol: modbus, host: h}, bad: {protocol: modbus, hots: h}}
devices:
  - {name: right, link: gas, stack: s, unit: 1, points: [{name: x, at: 0, unit: mg/m3}, {name: y, at: 1, unit: m3/h}]}
  - {name: wrong, link: gas, stack: s, unit: 2, points: [{name: x, at: 0, unit: mgm3}]}
  - {name: lost, link: bad, stack: s, unit: 3, points: [{name: x, at: 0, unit: mg/m3}]}
derived:
  - {name: follows, stack: s, points: [{name: q, unit: kg/h, value: a * b, from: {a: wrong/z, b: right/y}}]}
  - {name: typed, stack: s, points: [{name: q, unit: kg/h, value: a * b, frm: {a: right/x, b: right/y}}]}
  - {name: mass, stack: s, points: [{name: q, unit: kgh, value: a * b, from: {a: right/x, b: right/y}}]}
  - {name: again, stack: s, points: [{name: q, unit: kg/h, value: a, from: {a: mass/q}}]}
  - {name: missing, stack: s, points: [{name: q, unit: kg/h, value: a * b, from: {a: right/z, b: right/y}}]}
limits:
  - {stack: s, parameter: A, device: wrong, point: z, limit: 5, unit: mg/m3, averaging: 1h}
  - {stack: s, parameter: B, device: typed, point: z, limit: 5, unit: mg/m3, averaging: 1h}
  - {stack: s, parameter: C, device: mass, point: z, limit: 5, unit: mg/m3, averaging: 1h}
  - {stack: s, parameter: D, device: right, point: x, limit: -1, unit: mg/m3, averaging: 1h}
  - {stack: s, parameter: E, device: right, point: z, limit: 5, unit: mg/m3, averaging: 1h}
  - {stack: s, parameter: E, device: lost, point: z, limit: 5, unit: mg/m3, averaging: 1h}
"""


def test_limits_and_what_is_derived_are_judged_by_what_is_right(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(UNSURE, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{path}:").split(": ")[:2] for line in lines] == [
        ["9", "derived[1].points[0].frm"],
        ["17", "limits[3].limit"],
        ["2", "links.bad.hots"],
        ["5", "devices[1].points[0].unit"],
        ["10", "derived[2].points[0].unit"],
        ["12", "derived[4].points[0].from.a"],
        ["18", "limits[4].point"],
        ["19", "limits[5].parameter"],
    ]


TWICE = """\
site: s
links: {gas: {protocol: modbus, host: h}}
devices:
  - {name: right, link: gas, stack: s, unit: 1, points: [{name: x, at: 0, unit: mg/m3}]}
  - name: wrong
    link: gas
    stack: s
    unit: 2
    points:
      - {name: x, at: 0, unit: mg/m3}
      - {name: x, at: y, unit: mgm3, gap_after: 1s}
derived:
  - {name: mass, stack: s, points: [{name: q, unit: kg/h, value: a, from: {a: rigth/x}}]}
limits:
  - {stack: s, parameter: A, device: rigth, point: x, limit: 5, unit: mg/m3, averaging: 1h}
  - {stack: s, parameter: B, device: right, point: y, limit: 5, unit: mg/m3, averaging: 1h}
  - {stack: s, parameter: C, device: wrong, point: y, limit: 5, unit: mg/m3, averaging: 1h}
"""


def test_a_name_given_twice_hides_no_other_mistake(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(TWICE, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{path}:").split(": ")[:2] for line in lines] == [
        ["11", "devices[1].points[1].name"],
        ["11", "devices[1].points[1].unit"],
        ["11", "devices[1].points[1].gap_after"],
        ["11", "devices[1].points[1].at"],
        ["13", "derived[0].points[0].from.a"],
        ["15", "limits[0].device"],
        ["16", "limits[1].point"],
    ]


def test_links_without_a_device_are_named(tmp_path: Path) -> None:
    config = load(written(tmp_path, ("links:\n", "links:\n  spare: {protocol: modbus, host: h}\n")))
    assert config.unused == ("spare",)
    assert [way.name for way in config.ways] == ["gas"]


def test_what_stands_beside_a_profile_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(
        "protocol: modbus\nabout: {title: t, maker: m, source: s}\npoll: 5s\nstale_after: 1m\n"
        "points: [{name: so2, at: 0, unit: mg/m3}]\n",
        encoding="utf-8",
    )
    path = tmp_path / "gateway.yml"
    head = "site: s\nlinks: {gas: {protocol: modbus, host: h}}\ndevices:\n"
    each = "  - {{name: {name}, link: gas, stack: s, profile: mine, unit: {unit}{more}}}\n"
    devices = [each.format(name="a", unit=1, more=""), each.format(name="b", unit=2, more=", poll: 2s")]
    path.write_text(head + "".join(devices), encoding="utf-8")
    assert [(device.name, str(device.poll), device.freshness()) for device in load(path).devices] == [
        ("a", "5s", 60.0),
        ("b", "2s", 60.0),
    ]


def test_the_example_is_right_and_fits_the_schema() -> None:
    config = load(EXAMPLE)
    assert [str(limit.averaging) for limit in config.limits] == ["1m", "30m"] * 4
    raw = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    # JSON has text keys only.
    jsonschema.validate(json.loads(json.dumps(raw)), json_schema())


@pytest.mark.parametrize(
    ("where", "key"), [("devices", "poll"), ("devices", "points"), ("devices", "stack"), ("links", "timeout")]
)
def test_the_schema_refuses_what_the_gateway_refuses(where: str, key: str) -> None:
    raw = json.loads(json.dumps(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))))
    raw[where][{"devices": 0, "links": "gas"}[where]][key] = 5
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(raw, json_schema())


@pytest.mark.parametrize(
    ("poll", "stale_after", "freshness", "patience"),
    [("1s", None, 3.0, 10.0), ("100ms", None, 3.0, 10.0), ("1m", None, 180.0, 180.8), ("1s", "90s", 90.0, 10.0)],
)
def test_freshness_and_patience_follow_the_poll(
    tmp_path: Path, poll: str, stale_after: str | None, freshness: float, patience: float
) -> None:
    stale = f"\n    stale_after: {stale_after}" if stale_after else ""
    path = written(tmp_path, ("unit: 1", f"poll: {poll}{stale}"))
    (way,) = load(path).ways
    assert way.devices[0].freshness() == pytest.approx(freshness)
    assert point.patience(way.link, way.devices) == pytest.approx(patience)
