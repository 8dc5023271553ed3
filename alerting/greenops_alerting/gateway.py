"""The way from the analyser to Prometheus: gateways, devices, points."""

from __future__ import annotations

from greenops_alerting.annotation import Text, ask, label, mine, text, value
from greenops_alerting.promql import highest, last, over, select, total, vanished
from greenops_alerting.rule import Alert, Group, Severity
from greenops_alerting.thresholds import DEVICE_ERROR_SHARE, HELD, Windows
from greenops_core.catalogue import DEVICE_REQUESTS, DEVICE_UP, POINT_LAST_SAMPLE, POINT_QUALITY
from greenops_core.duration import duration
from greenops_core.sample import Quality, Reason

BOARD = "greenops-gateway"
SITE = ("site",)
STACK = ("site", "stack")
DEVICE = ("site", "stack", "device")
LINK = (*DEVICE, "protocol")
POINT = (*DEVICE, "point")
_PLANNED = f"{Reason.CALIBRATION}|{Reason.MAINTENANCE}|{Reason.BLOWBACK}"
PLANNED, UNPLANNED = f'=~"{_PLANNED}"', f'!~"{_PLANNED}"'
ENDED, FAILED = '!="late"', '!~"ok|late"'
"""The results of requests, and of those that did not succeed. What comes late has counted as a timeout before."""

_DEVICE = text(label("device"), " at ", label("site"), "/", label("stack"))
_POINT = text("Point ", label("point"), " of ", _DEVICE)


def gateway_down(windows: Windows) -> Alert:
    """Every device of a site fell silent at once: the gateway does, not the devices."""
    return Alert(
        "GatewayDown",
        vanished(DEVICE_UP, windows.device_silent, HELD, SITE),
        hold=windows.confirm,
        severity=Severity.PAGE,
        identity=SITE,
        summary="No gateway of a site reports any more.",
        description=text(
            "Site ", label("site"), f": nothing has come from any of its devices for {windows.device_silent} or "
            "longer, so no emission of the site is watched. The gateway, its host or the network between is down.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def device_connection_lost(windows: Windows) -> Alert:
    """The device does not answer, or everything about its stack vanished with the gateway."""
    silent = f"{highest(LINK, over('max_over_time', DEVICE_UP, windows.device_silent))} == 0"
    return Alert(
        "DeviceConnectionLost",
        f"{silent}\nor\n{vanished(DEVICE_UP, windows.device_silent, HELD, LINK, STACK)}",
        hold=windows.confirm,
        severity=Severity.PAGE,
        identity=LINK,
        summary="A measuring device cannot be reached.",
        description=text(
            _DEVICE, " (", label("protocol"), "): ",
            ask(mine(DEVICE_UP), "it has not answered the gateway", "it has not answered the gateway",
                "its gateway has reported nothing"),
            f" for {windows.device_silent} or longer. Its emissions are not watched meanwhile.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def data_gap(windows: Windows) -> Alert:
    """No usable sample for a while or at all; planned work is left out, and so is what the configuration left out.

    A point is remembered by itself: a gateway that starts anew knows nothing of the last sample.
    """
    gap = windows.data_gap
    remembered = last(POINT_LAST_SAMPLE, HELD, POINT)
    reported = highest(POINT, select(POINT_QUALITY))
    dark = f"{remembered}\nunless on ({', '.join(STACK)})\n{highest(STACK, select(POINT_QUALITY))}"
    old = f"time() - {remembered} > {duration(gap):g}\nand\n(\n{reported}\nor\n{dark}\n)"
    earlier = highest(POINT, f"last_over_time({select(POINT_QUALITY, gap, reason=UNPLANNED)} offset {gap})")
    never = f"{reported} == {Quality.BAD:d}\nand\n{earlier} == {Quality.BAD:d}\nunless\n{remembered}"
    planned = f"{highest(POINT, select(POINT_QUALITY, reason=PLANNED))} == {Quality.BAD:d}"
    return Alert(
        "EmissionDataGap",
        f"(\n{old}\nor\n{never}\n)\nunless\n{planned}",
        hold=windows.confirm,
        severity=Severity.PAGE,
        identity=POINT,
        summary="A measuring point has delivered no usable sample for too long.",
        description=text(
            _POINT, ": ",
            ask(f"time() - max(last_over_time({mine(POINT_LAST_SAMPLE, HELD)}))",
                "the last usable sample is {{ .Value | humanizeDuration }} old", "the last usable sample is 16m 0s old",
                f"there has been no usable sample in the last {HELD}"),
            f" ({gap} are allowed). Averages of the stack lose validity.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def point_bad(windows: Windows) -> Alert:
    """A point is read but its value cannot be used; planned work is left out."""
    return Alert(
        "PointBad",
        f"{highest(POINT, select(POINT_QUALITY, reason=UNPLANNED))} == {Quality.BAD:d}",
        hold=windows.point_bad,
        severity=Severity.TICKET,
        identity=POINT,
        summary="A measuring point gives bad values.",
        description=text(
            _POINT, f": bad for {windows.point_bad} or longer, reason ", _reason(),
            ". Bad values are left out everywhere.",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def device_errors(windows: Windows) -> Alert:
    """The device answers, but too often with an error or not in time."""
    window = windows.device_errors
    failed = total(DEVICE, over("rate", DEVICE_REQUESTS, window, result=FAILED))
    asked = total(DEVICE, over("rate", DEVICE_REQUESTS, window, result=ENDED))
    return Alert(
        "DeviceErrors",
        f"{failed}\n/\n({asked} > 0)\n> {DEVICE_ERROR_SHARE:g}",
        hold=window,
        severity=Severity.TICKET,
        identity=DEVICE,
        summary="A measuring device fails too many requests.",
        description=text(
            _DEVICE, ": ", value("humanizePercentage", "18.2%"),
            f" of the requests of the last {window} failed ({DEVICE_ERROR_SHARE * 100:g} % are allowed).",
        ),
        dashboard=BOARD,
    )  # fmt: skip


def _reason() -> Text:
    return ask(f"{mine(POINT_QUALITY)} == {Quality.BAD:d}", "{{ .Labels.reason }}", "communication")


def groups(windows: Windows) -> tuple[Group, ...]:
    """The file's groups."""
    builders = (gateway_down, device_connection_lost, data_gap, point_bad, device_errors)
    return (Group("greenops-gateway", "15s", tuple(build(windows) for build in builders)),)
