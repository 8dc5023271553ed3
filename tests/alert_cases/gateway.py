"""Gateways, devices and points that fall silent or go bad."""

from __future__ import annotations

from alert_cases.case import Case, alert, of
from greenops_core import catalogue as c

AT = {"site": "north", "stack": "s1", "device": "a1"}
UP = of(c.DEVICE_UP, **AT, protocol="modbus")
UP2 = of(c.DEVICE_UP, **{**AT, "device": "a2"}, protocol="modbus")
UP_SOUTH = of(c.DEVICE_UP, **{**AT, "site": "south"}, protocol="modbus")
POINT = {**AT, "point": "nox"}
LAST = of(c.POINT_LAST_SAMPLE, **POINT)
LAST2 = of(c.POINT_LAST_SAMPLE, **{**POINT, "point": "so2"})


def quality(reason: str, point: str = "nox") -> str:
    return of(c.POINT_QUALITY, **{**POINT, "point": point}, reason=reason)


def requests(result: str) -> str:
    return of(c.DEVICE_REQUESTS, **AT, result=result)


def gateway(name: str, series: dict[str, str], *expect: tuple[str, str, int]) -> Case:
    return Case(name, "gateway.yml", series, list(expect), step="15s", every="15s")


LOST, GAP, DOWN = "DeviceConnectionLost", "EmissionDataGap", "GatewayDown"
CASES = [
    gateway(
        "a device that does not answer for three minutes pages, and its neighbour does not",
        {UP: "1x20 0x60", UP2: "1x80"},
        ("5m", alert(LOST), 0),
        ("7m45s", alert(LOST), 0),
        ("8m30s", alert(LOST, device="a1"), 1),
        ("8m30s", alert(LOST), 1),
        ("8m30s", alert(DOWN), 0),
    ),
    gateway(
        "one failed attempt is no loss of connection",
        {UP: "1x20 0x4 1x40"},
        ("6m", alert(LOST), 0),
        ("8m", alert(LOST), 0),
    ),
    gateway(
        "a dead gateway pages for its site and its devices, and for no other site",
        {UP: "1x20 stale", UP2: "1x20 stale", UP_SOUTH: "1x400"},
        ("6m", alert(DOWN), 0),
        ("9m", alert(DOWN, site="north"), 1),
        ("9m", alert(LOST, site="north"), 2),
        ("60m", alert(DOWN), 1),
        ("60m", alert(LOST), 2),
    ),
    gateway(
        "a device taken out of the configuration is not missed",
        {UP: "1x20 stale", UP2: "1x400"},
        ("30m", alert(LOST), 0),
        ("30m", alert(DOWN), 0),
    ),
    gateway(
        "no usable sample for a quarter of an hour pages",
        {
            LAST: "0+15x20 300x200",
            LAST2: "0+15x220",
            quality("none"): "0x20 stale",
            quality("range"): "_x21 2x200",
            quality("none", "so2"): "0x220",
        },
        ("20m", alert(GAP), 0),
        ("20m45s", alert(GAP), 0),
        ("21m15s", alert(GAP, point="nox"), 1),
        ("21m15s", alert(GAP), 1),
    ),
    gateway(
        "a gap stays told when the series vanish",
        {LAST: "0+15x20 stale", quality("none"): "0x20 stale"},
        ("19m", alert(GAP), 0),
        ("22m", alert(GAP), 1),
        ("120m", alert(GAP), 1),
    ),
    gateway(
        "a point taken out of the configuration is no gap",
        {
            LAST: "0+15x20 stale",
            LAST2: "0+15x400",
            quality("none"): "0x20 stale",
            quality("none", "so2"): "0x400",
        },
        ("60m", alert(GAP), 0),
    ),
    gateway(
        "a bad point taken out of the configuration is a gap no longer",
        {
            LAST: "0+15x20 300x120 stale",
            LAST2: "0+15x400",
            quality("range"): "_x21 2x119 stale",
            quality("none", "so2"): "0x400",
        },
        ("30m", alert(GAP, point="nox"), 1),
        ("36m", alert(GAP), 0),
        ("90m", alert(GAP), 0),
    ),
    gateway(
        "a gap stays told when the gateway starts anew and the point stays bad",
        {
            LAST: "0+15x20 300x80 stale",
            LAST2: "0+15x100 stale _x20 1815+15x300",
            quality("range"): "_x21 2x79 stale _x20 2x300",
            quality("none", "so2"): "0x100 stale _x20 0x300",
        },
        ("24m", alert(GAP, point="nox"), 1),
        ("28m", alert(GAP, point="nox"), 1),
        ("30m45s", alert(GAP, point="nox"), 1),
        ("90m", alert(GAP, point="nox"), 1),
        ("90m", alert(GAP), 1),
    ),
    gateway(
        "a point that never had a usable sample pages, whatever the reasons in turn",
        {quality("communication"): "2x30 stale", quality("sentinel"): "_x31 2x200", quality("none", "so2"): "0x230"},
        ("15m", alert(GAP), 0),
        ("16m30s", alert(GAP, point="nox"), 1),
        ("50m", alert(GAP), 1),
    ),
    gateway(
        "a point that never had a usable sample is left alone during planned work and when it is taken out",
        {quality("calibration"): "2x120 stale", quality("range", "so2"): "2x20 stale", UP: "1x200"},
        ("29m", alert(GAP), 0),
        ("45m", alert(GAP), 0),
    ),
    gateway(
        "planned work that ends without a usable sample pages a quarter of an hour later",
        {quality("maintenance"): "2x80 stale", quality("range"): "_x81 2x200"},
        ("34m", alert(GAP), 0),
        ("37m", alert(GAP), 1),
    ),
    gateway(
        "planned work is neither a gap nor a bad point",
        {LAST: "0+15x20 300x200", quality("none"): "0x20 stale", quality("calibration"): "_x21 2x200"},
        ("40m", alert(GAP), 0),
        ("40m", alert("PointBad"), 0),
    ),
    gateway(
        "a point that is merely uncertain during planned work has a gap all the same",
        {LAST: "0+15x20 300x200", quality("maintenance"): "1x200"},
        ("40m", alert(GAP), 1),
    ),
    gateway(
        "a point that is bad for ten minutes is told, whatever the reasons in turn",
        {quality("none"): "0x20 stale", quality("range"): "_x21 2x20 stale", quality("decode"): "_x41 2x40"},
        ("15m", alert("PointBad"), 0),
        ("15m45s", alert("PointBad"), 1),
    ),
    gateway("an uncertain point is not bad", {quality("range"): "1x100"}, ("20m", alert("PointBad"), 0)),
    Case(
        "eleven of a hundred requests fail",
        "gateway.yml",
        {requests("ok"): "0+89x60", requests("timeout"): "0+11x60"},
        [("9m", alert("DeviceErrors"), 0), ("30m", alert("DeviceErrors"), 1)],
    ),
    Case(
        "nine of a hundred requests fail",
        "gateway.yml",
        {requests("ok"): "0+91x60", requests("timeout"): "0+9x60"},
        [("30m", alert("DeviceErrors"), 0)],
    ),
    Case(
        "an answer that comes late is no second failure beside its timeout, and no request",
        "gateway.yml",
        {requests("ok"): "0+91x60", requests("timeout"): "0+9x60", requests("late"): "0+9x60"},
        [("30m", alert("DeviceErrors"), 0)],
    ),
    Case(
        "answers that come late hide no failures",
        "gateway.yml",
        {requests("ok"): "0+89x60", requests("timeout"): "0+11x60", requests("late"): "0+11x60"},
        [("30m", alert("DeviceErrors"), 1)],
    ),
    Case(
        "a device that is not asked has no error share",
        "gateway.yml",
        {requests("ok"): "5x60", requests("timeout"): "7x60"},
        [("30m", alert("DeviceErrors"), 0)],
    ),
]
