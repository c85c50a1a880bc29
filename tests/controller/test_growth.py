"""A volumeClaimTemplate that asks for more than its claim has: grown where Kubernetes lets it, else told."""

from typing import Any

import pytest

from datareplication.controller.cluster import CLAIM, REPLICATION, RUN, Kind, Object, RejectedError
from support.world import CORRUPT, NAME, NAMESPACE, World, manual_run, spec

NAMED = f"{NAME}-snapshots"


def of_size(storage: Any, *, is_wrapped: bool = False) -> Object:
    wanted = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": storage}}}
    return spec(schedule=None, snapshot={"volumeClaimTemplate": {"spec": wanted} if is_wrapped else wanted})


async def with_claim(storage: str = "1Gi") -> World:
    """A resource whose claim was made by a run that has ended."""
    world = World(of_size(storage))
    await one_run(world, "first")
    return world


async def one_run(world: World, name: str) -> None:
    world.cluster.put(RUN, manual_run(name))
    await world.settle()
    world.finish(f"{name}-dump", CORRUPT)
    await world.settle(passes=6)


def edit(world: World, wanted: Object) -> None:
    stored = world.cluster.peek(REPLICATION, NAMESPACE, NAME)
    generation = stored["metadata"]["generation"] + 1
    world.cluster.put(
        REPLICATION, {**stored, "spec": wanted, "metadata": {**stored["metadata"], "generation": generation}}
    )


def size(world: World) -> str:
    return str(world.cluster.peek(CLAIM, NAMESPACE, NAMED)["spec"]["resources"]["requests"]["storage"])


def refuse(world: World) -> None:
    def answer(verb: str, kind: Kind, _name: str) -> None:
        if (verb, kind) == ("patch", CLAIM):
            raise RejectedError("only dynamically provisioned pvc can be resized")

    world.cluster.on_call = answer


@pytest.mark.parametrize(
    ("wanted", "then"),
    [
        pytest.param(of_size("2Gi"), "2Gi", id="more"),
        pytest.param(of_size("1.5Gi", is_wrapped=True), "1.5Gi", id="more, in the other form"),
        pytest.param(of_size("1100M"), "1100M", id="more, in another unit"),
        pytest.param(of_size(2_000_000_000), "2000000000", id="more, as a number"),
        pytest.param(of_size("1024Mi"), "1Gi", id="the same"),
        pytest.param(of_size("1G"), "1Gi", id="less: a claim never shrinks"),
    ],
)
async def test_a_larger_template_grows_its_claim(wanted: Object, then: str) -> None:
    world = await with_claim()
    edit(world, wanted)
    await world.settle()
    assert size(world) == then
    assert "VolumeNotGrown" not in {one["type"] for one in world.status["conditions"]}


async def test_a_claim_that_may_not_grow_is_told_until_it_may() -> None:
    world = await with_claim()
    refuse(world)
    edit(world, of_size("2Gi"))
    await world.settle()
    status, reason, message = world.condition("VolumeNotGrown")
    assert (status, reason, size(world)) == ("True", "ExpansionRefused", "1Gi")
    assert "asks for 2Gi and claim prod-fanout-snapshots has 1Gi" in message
    assert "allowVolumeExpansion" in message
    assert message in world.status["message"]
    await one_run(world, "second")
    assert world.condition("VolumeNotGrown")[0] == "True"
    world.cluster.on_call = None
    await one_run(world, "third")
    assert (size(world), world.condition("VolumeNotGrown")[:2]) == ("2Gi", ("False", "AsWanted"))
    assert "asks for" not in world.status["message"]


async def test_a_claim_that_a_run_made_by_an_older_template_is_grown() -> None:
    world = World(of_size("1Gi"))
    world.cluster.put(RUN, manual_run("first"))
    await world.settle()
    edit(world, of_size("2Gi"))
    world.cluster.peek(CLAIM, NAMESPACE, NAMED)["spec"]["resources"]["requests"]["storage"] = "1Gi"
    await world.settle()
    assert size(world) == "2Gi"


async def test_a_claim_that_is_not_ours_stays_as_it_is() -> None:
    world = await with_claim()
    world.cluster.peek(CLAIM, NAMESPACE, NAMED)["metadata"]["labels"] = {}
    edit(world, of_size("2Gi"))
    await world.settle()
    assert size(world) == "1Gi"


async def test_at_rest_nobody_asks_for_the_claim() -> None:
    world = await with_claim()
    asked: list[str] = []
    world.cluster.on_call = lambda verb, kind, _: asked.append(f"{verb} {kind.name}")
    await world.reconcile()
    assert asked == ["get DataReplication", "list DataReplicationRun"]
