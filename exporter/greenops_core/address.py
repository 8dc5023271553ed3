"""Where a program listens: HOST:PORT, who decides it, and what is said when it cannot be had."""

from __future__ import annotations

import re
from collections.abc import Mapping

from greenops_core.errors import ConfigError, within

ADDRESS_PATTERN = r"^(?:\[[^\s\[\]]+\]|[^\s\[\]:]*):[0-9]{1,5}$"
OPTION = "--listen"


class Address(str):
    """HOST:PORT as ``address`` reads it; an IPv6 host in brackets, no host for all interfaces, port 0 for any."""

    __slots__ = ()

    @property
    def host(self) -> str:
        """The host without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port, 0 to 65535."""
        return int(self.rpartition(":")[2])


def address(text: str) -> Address:
    """An address from ``127.0.0.1:9840``, ``[::1]:9840`` or ``:9840``.

    >>> address("[::1]:9840").host, address(":0").port
    ('::1', 0)

    Raises:
        ConfigError: not HOST:PORT, or no such port.
    """
    if not re.fullmatch(ADDRESS_PATTERN, text):
        raise ConfigError(f"'{text}' is not HOST:PORT; write for example 127.0.0.1:9840 or [::1]:9840")
    if (found := Address(text)).port > 65535:
        raise ConfigError(f"'{found.port}' is not a port; write a number from 0 to 65535")
    return found


def chosen(configured: Address, option: str | None, variable: str, environment: Mapping[str, str]) -> Address:
    """*option* as given with ``--listen``; else *configured*, with the port that the environment's *variable* says.

    >>> chosen(address("[::1]:9840"), None, "GREENOPS_EXPORTER_PORT", {"GREENOPS_EXPORTER_PORT": "80"})
    '[::1]:80'

    Raises:
        ConfigError: naming the option or the variable.
    """
    if option is not None:
        with within(OPTION):
            return address(option)
    port = environment.get(variable)
    if not port:
        return configured
    with within(variable):
        if not re.fullmatch("[0-9]{1,5}", port):
            raise ConfigError(f"'{port}' is not a port; write a number from 0 to 65535")
        return address(f"{configured.rpartition(':')[0]}:{port}")


def unusable(where: Address, reason: str, variable: str = "", option: str = OPTION) -> ConfigError:
    """That *where* cannot be listened on for *reason*, and the *option* and the *variable* that choose another."""
    ways = f"{option} HOST:PORT" + (f" or {variable}=PORT" if variable else "")
    return ConfigError(f"cannot listen on {where}: {reason}; choose another with {ways}")
