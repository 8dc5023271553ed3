"""A YAML file with the line of each key.

YAML as its version 1.2 reads it: ``no`` is a zone, ``22:30`` and ``017`` are text, only ``true`` and ``false`` are
booleans.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from greenops_core.errors import ConfigError, ConfigErrors

LARGEST = 16 * 2**20
MOST_NODES = 2_000_000
"""Ten times what 10 000 points take; a few lines of aliases of aliases make any number."""


class Document:
    """What a YAML file says, and where."""

    def __init__(self, path: Path, data: object, node: yaml.Node | None) -> None:
        self.path, self.data, self._node = path, data, node

    @classmethod
    def read(cls, path: Path) -> Document:
        """The document in the file *path*; an empty one is an empty mapping.

        Raises:
            ConfigError: unreadable, not YAML, a key stands twice, or an alias makes it endless; the message says where.
        """
        written = content(path)
        try:
            loader = _Loader(written)
            node = loader.get_single_node()
            if node is None:
                return cls(path, {}, None)
            _refuse_duplicates(node, path)
            _size(node, path, {})
            return cls(path, loader.construct_document(node), node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
            raise ConfigError(f"{where}: not YAML: {error.problem or error}") from None
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
        except RecursionError:
            raise ConfigError(f"{path}: is nested too deeply") from None

    def located(self, error: ConfigError) -> ConfigError:
        """*error* with the file and, as far as the path leads, the line in front; of several, each."""
        if isinstance(error, ConfigErrors):
            return ConfigErrors(self.located(each) for each in error.errors)
        return ConfigError(f"{self.path}:{self._line(error.path)}: {error}")

    def _line(self, path: tuple[str | int, ...]) -> int:
        node, line = self._node, 1
        for key in path:
            found: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                for name, value in node.value:
                    if name.value == str(key):
                        found, line = value, name.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                item = node.value[key]
                found, line = item, item.start_mark.line + 1
            if found is None:
                return line
            node = found
        return line


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # yaml's own name


_WHOLE, _POWER = r"(?:0|[1-9][0-9]{0,30})", r"[eE][-+]?[0-9]+"
_FLOAT = rf"[-+]?(?:{_WHOLE}\.[0-9]*(?:{_POWER})?|{_WHOLE}{_POWER}|\.[0-9]+(?:{_POWER})?|\.(?:inf|Inf|INF))"
for _tag, _pattern, _first in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", rf"[-+]?{_WHOLE}|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", rf"{_FLOAT}|\.(?:nan|NaN|NAN)", list("-+.0123456789")),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def scalar(text: str) -> object:
    """*text* as a value in a file: a number, true, false or nothing where it is written as such, else text.

    >>> scalar("502"), scalar("1.5"), scalar("true"), scalar("010"), scalar("1:30"), scalar("no"), scalar("'7'")
    (502, 1.5, True, '010', '1:30', 'no', '7')
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        value: object = loader.construct_object(node) if isinstance(node, yaml.ScalarNode) else text or None
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    return value


def content(path: Path) -> str:
    """The text of the file *path*.

    Raises:
        ConfigError: it cannot be read, is no UTF-8 text, or is larger than any configuration.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise ConfigError(f"{path}: is larger than {LARGEST // 2**20} MiB; is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _refuse_duplicates(root: yaml.Node, path: Path) -> None:
    """Each node once: aliases make a small file a giant tree, or a ring."""
    waiting, visited = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode):
                    raise ConfigError(f"{path}:{line}: a key is one word, not a list or a mapping")
                if key.value in seen:
                    raise ConfigError(f"{path}:{line}: the key '{key.value}' already stands on line {seen[key.value]}")
                seen[key.value] = line
                inner.append(value)
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        fresh = [each for each in inner if id(each) not in visited]
        visited.update(map(id, fresh))
        waiting += fresh


def _size(node: yaml.Node, path: Path, known: dict[int, int | None]) -> int:
    """How many nodes *node* is, each alias as often as it is used; *known* are those counted, or being counted."""
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            line = node.start_mark.line + 1
            raise ConfigError(f"{path}:{line}: contains itself; an alias (*) cannot stand inside its own anchor (&)")
        return size
    known[id(node)] = None
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(1 + _size(value, path, known) for _, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, path, known) for item in node.value)
    if size > MOST_NODES:
        raise ConfigError(
            f"{path}:{node.start_mark.line + 1}: holds more than {MOST_NODES} values, each alias as often as it is used"
        )
    known[id(node)] = size
    return size
