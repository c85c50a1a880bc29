"""The election against an API in memory, and the fence: the old leader has stopped before the new one starts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from datareplication.controller.cluster import LEASE, Kind, UnavailableError
from datareplication.controller.fence import ClosedError, Fence, unfenced
from datareplication.controller.leader import Elector
from datareplication.core.lease import Election, Timing
from support.fake_cluster import Clock, FakeCluster

ADDRESS = ("system", "operator")
TIMING = Timing(1)


class Candidate:
    """One process's part in the election."""

    def __init__(self, cluster: FakeCluster, identity: str) -> None:
        self.fence = Fence()
        self.elector = Elector(cluster, self.fence, ADDRESS, Election(identity, TIMING))

    @property
    def may_write(self) -> bool:
        with contextlib.suppress(ClosedError):
            self.fence.seconds_left()
            return True
        return False

    @contextlib.asynccontextmanager
    async def leading(self) -> AsyncIterator[asyncio.Task[None]]:
        """Lead for the duration of a block, then die without a word."""
        async with asyncio.timeout(5):
            await self.elector.acquire()
        keeping = asyncio.create_task(self.elector.keep())
        try:
            yield keeping
        finally:
            keeping.cancel()


@pytest.fixture
def cluster() -> FakeCluster:
    """An API with a Lease that nobody holds."""
    made = FakeCluster(Clock())
    made.put(LEASE, {"metadata": {"namespace": ADDRESS[0], "name": ADDRESS[1]}})
    return made


def holder(cluster: FakeCluster) -> str | None:
    found: str | None = cluster.peek(LEASE, *ADDRESS)["spec"].get("holderIdentity")
    return found


async def test_one_leads_and_gives_the_lease_back_at_its_end(cluster: FakeCluster) -> None:
    first, second = Candidate(cluster, "first"), Candidate(cluster, "second")
    async with first.leading():
        waiting = asyncio.create_task(second.elector.acquire())
        await asyncio.sleep(2 * TIMING.duration_seconds)
        assert (holder(cluster), first.may_write, waiting.done()) == ("first", True, False)
    await first.elector.release()
    assert not first.may_write
    async with asyncio.timeout(2 * TIMING.poll_seconds):
        await waiting
    assert (holder(cluster), second.may_write) == ("second", True)


async def test_one_that_died_has_stopped_before_the_next_starts(cluster: FakeCluster) -> None:
    first, second = Candidate(cluster, "first"), Candidate(cluster, "second")
    async with first.leading():
        pass
    assert first.may_write
    waiting = asyncio.create_task(second.elector.acquire())
    while first.may_write:
        assert not waiting.done()
        await asyncio.sleep(0.005)
    assert not waiting.done()
    async with asyncio.timeout(TIMING.duration_seconds):
        await waiting
    assert second.may_write


async def test_a_lease_that_is_not_there_is_made_after_a_wait(cluster: FakeCluster) -> None:
    cluster.remove(LEASE, *ADDRESS)
    candidate = Candidate(cluster, "first")
    waiting = asyncio.create_task(candidate.elector.acquire())
    await asyncio.sleep(TIMING.duration_seconds / 2)
    assert not waiting.done()
    async with asyncio.timeout(TIMING.duration_seconds):
        await waiting
    assert holder(cluster) == "first"


async def test_one_whose_renewals_fail_stops_in_time_and_can_come_back(cluster: FakeCluster) -> None:
    candidate = Candidate(cluster, "first")
    async with candidate.leading() as keeping:
        cluster.on_call = _is_away
        async with asyncio.timeout(TIMING.duration_seconds):
            await keeping
        assert not candidate.may_write
        cluster.on_call = None
        async with asyncio.timeout(2 * TIMING.duration_seconds):
            await candidate.elector.acquire()
        assert candidate.may_write


async def test_one_whose_lease_was_taken_stops_at_its_next_renewal(cluster: FakeCluster) -> None:
    candidate = Candidate(cluster, "first")
    async with candidate.leading() as keeping:
        await cluster.patch(LEASE, *ADDRESS, {"spec": {"holderIdentity": "somebody"}})
        async with asyncio.timeout(2 * TIMING.renew_seconds):
            await keeping
        assert not candidate.may_write
    await candidate.elector.release()
    assert holder(cluster) == "somebody"


async def test_a_lease_that_was_only_touched_is_kept(cluster: FakeCluster) -> None:
    candidate = Candidate(cluster, "first")
    async with candidate.leading() as keeping:
        await cluster.patch(LEASE, *ADDRESS, {"metadata": {"labels": {"touched": "yes"}}})
        await asyncio.sleep(2 * TIMING.duration_seconds)
        assert (keeping.done(), candidate.may_write) == (False, True)


async def test_a_lease_that_was_touched_is_given_back_once(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A renewal whose answer never came has changed it as well."""
    candidate = Candidate(cluster, "first")
    async with candidate.leading():
        pass
    await cluster.patch(LEASE, *ADDRESS, {"metadata": {"labels": {"touched": "yes"}}})
    for _ in range(2):
        await candidate.elector.release()
    assert holder(cluster) is None
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


async def test_a_lease_runs_out_when_a_write_was_not_answered(cluster: FakeCluster) -> None:
    """Given back, somebody else could start while that write still takes effect."""
    candidate = Candidate(cluster, "first")
    async with candidate.leading():
        with contextlib.suppress(UnavailableError), candidate.fence.write(0.5):
            raise UnavailableError("cut off")
    await candidate.elector.release()
    assert holder(cluster) == "first"


class TestFence:
    def test_it_is_closed_until_it_is_opened_and_closes_by_itself(self) -> None:
        clock = iter([0.0, 4.0, 9.95])
        fence = Fence(lambda: next(clock))
        with pytest.raises(ClosedError):
            fence.seconds_left()
        fence.open_until(10.0)
        assert fence.seconds_left() == 6.0
        with pytest.raises(ClosedError):
            fence.seconds_left()

    def test_it_knows_whether_a_write_can_still_take_effect(self) -> None:
        moment = 0.0
        fence = Fence(lambda: moment)
        with fence.write(5.0):
            assert not fence.is_settled
        assert fence.is_settled
        with pytest.raises(TimeoutError), fence.write(5.0):
            raise TimeoutError
        assert not fence.is_settled
        moment = 5.0
        assert fence.is_settled

    def test_a_write_that_was_not_sent_leaves_nothing(self) -> None:
        fence = Fence()
        with pytest.raises(ClosedError), fence.write(5.0):
            raise ClosedError
        assert fence.is_settled

    def test_the_lease_itself_is_not_fenced(self) -> None:
        assert unfenced().seconds_left() > 1e9


def _is_away(verb: str, kind: Kind, name: str) -> None:
    raise UnavailableError(f"{verb} {kind.name} {name}")
