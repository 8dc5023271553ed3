"""Rules and boards speak only of what exists."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from generated.promql_tree import examine
from generated.spoken import Spoken, beside_panels, in_rules, on_boards, rules, vocabulary
from greenops_alerting.records import COMPATIBILITY, RECORDS

WORDS = vocabulary()
PROMISED_TOTALS = {"greenops_energy_kwh"}
"""Records whose old names promise the counter itself, in another unit."""
ACCOUNT = "journal.json What became of the samples"
"""The panel that shows counters as they are: integers since ever, which must add up."""


def complaints(spoken: Iterable[Spoken]) -> dict[str, list[str]]:
    """What is wrong, by place; nothing where all is right."""
    return {one.where: wrong for one in spoken if (wrong := examine(one.text, WORDS).complaints)}


def test_rules_name_only_metrics_and_labels_that_exist() -> None:
    spoken = list(in_rules())
    assert len(spoken) > 40
    assert complaints(one for one in spoken if one.where.split()[1] not in PROMISED_TOTALS) == {}


def test_boards_name_only_metrics_and_labels_that_exist() -> None:
    spoken = [*on_boards(), *beside_panels()]
    assert len(spoken) > 80
    assert complaints(one for one in spoken if not one.where.startswith(ACCOUNT)) == {}


def test_the_account_of_samples_names_only_what_exists() -> None:
    account = [one for one in on_boards() if one.where.startswith(ACCOUNT)]
    assert len(account) == 6
    assert all("only grows" in wrong for wrongs in complaints(account).values() for wrong in wrongs)


def test_a_promised_total_names_only_what_exists() -> None:
    texts = [rule["expr"] for _, rule in rules() if rule.get("record") in PROMISED_TOTALS]
    assert len(texts) == len(PROMISED_TOTALS)
    assert all("only grows" in wrong for text in texts for wrong in examine(text, WORDS).complaints)


def test_every_record_is_committed_and_every_committed_record_is_ours() -> None:
    assert {rule["record"] for _, rule in rules() if "record" in rule} == {record.name for record in RECORDS}


def test_every_record_is_read_by_a_rule_or_a_board() -> None:
    read = {name for one in (*in_rules(), *on_boards()) for name in examine(one.text, WORDS).names}
    promised = {record.name for record in COMPATIBILITY}
    assert {record.name for record in RECORDS} - promised - read == set()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("greenops_host_power", "nobody writes greenops_host_power", id="misspelt metric"),
        pytest.param("{host='a'}", "nobody writes", id="no metric"),
        pytest.param("greenops_host_power_watts{stack='a'}", "has no label stack", id="label of another metric"),
        pytest.param(
            "sum(greenops_host_power_watts) by (stack)", "sum by (stack)", id="aggregation by a label it lacks"
        ),
        pytest.param("sum by (host) (sum by (department) (greenops_host_power_watts))", "by (host)", id="label lost"),
        pytest.param("sum(greenops_host_energy_joules_total)", "only grows", id="counter without a rate"),
        pytest.param("rate(greenops_host_power_watts[5m])", "goes up and down", id="rate of a gauge"),
        pytest.param(
            "greenops_host_power_watts and on (stack) greenops_host_info",
            "on (stack): not on its",
            id="join on neither",
        ),
        pytest.param(
            "greenops_host_power_watts / on (host, stack) greenops_host_info",
            "on (stack)",
            id="join on one label too many",
        ),
        pytest.param("greenops_host_power_watts / greenops_host_cpus", "matches nothing", id="join of unlike series"),
        pytest.param("sum(greenops_host_power_watts[5m])", "does not parse", id="range in place of an instant"),
        pytest.param("greenops_host_power_watts{job='a'}", "has no label job", id="a label of scraping"),
        pytest.param(
            "label_replace(greenops_host_cpus, 'a', '$1', 'x', '(.*)')",
            "label_replace from x",
            id="replaced label",
        ),
    ],
)
def test_a_wrong_expression_is_named(text: str, complaint: str) -> None:
    assert complaint in "\n".join(examine(text, WORDS).complaints)


@pytest.mark.parametrize(
    "text",
    [
        "sum by (department) (rate(greenops_host_energy_joules_total[$__rate_interval]))",
        '1 - sum by (host) (rate(greenops_host_cpu_seconds_total{mode="idle"}[5m])) / greenops_host_cpus',
        "max by (job) (up)",
        "time() - max by (point) (greenops_point_last_sample_timestamp_seconds)",
        "greenops_host_cpus * on (host) group_left (department) greenops_host_info",
        "absent(greenops_host_energy_joules_total)",
        "sum_over_time(greenops_host_power_watts[1h:1m])",
    ],
)
def test_a_sound_expression_passes(text: str) -> None:
    assert examine(text, WORDS).complaints == []
