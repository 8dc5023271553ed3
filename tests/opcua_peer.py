"""An OPC UA server for tests: the library's own with faults, in a thread of its own.

One server serves all tests of a process, because its address space takes seconds to build.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from asyncua import ua
from asyncua.common.node import Node
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import real_servers
import stack

T = TypeVar("T")

USER, PASSWORD = "gateway", "right"
URI = "urn:test:server"
NAMESPACE = "urn:test:plant"
MANY = 5000
FOLDER = 250
PATIENCE = 30.0
PER_CALL = {
    "read": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "items": ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
}


@dataclass(frozen=True)
class Credential:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path

    @property
    def der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)


_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def credential(
    folder: Path,
    name: str,
    *,
    days: float = 365,
    uri: str | None = None,
    host: str = "127.0.0.1",
    issuer: Credential | None = None,
    authority: bool = False,
    key: rsa.RSAPrivateKey = _KEY,
) -> Credential:
    """A certificate called *name* that ends in *days*, signed by itself or by *issuer*; an empty *uri* is left out."""
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signed_by = key, subject
    if issuer is not None:
        signed_by = x509.load_pem_x509_certificate(issuer.certificate.read_bytes()).subject
        signer = cast("rsa.RSAPrivateKey", serialization.load_pem_private_key(issuer.key.read_bytes(), None))
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    if host[0].isdigit():
        names.append(x509.IPAddress(ipaddress.ip_address(host)))
    else:
        names.append(x509.DNSName(host))
    if uri != "":
        names.append(x509.UniformResourceIdentifier(uri or f"urn:test:{name}"))
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signed_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    made = Credential(folder / f"{name}.pem", folder / f"{name}-key.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made.key.chmod(0o600)
    return made


class Users(UserManager):
    """One user with a password; certificates as listed; and anybody."""

    def __init__(self) -> None:
        self.certificates: set[bytes] = set()
        self.anybody = True

    def get_user(
        self,
        iserver: InternalServer,  # noqa: ARG002  # the library's signature
        username: str | None = None,
        password: str | None = None,
        certificate: object = None,
    ) -> User | None:
        if username is not None:
            return User(role=UserRole.User, name=username) if (username, password) == (USER, PASSWORD) else None
        if certificate is not None and certificate in self.certificates:
            return User(role=UserRole.User)
        return User(role=UserRole.User) if self.anybody else None


@dataclass
class Peer:
    """The library's server, with what goes wrong at servers on demand. All methods may be called from any thread."""

    folder: Path
    port: int
    loop: asyncio.AbstractEventLoop
    count: int = MANY
    users: Users = field(default_factory=Users)
    server: Server = field(init=False)
    credential: Credential = field(init=False)
    most: int | None = None
    """More nodes in one read, of values or of history, are refused."""
    says_more: bool = True
    """An answer from the history that was cut off says so."""
    reads: int = 0
    """Read requests since the last ``calm``."""

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/"

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* where the server lives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    async def start(self) -> None:
        self.credential = credential(self.folder, "server", uri=URI)
        self.server = Server(user_manager=self.users)
        await self.server.init()
        await self.server.set_application_uri(URI)
        self.server.set_endpoint(self.url)
        self.server.set_security_policy(
            [
                ua.SecurityPolicyType.NoSecurity,
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
            ]
        )
        await self.server.load_certificate(self.credential.certificate)
        await self.server.load_private_key(self.credential.key)
        index = await self.server.register_namespace(NAMESPACE)
        assert index == 2
        parent = self.server.nodes.objects
        for number in range(self.count):
            if number % FOLDER == 0:
                parent = await self.server.nodes.objects.add_folder(index, f"folder-{number // FOLDER}")
            await self._add(parent, f"v{number}", float(number))
        answer = self.server.iserver.attribute_service.read

        def read(parameters: ua.ReadParameters) -> list[ua.DataValue]:
            self.reads += 1
            if self.most is not None and len(parameters.NodesToRead) > self.most:
                raise ServiceError(StatusCodes.BadTooManyOperations)
            return answer(parameters)

        self.server.iserver.attribute_service.read = read  # type: ignore[method-assign,assignment]  # a fault put before it
        history = self.server.iserver.history_manager
        recorded = history.read_history

        async def read_history(params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
            if self.most is not None and len(params.NodesToRead) > self.most:
                raise ServiceError(StatusCodes.BadTooManyOperations)
            results = await recorded(params)
            for result in results:
                result.ContinuationPoint = result.ContinuationPoint if self.says_more else None
            return results

        history.read_history = read_history  # type: ignore[method-assign]  # a fault put before it
        await self.server.start()

    async def _add(self, parent: Node, name: str, value: object) -> Node:
        return await parent.add_variable(ua.NodeId(ua.String(name), ua.Int16(2)), name, value)

    def add(self, name: str, value: object) -> None:
        """A new node ``ns=2;s=name``."""
        self.do(self._add(self.server.nodes.objects, name, value))

    def remove(self, name: str) -> None:
        self.do(self.server.delete_nodes([self.server.get_node(f"ns=2;s={name}")]))

    def write(
        self,
        name: str,
        value: float | Sequence[float] | str | None,
        status: int = 0,
        at: datetime | None = None,
        kind: ua.VariantType = ua.VariantType.Double,
    ) -> None:
        """What the node *name* holds from now on."""
        stamp = cast("ua.DateTime", at or datetime.now(UTC))
        found = ua.DataValue(ua.Variant(value, kind), ua.StatusCode(ua.UInt32(status)), stamp, stamp)
        self.do(self.server.write_attribute_value(ua.NodeId(ua.String(name), ua.Int16(2)), found))

    def say_limits(self, most: int) -> None:
        """What the server says that it takes; 0 for no limit."""
        for node in PER_CALL.values():
            found = ua.DataValue(ua.Variant(most, ua.VariantType.UInt32))
            self.do(self.server.write_attribute_value(ua.NodeId(ua.Int32(node)), found))

    def add_namespace(self, uri: str) -> None:
        self.do(self.server.register_namespace(uri))

    def shortest_session(self, seconds: float | None) -> None:
        """Forget a client that says nothing for so long, whatever it asks for; None for what is usual."""
        server = self.server.iserver
        server.min_session_timeout_ms = 5000 if seconds is None else 1000 * seconds
        server.max_session_timeout_ms = 600_000 if seconds is None else 1000 * seconds

    def keep_history(self, name: str) -> None:
        """Record what *name* holds from now on, and say so."""
        node = self.server.get_node(f"ns=2;s={name}")
        self.do(self.server.historize_node_data_change(node))
        found = ua.DataValue(ua.Variant(True, ua.VariantType.Boolean))
        self.do(self.server.write_attribute_value(node.nodeid, found, AttributeIds.Historizing))

    def sessions(self) -> int:
        """How many clients have a session."""
        return len(self._sessions())

    def subscriptions(self) -> int:
        """How many subscriptions there are, but for the server's own."""
        mine = self.server.iserver.isession.session_id
        found = self.server.iserver.subscription_service.subscriptions.values()
        return sum(one.session_id != mine for one in found)

    def unacknowledged(self) -> int:
        """The most messages that a subscription keeps because nobody said that they were taken over."""
        found = self.server.iserver.subscription_service.subscriptions.values()
        return max(len(one._not_acknowledged_results) for one in found)  # noqa: SLF001

    def left(self) -> None:
        """Fails unless all sessions are gone soon."""
        real_servers.eventually(lambda: self.sessions() == 0)

    def kill_sessions(self) -> None:
        """Forget all clients, as a server does that ran out of memory for them; their connections stay."""
        for processor in self._sessions():
            self.do(processor.session.close_session(True))
            processor.session = None

    def cut(self) -> None:
        """End all connections."""
        self.loop.call_soon_threadsafe(lambda: [each.abort() for each in self.server.iserver.asyncio_transports])

    def end_subscriptions(self) -> None:
        """Tell every client that its subscription is over."""
        mine = self.server.iserver.isession.session_id
        for one in self.server.iserver.subscription_service.subscriptions.values():
            if one.session_id != mine:
                status = ua.StatusCode(ua.UInt32(StatusCodes.BadTimeout))
                self.do(one.monitored_item_srv.trigger_statuschange(status))

    def stop_subscriptions(self) -> None:
        """Say nothing more, not even that there is nothing to say."""
        mine = self.server.iserver.isession.session_id
        for one in self.server.iserver.subscription_service.subscriptions.values():
            if one.session_id != mine:
                self.do(one.stop())

    def lose_messages(self, count: int, *, kept: bool) -> None:
        """Skip *count* messages of every subscription; *kept*: they can still be asked for."""
        mine = self.server.iserver.isession.session_id

        async def lose() -> None:
            for one in self.server.iserver.subscription_service.subscriptions.values():
                if one.session_id == mine:
                    continue
                for _ in range(count):
                    message = ua.PublishResult(ua.UInt32(one.data.SubscriptionId))
                    message.NotificationMessage.SequenceNumber = ua.UInt32(one._notification_seq)  # noqa: SLF001
                    item = ua.MonitoredItemNotification(
                        ClientHandle=ua.UInt32(0), Value=ua.DataValue(ua.Variant(777.0, ua.VariantType.Double))
                    )
                    message.NotificationMessage.NotificationData = [ua.DataChangeNotification(MonitoredItems=[item])]
                    if kept:
                        one._not_acknowledged_results[one._notification_seq] = message  # noqa: SLF001
                    one._notification_seq += 1  # noqa: SLF001

        self.do(lose())

    def restart(self) -> None:
        """Stop the server and start it anew, with the same nodes."""
        mine = self.server.iserver.isession.session_id
        service = self.server.iserver.subscription_service
        others = [number for number, one in service.subscriptions.items() if one.session_id != mine]
        self.do(service.delete_subscriptions(others))
        self.do(self.server.stop())
        self.do(self.server.start())

    def calm(self) -> None:
        """No fault any more."""
        self.most, self.reads, self.users.anybody, self.says_more = None, 0, True, True
        self.users.certificates.clear()
        self.say_limits(0)

    def _sessions(self) -> list[Any]:
        clients = [] if self.server.bserver is None else self.server.bserver.clients
        return [one.processor for one in clients if one.processor is not None and one.processor.session is not None]


@contextmanager
def peer(folder: Path, count: int = MANY) -> Iterator[Peer]:
    """The library's server with *count* variables, in a thread, until the context ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    found = Peer(folder, stack.free_port(), loop, count)
    try:
        found.do(found.start())
        try:
            yield found
        finally:
            found.do(found.server.stop())
    finally:
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_settle(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def _settle() -> None:
    """Let what was cancelled end."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
