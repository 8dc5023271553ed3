"""A point that is a number in a device: what the number stands for, in the same keys for every protocol."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Generic, TypeVar

from greenops_core.errors import ConfigError
from greenops_gateway.meaning import Meaning
from greenops_gateway.point import Point

State = TypeVar("State", bound=int | str)
"""What a device can call its states by: numbers, for some protocols words too."""


class Number(Point, Generic[State], frozen=True, kw_only=True):
    """*value* = number * scale + offset, in the point's unit; or *enum* lists the value of each number.

    *sentinel* is what the device gives when it has no value.
    """

    scale: float = 1.0
    offset: float = 0.0
    enum: dict[State, float] | None = None
    sentinel: int | float | list[int | float] | None = None

    def sentinels(self) -> tuple[int | float, ...]:
        """The sentinels as written."""
        if self.sentinel is None:
            return ()
        return tuple(self.sentinel) if isinstance(self.sentinel, list) else (self.sentinel,)

    def meaning(self) -> Meaning:
        """What the point's number stands for. A protocol adds its own."""
        listed: dict[int, float] | None = None
        if self.enum is not None:
            listed = {state: value for state, value in self.enum.items() if isinstance(state, int)}
        return Meaning(scale=self.scale, offset=self.offset, enum=listed, sentinels=frozenset(self.sentinels()))

    def check(self) -> None:
        super().check()
        for key, number in (("scale", self.scale), ("offset", self.offset)):
            if not math.isfinite(number):
                raise ConfigError(f"{number} makes no number of any value", (key,))
        if self.scale == 0:
            raise ConfigError("scale 0 makes a false zero of every value", ("scale",))
        if self.enum is None:
            return
        if not self.enum:
            raise ConfigError("an empty enum makes every value bad", ("enum",))
        for state, value in self.enum.items():
            if not math.isfinite(value):
                raise ConfigError(f"{value} makes no number of any value", ("enum", state))
        for key, number, none in (("scale", self.scale, 1), ("offset", self.offset, 0)):
            if number != none:
                raise ConfigError(f"{key} does nothing beside enum, which gives the value itself", (key,))

    def settings(self) -> Iterator[str]:
        """What is set, for a comparison with the device's manual."""
        if self.scale != 1:
            yield f"scale {self.scale:g}"
        if self.offset != 0:
            yield f"offset {self.offset:g}"
        if self.enum is not None:
            yield "enum " + " ".join(f"{state}={value:g}" for state, value in self.enum.items())
        if self.sentinel is not None:
            yield "sentinel " + " ".join(str(number) for number in self.sentinels())
        if self.range is not None:
            yield f"range [{self.range[0]:g}, {self.range[1]:g}]"
