from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.address import ADDRESS_PATTERN, address, chosen, unusable
from greenops_core.errors import ConfigError

CONFIGURED = address("10.0.0.1:7000")
NOT_AN_ADDRESS = "'{}' is not HOST:PORT; write for example 127.0.0.1:9840 or [::1]:9840"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        pytest.param("127.0.0.1:9841", "127.0.0.1", 9841, id="IPv4"),
        pytest.param("[::1]:9841", "::1", 9841, id="IPv6"),
        pytest.param("[fe80::1%eth0]:1", "fe80::1%eth0", 1, id="IPv6 of one link"),
        pytest.param("meter-room.example.org:65535", "meter-room.example.org", 65535, id="name"),
        pytest.param(":80", "", 80, id="all interfaces"),
        pytest.param("localhost:0", "localhost", 0, id="any port"),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    found = address(text)
    assert (found, found.host, found.port) == (text, host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "9841",
        "localhost",
        "localhost:",
        "localhost:http",
        "localhost:-1",
        "localhost:9841 ",
        "localhost:٩",
        "a b:1",
        "::1:9841",
        "[::1]",
        "[]:1",
        "http://localhost:9841",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        address(text)
    assert str(caught.value) == NOT_AN_ADDRESS.format(text)


def test_ports_end_at_65535() -> None:
    with pytest.raises(ConfigError, match=r"^'65536' is not a port; write a number from 0 to 65535$"):
        address("localhost:65536")


@given(st.text())
def test_any_text_is_an_address_or_told(text: str) -> None:
    try:
        found = address(text)
    except ConfigError:
        return
    assert re.fullmatch(ADDRESS_PATTERN, text)
    assert 0 <= found.port <= 65535


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [
        pytest.param(None, {}, "10.0.0.1:7000", id="the file's"),
        pytest.param(None, {"X_PORT": "7001"}, "10.0.0.1:7001", id="the variable changes the port"),
        pytest.param(None, {"X_PORT": "0"}, "10.0.0.1:0", id="to any, too"),
        pytest.param(None, {"X_PORT": ""}, "10.0.0.1:7000", id="an empty variable is none"),
        pytest.param("[::]:7002", {"X_PORT": "x"}, "[::]:7002", id="the option goes over all"),
    ],
)
def test_the_nearest_word_about_the_address_holds(
    option: str | None, environment: dict[str, str], expected: str
) -> None:
    assert chosen(CONFIGURED, option, "X_PORT", environment) == expected


@pytest.mark.parametrize(
    ("option", "port", "message"),
    [
        ("here", "7001", "--listen: " + NOT_AN_ADDRESS.format("here")),
        ("", "7001", "--listen: " + NOT_AN_ADDRESS.format("")),
        (None, "http", "X_PORT: 'http' is not a port; write a number from 0 to 65535"),
        (None, "70000", "X_PORT: '70000' is not a port; write a number from 0 to 65535"),
    ],
)
def test_a_wrong_word_names_who_said_it(option: str | None, port: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen(CONFIGURED, option, "X_PORT", {"X_PORT": port})
    assert str(caught.value) == message


def test_an_address_that_cannot_be_had_is_told_with_all_ways_to_choose_another() -> None:
    assert str(unusable(CONFIGURED, "it is taken", "X_PORT")) == (
        "cannot listen on 10.0.0.1:7000: it is taken; choose another with --listen HOST:PORT or X_PORT=PORT"
    )
    assert str(unusable(CONFIGURED, "it is taken", option="--control")) == (
        "cannot listen on 10.0.0.1:7000: it is taken; choose another with --control HOST:PORT"
    )
