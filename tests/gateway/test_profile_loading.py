from __future__ import annotations

from pathlib import Path

import pytest

from greenops_core.errors import ConfigError
from greenops_gateway import profile
from greenops_gateway.configuration import load
from greenops_gateway.modbus.configuration import ModbusDevice

ABOUT = "about: {title: analyser, maker: Maker, source: manual 1.2}\n"
POINTS = "points: [{name: so2, at: 0, unit: mg/m3}]\n"


def written(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_ones_own_profile_goes_before_the_one_that_is_shipped(tmp_path: Path) -> None:
    assert profile.found("sick-marsic300", tmp_path).parent == profile.SHIPPED
    own = written(tmp_path / "profiles", "sick-marsic300.yaml", "protocol: modbus\n" + ABOUT + POINTS)
    assert profile.found("sick-marsic300", tmp_path) == own
    assert "sick-marsic300" in profile.known(tmp_path)


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "else", "x.yaml", "protocol: modbus\n" + ABOUT + POINTS)
    assert profile.found("else/x.yaml", tmp_path) == profile.found(str(path), Path("/")) == path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            "[]", "1: a profile is a mapping with the keys protocol, about and those of a device", id="a list"
        ),
        pytest.param(ABOUT, "1: a profile is a mapping with the keys protocol", id="no protocol"),
        pytest.param(
            "protocol: modbus\n",
            "1: the key 'about' is missing; write about: {title: …, maker: …, source: …}",
            id="about",
        ),
        pytest.param("protocol: modbus\nabout: {title: t}\n", "2: about: the key 'maker' is missing", id="half of it"),
        pytest.param(
            "protocol: modbus\n" + ABOUT + "stack: s\n", "3: stack: belongs to one device, in gateway.yml", id="stack"
        ),
        pytest.param(
            "protocol: modbus\n" + ABOUT + POINTS + "points_file: x.csv\n",
            "4: points_file: points stand here already; give them once",
            id="points twice",
        ),
        pytest.param(
            "protocol: modbus\n" + ABOUT + "points_file: 5\n",
            "3: points_file: expected the name of a file; found 5",
            id="5",
        ),
    ],
)
def test_a_profile_that_is_wrong_names_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = written(tmp_path, "x.yaml", content)
    with pytest.raises(ConfigError) as caught:
        profile.load("x.yaml", tmp_path)
    assert str(caught.value).startswith(f"{path}:{message}")


def test_a_profile_may_keep_its_points_in_the_vendors_table(tmp_path: Path) -> None:
    written(tmp_path / "profiles", "x.yaml", "protocol: modbus\n" + ABOUT + "points_file: x.csv\n")
    table = written(tmp_path / "profiles", "x.csv", "name;at;unit;scale\nso2;0;mg/m3;0,1\nnox;1;ppm;1\n")
    file = written(
        tmp_path,
        "gateway.yml",
        "site: s\nlinks: {l: {protocol: modbus, host: h}}\ndevices: [{name: a, link: l, stack: s, profile: x}]\n",
    )
    (device,) = load(file).devices
    assert [(point.name, point.unit) for point in device.points] == [("so2", "mg/m3"), ("nox", "ppm")]
    written(tmp_path / "profiles", "x.csv", "name;at;unit;scale\nso2;0;mg/m3;0,1\nnox;1;ppmm;1\n")
    with pytest.raises(ConfigError, match=f"{table}:3: unit: unknown unit 'ppmm'; did you mean 'ppm'"):
        load(file)


def test_what_a_profile_says_is_kept_once_for_all_its_devices(tmp_path: Path) -> None:
    points = "points: [{name: so2, at: 0, unit: mg/m3, sentinel: [65535]}, {name: nox, at: 1, unit: ppm}]"
    written(tmp_path / "profiles", "x.yaml", f"protocol: modbus\n{ABOUT}defaults: {{table: input}}\n{points}\n")
    device = "link: l, stack: s, profile: x"
    file = written(
        tmp_path,
        "gateway.yml",
        "site: s\nlinks: {l: {protocol: modbus, host: h}}\ndevices:\n"
        f"  - {{name: a, {device}, unit: 1}}\n"
        f"  - {{name: b, {device}, unit: 2}}\n"
        f"  - {{name: c, {device}, unit: 3, defaults: {{table: holding}}}}\n"
        f"  - {{name: d, {device}, unit: 4, points: [{{name: co, at: 2, unit: ppm}}]}}\n",
    )
    config = load(file)
    a, b, c, d = (device for device in config.devices if isinstance(device, ModbusDevice))
    assert [(each.name, each.unit) for each in (a, b, c, d)] == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert a.points is b.points is c.points
    assert [point.name for point in d.points] == ["co"]
    assert a.sources() is b.sources()
    assert a.blocks() is b.blocks()
    assert [each.sources()[0].span.table for each in (b, c, d)] == ["input", "holding", "input"]
    assert load(file) == config


def test_a_profile_of_another_protocol_is_refused(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "gateway.yml",
        "site: s\nlinks: {l: {protocol: mqtt, host: h}}\n"
        "devices: [{name: a, link: l, stack: s, profile: sick-marsic300}]\n",
    )
    with pytest.raises(ConfigError, match="profile 'sick-marsic300' is for modbus, but the link speaks mqtt"):
        load(file)


def test_every_profile_is_listed_with_its_source() -> None:
    head, *rows = profile.listed(Path("/nowhere"))
    assert head == ("profile", "protocol", "device", "source")
    assert [row[0] for row in rows] == profile.known(Path("/nowhere"))
    assert all(all(row) for row in rows)
