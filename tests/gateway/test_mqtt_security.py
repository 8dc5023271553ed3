"""TLS with a real broker: a client certificate, whom to trust, and when certificates end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from greenops_core.errors import DeviceError
from greenops_gateway.mqtt.driver import PLUGIN
from mqtt_broker import broker
from mqtt_desk import desk, device, link
from self_signed import NOW, Authority

OWN_END, SERVER_END = NOW + timedelta(days=30), NOW + timedelta(days=60)


async def test_a_client_certificate_opens_the_broker_and_both_ends_are_told(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "authority"), Authority(tmp_path, "other")
    server, ca = authority.signed("server", end=SERVER_END), authority.ca
    own = authority.signed("gateway", end=OWN_END).files
    foreign = other.signed("stranger", end=OWN_END).files
    settings = (f"cafile {ca}", f"certfile {server.certificate}", f"keyfile {server.key}", "require_certificate true")
    with broker(tmp_path / "mosquitto", *settings) as mosquitto:
        to, told = desk(device())
        async with PLUGIN.connect(link(mosquitto.port, tls={"ca": ca, **own}), [to]):
            assert told.expiries == {"server": SERVER_END.timestamp(), "own": OWN_END.timestamp()}
        for tls, said in (
            (
                {"ca": other.ca, **own},
                r"cannot connect to 127.0.0.1:\d+: the server's certificate is not trusted: .*signed it into ca",
            ),
            (own, "is not trusted"),
            ({"ca": ca, **own, "server_name": "plant.example"}, "is not trusted: .*plant.example"),
            ({"ca": ca, **foreign}, r"instead of an answer to CONNECT.*; does it trust tls.certificate\?"),
            ({"ca": ca}, r"instead of an answer to CONNECT.*; does it want a client certificate\?"),
        ):
            with pytest.raises(DeviceError, match=said):
                async with PLUGIN.connect(link(mosquitto.port, tls=tls), [to]):
                    pass
        with pytest.raises(DeviceError, match="closed the connection"):
            async with PLUGIN.connect(link(mosquitto.port), [to]):
                pass
    with broker(tmp_path / "plain") as mosquitto:
        to, _ = desk(device())
        with pytest.raises(DeviceError, match="cannot connect"):
            async with PLUGIN.connect(link(mosquitto.port, tls={"ca": ca}, connect_timeout="1s"), [to]):
                pass
