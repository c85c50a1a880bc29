"""What Prometheus sees of a run from its slot to its end, and that nothing is shown of what is gone."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from datareplication.controller.metrics import Metrics
from datareplication.controller.queue import WorkQueue, utc_now
from datareplication.core.names import Key
from support.world import DUMPED, KEY, LOADED, World


def value(world: World, name: str, **labels: str) -> float | None:
    """Return a sample of our DataReplication; of the process if no label is wanted."""
    wanted = {"namespace": KEY.namespace, "name": KEY.name, **labels}
    families = text_string_to_metric_families(world.metrics.text().decode())
    samples = [one for family in families for one in family.samples if one.name == f"datareplication_{name}"]
    return next((one.value for one in samples if one.labels in (wanted, labels)), None)


async def test_a_scheduled_run_and_its_end() -> None:
    world = World()
    await world.settle()
    world.make_due()
    await world.settle()
    (dump,) = world.job_names
    world.finish(dump, DUMPED)
    await world.settle()
    for load in set(world.job_names) - {dump}:
        world.finish(load, LOADED)
    await world.settle()

    assert value(world, "runs_total", phase="Succeeded", reason="AllTargetsLoaded") == 1
    assert value(world, "attempts_total", step="dump", reason="Succeeded") == 1
    assert value(world, "attempts_total", step="load", reason="Succeeded") == 3
    assert value(world, "step_rows_total", step="dump") == DUMPED.rows
    assert value(world, "step_rows_total", step="load") == 3 * LOADED.rows
    assert value(world, "step_duration_seconds_count", step="load") == 3
    assert value(world, "creation_skew_seconds_count") == 1
    assert value(world, "creation_skew_seconds_sum") == 1.0
    assert value(world, "condition", type="Ready") == 1
    assert value(world, "target_data_timestamp_seconds", target="dev")

    world.metrics.forget(KEY)

    assert value(world, "condition", type="Ready") is None
    assert value(world, "runs_total", phase="Succeeded", reason="AllTargetsLoaded") is None


async def test_who_does_not_lead_shows_no_queue() -> None:
    metrics = Metrics()
    queue = WorkQueue()
    metrics.watch(queue)
    queue.add(KEY)
    assert "\ndatareplication_workqueue_depth 1.0\n" in metrics.text().decode()
    metrics.forget_all()
    queue.add(Key("n", "other"))
    text = metrics.text().decode()
    assert "\ndatareplication_workqueue_depth 0.0\n" in text
    assert "\ndatareplication_workqueue_oldest_seconds 0.0\n" in text


async def test_a_queue_that_was_closed_waits_for_nothing() -> None:
    queue = WorkQueue()
    queue.add_at(KEY, utc_now())
    queue.close()
    await asyncio.sleep(0.01)
    assert len(queue) == 0
    assert await queue.get() is None
