"""Slots on every clock of the world: once on each local day, at equal distance by the hour, in the right order.

A zone's days differ from each other only around a change of its clock, so those days are tried one by one, in every
zone of the database, over ten years; whole years are tried by chance.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.core import schedule
from datareplication.core.spec import Schedule

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOMENTS = [FIRST + n * DAY for n in range(0, (LAST - FIRST).days + 4, 4)]
AWKWARD = ("Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca", "America/Nuuk", "America/Havana", "Asia/Beirut",
           "America/Santiago", "Antarctica/Troll", "Europe/Zurich", "America/St_Johns")  # fmt: skip


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the first hour after each change of a zone's clock; one that lasts less than four days is passed over."""
    offsets = [moment.astimezone(zone).utcoffset() for moment in MOMENTS]
    for moment, before, after in zip(MOMENTS, offsets, offsets[1:], strict=False):
        if before != after:
            hours = (moment + n * HOUR for n in range(1, 4 * 24 + 1))
            yield next(h for h in hours if h.astimezone(zone).utcoffset() != before)


def distinct_changes() -> list[tuple[str, datetime]]:
    """Return (zone, change), each kind of change once: zones of one rule change alike."""
    found: dict[tuple[object, ...], tuple[str, datetime]] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for change in changes(zone):
            offsets = [(change + n * HOUR).astimezone(zone).utcoffset() for n in (-1, 0)]
            found.setdefault((change, *offsets), (name, change))
    return list(found.values())


CHANGES = distinct_changes()


def slots(cron: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    chosen = Schedule(cron=cron, time_zone=zone)
    return list(takewhile(lambda slot: slot < end, schedule.slots_after(chosen, begin - timedelta(seconds=1))))


def whole_days(zone: str, around: datetime) -> tuple[datetime, datetime, list[date]]:
    """Return the begin of the local day before, the end of the one after, and the days between."""
    local = ZoneInfo(zone)
    today = around.astimezone(local).date()
    days = [today + n * DAY for n in (-2, -1, 0, 1, 2)]
    begin, end = (datetime(d.year, d.month, d.day, tzinfo=local).astimezone(UTC) for d in (days[0], days[-1] + DAY))
    return begin, end, days


def test_changes_of_all_zones_are_tried() -> None:
    zones = {name for name, _ in CHANGES}
    assert len(CHANGES) > 300
    assert {"Antarctica/Troll", "America/Havana", "America/Santiago", "Asia/Beirut"} <= zones


@pytest.mark.parametrize("time", ["0 0", "30 1", "*/60 2", "30 2", "30 23"])
def test_a_daily_slot_comes_once_on_each_local_day_around_every_change_of_every_clock(time: str) -> None:
    for zone, change in CHANGES:
        begin, end, days = whole_days(zone, change)
        found = slots(f"{time} * * *", zone, begin, end)
        assert [slot.astimezone(ZoneInfo(zone)).date() for slot in found] == days, f"{zone} {change}"


def test_several_times_a_day_come_at_most_once_and_in_order_around_every_change() -> None:
    for zone, change in CHANGES[::11]:
        begin, end, days = whole_days(zone, change)
        found = slots("0,30 */2 * * *", zone, begin, end)
        assert found == sorted(set(found)), f"{zone} {change}"
        assert 24 * len(days) - 6 <= len(found) <= 24 * len(days), f"{zone} {change}"


def test_hourly_slots_follow_elapsed_time_around_every_change() -> None:
    for zone, change in CHANGES[::11]:
        begin, end, _ = whole_days(zone, change)
        for cron in ("@hourly", "0 0-23 * * *", "0 */1 * * *"):
            found = slots(cron, zone, begin, end)
            steps = {later - earlier for earlier, later in pairwise(found)}
            half = {HOUR / 2, HOUR * 1.5} if zone in {"Australia/Lord_Howe", "Australia/LHI"} else set()
            assert steps <= {HOUR} | half, f"{zone} {change} {cron}"


def test_the_slot_before_is_the_one_that_came_before_around_every_change() -> None:
    for zone, change in CHANGES[::97]:
        begin, end, _ = whole_days(zone, change)
        for cron in ("30 2 * * *", "30 23 * * *", "*/20 1-3 * * *", "*/30 * * * *"):
            chosen = Schedule(cron=cron, time_zone=zone)
            for earlier, later in pairwise(slots(cron, zone, begin, end)):
                assert schedule.slot_before(chosen, later) == earlier, f"{zone} {cron}"


def test_a_day_that_the_zone_leaves_out_has_no_slot() -> None:
    begin, end = datetime(2011, 12, 28, 10, tzinfo=UTC), datetime(2012, 1, 1, 10, tzinfo=UTC)
    found = slots("30 0 * * *", "Pacific/Apia", begin, end)
    assert [slot.astimezone(ZoneInfo("Pacific/Apia")).day for slot in found] == [28, 29, 31, 1]


@settings(max_examples=15, deadline=None)
@given(
    zone=st.sampled_from([*AWKWARD, *sorted(available_timezones())]),
    time=st.times(),
    year=st.integers(2024, 2033),
)
def test_a_daily_slot_comes_once_on_every_day_of_any_year(zone: str, time: datetime, year: int) -> None:
    local = ZoneInfo(zone)
    begin, end = (datetime(y, 1, 1, tzinfo=local).astimezone(UTC) for y in (year, year + 1))
    found = slots(f"{time.minute} {time.hour} * * *", zone, begin, end)
    days = [slot.astimezone(local).date() for slot in found]
    assert days == [date(year, 1, 1) + n * DAY for n in range(366 if year % 4 == 0 else 365)]


field = st.sampled_from(["*", "*/7", "0", "5,50", "10-20/3", "59"])
hour = st.sampled_from(["*", "*/6", "2", "0,12,23", "1-4", "0-23"])
day = st.sampled_from(["*", "1", "29-31", "*/10"])
month = st.sampled_from(["*", "feb", "3,10", "jan-jun/2"])
weekday = st.sampled_from(["*", "sun", "mon-fri", "0,6", "7", "*/2"])
crons = st.tuples(field, hour, day, month, weekday).map(" ".join)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2033, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@settings(max_examples=80, deadline=None)
@given(cron=crons, zone=st.sampled_from(AWKWARD), now=moments, back=st.timedeltas(timedelta(0), timedelta(days=3)))
def test_next_lies_ahead_and_nothing_due_lies_ahead_or_behind(
    cron: str, zone: str, now: datetime, back: timedelta
) -> None:
    decision = schedule.decide(Schedule(cron=cron, time_zone=zone), now - back, now)
    assert decision.next is None or decision.next > now
    assert all(now - back < slot <= now for slot in decision.due)
    assert decision.next == schedule.decide(Schedule(cron=cron, time_zone=zone), now, now).next


@settings(max_examples=50, deadline=None)
@given(cron=crons, zone=st.sampled_from(AWKWARD), begin=moments)
def test_slots_are_whole_minutes_that_the_clock_on_the_wall_names(cron: str, zone: str, begin: datetime) -> None:
    for slot in takewhile(
        lambda s: s < begin + 3 * DAY, schedule.slots_after(Schedule(cron=cron, time_zone=zone), begin)
    ):
        assert (slot.second, slot.microsecond) == (0, 0)
