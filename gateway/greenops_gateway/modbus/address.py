"""The three ways in which manuals write a register's address. Pure.

``zero`` counts from 0 as the wire does, ``one`` counts from 1, ``modicon`` puts the table in front: 40101 is the 101st
holding register, 400101 the same with six digits.
"""

from __future__ import annotations

from typing import Literal

from greenops_core.errors import ConfigError
from greenops_gateway.modbus.plan import Table

Style = Literal["zero", "one", "modicon"]

LAST = 65535
_TABLES: dict[str, Table] = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
_DIGITS = {table: digit for digit, table in _TABLES.items()}


def located(at: int | str, style: Style, table: Table | None) -> tuple[Table, int]:
    """Table and zero-based address of *at* as *style* writes it; *table* is what the file says, if anything.

    >>> located(40101, "modicon", None)
    ('holding', 100)

    Raises:
        ConfigError: no such address, or it contradicts *table*.
    """
    if style == "modicon":
        return _modicon(at, table)
    if not isinstance(at, int):
        raise ConfigError(f"'{at}' is not a number")
    address = at - 1 if style == "one" else at
    if not 0 <= address <= LAST:
        first = 1 if style == "one" else 0
        raise ConfigError(f"{at} is no address; with address_style: {style} they go from {first} to {LAST + first}")
    return table or "holding", address


def modicon(table: Table, address: int) -> str:
    """The Modicon notation of a zero-based address, five digits as long as they suffice.

    >>> modicon("holding", 100), modicon("input", 20000), modicon("coil", 0)
    ('40101', '320001', '00001')
    """
    number = address + 1
    return f"{_DIGITS[table]}{number:04}" if number <= 9999 else f"{_DIGITS[table]}{number:05}"


def _modicon(at: int | str, table: Table | None) -> tuple[Table, int]:
    digits = str(at)
    if isinstance(at, int) and at < 10000:
        raise ConfigError(
            f"{at} has too few digits; a coil's Modicon address starts with 0 and must stand in quotes, like '00101'"
        )
    if not digits.isdecimal() or len(digits) not in {5, 6} or digits[0] not in _TABLES:
        raise ConfigError(f"{digits} is no Modicon address; write five or six digits like 40101, 30001 or '00101'")
    found, address = _TABLES[digits[0]], int(digits[1:]) - 1
    if not 0 <= address <= LAST:
        raise ConfigError(f"{digits} is no Modicon address; after the table's digit they go from 1 to {LAST + 1}")
    if table is not None and table != found:
        raise ConfigError(f"{digits} lies in the table {found}, but table says {table}")
    return found, address
