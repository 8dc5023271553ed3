"""``greenops-gateway qa`` and ``greenops-gateway cems``: test records in, what they come to out."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from greenops_core.table import aligned
from greenops_gateway.qa import bias_records, calibration_records, linearity_records, rata_records
from greenops_gateway.qa.finding import Finding
from greenops_gateway.qa.sheet import Sheet

Say = Callable[[str], None]


class _Kind(NamedTuple):
    needed: Sequence[str]
    head: Sequence[str]
    findings: Callable[[Sheet, argparse.Namespace], list[Finding]]


_KINDS: Mapping[str, _Kind] = {
    "rata": _Kind(rata_records.NEEDED, rata_records.HEAD, rata_records.findings),
    "linearity": _Kind(linearity_records.NEEDED, linearity_records.HEAD, linearity_records.findings),
    "calibration": _Kind(calibration_records.NEEDED, calibration_records.HEAD, calibration_records.findings),
    "bias": _Kind(bias_records.NEEDED, bias_records.HEAD, bias_records.findings),
}


def qa(given: argparse.Namespace, say: Say) -> int:
    """Do what *given* asks, line by line to *say*; gives the exit code: 1 if asked to be strict and a test failed.

    Raises:
        ConfigError: there are mistakes in the file; all of them.
    """
    kind = _KINDS[given.records]
    found = kind.findings(Sheet(given.file, kind.needed), given)
    for line in _json(found, given) if given.json else _text(kind, found, given):
        say(line)
    return 1 if given.strict and not all(each.is_passed for each in found) else 0


def _json(found: Sequence[Finding], given: argparse.Namespace) -> Iterator[str]:
    return (each.line(is_explained=given.explain) for each in found)


def _text(kind: _Kind, found: Sequence[Finding], given: argparse.Namespace) -> Iterator[str]:
    if given.explain:
        for each in found:
            yield " ".join(each.cells)
            yield from (working.told() for working in each.workings)
            yield ""
    yield from aligned(kind.head, *(each.cells for each in found))
    if "result" in kind.head:
        results = Counter(str(each.fields["result"]) for each in found)
        yield ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
