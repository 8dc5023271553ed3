"""Which alert makes which other one superfluous, and by which labels they must agree.

Labels that both lack count as equal in Alertmanager, hence always the identity of the alert that is silenced or of the
thing that both are about. Nothing silences an exceedance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from greenops_alerting.records import LIMIT
from greenops_alerting.rule import Alert

THRESHOLD = "threshold"
_SITE = ("site",)
_STACK = ("site", "stack")
_DEVICE = (*_STACK, "device")


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While *cause* fires, *effects* that agree with it in *equal* are not sent; *rung* narrows both to thresholds."""

    cause: str
    effects: tuple[str, ...]
    equal: tuple[str, ...]
    rung: str = ""
    lower: tuple[str, ...] = ()


CAUSES: tuple[Inhibition, ...] = (
    Inhibition("EmissionLimitExceeded", ("EmissionLimitApproaching", "EmissionExceedancePredicted"), LIMIT),
    Inhibition("GatewayDown", ("DeviceConnectionLost", "EmissionDataGap"), _SITE),
    Inhibition("DeviceConnectionLost", ("EmissionAverageInvalid",), _STACK),
    Inhibition("DeviceConnectionLost", ("EmissionDataGap", "PointBad", "DeviceErrors"), _DEVICE),
    Inhibition("EmissionDataGap", ("PointBad",), (*_DEVICE, "point")),
    Inhibition("AgentDown", ("HostOffline",), ()),
    Inhibition("ExporterDown", ("BudgetDataStale",), ()),
)


def ladders(alerts: Iterable[Alert]) -> tuple[Inhibition, ...]:
    """Of the rungs of each ladder that fire together, the highest alone is sent; all resolve by themselves."""
    rungs: dict[str, list[Alert]] = {}
    for alert in alerts:
        if THRESHOLD in alert.labels:
            rungs.setdefault(alert.name, []).append(alert)
    found: list[Inhibition] = []
    for name, ladder in rungs.items():
        thresholds = sorted((alert.labels[THRESHOLD] for alert in ladder), key=float)
        found += [
            Inhibition(name, (name,), ladder[0].identity, thresholds[place], tuple(thresholds[:place]))
            for place in range(len(thresholds) - 1, 0, -1)
        ]
    return tuple(found)


def rendered(inhibition: Inhibition) -> dict[str, object]:
    """As Alertmanager reads it."""
    source = [f'alertname="{inhibition.cause}"']
    target = [f'alertname=~"{"|".join(inhibition.effects)}"']
    if inhibition.rung:
        source.append(f'{THRESHOLD}="{inhibition.rung}"')
        target.append(f'{THRESHOLD}=~"{"|".join(inhibition.lower)}"')
    return {"source_matchers": source, "target_matchers": target, "equal": list(inhibition.equal)}
