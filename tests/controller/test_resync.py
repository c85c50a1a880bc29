"""The resync asks for what needs it, whether an event came or not, and for nothing else."""

import asyncio
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from datareplication.controller.cluster import (
    JOB,
    REPLICATION,
    RUN,
    Cluster,
    ClusterError,
    ConflictError,
    Kind,
    Object,
    RejectedError,
    UnavailableError,
)
from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options
from datareplication.controller.working import Controller
from datareplication.core.names import Key
from support.fake_cluster import FakeCluster
from support.world import IMAGE, KEY, NAMESPACE, World, manual_run, spec


class Process:
    """The operator's work without its watches: no event ever comes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.controller = Controller(world.cluster, Options(IMAGE), Metrics(), world.clock)

    @property
    def cluster(self) -> FakeCluster:
        return self.world.cluster

    async def resync(self) -> int:
        """Resync, do what was asked for, and return how much that was."""
        await self.controller.resync()
        count = 0
        while len(self.controller.queue):
            await self.controller.work_once()
            count += 1
        return count

    async def settle(self) -> None:
        """Resync until nothing is asked for."""
        while await self.resync():
            pass


async def test_what_is_as_it_was_left_costs_two_lists() -> None:
    process = Process(World())
    await process.settle()
    before = process.cluster.calls
    assert await process.resync() == 0
    assert process.cluster.calls == before + 2


async def test_a_change_of_which_no_event_came_is_found() -> None:
    process = Process(World())
    await process.settle()
    process.cluster.put(REPLICATION, {"metadata": {"name": "other", "namespace": NAMESPACE}, "spec": spec()})
    assert await process.resync() == 1
    await process.settle()
    stored = process.cluster.peek(REPLICATION, NAMESPACE, KEY.name)
    process.cluster.put(REPLICATION, {**stored, "spec": spec(suspend=True)})
    assert await process.resync() == 1


async def test_a_run_that_has_not_ended_is_asked_for_each_time() -> None:
    """Of its Jobs no event may have come."""
    process = Process(World(spec(schedule=None)))
    process.cluster.put(RUN, manual_run("now"))
    for _ in range(4):
        assert await process.resync()
    assert process.cluster.peek(JOB, NAMESPACE, "now-dump")


async def test_a_run_of_nobody_is_found() -> None:
    process = Process(World())
    await process.settle()
    process.cluster.put(RUN, {**manual_run("lost"), "spec": {"replicationName": "nobody", "action": "Replicate"}})
    assert await process.resync() == 1
    assert process.world.run_status("lost")["phase"] == "Failed"
    assert await process.resync() == 0


async def test_a_clock_that_was_set_forward_is_noticed() -> None:
    """The timer of the next slot counts seconds, which have not passed."""
    process = Process(World())
    await process.settle()
    process.world.make_due()
    assert await process.resync()
    assert len(process.world.run_names) == 1


async def test_what_failed_is_asked_for_again() -> None:
    process = Process(World())
    process.cluster.on_call = _refuse_writes
    assert await process.resync() == 1
    assert await process.resync() == 1
    process.cluster.on_call = None
    await process.settle()
    assert process.world.condition("Ready")[0] == "True"


def _refuse_writes(verb: str, kind: Kind, name: str) -> None:
    if verb == "status":
        raise UnavailableError(f"{verb} {kind.name} {name}")


async def test_a_deletion_of_which_no_event_came_is_noticed() -> None:
    process = Process(World(spec(schedule=None)))
    await process.settle()
    process.cluster.remove(REPLICATION, NAMESPACE, KEY.name)
    await process.settle()
    assert 'name="prod-fanout"' not in process.controller._metrics.text().decode()
    assert await process.resync() == 0


class Partly:
    """A cluster that refuses to be read in some namespaces, or does not answer for them."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.faults: dict[str, ClusterError] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        if namespace in self.faults:
            raise self.faults[namespace]
        return await self._cluster.get(kind, namespace, name)

    async def list_all(self, kind: Kind, namespace: str, **asked: Any) -> list[Object]:
        if namespace in self.faults:
            raise self.faults[namespace]
        return await self._cluster.list_all(kind, namespace, **asked)


class Namespaces:
    """An operator of three namespaces, two of which have a DataReplication."""

    def __init__(self) -> None:
        self.world = World()
        self.cluster = Partly(self.world.cluster)
        options = Options(IMAGE, namespaces=("gone", NAMESPACE, "other"))
        self.controller = Controller(cast("Cluster", self.cluster), options, self.world.metrics, self.world.clock)
        metadata = {"name": KEY.name, "namespace": "gone"}
        self.world.cluster.put(REPLICATION, {"metadata": metadata, "spec": spec()})

    async def settle(self) -> None:
        for _ in range(4):
            await self.controller.resync()
            while len(self.controller.queue):
                await self.controller.work_once()

    def phases(self) -> dict[str, str]:
        found = self.world.cluster.of_kind(REPLICATION)
        return {item["metadata"]["namespace"]: item.get("status", {}).get("phase", "") for item in found}

    def shown(self) -> dict[str, float]:
        families = text_string_to_metric_families(self.world.metrics.text().decode())
        samples = [sample for family in families for sample in family.samples]
        return {
            one.labels["namespace"]: one.value for one in samples if one.name == "datareplication_namespace_watched"
        }


FORBIDDEN = RejectedError('datareplicationruns is forbidden in the namespace "gone"', 403)


async def test_a_namespace_that_is_forbidden_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    operator = Namespaces()
    operator.cluster.faults["gone"] = FORBIDDEN
    await operator.settle()
    assert operator.phases() == {NAMESPACE: "Scheduled", "gone": ""}
    assert operator.shown() == {"gone": 0, NAMESPACE: 1, "other": 1}
    assert operator.controller.has_looked
    (told,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "namespace gone cannot be looked at" in told
    assert "does the operator have its Role" in told
    del operator.cluster.faults["gone"]
    await operator.settle()
    assert operator.phases() == {NAMESPACE: "Scheduled", "gone": "Scheduled"}
    assert operator.shown() == {"gone": 1, NAMESPACE: 1, "other": 1}


async def test_what_is_in_a_namespace_that_was_lost_is_let_go_and_taken_up_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    operator = Namespaces()
    await operator.settle()
    assert 'condition{name="prod-fanout",namespace="gone"' in operator.world.metrics.text().decode()
    operator.cluster.faults["gone"] = FORBIDDEN
    await operator.settle()
    operator.controller.queue.add(Key("gone", KEY.name))
    caplog.clear()
    await operator.controller.work_once()
    assert caplog.records == [], "nothing is said of each resource"
    assert 'condition{name="prod-fanout",namespace="gone"' not in operator.world.metrics.text().decode()
    operator.cluster.faults.clear()
    await operator.settle()
    assert 'condition{name="prod-fanout",namespace="gone"' in operator.world.metrics.text().decode()


async def test_a_namespace_for_which_the_api_does_not_answer_keeps_what_is_known() -> None:
    operator = Namespaces()
    await operator.settle()
    operator.cluster.faults["gone"] = UnavailableError("500", 500)
    await operator.controller.resync()
    assert 'condition{name="prod-fanout",namespace="gone"' in operator.world.metrics.text().decode()


@pytest.mark.parametrize(
    ("error", "is_resynced"),
    [
        pytest.param(FORBIDDEN, True, id="refused: a restart would not mend it"),
        pytest.param(ConflictError("404 page not found", 404), True, id="without CustomResourceDefinitions"),
        pytest.param(UnavailableError("no answer"), False, id="no answer"),
    ],
)
async def test_nothing_can_be_looked_at(error: ClusterError, *, is_resynced: bool) -> None:
    operator = Namespaces()
    operator.cluster.faults = dict.fromkeys(("gone", NAMESPACE, "other"), error)
    await asyncio.sleep(0.02)
    with pytest.raises(ClusterError):
        await operator.controller.resync()
    assert not operator.controller.has_looked
    assert (operator.controller.resync_seconds < 0.02) is is_resynced
