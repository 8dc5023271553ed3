"""JSON whose numbers stay as they are written: 0.10 is not 0.1, and no binary fraction comes in between. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Self

_simple = json.JSONEncoder(ensure_ascii=False).encode


class Number(Decimal):
    """A number of a file; *text* is how it was written there."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return Number, (self.text,)


def parsed(text: bytes) -> Any:  # noqa: ANN401  # whatever JSON holds
    """What *text* says: mappings in the order of the file, whole numbers as int and the others as ``Number``.

    >>> parsed(b'{"a": [0.10, 2, null]}')
    {'a': [Decimal('0.10'), 2, None]}

    Raises:
        ValueError: it is not JSON, a key stands twice, or a number is none; with the line where that is known.
    """
    try:
        return json.loads(
            text.decode("utf-8-sig"), parse_float=_number, parse_constant=_constant, object_pairs_hook=_object
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text: byte {error.start} is {text[error.start]:#04x}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError("nested too deep") from None


def written(value: object, indent: str = "") -> bytes:
    """*value* as JSON: a line for each item when *indent* is given, one line in all without.

    >>> written({"a": [Number("0.10"), 2, None], "b": []})
    b'{"a": [0.10, 2, null], "b": []}'

    Raises:
        ValueError: it has no place in JSON.
    """
    return "".join(_pieces(value, indent, "\n" if indent else "")).encode()


def indentation(text: bytes) -> str:
    r"""What the items of *text* are indented with: the white space of its second line.

    >>> indentation(b'{' + bytes([10, 9]) + b'"a": 1}'), indentation(b"{}")
    ('\t', '')
    """
    _, _, rest = text.partition(b"\n")
    return rest[: len(rest) - len(rest.lstrip(b" \t"))].decode()


def _pieces(value: object, indent: str, line: str) -> Iterator[str]:
    """*line* is what a new line begins with here; none for all in one line."""
    inner = line + indent
    between = f",{inner}" if inner else ", "
    if isinstance(value, Mapping):
        for index, (key, item) in enumerate(value.items()):
            yield (between if index else f"{{{inner}") + f"{_simple(key)}: "
            yield from _pieces(item, indent, inner)
        yield f"{line}}}" if value else "{}"
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield between if index else f"[{inner}"
            yield from _pieces(item, indent, inner)
        yield f"{line}]" if value else "[]"
    elif isinstance(value, Number):
        yield value.text
    elif isinstance(value, Decimal) and value.is_finite():
        yield str(value)
    elif value is None or isinstance(value, str | int):
        yield _simple(value)
    else:
        raise ValueError(f"{value!r} has no place in JSON")


def _number(text: str) -> Number:
    try:
        return Number(text)
    except InvalidOperation:
        raise ValueError(f"{text} is beyond any number") from None


def _constant(name: str) -> Number:
    raise ValueError(f"{name} is no number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key '{twice}' stands twice in one object")
    return whole
