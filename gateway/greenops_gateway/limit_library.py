"""Limits that come with the gateway: examples from regulations, each with its source, to begin a permit's list with.

A limit in gateway.yml takes one by ``from: library/name``, and changes whatever it gives itself. Figures that were not
compared with their source say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from greenops_core.errors import ConfigError, Mistakes, nearest
from greenops_gateway.limit import Permitted
from greenops_telemetry.configuration import Document, Section, convert

SHIPPED = Path(str(files("greenops_gateway") / "limits"))
SUFFIX = ".yaml"
FROM = "from"


class Library(Section, frozen=True, kw_only=True):
    """A file of limits: *source* is where its figures are from, and how far they were compared with it."""

    title: str
    jurisdiction: str
    source: str
    limits: dict[str, Permitted]


class Shipped(NamedTuple):
    """One limit of a library. *keys* are what its file gives."""

    name: str
    library: Library
    permitted: Permitted
    keys: Mapping[str, Any]


def shipped() -> dict[str, Shipped]:
    """All limits that come with the gateway, by ``library/name``.

    Raises:
        ConfigError: a file of the library is wrong, with file and line.
    """
    return {each.name: each for path in sorted(SHIPPED.glob(f"*{SUFFIX}")) for each in _read(path)}


def find(name: str) -> Shipped:
    """The limit *name*.

    Raises:
        ConfigError: there is none.
    """
    known = shipped()
    if name not in known:
        raise ConfigError(f"there is no limit '{name}'{nearest(name, known)}")
    return known[name]


def completed(limits: list[Any], mistakes: Mistakes) -> list[Any]:
    """*limits*, as read from YAML, each with what it takes from a library; an unknown one goes to *mistakes*."""
    return [_completed(section, index, mistakes) for index, section in enumerate(limits)]


def _completed(section: Any, index: int, mistakes: Mistakes) -> Any:  # noqa: ANN401  # as YAML has it
    match section:
        case {"from": str(name), **own}:
            with mistakes.within("limits", index, FROM):
                return {**find(name).keys, **own, FROM: name}
    return section


def _read(path: Path) -> Iterator[Shipped]:
    document = Document.read(path)
    try:
        library = convert(document.data, Library)
    except ConfigError as error:
        raise document.located(error) from None
    written = document.data["limits"] if isinstance(document.data, dict) else {}
    for name, permitted in library.limits.items():
        keys = {"jurisdiction": library.jurisdiction, **written[name]}
        yield Shipped(f"{path.stem}/{name}", library, permitted, keys)
