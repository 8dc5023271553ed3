"""What is wrong with an expression, by its syntax tree: unknown names, bare counters, joins that never match."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import promql_parser as promql

GROWTH = {"rate", "increase", "irate", "resets", "changes"}
PRESENCE = {"absent", "absent_over_time", "timestamp", "count", "group", "count_over_time"}
SCRAPED = frozenset({"job", "instance"})
SET_OPERATORS = {"and", "or", "unless"}


class Known(Protocol):
    """A series that may be spoken of."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All that may be spoken of, which of it only grows, and which is not ours.

    The labels that scraping adds belong to foreign series, and to ours beside ``up``: an alert on scraping itself.
    """

    series: Mapping[str, Known]
    counters: Collection[str]
    foreign: Collection[str]


@dataclass(slots=True)
class Findings:
    """What stands in an expression, and what is wrong with it."""

    scraping: bool = False
    complaints: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def plain(text: str) -> str:
    """A panel's expression without Grafana's variables.

    >>> plain('rate(a{b=~"$b"}[$__rate_interval])')
    'rate(a{b=~".*"}[1m])'
    """
    text = text.replace("$__rate_interval", "1m").replace("$__range", "1h").replace("$__interval", "15s")
    return re.sub(r"\$\{?\w+\}?", ".*", text)


def examine(text: str, vocabulary: Vocabulary) -> Findings:
    """*text* held against *vocabulary*."""
    try:
        tree = promql.parse(plain(text))
    except ValueError as error:
        return Findings(complaints=[f"does not parse: {error}"])
    findings = Findings(scraping=any(selector.name == "up" for selector in selectors(text)))
    _labels(tree, vocabulary, findings, frozenset())
    return findings


def _labels(tree: promql.Expr, known: Vocabulary, found: Findings, inside: frozenset[str]) -> frozenset[str] | None:
    """The labels that the series of *tree* may have; None for a scalar."""
    match tree:
        case promql.VectorSelector():
            labels: frozenset[str] | None = _selected(tree, known, found, inside)
        case promql.MatrixSelector():
            labels = _selected(tree.vector_selector, known, found, inside)
        case promql.SubqueryExpr() | promql.ParenExpr() | promql.UnaryExpr():
            labels = _labels(tree.expr, known, found, inside)
        case promql.AggregateExpr():
            labels = _aggregated(tree, known, found, inside)
        case promql.Call():
            labels = _called(tree, known, found, inside)
        case promql.BinaryExpr():
            labels = _combined(tree, known, found, inside)
        case _:
            labels = None
    return labels


def _selected(
    selector: promql.VectorSelector, known: Vocabulary, found: Findings, inside: frozenset[str]
) -> frozenset[str]:
    name = selector.name or ""
    found.names.add(name)
    if name not in known.series:
        found.complaints.append(f"nobody writes {name or 'a selector without a name'}")
        return frozenset()
    added = SCRAPED if name in known.foreign or found.scraping else frozenset()
    labels = frozenset(known.series[name].labels) | added
    for matcher in selector.matchers.matchers:
        if matcher.name not in labels:
            found.complaints.append(f"{name} has no label {matcher.name}")
    if name in known.counters and not inside & (GROWTH | PRESENCE):
        found.complaints.append(f"{name} only grows and stands outside of {', '.join(sorted(GROWTH))}")
    if name not in known.counters and inside & {"rate", "increase", "irate"} and name not in known.foreign:
        found.complaints.append(f"{name} goes up and down and stands inside of a rate")
    return labels


def _aggregated(
    tree: promql.AggregateExpr, known: Vocabulary, found: Findings, inside: frozenset[str]
) -> frozenset[str]:
    inner = _labels(tree.expr, known, found, inside | {str(tree.op)}) or frozenset()
    if tree.modifier is None:
        return inner if str(tree.op) in {"topk", "bottomk"} else frozenset()
    named = frozenset(tree.modifier.labels)
    for label in named - inner:
        found.complaints.append(f"{tree.op} by ({label}): the series have {', '.join(sorted(inner)) or 'no labels'}")
    return named & inner if tree.modifier.type == promql.AggModifierType.By else inner - named


def _called(tree: promql.Call, known: Vocabulary, found: Findings, inside: frozenset[str]) -> frozenset[str] | None:
    name = tree.func.name
    # A rate is not a counter any more: what stands around it does not matter to what is in it.
    given = [_labels(argument, known, found, inside | {name}) for argument in tree.args]
    vectors = [labels for labels in given if labels is not None]
    if not vectors or name == "scalar":
        return frozenset() if name == "vector" else None
    labels = frozenset().union(*vectors)
    if name in {"label_replace", "label_join"}:
        sources = tree.args[3:4] if name == "label_replace" else tree.args[3:]
        for source in frozenset(map(_string, sources)) - labels:
            found.complaints.append(f"{name} from {source}: the series have {', '.join(sorted(labels))}")
        return labels | {_string(tree.args[1])}
    return labels


def _string(tree: promql.Expr) -> str:
    assert isinstance(tree, promql.StringLiteral)
    return tree.val


def _combined(
    tree: promql.BinaryExpr, known: Vocabulary, found: Findings, inside: frozenset[str]
) -> frozenset[str] | None:
    left = _labels(tree.lhs, known, found, inside)
    right = _labels(tree.rhs, known, found, inside)
    if left is None or right is None:
        return right if left is None else left
    operator = str(tree.op)
    matching = tree.modifier.matching if tree.modifier else None
    if matching is not None and matching.type == promql.LabelModifierType.Include:
        for label in matching.labels:
            for side, labels in (("left", left), ("right", right)):
                if label not in labels:
                    found.complaints.append(f"{operator} on ({label}): not on its {side} side")
    elif matching is None and left != right and operator != "or":
        found.complaints.append(
            f"{operator} matches nothing: left has {', '.join(sorted(left))}, right has {', '.join(sorted(right))}"
        )
    if operator == "or":
        return left | right
    if operator in SET_OPERATORS or tree.modifier is None or matching is None:
        return left
    if tree.modifier.card == promql.VectorMatchCardinality.OneToOne:
        return frozenset(matching.labels)
    return left | frozenset(tree.modifier.group_labels or ())


def selectors(text: str) -> Iterator[promql.VectorSelector]:
    """The vector selectors of an expression, wherever they stand."""

    def below(tree: promql.Expr) -> Iterator[promql.VectorSelector]:
        match tree:
            case promql.VectorSelector():
                yield tree
            case promql.MatrixSelector():
                yield tree.vector_selector
            case promql.SubqueryExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.AggregateExpr():
                yield from below(tree.expr)
            case promql.Call():
                for argument in tree.args:
                    yield from below(argument)
            case promql.BinaryExpr():
                yield from below(tree.lhs)
                yield from below(tree.rhs)
            case _:
                return

    return below(promql.parse(plain(text)))
