"""A finished pod may be removed before the operator has read what it reported."""

from dataclasses import replace
from typing import Any

from datareplication.controller.cluster import EVENT
from support.world import DUMPED, LOADED, World, spec

SLOT, NEXT = "prod-fanout-202603020000", "prod-fanout-202603030000"
TARGETS = ("dev", "staging", "qa")
LATER = "2026-03-03T00:00:01Z"


async def loaded() -> World:
    """A world whose first slot has loaded all targets, and whose second one is due."""
    world = World(spec())
    await world.settle()
    await world.run_slot(SLOT, TARGETS)
    world.make_due()
    await world.settle()
    return world


def end_unseen(world: World, job: str) -> None:
    world.finish(job, LOADED)
    world.jobs.take_away(world.job(job))


def target(world: World, name: str) -> dict[str, Any]:
    return next(one for one in world.status["targets"] if one["name"] == name)


def events(world: World) -> list[str]:
    return [event["message"] for event in world.cluster.of_kind(EVENT)]


async def test_of_a_dump_is_told_as_lost_and_the_loads_tell_the_datas_time() -> None:
    world = await loaded()
    end_unseen(world, f"{NEXT}-dump")
    await world.settle()
    assert world.run_status(NEXT)["dump"]["reason"] == "ReportLost"
    for name in TARGETS:
        world.finish(f"{NEXT}-load-{name}", replace(LOADED, snapshot_time=LATER))
    await world.settle()
    assert [one["dataTime"] for one in world.status["targets"]] == [LATER] * 3
    assert not any("0 rows" in message.replace("30 rows", "") for message in events(world))


async def test_of_a_load_is_told_as_lost_and_the_dump_tells_the_datas_time() -> None:
    world = await loaded()
    world.finish(f"{NEXT}-dump", replace(DUMPED, snapshot_time=LATER))
    await world.settle()
    for name in TARGETS:
        end_unseen(world, f"{NEXT}-load-{name}")
    await world.settle()
    assert (target(world, "dev")["dataTime"], world.run_status(NEXT)["phase"]) == (LATER, "Succeeded")
    assert "its report cannot be read" in target(world, "dev")["message"]
    assert not any("0 rows" in message.replace("30 rows", "") for message in events(world))


async def test_of_both_leaves_the_data_as_old_as_it_was() -> None:
    world = await loaded()
    end_unseen(world, f"{NEXT}-dump")
    await world.settle()
    for name in TARGETS:
        end_unseen(world, f"{NEXT}-load-{name}")
    await world.settle()
    assert target(world, "dev")["dataTime"] == DUMPED.snapshot_time
    assert world.condition("Fresh")[1] != "NeverLoaded"
