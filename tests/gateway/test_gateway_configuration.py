from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import stack
from greenops_core.errors import ConfigError
from greenops_gateway.configuration import json_schema, load
from greenops_gateway.modbus.configuration import ModbusDevice
from greenops_gateway.modbus.plan import Span

EXAMPLE = stack.ROOT / "gateway" / "gateway.yml"

ERRORS = Path(__file__).parent / "configuration_errors.yml"

GOOD = """\
site: demo-plant
devices:
  - name: analyser-1
    protocol: modbus
    stack: stack-1
    host: 127.0.0.1
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
    assert str(caught.value) == f"{path}:{case['message']}"


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


def test_defaults_styles_and_status_words_resolve(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yml"
    path.write_text(
        """\
site: demo-plant
devices:
  - name: a
    protocol: modbus
    stack: s
    host: h
    address_style: modicon
    defaults: {type: i32, order: BADC}
    quality_from: {at: 30190, bits: {3: calibration}}
    points:
      - {name: plain, at: 40101, unit: "1"}
      - {name: own, at: 300001, type: f64, order: ABCD, unit: "1", quality_from: {at: 40001, bits: {0: maintenance}}}
      - {name: flag, at: 40102, bit: 7, unit: "1"}
      - {name: coil, at: "00101", unit: "1"}
      - {name: sentinel, at: 40110, type: f32, sentinel: [-999.9, -1], unit: "1"}
      - {name: status, at: 30190, type: u16, unit: "1"}
""",
        encoding="utf-8",
    )
    ((_, device),) = load(path).devices
    assert isinstance(device, ModbusDevice)
    plain, own, flag, coil, sentinel, status = device.sources()
    assert (plain.span, plain.type, plain.order) == (Span("holding", 100, 2), "i32", "BADC")
    assert (own.span, own.type, own.order) == (Span("input", 0, 4), "f64", "ABCD")
    assert (flag.span, flag.type, flag.meaning.bit) == (Span("holding", 101, 1), "bit", 7)
    assert (coil.span, coil.type) == (Span("coil", 100, 1), "bit")
    assert sentinel.meaning.sentinels == {-999.9000244140625, -1.0}
    assert plain.status is not None
    assert plain.status.span == Span("input", 189, 1)
    assert own.status is not None
    assert own.status.span == Span("holding", 0, 1)
    assert status.status is None


def test_the_example_is_right_and_fits_the_schema() -> None:
    config = load(EXAMPLE)
    assert [str(limit.averaging) for limit in config.limits] == ["1m", "30m"] * 4
    raw = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    # JSON has text keys only.
    jsonschema.validate(json.loads(json.dumps(raw)), json_schema())


@pytest.mark.parametrize("key", ["poll", "points", "host"])
def test_the_schema_refuses_what_the_gateway_refuses(key: str) -> None:
    raw = json.loads(json.dumps(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))))
    raw["devices"][0][key] = 5
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
    path = written(tmp_path, ("host: 127.0.0.1", f"host: h\n    poll: {poll}{stale}"))
    ((_, device),) = load(path).devices
    assert device.freshness() == pytest.approx(freshness)
    assert device.patience() == pytest.approx(patience)
