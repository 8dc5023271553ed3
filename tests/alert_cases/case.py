"""A case: a set of series and, for points in time, how many alerts fire. Time begins at Unix time 0."""

from __future__ import annotations

from dataclasses import dataclass

from greenops_core.sample import Metric


@dataclass(frozen=True)
class Case:
    """*expect* are (time, matchers of ALERTS, how many fire); series have a value every *step*."""

    name: str
    file: str
    series: dict[str, str]
    expect: list[tuple[str, str, int]]
    step: str = "1m"
    every: str = "1m"


def of(metric: Metric, **labels: str) -> str:
    assert labels.keys() <= {*metric.labels, "instance", "job"}, metric.name
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric.name}{{{inside}}}"


def alert(name: str, **labels: str) -> str:
    return ",".join([f'alertname="{name}"', *(f'{key}="{value}"' for key, value in labels.items())])
