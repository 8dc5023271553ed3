"""Strict YAML configuration: every mistake names the file, the line, the key, the value and the nearest right name.

Types are msgspec structs; the JSON Schema for editors comes from the same types.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from greenops_core.address import ADDRESS_PATTERN, Address, address
from greenops_core.budget import MASS_PATTERN, Mass, mass
from greenops_core.duration import DURATION_PATTERN, SIZE_PATTERN, Duration, Size, duration, size
from greenops_core.errors import ConfigError, Mistakes
from greenops_telemetry.document import Document
from greenops_telemetry.explanation import explained, shown
from greenops_telemetry.mistakes import mistakes

__all__ = [
    "Document",
    "Secret",
    "Section",
    "Url",
    "convert",
    "convert_all",
    "lasting",
    "listening",
    "load",
    "schema",
    "url",
]

T = TypeVar("T")
URL_PATTERN = r"^https?://[^/\s]+(?:/\S*)?$"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every block of a configuration file derives from, with ``frozen=True``: an unknown key is an error."""


class Url(str):
    """``http://`` or ``https://``, a host, and maybe a port and a path."""

    __slots__ = ()


class Secret(str):
    """A secret by reference: ``env:NAME`` or ``file:PATH``. It is read once and never printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"


def lasting(text: str) -> Any:  # noqa: ANN401  # a field's default, as msgspec.field is
    """What a duration key is when it is not given, such as ``10s``."""
    return msgspec.field(default_factory=partial(duration, text))


def listening(text: str) -> Any:  # noqa: ANN401  # the same
    """What an address to listen on is when it is not given, such as ``127.0.0.1:9840``."""
    return msgspec.field(default_factory=partial(address, text))


def url(text: str) -> Url:
    """An address from ``http://127.0.0.1:9090``.

    >>> url("https://example.org/v1/metrics")
    'https://example.org/v1/metrics'

    Raises:
        ConfigError: no scheme, another scheme, no host, or a port that cannot be.
    """
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not re.fullmatch(URL_PATTERN, text):
        raise ConfigError(f"'{text}' is not an address; write for example http://127.0.0.1:9090")
    return Url(text)


_PARSERS: Mapping[type, Callable[[str], object]] = {
    Address: address,
    Duration: duration,
    Size: size,
    Mass: mass,
    Url: url,
}
_WRITTEN: Mapping[type, tuple[str, tuple[str, ...]]] = {
    Address: (ADDRESS_PATTERN, ("127.0.0.1:9840", "[::1]:9840")),
    Duration: (DURATION_PATTERN, ("10s", "5m", "1h")),
    Size: (SIZE_PATTERN, ("64KiB", "512MiB")),
    Mass: (MASS_PATTERN, ("500g", "2000kg", "1.5t")),
    Url: (URL_PATTERN, ("http://127.0.0.1:9090",)),
    Secret: ("^(env|file):.+", ("env:TOKEN", "file:/run/secrets/token")),
}


def load(path: Path, into: type[T]) -> T:
    """The configuration in the YAML file *path*.

    Raises:
        ConfigError: unreadable, not YAML, or not what *into* says; the message says where.
    """
    document = Document.read(path)
    try:
        return convert(document.data, into)
    except ConfigError as error:
        raise document.located(error) from None


def convert(raw: object, into: type[T]) -> T:
    """*raw*, as read from YAML, as an *into*.

    Raises:
        ConfigError: with the path to the offending key.
    """
    try:
        return msgspec.convert(raw, into, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise explained(str(error), raw, into, partial(_complaint, into)) from None


def convert_all(raw: object, into: type[T]) -> T:
    """*raw* as an *into*, like ``convert``, but of several mistakes all are told.

    Raises:
        ConfigError: with the path to the offending key; ConfigErrors: several of them.
    """

    def complaint(tried: object) -> ConfigError | None:
        try:
            convert(tried, into)
        except ConfigError as error:
            return error
        return None

    found = Mistakes(list(mistakes(raw, complaint)))
    found.tell()
    return convert(raw, into)


def schema(of: type) -> dict[str, Any]:
    """JSON Schema of a configuration type, for editors and reviewers."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(of, schema_hook=_written)}


def _written(kind: type) -> dict[str, object]:
    pattern, examples = _WRITTEN[kind]
    return {"type": "string", "pattern": pattern, "examples": list(examples)}


def _complaint(into: type, raw: object) -> str:
    try:
        msgspec.convert(raw, into, dec_hook=_decode)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _decode(into: type, raw: object) -> object:
    """A type of ours from YAML; the validator adds the path to a ValueError."""
    if into is Secret:
        return _secret(raw)
    if not isinstance(raw, str):
        lack = "host" if into is Address else "address" if into is Url else "unit"
        raise ValueError(f"{shown(raw)} has no {lack}; write for example {_WRITTEN[into][1][0]}")  # noqa: TRY004  # see above
    try:
        return _PARSERS[into](raw)
    except ConfigError as error:
        raise ValueError(error.message) from None


def _secret(raw: object) -> Secret:
    match str(raw).partition(":"):
        case ("env", _, name) if name:
            where, secret = f"the environment's variable {name}", os.environ.get(name)
            if secret is None:
                raise ValueError(f"the environment has no variable {name}")
        case ("file", _, path) if path:
            where = f"secret file {path}"
            try:
                secret = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ValueError(f"{where} cannot be read: {error.strerror or error}") from None
            except UnicodeDecodeError:
                raise ValueError(f"{where} is not UTF-8 text") from None
        case _:
            raise ValueError("a secret is given by reference: env:NAME or file:PATH")
    if not secret:
        raise ValueError(f"{where} is empty")
    return Secret(secret)
