"""Switching a running simulator: GET and PUT /scenario over HTTP, for loopback."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from greenops_core.address import Address, unusable
from greenops_core.errors import ConfigError, DeviceError, nearest
from greenops_gateway.simulator.device import Analyser
from greenops_gateway.simulator.process import SCENARIOS, Scenario
from greenops_telemetry.server import listening

DEFAULT_CONTROL = "127.0.0.1:9844"


def scenario(name: str) -> Scenario:
    """The scenario called *name*.

    Raises:
        ConfigError: there is none.
    """
    for known in SCENARIOS:
        if known == name:
            return known
    raise ConfigError(f"unknown scenario '{name}'{nearest(name, SCENARIOS)}")


@asynccontextmanager
async def controlling(analyser: Analyser, where: Address) -> AsyncIterator[None]:
    """Answer GET and PUT /scenario on *where* while the context lasts.

    Raises:
        ConfigError: the address cannot be listened on.
    """

    def state() -> web.Response:
        return web.json_response({"scenario": analyser.process.scenario, "known": SCENARIOS})

    async def get(_: web.Request) -> web.Response:
        return state()

    async def put(request: web.Request) -> web.Response:
        try:
            match await request.json():
                case {"scenario": str(name)}:
                    await analyser.switch(scenario(name))
                    return state()
        except (ValueError, LookupError):  # not JSON, not text, or in an encoding that nobody knows
            pass
        except ConfigError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"error": 'send for example {"scenario": "exceedance"}'}, status=400)

    app = web.Application(client_max_size=2**12)
    app.add_routes([web.get("/scenario", get), web.put("/scenario", put)])
    try:
        where.host.encode("idna")  # as asyncio will, which does not call it an OSError
    except UnicodeError as error:
        raise unusable(where, str(error), option="--control") from None
    async with listening(app, where, option="--control"):
        yield


def switch(control: str, name: Scenario, patience: float = 5.0) -> str:
    """Switch the simulator at the URL *control* to scenario *name*; the scenario it says it is in.

    Raises:
        DeviceError: no simulator answers there, or it refuses.
    """
    request = urllib.request.Request(  # noqa: S310  # the operator's own URL, http or https
        f"{control.rstrip('/')}/scenario",
        data=json.dumps({"scenario": name}).encode(),
        headers={"content-type": "application/json"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=patience) as reply:  # noqa: S310  # the same
            return str(json.load(reply)["scenario"])
    except urllib.error.HTTPError as error:
        with error:
            raise DeviceError(f"the simulator at {control} refuses: {error.read().decode(errors='replace')}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", error)
        raise DeviceError(
            f"no simulator answers at {control}: {reason}; start one with: greenops-gateway simulate"
        ) from None
