"""What a server holds, as a profile to start from."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Container, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from greenops_core.errors import ConfigError, DeviceError
from greenops_core.unit import quantity_of
from greenops_gateway.opcua import library
from greenops_gateway.opcua.address import address
from greenops_gateway.opcua.channel import told
from greenops_gateway.opcua.configuration import OpcUaLink
from greenops_gateway.opcua.session import Session, opened
from greenops_gateway.tools import Discovery, Scan, Told

MOST = 20_000
"""Nodes that are looked at; a larger server is scanned from a node within."""
HIERARCHY = ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences))
PROPERTY = ua.NodeId(ua.Int32(ObjectIds.HasProperty))
SERVER = ua.NodeId(ua.Int32(ObjectIds.Server))
UNITS = "EngineeringUnits"
ALIASES = {
    "mg/m³": "mg/m3",
    "mg/nm3": "mg/m3",
    "mg/nm³": "mg/m3",
    "µg/m³": "ug/m3",
    "g/m³": "g/m3",
    "°c": "degC",
    "c": "degC",
    "°f": "degF",
    "percent": "%",
    "vol%": "%",
    "vol.-%": "%",
    "m³/h": "m3/h",
    "nm3/h": "m3/h",
    "m³/s": "m3/s",
    "bar(a)": "bar",
}
"""What instruments write, in lower case, and what is written here."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A node on the way: what the server calls it and where, and whether it holds a value."""

    node: ua.NodeId
    path: str
    variable: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A variable: its node, what the server calls it and where, and where its unit stands."""

    node: ua.NodeId
    path: str
    units: ua.NodeId | None


def unit_of(text: str) -> str:
    """A unit of gateway.yml for what an instrument calls its unit; ``1`` when there is none.

    >>> unit_of("mg/m³"), unit_of("kPa"), unit_of("furlong")
    ('mg/m3', 'kPa', '1')
    """
    wanted = ALIASES.get(text.strip().lower(), text.strip())
    try:
        quantity_of(wanted)
    except ConfigError:
        return "1"
    return wanted


def slug(text: str) -> str:
    """A name for a point from what a server calls its node.

    >>> slug("Stack 1/SO2 (dry)")
    'Stack-1-SO2-dry'
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-_.") or "point"


async def scan(link: OpcUaLink, wanted: Scan, progress: Told) -> Sequence[Discovery]:
    """The numeric variables below a node (``within``, else all objects but the server's own) as one profile.

    Raises:
        DeviceError: nobody answers, or the server refuses.
        ConfigError: ``within`` is no node id, or the server lacks its namespace.
    """
    begin = address(wanted.within or f"i={ObjectIds.ObjectsFolder}")
    try:
        async with opened(link, {}) as session:
            start = session.node(begin)
            if start is None:
                raise ConfigError(f"the server has no namespace of '{wanted.within}'; it has {session.namespaces}")
            variables = [found async for found in _browse(session, start, progress)]
            points = await _points(session, variables, progress)
            server = session.endpoint.Server.ApplicationName.Text or link.place[0]
    except OSError as error:
        raise DeviceError(str(error)) from None
    progress(1.0, "done")
    if not points:
        return []
    return [
        Discovery(
            slug(str(server)), {"points": points}, f"{len(points)} numeric variables of {len(variables)}, {server}"
        )
    ]


async def _browse(session: Session, start: ua.NodeId, progress: Told) -> AsyncIterator[Found]:
    """All variables below *start*, level by level."""
    seen = {start, SERVER}
    level = [Seen(start, "", variable=False)]
    while level:
        below: list[Sequence[Any]] = []
        batches = session.batches("browse", level, lambda part: _references(session, [seen.node for seen in part]))
        async for _, references in batches:
            below += references
        following: list[Seen] = []
        for parent, references in zip(level, below, strict=True):
            units: ua.NodeId | None = None
            for reference in references:
                child = _plain(reference.NodeId)
                name = str(reference.BrowseName.Name)
                if reference.ReferenceTypeId == PROPERTY:
                    units = child if name == UNITS else units
                elif child not in seen and len(seen) < MOST:
                    seen.add(child)
                    path = f"{parent.path}/{name}".strip("/")
                    following.append(Seen(child, path, variable=reference.NodeClass == ua.NodeClass.Variable))
            if parent.variable:
                yield Found(parent.node, parent.path, units)
        progress(min(0.8, len(seen) / MOST), f"{len(seen)} nodes seen")
        level = following


async def _references(session: Session, nodes: Sequence[ua.NodeId]) -> list[list[Any]]:
    """What lies below each of *nodes*, page by page where the server gives pages."""
    parameters = ua.BrowseParameters()
    parameters.NodesToBrowse = [
        ua.BrowseDescription(
            NodeId=node,
            BrowseDirection=ua.BrowseDirection.Forward,
            ReferenceTypeId=HIERARCHY,
            IncludeSubtypes=True,
            NodeClassMask=ua.UInt32(ua.NodeClass.Object | ua.NodeClass.Variable),
            ResultMask=ua.UInt32(ua.BrowseResultMask.All),
        )
        for node in nodes
    ]
    service = session.caller.uaclient.session
    with told(f"browse of {len(nodes)} nodes"):
        async with asyncio.timeout(session.link.timeout):
            results = await service.browse(parameters)
        if len(results) != len(nodes):
            raise DeviceError(f"browse of {len(nodes)} nodes: {len(results)} answers")
        found = [list(result.References or ()) for result in results]
        pages = {place: result.ContinuationPoint for place, result in enumerate(results) if result.ContinuationPoint}
        while pages:
            more = ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=list(pages.values()))
            async with asyncio.timeout(session.link.timeout):
                results = await service.browse_next(more)
            for place, result in zip(list(pages), results, strict=True):
                found[place] += result.References or ()
                pages[place] = result.ContinuationPoint
            pages = {place: point for place, point in pages.items() if point}
    return found


async def _points(session: Session, variables: Sequence[Found], progress: Told) -> list[dict[str, Any]]:
    """The variables that hold one number, as points of a profile."""
    progress(0.8, f"reading {len(variables)} variables")
    values = await session.values([found.node for found in variables], AttributeIds.Value)
    with_units = [found.units for found in variables if found.units is not None]
    answers = await session.values(with_units, AttributeIds.Value)
    units = {node: _unit(answer) for node, answer in zip(with_units, answers, strict=True)}
    points: list[dict[str, Any]] = []
    names: set[str] = set()
    for found, answer in zip(variables, values, strict=True):
        value, *_ = library.item(answer)
        if isinstance(value, int | float):
            name = unused(slug(found.path), names)
            names.add(name)
            unit = "1" if found.units is None else units[found.units]
            points.append({"name": name, "node": found.node.to_string(), "unit": unit})
    return points


def unused(name: str, names: Container[str]) -> str:
    """*name*, with a number behind it when it is one of *names*.

    >>> unused("SO2", {"SO2", "SO2-2"})
    'SO2-3'
    """
    if name not in names:
        return name
    return next(f"{name}-{number}" for number in count(2) if f"{name}-{number}" not in names)


def _unit(answer: ua.DataValue) -> str:
    units = None if answer.Value is None else answer.Value.Value
    text = units.DisplayName.Text if isinstance(units, ua.EUInformation) else None
    return unit_of(str(text or ""))


def _plain(node: ua.NodeId) -> ua.NodeId:
    """The same node without the server's own address, so that equal ones are equal."""
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)
