"""A number with its working: which equation, from what, by which steps, rounded how. What ``--explain`` tells.

The working is what lineage keeps: its digest changes with any input, step or source.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import NamedTuple

import msgspec


class Input(NamedTuple):
    """What goes in, by its symbol in the equation; *unit* as the source writes it."""

    symbol: str
    value: Decimal
    unit: str = ""


class Working(NamedTuple):
    """*value* (*unit*), by *equation* of *source* (the clause), from *inputs*.

    *steps* are what was computed on the way, in words and numbers, the last of them unrounded; *rounding* is what was
    done to it, in words.
    """

    equation: str
    source: str
    inputs: tuple[Input, ...]
    steps: tuple[str, ...]
    rounding: str
    value: Decimal
    unit: str = ""

    def told(self) -> str:
        """The same for a person, a line for each part."""
        unit = f" {self.unit}" if self.unit else ""
        return "\n".join(
            [
                f"{self.equation} ({self.source})",
                *(f"  {symbol} = {value}{f' {unit}' if unit else ''}" for symbol, value, unit in self.inputs),
                *(f"  {step}" for step in self.steps),
                f"  = {self.value}{unit}, {self.rounding}",
            ]
        )

    @property
    def digest(self) -> str:
        """SHA-256 of all of it as one JSON array, in hexadecimal; decimals are text, with the zeros they end in."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()
