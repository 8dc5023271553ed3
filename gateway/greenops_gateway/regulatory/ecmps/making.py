"""``greenops-gateway report ecmps``: from closed hours to the file of a quarter."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from greenops_core.errors import ConfigError, nearest, within
from greenops_gateway.cems.hour import quarter
from greenops_gateway.cems.plan import StackPlan
from greenops_gateway.cems.plan_check import check
from greenops_gateway.cems.record import ClosedHour, Reported
from greenops_gateway.cems.substitution.part75 import series, substitute
from greenops_gateway.cems.substitution.plan import SubstitutionPlan
from greenops_gateway.emissions.ledger import closed_hours
from greenops_gateway.emissions.section import Emissions
from greenops_gateway.emissions.words import where
from greenops_gateway.regulatory.ecmps.daily_test import DailyCalibration
from greenops_gateway.regulatory.ecmps.emissions import pieces, quarter_file
from greenops_gateway.regulatory.ecmps.inspection import complaints
from greenops_gateway.regulatory.ecmps.plan import EcmpsPlan
from greenops_gateway.regulatory.ecmps.schema import faults
from greenops_gateway.regulatory.ecmps.summary import Total, earlier_totals
from greenops_gateway.regulatory.exact_json import parsed
from greenops_gateway.regulatory.hours_file import HoursFile, read
from greenops_gateway.regulatory.whole_file import put
from greenops_telemetry.configuration import Document, convert_all

log = logging.getLogger(__name__)

Say = Callable[[str], None]
YEARS = range(1993, 2100)
"""In which there are such files."""
AFTER = 31 * 24
"""Hours after a quarter that are looked at, because a gap at its end is closed by one of them."""


class Plans(NamedTuple):
    """The codes, the plan of the stack, and how its missing data is substituted."""

    codes: EcmpsPlan
    stack: StackPlan
    substitution: tuple[SubstitutionPlan, ...]


def make(given: argparse.Namespace, say: Say) -> int:
    """Write the file that *given* asks for; gives 1 when an inspector would object to something in it.

    Raises:
        ConfigError: it cannot be made; the text says why.
    """
    if given.year not in YEARS:
        raise ConfigError(f"--year: {given.year} is none of {YEARS[0]} to {YEARS[-1]}")
    plans = load_plans(given.config, given.plan)
    hours = quarter(given.year, given.quarter)
    found = _hours(given, plans, hours)
    file = _file(given, plans, found)
    objections = [*map(str, faults(file)), *map(str, complaints(file, plans.codes, plans.stack, plans.substitution))]
    with within("--output"):
        put(given.output, pieces(file))
    if given.json:
        totals = {each["parameterCode"]: str(each["currentReportingPeriodTotal"]) for each in file["summaryValueData"]}
        told = {"file": str(given.output), "hours": len(hours), "totals": totals, "complaints": objections}
        say(json.dumps(told, indent=2))
    else:
        say(f"{given.output}: {len(hours)} hours of {plans.stack.stack}, {given.year} quarter {given.quarter}")
        for each in file["summaryValueData"]:
            say(f"  {each['parameterCode']:8} {each['currentReportingPeriodTotal']}")
        for objection in objections:
            say(f"objection: {objection}")
    return 1 if objections else 0


def load_plans(config: Path, codes: Path) -> Plans:
    """The codes in the YAML file *codes*, and in *config* the plan of the stack that they name.

    *config* is gateway.yml, of which the section emissions is read alone, or has the keys of that section.

    Raises:
        ConfigError: one of them is wrong; with file and line.
    """
    document = Document.read(codes)
    try:
        plan = convert_all(document.data, EcmpsPlan)
        plan.check()
    except ConfigError as error:
        raise document.located(error) from None
    stacks = Document.read(config)
    raw = stacks.data if isinstance(stacks.data, dict) else {}
    path = ("emissions",) if "emissions" in raw else ()
    section = raw["emissions"] if path else {key: raw.get(key, {}) for key in ("stacks", "substitution")}
    try:
        emissions = convert_all(section, Emissions)
        for index, each in enumerate(emissions.stacks):
            with within("stacks", index):
                check(each)
    except ConfigError as error:
        raise stacks.located(error.under(*path)) from None
    known = {each.stack: each for each in emissions.stacks}
    if plan.stack not in known:
        raise ConfigError(f"{codes}: {config} has no stack '{plan.stack}'{nearest(plan.stack, known)}")
    return Plans(plan, known[plan.stack], emissions.substitution.get(plan.stack, ()))


def reported_plane(plans: Plans, hours: Sequence[ClosedHour]) -> Iterator[Reported]:
    """What substitution gives for *hours*, in order.

    Raises:
        ConfigError: a parameter of it is not of the stack.
    """
    load = plans.stack.load
    for plan in plans.substitution:
        if plan.parameter not in plans.stack.measured and plan.parameter not in plans.stack.computed:
            raise ConfigError(f"substitution: stack '{plans.stack.stack}' has no {plan.parameter}")
        yield from substitute(plan, series(plan, hours, None if load is None else load.maximum))


def _hours(given: argparse.Namespace, plans: Plans, wanted: range) -> HoursFile:
    """The hours that there are, with what is reported and tested.

    Raises:
        ConfigError: they cannot be had.
    """
    if given.hours is not None:
        found = read(given.hours)
    else:
        first = min((each.certified for each in plans.substitution), default=wanted[0])
        span = range(min(first, wanted[0]), wanted[-1] + 1 + AFTER)
        found = HoursFile(tuple(closed_hours(_ledger(given.config), plans.stack.stack, span)))
    calibrations = found.calibrations if given.tests is None else read(given.tests).calibrations
    hours = tuple(sorted(found.hours, key=lambda each: each.hour))
    try:
        reported = found.reported or tuple(reported_plane(plans, hours))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return HoursFile(hours, reported, calibrations)


def _ledger(config: Path) -> Path:
    """Raises ConfigError: the configuration does not say where it is."""
    try:
        return where(config, None).ledger
    except ConfigError as error:
        told = str(error).replace("say --directory DIR", "give the hours with --hours FILE")
        raise ConfigError(told) from None


def _file(given: argparse.Namespace, plans: Plans, found: HoursFile) -> dict[str, Any]:
    """Raises ConfigError: an hour of the quarter is not there."""
    try:
        return quarter_file(
            plans.codes,
            plans.stack,
            given.year,
            given.quarter,
            found.hours,
            reported=found.reported,
            tests=_known(plans, found.calibrations),
            earlier=_earlier(given, plans.codes),
        )
    except ValueError as error:
        raise ConfigError(f"{given.year} quarter {given.quarter} of '{plans.stack.stack}': {error}") from None


def _known(plans: Plans, tests: Iterable[DailyCalibration]) -> list[DailyCalibration]:
    """Those of the stack's own components; of others it is said."""
    own = {each.component for each in plans.stack.measured.values()}
    every = list(tests)
    for component in sorted({each.component for each in every} - own):
        log.warning("calibrations of component %s are left out: the stack has none of that name", component)
    return [each for each in every if each.component in own]


def _earlier(given: argparse.Namespace, codes: EcmpsPlan) -> Mapping[str, Total]:
    """The totals to date of the file of the quarter before.

    Raises:
        ConfigError: the file is none, or of another quarter or location.
    """
    if given.earlier is None:
        if given.quarter > 1:
            log.warning("without --earlier, totals to date are of this quarter alone")
        return {}
    file = read_json(given.earlier)
    before = (given.year, given.quarter - 1)
    if not isinstance(file, dict) or (file.get("year"), file.get("quarter")) != before:
        raise ConfigError(f"--earlier: {given.earlier} is not of quarter {before[1]} of {before[0]}")
    if wrong := next(faults(file), None):
        raise ConfigError(f"--earlier: {given.earlier}: {wrong}")
    if file["orisCode"] != codes.oris_code or not all(
        codes.location.items() <= each.items() for each in file["summaryValueData"]
    ):
        raise ConfigError(f"--earlier: {given.earlier} is of another plant or location")
    return earlier_totals(file)


def read_json(path: Path) -> Any:  # noqa: ANN401  # whatever JSON holds
    """What the JSON file *path* says, with its decimals.

    Raises:
        ConfigError: it cannot be read, or is no JSON.
    """
    try:
        return parsed(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
