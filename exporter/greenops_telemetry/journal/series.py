"""What a series of the journal is called, so that it can be read without the program that wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from greenops_core.sample import Kind, Metric


class Series(NamedTuple):
    """One series by the names under which receivers know it; *labels* in the order of the catalogue."""

    name: str
    """For Prometheus."""
    otlp_name: str
    otlp_unit: str
    is_counter: bool
    labels: tuple[tuple[str, str], ...]


def described(metric: Metric, labels: tuple[str, ...]) -> Series:
    """The series of *metric* with the values *labels*."""
    pairs = tuple(zip(metric.labels, labels, strict=True))
    return Series(metric.name, metric.otlp_name, metric.unit.otlp, metric.kind is Kind.COUNTER, pairs)


def to_json(series: Series) -> dict[str, Any]:
    """*series* as it stands in a file."""
    return {**series._asdict(), "labels": dict(series.labels)}


def from_json(raw: Mapping[str, Any]) -> Series:
    """The series that ``to_json`` made into *raw*.

    Raises:
        ValueError: it did not.
    """
    try:
        labels = tuple((str(key), str(value)) for key, value in raw["labels"].items())
        series = Series(raw["name"], raw["otlp_name"], raw["otlp_unit"], bool(raw["is_counter"]), labels)
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"not a series: {error!r}") from None
    if not all(isinstance(each, str) for each in series[:3]):
        raise ValueError("not a series: a name is no text")
    return series
