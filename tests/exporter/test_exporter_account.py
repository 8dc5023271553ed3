"""The account of a month, against a fleet whose emissions are known at every moment."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenops_core.budget import Period, month
from greenops_exporter.account import SETTLE, Account, Consumption, closed
from greenops_exporter.ledger import LedgerError
from greenops_exporter.prometheus import PrometheusError

BERLIN, KOLKATA, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")
HOUR = 3600.0


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


class Fleet:
    """Answers like Prometheus: research emits 1 g/s and sales 0.25 g/s, in the time that it holds."""

    def __init__(self, held_since: float = 0.0) -> None:
        self.held_since = held_since
        self.asked: list[Period] = []
        self.down = False

    async def emissions(self, span: Period, _held: float) -> Mapping[str, float]:
        self.asked.append(span)
        if self.down:
            raise PrometheusError("Prometheus http://fleet: no answer")
        seconds = span.end - max(span.start, self.held_since)
        return {"research": seconds, "sales": seconds / 4} if seconds > 0 else {}


async def grams(account: Account, now: float, zone: ZoneInfo = BERLIN) -> Mapping[str, float]:
    found = await account.read(zone, now)
    assert found is not None
    return found.grams


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.mark.parametrize(
    ("zone", "now", "seconds"),
    [
        pytest.param(BERLIN, "2026-02-11T12:34:56", 10 * 86400 + 12 * HOUR + 34 * 60 + 45, id="inside an hour"),
        pytest.param(BERLIN, "2026-02-01T00:00:15", 15, id="the first seconds of a month"),
        pytest.param(BERLIN, "2026-02-01T01:02:00", HOUR + 120, id="while the first hour settles"),
        pytest.param(BERLIN, "2026-02-28T23:59:59", 28 * 86400 - 15, id="the last seconds of a month"),
        pytest.param(BERLIN, "2026-03-31T12:00:00", 30 * 86400 + 11 * HOUR, id="clocks went forward"),
        pytest.param(BERLIN, "2026-10-31T12:00:00", 30 * 86400 + 13 * HOUR, id="clocks went back"),
        pytest.param(KOLKATA, "2026-02-01T00:20:00", 20 * 60, id="inside the half hour that begins a month"),
        pytest.param(KOLKATA, "2026-02-02T00:00:00", 86400, id="half an hour off UTC"),
        pytest.param(ZoneInfo("Asia/Kathmandu"), "2026-02-02T00:00:00", 86400, id="a quarter off UTC"),
    ],
)
async def test_the_month_counts_from_its_local_beginning(path: Path, zone: ZoneInfo, now: str, seconds: float) -> None:
    fleet, moment = Fleet(), at(now, zone)
    assert await grams(Account(path, fleet.emissions), moment, zone) == {
        "research": pytest.approx(seconds),
        "sales": pytest.approx(seconds / 4),
    }


async def test_at_the_very_first_moment_of_a_month_nothing_is_known(path: Path) -> None:
    assert await Account(path, Fleet().emissions).read(BERLIN, at("2026-02-01T00:00:14")) is None


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.integers(1, 3 * 24 * 60), min_size=1, max_size=6).map(sorted),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia"]),
    st.booleans(),
)
async def test_whenever_it_is_read_the_account_is_the_truth(
    tmp_path_factory: pytest.TempPathFactory,
    minutes: list[int],
    name: str,
    restarts: bool,  # noqa: FBT001
) -> None:
    path, zone, fleet = tmp_path_factory.mktemp("account") / "ledger.db", ZoneInfo(name), Fleet()
    account = Account(path, fleet.emissions)
    for minute in minutes:
        found = await grams(account, at("2026-02-01T00:00:07", zone) + minute * 60, zone)
        assert found == {"research": pytest.approx(minute * 60), "sales": pytest.approx(minute * 15)}
        if restarts:
            account = Account(path, fleet.emissions)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  # the zone is drawn beside it
    st.sampled_from([UTC, BERLIN, KOLKATA, ZoneInfo("Asia/Kathmandu")]),
    st.none() | st.integers(0, 70 * 24),
)
def test_closed_pieces_follow_each_other_up_to_the_last_settled_hour(
    local: datetime, zone: ZoneInfo, hours_ago: int | None
) -> None:
    now = local.replace(tzinfo=zone).timestamp()
    period = month(datetime.fromtimestamp(now, zone))
    newest = None if hours_ago is None else now // HOUR * HOUR - hours_ago * HOUR
    pieces = closed(period, zone, newest, now)
    assert all(earlier.end == later.start for earlier, later in pairwise(pieces))
    assert all(0 < piece.end - piece.start <= HOUR for piece in pieces)
    assert all(piece.end <= period.start or piece.start >= period.start for piece in pieces)
    if pieces:
        assert now - SETTLE - HOUR < pieces[-1].end <= now - SETTLE
        assert pieces[0].start <= period.start


async def test_closed_hours_are_asked_for_once_and_survive_a_restart(path: Path) -> None:
    fleet, now = Fleet(), at("2026-02-02T00:10:00")
    first = await grams(Account(path, fleet.emissions), now)
    assert len(fleet.asked) == 24 + 1
    assert fleet.asked[-1] == Period(at("2026-02-02T00:00"), now)
    fleet.asked.clear()
    assert await grams(Account(path, fleet.emissions), now) == first
    assert fleet.asked == [Period(at("2026-02-02T00:00"), now)]


async def test_an_hour_stays_open_until_it_has_settled(path: Path) -> None:
    fleet, end = Fleet(), at("2026-02-01T05:00")
    account = Account(path, fleet.emissions)
    await account.read(BERLIN, end + SETTLE - 15)
    assert fleet.asked[-1] == Period(end - HOUR, end + SETTLE - 15)
    await account.read(BERLIN, end + SETTLE)
    assert fleet.asked[-2:] == [Period(end - HOUR, end), Period(end, end + SETTLE)]


async def test_the_last_hours_of_a_month_are_still_closed_in_the_next(path: Path) -> None:
    fleet = Fleet()
    await Account(path, fleet.emissions).read(BERLIN, at("2026-01-31T22:30"))
    fleet.asked.clear()
    found = await Account(path, fleet.emissions).read(BERLIN, at("2026-02-01T00:20"))
    assert fleet.asked == [
        Period(at("2026-01-31T22:00"), at("2026-01-31T23:00")),
        Period(at("2026-01-31T23:00"), at("2026-02-01T00:00")),
        Period(at("2026-02-01T00:00"), at("2026-02-01T00:20")),
    ]
    assert found is not None
    assert found.grams == {"research": 1200.0, "sales": 300.0}


async def test_while_prometheus_is_down_nothing_is_made_up_and_afterwards_nothing_is_missing(path: Path) -> None:
    fleet, account = (fleet := Fleet()), Account(path, fleet.emissions)
    await account.read(BERLIN, at("2026-02-01T10:10"))
    fleet.down = True
    with pytest.raises(PrometheusError):
        await account.read(BERLIN, at("2026-02-01T14:10"))
    assert account.remembered(BERLIN, at("2026-02-01T14:10")) == Consumption(
        Period(at("2026-02-01T00:00"), at("2026-03-01T00:00")),
        at("2026-02-01T10:00"),
        {"research": 10 * HOUR, "sales": 2.5 * HOUR},
    )
    fleet.down = False
    assert (await grams(account, at("2026-02-01T15:10")))["research"] == 15 * HOUR + 600


async def test_hours_read_before_prometheus_went_down_are_kept(path: Path) -> None:
    fleet = Fleet()

    async def breaks(span: Period, held: float) -> Mapping[str, float]:
        fleet.down = len(fleet.asked) >= 4
        return await fleet.emissions(span, held)

    account = Account(path, breaks)
    with pytest.raises(PrometheusError):
        await account.read(BERLIN, at("2026-02-01T14:10"))
    known = account.remembered(BERLIN, at("2026-02-01T14:10"))
    assert known is not None
    assert (known.until, known.grams["research"]) == (at("2026-02-01T04:00"), 4 * HOUR)


@pytest.mark.parametrize("now", ["2026-03-02T12:00", "2026-01-31T12:00"])
async def test_another_month_is_not_remembered_for_this_one(path: Path, now: str) -> None:
    account = Account(path, Fleet().emissions)
    assert account.remembered(BERLIN, at(now)) is None
    await account.read(BERLIN, at("2026-02-11T12:10"))
    assert account.remembered(BERLIN, at(now)) is None


async def test_what_prometheus_no_longer_holds_is_not_written_as_zero(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first start of a month reads back as far as there is data; an empty hour is asked for at the next start."""
    fleet, now = Fleet(held_since=at("2026-02-10T12:00")), at("2026-02-11T00:10")
    account = Account(path, fleet.emissions)
    with caplog.at_level(logging.INFO):
        assert (await grams(account, now))["research"] == 12 * HOUR + 600
    assert caplog.messages == ["ledger: 240 closed hours read, Prometheus holds nothing of 228 of them"]
    fleet.asked.clear()
    await account.read(BERLIN, now)
    assert len(fleet.asked) == 1
    fleet.held_since = 0.0
    assert (await grams(Account(path, fleet.emissions), now))["research"] == 10 * 86400 + 600


async def test_an_organisation_that_moves_its_time_zone_counts_from_the_new_beginning(path: Path) -> None:
    fleet, now = Fleet(), at("2026-02-11T12:10", UTC)
    for zone in (UTC, KOLKATA, BERLIN, UTC):
        found = await grams(Account(path, fleet.emissions), now, zone)
        assert found["research"] == now - at("2026-02-01T00:00", zone)


async def test_a_ledger_that_breaks_while_in_use_is_filled_again(path: Path) -> None:
    account, now = Account(path, Fleet().emissions), at("2026-02-11T12:10")
    before = await grams(account, now)
    path.write_bytes(b"garbage, " * 10000)  # noqa: ASYNC240  # nothing else runs in this loop
    with pytest.raises(LedgerError, match="set aside as"):
        await account.read(BERLIN, now)
    assert await grams(account, now) == before


def test_after_a_long_silence_no_more_than_the_last_month_is_read_again() -> None:
    now = at("2026-02-01T02:10")
    period = Period(at("2026-02-01T00:00"), at("2026-03-01T00:00"))
    pieces = closed(period, BERLIN, at("2024-05-05T00:00"), now)
    assert (pieces[0].start, pieces[-1].end, len(pieces)) == (at("2026-01-01T00:00"), at("2026-02-01T02:00"), 746)
