"""What is on no board, and why."""

from __future__ import annotations

from collections.abc import Mapping

from greenops_core.sample import Metric

DELIBERATELY_NOT_SHOWN: Mapping[Metric, str] = {}
