"""Says where a dashboard's JSON deviates from what Grafana's own types allow.

    python dashboards/schema/generate.py --dest .greenops/grafana-schema
    python dashboards/schema/validate.py dashboards/json/*.json

Rules: a property that Grafana does not know is a deviation. An absent one is a deviation too, but for panel
options and custom field configuration: there the types call "required" what Grafana fills with its default.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft7Validator, ValidationError

# Plugin id -> the name that types.ts gives to its options and field configuration.
PLUGINS = {
    "barchart": "BarChart",
    "bargauge": "BarGauge",
    "gauge": "Gauge",
    "heatmap": "Heatmap",
    "histogram": "Histogram",
    "piechart": "PieChart",
    "stat": "Stat",
    "state-timeline": "StateTimeline",
    "status-history": "StatusHistory",
    "table": "Table",
    "text": "Text",
    "timeseries": "TimeSeries",
}
# Their options are typed in Grafana's server only, so nothing is said of them.
UNTYPED_PLUGINS = {"alertlist"}

# Any text may follow these: `getValueFormat` of @grafana/data.
UNIT_PREFIXES = ("bool:", "count:", "currency:", "prefix:", "si:", "suffix:", "time:")

# What the Prometheus data source keeps in an annotation, beside the properties of the dashboard's own type.
PROMETHEUS_ANNOTATION = {"expr", "step", "tagKeys", "target", "textFormat", "titleFormat", "useValueForTime"}


class Schemas:
    """The files that generate.py wrote into *folder*, each read when first needed."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "units.json").exists():
            message = f"no schemas in {folder}: run `python dashboards/schema/generate.py --dest {folder}` first"
            raise FileNotFoundError(message)
        self._folder = folder
        self._dashboard = self._read("GrafanaDashboard.schema.json")
        self.units: frozenset[str] = frozenset(json.loads((folder / "units.json").read_text("utf-8")))

    def dashboard(self, definition: str) -> Draft7Validator:
        """The validator of one of the types that the dashboard's schema defines."""
        return Draft7Validator({**self._dashboard, "$ref": f"#/definitions/{definition}"})

    def plugin(self, plugin: str, part: str) -> Draft7Validator | None:
        """The validator of a plugin's `Options` or `FieldConfig`; None where it has none."""
        name = f"{PLUGINS.get(plugin)}{part}.schema.json"
        return Draft7Validator(self._read(name)) if (self._folder / name).exists() else None

    def _read(self, name: str) -> dict[str, object]:
        schema: dict[str, object] = json.loads((self._folder / name).read_text("utf-8"))
        return schema


def deviations(dashboard: Mapping[str, object], schemas: Path) -> list[str]:
    """Each deviation of *dashboard* as "path: message"; *schemas* is the folder that generate.py wrote."""
    types = Schemas(schemas)
    shell = {**dashboard, "panels": [], "annotations": _without_datasource_part(dashboard.get("annotations", {}))}
    found = [*_errors(types.dashboard("Dashboard"), shell, "dashboard")]
    found += _panels(dashboard.get("panels"), types, "panels")
    return found


def _without_datasource_part(annotations: object) -> object:
    if not isinstance(annotations, Mapping):
        return annotations
    return {
        **annotations,
        "list": [
            {key: value for key, value in query.items() if key not in PROMETHEUS_ANNOTATION}
            for query in _mappings(annotations.get("list"))
        ],
    }


def _panels(panels: object, types: Schemas, path: str) -> Iterator[str]:
    for index, panel in enumerate(_mappings(panels)):
        here = f"{path}[{index}] {json.dumps(panel.get('title', ''), ensure_ascii=False)}"
        if panel.get("type") == "row":
            yield from _errors(types.dashboard("RowPanel"), {**panel, "panels": []}, here)
            yield from _panels(panel.get("panels"), types, f"{here}.panels")
        else:
            yield from _errors(types.dashboard("Panel"), panel, here)
            yield from _plugin(panel, types, here)


def _plugin(panel: Mapping[str, object], types: Schemas, here: str) -> Iterator[str]:
    """What only the panel's plugin knows: its options, its custom field configuration; and the units."""
    plugin = str(panel.get("type"))
    if plugin not in PLUGINS and plugin not in UNTYPED_PLUGINS:
        known = ", ".join(sorted([*PLUGINS, *UNTYPED_PLUGINS, "row"]))
        yield f"{here}.type: {plugin!r} is not among the types known here ({known})"
        return
    options, custom = types.plugin(plugin, "Options"), types.plugin(plugin, "FieldConfig")
    if options is not None:
        yield from _errors(options, panel.get("options", {}), f"{here}.options", filled=True)
    config = _mapping(panel.get("fieldConfig"))
    defaults = _mapping(config.get("defaults"))
    if plugin in PLUGINS:
        yield from _custom(custom, defaults.get("custom", {}), f"{here}.fieldConfig.defaults.custom", plugin)
    yield from _unit(defaults, types, f"{here}.fieldConfig.defaults")
    for index, override in enumerate(_mappings(config.get("overrides"))):
        for change in _mappings(override.get("properties")):
            where = f"{here}.fieldConfig.overrides[{index}]"
            yield from _override(change, types, custom, where, plugin)


def _override(
    change: Mapping[str, object], types: Schemas, custom: Draft7Validator | None, where: str, plugin: str
) -> Iterator[str]:
    first, *rest = str(change.get("id")).split(".")
    if first != "custom":
        value = _nested([first, *rest], change.get("value"))
        yield from _errors(types.dashboard("FieldConfig"), value, where)
        yield from _unit(value, types, where)
    elif plugin in PLUGINS:
        yield from _custom(custom, _nested(rest, change.get("value")), f"{where}.custom", plugin)


def _custom(custom: Draft7Validator | None, value: object, where: str, plugin: str) -> Iterator[str]:
    if custom is not None:
        yield from _errors(custom, value, where, filled=True)
        if plugin == "table" and "displayMode" in _mapping(value):
            yield f"{where}.displayMode: outdated, and Grafana then ignores cellOptions: remove it"
    elif value:
        yield f"{where}: a {plugin} panel has no custom field configuration"


def _unit(config: Mapping[str, object], types: Schemas, where: str) -> Iterator[str]:
    unit = config.get("unit")
    if not isinstance(unit, str) or unit in types.units:
        return
    prefix, colon, text = unit.partition(":")
    if prefix + colon not in UNIT_PREFIXES or not text:
        yield f"{where}.unit: {unit!r} is neither one of Grafana's unit ids nor {' | '.join(UNIT_PREFIXES)} and a text"
    elif text != text.strip():
        plain = prefix + colon + text.strip()
        yield f"{where}.unit: {unit!r} shows two spaces, because Grafana puts one itself: write {plain!r}"


def _errors(validator: Draft7Validator, value: object, where: str, *, filled: bool = False) -> Iterator[str]:
    """Each error as text; with *filled*, absent properties are left to Grafana's defaults."""
    for error in validator.iter_errors(cast("Any", value)):
        for leaf in _leaves(error, filled=filled):
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in leaf.absolute_path)
            yield f"{where}{path}: {leaf.message}"


def _leaves(error: ValidationError, *, filled: bool) -> list[ValidationError]:
    """The errors that *error* consists of: of a union, those of the branch that was most likely meant."""
    if not error.context:
        return [] if filled and error.validator == "required" else [error]
    branches: dict[object, list[ValidationError]] = defaultdict(list)
    for inner in error.context:
        branches[inner.schema_path[0]] += _leaves(inner, filled=filled)
    return min(branches.values(), key=_distance)


def _distance(branch: Sequence[ValidationError]) -> tuple[int, int, int]:
    """How far a union's branch is from what was meant: a wrong tag counts most, then shallow errors, then many."""
    tags = sum(error.validator == "const" for error in branch)
    depth = max((len(error.absolute_path) for error in branch), default=sys.maxsize)
    return tags, -depth, len(branch)


def _nested(keys: Sequence[str], value: object) -> dict[str, object]:
    """The object in which *value* stands at the path of *keys*."""
    for key in reversed(keys):
        value = {key: value}
    return value if isinstance(value, dict) else {}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def report(files: Iterable[Path], schemas: Path) -> int:
    """Print each file's deviations; how many there were."""
    total = 0
    for file in files:
        found = deviations(json.loads(file.read_text("utf-8")), schemas)
        total += len(found)
        print(*(f"{file}: {line}" for line in found), sep="\n", end="\n" if found else "")
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description="Check dashboards against Grafana's own types.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--schemas", type=Path, default=Path(".greenops/grafana-schema"), help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        return 1 if report(arguments.files, arguments.schemas) else 0
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
