"""The JSON Schema of an emissions file, and what is wrong with a file by it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from greenops_gateway.regulatory.exact_json import parsed
from greenops_gateway.regulatory.json_schema import Fault, Schema

_NAME = "emissions.schema.json"


def schema() -> dict[str, Any]:
    """The schema as it is shipped; its numbers are decimal."""
    whole: dict[str, Any] = parsed(files("greenops_gateway.regulatory.ecmps").joinpath(_NAME).read_bytes())
    return whole


@cache
def _ready() -> Schema:
    return Schema(schema())


def faults(file: object) -> Iterator[Fault]:
    """What is wrong with *file*, as ``exact_json.parsed`` read it or ``quarter_file`` made it."""
    return _ready().faults(file)
