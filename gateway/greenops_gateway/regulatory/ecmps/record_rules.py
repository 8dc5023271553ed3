"""What a monitored and a derived value must be like, by its method of determination. Pure.

EPA's check engine: HOURMHV-8, -9, -11, -12, HOURDHV-13, -14, -17.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from greenops_gateway.cems.substitution.method import MEASURED
from greenops_gateway.regulatory.ecmps import code

Record = Mapping[str, Any]
_LAST = Decimal("0.1")
_FLOW_STEP = 1000


def monitored_complaints(record: Record) -> Iterator[str]:
    """Of a record of monitorHourlyValueData in an operating hour."""
    name, method = record["parameterCode"], record.get("modcCode")
    unadjusted, adjusted = record.get("unadjustedHourlyValue"), record.get("adjustedHourlyValue")
    is_adjusted = name in code.BIAS_ADJUSTED
    if method is None:
        yield f"{name} has no method of determination"
        return
    if method not in code.MONITOR_METHODS[name]:
        yield f"{name} cannot have method {method}"
        return
    if not is_adjusted and adjusted is not None:
        yield f"{name} has an adjusted value; only {', '.join(sorted(code.BIAS_ADJUSTED))} have"
    if (basis := record.get("moistureBasis")) is not None and name not in code.WITH_BASIS:
        yield f"{name} has a moisture basis, {basis}; only {', '.join(sorted(code.WITH_BASIS))} has"
    if method == code.NOT_TOLD:
        if adjusted is not None:
            yield f"{name} has a value of {adjusted}, and yet method {method}: there is none"
        return
    if method in MEASURED and unadjusted is None:
        yield f"{name} was measured (method {method}), and has no unadjusted value"
    if is_adjusted and method not in MEASURED and unadjusted is not None:
        yield f"{name} is a substitute (method {method}), and yet has an unadjusted value of {unadjusted}"
    value = adjusted if is_adjusted else unadjusted
    if value is None and method not in MEASURED:
        yield f"{name} has method {method}, and no value"
    yield from _values(name, method, value)
    yield from _available(name, method, record.get("percentAvailable"))


def derived_complaints(record: Record) -> Iterator[str]:
    """Of a record of derivedHourlyValueData in an operating hour."""
    name, method = record["parameterCode"], record.get("modcCode")
    unadjusted, adjusted = record.get("unadjustedHourlyValue"), record.get("adjustedHourlyValue")
    if adjusted is None:
        yield f"{name} has no value"
    if unadjusted is not None and name != "NOXR":
        yield f"{name} has an unadjusted value; only NOXR has"
    if method is not None and method not in code.DERIVED_METHODS.get(name, ()):
        yield f"{name} cannot have method {method}"
        return
    if name not in code.WITH_AVAILABILITY:
        if record.get("percentAvailable") is not None:
            yield f"{name} has an availability; only {', '.join(sorted(code.WITH_AVAILABILITY))} have"
        return
    if method is None:
        yield f"{name} has no method of determination"
        return
    if name == "NOXR" and (unadjusted is None) is (method in MEASURED):
        yield f"NOXR with method {method} {'lacks' if unadjusted is None else 'has'} an unadjusted value"
    yield from _available(name, method, record.get("percentAvailable"))


def _values(name: str, method: str, value: Decimal | int | None) -> Iterator[str]:
    """What *value* must be by its *method*, and its decimals."""
    if value is None:
        return
    if method == "21" and value != 0:
        yield f"{name} is {value}, but a negative average (method 21) counts as 0"
    if method == "16" and value != 2:
        yield f"{name} is {value}, but for very low sulfur fuel (method 16) it is 2.0"
    step = _FLOW_STEP if name == "FLOW" else _LAST
    if value % step:
        yield f"{name} is {value}; it is told to {'the nearest 1000 scfh' if name == 'FLOW' else '0.1'}"


def _available(name: str, method: str, percent: Decimal | int | None) -> Iterator[str]:
    if method not in code.AVAILABLE:
        return
    if percent is None:
        yield f"{name} has method {method} without an availability"
        return
    least, most = code.AVAILABLE[method]
    if method == "10" and name in code.LOAD_BASED:
        most = Decimal(101)
    if not least <= percent < most:
        span = f"from {least} to below {most} %" if most <= 100 else f"{least} % or more"
        yield f"{name} has method {method} at an availability of {percent} %; it is for {span}"
