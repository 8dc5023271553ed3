"""Topic filters: matching as an independent client does it, routing, and as few subscriptions as mean the same."""

from __future__ import annotations

import paho.mqtt.client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenops_core.errors import ConfigError
from greenops_gateway.mqtt import topic

LEVEL = st.sampled_from(["", "a", "b", "$x", "so2"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=4).map("/".join).filter(bool)
FILTER = st.tuples(
    st.lists(st.one_of(LEVEL, st.just("+")), max_size=3), st.sampled_from([["#"], ["+"], ["a"], ["so2"]])
).map(lambda parts: "/".join([*parts[0], *parts[1]]))


@given(FILTER, TOPIC)
def test_a_filter_matches_what_another_client_says(filter_: str, name: str) -> None:
    assert topic.matches(filter_, name) == paho.mqtt.client.topic_matches_sub(filter_, name)


@given(st.lists(FILTER, max_size=6), TOPIC)
def test_a_message_goes_to_all_whose_filter_matches(filters: list[str], name: str) -> None:
    routes = topic.Routes([(each, place) for place, each in enumerate(filters)])
    expected = {place for place, each in enumerate(filters) if topic.matches(each, name)}
    for _ in range(2):  # found, and kept
        assert len(routes.of(name)) == len(expected)
        assert set(routes.of(name)) == expected


@given(FILTER, FILTER, TOPIC)
def test_what_is_covered_is_matched(one: str, other: str, name: str) -> None:
    if topic.covers(one, other) and topic.matches(other, name):
        assert topic.matches(one, name)


@given(st.lists(st.tuples(FILTER, st.integers(0, 1)), max_size=6), TOPIC)
def test_fewer_filters_mean_the_same_at_no_lower_quality(asked: list[tuple[str, int]], name: str) -> None:
    fewest = topic.fewest(asked)
    before = [qos for each, qos in asked if topic.matches(each, name)]
    after = [qos for each, qos in fewest if topic.matches(each, name)]
    assert bool(before) == bool(after)
    assert max(after, default=0) >= max(before, default=0)


@pytest.mark.parametrize(
    ("filter_", "said"),
    [("", "means nothing"), ("a/#/b", "at the end"), ("a#", "alone"), ("a+/b", "whole level"), ("a\0", "null")],
)
def test_what_is_no_filter_is_refused(filter_: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        topic.check(filter_)
