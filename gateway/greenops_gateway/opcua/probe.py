"""What an engineer wants to know of a server before anything is recorded from it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from greenops_core.errors import DeviceError
from greenops_core.sample import Quality
from greenops_gateway.opcua import history, library, trust
from greenops_gateway.opcua.channel import status_name
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink
from greenops_gateway.opcua.session import LIMIT_NODES, Session, chosen, endpoints, offers, opened
from greenops_gateway.opcua.status import judgement
from greenops_gateway.tools import Finding

CLOCK_TOLERANCE = 2.0
SOON = 30 * 86400.0
"""Seconds before its end in which a certificate wants to be renewed."""
_ABOUT = (
    ObjectIds.Server_ServerStatus_BuildInfo_ManufacturerName,
    ObjectIds.Server_ServerStatus_BuildInfo_ProductName,
    ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion,
)
_RUNNING = 0


async def probe(link: OpcUaLink, devices: Sequence[OpcUaDevice]) -> AsyncIterator[Finding]:
    """What the server offers, whether it is believed, what it can take, and every point once."""
    try:
        offered = await endpoints(link)
    except (OSError, DeviceError) as error:
        yield Finding(
            "connection", str(error), False, "Is the address right, the server running, the port open on the way?"
        )
        return
    yield Finding("endpoints", offers(offered) or "the server lists none", bool(offered))
    for finding in _certificates(link, offered, time.time()):
        yield finding
    try:
        end = chosen(link, offered)
    except DeviceError as error:
        yield Finding("security", str(error), False, "Write one of those that are offered under security.")
        return
    begun = time.monotonic()
    try:
        async with opened(link, {}) as session:
            yield Finding(
                "connected", f"in {1000 * (time.monotonic() - begun):.0f} ms, security level {end.SecurityLevel}"
            )
            async for finding in _server(session):
                yield finding
            for device in devices:
                async for finding in _points(session, device):
                    yield finding
    except (OSError, DeviceError) as error:
        yield Finding(
            "connection", str(error), False, "See the server's own log; it often says more than it tells clients."
        )


def _certificates(link: OpcUaLink, offered: Sequence[ua.EndpointDescription], now: float) -> list[Finding]:
    """The server's certificates, and the gateway's own."""
    found = []
    for blob in dict.fromkeys(bytes(end.ServerCertificate) for end in offered if end.ServerCertificate):
        try:
            chain = trust.certificates(blob)
        except ValueError:
            found.append(Finding("server certificate", "cannot be read", False, "Have the server make a new one."))
            continue
        found.append(_server_certificate(link, chain, now))
    if link.secured is not None:
        try:
            own = trust.own(str(link.secured.certificate), str(link.secured.key))
        except DeviceError as error:
            found.append(
                Finding("own certificate", str(error), False, "Make a certificate and its key for the gateway.")
            )
        else:
            found.append(
                Finding("own certificate", f"{own.uri}, {_ends(own.until, now)}", own.until > now + SOON, _RENEW)
            )
            if trust.open_to_others(str(link.secured.key)):
                advice = f"Run: chmod 600 {link.secured.key}"
                found.append(Finding("own key", "other users of this machine may read it", False, advice))
    return found


_RENEW = "Renew it before it ends, and have the other side trust the new one."


def _server_certificate(link: OpcUaLink, chain: Sequence[x509.Certificate], now: float) -> Finding:
    server, advice = chain[0], ""
    until = trust.until(server)
    seen = f"{server.subject.rfc4514_string()}, {_ends(until, now)}, SHA-256 {trust.fingerprint(server)}"
    well = until > now + SOON
    if not well:
        advice = _RENEW
    if link.secured is not None and not link.secured.accept_any_server:
        try:
            why = trust.doubt(chain, trust.trusted(link.secured.trust), link.place[0], now)
        except DeviceError as error:
            why = str(error)
        if why:
            pem = server.public_bytes(serialization.Encoding.PEM).decode()
            well, seen = False, f"{seen}; not believed: {why}"
            advice = (
                "Compare the fingerprint with what the server shows itself. If it is the same, save this in a file and "
                f"name the file under trust:\n{pem}"
            )
    return Finding("server certificate", seen, well, advice)


def _ends(until: float, now: float) -> str:
    day = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d}"
    return f"good until {day} ({(until - now) / 86400:.0f} days)" if until > now else f"ended on {day}"


async def _server(session: Session) -> AsyncIterator[Finding]:
    """What the server says of itself."""
    answers = await session.values([ua.NodeId(ua.Int32(node)) for node in _ABOUT], AttributeIds.Value)
    words = [str(answer.Value.Value) for answer in answers if answer.Value is not None and answer.Value.Value]
    yield Finding("server", " ".join(words) or "does not say what it is")
    state, clock = await session.values(
        [
            ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_State)),
            ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_CurrentTime)),
        ],
        AttributeIds.Value,
    )
    if state.Value is not None and isinstance(state.Value.Value, int):
        well = state.Value.Value == _RUNNING
        yield Finding(
            "state", ua.ServerState(state.Value.Value).name, well, "" if well else "See the server's own screen."
        )
    if clock.Value is not None and isinstance(clock.Value.Value, datetime):
        moment = clock.Value.Value
        ahead = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - time.time()
        well = abs(ahead) <= CLOCK_TOLERANCE
        advice = "" if well else "Set both clocks by the same time server; values carry the server's time."
        yield Finding(
            "clock", f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's", well, advice
        )
    limits = ", ".join(f"{kind} {session.limits.get(kind) or 'any'}" for kind in LIMIT_NODES)
    yield Finding("limits", f"nodes in one request: {limits}")
    yield Finding("namespaces", ", ".join(f"{index} {name}" for index, name in enumerate(session.namespaces)))


async def _points(session: Session, device: OpcUaDevice) -> AsyncIterator[Finding]:
    """Every point of *device* once."""
    known = [(point, node) for point in device.points if (node := session.node(point.address)) is not None]
    for point in device.points:
        if session.node(point.address) is None:
            advice = "Look at the server's namespaces above."
            yield Finding(
                f"{device.name} {point.name}", f"{point.node}: the server has no such namespace", False, advice
            )
    nodes = [node for _, node in known]
    answers = await session.values(nodes, AttributeIds.Value)
    keeps = await history.kept(session, nodes)
    for (point, _), answer, kept in zip(known, answers, keeps, strict=True):
        value, status, source, server = library.item(answer)
        what = f"{device.name} {point.name}"
        judged = judgement(status)
        if judged.quality is Quality.BAD:
            advice = device.hint(point.name, judged.reason)
            yield Finding(what, f"{point.node}: {status_name(status)}", False, advice)
            continue
        kind = "no value" if answer.Value is None else answer.Value.VariantType.name
        if isinstance(value, tuple):
            kind = f"array of {len(value)} {kind}"
            value = None if point.index is None or point.index >= len(value) else value[point.index]
        stamps = [name for name, stamp in (("source", source), ("server", server)) if stamp]
        rest = f"{kind}, {status_name(status)}, time from {' and '.join(stamps) or 'nobody'}{', history' * kept}"
        if value is None:
            yield Finding(what, f"{point.node}: {rest}", False, "This is no single number; pick an element by index.")
        else:
            number, _ = point.meaning().of(value)
            yield Finding(what, f"{number:g} {point.unit} ({rest})")
