"""Topics and topic filters: which messages a subscription means (MQTT 3.1.1 and 5, 4.7). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from greenops_core.errors import ConfigError

T = TypeVar("T")
LONGEST = 65535
MOST_KEPT = 10_000
SHARED = frozenset({"$share", "$queue"})
"""First levels that are no part of a topic (MQTT 5, 4.8.2)."""


def check(text: str) -> None:
    """Raises ConfigError: *text* is no topic filter."""
    levels = text.split("/")
    if not text:
        raise ConfigError("an empty topic means nothing; write for example plant/cems-1/#")
    if "\0" in text or len(text.encode()) > LONGEST:
        raise ConfigError("a topic has no null character and at most 65535 bytes")
    if levels[0] in SHARED:
        raise ConfigError(f"'{text}' would share its messages out among several clients; write the topic alone")
    if "#" in text and (levels[-1] != "#" or "#" in text[:-1]):
        raise ConfigError(f"'#' stands alone and at the end of a topic; in '{text}' it does not")
    if any("+" in level and level != "+" for level in levels):
        raise ConfigError(f"'+' stands for a whole level of a topic; in '{text}' it does not")


def joined(base: str, topic: str) -> str:
    """*topic* below *base*; one that begins with ``/`` stands for itself.

    >>> joined("plant/cems-1/#", "gas/so2"), joined("plant", "/other/so2"), joined("plant", "//so2")
    ('plant/cems-1/gas/so2', 'other/so2', '/so2')
    """
    if topic.startswith("/"):
        return topic[1:]
    base = base.removesuffix("#").removesuffix("/")
    return f"{base}/{topic}" if base else topic


def has_wildcard(filter_: str) -> bool:
    return "+" in filter_ or "#" in filter_


def matches(filter_: str, topic: str) -> bool:
    """Whether a subscription to *filter_* gets a message of *topic*.

    >>> matches("plant/+/so2", "plant/a/so2"), matches("plant/#", "plant"), matches("#", "$SYS/uptime")
    (True, True, False)
    """
    if topic.startswith("$") and filter_[:1] in {"+", "#"}:
        return False
    wanted, given = filter_.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(given) or level not in {"+", given[place]}:
            return False
    return len(wanted) == len(given)


def covers(one: str, other: str) -> bool:
    """Whether every topic that the filter *other* means is meant by *one* too.

    >>> covers("a/#", "a/+/c"), covers("a/+", "a/#"), covers("+/b", "a/b")
    (True, False, True)
    """
    if other[:1] in {"+", "#"} or not other.startswith("$"):
        wanted, given = one.split("/"), other.split("/")
        for place, level in enumerate(wanted):
            if level == "#":
                return True
            if place >= len(given) or given[place] == "#" or level not in {"+", given[place]}:
                return False
        return len(wanted) == len(given)
    return matches(one, other)


def fewest(asked: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Filters with their QoS that mean the same without overlap where one covers another: no message comes twice.

    >>> fewest([("a/b", 0), ("a/#", 1), ("c", 1)])
    [('a/#', 1), ('c', 1)]
    >>> fewest([("a/b", 1), ("a/#", 0)])
    [('a/#', 1)]
    """
    best: dict[str, int] = {}
    for filter_, qos in asked:
        best[filter_] = max(qos, best.get(filter_, 0))
    wide = [filter_ for filter_ in best if has_wildcard(filter_)]
    for filter_ in list(best):
        above = next((other for other in wide if other != filter_ and other in best and covers(other, filter_)), None)
        if above is not None:
            best[above] = max(best[above], best.pop(filter_))
    return list(best.items())


class _Node(Generic[T]):
    __slots__ = ("below", "here", "rest")

    def __init__(self) -> None:
        self.below: dict[str, _Node[T]] = {}
        self.here: list[T] = []
        self.rest: list[T] = []
        """Of filters that end with ``#`` here."""


class Routes(Generic[T]):
    """Who gets a message: exact topics by a look-up, wildcards by a tree; what was found for a topic is kept."""

    def __init__(self, routes: Iterable[tuple[str, T]]) -> None:
        """*routes* are filters and who gets what they match."""
        self._root: _Node[T] = _Node()
        self._kept: dict[str, tuple[T, ...]] = {}
        for filter_, to in routes:
            node = self._root
            levels = filter_.split("/")
            for level in levels[:-1] if levels[-1] == "#" else levels:
                node = node.below.setdefault(level, _Node())
            (node.rest if levels[-1] == "#" else node.here).append(to)

    def of(self, topic: str) -> tuple[T, ...]:
        """All whose filter matches *topic*, each once.

        >>> Routes([("a/+", "one"), ("a/b", "two"), ("#", "three")]).of("a/b")
        ('three', 'two', 'one')
        """
        found = self._kept.get(topic)
        if found is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            found = self._kept[topic] = self._search(topic)
        return found

    def _search(self, topic: str) -> tuple[T, ...]:
        found: list[T] = []
        nodes = [self._root]
        wild = not topic.startswith("$")
        for level in topic.split("/"):
            below = []
            for node in nodes:
                if wild:
                    found += node.rest
                below += [node.below[name] for name in (level, "+") if name in node.below and (wild or name != "+")]
            nodes, wild = below, True
        for node in nodes:
            found += [*node.rest, *node.here]
        return tuple(dict.fromkeys(found))
