"""What the tests start from: one control plane and its kubelet; each test works in namespaces of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from faultlab import replay
from faultlab.replay import World


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def where(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A control plane that all tests share, and so does their loop."""
    async with replay.world(tmp_path_factory.mktemp("world")) as world:
        yield world
