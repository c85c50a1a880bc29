"""Ten years of a schedule in simulated time, with outages of the operator by chance: what is run, and what is not."""

import random
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.core import schedule
from datareplication.core.spec import Schedule

BEGIN, END = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2034, 1, 1, 12, tzinfo=UTC)


@dataclass
class Operator:
    """An operator that looks at some moments only, and remembers what the status remembers."""

    schedule: Schedule
    since: datetime
    runs: list[datetime] = field(default_factory=list)

    def look(self, now: datetime) -> datetime | None:
        """Run what is due now; return when to look again."""
        handled = max(self.since, *self.runs[-1:]) if self.runs else self.since
        decision = schedule.decide(self.schedule, handled, now)
        self.runs += decision.due
        if decision.missed_until:
            self.since = max(self.since, decision.missed_until)
        return decision.next


def slots(chosen: Schedule, begin: datetime, end: datetime) -> list[datetime]:
    return list(takewhile(lambda slot: slot <= end, schedule.slots_after(chosen, begin)))


@pytest.mark.parametrize(("cron", "longest_outage_hours"), [("@daily", 1500), ("@monthly", 4000), ("@hourly", 4000)])
def test_ten_years_with_outages(cron: str, longest_outage_hours: int) -> None:
    """Every slot in whose time the operator was up is run at once; after an outage only the latest one is."""
    chance = random.Random(cron)  # noqa: S311 - the same years each time
    chosen = Schedule(cron=cron, time_zone="Europe/Zurich")
    operator = Operator(chosen, BEGIN)
    now, missed_by_outage = BEGIN, 0
    every = slots(chosen, BEGIN, END)
    seen_at: dict[datetime, datetime] = {}
    while (upcoming := operator.look(now)) is not None and now < END:
        seen_at |= dict.fromkeys(operator.runs[len(seen_at) :], now)
        is_down = chance.random() < 0.3
        now = upcoming + timedelta(hours=chance.uniform(0, longest_outage_hours) if is_down else 0)
        missed_by_outage += is_down
    assert operator.runs == sorted(set(operator.runs)), "no slot twice, none out of order"
    assert set(operator.runs) <= {*every, *slots(chosen, END, now)}
    for slot, at in seen_at.items():
        assert at > END or slot == every[bisect_right(every, at) - 1], "the latest one, no other"
    assert missed_by_outage > 5


wakes = st.lists(st.timedeltas(timedelta(minutes=1), timedelta(hours=9)), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None)
@given(waits=wakes, zone=st.sampled_from(["Etc/UTC", "America/Nuuk", "Australia/Lord_Howe"]))
def test_catchup_runs_the_same_slots_whatever_moments_the_operator_was_down(waits: list[timedelta], zone: str) -> None:
    chosen = Schedule(cron="30 * * * *", time_zone=zone, catchup=True)
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    operator = Operator(chosen, now)
    for wait in waits:
        now += wait
        operator.look(now)
    assert operator.runs == slots(chosen, datetime(2026, 3, 28, 12, tzinfo=UTC), now)


@settings(max_examples=30, deadline=None)
@given(waits=wakes)
def test_without_catchup_the_last_run_is_that_of_the_latest_slot_whatever_went_before(waits: list[timedelta]) -> None:
    chosen = Schedule(cron="30 * * * *")
    begin = now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    operator = Operator(chosen, begin)
    for wait in waits:
        now += wait
        operator.look(now)
    assert operator.runs[-1:] == slots(chosen, begin, now)[-1:]
    assert len(operator.runs) <= len(waits), "never a storm"


@settings(max_examples=40, deadline=None)
@given(jumps=st.lists(st.timedeltas(timedelta(days=-1), timedelta(days=1)), min_size=1, max_size=10))
def test_clock_that_jumps_back_and_forth_never_runs_a_slot_twice(jumps: list[timedelta]) -> None:
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    operator = Operator(Schedule(cron="@hourly", catchup=True), now)
    for jump in jumps:
        now += jump
        operator.look(now)
    assert operator.runs == sorted(set(operator.runs))
