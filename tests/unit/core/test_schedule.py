"""Which slots are due: the rules by name, and that no day of the year breaks them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.core import schedule, times
from datareplication.core.spec import Schedule
from datareplication.errors import SpecError


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One situation: `due` and `missed` are expected of `cron` when `since` was handled and it is `now`."""

    sentence: str
    cron: str
    since: str
    now: str
    due: tuple[str, ...]
    missed: int
    next: str | None
    zone: str = "Etc/UTC"
    catchup: bool = False
    deadline: int | None = None
    start: str | None = None
    end: str | None = None


CASES = [
    Case("before the first slot nothing is due", "@daily", "2026-03-01T12:00", "2026-03-01T23:59", (), 0, "2026-03-02T00:00"),
    Case("a slot is due at its very second", "@daily", "2026-03-01T12:00", "2026-03-02T00:00", ("2026-03-02T00:00",), 0, "2026-03-03T00:00"),
    Case("a handled slot is not due again", "@daily", "2026-03-02T00:00", "2026-03-02T08:00", (), 0, "2026-03-03T00:00"),
    Case("only the latest of missed slots is due", "@hourly", "2026-03-01T12:00", "2026-03-01T15:10", ("2026-03-01T15:00",), 2, "2026-03-01T16:00"),
    Case("catchup takes missed slots oldest first", "@hourly", "2026-03-01T12:00", "2026-03-01T14:10", ("2026-03-01T13:00", "2026-03-01T14:00"), 0, "2026-03-01T15:00", catchup=True),
    Case("a slot over its deadline is missed", "@daily", "2026-03-01T12:00", "2026-03-02T00:11", (), 1, "2026-03-03T00:00", deadline=600),
    Case("a slot within its deadline is due", "@daily", "2026-03-01T12:00", "2026-03-02T00:10", ("2026-03-02T00:00",), 0, "2026-03-03T00:00", deadline=600),
    Case("nothing before startDate", "@daily", "2026-03-01T12:00", "2026-03-05T00:10", (), 0, "2026-03-07T00:00", start="2026-03-06T12:00"),
    Case("a slot at startDate counts", "@daily", "2026-03-01T12:00", "2026-03-06T00:10", ("2026-03-06T00:00",), 0, "2026-03-07T00:00", start="2026-03-06T00:00"),
    Case("nothing after endDate", "@daily", "2026-03-01T12:00", "2026-03-05T00:10", ("2026-03-03T00:00",), 1, None, end="2026-03-03T12:00"),
    Case("the last slot before endDate waits as long as it must", "@hourly", "2026-03-01T14:30", "2026-03-09T00:00", ("2026-03-01T15:00",), 0, None, end="2026-03-01T15:30"),
    Case("the zone's own midnight", "@daily", "2026-07-01T12:00", "2026-07-01T22:00", ("2026-07-01T22:00",), 0, "2026-07-02T22:00", zone="Europe/Zurich"),
    Case("a slot in the spring gap comes right after it", "30 2 * * *", "2026-03-28T12:00", "2026-03-29T01:00", ("2026-03-29T01:00",), 0, "2026-03-30T00:30", zone="Europe/Zurich"),
    Case("a slot in the autumn overlap comes once", "30 2 * * *", "2026-10-25T00:30", "2026-10-25T03:00", (), 0, "2026-10-26T01:30", zone="Europe/Zurich"),
    Case("hourly slots follow elapsed time in the overlap", "@hourly", "2026-10-24T23:30", "2026-10-25T02:30", ("2026-10-25T02:00",), 2, "2026-10-25T03:00", zone="Europe/Zurich"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_decide(case: Case) -> None:
    chosen = Schedule(
        cron=case.cron,
        time_zone=case.zone,
        catchup=case.catchup,
        starting_deadline_seconds=case.deadline,
        start_date=at(case.start) if case.start else None,
        end_date=at(case.end) if case.end else None,
    )
    decision = schedule.decide(chosen, at(case.since), at(case.now))
    assert decision.due == tuple(at(slot) for slot in case.due)
    assert decision.missed == case.missed
    assert decision.next == (at(case.next) if case.next else None)


def test_catchup_takes_at_most_the_latest_ten() -> None:
    chosen = Schedule(cron="@hourly", catchup=True)
    decision = schedule.decide(chosen, at("2026-03-01T00:00"), at("2026-03-02T00:00"))
    assert (len(decision.due), decision.missed) == (10, 14)
    assert decision.due[-1] == at("2026-03-02T00:00")


def test_years_of_missed_minutes_are_not_counted_one_by_one() -> None:
    decision = schedule.decide(Schedule(cron="* * * * *"), at("2020-01-01T00:00"), at("2026-01-01T00:00"))
    assert (decision.due, decision.missed) == ((at("2026-01-01T00:00"),), schedule.LOOK_BACK - 1)


def test_data_interval_starts_at_the_slot_before() -> None:
    chosen = Schedule(cron="@monthly", time_zone="Europe/Zurich")
    assert schedule.data_interval(chosen, at("2026-03-31T22:00")) == (at("2026-02-28T23:00"), at("2026-03-31T22:00"))


@pytest.mark.parametrize(
    "cron", ["61 * * * *", "* 25 * * *", "0 0 31 2 *", "0 0 30 2 *", "0 0 * * 9", "a b c d e", "5-1 * * * *"]
)
def test_impossible_expressions_name_the_field(cron: str) -> None:
    with pytest.raises(SpecError, match=r"spec\.schedule\.cron"):
        schedule.check(Schedule.model_construct(cron=cron, time_zone="Etc/UTC"))


@pytest.mark.parametrize("cron", ["@daily", "@hourly", "0 0 29 2 *"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_dates_at_the_ends_of_time_are_no_fault(cron: str, zone: str) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    now = at("2026-03-01T12:00")
    whole = Schedule(cron=cron, time_zone=zone, start_date=first, end_date=last)
    assert schedule.decide(whole, now, now).next == schedule.decide(Schedule(cron=cron, time_zone=zone), now, now).next
    upcoming = schedule.decide(Schedule(cron=cron, time_zone=zone, start_date=last), now, now).next
    assert upcoming is not None
    assert upcoming >= times.LATEST


ZONES = [
    "Europe/Zurich",
    "America/New_York",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
    "Asia/Beirut",
]


@settings(max_examples=15, deadline=None)
@given(zone=st.sampled_from(ZONES), hour=st.integers(0, 23), minute=st.integers(0, 59), year=st.integers(2024, 2034))
def test_daily_slot_comes_exactly_once_on_every_local_day(zone: str, hour: int, minute: int, year: int) -> None:
    chosen = Schedule(cron=f"{minute} {hour} * * *", time_zone=zone)
    first = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1)
    days = []
    for slot in schedule.slots_after(chosen, first):
        local = slot.astimezone(ZoneInfo(zone))
        if local.year != year:
            break
        days.append(local.date())
    assert len(days) == len(set(days))
    assert len(days) == (datetime(year, 12, 31, tzinfo=UTC) - datetime(year, 1, 1, tzinfo=UTC)).days + 1
