"""The operator's process dies before or after any API call; the end is the same as if it had not."""

import copy
from typing import Any

import pytest

from datareplication.controller.cluster import EVENT, JOB, REPLICATION, RUN
from support.fake_cluster import CrashError
from support.story import Moment, Story, end, nothing
from support.world import DUMPED, LOADED, World

RUN_NAME = "prod-fanout-202603020000"
VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "generation"}


async def restarting(world: World) -> None:
    """Settle; a killed process is started again."""
    for _ in range(3):
        try:
            await world.settle(passes=6)
        except CrashError:
            continue
        return
    raise AssertionError("the process was killed more than once")


def final_objects(world: World) -> dict[str, Any]:
    """All objects but Events, without what differs from run to run."""
    kinds = (REPLICATION, RUN, JOB)
    found = {f"{kind.name}/{item['metadata']['name']}": item for kind in kinds for item in world.cluster.of_kind(kind)}
    return {name: _stable(copy.deepcopy(item)) for name, item in found.items()}


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stable(part) for key, part in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [_stable(part) for part in value]
    return "" if isinstance(value, str) and value.startswith("uid-") else value


def whole_run() -> Story:
    """One slot from due to done."""
    loads = [f"{RUN_NAME}-load-{target}" for target in ("dev", "qa", "staging")]
    return Story([nothing, World.make_due, end(DUMPED, f"{RUN_NAME}-dump"), end(LOADED, *loads)], restarting)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_crash_at_any_api_call_changes_nothing_but_the_time(moment: Moment) -> None:
    story = whole_run()
    clean = await story.tell(World())
    expected = final_objects(clean)
    assert expected["DataReplication/prod-fanout"]["status"]["phase"] == "Succeeded"
    assert clean.cluster.calls > 50
    for number in range(1, clean.cluster.calls + 1):
        world = await story.killed(moment, number)
        assert final_objects(world) == expected, f"killed {moment} call {number}"
        creations = [write for write in world.cluster.writes if write.startswith("create") and "Event" not in write]
        assert len(creations) == len(set(creations)), f"killed {moment} call {number}: something was created twice"


async def test_events_of_a_run_are_told_once_each() -> None:
    world = await whole_run().tell(World())
    reasons = sorted(event["reason"] for event in world.cluster.of_kind(EVENT))
    assert reasons == ["LoadSucceeded"] * 3 + ["RunCreated", "RunSucceeded", "SnapshotPublished"]
