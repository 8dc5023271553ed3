"""Node ids as an operator writes them: ``ns=2;s=Stack.SO2``, or ``nsu=http://vendor.example/;i=1001``. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from greenops_core.errors import ConfigError

Kind = Literal["i", "s", "g", "b"]
Identifier = int | str | uuid.UUID | bytes

_SHAPE = re.compile(r"(?:ns=(?P<index>\d{1,5});|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<text>.+)", re.DOTALL)
LARGEST_NUMBER = 2**32 - 1
LONGEST_TEXT = 4096
"""OPC UA part 3, 8.2.4: what a server must be able to tell apart."""


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node, with its namespace by index or by URI. The index may change when the server does, the URI does not."""

    namespace: int | str
    kind: Kind
    identifier: Identifier

    def index(self, namespaces: Sequence[str]) -> int | None:
        """The namespace's index on a server with these *namespaces*; None when it has no such namespace."""
        if isinstance(self.namespace, int):
            return self.namespace
        return namespaces.index(self.namespace) if self.namespace in namespaces else None


def address(text: str) -> NodeAddress:
    """The node that *text* names.

    >>> address("ns=2;s=Stack.SO2")
    NodeAddress(namespace=2, kind='s', identifier='Stack.SO2')
    >>> address("i=2258").identifier
    2258

    Raises:
        ConfigError: this names no node.
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"'{text}' is no node id; write for example ns=2;s=Stack.SO2, ns=3;i=1001 or nsu=http://vendor.example/;s=SO2"
        )
    uri, number = match["uri"], int(match["index"] or 0)
    if number > 65535:
        raise ConfigError(f"'{text}': a namespace index is 0 to 65535; one by name is written nsu=http://…;")
    kind: Kind = match["kind"]  # type: ignore[assignment]  # the pattern lets nothing else through
    try:
        return NodeAddress(uri or number, kind, _identifier(kind, match["text"]))
    except ValueError:
        lack = {
            "i": "i= takes a whole number, 0 to 4294967295",
            "s": f"s= takes 1 to {LONGEST_TEXT} characters",
            "g": "g= takes a GUID, like 09087e75-8e5e-499b-954f-f2a9603db28a",
            "b": "b= takes base64, like M/RbKBsRVkePCePcx24oRA==",
        }[kind]
        raise ConfigError(f"'{text}' is no node id: {lack}") from None


def _identifier(kind: Kind, text: str) -> Identifier:
    """Raises ValueError: no identifier of this kind."""
    if kind == "s":
        if len(text) > LONGEST_TEXT:
            raise ValueError(text)
        return text
    if kind == "g":
        return uuid.UUID(text)
    if kind == "b":
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise ValueError(text) from None
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > LARGEST_NUMBER:
        raise ValueError(text)
    return int(text)
