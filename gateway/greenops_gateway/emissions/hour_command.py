"""``greenops-gateway hour``: an hour computed from a file, as the running gateway would, with all of its working."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from greenops_core.table import aligned
from greenops_gateway.cems.closing import close
from greenops_gateway.cems.hour import written
from greenops_gateway.cems.record import ClosedHour
from greenops_gateway.cems.working import Working
from greenops_gateway.emissions.hour_file import asked, file_schema
from greenops_gateway.regulatory import exact_json

Say = Callable[[str], None]


def hour(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code.

    Raises:
        ConfigError: a mistake in a file.
    """
    if given.schema:
        say(exact_json.written(file_schema(), "  ").decode())
        return 0
    for plan, inputs in asked(given.config, given.inputs, given.stack):
        closed, workings = close(plan, inputs)
        if given.json:
            found = told(plan.stack, closed)
            if given.explain:
                found["workings"] = [_working(each) for each in workings]
            say(exact_json.written(found).decode())
        else:
            say("\n".join(_lines(plan.stack, closed)))
            if given.explain:
                say("\n".join(each.told() for each in workings))
    return 0


def told(stack: str, closed: ClosedHour) -> dict[str, Any]:
    """*closed* for programs; decimals are numbers with all their digits."""
    return {
        "stack": stack,
        "hour": written(closed.hour),
        "operating_time": closed.operating_time,
        "load": closed.load,
        "fuel": closed.fuel,
        "is_startup": closed.is_startup,
        "measured": {name: each._asdict() for name, each in closed.measured.items()},
        "computed": {name: each._asdict() for name, each in closed.computed.items()},
    }


def _working(working: Working) -> dict[str, Any]:
    inputs = [each._asdict() for each in working.inputs]
    return {**working._asdict(), "inputs": inputs, "digest": working.digest}


def _lines(stack: str, closed: ClosedHour) -> Iterator[str]:
    load = "" if closed.load is None else f", load {closed.load}"
    startup = ", startup or shutdown" if closed.is_startup else ""
    yield f"{stack} {written(closed.hour)}: operating time {closed.operating_time}{load}{startup}"
    rows = [
        (name, _shown(each.value), _shown(each.unadjusted), each.method or "-", each.why)
        for name, each in closed.measured.items()
    ]
    yield from aligned(("measured", "value", "unadjusted", "method", "why"), *rows)
    rates = [(name, _shown(each.value), each.unit, each.equation, each.why) for name, each in closed.computed.items()]
    yield from aligned(("computed", "value", "unit", "equation", "why"), *rates)


def _shown(value: Decimal | None) -> str:
    return "-" if value is None else str(value)
