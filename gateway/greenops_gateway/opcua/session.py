"""A session with one server: opened as asked and never with less, closed whatever happens."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError
from cryptography import x509

from greenops_core.errors import DeviceError
from greenops_gateway.opcua import trust
from greenops_gateway.opcua.address import NodeAddress
from greenops_gateway.opcua.channel import MALFORMED, Caller, RefusedError, told
from greenops_gateway.opcua.configuration import OpcUaLink, Security
from greenops_gateway.opcua.status import TOO_MUCH
from greenops_gateway.tcp import place

log = logging.getLogger(__name__)

T = TypeVar("T")

CLOSE_PATIENCE = 0.8
"""Seconds for the goodbye; a gateway that stops ends within one."""
SESSION_TIMEOUT = 30.0
"""Seconds after which a server forgets a gateway that vanished."""
RENEW_AT = 0.75
"""The share of a channel's life after which it is renewed (part 4, 5.5.2)."""
LONGEST_IDLE = 5.0
"""Seconds without a question after which the server is asked how it is."""
APPLICATION = "urn:greenops:gateway"

POLICIES: dict[str, type[security_policies.SecurityPolicy]] = {
    "none": security_policies.SecurityPolicyNone,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
MODES = {"sign": ua.MessageSecurityMode.Sign, "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt}
MODE_NAMES = {
    ua.MessageSecurityMode.None_: "none",
    ua.MessageSecurityMode.Sign: "sign",
    ua.MessageSecurityMode.SignAndEncrypt: "sign_and_encrypt",
}
MOST = {"read": 1000, "items": 1000, "history": 100, "browse": 100}
"""How many nodes go into one request when the server sets no limit; more makes nothing faster."""
LIMIT_NODES = {
    "read": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "items": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    "history": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
    "browse": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
}
_KINDS: dict[str, tuple[ua.NodeIdType, Callable[[Any], Any]]] = {
    "i": (ua.NodeIdType.Numeric, ua.Int32),
    "s": (ua.NodeIdType.String, ua.String),
    "g": (ua.NodeIdType.Guid, lambda guid: guid),
    "b": (ua.NodeIdType.ByteString, ua.ByteString),
}


def policy_name(uri: str | None) -> str:
    """The name of a security policy as it is written in gateway.yml."""
    name = (uri or "").rpartition("#")[2]
    return "none" if name in {"", "None"} else name


def offers(endpoints: Sequence[ua.EndpointDescription]) -> str:
    """What a server offers, in words."""
    return ", ".join(
        dict.fromkeys(
            "no security"
            if end.SecurityMode == ua.MessageSecurityMode.None_
            else f"{policy_name(end.SecurityPolicyUri)} {MODE_NAMES.get(end.SecurityMode, '?')}"
            for end in endpoints
        )
    )


def node_id(address: NodeAddress, index: int) -> ua.NodeId:
    """The node as the library names it, in the namespace *index*."""
    kind, cast = _KINDS[address.kind]
    return ua.NodeId(cast(address.identifier), ua.Int16(index), kind)


@dataclass
class Session:
    """An open session: what the server told of itself, and what it can take."""

    link: OpcUaLink
    caller: Caller
    endpoint: ua.EndpointDescription
    learnt: dict[str, int]
    """The most that went into one request, where the server was found to take less than it says."""
    limits: dict[str, int] = field(default_factory=dict)
    namespaces: list[str] = field(default_factory=list)
    started: float = 0.0
    """When the server was started, in Unix seconds; 0 when it does not say."""
    own_until: float | None = None
    server_until: float | None = None
    _renew: float = 0.0
    _asked: float = 0.0
    _idle: float = LONGEST_IDLE

    def most(self, kind: str) -> int:
        """How many nodes one request may hold."""
        return min(self.limits.get(kind) or MOST[kind], MOST[kind], self.learnt.get(kind, MOST[kind]))

    async def batches(
        self, kind: str, things: Sequence[T], ask: Callable[[Sequence[T]], Awaitable[Any]]
    ) -> AsyncIterator[tuple[Sequence[T], Any]]:
        """Each part of *things* with the server's answer to it; a part that is too much for it is halved.

        Raises:
            RefusedError: the server does not take one alone either, or refuses for another reason.
        """
        at = 0
        while at < len(things):
            part = things[at : at + self.most(kind)]
            try:
                answer = await ask(part)
            except RefusedError as error:
                if error.code not in TOO_MUCH or len(part) == 1:
                    raise
                self.learnt[kind] = len(part) // 2
                _ = self.caller.wire  # some servers also hang up; then the next session begins with less
                continue
            yield part, answer
            at += len(part)

    def node(self, address: NodeAddress) -> ua.NodeId | None:
        """The node as the library names it; None when the server lacks its namespace."""
        index = address.index(self.namespaces)
        return None if index is None else node_id(address, index)

    async def ask(self, what: str, kind: int, parameters: bytes) -> bytes:
        """The bytes of an answer. Raises what ``told`` does."""
        self._asked = time.monotonic()
        with told(what):
            return await self.caller.wire.ask(kind, parameters, self.link.timeout)

    async def values(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        """An attribute of each node, however many. Raises what ``told`` does."""
        found: list[ua.DataValue] = []
        async for _, part in self.batches("read", nodes, lambda part: self._attributes(part, attribute)):
            found += part
        return found

    async def _attributes(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        parameters = ua.ReadParameters()
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=attribute) for node in nodes]
        self._asked = time.monotonic()
        with told(f"read of {len(nodes)} nodes"):
            async with asyncio.timeout(self.link.timeout):
                answers = await self.caller.uaclient.session.read(parameters)
        if len(answers) != len(nodes):
            raise DeviceError(f"read of {len(nodes)} nodes: {len(answers)} answers")
        return answers

    @property
    def due(self) -> float:
        """The time, of the monotonic clock, at which ``upkeep`` has something to do."""
        return min(self._renew, self._asked + self._idle)

    async def upkeep(self) -> bool:
        """Renew the secure channel before its end, and let no server forget a session that is idle.

        Whether the server was asked how it is, and answered. Raises what ``told`` does.
        """
        now = time.monotonic()
        if now >= self._renew:
            with told("renewal of the secure channel"):
                async with asyncio.timeout(self.link.timeout):
                    await self.caller.open_secure_channel(renew=True)
                self.caller.uaclient.revolve_security_token()
            self.lives()
        if now < self._asked + self._idle:
            return False
        await self._attributes([ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_State))], AttributeIds.Value)
        return True

    def lives(self) -> None:
        """The secure channel has just been opened."""
        self._renew = time.monotonic() + RENEW_AT * self.caller.secure_channel_timeout / 1000

    async def known_namespaces(self) -> list[str]:
        """The server's namespaces, in their order. Raises what ``told`` does."""
        (answer,) = await self._attributes([ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))], AttributeIds.Value)
        return [str(name) for name in (answer.Value and answer.Value.Value) or ()]

    async def learn(self) -> None:
        """Ask the server for its namespaces, its limits and when it was started."""
        self._idle = min(LONGEST_IDLE, self.caller.session_timeout / 1000 / 3)
        self.namespaces = await self.known_namespaces()
        asked = [ObjectIds.Server_ServerStatus_StartTime, *LIMIT_NODES.values()]
        answers = []
        for node in asked:  # one by one: a server may take no more than one
            answers += await self._attributes([ua.NodeId(ua.Int32(node))], AttributeIds.Value)
        values = [None if answer.Value is None else answer.Value.Value for answer in answers]
        if isinstance(values[0], datetime):
            self.started = values[0].timestamp()
        for kind, value in zip(LIMIT_NODES, values[1:], strict=True):
            self.limits[kind] = value if isinstance(value, int) else 0


@asynccontextmanager
async def opened(link: OpcUaLink, learnt: dict[str, int]) -> AsyncIterator[Session]:
    """An open session with the link's server.

    Raises:
        DeviceError: the server is not as asked for, or refuses.
        OSError: nobody answers, or not in time.
    """
    caller = Caller(address(link), link.timeout)
    try:
        patience = asyncio.timeout(link.connect_timeout)
        try:
            async with patience:
                session = await _open(link, caller, learnt)
        except TimeoutError:
            waited = link.connect_timeout if patience.expired() else link.timeout
            raise TimeoutError(f"cannot connect to {link.url}: no answer within {waited}") from None
        yield session
    finally:
        await _close(caller)


def address(link: OpcUaLink) -> str:
    """The link's URL with its port."""
    parts = urlsplit(link.url)
    return f"opc.tcp://{place(*link.place)}{parts.path}"


async def endpoints(link: OpcUaLink) -> list[ua.EndpointDescription]:
    """What the server offers, asked without protection. Raises what ``told`` does."""
    caller = Caller(address(link), link.timeout)
    try:
        with told(f"cannot connect to {link.url}"):
            return await caller.connect_and_get_server_endpoints()
    finally:
        await _close(caller)


def chosen(link: OpcUaLink, offered: Sequence[ua.EndpointDescription]) -> ua.EndpointDescription:
    """The endpoint of exactly the policy and mode that are asked for.

    Raises:
        DeviceError: the server has none; what it has is listed.
    """
    policy = "none" if link.secured is None else link.secured.policy
    mode = ua.MessageSecurityMode.None_ if link.secured is None else MODES[link.secured.mode]
    for end in offered:
        if policy_name(end.SecurityPolicyUri) == policy and end.SecurityMode == mode:
            return end
    asked = policy if link.secured is None else f"{policy} {link.secured.mode}"
    raise DeviceError(f"{link.url} does not offer security {asked}; it offers {offers(offered) or 'nothing'}")


def believed(link: OpcUaLink, security: Security, end: ua.EndpointDescription, now: float) -> x509.Certificate:
    """The server's certificate, which is trusted at Unix time *now*.

    Raises:
        DeviceError: it is not, and what to do.
    """
    try:
        chain = trust.certificates(end.ServerCertificate or b"")
    except ValueError:
        raise DeviceError(f"{link.url} sends no certificate that can be read") from None
    if security.accept_any_server:
        return chain[0]
    why = trust.doubt(chain, trust.trusted(security.trust), link.place[0], now)
    if why:
        raise DeviceError(
            f"{link.url} is not believed: {why}. SHA-256 {trust.fingerprint(chain[0])}; if that is what the server "
            "shows itself, save the certificate that `greenops-gateway probe` prints and name the file under trust"
        )
    return chain[0]


async def _open(link: OpcUaLink, caller: Caller, learnt: dict[str, int]) -> Session:
    end = chosen(link, await endpoints(link))
    session = Session(link, caller, end, learnt)
    caller.name = caller.description = "GreenOps gateway"
    caller.application_uri, caller.product_uri = APPLICATION, APPLICATION
    caller.session_timeout = round(SESSION_TIMEOUT * 1000)
    security = link.secured
    if security is not None:
        await _protect(session, security)
    if link.identity is not None and link.identity.user is not None:
        caller.set_user(link.identity.user)
        caller.set_password(str(link.identity.password))
    elif link.identity is not None:
        caller.user_certificate, caller.user_private_key = trust.pair(
            str(link.identity.certificate), str(link.identity.key)
        )
    with told(f"cannot connect to {link.url}"):
        await caller.connect_socket()
        await caller.send_hello()
        await caller.open_secure_channel()
        session.lives()
        await caller.create_session()
    with told(f"{link.url} refuses {'its user' if link.identity else 'an anonymous user'}"):
        await caller.activate_session(
            username=None if link.identity is None else link.identity.user,
            password=None if link.identity is None or link.identity.user is None else str(link.identity.password),
            certificate=caller.user_certificate,
        )
    await session.learn()
    return session


async def _protect(session: Session, security: Security) -> None:
    caller, link = session.caller, session.link
    own = trust.own(str(security.certificate), str(security.key))
    server = believed(link, security, session.endpoint, time.time())
    session.own_until, session.server_until = own.until, trust.until(server)
    caller.application_uri = own.uri
    with told(f"security of {link.url}"):
        await caller.set_security(
            POLICIES[security.policy],
            CertProperties(own.certificate, "der"),
            CertProperties(own.key, "der"),
            server_certificate=CertProperties(server.public_bytes(trust.DER), "der"),
            mode=MODES[security.mode],
        )


async def _close(caller: Caller) -> None:
    """Tell the server goodbye when it still listens; the connection is gone in any case."""
    wire = caller.uaclient.protocol
    transport = None if wire is None else wire.transport
    try:
        async with asyncio.timeout(CLOSE_PATIENCE):
            await caller.disconnect()
    except (OSError, UaError, *MALFORMED) as error:
        log.debug("%s: no goodbye: %s", caller, error)
    finally:
        if transport is not None:
            transport.abort()
