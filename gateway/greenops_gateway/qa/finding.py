"""What is found for a row or a test, and how it is told: a line of JSON, a row of a table, the working."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from greenops_gateway.cems.working import Working

Field = Decimal | str | int | bool | None


class Finding(NamedTuple):
    """*fields* by their names in the JSON line, *cells* of the table, and the *workings* behind them."""

    fields: Mapping[str, Field]
    cells: tuple[str, ...]
    workings: tuple[Working, ...]
    is_passed: bool = True

    def line(self, *, is_explained: bool) -> str:
        """A JSON object on one line; decimals keep their digits."""
        members = [f"{json.dumps(name)}: {_written(value)}" for name, value in self.fields.items()]
        if is_explained:
            members.append(f'"working": {json.dumps([working.told() for working in self.workings])}')
        return f"{{{', '.join(members)}}}"


def shown(value: Decimal | None) -> str:
    """A number in a table.

    >>> shown(Decimal("1E+3")), shown(None)
    ('1000', '-')
    """
    return "-" if value is None else f"{value:f}"


def _written(value: Field) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)
