"""Canonical JSON as RFC 8785 has it: one value has one text, so that a hash of the text is a hash of the value.

Keys are sorted by their UTF-16 code units, nothing stands between tokens, text is UTF-8 with only what must be escaped
(it is not normalised), and numbers are written as ECMAScript does: the shortest digits that read back as the same
double, ``1`` and not ``1.0``. Two things are stricter: an integer beyond 2**53 - 1 is refused, because others would
read another number, and so is nesting deeper than ``DEEPEST``. Pure.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal

DEEPEST = 64
"""Levels of objects and arrays."""
_EXACT = 2**53 - 1
_simple = json.JSONEncoder(ensure_ascii=False).encode


def canonical(value: object) -> bytes:
    r"""The one text of *value*, made of mappings with text as keys, lists, tuples, texts, numbers, booleans and None.

    >>> canonical({"b": [1.0, 1e21, 0.1], "a": {"ü": None}})
    b'{"a":{"\xc3\xbc":null},"b":[1,1e+21,0.1]}'

    Raises:
        ValueError: it has no such text: not finite, too large, too deep, half a surrogate pair, or of another type.
    """
    return _text(value, DEEPEST).encode()


def parsed(text: bytes) -> object:
    """What *text* says, such that ``canonical`` gives *text* again if it was canonical.

    Raises:
        ValueError: it is not JSON, or beyond what can be written here.
    """
    try:
        return json.loads(text.decode(), parse_int=_integer, parse_constant=_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def configuration_hash(value: object) -> str:
    """The SHA-256 of the canonical JSON of *value*, a configuration as text or as an object, in hex.

    >>> configuration_hash({"a": 1, "b": 2}) == configuration_hash({"b": 2, "a": 1.0})
    True

    Raises:
        ValueError: as ``canonical``.
    """
    return hashlib.sha256(canonical(value)).hexdigest()


def _text(value: object, deeper: int) -> str:
    if isinstance(value, Mapping | list | tuple):
        if not deeper:
            raise ValueError(f"nested deeper than {DEEPEST} levels")
        if isinstance(value, Mapping):
            return "{" + ",".join(f"{_key(key)}:{_text(value[key], deeper - 1)}" for key in _in_order(value)) + "}"
        return "[" + ",".join(_text(each, deeper - 1) for each in value) + "]"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int) and abs(value) > _EXACT:
        raise ValueError(f"{value:d} is beyond 2**53 - 1; write it as text")
    if value is None or isinstance(value, str | int):
        return _simple(value)
    raise ValueError(f"{type(value).__name__} has no place in JSON")


def _in_order(value: Mapping[object, object]) -> list[object]:
    return sorted(value, key=lambda key: str(key).encode("utf-16-be"))


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"a key is text, not {type(key).__name__}")  # noqa: TRY004  # one error for what has no text
    return _simple(key)


def _number(value: float) -> str:
    """As ECMAScript's Number::toString; the letters k and n are those of its clause 6.1.6.1.20."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number in JSON")
    if not value:
        return "0"
    sign, all_digits, exponent = Decimal(float.__repr__(value)).as_tuple()
    assert isinstance(exponent, int)  # noqa: S101  # a finite number has one; the type names the others too
    digits = "".join(map(str, all_digits))
    n = len(digits) + exponent
    digits = digits.rstrip("0")
    k = len(digits)
    if k <= n <= 21:
        text = digits + "0" * (n - k)
    elif 0 < n <= 21:
        text = f"{digits[:n]}.{digits[n:]}"
    elif -6 < n <= 0:
        text = f"0.{'0' * -n}{digits}"
    else:
        text = f"{digits[0]}{'.' if k > 1 else ''}{digits[1:]}e{n - 1:+d}"
    return "-" * sign + text


def _integer(digits: str) -> int | float:
    number = int(digits)
    return number if abs(number) <= _EXACT else float(digits)


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
