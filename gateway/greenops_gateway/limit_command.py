"""``greenops-gateway limits``: what the library holds, and how one of it is written in gateway.yml."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

from greenops_core.table import aligned
from greenops_gateway.limit_library import Shipped, find, shipped

_EPILOG = """\
examples:
  greenops-gateway limits                              every limit of the library
  greenops-gateway limits show nsps-kkkk/nox-gas-over-850
  greenops-gateway limits list --json

in gateway.yml, with what your permit says otherwise beside it:
  limits:
    - { stack: stack-1, from: nsps-kkkk/nox-gas-over-850, confirmed: true }

exit codes: 0 printed, 2 there is no such limit
"""


def add_limits(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The words of ``limits``."""
    limits = commands.add_parser(
        "limits",
        help="list the limits of the library, or show one with its source",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    limits.add_argument("what", nargs="?", choices=("list", "show"), default="list", help="default %(default)s")
    limits.add_argument("name", nargs="?", metavar="NAME", help="library/name, for show")
    limits.add_argument("--json", action="store_true", help="for programs")


def limits(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Print the library, or one of it.

    Raises:
        ConfigError: there is no limit of that name.
    """
    if given.what == "show":
        one = find(given.name or "")
        say(json.dumps(_plain(one), indent=2) if given.json else "\n".join(_shown(one)))
        return 0
    every = list(shipped().values())
    say(json.dumps([_plain(one) for one in every], indent=2) if given.json else "\n".join(aligned(*_table(every))))
    return 0


def _table(every: list[Shipped]) -> Iterator[tuple[str, ...]]:
    yield ("limit", "parameter", "at most", "over", "figure", "clause")
    for name, _, permitted, _ in every:
        figure = "confirmed" if permitted.confirmed else "awaits confirmation"
        at_most = f"{permitted.limit:g} {permitted.unit}"
        yield (name, permitted.parameter, at_most, permitted.averaging, figure, permitted.clause)


def _shown(one: Shipped) -> Iterator[str]:
    yield f"{one.name}: {one.library.title}"
    yield f"source: {one.library.source}"
    yield ""
    width = max(map(len, one.keys))
    yield from (f"  {key + ':':{width + 1}} {_written(value)}" for key, value in one.keys.items())
    yield ""
    yield "in gateway.yml:"
    yield "  limits:"
    yield f"    - {{ stack: STACK, from: {one.name} }}"


def _plain(one: Shipped) -> dict[str, Any]:
    head = {"name": one.name, "title": one.library.title, "source": one.library.source}
    return head | dict(one.keys)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"
