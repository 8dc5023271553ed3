"""An OPC UA server and its devices in gateway.yml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from greenops_core.duration import Duration
from greenops_core.errors import ConfigError, within
from greenops_core.sample import Reason
from greenops_gateway.number import Number
from greenops_gateway.opcua.address import NodeAddress, address
from greenops_gateway.point import Device, Link
from greenops_telemetry.configuration import Secret, Section, lasting

Mode = Literal["subscribe", "poll"]
Policy = Literal["none", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]
Protection = Literal["sign", "sign_and_encrypt"]
DEFAULT_PORT = 4840
LONGEST_QUEUE = 10_000


class Security(Section, frozen=True, kw_only=True):
    """How the way to the server is protected, and which servers are believed. Paths are PEM or DER files.

    *trust* names certificates of servers, or of the authorities that issue them; a folder means all files in it.
    """

    policy: Policy
    mode: Protection = "sign_and_encrypt"
    certificate: str | None = None
    key: str | None = None
    trust: list[str] = msgspec.field(default_factory=list)
    accept_any_server: bool = False

    def check(self) -> None:
        """Raises ConfigError: a part is missing, or a file is not there."""
        if self.policy == "none":
            for key in ("certificate", "key", "trust"):
                if getattr(self, key):
                    raise ConfigError(f"policy none protects nothing, so {key} does nothing", (key,))
            return
        for key in ("certificate", "key"):
            if getattr(self, key) is None:
                raise ConfigError(f"policy {self.policy} needs the gateway's own certificate and key", (key,))
        if not self.trust and not self.accept_any_server:
            raise ConfigError(
                "which server is believed? List its certificate, or its authority's; "
                "`greenops-gateway probe` shows the certificate that it sends",
                ("trust",),
            )
        if self.trust and self.accept_any_server:
            raise ConfigError("any server is accepted, so trust does nothing; write one of the two", ("trust",))
        _exists(self.certificate, "certificate")
        _exists(self.key, "key")
        for index, path in enumerate(self.trust):
            _exists(path, "trust", index)


class Identity(Section, frozen=True, kw_only=True):
    """Who the gateway says it is: a user with a password, or a certificate with its key."""

    user: str | None = None
    password: Secret | None = None
    certificate: str | None = None
    key: str | None = None

    def check(self) -> None:
        """Raises ConfigError: neither of the two, both, or half of one."""
        named, shown = (self.user, self.password), (self.certificate, self.key)
        if any(part is not None for part in named) and any(part is not None for part in shown):
            raise ConfigError("a user with a password or a certificate with its key, not both")
        for one, other in (("user", "password"), ("certificate", "key")):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                missing = one if getattr(self, one) is None else other
                raise ConfigError(f"{one} and {other} go together; {missing} is missing", (missing,))
        if self.user is None and self.certificate is None:
            raise ConfigError(
                "write user and password, or certificate and key; without identity the gateway is anonymous"
            )
        for key in ("certificate", "key"):
            _exists(getattr(self, key), key)


class OpcUaLink(Link, frozen=True, kw_only=True):
    """A session with one OPC UA server, shared by all its devices.

    *publishing* is how often the server sends what it sampled, *sampling* how often it samples (0 for as fast as the
    server can, which is the default), *queue* how many values of one node it keeps between two sendings.
    """

    url: str
    timeout: Duration = lasting("5s")
    connect_timeout: Duration = lasting("10s")
    mode: Mode = "subscribe"
    publishing: Duration = lasting("500ms")
    sampling: Duration | None = None
    queue: Annotated[int, Meta(ge=1, le=LONGEST_QUEUE)] = 100
    security: Security | None = None
    identity: Identity | None = None
    history: bool | None = None

    def check(self) -> None:
        super().check()
        try:
            parts = urlsplit(self.url)
            good = parts.scheme == "opc.tcp" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good, parts = False, urlsplit("")
        if not good:
            raise ConfigError(
                f"'{self.url}' is no address of a server; write for example opc.tcp://10.0.0.5:4840", ("url",)
            )
        if parts.username or parts.password:
            raise ConfigError("user and password stand under identity, not in the address", ("url",))
        for key, section in (("security", self.security), ("identity", self.identity)):
            if section is not None:
                with within(key):
                    section.check()

    @property
    def place(self) -> tuple[str, int]:
        """Host and port of the server."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or DEFAULT_PORT

    @property
    def secured(self) -> Security | None:
        """The security that is asked for; None for none."""
        return None if self.security is None or self.security.policy == "none" else self.security

    def destination(self, devices: tuple[Any, ...]) -> str:  # noqa: ARG002  # whatever the server stands for
        return self.url

    def explain(self, devices: tuple[Any, ...]) -> Iterator[str]:
        yield f"server {self.url}, one session for {len(devices)} device{'s' * (len(devices) != 1)}"
        yield from super().explain(devices)
        if self.secured is None:
            yield "security: none; whoever is on the network can read and change what is sent"
            if self.identity is not None and self.identity.user is not None:
                yield "warning: without security the password may be read on the way"
        else:
            how = self.secured.mode.replace("_", " ")
            yield f"security: {self.secured.policy}, {how}, certificate {self.secured.certificate}"
            yield f"trusted servers: {', '.join(self.secured.trust) or 'any'}"
            if self.secured.accept_any_server:
                yield "warning: accept_any_server: whoever answers at this address is believed"
        if self.identity is None:
            yield "identity: anonymous"
        else:
            who = f"user {self.identity.user}" if self.identity.user else f"certificate {self.identity.certificate}"
            yield f"identity: {who}"
        if any(device.how(self) == "subscribe" for device in devices):
            sampled = "as fast as the server can" if self.sampling is None else f"every {self.sampling}"
            yield f"subscription: sampled {sampled}, sent every {self.publishing}, queue of {self.queue} for each node"
        filled = {None: "of nodes that keep it", True: "of all points", False: "not read"}[self.history]
        yield f"history after a gap: {filled}"


class OpcUaPoint(Number[int], frozen=True, kw_only=True):
    """A number in a server's node; *index* picks an element of an array."""

    node: str
    index: Annotated[int, Meta(ge=0)] | None = None

    def check(self) -> None:
        super().check()
        with within("node"):
            address(self.node)

    @property
    def address(self) -> NodeAddress:
        return address(self.node)


class OpcUaDevice(Device, frozen=True, kw_only=True):
    """A device behind an OPC UA server.

    *mode* and *history* go before the link's. *timestamp* says whose time a value carries: ``source`` is when it was
    measured, but many servers stamp only changes, and an unchanged value is stale soon; ``server`` is when the server
    last knew it to be so.
    """

    points: tuple[OpcUaPoint, ...]
    mode: Mode | None = None
    timestamp: Literal["source", "server"] = "source"
    history: bool | None = None

    def how(self, link: OpcUaLink) -> Mode:
        """Whether the device is polled or subscribed to."""
        return self.mode or link.mode

    def explain(self) -> Iterator[str]:
        yield f"time of a value: its {self.timestamp}'s" + (f"; mode {self.mode}" if self.mode else "")
        for point in self.points:
            yield ", ".join([f"{point.name}: {point.unit} from {point.node}", *_explained(point)])

    def hint(self, point: str, reason: Reason) -> str:
        for known in self.points:
            if known.name != point:
                continue
            if reason is Reason.DEVICE_EXCEPTION:
                return f"the server refuses {known.node}: does the node exist, and may the gateway's user read it?"
            if reason is Reason.DECODE:
                return f"{known.node} holds no single number; an element of an array is picked by index"
            if reason is Reason.STALE and self.timestamp == "source":
                return "does the server stamp only changes? Then write timestamp: server and mode: poll"
        return super().hint(point, reason)


def _explained(point: OpcUaPoint) -> Iterator[str]:
    """What is set for *point*, for a comparison with the server's own list."""
    if point.index is not None:
        yield f"element {point.index}"
    yield from point.settings()


def _exists(path: str | None, *key: str | int) -> None:
    if path is not None and not Path(path).exists():
        raise ConfigError(f"there is no file {path}", key)
