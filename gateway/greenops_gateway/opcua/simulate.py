"""A plant's devices behind an OPC UA server, where their link would look for it."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from asyncua import ua
from asyncua.common.node import Node
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.server.server import Server
from cryptography.x509.oid import ExtendedKeyUsageOID

from greenops_core.errors import ConfigError
from greenops_core.sample import Reason
from greenops_gateway.opcua.configuration import OpcUaDevice, OpcUaLink, OpcUaPoint
from greenops_gateway.opcua.session import node_id
from greenops_gateway.opcua.status import code
from greenops_gateway.tools import Plant

URI = "urn:greenops:simulator"
NAMESPACE = "urn:greenops:simulator:{}"
EVERY = 0.25
"""Seconds between two rounds of new values."""
FOLDER = 200
"""Variables in one folder; in one folder of thousands each new one takes longer than the last."""
HANDSHAKE = 10.0


@asynccontextmanager
async def simulate(link: OpcUaLink, devices: Sequence[OpcUaDevice], plant: Plant) -> AsyncIterator[str]:
    """A server with every node of *devices*; gives where it is, in words.

    With security it makes itself a certificate, which the link has to trust.

    Raises:
        ConfigError: the place is taken.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="greenops-opcua-")))
        server = await serving(link, folder)
        variables = await _variables(server, devices)
        await server.start()
        stack.push_async_callback(server.stop)
        cable = Cable(server)
        await stack.enter_async_context(_listening(cable, link))
        feeding = asyncio.create_task(_feed(variables, plant, cable))
        stack.push_async_callback(_ended, feeding)
        secured = "" if link.secured is None else f", certificate {folder / 'server.der'}"
        yield f"{link.url}, {_nodes(variables)} nodes{secured}"


async def serving(link: OpcUaLink, folder: Path) -> Server:
    """A server that offers what *link* asks for, not started yet; its files are in *folder*."""
    server = Server()
    await server.init()
    await server.set_application_uri(URI)
    server.set_server_name("GreenOps simulator")
    server.set_endpoint(f"opc.tcp://127.0.0.1:{_free_port()}/")
    wanted = ua.SecurityPolicyType.NoSecurity
    if link.secured is not None:
        mode = "SignAndEncrypt" if link.secured.mode == "sign_and_encrypt" else "Sign"
        wanted = ua.SecurityPolicyType[f"{link.secured.policy.replace('_', '')}_{mode}"]
        key, certificate = folder / "server-key.pem", folder / "server.der"
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        await setup_self_signed_certificate(key, certificate, URI, link.place[0], usage, {})
        await server.load_certificate(certificate)
        await server.load_private_key(key)
    server.set_security_policy([wanted])
    return server


@dataclass
class Cable:
    """Between a server and the place where it is looked for; pulled, nothing passes and nothing is refused."""

    server: Server
    pulled: bool = False
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or the cable was pulled and is back."""
        self.connections.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            host, port = self.server.endpoint.hostname, self.server.endpoint.port
            back, onward = await asyncio.wait_for(asyncio.open_connection(host, port), HANDSHAKE)
            there = onward
            await self._both(self._way(reader, onward), self._way(back, writer))
        except (OSError, TimeoutError):
            return
        finally:
            self.connections.discard(writer)
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    @staticmethod
    async def _both(*ways: Coroutine[None, None, None]) -> None:
        """Both ways at once; the end of one is the end of the other."""
        tasks = {asyncio.create_task(way) for way in ways}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.pulled:
                writer.write(data)
                await writer.drain()

    def set(self, pulled: bool) -> None:  # noqa: FBT001  # what the cable is
        """Pull the cable, or put it back: then what was lost on the way ends the connections."""
        if self.pulled and not pulled:
            for writer in self.connections:
                writer.transport.abort()
        self.pulled = pulled


@asynccontextmanager
async def _listening(cable: Cable, link: OpcUaLink) -> AsyncIterator[None]:
    host, port = link.place
    try:
        listener = await asyncio.start_server(cable.carry, host, port)
    except OSError as error:
        raise ConfigError(f"cannot be a server at {host}:{port}: {error.strerror or error}", ("url",)) from None
    try:
        yield
    finally:
        listener.close()
        for writer in tuple(cable.connections):
            writer.transport.abort()
        await listener.wait_closed()


Variables = dict[str, tuple[OpcUaDevice, list[tuple[OpcUaPoint, Node]]]]


async def _variables(server: Server, devices: Sequence[OpcUaDevice]) -> Variables:
    """One variable for each node of the devices; points that are elements of one array share it."""
    found: Variables = {}
    namespaces = {point.address.namespace for device in devices for point in device.points}
    for namespace in sorted(namespaces, key=lambda namespace: (isinstance(namespace, str), str(namespace))):
        await _namespace(server, namespace)  # those by index first, so that none by name takes their place
    for device in devices:
        nodes: list[tuple[OpcUaPoint, Node]] = []
        known: dict[str, Node] = {}
        parent = server.nodes.objects
        for point in device.points:
            if point.node not in known:
                if len(known) % FOLDER == 0:
                    part = f"-{len(known) // FOLDER}" if known else ""
                    parent = await server.nodes.objects.add_folder(1, f"{device.name}{part}")
                known[point.node] = await _variable(server, parent, device, point)
            nodes.append((point, known[point.node]))
        found[device.name] = (device, nodes)
    return found


def _nodes(variables: Variables) -> int:
    """How many there are; points that are elements of one array share theirs."""
    return sum(len({node.nodeid for _, node in nodes}) for _, nodes in variables.values())


async def _variable(server: Server, parent: Node, device: OpcUaDevice, point: OpcUaPoint) -> Node:
    index = await _namespace(server, point.address.namespace)
    if isinstance(point.address.namespace, int) and index == 0:
        raise ConfigError(f"{point.node} is a node of OPC UA itself; a simulated one needs a namespace of its own")
    indices = [other.index for other in device.points if other.node == point.node and other.index is not None]
    start = ua.Variant([0.0] * (max(indices) + 1), ua.VariantType.Double) if indices else _scalar(point, 0.0)
    name = ua.QualifiedName(ua.String(point.name), ua.Int16(index))
    node = await parent.add_variable(node_id(point.address, index), name, start)
    shown = ua.LocalizedText(ua.String(point.unit))
    units = ua.EUInformation(NamespaceUri=ua.String(URI), UnitId=ua.Int32(-1), DisplayName=shown)
    await node.add_property(ua.NodeId(), ua.QualifiedName(ua.String("EngineeringUnits"), ua.Int16(0)), units)
    return node


async def _namespace(server: Server, namespace: int | str) -> int:
    """The index of a namespace, which the server has from now on."""
    if isinstance(namespace, str):
        return int(await server.register_namespace(namespace))
    while (count := len(await server.get_namespace_array())) <= namespace:
        await server.register_namespace(NAMESPACE.format(count))
    return namespace


async def _feed(variables: Variables, plant: Plant, cable: Cable) -> None:
    """New values for all nodes, again and again."""
    server = cable.server
    while True:
        now = datetime.now(UTC)
        there = {name: plant.answers(device, now.timestamp()) for name, (device, _) in variables.items()}
        cable.set(pulled=not any(there.values()))
        for name, (device, nodes) in variables.items():
            values = plant.values(device, now.timestamp())
            state = plant.state(device, now.timestamp()) if there[name] else Reason.COMMUNICATION
            for found in _data(nodes, values, code(state), now):
                await server.write_attribute_value(*found)
        await asyncio.sleep(EVERY)


def _data(
    nodes: Sequence[tuple[OpcUaPoint, Node]], values: Mapping[str, float], status: int, now: datetime
) -> Iterator[tuple[ua.NodeId, ua.DataValue]]:
    """What each node holds now; elements of one array together."""
    arrays: dict[ua.NodeId, dict[int, float]] = {}
    for point, node in nodes:
        raw = _raw(point, values[point.name])
        if point.index is not None:
            arrays.setdefault(node.nodeid, {})[point.index] = raw
        else:
            yield node.nodeid, _datum(_scalar(point, raw), status, now)
    for nodeid, elements in arrays.items():
        array = [elements.get(place, 0.0) for place in range(max(elements) + 1)]
        yield nodeid, _datum(ua.Variant(array, ua.VariantType.Double), status, now)


def _scalar(point: OpcUaPoint, raw: float) -> ua.Variant:
    return ua.Variant(raw, ua.VariantType.Double) if point.enum is None else ua.Variant(int(raw), ua.VariantType.Int32)


def _datum(value: ua.Variant, status: int, now: datetime) -> ua.DataValue:
    stamp = cast("ua.DateTime", now)  # any datetime is one to the library
    return ua.DataValue(value, ua.StatusCode(ua.UInt32(status)), stamp, stamp)


def _raw(point: OpcUaPoint, value: float) -> float:
    """The number by which the node says *value*."""
    if point.enum is not None:
        return min(point.enum.items(), key=lambda state: abs(state[1] - value))[0]
    return (value - point.offset) / point.scale


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
