"""Connections over TCP, with TLS where that is asked for: the same words for every protocol when there is none."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, TypeVar

from msgspec import Meta

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, DeviceError
from greenops_telemetry import tls
from greenops_telemetry.tls import Tls

GOODBYE = 1.0
"""Seconds that a TLS peer has to say goodbye."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Told = Callable[[str, float], None]
"""Takes whose certificate (``own`` or ``server``) ends, and when, as ``Desk.expires`` does."""

P = TypeVar("P", bound=asyncio.BaseProtocol)


def check_host(host: str, port: int) -> None:
    """Raises ConfigError: *host* can be no name and no address; *port* is an example of one."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return
    if not re.fullmatch(r"[\w.-]+", host):
        raise ConfigError(
            f"'{host}' is no host; write a name or an address here, and the port apart, as port: {port}", ("host",)
        )
    try:
        host.encode("idna")
    except UnicodeError:
        raise ConfigError(
            f"'{host}' is no host; between its dots stand 1 to 63 letters, digits and hyphens", ("host",)
        ) from None


def place(host: str, port: int) -> str:
    """The far end, for a message.

    >>> place("10.0.0.5", 502), place("fe80::1", 502)
    ('10.0.0.5:502', '[fe80::1]:502')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def said(error: Exception) -> str:
    """What the system says, without the address that asyncio repeats; of TLS, what to do about it."""
    if isinstance(error, ssl.SSLError):
        return tls.said(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, OSError) and (numbers := re.findall(r"\[Errno (\d+)\]", str(error))):
        return ", ".join(dict.fromkeys(os.strerror(int(number)) for number in numbers))  # of each address of a name
    if isinstance(error, ConnectionError) and not str(error):
        return "the other side closed the connection"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


async def connect(
    make: Callable[[], P], host: str, port: int, seconds: float, secure: Tls | None = None, *, told: Told | None = None
) -> tuple[asyncio.Transport, P]:
    """A connection to *host*, with TLS where *secure* is given; it must be there within *seconds*.

    Raises:
        DeviceError: nobody answers there, the other side is not trusted, or a file changed and does not fit any more.
    """
    where = f"cannot connect to {place(host, port)}"
    try:
        context = None if secure is None else secure.context()
        own = None if secure is None else secure.own_expires()
    except ConfigError as error:
        raise DeviceError(f"{where}: {error.under('tls')}") from None
    if own is not None and told is not None:
        told("own", own)  # beforehand: one that has ended may be why there is no connection
    try:
        async with asyncio.timeout(seconds):
            transport, protocol = await asyncio.get_running_loop().create_connection(
                make,
                host,
                port,
                ssl=context,
                server_hostname=None if secure is None else secure.name(host),
                ssl_shutdown_timeout=None if secure is None else GOODBYE,
            )
    except TimeoutError:
        raise DeviceError(f"{where}: no answer within {Duration(seconds)}") from None
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name with an empty label, or one too long
        hint = "; does it speak TLS there?" if secure is not None and isinstance(error, ConnectionResetError) else ""
        raise DeviceError(f"{where}: {said(error)}{hint}") from None
    encrypted = transport.get_extra_info("ssl_object")
    if encrypted is not None and told is not None:
        told("server", tls.ends(encrypted.getpeercert(binary_form=True)))
    return transport, protocol
