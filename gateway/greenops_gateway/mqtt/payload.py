"""What the payload of a message says: numbers, times and states in JSON, and plain values. Pure.

A path is written ``gas.so2.value`` or ``$.gas.so2.value``; ``[2]`` is an item of a list (``[-1]`` the last), and a key
with dots or brackets stands in double quotes: ``"gas.so2".value``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from greenops_core.errors import ConfigError, DecodeError

Path = tuple[str | int, ...]
TimeFormat = Literal["unix", "unix_ms", "rfc3339"]

_STEP = re.compile(r'\[(-?\d+)\]|(?:^|\.)(?:"([^"]*)"|([^."\[\]]+))')
_PLAIN_KEY = re.compile(r'[^."\[\]]+')
_NUMBER = re.compile(rb"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_DECODE = msgspec.json.Decoder().decode
LONGEST_EXCERPT = 60
MOST_PATHS = 500
DEEPEST = 50


def path(text: str) -> Path:
    """The steps of a path.

    >>> path('$.gas[0]."a.b".value'), path("$")
    (('gas', 0, 'a.b', 'value'), ())

    Raises:
        ConfigError: it is none.
    """
    steps: list[str | int] = []
    rest = text.removeprefix("$") if text[:2] in {"$", "$.", "$["} else text
    rest = rest.removeprefix(".") if rest != text else rest
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None:
            raise ConfigError(f"'{text}' is no path; write for example gas.so2.value, list[0] or \"a.key\".value")
        item, quoted, key = found.groups()
        steps.append(int(item) if item is not None else quoted if quoted is not None else key)
        at = found.end()
    if not text:
        raise ConfigError("an empty path leads nowhere; write $ for the whole payload")
    return tuple(steps)


def written(steps: Path) -> str:
    """A path as ``path`` reads it.

    >>> written(("gas", 0, "a.b"))
    'gas[0]."a.b"'
    """
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _PLAIN_KEY.fullmatch(step) else f'"{step}"')
    return text or "$"


def document(payload: bytes) -> object:
    """What a JSON payload holds.

    Raises:
        DecodeError: it is not JSON.
    """
    try:
        found: object = _DECODE(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {excerpt(payload)} ({error})") from None
    return found


def find(inside: Any, steps: Path) -> object:  # noqa: ANN401  # JSON
    """What *steps* lead to.

    Raises:
        DecodeError: to nothing.
    """
    try:
        for step in steps:
            if isinstance(inside, str):
                raise TypeError  # noqa: TRY301  # the letters of a text are no items of it
            inside = inside[step]
    except (KeyError, IndexError, TypeError):
        raise DecodeError(f"'{written(steps)}' leads to nothing") from None
    return inside


def number(found: object, *, text: bool = False, truth: bool = False) -> float:
    """The number that stands there; also one written as text, or true and false as 1 and 0, where these are allowed.

    >>> number(True, truth=True), number("7.5", text=True)
    (1.0, 7.5)

    Raises:
        DecodeError: it is none.
    """
    if type(found) is float:
        return found
    if isinstance(found, bool):
        if truth:
            return float(found)
        raise DecodeError(f'{str(found).lower()} is a number only for a point whose unit is "1"')
    if isinstance(found, int):
        try:
            return float(found)
        except OverflowError:
            raise DecodeError("a number beyond all numbers") from None
    if isinstance(found, str):
        if not text:
            raise DecodeError(f"the text '{_short(found)}' is no number; to read numbers from text write text: true")
        return plain(found.encode(errors="replace"))
    raise DecodeError("null is no number" if found is None else f"a {_KINDS.get(type(found), 'thing')} is no number")


_KINDS: Mapping[type, str] = {dict: "JSON object", list: "list"}


def plain(payload: bytes) -> float:
    """The number that a payload is, as text.

    >>> plain(b" 12.5 ")
    12.5

    Raises:
        DecodeError: it is none; ``nan``, ``inf`` and ``12,5`` are none.
    """
    if not _NUMBER.fullmatch(payload):
        raise DecodeError(f"{excerpt(payload)} is no number")
    return float(payload)


def moment(found: object, format_: TimeFormat) -> float:
    """Unix seconds.

    >>> moment("1970-01-01T01:00:01.5+01:00", "rfc3339"), moment(1500, "unix_ms")
    (1.5, 1.5)

    Raises:
        DecodeError: it is no time in this format.
    """
    if format_ == "rfc3339":
        try:
            if not isinstance(found, str):
                raise TypeError  # noqa: TRY301  # the same complaint
            at = datetime.fromisoformat(found)
        except (TypeError, ValueError):
            raise DecodeError(f"'{_short(str(found))}' is no time as in RFC 3339") from None
        if at.tzinfo is None:
            raise DecodeError(f"the time '{_short(str(found))}' has no zone; RFC 3339 ends with Z or +01:00")
        return at.timestamp()
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise DecodeError(f"'{_short(str(found))}' is no time in {format_}")
    return number(found) / 1000 if format_ == "unix_ms" else number(found)


def state(found: object) -> tuple[bool, object] | None:
    """What stands there as a key to look up: ``true`` is another state than ``1``. None for what is no state."""
    return (isinstance(found, bool), found) if isinstance(found, str | int | float) else None


def leaves(inside: object, above: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every path of at most ``DEEPEST`` steps that ends at a value, with the value."""
    if len(above) > DEEPEST:
        return
    if isinstance(inside, dict):
        for key, value in inside.items():
            yield from leaves(value, (*above, key))
    elif isinstance(inside, list):
        for place, value in enumerate(inside):
            yield from leaves(value, (*above, place))
    else:
        yield above, inside


def nearest_path(inside: object, steps: Path) -> str | None:
    """The existing path that is most like *steps*; None when nothing is.

    >>> nearest_path({"gas": {"SO2": 1, "no": 2}}, ("gas", "so2"))
    'gas.SO2'
    """
    known: dict[str, str] = {}
    for found, _ in leaves(inside):
        known[written(found).lower()] = written(found)
        if len(known) >= MOST_PATHS:
            break
    close = difflib.get_close_matches(written(steps).lower(), known, n=1, cutoff=0.5)
    return known[close[0]] if close else None


def excerpt(payload: bytes) -> str:
    """The beginning of a payload, printable.

    >>> excerpt(b"on")
    "'on'"
    """
    return repr(_short(payload[: 4 * LONGEST_EXCERPT].decode(errors="replace")))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_EXCERPT else text[: LONGEST_EXCERPT - 1] + "…"
