"""All mistakes of a configuration at once, though a validator stops at the first: each is cut out of a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from greenops_core.errors import ConfigError

Path = tuple[str | int, ...]

MOST = 50


class MissingKeyError(ConfigError):
    """A mapping lacks a key that it must have; the path leads to the mapping."""


def mistakes(raw: object, complaint: Callable[[object], ConfigError | None]) -> Iterator[ConfigError]:
    """What *complaint* says of *raw*, and of what is left of it without what it complained of, at most ``MOST`` times.

    A key that is missing because its value was cut out is no mistake of the operator's.
    """
    copy = _Copy(raw)
    for _ in range(MOST):
        error = complaint(copy.data)
        if error is None:
            return
        path = copy.original(error.path)
        follows = isinstance(error, MissingKeyError) and path in copy.cut_from
        if not follows:
            yield type(error)(error.message, path)
        if not error.path:
            return
        copy.cut(error.path)


class _Copy:
    """Plain data of which parts are cut out, with the way back to the original's paths."""

    def __init__(self, raw: object) -> None:
        self.cut_from: set[Path] = set()
        self._indexes: dict[int, list[int]] = {}
        self.data = self._copied(raw)

    def original(self, path: Path) -> Path:
        """Where *path* leads in the original, whose lists had more items."""
        found: list[str | int] = []
        node = self.data
        for key in path:
            match node:
                case [*_] if isinstance(node, list) and isinstance(key, int) and key < len(node):
                    found.append(self._indexes[id(node)][key])
                    node = node[key]
                case {**entries}:
                    found.append(key)
                    node = entries.get(key)
                case _:
                    found.append(key)
        return tuple(found)

    def cut(self, path: Path) -> None:
        """Take out what is at *path*; of a list of bare values, which may need its length, the whole list."""
        node = self._at(path[:-1])
        key = path[-1]
        if isinstance(node, list) and isinstance(key, int):
            if len(path) > 1 and not isinstance(node[key], dict):
                self.cut(path[:-1])
                return
            del node[key], self._indexes[id(node)][key]
        elif isinstance(node, dict) and key in node:
            self.cut_from.add(self.original(path[:-1]))
            del node[key]
        elif len(path) > 1:
            self.cut(path[:-1])

    def _at(self, path: Path) -> object:
        node = self.data
        for key in path:
            if isinstance(node, list) and isinstance(key, int):
                node = node[key] if key < len(node) else None
            else:
                node = node.get(key) if isinstance(node, dict) else None
        return node

    def _copied(self, raw: object) -> object:
        if isinstance(raw, dict):
            return {key: self._copied(value) for key, value in raw.items()}
        if isinstance(raw, list):
            copied = [self._copied(item) for item in raw]
            self._indexes[id(copied)] = list(range(len(copied)))
            return copied
        return raw
