"""Every query of every board, asked of a real Prometheus that scraped the real programs."""

from __future__ import annotations

import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from greenops_alerting.records import LIMIT
from greenops_dashboards.boards import ALL
from greenops_dashboards.boards.emissions import compliance
from greenops_dashboards.boards.fleet import reports
from greenops_dashboards.grafana import to_grafana
from greenops_gateway.cems.hour import Hour
from greenops_gateway.cems.record import ClosedHour, Measured
from greenops_gateway.emissions.entry import AnalyserTests, Entry, Inputs
from greenops_gateway.emissions.ledger import Ledger
from greenops_gateway.regulatory.submission_queue import Queue
from real_servers import QueryApi, prometheus
from self_signed import self_signed
from stack import ROOT, Service, free_port, program, running

PATIENCE = 60.0
AVERAGING = "4s"
Command = list[str | Path]
MORE_POINTS = [
    {"name": "nh3", "at": 30030, "unit": "ppm"},
    {"name": "ash", "at": 30032, "unit": "kg/h"},
    {"name": "fan", "at": 30034, "unit": "kW"},
    {"name": "dust", "at": 30036, "unit": "mg/m3"},
    {"name": "temperature", "at": 30038, "unit": "degC"},
    {"name": "pressure", "at": 30040, "unit": "hPa"},
    {"name": "flow", "at": 30042, "unit": "m3/h"},
    {"name": "meter", "at": 30044, "unit": "kWh"},
    {"name": "voltage", "at": 30046, "unit": "V"},
    {"name": "current", "at": 30048, "unit": "A"},
    {"name": "frequency", "at": 30050, "unit": "Hz"},
    {"name": "velocity", "at": 30052, "unit": "m/s"},
    {"name": "gas_meter", "at": 30054, "unit": "m3"},
]
"""One analyser that measures every quantity."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The programs while they run."""

    api: QueryApi
    control: str
    gateway: ExitStack
    agent: ExitStack


def gateway_file(folder: Path, modbus: int) -> Path:
    """The demo plant's analyser, over TLS, with quick averages."""
    config = yaml.safe_load((ROOT / "gateway/gateway.yml").read_text(encoding="utf-8"))
    pair = self_signed(folder)
    tls = {"ca": pair.certificate, "certificate": pair.certificate, "key": pair.key}
    config["links"] = {"gas": config["links"]["gas"] | {"port": modbus, "transport": "tls", "tls": tls}}
    profile = yaml.safe_load((ROOT / "gateway/profiles/demo-gas-analyser.yaml").read_text(encoding="utf-8"))
    analyser = {key: profile[key] for key in ("address_style", "defaults", "quirks", "quality_from")}
    common = {"name": "analyser-1", "link": "gas", "stack": "stack-1", "unit": 1, "poll": "200ms"}
    config["devices"] = [common | analyser | {"points": profile["points"] + MORE_POINTS}]
    del config["derived"]
    config["limits"] = [
        limit | {"averaging": AVERAGING, "device": "analyser-1"}
        for limit in config["limits"]
        if limit["averaging"] == "1m"
    ]
    config["limits"].append(config["limits"][0] | {"parameter": "hopeless", "limit": 0.001})  # has a time to exceedance
    config["journal"] = {"directory": str(folder / "journal")}
    config["sinks"] = {"files": {"kind": "jsonl", "directory": str(folder / "samples")}}
    measured = {"SO2C": {"point": "analyser-1/so2", "unit": "mg/m3"}}
    config["emissions"] = {"stacks": [{"stack": "stack-1", "standard_time": "+00:00", "measured": measured}]}
    close_an_hour(folder / "journal" / "hours")
    prepare_a_report(folder)
    file = folder / "gateway.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


def close_an_hour(ledger: Path) -> None:
    """As if the gateway had run before: there is not an hour to wait."""
    so2 = Measured("SO2C", Decimal("80.1"), Decimal("80.1"), "01", points=60)
    hour = ClosedHour(
        Hour(int(time.time() // 3600) - 1),
        Decimal(1),
        None,
        "",
        is_startup=False,
        measured={"SO2C": so2},
        computed={},
    )
    entry = Entry(0, "stack-1", 1, "", "", "", "", Inputs("", 60, ()), AnalyserTests(), 0, (), hour)
    Ledger.open(ledger, "stack-1").append([entry])


def prepare_a_report(folder: Path) -> None:
    """One that waits for a person."""
    report = folder / "excess-2026-Q1.json"
    report.write_text("{}", encoding="utf-8")
    Queue(folder / "journal").prepare("excess", "2026-Q1", date(2026, 4, 30), [report], ("ana", "the quarter is over"))


def agent_file(folder: Path) -> Path:
    """A host of a department with a budget. Its pushes by OTLP go nowhere, and are counted; those to files arrive."""
    file = folder / "agent.yml"
    push = {"endpoint": f"http://127.0.0.1:{free_port()}/v1/metrics", "every": "1s"}
    config = {"host": "pc-1", "department": "engineering", "zone": "DE", "every": "500ms", "otlp": push}
    config["journal"] = {"directory": str(folder / "agent-journal"), "every": "500ms"}
    config["sinks"] = {"files": {"kind": "jsonl", "directory": str(folder / "agent-samples")}}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


def host_root(folder: Path) -> Path:
    """This machine as a container would see it, with a record of who is logged in, which not every machine keeps."""
    root = folder / "host"
    for name in ("seats/seat0", "sessions/1"):
        (root / "run/systemd" / name).parent.mkdir(parents=True)
    (root / "run/systemd/seats/seat0").write_text("IS_SEAT0=1\n", encoding="utf-8")
    (root / "run/systemd/sessions/1").write_text("USER=ana\nSTATE=active\nCLASS=user\n", encoding="utf-8")
    for name in ("proc", "sys", "etc"):
        (root / name).symlink_to(f"/{name}")
    return root


def exporter_file(folder: Path) -> Path:
    """The demo organisation, read quickly."""
    config = yaml.safe_load((ROOT / "exporter/exporter.yml").read_text(encoding="utf-8"))
    file = folder / "exporter.yml"
    file.write_text(yaml.safe_dump(config | {"refresh": "1s"}), encoding="utf-8")
    return file


def quick_rules() -> dict[str, str]:
    """The committed rules, evaluated all the time; a week's history is any history."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "alerting/rules").glob("*.yml")}
    return {
        name: re.sub(r"interval: \w+", "interval: 500ms", text)
        .replace("[6d23h59m:1h]", "[1m:1s]")
        .replace(">= 24", ">= 1")
        for name, text in texts.items()
    }


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    ports = {name: free_port() for name in ("modbus", "control", "gateway", "agent", "exporter")}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    gateway, agent, exporter = (program(f"greenops-{name}") for name in ("gateway", "agent", "exporter"))

    def service(name: str, *command: str | Path, ready: str = "/-/healthy", where: str = "") -> Service:
        return Service(name, command, f"http://{at[where or name]}{ready}")

    gateway_config, agent_config = gateway_file(tmp_path, ports["modbus"]), agent_file(tmp_path)
    simulate: Command = [gateway, "simulate", gateway_config, "--control", at["control"]]
    run_gateway: Command = [gateway, "run", "--config", gateway_config, "--listen", at["gateway"]]
    run_agent: Command = [
        agent,
        "run",
        "--config",
        agent_config,
        "--listen",
        at["agent"],
        "--root",
        host_root(tmp_path),
    ]
    run_exporter: Command = [exporter, "run", "--config", exporter_file(tmp_path), "--listen", at["exporter"]]
    targets = {name: at[name] for name in ("gateway", "agent", "exporter")}
    with ExitStack() as stack:
        api = stack.enter_context(
            prometheus(tmp_path / "prometheus", targets=targets, rules=quick_rules(), every="500ms")
        )
        started = [
            service("simulator", *simulate, ready="/scenario", where="control"),
            service("exporter", *run_exporter, "--prometheus", api.url, "--data", tmp_path / "ledger"),
        ]
        for one in started:
            stack.enter_context(running(one, tmp_path / f"{one.name}.log"))
        ends = {name: stack.enter_context(ExitStack()) for name in ("gateway", "agent")}
        ends["gateway"].enter_context(running(service("gateway", *run_gateway), tmp_path / "gateway.log"))
        ends["agent"].enter_context(running(service("agent", *run_agent), tmp_path / "agent.log"))
        yield Whole(api, f"http://{at['control']}", ends["gateway"], ends["agent"])


def interpolated(expr: str) -> str:
    """As Grafana would ask with everything chosen, on a range of five minutes."""
    text = expr.replace("$__rate_interval", "5s").replace("$__range:1m", "5m:1s").replace("$__range", "5m")
    text = re.sub(r"\$(site|sink|stack|device|parameter|department|host)\b", ".*", text)
    assert "$" not in text, text
    return text


def ask(api: QueryApi, expr: str, *, instant: bool) -> tuple[list[dict[str, str]], list[str]]:
    """The series that an expression gives, and what Prometheus warns of."""
    now = time.time()
    span = {"time": now} if instant else {"start": now - 30, "end": now, "step": 1}
    query = urllib.parse.urlencode({"query": interpolated(expr), **span})
    path = "query" if instant else "query_range"
    with urllib.request.urlopen(f"{api.url}/api/v1/{path}?{query}", timeout=10) as reply:
        answer = yaml.safe_load(reply.read())
    series = [one["metric"] for one in answer["data"]["result"]]
    return series, [*answer.get("warnings", ()), *answer.get("infos", ())]


def headings(panel: Mapping[str, Any]) -> set[str]:
    """The labels that a table names."""
    organize = panel["transformations"][1]["options"]
    return {name for name in organize["renameByName"] if not name.startswith("Value")}


def wrong_with(panel: Mapping[str, Any], target: Mapping[str, Any], api: QueryApi) -> Iterator[str]:
    series, warnings = ask(api, target["expr"], instant=target["instant"])
    yield from warnings
    if not series:
        yield "no data"
    for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]):
        if any(label not in one for one in series):
            yield f"its legend names {label}, which a series lacks"
    if panel["type"] == "table":
        for label in {label for one in series for label in one} - headings(panel):
            yield f"it has a label {label} without a heading"
    if panel["type"] == "stat" and len(series) > 1:
        yield f"one number is {len(series)} series"


def problems(api: QueryApi) -> list[str]:
    """What is wrong with any panel or variable now."""
    found = []
    for board in map(to_grafana, ALL):
        for panel in board["panels"]:  # type: ignore[attr-defined]  # JSON
            for target in panel.get("targets", ()):
                place = f"{board['uid']} / {panel['title']} {target['refId']}"
                found += [f"{place}: {wrong}" for wrong in wrong_with(panel, target, api)]
        for variable in board["templating"]["list"]:  # type: ignore[index]  # JSON
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
                assert asked
                if not api.api(f"label/{asked[2]}/values", **{"match[]": interpolated(asked[1])}):
                    found.append(f"{board['uid']}: variable {variable['name']} has no values")
    return found


def settled(api: QueryApi) -> list[str]:
    """What is still wrong when everything has had time to be scraped and recorded."""
    deadline = time.monotonic() + PATIENCE
    while (found := problems(api)) and time.monotonic() < deadline:
        time.sleep(1)
    return found


def becomes(api: QueryApi, expr: str, wanted: float, **labels: str) -> None:
    """Fails when no series of *expr* with *labels* takes the value within some seconds."""
    deadline, values = time.monotonic() + 30, []
    while time.monotonic() < deadline:
        found = api.query(interpolated(expr))
        values = [value for series, value in found if labels.items() <= series.items()]
        if wanted in values:
            return
        time.sleep(0.3)
    pytest.fail(f"never {wanted}, but {values}: {expr}")


def followed(api: QueryApi) -> list[str]:
    """The points that links to a value's origin lead to, filled in as Grafana does for one point now."""
    boards = yaml.safe_dump([to_grafana(board) for board in ALL], width=10_000)
    links = sorted(set(re.findall(r"http://\$\{instance\}\S+", boards)))
    assert len(links) == 2
    (instance,) = api.api("label/instance/values", **{"match[]": "greenops_journal_samples_total"})
    filled = {
        "instance": instance,
        "__data.fields.Device": "analyser-1",
        "__data.fields.Point": "so2",
        "__field.labels.device": "analyser-1",
        "__field.labels.point": "so2",
        "__value.time": str(int(time.time() * 1000)),
    }
    found = []
    for link in links:
        url = re.sub(r"\$\{([^}]+)\}", lambda name: filled[name[1]], link)
        with urllib.request.urlopen(url, timeout=10) as reply:
            found.append(yaml.safe_load(reply.read())["sample"]["point"])
    return found


def test_every_panel_shows_data_and_tells_invalid_from_silent(whole: Whole) -> None:
    assert settled(whole.api) == []
    assert followed(whole.api) == ["analyser-1/so2", "analyser-1/so2"]

    state = str(compliance())
    becomes(whole.api, state, 0, parameter="SO2", averaging=AVERAGING)
    for scenario, meaning in (("exceedance", 2), ("failure", 3)):
        subprocess.run([program("greenops-gateway"), "scenario", scenario, "--control", whole.control], check=True)
        becomes(whole.api, state, meaning, parameter="SO2", averaging=AVERAGING)
    whole.gateway.close()
    becomes(whole.api, state, 4, parameter="SO2", averaging=AVERAGING)
    assert {tuple(sorted(series)) for series, _ in whole.api.query(interpolated(state))} == {tuple(sorted(LIMIT))}

    becomes(whole.api, str(reports()), 1, host="pc-1")
    whole.agent.close()
    becomes(whole.api, str(reports()), 0, host="pc-1")
