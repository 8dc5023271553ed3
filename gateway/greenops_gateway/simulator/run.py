"""All devices of a configuration, where it looks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from greenops_core.errors import within
from greenops_gateway import tools
from greenops_gateway.configuration import Way
from greenops_gateway.tools import Plant


@asynccontextmanager
async def simulating(ways: Iterable[Way], plant: Plant) -> AsyncIterator[dict[str, str]]:
    """The devices behind *ways*, connected to *plant*, while the context lasts; gives in words where each link answers.

    Raises:
        ConfigError: a protocol cannot be simulated, or a place cannot be had.
    """
    async with AsyncExitStack() as stack:
        places = {}
        for way in ways:
            with within("links", way.name):
                simulate = tools.load(way.protocol.name).simulate
                places[way.name] = await stack.enter_async_context(simulate(way.link, way.devices, plant))
        yield places
