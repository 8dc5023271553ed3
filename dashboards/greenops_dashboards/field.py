"""How the values of a panel look: unit, thresholds, words for states, and what stands where there is no value."""

from __future__ import annotations

from collections.abc import Sequence

from greenops_dashboards.style import Ladder, State

Json = dict[str, object]


def defaults(
    unit: str, no_value: str, thresholds: Ladder, states: Sequence[State] = (), *, decimals: int | None = None
) -> Json:
    """What all fields of a panel share; without a value they say *no_value*."""
    return {
        "color": {"mode": "thresholds"},
        "mappings": mappings_of(states),
        "noValue": no_value,
        "thresholds": thresholds_of(thresholds),
        "unit": unit,
        **({} if decimals is None else {"decimals": decimals}),
    }


def thresholds_of(ladder: Ladder) -> Json:
    """The lowest step has no value: it reaches down without end."""
    steps: list[Json] = [{"color": ladder.base, "value": None}]
    return {"mode": "absolute", "steps": steps + [{"color": colour, "value": value} for value, colour in ladder.steps]}


def mappings_of(states: Sequence[State]) -> list[Json]:
    """Words and colours in place of numbers."""
    if not states:
        return []
    options = {
        str(state.value): {"color": state.colour, "index": place, "text": state.word}
        for place, state in enumerate(states)
    }
    return [{"options": options, "type": "value"}]


def override(field_name: str, **properties: object) -> Json:
    """What the field of one name has of its own."""
    return {
        "matcher": {"id": "byName", "options": field_name},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }
