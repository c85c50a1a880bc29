"""Schedules, policies and retries on a real cluster. A minute is the shortest schedule, so all scenarios go on at once."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from lab import replications
from lab.replications import Lab
from scenarios import retries, schedules

pytestmark = pytest.mark.cluster

SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        schedules.forbid_holds_the_next_slot_back,
        schedules.replace_ends_the_run_and_leaves_its_target_wholly_old,
        schedules.allow_starts_two_runs_and_loads_the_target_in_turn,
        schedules.depends_on_past_waits_until_a_run_by_hand_has_succeeded,
        schedules.resuming_fires_nothing_that_was_missed,
        schedules.catchup_runs_three_missed_slots_oldest_first,
        retries.load_that_fails_transiently_twice_then_succeeds,
        retries.evicted_pod_costs_no_attempt,
        retries.run_over_its_time_ends_its_jobs,
        retries.dump_over_its_own_time_says_so,
        retries.two_resources_that_share_a_target_load_it_one_after_the_other,
        retries.kubectl_waits_for_complete_and_for_finished,
    )
}


@pytest.fixture(scope="module")
def played(lab: Lab, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[None]]]:
    """Start the chosen scenarios at once; a test waits for its own."""
    chosen = [item.callspec.params["name"] for item in request.session.items if item.path == request.path]  # type: ignore[attr-defined]
    with ThreadPoolExecutor(len(chosen)) as pool:
        yield {name: pool.submit(play, lab, name) for name in chosen}


def play(lab: Lab, name: str) -> None:
    with replications.new_scene(lab) as scene:
        SCENARIOS[name](scene)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(played: dict[str, Future[None]], name: str) -> None:
    played[name].result()
