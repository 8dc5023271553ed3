"""Switching a running simulator: GET and PUT /scenario over HTTP, for loopback."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from greenops_core.address import Address
from greenops_core.errors import ConfigError, DeviceError, nearest
from greenops_gateway.simulator.process import SCENARIOS, Plant, Scenario
from greenops_telemetry.answer import Answer, plain
from greenops_telemetry.client import Request
from greenops_telemetry.server import listening, routed

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
async def controlling(
    plant: Plant, where: Address, devices: Collection[str] = (), clock: Callable[[], float] = time.time
) -> AsyncIterator[Address]:
    """Answer GET and PUT /scenario on *where* for the *plant* with *devices*, while the context lasts.

    Gives *where* with the real port.

    Raises:
        ConfigError: the address cannot be listened on.
    """

    def state() -> Answer:
        return _json(200, {"scenario": plant.scenario, "devices": dict(plant.own), "known": SCENARIOS})

    async def get(_: Request) -> Answer:
        return state()

    async def put(request: Request) -> Answer:
        try:
            match json.loads(request.body):
                case {"scenario": str(name), "device": str(device)}:
                    plant.switch(scenario(name), clock(), _known(device, devices))
                    return state()
                case {"scenario": str(name), **others} if "device" not in others:
                    plant.switch(scenario(name), clock())
                    return state()
        except (ValueError, RecursionError):  # not JSON, not text, or too deep
            pass
        except ConfigError as error:
            return _json(400, {"error": str(error)})
        return _json(400, {"error": 'send for example {"scenario": "exceedance"}'})

    async def elsewhere(_: Request) -> Answer:
        return plain(404, "There is no such page here; try /scenario.")

    respond = routed({"/scenario": {"GET": get, "PUT": put}}, elsewhere)
    async with listening(respond, where, option="--control") as address:
        yield address


def _json(status: int, body: object) -> Answer:
    return Answer(status, "application/json", json.dumps(body).encode())


def _known(device: str, devices: Collection[str]) -> str:
    """Raises ConfigError: there is no such device."""
    if device not in devices:
        raise ConfigError(f"there is no device '{device}'{nearest(device, devices)}")
    return device


def switch(control: str, name: Scenario, device: str | None = None, patience: float = 5.0) -> str:
    """Switch the simulator at the URL *control*, or one *device* of it, to scenario *name*; which it says it is in.

    Raises:
        DeviceError: no simulator answers there, or it refuses.
    """
    wanted = {"scenario": name} if device is None else {"scenario": name, "device": device}
    request = urllib.request.Request(  # noqa: S310  # the operator's own URL, http or https
        f"{control.rstrip('/')}/scenario",
        data=json.dumps(wanted).encode(),
        headers={"content-type": "application/json"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=patience) as reply:  # noqa: S310  # the same
            told = json.load(reply)
            return str(told["scenario"] if device is None else told["devices"].get(device, told["scenario"]))
    except urllib.error.HTTPError as error:
        with error:
            raise DeviceError(f"the simulator at {control} refuses: {error.read().decode(errors='replace')}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "reason", error)
        raise DeviceError(
            f"no simulator answers at {control}: {reason}; start one with: greenops-gateway simulate"
        ) from None
