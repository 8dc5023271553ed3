"""A validator's complaint in the operator's words: the path to the key, the value found, the nearest right name."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import inspect

from greenops_core.errors import ConfigError, nearest
from greenops_telemetry.mistakes import MissingKeyError

Try = Callable[[object], str]
"""What the validator says to a value; nothing when it is content."""

_PLACE = re.compile(r" - at (?P<key>`key` in )?`(?P<place>\$[^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")
_WORDS = {
    "object": "mapping",
    "array": "list",
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "null": "nothing",
}
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80
_short.maxlevel = 2

Path = tuple[str | int, ...]


def explained(message: str, raw: object, into: type, complaint: Try) -> ConfigError:
    """*message*, which the validator gave for *raw* as an *into*, as an error with the path to the offending key."""
    place = _PLACE.search(message)
    text = message[: place.start()] if place else message
    path = _path(place, message, raw, complaint) if place else ()
    if unknown := re.search(r"Object contains unknown field `(.+)`$", text):
        return ConfigError(f"unknown key '{unknown[1]}'{nearest(unknown[1], _keys(into, path))}", (*path, unknown[1]))
    if missing := re.search(r"missing required field `(.+)`$", text):
        return MissingKeyError(f"the key '{missing[1]}' is missing", path)
    found: object = path[-1] if place and place["key"] and path else _at(raw, path)
    if text.startswith("Invalid "):
        return ConfigError(f"unknown value {shown(found)}{nearest(str(found), _choices(into, path))}", path)
    if text.startswith("Expected "):
        text = f"e{re.sub('`([^`]+)`', _plain, text)[1:]}; found {shown(found)}"
    return ConfigError(text, path)


def _plain(words: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(word, word) for word in words[1].split(" | "))


def shown(value: object) -> str:
    """*value* as it stands in YAML, bounded.

    >>> shown(True), shown(None), shown("x" * 100)[-5:]
    ('true', 'nothing', "xxxx'")
    """
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "nothing"
        case _:
            return _short.repr(value)


def _path(place: re.Match[str], message: str, raw: object, complaint: Try) -> Path:
    """``$.devices[0].poll`` as keys. The validator calls any entry of a mapping ``[...]``; trying each finds it."""
    path: Path = ()
    for name, index, entry in _STEP.findall(place["place"] + ("[...]" if place["key"] else "")):
        if not entry:
            path = (*path, int(index) if index else name)
            continue
        entries = _at(raw, path)
        for key, value in entries.items() if isinstance(entries, Mapping) else ():
            alone = _with(raw, path, {key: value})
            if complaint(alone) == message:
                raw, path = alone, (*path, key)
                break
        else:
            return path
    return path


def _with(raw: object, path: Path, value: object) -> object:
    """*raw* with *value* at *path*."""
    if not path:
        return value
    key, *rest = path
    match raw:
        case {**entries}:
            return {**entries, key: _with(entries[key], tuple(rest), value)}
        case [*items] if isinstance(key, int):
            return [*items[:key], _with(items[key], tuple(rest), value), *items[key + 1 :]]
        case _:
            return raw


def _at(raw: object, path: Path) -> object:
    """What *raw* holds at *path*, as far as it leads."""
    for key in path:
        match raw:
            case {**entries} if key in entries:
                raw = entries[key]
            case [*items] if isinstance(key, int) and key < len(items):
                raw = items[key]
            case _:
                return raw
    return raw


def _keys(into: type, path: Path) -> list[str]:
    """The keys that the structs at *path* know."""
    return [
        field.encode_name
        for kind in _kinds(into, path)
        if isinstance(kind, inspect.StructType)
        for field in kind.fields
    ]


def _choices(into: type, path: Path) -> list[str]:
    """The values that stand for choice at *path*: of an enumeration, of a literal, or tags of a union."""
    found: list[object] = []
    for kind in _kinds(into, path):
        if isinstance(kind, inspect.LiteralType):
            found += kind.values
        elif isinstance(kind, inspect.EnumType):
            found += [member.value for member in kind.cls]
    if not found and path:
        found = [
            kind.tag
            for kind in _kinds(into, path[:-1])
            if isinstance(kind, inspect.StructType) and kind.tag_field == path[-1]
        ]
    return [str(choice) for choice in found]


def _kinds(into: type, path: Path) -> list[inspect.Type]:
    """The types that may stand at *path*."""
    kinds = list(_flat(inspect.type_info(into)))
    for key in path:
        kinds = [flat for kind in kinds for inner in _inner(kind, key) for flat in _flat(inner)]
    return kinds


def _flat(kind: inspect.Type) -> Iterator[inspect.Type]:
    match kind:
        case inspect.UnionType():
            for each in kind.types:
                yield from _flat(each)
        case inspect.Metadata():
            yield from _flat(kind.type)
        case _:
            yield kind


def _inner(kind: inspect.Type, key: str | int) -> Iterable[inspect.Type]:
    match kind:
        case inspect.StructType():
            return [field.type for field in kind.fields if field.encode_name == key]
        case inspect.DictType():
            return [kind.key_type, kind.value_type]
        case inspect.TupleType() if isinstance(key, int) and key < len(kind.item_types):
            return [kind.item_types[key]]
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            return [kind.item_type]
        case _:
            return []
