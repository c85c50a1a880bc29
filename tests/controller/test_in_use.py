"""The dump Job knows which run directories open runs use."""

from datareplication.controller.cluster import RUN
from support.world import NAME, NAMESPACE, World, manual_run


async def test_dump_spares_what_waiting_runs_will_read() -> None:
    world = World()
    world.cluster.put(RUN, manual_run("a"))
    world.cluster.put(RUN, manual_run("b", action="Load", snapshot=f"{NAME}/older/prod_snapshot_20260301"))
    await world.settle()
    (container,) = world.job("a-dump")["spec"]["template"]["spec"]["containers"]
    assert [word for word in container["args"] if word.startswith("--in-use=")] == ["--in-use=a", "--in-use=older"]
    assert world.cluster.peek(RUN, NAMESPACE, "b")["status"]["phase"] == "Pending"
