"""Notifications of an operator that is killed again and again: a sample of what `long.py` does.

The seed changes every day; to repeat a failure, set FAULTS_SEED to what was printed.
"""

import asyncio
import os
from datetime import UTC, datetime

import pytest

from faultlab import notified
from faultlab.replay import World

SEED = int(os.environ.get("FAULTS_SEED") or f"{datetime.now(UTC):%Y%m%d}")
KILLS = 3


@pytest.mark.asyncio(loop_scope="session")
async def test_kills_lose_no_notification_and_repeat_one_only_by_the_same_id(where: World) -> None:
    async with asyncio.TaskGroup() as together:
        each = [together.create_task(notified.endure(where, SEED + number, KILLS)) for number in range(2)]
    told = [one.result() for one in each]
    for one in told:
        assert one.flaws == [], f"seed {SEED}: {one.hits}"
        assert one.kills >= KILLS
        assert len(one.by_id) > 6
