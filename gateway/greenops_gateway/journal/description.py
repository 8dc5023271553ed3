"""What a configuration says of points, as canonical JSON: what a sample is traced back to years later. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

from greenops_gateway.configuration import Gateway
from greenops_telemetry.configuration import Secret

NUMBER = "number"
"""The only key of what stands for a number that JSON cannot say."""
_EXACT = 2**53 - 1


def described(config: Gateway) -> dict[str, Any]:
    """What *config* says of what is measured, and how it is judged; links are not in it, and no secret."""
    return {
        "site": config.site,
        "devices": [{"protocol": way.protocol.name, **plain(device)} for way in config.ways for device in way.devices],
        "derived": plain(config.derived),
        "limits": plain(config.limits),
    }


def plain(value: object) -> Any:  # noqa: ANN401, PLR0911  # as JSON has it; one answer for each kind
    """*value* made of what canonical JSON knows.

    >>> plain({3: [1.5, float("inf")], "key": Secret("x")})
    {'3': [1.5, {'number': 'inf'}], 'key': '(secret)'}
    """
    match value:
        case Struct():
            fields = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
            tag = value.__struct_config__.tag
            head = {} if tag is None else {str(value.__struct_config__.tag_field): tag}
            return head | {key: plain(getattr(value, name)) for key, name in fields}
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case Enum():
            return plain(value.value)
        case Secret():
            return "(secret)"
        case None | bool():
            return value
        case int() | float():
            return _number(value)
        case _:
            return str(value)


def _number(value: int | float) -> Any:  # noqa: ANN401, PYI041  # as above; both are asked for
    if not isinstance(value, float):
        return int(value) if abs(value) <= _EXACT else {NUMBER: repr(int(value))}
    return float(value) if math.isfinite(value) else {NUMBER: repr(float(value))}
