"""``greenops-gateway report ecmps-check``: what is to be objected to in a file of ECMPS."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from greenops_core.errors import ConfigError
from greenops_gateway.regulatory.ecmps.inspection import complaints
from greenops_gateway.regulatory.ecmps.making import load_plans, read_json
from greenops_gateway.regulatory.ecmps.monitoring_plan import monitoring_plan
from greenops_gateway.regulatory.ecmps.qa_tests import qa_file, recomputed
from greenops_gateway.regulatory.ecmps.schema import faults, schema
from greenops_gateway.regulatory.exact_json import written

Say = Callable[[str], None]
MOST = 1000
"""Objections that are told; a file with more has one cause."""


def check(given: argparse.Namespace, say: Say) -> int:
    """Say what is to be objected to in the file that *given* names; gives 1 when something is.

    Raises:
        ConfigError: it cannot be read, or is of no kind known here.
    """
    if given.schema:
        say(written(schema(), "  ").decode())
        return 0
    if given.file is None:
        raise ConfigError("say which FILE, or --schema")
    document = read_json(given.file)
    kind, found = _looked_at(document, given)
    objections = list(islice(found, MOST))
    if given.json:
        say(json.dumps({"file": str(given.file), "kind": kind, "complaints": objections}, indent=2))
    else:
        say("\n".join([*objections, f"{given.file}: {kind}: {_counted(len(objections))}"]))
    return 1 if objections else 0


def _looked_at(document: Any, given: argparse.Namespace) -> tuple[str, Iterator[str]]:  # noqa: ANN401  # JSON
    """What kind of file *document* is, and what is wrong with it.

    Raises:
        ConfigError: it is of no kind known here.
    """
    keys = document if isinstance(document, dict) else {}
    if "hourlyOperatingData" in keys:
        return "emissions", _of_emissions(document, given)
    if "testSummaryData" in keys:
        return "QA tests", _of_tests(document, _kinds(given.monitoring_plan))
    if "monitoringLocationData" in keys:
        return "monitoring plan", _of_plan(document)
    known = "hourlyOperatingData, testSummaryData, monitoringLocationData"
    raise ConfigError(f"{given.file} is no file of ECMPS: it has none of {known}")


def _of_emissions(file: Mapping[str, Any], given: argparse.Namespace) -> Iterator[str]:
    wrong = list(map(str, islice(faults(file), MOST)))
    yield from wrong
    if wrong:
        return
    if given.plan is None:
        yield from map(str, complaints(file))
    else:
        plans = load_plans(given.config, given.plan)
        yield from map(str, complaints(file, plans.codes, plans.stack, plans.substitution))


def _of_tests(document: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[str]:
    try:
        for each in recomputed(qa_file(document), kinds):
            if not each.fits:
                yield f"{each.what}: told {each.told}, it comes to {each.working.value} {each.working.unit}".rstrip()
    except ValueError as error:
        yield str(error)


def _of_plan(document: Mapping[str, Any]) -> Iterator[str]:
    try:
        plan = monitoring_plan(document)
    except ValueError as error:
        yield str(error)
        return
    for location in plan.locations:
        components = {component.id for component in location.components}
        for system in location.systems:
            for id_, _ in system.components:
                if id_ not in components:
                    yield f"{location.name}: system {system.id} has a component {id_}, which is not in componentData"


def _kinds(path: Path | None) -> dict[str, str]:
    """Types by the id of component or system, from the monitoring plan in *path*.

    Raises:
        ConfigError: it is none.
    """
    if path is None:
        return {}
    try:
        plan = monitoring_plan(read_json(path))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    kinds = {each.id: each.kind for location in plan.locations for each in location.systems}
    return kinds | {each.id: each.kind for location in plan.locations for each in location.components}


def _counted(count: int) -> str:
    told = f"{MOST} or more" if count == MOST else str(count)
    return "nothing to object to" if not count else f"{told} objection{'' if count == 1 else 's'}"
