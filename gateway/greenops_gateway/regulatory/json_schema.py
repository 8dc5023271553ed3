"""What is wrong with a document by a JSON Schema (2020-12), in words, with decimals. Pure.

It knows the keywords that schemas here use; another one is refused, so that nothing in a schema goes unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import chain
from typing import Any, NamedTuple

from greenops_core.errors import nearest


def _is_whole(value: object) -> bool:
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return _is_number(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


_SILENT = {"$schema", "$id", "$defs", "title", "description"}
_EXACT = Context(prec=64, rounding=ROUND_HALF_UP, Emax=10**9, Emin=-(10**9))
_TYPES: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": _is_whole,
}
_NAMES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "number": "a number",
    "integer": "a whole number",
}
_SHOWN = 40
"""Characters of a value in a message."""

Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong at *path*."""

    path: Path
    says: str

    def __str__(self) -> str:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path).lstrip(".")
        return f"{where}: {self.says}" if where else self.says


Check = Callable[[Any, Path], Iterable[Fault]]


class Schema:
    """A JSON Schema, ready to check documents that were read with their decimals.

    Raises:
        ValueError: it has a keyword that is not known here.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self._known: dict[str, Check] = {}
        for name in self._definitions:
            self._definition(name)
        self._check = self._compiled(schema)

    def faults(self, document: object) -> Iterator[Fault]:
        """Everything that is wrong with *document*, in its order."""
        return iter(self._check(document, ()))

    def _definition(self, name: str) -> Check:
        if name not in self._known:
            if name not in self._definitions:
                raise ValueError(f"the schema has no definition '{name}'")
            checks: list[Check] = []
            self._known[name] = lambda value, path: chain.from_iterable(check(value, path) for check in checks)
            checks.append(self._compiled(self._definitions[name]))
        return self._known[name]

    def _compiled(self, schema: Mapping[str, Any]) -> Check:
        checks: list[Check] = []
        for key, value in schema.items():
            if key == "$ref":
                checks.append(self._definition(value.removeprefix("#/$defs/")))
            elif key == "items":
                checks.append(_items(self._compiled(value)))
            elif key == "properties":
                checks.append(_properties({name: self._compiled(each) for name, each in value.items()}))
            elif key == "oneOf":
                checks.append(_one_of([self._compiled(each) for each in value], schema.get("description", "")))
            elif key == "additionalProperties" and value is False:
                checks.append(_no_others(schema["properties"]))
            elif key in _KEYWORDS:
                checks.append(_KEYWORDS[key](value))
            elif key not in _SILENT:
                raise ValueError(f"the keyword '{key}' of a schema is not known here")
        if len(checks) == 1:
            return checks[0]
        return lambda value, path: chain.from_iterable(check(value, path) for check in checks)


def _where(is_right: Callable[[Any], bool], says: str) -> Check:
    """A fault that *says* so where a value is not right."""

    def check(value: object, path: Path) -> Iterable[Fault]:
        return () if is_right(value) else (Fault(path, f"{_shown(value)} {says}"),)

    return check


def _type(kinds: str | list[str]) -> Check:
    several = [kinds] if isinstance(kinds, str) else kinds
    tests = [_TYPES[kind] for kind in several]
    return _where(
        lambda value: any(test(value) for test in tests), f"is not {' or '.join(_NAMES[kind] for kind in several)}"
    )


def _enum(values: list[Any]) -> Check:
    return _where(lambda value: value in values, f"is none of {', '.join(_shown(each) for each in values)}")


def _pattern(pattern: str) -> Check:
    search = re.compile(pattern).search
    return _where(lambda value: not isinstance(value, str) or bool(search(value)), f"does not fit {pattern}")


def _longest(most: int) -> Check:
    return _where(lambda value: not isinstance(value, str) or len(value) <= most, f"is longer than {most} characters")


def _fewest(least: int) -> Check:
    def check(value: object, path: Path) -> Iterable[Fault]:
        if isinstance(value, list) and len(value) < least:
            return (Fault(path, f"has {len(value)} items, at least {least} are needed"),)
        return ()

    return check


def _minimum(least: Decimal) -> Check:
    return _where(lambda value: not _is_number(value) or value >= least, f"is less than {least}")


def _maximum(most: Decimal) -> Check:
    return _where(lambda value: not _is_number(value) or value <= most, f"is more than {most}")


def _multiple(step: Decimal) -> Check:
    def is_right(value: Any) -> bool:  # noqa: ANN401  # whatever JSON holds
        if not _is_number(value):
            return True
        parts = _EXACT.divide(Decimal(value), Decimal(step))
        return parts == parts.to_integral_value()

    return _where(is_right, f"is no multiple of {step}: that many decimals are told")


def _required(names: list[str]) -> Check:
    def check(value: object, path: Path) -> Iterable[Fault]:
        if not isinstance(value, Mapping):
            return ()
        return [Fault(path, f"the key '{name}' is missing") for name in names if name not in value]

    return check


def _no_others(names: Collection[str]) -> Check:
    known = frozenset(names)

    def check(value: object, path: Path) -> Iterable[Fault]:
        if not isinstance(value, Mapping) or value.keys() <= known:
            return ()
        return [Fault(path, f"there is no key '{key}'{nearest(key, known)}") for key in value if key not in known]

    return check


def _items(of: Check) -> Check:
    def check(value: object, path: Path) -> Iterable[Fault]:
        if not isinstance(value, list):
            return ()
        return chain.from_iterable(of(item, (*path, index)) for index, item in enumerate(value))

    return check


def _properties(of: Mapping[str, Check]) -> Check:
    def check(value: object, path: Path) -> Iterable[Fault]:
        if not isinstance(value, Mapping):
            return ()
        return chain.from_iterable(of[key](item, (*path, key)) for key, item in value.items() if key in of)

    return check


def _one_of(choices: list[Check], says: str) -> Check:
    def check(value: object, path: Path) -> Iterable[Fault]:
        fitting = sum(not any(True for _ in choice(value, path)) for choice in choices)
        return () if fitting == 1 else (Fault(path, says or f"fits {fitting} of {len(choices)} choices, not one"),)

    return check


_KEYWORDS: Mapping[str, Callable[[Any], Check]] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "maxLength": _longest,
    "minItems": _fewest,
    "minimum": _minimum,
    "maximum": _maximum,
    "multipleOf": _multiple,
    "required": _required,
}


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
