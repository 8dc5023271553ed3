"""The library's connection, with one thing added: a request whose bytes are ready, and the bytes of its answer.

Everything that is secret or negotiated (chunks, signatures, tokens, sequence numbers) stays the library's.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClient, UASocketProtocol
from asyncua.common.shortcuts import Shortcuts
from asyncua.common.utils import ServiceError
from asyncua.crypto import uacrypto
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from greenops_core.errors import DeviceError
from greenops_gateway import tcp
from greenops_gateway.opcua.status import CODE

# What it would say is said by the supervisor, once and with the link's name.
logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)

MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    struct.error,
    uacrypto.InvalidSignature,  # type: ignore[attr-defined]  # defined there over an import of that name
)
"""What the library raises over bytes that make no sense."""


class RefusedError(DeviceError):
    """The server answered with a bad status code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def told(what: str) -> Iterator[None]:
    """Whatever the library raises inside, as this project's errors.

    Raises:
        RefusedError: the server said no.
        DeviceError: its answer makes no sense.
        OSError: the connection ended, or nothing came in time.
    """
    try:
        yield
    except UaStatusCodeError as error:
        code = error.code or 0
        raise RefusedError(f"{what}: {status_name(code)}", code) from None
    except ServiceError as error:
        raise RefusedError(f"{what}: {status_name(error.code)}", error.code) from None
    except TimeoutError:
        raise TimeoutError(f"{what}: no answer in time") from None
    except OSError as error:
        raise ConnectionError(f"{what}: {tcp.said(error)}") from None
    except (UaError, *MALFORMED) as error:
        raise DeviceError(f"{what}: {str(error) or type(error).__name__}") from None


def status_name(code: int) -> str:
    """What OPC UA calls a status code."""
    name: str = ua.StatusCode(ua.UInt32(code & CODE)).name
    return name


class Wire(UASocketProtocol):
    """One connection."""

    async def ask(self, kind: int, parameters: bytes, timeout: float | None) -> bytes:  # noqa: ASYNC109  # told to the server, too
        """The answer's bytes to a request of the encoding *kind* with *parameters* behind its header.

        Raises:
            UaStatusCodeError: the server answered with a fault.
            TimeoutError: it did not within *timeout* seconds.
            OSError: the connection is down.
        """
        if self.transport is None:
            raise ConnectionResetError("the server closed the connection")
        header = ua.RequestHeader()
        self._setup_request_header(header, timeout or 0)
        body = nodeid_to_binary(ua.FourByteNodeId(ua.Int32(kind))) + struct_to_binary(header) + parameters
        self.revolve_security_token()
        self._request_id += 1
        packet = self._connection.message_to_binary(body, request_id=self._request_id)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._callbackmap[self._request_id] = answer
        self.transport.write(packet)
        async with asyncio.timeout(timeout):
            buffer = await answer
        self.check_answer(buffer, "")
        return bytes(buffer)


class Channel(UaClient):
    """The library's transport with our connection in it."""

    def _make_protocol(self) -> Wire:
        base = super()._make_protocol()
        wire = Wire(base.timeout, security_policy=self.security_policy)
        wire.pre_request_hook = base.pre_request_hook
        wire.on_connection_lost = base.on_connection_lost
        wire.is_session_closing = base.is_session_closing
        self.protocol = wire
        return wire

    async def open_secure_channel(self, params: ua.OpenSecureChannelParameters) -> ua.OpenSecureChannelResult:
        result = await super().open_secure_channel(params)
        # The library counts a token's life from here; by the clock of many a server it ended years ago.
        result.SecurityToken.CreatedAt = datetime.now(UTC)
        return result


class Caller(Client):
    """The library's client with our transport in it. Nothing of it runs by itself: no watchdog, no reconnecting."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url, timeout)
        channel = Channel(timeout)
        channel.pre_request_hook = self.uaclient.pre_request_hook
        self.uaclient = channel
        self.nodes = Shortcuts(channel.session)

    @property
    def wire(self) -> Wire:
        """The open connection.

        Raises:
            ConnectionError: it is closed.
        """
        wire = self.uaclient.protocol
        if not isinstance(wire, Wire) or wire.transport is None:
            raise ConnectionResetError("the server closed the connection")
        return wire
