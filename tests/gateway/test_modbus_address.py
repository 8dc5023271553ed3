from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_gateway.modbus.address import Style, located, modicon
from greenops_gateway.modbus.plan import Table


@pytest.mark.parametrize(
    ("at", "style", "table", "expected"),
    [
        (0, "zero", None, ("holding", 0)),
        (65535, "zero", "input", ("input", 65535)),
        (1, "one", "input", ("input", 0)),
        (65536, "one", "coil", ("coil", 65535)),
        (40101, "modicon", None, ("holding", 100)),
        (30001, "modicon", "input", ("input", 0)),
        (10002, "modicon", None, ("discrete", 1)),
        ("00101", "modicon", None, ("coil", 100)),
        (400101, "modicon", None, ("holding", 100)),
        (465536, "modicon", None, ("holding", 65535)),
        ("000001", "modicon", None, ("coil", 0)),
    ],
)
def test_addresses_of_three_styles(at: int | str, style: Style, table: Table | None, expected: tuple[str, int]) -> None:
    assert located(at, style, table) == expected


@pytest.mark.parametrize(
    ("at", "style", "table", "message"),
    [
        (-1, "zero", None, "-1 is no address; with address_style: zero they go from 0 to 65535"),
        (65536, "zero", None, "65536 is no address; with address_style: zero they go from 0 to 65535"),
        (0, "one", None, "0 is no address; with address_style: one they go from 1 to 65536"),
        ("x", "zero", None, "'x' is not a number"),
        (
            101,
            "modicon",
            None,
            "101 has too few digits; a coil's Modicon address starts with 0 and must stand in quotes, like '00101'",
        ),
        (20001, "modicon", None, "20001 is no Modicon address; write five or six digits like 40101, 30001 or '00101'"),
        (
            4000001,
            "modicon",
            None,
            "4000001 is no Modicon address; write five or six digits like 40101, 30001 or '00101'",
        ),
        (40000, "modicon", None, "40000 is no Modicon address; after the table's digit they go from 1 to 65536"),
        (499999, "modicon", None, "499999 is no Modicon address; after the table's digit they go from 1 to 65536"),
        (30001, "modicon", "holding", "30001 lies in the table input, but table says holding"),
    ],
)
def test_an_address_that_cannot_be_is_named(at: int | str, style: Style, table: Table | None, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        located(at, style, table)
    assert str(caught.value) == message


@given(st.sampled_from(["holding", "input", "coil", "discrete"]), st.integers(0, 65535))
def test_modicon_notation_leads_back(table: Table, address: int) -> None:
    assert located(modicon(table, address), "modicon", None) == (table, address)
