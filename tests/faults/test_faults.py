"""The operator's process against a real API server, behind a proxy that breaks things: a sample of what `long.py` does.

The seed changes every day; to repeat a failure, set FAULTS_SEED to what was printed.
"""

import asyncio
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from faultlab import campaign, mutations, oracle, sequences
from faultlab.campaign import Clean
from faultlab.oracle import Final
from faultlab.replay import Result, World

SEED = int(os.environ.get("FAULTS_SEED") or f"{datetime.now(UTC):%Y%m%d}")
MUTATIONS, RUN_MUTATIONS = 40, 10


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def results(where: World) -> dict[str, Result]:
    """All replays of the sample, by name."""
    clean = asyncio.create_task(campaign.clean_run(where))
    final = asyncio.create_task(_final(clean))
    return {result.name: result async for result in campaign.replays(where, final, campaign.sample(SEED))}


async def _final(clean: "asyncio.Task[Clean]") -> Final:
    return (await clean).final


@pytest.mark.parametrize("name", [case.name for case in campaign.sample(SEED)])
def test_a_fault_changes_nothing_but_the_time(results: dict[str, Result], name: str) -> None:
    assert results[name].is_good, f"seed {SEED}: {results[name]}"


def test_a_lost_watch_costs_one_resync_at_most(results: dict[str, Result]) -> None:
    result = results[campaign.deaf().name]
    assert any(hit.startswith("dropped MODIFIED of pods") for hit in result.hits)
    resyncs = oracle.resyncs_before_loads(result.trace, result.succeeded)
    assert resyncs
    # One that had begun looks too early; a slow machine begins the next while a run is still reconciled.
    assert max(resyncs.values()) <= 2, resyncs


@pytest.mark.asyncio(loop_scope="session")
async def test_every_state_of_a_field_is_told_and_left_again(where: World, tmp_path: Path) -> None:
    chosen = mutations.sample_of(sequences.schema_of("datareplications"), SEED, MUTATIONS)
    of_runs = random.Random(SEED).sample(sequences.mutations_of_runs(), RUN_MUTATIONS)
    async with sequences.without_schema(where.plane.api):
        told = [one async for one in sequences.mutated(where.plane, tmp_path, chosen, of_runs)]
    assert len(told) == MUTATIONS + RUN_MUTATIONS + 1
    assert any(one.stalled for one in told)
    assert not [(str(one.mutation), one.problems) for one in told if one.problems], f"seed {SEED}"
